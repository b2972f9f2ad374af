"""What variables do with rows and places of theirs: updates by slices, sparse reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.tensor import Tensor
from graphflow.ops import scatter, scatter_nd
from graphflow.ops.gathering import gather, gather_nd


def _by_slices(name: str, update: Callable[..., Tensor], what: str) -> Callable[..., Tensor]:
    def method(
        self: Any, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        if not isinstance(sparse_delta, IndexedSlices):
            raise TypeError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
        return update(
            self._ref(), sparse_delta.indices, sparse_delta.values, use_locking=use_locking,
            name=name,
        )  # fmt: skip

    method.__name__ = name
    method.__doc__ = f"""{what} by those of `IndexedSlices`; return the reference afterwards.

        Raises
        ------
        TypeError : `sparse_delta` is no `IndexedSlices`.
        """
    return method


def _by_places(name: str, update: Callable[..., Tensor], what: str) -> Callable[..., Tensor]:
    def method(self: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        return update(self._ref(), indices, updates, use_locking=True, name=name)

    method.__name__ = name
    method.__doc__ = f"{what} that indices of several axes say; see `tf.{name}`."
    return method


class VariableUpdates:
    """The methods; a variable's `_ref` gives the reference that they write."""

    scatter_add = _by_slices("scatter_add", scatter.scatter_add, "Add to rows")
    scatter_sub = _by_slices("scatter_sub", scatter.scatter_sub, "Subtract from rows")
    scatter_mul = _by_slices("scatter_mul", scatter.scatter_mul, "Multiply rows")
    scatter_div = _by_slices("scatter_div", scatter.scatter_div, "Divide rows")
    scatter_max = _by_slices("scatter_max", scatter.scatter_max, "Raise rows")
    scatter_min = _by_slices("scatter_min", scatter.scatter_min, "Lower rows")
    scatter_update = _by_slices("scatter_update", scatter.scatter_update, "Replace rows")
    scatter_nd_add = _by_places("scatter_nd_add", scatter_nd.scatter_nd_add, "Add to places")
    scatter_nd_sub = _by_places(
        "scatter_nd_sub", scatter_nd.scatter_nd_sub, "Subtract from places"
    )  # fmt: skip
    scatter_nd_update = _by_places(
        "scatter_nd_update", scatter_nd.scatter_nd_update, "Replace places"
    )  # fmt: skip

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """Return rows of its value."""
        return gather(self, indices, name=name or "Gather")

    def gather_nd(self, indices: Any, name: str | None = None) -> Tensor:
        """Return elements or parts of its value that indices of several axes say."""
        return gather_nd(self, indices, name=name)
