"""Residual networks, second version: ``tf.keras.applications.resnet_v2``."""

from __future__ import annotations

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import application
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input
from graphflow.keras.applications.residual import residual

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

ResNet50V2 = application(
    "ResNet50V2", "A residual network of 50 layers",
    lambda settings: residual("resnet50v2", (3, 4, 6, 3), settings, is_second=True),
)  # fmt: skip
ResNet101V2 = application(
    "ResNet101V2", "A residual network of 101 layers",
    lambda settings: residual("resnet101v2", (3, 4, 23, 3), settings, is_second=True),
)  # fmt: skip
ResNet152V2 = application(
    "ResNet152V2", "A residual network of 152 layers",
    lambda settings: residual("resnet152v2", (3, 8, 36, 3), settings, is_second=True),
)  # fmt: skip
