"""VGG with 16 layers that have weights: ``tf.keras.applications.vgg16``."""

from __future__ import annotations

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import application
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.vgg import vgg

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

VGG16 = application(
    "VGG16", "A VGG16 model", lambda settings: vgg("vgg16", (2, 2, 3, 3, 3), settings)
)
