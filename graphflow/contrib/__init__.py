"""TensorFlow's `tf.contrib`: each part is loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_PARTS = ("framework", "legacy_seq2seq", "lookup", "rnn", "seq2seq", "signal")


def __getattr__(name: str) -> Any:
    if name not in _PARTS:
        raise AttributeError(f"module 'graphflow.contrib' has no attribute {name!r}")
    return importlib.import_module(f"graphflow.contrib.{name}")


def __dir__() -> list[str]:
    return list(_PARTS)
