"""Residual networks: ``tf.keras.applications.resnet``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.residual import residual

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


@application
def ResNet50(settings: Settings) -> Any:  # TensorFlow's name
    """A residual network of 50 layers."""
    return residual("resnet50", (3, 4, 6, 3), settings, is_second=False)


@application
def ResNet101(settings: Settings) -> Any:  # TensorFlow's name
    """A residual network of 101 layers."""
    return residual("resnet101", (3, 4, 23, 3), settings, is_second=False)


@application
def ResNet152(settings: Settings) -> Any:  # TensorFlow's name
    """A residual network of 152 layers."""
    return residual("resnet152", (3, 8, 36, 3), settings, is_second=False)
