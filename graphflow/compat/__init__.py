"""TensorFlow's `tf.compat`: text helpers, and `v1`, which is graphflow itself."""

import importlib
from typing import Any


def as_bytes(value: Any, encoding: str = "utf-8") -> bytes:
    """Text as bytes; TypeError for anything else."""
    if isinstance(value, str):
        return value.encode(encoding)
    if isinstance(value, bytes):
        return value
    raise TypeError(f"Expected binary or unicode string, got {value!r}")


def as_text(value: Any, encoding: str = "utf-8") -> str:
    """Bytes as text; TypeError for anything else."""
    if isinstance(value, bytes):
        return value.decode(encoding)
    if isinstance(value, str):
        return value
    raise TypeError(f"Expected binary or unicode string, got {value!r}")


as_str = as_text


def as_str_any(value: Any) -> str:
    """Anything as text."""
    return as_text(value) if isinstance(value, bytes) else str(value)


def __getattr__(name: str) -> Any:
    if name == "v1":  # the package itself, which is still being imported when this module is
        return importlib.import_module("graphflow")
    raise AttributeError(f"module 'graphflow.compat' has no attribute {name!r}")
