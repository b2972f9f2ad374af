"""Joining tensors and taking them apart: concat, stack, unstack, split.

All are views: the parts are slices and concatenations of the Program, whose code fuses with what
makes or uses the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import int32
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents, merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim
from graphflow.ops.identity import identity
from graphflow.ops.shape import INDEX
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    all_known_ints,
    canonical_axis,
    known_int,
    output,
    with_rank,
)

__all__ = ["concat", "split", "stack", "unstack"]

# ---- concat


def _infer_concat(op: Operation) -> Types:
    parts = [t.shape for t in op.inputs[:-1]]
    with_rank(op.inputs[-1].shape, 0)
    axis = known_int(op.inputs[-1])
    known = next((p.extents for p in parts if p.extents is not None), None)
    if known is not None and len(known) == 0:
        raise ValueError("Can't concatenate scalars (use tf.stack instead)")
    for part in parts:
        if known is not None:
            with_rank(part, len(known))
    if axis is None:
        return output(op, None if known is None else (None,) * len(known))
    needed = -axis if axis < 0 else axis + 1
    if known is None:
        return output(op, None)
    if len(known) < needed:
        raise ValueError(f"Shape must be at least rank {needed} but is rank {len(known)}")
    axis %= len(known)
    total: int | None = 0
    merged = shape_from_tuple(_without(known, axis))
    for part in parts:
        extents = (None,) * len(known) if part.extents is None else part.extents
        merged = merge_in_op(merged, shape_from_tuple(_without(extents, axis)))
        size = extents[axis]
        total = None if total is None or size is None else total + size
    rest = merged.extents or ()
    return output(op, (*rest[:axis], total, *rest[axis:]))


def _without(extents: Extents, axis: int) -> Extents:
    return extents[:axis] + extents[axis + 1 :]


def _lower_concat(b: Any, op: Operation, *nodes: Any) -> Any:
    *parts, axis_node = nodes
    axis, rank = b.static_int(axis_node), parts[0].rank
    if not -rank <= axis < rank:
        raise ValueError(
            f"ConcatOp : Expected concatenating dimensions in the range [{-rank}, {rank}), but "
            f"got {axis}"
        )
    for k, part in enumerate(parts):
        same = part.rank == rank and all(
            left == right
            for j, (left, right) in enumerate(zip(part.shape, parts[0].shape, strict=True))
            if j != axis % rank
        )
        if not same:
            raise ValueError(
                "ConcatOp : Dimensions of inputs should match: shape[0] = "
                f"{_shape_text(parts[0].shape)} vs. shape[{k}] = {_shape_text(part.shape)}"
            )
    return b.concat(parts, axis % rank)


def _shape_text(shape: Sequence[Dim]) -> str:
    return "[" + ",".join(str(d) for d in shape) + "]"


def _concat_gradient(op: Operation, gradient: Any) -> list[Any]:
    parts, axis = op.inputs[:-1], op.inputs[-1]
    if len(parts) == 1:
        return [gradient, None]
    return [*split(gradient, _sizes_along(parts, axis), axis, num=len(parts)), None]


def _sizes_along(parts: Sequence[Tensor], axis: Tensor) -> Any:
    """The size of each part along an axis: a list when all are known now, else a tensor."""
    number = known_int(axis)
    if number is not None and all(p.shape.extents is not None for p in parts):
        sizes = [p.shape.extents[number] for p in parts]  # type: ignore[index]
        if None not in sizes:
            return sizes
    place = _FLOOR_MOD(axis, _RANK(parts[0]).outputs[0]).outputs[0]  # it may be negative
    picked = [_GATHER(shape_of(p), place, 0, batch_dims=0).outputs[0] for p in parts]
    return stack(picked)


def _lower_offsets(b: Any, op: Operation, axis: Any, *shapes: Any) -> tuple[Any, ...]:
    """Where each part of a concatenation begins: 0, but along the axis what is before it."""
    for k, shape in enumerate(shapes):
        if shape.rank != 1:
            raise ValueError(f"input {k} should be a vector, but got shape {list(shape.shape)}")
    known = [b.static_ints(shape) for shape in shapes]
    first, place = known[0], b.static_int(axis)
    if not -len(first) <= place < len(first):
        raise ValueError(f"Concat dim is out of range: {place} vs. {len(first)}")
    place, begin, found = place % len(first), 0, []
    for k, extents in enumerate(known):
        if len(extents) != len(first):
            raise ValueError(
                f"input {k} should contain {len(first)} elements, but got {len(extents)}"
            )
        if any(m != n for j, (m, n) in enumerate(zip(extents, first, strict=True)) if j != place):
            raise ValueError(
                f"All dimensions except {place} must match. Input {k} has shape {list(extents)} "
                f"and doesn't match input 0 with shape {list(first)}."
            )
        found.append(b.shape_value([begin if k == place else 0 for k in range(len(extents))]))
        begin = begin + extents[place]
    return tuple(found)


# In graphs of TensorFlow's: its gradient of a concatenation slices.
define_op(
    name="ConcatOffset",
    infer=lambda op: [(int32, tensor.shape) for tensor in op.inputs[1:]],
    lower=_lower_offsets,
    no_gradient="integer output",
)
define_op(name="ConcatV2", infer=_infer_concat, lower=_lower_concat, gradient=_concat_gradient)

_CONCAT = Signature("ConcatV2", "values: N * T", "axis: Tidx = int32", Tidx=INDEX)
_FLOOR_MOD, _RANK = Signature("FloorMod", "x: T", "y: T"), Signature("Rank", "input: T")
_GATHER = Signature("GatherV2", "params: Tparams", "indices: Tindices", "axis: Taxis = int32")


def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Join tensors along an axis.

    Parameters
    ----------
    values : tensors that are alike but for their size along `axis`.
    axis : an integer scalar; negative ones count from the end.
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    if not values:
        raise ValueError(
            "List argument 'values' to 'ConcatV2' Op with length 0 shorter than minimum length 2."
        )
    if len(values) == 1:
        with name_scope(name):
            # TensorFlow makes the axis into a constant here, if only to check it.
            convert_to_tensor(axis, name="concat_dim", dtype=int32).shape.assert_has_rank(0)
            return identity(values[0], name=name)
    return _CONCAT(list(values), axis, name=name).outputs[0]


# ---- stack and unstack


def _infer_pack(op: Operation) -> Types:
    merged = op.inputs[-1].shape
    for i in range(len(op.inputs) - 1, -1, -1):
        try:
            merged = merge_in_op(op.inputs[i].shape, merged)
        except ValueError as error:
            text = f"{error}\n\tFrom merging shape {i} with other shapes."
            raise ValueError(text) from None
    if merged.extents is None:
        return output(op, None)
    rank = len(merged.extents) + 1
    axis = op.attrs["axis"]
    if not -rank <= axis < rank:
        raise ValueError(f"Invalid axis: {axis}; must be in [{-rank},{rank})")
    place = axis % rank
    return output(op, (*merged.extents[:place], len(op.inputs), *merged.extents[place:]))


def _lower_pack(b: Any, op: Operation, *parts: Any) -> Any:
    first = parts[0]
    axis = op.attrs["axis"] % (first.rank + 1)
    for k, part in enumerate(parts):
        if part.shape != first.shape:
            raise ValueError(
                f"Shapes of all inputs must match: values[0].shape = {_shape_text(first.shape)} "
                f"!= values[{k}].shape = {_shape_text(part.shape)}"
            )
    return b.concat([b.expand_dims(part, axis) for part in parts], axis)


def _infer_unpack(op: Operation) -> Types:
    source, count = op.inputs[0].shape.extents, op.attrs["num"]
    if source is None:
        return output(op, None) * count
    rank, axis = len(source), op.attrs["axis"]
    if not -rank <= axis < rank:
        raise ValueError(f"Invalid axis: {axis}; must be in [{-rank},{rank})")
    size = source[axis]
    if size is not None and size != count:
        raise ValueError(f"Dimension must be {count} but is {size}")
    return output(op, _without(source, axis % rank)) * count


def _lower_unpack(b: Any, op: Operation, x: Any) -> Any:
    axis, count = op.attrs["axis"] % x.rank, op.attrs["num"]
    if x.shape[axis] != count:
        raise ValueError(
            f"Input shape axis {axis} must equal {count}, got shape {_shape_text(x.shape)}"
        )
    rest = _without(x.shape, axis)
    return tuple(b.reshape(part, rest) for part in slices_along(b, x, axis, [1] * count))


def slices_along(b: Any, x: Any, axis: int, sizes: Sequence[Dim]) -> list[Any]:
    """Cut a node along an axis into parts of the given sizes."""
    parts, start = [], 0
    for size in sizes:
        begin = tuple(start if k == axis else 0 for k in range(x.rank))
        shape = tuple(size if k == axis else d for k, d in enumerate(x.shape))
        parts.append(b.slice(x, begin, shape))
        start = start + size  # type: ignore[assignment]
    return parts


define_op(
    name="Pack",
    infer=_infer_pack,
    lower=_lower_pack,
    gradient=lambda op, gradient: unstack(gradient, num=op.get_attr("N"), axis=op.get_attr("axis")),
)
define_op(
    name="Unpack",
    infer=_infer_unpack,
    lower=_lower_unpack,
    gradient=lambda op, *gradients: [stack(list(gradients), axis=op.get_attr("axis"))],
)
_PACK = Signature("Pack", "values: N * T")
_UNPACK = Signature("Unpack", "value: T")


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Join tensors of one shape along a new axis.

    Raises
    ------
    ValueError : there is no such axis.
    """
    if axis == 0:
        try:
            # Numbers become one constant; a list that holds tensors is packed on conversion.
            return convert_to_tensor(values, name=name)
        except (TypeError, ValueError):
            pass  # say what is wrong with it as Pack does
    extents = convert_to_tensor(values[0], name=name).shape.extents
    if extents is not None:
        rank = len(extents) + 1
        if not -rank <= axis < rank:
            raise ValueError(f"axis = {axis} not in [{-rank}, {rank})")
    return _PACK(values, name=name, axis=axis).outputs[0]


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str = "unstack"
) -> list[Tensor]:
    """Take a tensor apart along an axis, which the parts then lack.

    Parameters
    ----------
    num : the size of the axis; needed only where it is not known.
    """
    if num is None:
        value = convert_to_tensor(value)
        extents = value.shape.extents
        if extents is not None:
            if not -len(extents) <= axis < len(extents):
                raise ValueError(f"axis = {axis} not in [{-len(extents)}, {len(extents)})")
            num = extents[axis]
    if num is None:
        raise ValueError(f"Cannot infer num from shape {value.shape}")
    return _UNPACK(value, name=name, num=num, axis=axis).outputs


# ---- split


def _infer_split(op: Operation) -> Types:
    source, count = op.inputs[1].shape.extents, op.attrs["num_split"]
    dtype = op.inputs[1].dtype.base_dtype
    axis = known_int(op.inputs[0])
    if source is None:
        return output(op, None, dtype) * count
    if axis is None:
        return output(op, (None,) * len(source), dtype) * count
    place = canonical_axis(axis, len(source))
    size = source[place]
    if size is not None and size % count:
        raise ValueError(
            f"Dimension size must be evenly divisible by {count} but is {size}\n"
            "\tNumber of ways to split should evenly divide the split dimension"
        )
    part = None if size is None else size // count
    return output(op, (*source[:place], part, *source[place + 1 :]), dtype) * count


def _lower_split(b: Any, op: Operation, axis_node: Any, x: Any) -> Any:
    count, axis = op.attrs["num_split"], b.static_int(axis_node)
    if not -x.rank <= axis < x.rank:
        raise ValueError(f"-input rank(-{x.rank}) <= split_dim < input rank ({x.rank}), but got "
                         f"{axis}")  # fmt: skip
    size = x.shape[axis]
    if isinstance(size, int) and size % count:
        raise ValueError(
            "Number of ways to split should evenly divide the split dimension, but got split_dim "
            f"{axis} (size = {size}) and num_split {count}"
        )
    return tuple(slices_along(b, x, axis % x.rank, [size // count] * count))


def _infer_split_v(op: Operation) -> Types:
    source, count = op.inputs[0].shape.extents, op.attrs["num_split"]
    axis = known_int(op.inputs[2])
    if source is None or axis is None:
        return output(op, None if source is None else (None,) * len(source)) * count
    place = canonical_axis(axis, len(source))
    sizes: list[int | None] = [None] * count
    known = all_known_ints(op.inputs[1])
    if known is not None:
        sizes = list(_part_sizes(source[place], known))
    return [output(op, (*source[:place], d, *source[place + 1 :]))[0] for d in sizes]


def _part_sizes(size: Any, wanted: Sequence[Any]) -> list[Any]:
    """The sizes of the parts, a -1 replaced; ValueError when they do not add up to `size`."""
    missing = [k for k, d in enumerate(wanted) if isinstance(d, int) and d == -1]
    if len(missing) > 1:
        raise ValueError("size_splits can only have one -1")
    total = sum(d for k, d in enumerate(wanted) if k not in missing)
    listed = ",".join(str(d) for d in wanted)
    if size is None:
        return [None if k in missing else d for k, d in enumerate(wanted)]
    rest = size - total
    if (missing and rest < 0) or (not missing and rest != 0):
        raise ValueError(f"can't split axis of size {size} into pieces of size [{listed}]")
    return [rest if k in missing else d for k, d in enumerate(wanted)]


def _lower_split_v(b: Any, op: Operation, x: Any, sizes: Any, axis_node: Any) -> Any:
    axis = canonical_axis(b.static_int(axis_node), x.rank)
    wanted = b.static_ints(sizes)
    return tuple(slices_along(b, x, axis, _part_sizes(x.shape[axis], wanted)))


define_op(
    name="Split",
    infer=_infer_split,
    lower=_lower_split,
    gradient=lambda op, *gradients: [None, concat(list(gradients), op.inputs[0])],
)
define_op(
    name="SplitV",
    infer=_infer_split_v,
    lower=_lower_split_v,
    gradient=lambda op, *gradients: [concat(list(gradients), op.inputs[2]), None, None],
)
_SPLIT = Signature("Split", "split_dim: int32", "value: T")
_SPLIT_V = Signature("SplitV", "value: T", "size_splits: Tlen", "split_dim: int32", Tlen=INDEX)


def split(
    value: Any,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
) -> list[Tensor]:
    """Cut a tensor along an axis.

    Parameters
    ----------
    num_or_size_splits : the number of parts, all of one size, or a vector of their sizes, of which
        one may be -1.
    num : the number of parts; needed only where it cannot be had from `num_or_size_splits`.
    """
    sizes = convert_to_tensor(num_or_size_splits)
    if isinstance(num_or_size_splits, (int, np.integer, Dimension)):
        return _SPLIT(axis, value, name=name, num_split=int(num_or_size_splits)).outputs
    if sizes.shape.rank == 0:
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        extents = sizes.shape.extents
        num = extents[0] if extents else None
        if num is None:
            raise ValueError(f"Cannot infer num from shape {num_or_size_splits}")
    return _SPLIT_V(value, sizes, axis, name=name, num_split=num).outputs
