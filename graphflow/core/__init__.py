"""Stands for TensorFlow's package ``tensorflow.core``; see `graphflow.python`."""

from __future__ import annotations

import importlib
from typing import Any

importlib.import_module("graphflow.python")  # finds what is below this package too


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return importlib.import_module(f"{__name__}.{name}")
