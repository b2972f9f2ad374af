"""Residual networks: ``tf.keras.applications.resnet``."""

from __future__ import annotations

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import application
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.residual import residual

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

ResNet50 = application(
    "ResNet50", "A residual network of 50 layers",
    lambda settings: residual("resnet50", (3, 4, 6, 3), settings, is_second=False),
)  # fmt: skip
ResNet101 = application(
    "ResNet101", "A residual network of 101 layers",
    lambda settings: residual("resnet101", (3, 4, 23, 3), settings, is_second=False),
)  # fmt: skip
ResNet152 = application(
    "ResNet152", "A residual network of 152 layers",
    lambda settings: residual("resnet152", (3, 8, 36, 3), settings, is_second=False),
)  # fmt: skip
