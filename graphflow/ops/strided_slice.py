"""StridedSlice: ``x[1:3, ..., tf.newaxis, ::-1]``, its gradient, and assignment to a part.

A slice is given as sparse vectors begin, end and strides with masks, one bit per entry: which
bounds are left out, where an ellipsis or a new axis stands, which entries are single indices.
`resolve` makes of them one (start, size, stride) per axis of the operand; shape rule, lowering and
gradient all use it. An entry that is known only in a run, ``x[i]``, does not cost a compilation for
each value of i: the axis is then gathered from. So it is with ``x[i * n : (i + 1) * n]``, whose
size is n as long as it lies within x; a run in which it does not is done again without that
assumption.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import bool_
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op, shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim
from graphflow.ops.creation import ones_like
from graphflow.ops.shape import INDEX
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, all_known_ints, output, shape_of_value, with_rank
from graphflow.ops.state import variable_of

__all__ = ["strided_slice"]

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
NEW_AXIS = -1  # in `Slicing.order`: an axis of size 1 that the operand does not have


@dataclass(frozen=True)
class AxisSlice:
    """What is taken along one axis of the operand.

    Attributes
    ----------
    start : index of the first element; a node when only the run knows it, None when nobody asks.
    size : number of elements, None when it is not known.
    stride : distance between them.
    shrink : whether the axis, of one element then, is dropped.
    span : with a start that only the run knows, how far from it the end is.
    """

    start: Any
    size: Any
    stride: int
    shrink: bool
    span: Any = None


@dataclass(frozen=True)
class Slicing:
    """A slice, axis by axis; `order` says which axis of the operand each of the result is."""

    axes: list[AxisSlice]
    order: list[int]

    def result_shape(self) -> tuple[Any, ...]:
        """The sizes of the result."""
        return tuple(1 if k == NEW_AXIS else self.axes[k].size for k in self.order)


@dataclass
class _Entry:
    """One axis before its bounds are fitted to its size; None stands for a bound left out."""

    begin: Any = None
    end: Any = None
    stride: Any = 1
    shrink: bool = False
    known: bool = True  # whether begin and end are integers


def resolve(
    sizes: Sequence[Any],
    begin: Sequence[Any] | None,
    end: Sequence[Any] | None,
    strides: Sequence[int],
    masks: dict[str, int],
    distance: Callable[[Any, Any], Any] | None = None,
) -> Slicing:
    """Fit a slice to an operand of these sizes.

    Parameters
    ----------
    sizes : of the operand; None where unknown.
    begin, end : integers, or anything else where only the run knows the bound; None when nothing
        is known of any.
    distance : how far two bounds are apart of which only the run knows the values, or None. Where
        it tells, the slice is taken to lie within its axis.

    Raises
    ------
    ValueError : in TensorFlow's words.
    """
    entries, order = _dense_entries(len(sizes), begin, end, strides, masks)
    axes = [_fit(entry, sizes[k], k, distance) for k, entry in enumerate(entries)]
    return Slicing(axes, order)


def _dense_entries(
    rank: int, begin: Sequence[Any] | None, end: Sequence[Any] | None,
    strides: Sequence[int], masks: dict[str, int],
) -> tuple[list[_Entry], list[int]]:  # fmt: skip
    """One entry per axis of the operand: the ellipsis is filled in, new axes are noted."""
    count = len(strides)
    ellipsis, new_axes = masks["ellipsis_mask"], masks["new_axis_mask"]
    if ellipsis & (ellipsis - 1):
        raise ValueError("Multiple ellipses in slice spec not allowed")
    if not ellipsis:
        ellipsis = 1 << count
    place = ellipsis.bit_length() - 1
    entries: list[_Entry] = []
    order: list[int] = []
    for i in range(max(count, place + 1)):
        bit = 1 << i
        if ellipsis & bit:
            after = [j for j in range(i + 1, count) if not new_axes & (1 << j)]
            missing = max(rank - len(entries) - len(after), 0)
            order += range(len(entries), len(entries) + missing)
            entries += [_Entry() for _ in range(missing)]
        elif new_axes & bit:
            order.append(NEW_AXIS)
        else:
            if len(entries) == rank:
                raise ValueError(
                    f"Index out of range using input dim {rank}; input has only {rank} dims"
                )
            shrink = bool(masks["shrink_axis_mask"] & bit)
            if not shrink:
                order.append(len(entries))
            entries.append(_entry(i, begin, end, strides[i], masks, shrink))
    return entries, order


def _entry(
    i: int, begin: Sequence[Any] | None, end: Sequence[Any] | None, stride: int,
    masks: dict[str, int], shrink: bool,
) -> _Entry:  # fmt: skip
    entry = _Entry(stride=stride, shrink=shrink)
    bit = 1 << i
    if shrink or not masks["begin_mask"] & bit:
        entry.begin = "unknown" if begin is None else begin[i]
    if not shrink and not masks["end_mask"] & bit:
        entry.end = "unknown" if end is None else end[i]
    entry.known = all(v is None or _is_dim(v) for v in (entry.begin, entry.end))
    return entry


def _is_dim(value: Any) -> bool:
    return isinstance(value, int) or hasattr(value, "symbols")


def _fit(
    entry: _Entry, size: Any, axis: int, distance: Callable[[Any, Any], Any] | None
) -> AxisSlice:
    """Clamp the bounds of an entry to an axis, as Python's slices do."""
    stride = entry.stride
    if stride == 0:
        raise ValueError(f"strides[{axis}] must be non-zero")
    if entry.shrink:
        if stride <= 0:
            raise ValueError("only stride 1 allowed on non-range indexing.")
        start = entry.begin
        if entry.known and size is not None:
            start = size + start if start < 0 else start
            if start < 0 or start >= size:
                raise ValueError(f"slice index {start} of dimension {axis} out of bounds.")
        return AxisSlice(start, 1, 1, True)
    if entry.begin is None and entry.end is None and stride == 1:
        return AxisSlice(0, size, 1, False)
    if size is None or not entry.known:
        if distance is not None and stride > 0 and entry.begin is not None:
            span = None if entry.end is None else distance(entry.begin, entry.end)
            if span is not None and span > 0:
                return AxisSlice(entry.begin, _ceil_divided(span, stride), stride, False, span)
        return AxisSlice(None, None, stride, False)
    low, high = (0, size) if stride > 0 else (-1, size - 1)
    start = _clamped(entry.begin, size, low, high, low if stride > 0 else high)
    stop = _clamped(entry.end, size, low, high, high if stride > 0 else low)
    length = stop - start
    if length == 0 or (length < 0) != (stride < 0):
        return AxisSlice(0, 0, 1, False)
    return AxisSlice(start, _ceil_divided(length, stride), stride, False)


def _clamped(bound: Any, size: Dim, low: Dim, high: Dim, default: Dim) -> Dim:
    if bound is None:
        return default
    if bound < 0:
        bound = size + bound
    return low if bound < low else high if bound > high else bound


def _ceil_divided(length: Any, stride: int) -> Any:
    if abs(stride) == 1:
        return length * stride
    return -(-length // stride)


def partial_ints(b: Any, node: Any) -> list[Any]:
    """The elements of an integer vector: integers, and scalar nodes for those not known now."""
    if node.op == "concat":
        return [element for part in node.inputs for element in partial_ints(b, part)]
    if node.op in ("const", "iota") or (node.op == "broadcast" and node.inputs[0].op == "const"):
        return list(b.static_ints(node))
    count = node.shape[0]
    if count == 1:
        return [b.reshape(node, ())]
    return [b.reshape(b.slice(node, (k,), (1,)), ()) for k in range(count)]


# ---- the ops


def _masks(op: Operation) -> dict[str, Any]:
    return {name: op.attrs[name] for name in MASKS}


def _infer_strided_slice(op: Operation) -> Types:
    x, begin, end, strides = op.inputs
    lengths = shape_from_tuple((None,))
    for bounds in (begin, end, strides):
        with_rank(bounds.shape, 1)
        lengths = merge_in_op(lengths, bounds.shape)
    steps = all_known_ints(strides)
    if x.shape.extents is None or steps is None:
        return output(op, None)
    slicing = resolve(
        x.shape.extents, all_known_ints(begin), all_known_ints(end), steps, _masks(op)
    )
    return output(op, slicing.result_shape())


def _slicing(
    b: Any, op: Operation, shape: Sequence[Dim], begin: Any, end: Any, strides: Any
) -> Slicing:
    """The slice of a run: sizes are known, and starts are integers or scalar nodes.

    Raises
    ------
    NeedsValue : a size depends on a bound that is not known yet.
    """
    steps = [int(s) for s in b.static_ints(strides)]
    starts, stops = partial_ints(b, begin), partial_ints(b, end)
    slicing = resolve(shape, starts, stops, steps, _masks(op), _distance if b.speculates else None)
    if any(a.size is None for a in slicing.axes):
        slicing = resolve(shape, b.static_ints(begin), b.static_ints(end), steps, _masks(op))
    return slicing


def _distance(begin: Any, end: Any) -> Any:
    """``end - begin`` if it is the same in every run, else None."""
    left, right = _affine(begin), _affine(end)
    terms = {node: right.get(node, 0) - left.get(node, 0) for node in {**left, **right}}
    constant = terms.pop(None, 0)
    return None if any(factor != 0 for factor in terms.values()) else constant


def _affine(value: Any) -> dict[Any, Any]:
    """A bound as a sum of scalar nodes times constants; the constant term is that of None."""
    if _is_dim(value):
        return {None: value}
    if value.op == "const":
        known = value["value"].array.reshape(()).item()
        return {None: known}
    if value.op in ("cast", "reshape", "broadcast") and value.inputs[0].rank == 0:
        return _affine(value.inputs[0]) if value.inputs[0].dtype.is_integer else {value: 1}
    if value.op in ("add", "sub"):
        sign = 1 if value.op == "add" else -1
        total, others = dict(_affine(value.inputs[0])), _affine(value.inputs[1])
        for node, factor in others.items():
            total[node] = total.get(node, 0) + sign * factor
        return total
    if value.op == "mul":
        left, right = (_affine(i) for i in value.inputs)
        if set(left) <= {None}:
            left, right = right, left
        if set(right) <= {None}:
            return {node: factor * right.get(None, 0) for node, factor in left.items()}
    return {value: 1}


def _places(b: Any, a: AxisSlice, size: Dim, axis: int) -> Any:
    """The indices of a slice whose start only the run knows, along an axis of `size`."""
    if a.shrink:
        return b.reshape(_checked_index(b, a.start, size, axis), (1,))
    dtype = a.start.dtype
    last = b.runtime(b.dim(size - a.span, dtype))
    b.speculate(b.and_(b.ge(a.start, 0), b.le(a.start, last)))
    return b.add(b.mul(b.iota((a.size,), 0, dtype), a.stride), a.start)


def _checked_index(b: Any, index: Any, size: Dim, axis: int) -> Any:
    """A scalar index known in the run only: negative ones count from the end."""
    limit = b.runtime(b.dim(size, index.dtype))
    index = b.select(b.lt(index, 0), b.add(index, limit), index)
    inside = b.and_(b.ge(index, 0), b.lt(index, limit))
    b.check(inside, "InvalidArgumentError", _OutOfBounds(axis), (index,))
    return index


@dataclass(frozen=True)
class _OutOfBounds:
    axis: int

    def __call__(self, index: Any) -> str:
        return f"slice index {int(index)} of dimension {self.axis} out of bounds."


def _lower_strided_slice(b: Any, op: Operation, x: Any, begin: Any, end: Any, strides: Any) -> Any:
    slicing = _slicing(b, op, x.shape, begin, end, strides)
    dynamic = {k: a for k, a in enumerate(slicing.axes) if not _is_dim(a.start)}
    taken = b.slice(
        x,
        [0 if k in dynamic else a.start for k, a in enumerate(slicing.axes)],
        [x.shape[k] if k in dynamic else a.size for k, a in enumerate(slicing.axes)],
        [1 if k in dynamic else a.stride for k, a in enumerate(slicing.axes)],
    )
    for axis, a in dynamic.items():
        taken = b.gather(taken, _places(b, a, x.shape[axis], axis), axis=axis)
    return b.reshape(taken, slicing.result_shape())


def _spread(b: Any, slicing: Slicing, shape: Sequence[Dim], value: Any, fill: Any) -> Any:
    """The inverse of a slice: `value` at its place in an array of `fill` of the given shape."""
    value = b.reshape(value, [a.size for a in slicing.axes])
    backwards = [a.stride < 0 for a in slicing.axes]
    if any(backwards):
        starts = [d - 1 if r else 0 for d, r in zip(value.shape, backwards, strict=True)]
        value = b.slice(value, starts, value.shape, [-1 if r else 1 for r in backwards])
    low, high, gaps = [], [], []
    for a, size in zip(slicing.axes, shape, strict=True):
        if not _is_dim(a.start):
            low.append(0)
            high.append(0)
            gaps.append(0)
            continue
        last = a.start + (a.size - 1) * a.stride if a.size != 0 else a.start - 1
        first, last = (last, a.start) if a.stride < 0 else (a.start, last)
        low.append(first)
        high.append(size - 1 - last)
        gaps.append(abs(a.stride) - 1 if a.size != 1 else 0)
    value = b.pad(value, low, high, fill, gaps)
    for axis, a in enumerate(slicing.axes):
        if not _is_dim(a.start):
            start = a.start
            if a.shrink:
                start = _checked_index(b, start, shape[axis], axis)
            value = placed(b, value, axis, (start, a.stride), shape[axis], fill)
    return value


def placed(b: Any, x: Any, axis: int, places: tuple[Any, int], extent: Dim, fill: Any = 0) -> Any:
    """`x` along an axis of `extent`, `fill` elsewhere; `places`: a start, a node, and a stride."""
    start, stride = places
    offset = b.sub(b.iota((extent,), 0, start.dtype), start)
    end = b.runtime(b.dim((x.shape[axis] - 1) * stride + 1, start.dtype))
    inside = b.and_(b.ge(offset, 0), b.lt(offset, end))
    if stride > 1:
        inside = b.and_(inside, b.eq(b.floormod(offset, stride), 0))
        offset = b.floordiv(offset, stride)
    moved = b.gather(x, offset, axis=axis)  # indices outside are clipped, and masked below
    mask = b.broadcast(inside, moved.shape, (axis,))
    return b.select(mask, moved, b.full(moved.shape, fill, x.dtype))


def _lower_gradient(
    b: Any, op: Operation, shape: Any, begin: Any, end: Any, strides: Any, gradient: Any
) -> Any:
    sizes = tuple(b.static_ints(shape))
    slicing = _slicing(b, op, sizes, begin, end, strides)
    return _spread(b, slicing, sizes, gradient, 0)


def _strided_slice_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, begin, end, strides = op.inputs
    whole = shape_of(x, out_type=begin.dtype)
    made = _STRIDED_SLICE_GRAD(whole, begin, end, strides, gradient, **_masks(op))
    return [made.outputs[0], None, None, None]


def _gradient_of_gradient(op: Operation, gradient: Any) -> list[Any]:
    made = _STRIDED_SLICE(gradient, *op.inputs[1:4], **_masks(op))
    return [None, None, None, None, made.outputs[0]]


define_op(
    name="StridedSlice",
    infer=_infer_strided_slice,
    lower=_lower_strided_slice,
    gradient=_strided_slice_gradient,
)
define_op(
    name="StridedSliceGrad",
    infer=lambda op: output(op, shape_of_value(op.inputs[0]), op.inputs[4].dtype.base_dtype),
    lower=_lower_gradient,
    gradient=_gradient_of_gradient,
)


def _lower_assign(
    b: Any, op: Operation, _: Any, begin: Any, end: Any, strides: Any, value: Any
) -> Any:
    variable = variable_of(op.inputs[0])
    old = b.read_variable(variable)
    slicing = _slicing(b, op, old.shape, begin, end, strides)
    value = b.broadcast_to(value, slicing.result_shape())
    inside = b.full(value.shape, True, bool_)
    new = b.select(
        _spread(b, slicing, old.shape, inside, False),
        _spread(b, slicing, old.shape, value, 0),
        old,
    )
    return b.write_variable(variable, new)


define_op(
    name="StridedSliceAssign",
    infer=lambda op: [(op.inputs[0].dtype, op.inputs[0].shape)],
    lower=_lower_assign,
    no_gradient="an assignment",
    stateful=True,
    takes_reference=True,
)

_BOUNDS = ("begin: Index = int32", "end: Index = int32", "strides: Index = int32")
_STRIDED_SLICE = Signature("StridedSlice", "input: T", *_BOUNDS, Index=INDEX)
_STRIDED_SLICE_GRAD = Signature(
    "StridedSliceGrad", "shape: Index = int32", *_BOUNDS, "dy: T", Index=INDEX
)
_STRIDED_SLICE_ASSIGN = Signature(
    "StridedSliceAssign", "ref: Ref(T)", *_BOUNDS, "value: T", Index=INDEX
)


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """Return a part of a tensor, as Python's slices pick it.

    Parameters
    ----------
    begin, end, strides : integer vectors; strides are ones when None.
    begin_mask, end_mask : bit i set: the bound is left out.
    ellipsis_mask, new_axis_mask, shrink_axis_mask : bit i set: the entry stands for all axes that
        the others leave, for a new axis, for a single index.
    var : the variable that `input_` is the value of; the result then has a method ``assign``.
    """
    if strides is None:
        strides = ones_like(begin)
    masks = dict(
        zip(
            MASKS,
            (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask),
            strict=True,
        )
    )
    operation = _STRIDED_SLICE(input_, begin, end, strides, name=name, **masks)
    result = operation.outputs[0]
    if var is not None:
        bounds = operation.inputs[1:4]
        own_name = result.op.name if name is None else name

        def assign(value: Any, name: str | None = None) -> Tensor:
            """Give this part of the variable a new value; returns the variable's reference."""
            made_name = f"{own_name}_assign" if name is None else name
            made = _STRIDED_SLICE_ASSIGN(var._ref(), *bounds, value, name=made_name, **masks)
            return made.outputs[0]

        result.assign = assign  # type: ignore[attr-defined]
    return result
