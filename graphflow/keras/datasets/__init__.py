"""Data sets from files that are there already; nothing is downloaded."""

from graphflow.keras.datasets import (
    boston_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
