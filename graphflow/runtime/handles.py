"""Tensors that a run leaves in its session for later ones, and the handles that name them.

A handle is text, ``name;number;device``; fetched from a session it is a `TensorHandle`, which takes
the tensor out of the session when nobody holds it any more.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

import numpy as np

from graphflow.graph.dtypes import DType

Array = np.ndarray[Any, Any]
HANDLE_OPS = ("GetSessionHandle", "GetSessionHandleV2")
_DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"


class _Kept:
    """What one session keeps."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.arrays: dict[str, Array] = {}


_kept: weakref.WeakKeyDictionary[Any, _Kept] = weakref.WeakKeyDictionary()


def keep(store: Any, name: str, array: Array) -> str:
    """Keep an array in the session of a store of variables; return its handle."""
    kept = _kept.setdefault(store, _Kept())
    handle = f"{name};{next(kept.numbers)};{_DEVICE}"
    kept.arrays[handle] = array.copy()
    return handle


def kept(store: Any, handle: str) -> Array:
    """The array of a handle; ValueError where there is none."""
    found = _kept.get(store)
    if found is None or handle not in found.arrays:
        raise ValueError(f"The tensor with handle '{handle}' is not in the session store.")
    return found.arrays[handle]


def forget(store: Any, handle: str) -> None:
    """Let go of the array of a handle; ValueError where there is none."""
    kept(store, handle)
    del _kept[store].arrays[handle]


class TensorHandle:
    """A tensor that a session keeps, as `Session.run` gives it.

    Attributes
    ----------
    handle : the text that names it, which is fed to `get_session_tensor`'s placeholder.
    """

    def __init__(self, handle: Any, dtype: DType, store: Any) -> None:
        self.handle = handle.decode() if isinstance(handle, bytes) else str(handle)
        self._dtype, self._store = dtype, store
        self._owns = True  # the tensor goes with this object

    def __str__(self) -> str:
        return self.handle

    def __del__(self) -> None:
        if self._owns and _kept is not None and self._store in _kept:
            _kept[self._store].arrays.pop(self.handle, None)

    def _check_owned(self) -> None:
        if not self._owns:
            raise TypeError(f"Persistent tensor {self.handle} may have already been deleted.")

    def eval(self) -> Array:
        """Return the tensor's value; TypeError after `delete` or `get_raw_handle`."""
        self._check_owned()
        return self.value()

    def value(self) -> Array:
        """Return the tensor's value, as long as the session has it."""
        return kept(self._store, self.handle).copy()

    def delete(self) -> None:
        """Take the tensor out of the session; TypeError when it may be gone already."""
        self._check_owned()
        self._owns = False
        forget(self._store, self.handle)

    def get_raw_handle(self) -> str:
        """Return the text; from now on the tensor stays until it is deleted by its handle."""
        self._owns = False
        return self.handle
