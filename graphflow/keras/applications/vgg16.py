"""VGG with 16 layers that have weights: ``tf.keras.applications.vgg16``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.vgg import vgg

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


@application
def VGG16(settings: Settings) -> Any:  # TensorFlow's name
    """A VGG16 model."""
    return vgg("vgg16", (2, 2, 3, 3, 3), settings)
