"""Switches of the package, read from the environment once.

Attributes
----------
verify : check every Program between passes, and every kernel that it is lowered to
    (GRAPHFLOW_VERIFY=1); always on in the tests.
"""

from __future__ import annotations

import importlib
import os

verify: bool = os.environ.get("GRAPHFLOW_VERIFY", "") not in ("", "0")


def __getattr__(name: str) -> object:
    """TensorFlow's names, which are apart so that this module stays light."""
    if name.startswith("_"):
        raise AttributeError(name)
    public = importlib.import_module("graphflow.machine_config")
    if name not in public.__all__:
        raise AttributeError(f"module 'graphflow.config' has no attribute {name!r}")
    found: object = getattr(public, name)
    return found
