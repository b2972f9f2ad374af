"""Lets a script's ``import tensorflow`` find graphflow, in this process only; ``theano`` likewise.

``tensorflow``, ``tensorflow.compat.v1`` and its submodules are graphflow's own modules. The private
modules ``tensorflow.python.*``, which scripts of the time import too, are modules that look every
name up among the public ones.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from graphflow.dropped_names import restore_names
from graphflow.python import PrivateModule

_ROOTS = {"tensorflow": "graphflow", "theano": "graphflow.theano"}


def _public(root: str, path: Sequence[str]) -> Any:
    """Return graphflow's object at a path below `root`; None when there is none."""
    if list(path[:2]) in (["compat", "v1"], ["_api", "v1"]):
        path = path[2:]
    found: Any = importlib.import_module(_ROOTS[root])
    for part in path:
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{getattr(found, '__name__', '')}.{part}")
            except ImportError:
                return None
        found = getattr(found, part, None)
    return found


def _is_private(parts: Sequence[str]) -> bool:
    return parts[:1] in (["python"], ["core"], ["compat"]) or (
        parts[:1] == ["contrib"] and "python" in parts
    )


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``tensorflow``, ``theano`` and what is below them."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for names of theirs that graphflow has."""
        root, *parts = fullname.split(".")
        if root not in _ROOTS:
            return None
        is_private = root == "tensorflow" and _is_private(parts)
        if not is_private and _public(root, parts) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        """Return the module that stands under the name until it is replaced."""
        return PrivateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Put graphflow's module in the place of one that it has."""
        root, *parts = module.__name__.split(".")
        found = _public(root, parts)
        if parts[:1] in (["python"], ["core"]):
            found = None
        if isinstance(found, ModuleType):
            sys.modules[module.__name__] = found


def map_tensorflow() -> None:
    """Map ``import tensorflow`` to graphflow from now on, beside the Python of its time."""
    restore_names(for_scripts=True)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
