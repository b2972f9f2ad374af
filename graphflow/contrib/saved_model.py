"""TensorFlow's `tf.contrib.saved_model`: Keras's models as SavedModels."""

import importlib
from typing import Any

_NAMES = {
    "load_keras_model": "load_from_saved_model", "save_keras_model": "export_saved_model",
}  # fmt: skip
__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'graphflow.contrib.saved_model' has no attribute {name!r}")
    return getattr(importlib.import_module("graphflow.keras.saved_models"), _NAMES[name])
