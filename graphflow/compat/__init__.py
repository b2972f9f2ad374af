"""TensorFlow's `tf.compat`: text helpers, and `v1`, which is graphflow itself."""

import contextlib
import datetime
import importlib
import numbers
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)
bytes_or_text_types = (bytes, str)
_HORIZON = datetime.date(2019, 8, 21)  # TensorFlow 1.15's


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


def path_to_str(path: Any) -> Any:
    """A path object as text; anything else as it is."""
    return as_str_any(os.fspath(path)) if hasattr(path, "__fspath__") else path


def forward_compatible(year: int, month: int, day: int) -> bool:
    """Whether graphs may have what TensorFlow added three weeks before a day."""
    return datetime.date(year, month, day) < _HORIZON


@contextlib.contextmanager
def forward_compatibility_horizon(year: int, month: int, day: int) -> Iterator[None]:
    """Let `forward_compatible` go by another day."""
    global _HORIZON  # a switch of the process, as in TensorFlow
    before, _HORIZON = _HORIZON, datetime.date(year, month, day)
    try:
        yield
    finally:
        _HORIZON = before


def dimension_value(dimension: Any) -> Any:
    """A Dimension's number; anything else as it is."""
    return getattr(dimension, "value", dimension)


def dimension_at_index(shape: Any, index: int) -> Any:
    """A shape's Dimension at an index; an unknown one where the rank is unknown."""
    return shape[index]


def __getattr__(name: str) -> Any:
    if name == "v1":  # the package itself, which is still being imported when this module is
        return importlib.import_module("graphflow")
    raise AttributeError(f"module 'graphflow.compat' has no attribute {name!r}")
