"""A session's variables: name to memory, and which have a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from graphflow.graph.dtypes import DType
from graphflow.runtime.memory import allocate_array

Array = np.ndarray[Any, Any]


class Mirror(Protocol):
    """Keeps newer values of some arrays elsewhere."""

    def pull(self, array: Array) -> None:
        """Bring the array up to date."""

    def changed(self, array: Array) -> None:
        """Note that the array has a new value."""

    def drop(self, array: Array) -> None:
        """Forget the array."""


class VariableStore:
    """Values of variables by name.

    `layout` changes when a variable gets memory or another shape, `initialized` when one gets its
    first value: what was compiled against the old state asks again. `mirror` is where newer values
    may be; None where there is no such place.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._initialized: set[str] = set()
        self.layout = 0
        self.is_closed = False  # runs that wait end then
        self.mirror: Mirror | None = None

    def memory(self, name: str, dtype: DType, shape: tuple[int, ...]) -> Array:
        """The variable's array; a new one when it has none of this type and shape."""
        known = self._arrays.get(name)
        if known is not None and known.shape == shape and known.dtype == dtype.numpy:
            return known
        fresh = allocate_array(dtype.numpy, shape, f"variable {name}")
        self._replace(name, fresh)
        self._initialized.discard(name)
        self.layout += 1
        return fresh

    def lies_in(self, name: str, array: Array) -> bool:
        """Whether `array` is the variable's memory now."""
        return self._arrays.get(name) is array

    def adopt(self, name: str, array: Array) -> None:
        """Make `array` the variable's memory and value, whatever shape it had before."""
        self._replace(name, array)
        self._initialized.add(name)
        self.layout += 1

    def _replace(self, name: str, array: Array) -> None:
        old = self._arrays.get(name)
        if self.mirror is not None and old is not None and old is not array:
            self.mirror.drop(old)
        self._arrays[name] = array

    def _up_to_date(self, name: str) -> Array:
        array = self._arrays[name]
        if self.mirror is not None:
            self.mirror.pull(array)
        return array

    def _changed(self, name: str) -> None:
        if self.mirror is not None:
            self.mirror.changed(self._arrays[name])

    def is_initialized(self, name: str) -> bool:
        """Whether the variable has a value."""
        return name in self._initialized

    def mark_initialized(self, names: Iterable[str]) -> None:
        """Note that variables have values now."""
        before = len(self._initialized)
        self._initialized.update(names)
        if len(self._initialized) != before:
            self.layout += 1

    def type_of(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        """Element type and shape of a variable that has a value."""
        if name not in self._initialized:
            return None
        array = self._arrays[name]
        return array.dtype, array.shape

    def get(self, name: str) -> Array:
        """A copy of the variable's value; KeyError when it has none."""
        if name not in self._initialized:
            raise KeyError(name)
        return self._up_to_date(name).copy()

    def set(self, name: str, value: Array, dtype: DType) -> None:
        """Give the variable a value."""
        if dtype.kind == "string":
            self.adopt(name, value)
            return
        self.memory(name, dtype, value.shape)[...] = value
        self._changed(name)
        self.mark_initialized([name])

    def generator_states(self) -> dict[str, Array]:
        """Copies of the states of random operations."""
        return {n: self._up_to_date(n).copy() for n in self._initialized if self._is_generator(n)}

    def restore_generators(self, states: dict[str, Array]) -> None:
        """Put random operations back to where they were; those not listed begin anew."""
        for name in [n for n in self._initialized if self._is_generator(n)]:
            if name in states:
                self._arrays[name][...] = states[name]
                self._changed(name)
            else:
                self._initialized.discard(name)
                self.layout += 1

    def _is_generator(self, name: str) -> bool:
        array = self._arrays[name]
        return name.endswith("/state") and array.dtype == np.uint64 and array.shape == (4,)

    def close(self) -> None:
        """Drop all values."""
        self.is_closed = True
        if self.mirror is not None:
            for array in self._arrays.values():
                self.mirror.drop(array)
        self._arrays.clear()
        self._initialized.clear()
        self.layout += 1
