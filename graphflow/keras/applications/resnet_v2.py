"""Residual networks, second version: ``tf.keras.applications.resnet_v2``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input
from graphflow.keras.applications.residual import residual

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


@application
def ResNet50V2(settings: Settings) -> Any:  # TensorFlow's name
    """A residual network of 50 layers."""
    return residual("resnet50v2", (3, 4, 6, 3), settings, is_second=True)


@application
def ResNet101V2(settings: Settings) -> Any:  # TensorFlow's name
    """A residual network of 101 layers."""
    return residual("resnet101v2", (3, 4, 23, 3), settings, is_second=True)


@application
def ResNet152V2(settings: Settings) -> Any:  # TensorFlow's name
    """A residual network of 152 layers."""
    return residual("resnet152v2", (3, 8, 36, 3), settings, is_second=True)
