"""TensorFlow's `tf.contrib`: each part is loaded when it is first used.

Its private packages (`contrib.layers.python.layers.initializers`) are modules that find their names
among the public ones, as those of `graphflow.python` do.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import pkgutil
import sys
from types import ModuleType
from typing import Any

from graphflow.python import PrivateModule


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``graphflow.contrib.<part>.python.…``, where a part has no such folder of its own."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for private names; parts that are one file become packages."""
        if not fullname.startswith(f"{__name__}."):
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        if found is None and "python" in fullname.split("."):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if found is not None and found.submodule_search_locations is None:
            found.submodule_search_locations = []
        return found

    def create_module(self, spec: Any) -> ModuleType:
        """Return the module."""
        return PrivateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: its names are found when they are asked for."""


if not any(type(finder).__qualname__ == _Finder.__qualname__ and type(finder).__module__ == __name__
           for finder in sys.meta_path):  # fmt: skip
    sys.meta_path.insert(0, _Finder())


def __dir__() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __dir__():
        raise AttributeError(f"module 'graphflow.contrib' has no attribute {name!r}")
    return importlib.import_module(f"graphflow.contrib.{name}")
