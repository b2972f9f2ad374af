"""Residual networks, second version: ``tf.keras.applications.resnet_v2``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import ImageShape, Settings
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input
from graphflow.keras.applications.residual import residual

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def ResNet50V2(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A residual network of 50 layers; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return residual("resnet50v2", (3, 4, 6, 3), settings, is_second=True)


def ResNet101V2(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A residual network of 101 layers; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return residual("resnet101v2", (3, 4, 23, 3), settings, is_second=True)


def ResNet152V2(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A residual network of 152 layers; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return residual("resnet152v2", (3, 8, 36, 3), settings, is_second=True)
