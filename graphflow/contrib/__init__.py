"""TensorFlow's `tf.contrib`: each part is loaded when it is first used."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def __dir__() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __dir__():
        raise AttributeError(f"module 'graphflow.contrib' has no attribute {name!r}")
    return importlib.import_module(f"graphflow.contrib.{name}")
