"""Inception's third version: ``tf.keras.applications.inception_v3``.

Several convolutions side by side, joined. Source: Szegedy et al., "Rethinking the Inception
architecture for computer vision", arXiv:1512.00567, 2015, table 1. Layers have TensorFlow's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

# A convolution: channels, rows and columns of its window.
Step = tuple[int, int, int]


@application
def InceptionV3(settings: Settings) -> Any:  # TensorFlow's name
    """An Inception network."""
    start = settings.start(299, 75)
    x = _convolved(start, (32, 3, 3), strides=2, padding="valid")
    x = _convolved(x, (32, 3, 3), padding="valid")
    x = _convolved(x, (64, 3, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _convolved(x, (80, 1, 1), padding="valid")
    x = _convolved(x, (192, 3, 3), padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    for k, pooled in enumerate((32, 64, 64)):
        x = _mixed(
            x, f"mixed{k}", [(64, 1, 1)], [(48, 1, 1), (64, 5, 5)],
            [(64, 1, 1), (96, 3, 3), (96, 3, 3)], pooled=pooled,
        )  # fmt: skip
    x = _halved(x, "mixed3", [(384, 3, 3)], [(64, 1, 1), (96, 3, 3), (96, 3, 3)])
    for k, n in enumerate((128, 160, 160, 192), 4):
        x = _mixed(
            x, f"mixed{k}", [(192, 1, 1)], [(n, 1, 1), (n, 1, 7), (192, 7, 1)],
            [(n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7)], pooled=192,
        )  # fmt: skip
    x = _halved(
        x, "mixed8", [(192, 1, 1), (320, 3, 3)],
        [(192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3)],
    )  # fmt: skip
    for k in (0, 1):
        x = _widest(x, k)
    x = settings.classified(x, "predictions")
    return settings.model(
        start, x, "inception_v3", "inception_v3_weights_tf_dim_ordering_tf_kernels"
    )


def _convolved(x: Any, step: Step, strides: int = 1, padding: str = "same") -> Any:
    channels, rows, columns = step
    x = layers.Conv2D(channels, (rows, columns), strides, padding, use_bias=False)(x)
    x = layers.BatchNormalization(scale=False)(x)
    return layers.Activation("relu")(x)


def _branch(x: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        x = _convolved(x, step)
    return x


def _pooled(x: Any, channels: int) -> Any:
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return _convolved(x, (channels, 1, 1))


def _mixed(x: Any, name: str, *branches: Sequence[Step], pooled: int) -> Any:
    """Branches of convolutions and one of a mean over neighbours."""
    found = [_branch(x, steps) for steps in branches]
    return layers.concatenate([*found, _pooled(x, pooled)], name=name)


def _halved(x: Any, name: str, *branches: Sequence[Step]) -> Any:
    """Branches whose last convolution has strides of 2, and a pooling that has."""
    found = []
    for steps in branches:
        before = _branch(x, steps[:-1])
        found.append(_convolved(before, steps[-1], strides=2, padding="valid"))
    return layers.concatenate([*found, layers.MaxPooling2D(3, strides=2)(x)], name=name)


def _widest(x: Any, number: int) -> Any:
    """Branches that end in rows and columns side by side."""
    one = _convolved(x, (320, 1, 1))
    parts = []
    for steps, name in (
        ([(384, 1, 1)], f"mixed9_{number}"),
        ([(448, 1, 1), (384, 3, 3)], None),
    ):
        before = _branch(x, steps)
        sides = [_convolved(before, (384, 1, 3)), _convolved(before, (384, 3, 1))]
        parts.append(layers.concatenate(sides, name=name))
    return layers.concatenate([one, *parts, _pooled(x, 192)], name=f"mixed{9 + number}")
