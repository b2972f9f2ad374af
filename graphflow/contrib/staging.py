"""Staging areas: a step's inputs are put aside in one run and got in a later one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphflow.data.queues import FIFOQueue
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor


class StagingArea:
    """Holds tuples of tensors between runs, first in, first out.

    Parameters
    ----------
    dtypes, shapes, names : of the tensors of a tuple; with names, tuples are dictionaries.
    capacity : tuples that it holds at most; 0 for any number.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/contrib/staging/StagingArea
    """

    def __init__(
        self, dtypes: Sequence[Any], shapes: Any = None, names: Sequence[str] | None = None,
        shared_name: str | None = None, capacity: int = 0, memory_limit: int = 0,
    ) -> None:  # fmt: skip
        if capacity < 0:
            raise ValueError("capacity must be >= 0")
        self._names = list(names) if names is not None else None
        self._queue = FIFOQueue(
            capacity, dtypes, shapes, self._names, shared_name, name="StagingArea"
        )

    @property
    def dtypes(self) -> Any:
        """Types of a tuple's tensors."""
        return self._queue.dtypes

    @property
    def shapes(self) -> Any:
        """Shapes of a tuple's tensors."""
        return self._queue.shapes

    @property
    def names(self) -> Any:
        """Names of a tuple's tensors, or None."""
        return self._names

    def put(self, values: Sequence[Any] | Mapping[str, Any], name: str | None = None) -> Operation:
        """An operation that puts a tuple in; it waits while the area is full."""
        made: Operation = self._queue.enqueue(values, name=name)
        return made

    def get(self, name: str | None = None) -> list[Tensor] | dict[str, Tensor]:
        """The oldest tuple, taken out; waits for one."""
        found = self._queue.dequeue(name=name)
        if isinstance(found, (dict, list)):
            return found
        return list(found) if isinstance(found, tuple) else [found]

    def size(self, name: str | None = None) -> Tensor:
        """How many tuples there are."""
        count: Tensor = self._queue.size(name=name)
        return count


__all__ = ["StagingArea"]
