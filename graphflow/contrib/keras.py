"""TensorFlow's `tf.contrib.keras`: an earlier name of `tf.keras`."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("graphflow.keras"), name)
