"""Residual networks: ``tf.keras.applications.resnet``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import ImageShape, Settings
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.residual import residual

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def ResNet50(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A residual network of 50 layers; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return residual("resnet50", (3, 4, 6, 3), settings, is_second=False)


def ResNet101(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A residual network of 101 layers; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return residual("resnet101", (3, 4, 23, 3), settings, is_second=False)


def ResNet152(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A residual network of 152 layers; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return residual("resnet152", (3, 8, 36, 3), settings, is_second=False)
