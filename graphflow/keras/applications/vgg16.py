"""VGG with 16 layers that have weights: ``tf.keras.applications.vgg16``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import ImageShape
from graphflow.keras.applications.parts import preprocess_by_means as preprocess_input
from graphflow.keras.applications.vgg import vgg

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def VGG16(  # TensorFlow's name
    include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
    input_shape: ImageShape = None, pooling: str | None = None,
    classes: int = 1000,
) -> Any:  # fmt: skip
    """A VGG16 model; the arguments are those of `parts.Settings`."""
    return vgg(
        "vgg16", (2, 2, 3, 3, 3), include_top, weights, input_tensor, input_shape, pooling, classes
    )
