"""The VGG models: blocks of convolutions and a pooling, then three dense layers.

Source: Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition",
arXiv:1409.1556, 2014, table 1, configurations D and E. Layers have TensorFlow's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.parts import Settings, in_turn

CHANNELS = (64, 128, 256, 512, 512)


def vgg(name: str, blocks: Sequence[int], settings: Settings) -> Any:
    """A VGG model with so many convolutions in each block."""
    x = start = settings.start(224, 32)
    for number, (count, channels) in enumerate(zip(blocks, CHANNELS, strict=True), 1):
        for k in range(1, count + 1):
            x = layers.Conv2D(
                channels, 3, activation="relu", padding="same", name=f"block{number}_conv{k}"
            )(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{number}_pool")(x)
    if settings.include_top:
        x = in_turn(
            x,
            layers.Flatten(name="flatten"),
            layers.Dense(4096, activation="relu", name="fc1"),
            layers.Dense(4096, activation="relu", name="fc2"),
            layers.Dense(settings.classes, activation="softmax", name="predictions"),
        )
    else:
        x = settings.pooled(x)
    return settings.model(start, x, name, f"{name}_weights_tf_dim_ordering_tf_kernels")
