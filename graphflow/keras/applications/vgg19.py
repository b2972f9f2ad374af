"""VGG with 19 layers that have weights: ``tf.keras.applications.vgg19``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.vgg import vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


@application
def VGG19(settings: Settings) -> Any:  # TensorFlow's name
    """A VGG19 model."""
    return vgg("vgg19", (2, 2, 4, 4, 4), settings)
