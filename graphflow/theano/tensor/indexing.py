"""Indexing as NumPy has it, and replacing or adding to what an index names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.theano.tensor.elementwise import cast
from graphflow.theano.tensor.var import (
    Op,
    TensorConstant,
    TensorVariable,
    Variable,
    apply,
    apply_many,
    as_tensor_variable,
)


class Subtensor(Op):
    """Takes the part of a tensor that an index names."""

    index: Any = None


class _Index:
    """An index, apart from the variables in it."""

    def __init__(self, index: Any, rank: int) -> None:
        items = list(index) if isinstance(index, tuple) else [index]
        self.inputs: list[TensorVariable] = []
        self.items = [self._item(item) for item in items]
        used = sum(self._consumed(item) for item in self.items)
        if used > rank:
            raise IndexError(f"too many indices for array: {rank} axes, {used} were indexed")
        fill = [slice(None)] * (rank - used)
        if any(item is Ellipsis for item in self.items):
            place = next(k for k, item in enumerate(self.items) if item is Ellipsis)
            self.items[place : place + 1] = fill
        else:
            self.items += fill
        self.is_advanced = any(isinstance(i, _Slot) and i.is_array for i in self.items)

    def _item(self, item: Any) -> Any:
        if isinstance(item, slice):
            return slice(self._bound(item.start), self._bound(item.stop), self._bound(item.step))
        if item is None or item is Ellipsis:
            return item
        if isinstance(item, (list, np.ndarray)):
            item = as_tensor_variable(np.asarray(item) if _is_plain(item) else item)
        return self._bound(item)

    def _bound(self, value: Any) -> Any:
        if isinstance(value, TensorConstant) and value.ndim == 0:
            value = value.data
        if value is None or not isinstance(value, Variable):
            return None if value is None else int(value)
        variable: Any = value
        if np.dtype(variable.dtype).kind == "f":
            raise TypeError(f"expected an index of integers, got one of type {variable.dtype}")
        if variable.dtype != "bool":
            variable = cast(variable, "int64")
        self.inputs.append(variable)
        return _Slot(len(self.inputs) - 1, variable.ndim, variable.dtype == "bool")

    @staticmethod
    def _consumed(item: Any) -> int:
        if item is None or item is Ellipsis:
            return 0
        return item.rank if isinstance(item, _Slot) and item.is_mask else 1

    def take(self, t: Any, given: Any) -> Any:
        """Return the part of tensor `t`, given the tensors of `inputs`."""
        items = [_filled(item, given) for item in self.items]
        if not self.is_advanced:
            return t[tuple(items)] if items else t
        return _take_advanced(t, items)


class _Slot:
    """Stands for a variable in an index."""

    def __init__(self, number: int, rank: int, is_mask: bool) -> None:
        self.number, self.rank, self.is_mask = number, rank, is_mask

    @property
    def is_array(self) -> bool:
        return self.rank > 0


def _is_plain(items: Any) -> bool:
    if isinstance(items, (list, tuple)):
        return all(_is_plain(i) for i in items)
    return not isinstance(items, Variable)


def _filled(item: Any, given: Any) -> Any:
    if isinstance(item, _Slot):
        return given[item.number]
    if isinstance(item, slice):
        return slice(*[_filled(b, given) for b in (item.start, item.stop, item.step)])
    return item


def _take_advanced(t: Any, items: list[Any]) -> Any:
    """Index with arrays: they broadcast to one shape, which stands where they stood."""
    expanded: list[Any] = []
    for item in items:
        if hasattr(item, "op") and item.dtype.base_dtype.name == "bool":
            found = gf.where(item)
            expanded += [found[:, k] for k in range(item.shape.ndims)]
        else:
            expanded.append(item)
    is_array = [hasattr(i, "op") or isinstance(i, int) for i in expanded]
    rest = [slice(None) if flag else i for i, flag in zip(expanded, is_array, strict=True)]
    if any(i is None or i != slice(None) for i in rest):
        t = t[tuple(rest)]
    places = [k for k, flag in enumerate(is_array) if flag]
    arrays = [_wrapped(expanded[k], gf.shape(t, out_type=gf.int64)[k]) for k in places]
    if len(places) == 1:
        return gf.gather(t, arrays[0], axis=places[0])
    others = [k for k in range(t.shape.ndims) if k not in places]
    order = [*places, *others]
    if order != sorted(order):
        t = gf.transpose(t, order)
    shape = arrays[0]
    for other in arrays[1:]:
        shape = shape + gf.zeros_like(other)
    made = gf.gather_nd(t, gf.stack([a + gf.zeros_like(shape) for a in arrays], axis=-1))
    rank = shape.shape.ndims
    is_contiguous = places == list(range(places[0], places[0] + len(places)))
    if not is_contiguous or places[0] == 0:
        return made
    before = list(range(rank, rank + places[0]))
    after = list(range(rank + places[0], rank + len(others)))
    return gf.transpose(made, [*before, *range(rank), *after])


def _wrapped(index: Any, size: Any) -> Any:
    """An index with negative ones counted from the end."""
    if isinstance(index, int):
        return gf.constant(index, gf.int64) if index >= 0 else size + index
    return gf.where_v2(index < 0, index + size, index)


def subtensor(x: Any, index: Any) -> TensorVariable:
    """Return the part of `x` that `index` names."""
    value = as_tensor_variable(x)
    parsed = _Index(index, value.ndim)
    made = apply(
        "Subtensor", lambda t, *given: parsed.take(t, given), value, *parsed.inputs, kind=Subtensor
    )
    assert made.owner is not None
    made.owner.op.index = parsed  # type: ignore[attr-defined]
    return made


def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> TensorVariable:
    """Return the parts of `a` at `indices` along an axis; of all elements when that is None."""
    value = as_tensor_variable(a)
    if axis is None:
        return subtensor(apply("Flatten", lambda t: gf.reshape(t, [-1]), value), (indices,))
    return subtensor(value, (*[slice(None)] * (axis % value.ndim), indices))


def _changed(part: Any, y: Any, name: str, scatter: Callable[..., Any]) -> TensorVariable:
    """Scatter `y` to the places of the variable that `part` was taken from."""
    node = part.owner
    if (node is not None and node.op.name in ("Reshape", "Flatten", "Cast")) or "DimShuffle" in str(
        node.op if node else ""
    ):
        raise TypeError(f"{name} expected a part of a variable, got {node.op} of one")
    if node is None or not isinstance(node.op, Subtensor):
        raise TypeError(f"{name} expected a part of a variable, as x[1:2] is, got {part!r}")
    base, index = node.inputs[0], node.op.index
    value = cast(y, base.dtype)
    if value.ndim > part.ndim:
        raise TypeError(
            f"Trying to increment a {part.ndim}-dimensional subtensor with a "
            f"{value.ndim}-dimensional value."
        )

    def build(t: Any, new: Any, *given: Any) -> Any:
        size = gf.size(t, out_type=gf.int64)
        numbers = gf.reshape(gf.range(size), gf.shape(t))
        numbers.set_shape(t.shape)
        places = index.take(numbers, given)
        spread = gf.broadcast_to(new, gf.shape(places))
        flat = scatter(gf.reshape(t, [-1]), gf.reshape(places, [-1, 1]), gf.reshape(spread, [-1]))
        made = gf.reshape(flat, gf.shape(t))
        made.set_shape(t.shape)
        return made

    return apply(name, build, base, value, *node.inputs[1:])


def set_subtensor(
    x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False
) -> TensorVariable:
    """Return the variable that `x` is a part of, with `y` in the place of the part."""
    return _changed(x, y, "IncSubtensor{Set}", gf.tensor_scatter_update)


def inc_subtensor(
    x: Any, y: Any, inplace: bool = False, set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False, ignore_duplicates: bool = False,
) -> TensorVariable:  # fmt: skip
    """Return the variable that `x` is a part of, with `y` added to the part."""
    if set_instead_of_inc:
        return set_subtensor(x, y)
    return _changed(x, y, "IncSubtensor{Inc}", gf.tensor_scatter_add)


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """Return where `a` is not zero: a vector of places per axis, or one matrix of them."""
    value = as_tensor_variable(a)
    if return_matrix:
        return apply("Nonzero", lambda t: gf.transpose(gf.where(gf.cast(t, gf.bool))), value)

    def build(t: Any) -> list[Any]:
        places = gf.where(gf.cast(t, gf.bool))
        return [places[:, k] for k in range(value.ndim)]

    return tuple(apply_many("Nonzero", build, value))


def nonzero_values(a: Any) -> TensorVariable:
    """Return the elements of `a` that are not zero."""
    return subtensor(a, nonzero(a))


def flatnonzero(a: Any) -> TensorVariable:
    """Return where the flat elements of `a` are not zero."""
    return nonzero(apply("Flatten", lambda t: gf.reshape(t, [-1]), a))[0]
