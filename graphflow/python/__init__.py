"""Stands for TensorFlow's private package ``tensorflow.python``, which scripts of the time import.

Any module below it exists, and finds its names among graphflow's public ones:
``from tensorflow.python.framework import ops`` gives a module with `convert_to_tensor`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

_SEARCHED = (
    "nn", "math", "train", "errors", "initializers", "layers", "losses", "summary", "test", "image",
    "linalg", "gfile", "compat",
)  # fmt: skip


class PrivateModule(ModuleType):
    """Stands for ``tensorflow.python.<path>``: its names are the public ones."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        root = importlib.import_module("graphflow")
        own = self.__name__.rpartition(".")[2]
        for place in (root, *(getattr(root, part, None) for part in (own, *_SEARCHED))):
            found = getattr(place, name, None)
            # A module of ours that has the name of one of TensorFlow's private ones (`ops`) is
            # another module; the import system then asks for that one by its whole path.
            if found is not None and not isinstance(found, ModuleType):
                return found
        raise AttributeError(f"graphflow offers no {name!r}, which {self.__name__} has")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module below this package."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for names below this package."""
        if not fullname.startswith(f"{__name__}."):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        """Return the module."""
        return PrivateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: its names are found when they are asked for."""


if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.append(_Finder())


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return importlib.import_module(f"{__name__}.{name}")
