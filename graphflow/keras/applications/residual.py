"""The residual networks: stacks of blocks of three convolutions beside a shortcut.

Sources: He et al., "Deep residual learning for image recognition", arXiv:1512.03385, 2015, table 1;
He et al., "Identity mappings in deep residual networks", arXiv:1603.05027, 2016, for the second
version, whose blocks begin with a normalisation. Layers have TensorFlow's names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.parts import Settings, in_turn

CHANNELS = (64, 128, 256, 512)
EPSILON = 1.001e-5

Stack = Callable[[Any, int, int, int, str], Any]


def residual(name: str, blocks: Sequence[int], settings: Settings, is_second: bool) -> Any:
    """A residual network.

    Parameters
    ----------
    blocks : the number of blocks in each stack.
    is_second : whether it is of the second version.
    """
    start = settings.start(224, 32)
    x = in_turn(
        start,
        layers.ZeroPadding2D(3, name="conv1_pad"),
        layers.Conv2D(64, 7, strides=2, name="conv1_conv"),
    )
    if not is_second:
        x = _normalized(x, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    stack = _second_stack if is_second else _first_stack
    for number, (count, channels) in enumerate(zip(blocks, CHANNELS, strict=True)):
        x = stack(x, channels, count, number, f"conv{number + 2}_block")
    if is_second:
        x = _normalized(x, "post")
    x = settings.classified(x, "probs", is_named=True)
    return settings.model(start, x, name, f"{name}_weights_tf_dim_ordering_tf_kernels")


def _normalized(x: Any, name: str) -> Any:
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def _first_stack(x: Any, channels: int, count: int, number: int, name: str) -> Any:
    """Every stack but the first halves the image, in its first block."""
    for k in range(1, count + 1):
        strides = 2 if number > 0 and k == 1 else 1
        x = _first_block(x, channels, strides, k == 1, f"{name}{k}")
    return x


def _first_block(x: Any, channels: int, strides: int, widens: bool, name: str) -> Any:
    shortcut = x
    if widens:
        shortcut = layers.Conv2D(4 * channels, 1, strides=strides, name=f"{name}_0_conv")(x)
        shortcut = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_0_bn")(shortcut)
    x = _normalized(
        layers.Conv2D(channels, 1, strides=strides, name=f"{name}_1_conv")(x), f"{name}_1"
    )
    x = _normalized(
        layers.Conv2D(channels, 3, padding="same", name=f"{name}_2_conv")(x), f"{name}_2"
    )
    x = layers.Conv2D(4 * channels, 1, name=f"{name}_3_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_3_bn")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _second_stack(x: Any, channels: int, count: int, number: int, name: str) -> Any:
    """Every stack but the last halves the image, in its last block."""
    for k in range(1, count + 1):
        strides = 2 if number + 1 < len(CHANNELS) and k == count else 1
        x = _second_block(x, channels, strides, k == 1, f"{name}{k}")
    return x


def _second_block(x: Any, channels: int, strides: int, widens: bool, name: str) -> Any:
    before = _normalized(x, f"{name}_preact")
    if widens:
        shortcut = layers.Conv2D(4 * channels, 1, strides=strides, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=strides)(x) if strides > 1 else x
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = _normalized(x, f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(channels, 3, strides=strides, use_bias=False, name=f"{name}_2_conv")(x)
    x = _normalized(x, f"{name}_2")
    x = layers.Conv2D(4 * channels, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])
