"""The densely connected networks: ``tf.keras.applications.densenet``.

Each block of a stack adds channels to all that came before. Source: Huang et al., "Densely
connected convolutional networks", arXiv:1608.06993, 2016, table 1. Layers have TensorFlow's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application, channels_of, in_turn
from graphflow.keras.applications.parts import preprocess_by_deviations as preprocess_input

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

GROWTH = 32  # channels that a block adds
EPSILON = 1.001e-5


def _dense(name: str, blocks: Sequence[int], settings: Settings) -> Any:
    start = settings.start(224, 32)
    x = in_turn(
        start,
        layers.ZeroPadding2D(3),
        layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv"),
        *_normalized("conv1/"),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(3, strides=2, name="pool1"),
    )
    for stack, count in enumerate(blocks, 2):
        for k in range(1, count + 1):
            x = _block(x, f"conv{stack}_block{k}")
        if stack < len(blocks) + 1:
            x = in_turn(
                x,
                *_normalized(f"pool{stack}_"),
                layers.Conv2D(channels_of(x) // 2, 1, use_bias=False, name=f"pool{stack}_conv"),
                layers.AveragePooling2D(2, strides=2, name=f"pool{stack}_pool"),
            )
    x = settings.classified(in_turn(x, *_normalized("")), "fc1000", is_named=True)
    return settings.model(start, x, name, f"{name}_weights_tf_dim_ordering_tf_kernels")


def _normalized(name: str) -> list[Any]:
    return [
        layers.BatchNormalization(epsilon=EPSILON, name=f"{name}bn"),
        layers.Activation("relu", name=f"{name}relu"),
    ]


def _block(x: Any, name: str) -> Any:
    added = in_turn(
        x,
        *_normalized(f"{name}_0_"),
        layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv"),
        *_normalized(f"{name}_1_"),
        layers.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv"),
    )
    return layers.Concatenate(name=f"{name}_concat")([x, added])


@application
def DenseNet121(settings: Settings) -> Any:  # TensorFlow's name
    """A dense network of 121 layers."""
    return _dense("densenet121", (6, 12, 24, 16), settings)


@application
def DenseNet169(settings: Settings) -> Any:  # TensorFlow's name
    """A dense network of 169 layers."""
    return _dense("densenet169", (6, 12, 32, 32), settings)


@application
def DenseNet201(settings: Settings) -> Any:  # TensorFlow's name
    """A dense network of 201 layers."""
    return _dense("densenet201", (6, 12, 48, 32), settings)
