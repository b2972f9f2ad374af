"""Data sets from files that are there already; nothing is downloaded."""

from graphflow.keras.datasets import mnist
