"""Xception: ``tf.keras.applications.xception``.

Separable convolutions beside shortcuts. Source: Chollet, "Xception: deep learning with depthwise
separable convolutions", arXiv:1610.02357, 2016, figure 5. Layers have TensorFlow's names.
"""

from __future__ import annotations

from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application, in_turn
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


@application
def Xception(settings: Settings) -> Any:  # TensorFlow's name
    """An Xception network."""
    start = settings.start(299, 71)
    x = in_turn(
        start,
        layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1"),
        *_normalized("block1_conv1"),
        layers.Conv2D(64, 3, use_bias=False, name="block1_conv2"),
        *_normalized("block1_conv2"),
    )
    for number, channels in ((2, 128), (3, 256), (4, 728)):
        x = _narrowing(x, number, (channels, channels))
    for number in range(5, 13):
        added = x
        for k in (1, 2, 3):
            added = _separable(added, 728, f"block{number}_sepconv{k}")
        x = layers.Add()([added, x])
    x = _narrowing(x, 13, (728, 1024))
    for k, channels in ((1, 1536), (2, 2048)):
        name = f"block14_sepconv{k}"
        x = _convolved(x, channels, name)
        x = layers.Activation("relu", name=f"{name}_act")(x)
    x = settings.classified(x, "predictions")
    return settings.model(start, x, "xception", "xception_weights_tf_dim_ordering_tf_kernels")


def _normalized(name: str) -> list[Any]:
    return [
        layers.BatchNormalization(name=f"{name}_bn"),
        layers.Activation("relu", name=f"{name}_act"),
    ]


def _convolved(x: Any, channels: int, name: str) -> Any:
    x = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _separable(x: Any, channels: int, name: str) -> Any:
    return _convolved(layers.Activation("relu", name=f"{name}_act")(x), channels, name)


def _narrowing(x: Any, number: int, channels: tuple[int, int]) -> Any:
    """A block that halves the image, beside a convolution that does."""
    shortcut = layers.Conv2D(channels[1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = layers.BatchNormalization()(shortcut)
    name = f"block{number}_sepconv"
    # What comes before the second block is an activation already.
    x = (_convolved if number == 2 else _separable)(x, channels[0], f"{name}1")
    x = _separable(x, channels[1], f"{name}2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{number}_pool")(x)
    return layers.Add()([x, shortcut])
