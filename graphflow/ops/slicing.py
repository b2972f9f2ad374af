"""Parts of tensors, and tensors made larger: slice, pad, tile, reverse.

All are views of the Program. The names of `joining` and `strided_slice` can be had from here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim
from graphflow.ops.joining import concat, split, stack, unstack
from graphflow.ops.padding import mirror_pad, pad
from graphflow.ops.shape import INDEX, one_of, reshape, size
from graphflow.ops.shape import rank as rank_of
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import (
    Types,
    all_known_ints,
    known_array,
    known_ints,
    output,
    shape_of_value,
    with_rank,
)
from graphflow.ops.strided_slice import partial_ints, placed, strided_slice

__all__ = [
    "concat", "mirror_pad", "pad", "reverse", "reverse_sequence", "reverse_v2",
    "slice", "split", "stack", "strided_slice", "tile", "unstack",
]  # fmt: skip

# ---- slice


def _infer_slice(op: Operation) -> Types:
    x, begin, sizes = op.inputs
    for bounds in (begin, sizes):
        with_rank(bounds.shape, 1)
    (rank,) = merge_in_op(begin.shape, sizes.shape).extents or (None,)
    wanted = known_ints(sizes)
    if rank is None:
        extents = x.shape.extents
        return output(op, None if extents is None else (None,) * len(extents))
    source = with_rank(x.shape, rank)
    if wanted is None:
        return output(op, (None,) * rank)
    starts = known_ints(begin) or [None] * rank
    return output(
        op,
        tuple(_slice_size(*entry) for entry in zip(source, starts, wanted, strict=True)),
    )


def _slice_size(extent: int | None, start: int | None, wanted: int | None) -> int | None:
    if wanted is None or wanted >= 0:
        return wanted
    if wanted < -1:
        raise ValueError(f"Invalid size {wanted}: sizes must be >= -1")
    return None if extent is None or start is None else extent - start


@dataclass(frozen=True)
class _BadBegin:
    """The message for a slice that leaves its operand, with the index known in the run only."""

    axis: int
    extent: Any

    def __call__(self, start: Any, wanted: Any) -> str:
        begin, length = int(start), int(wanted)
        if not 0 <= begin <= self.extent:
            return f"Expected begin[{self.axis}] in [0, {self.extent}], but got {begin}"
        return f"Expected size[{self.axis}] in [0, {self.extent - begin}], but got {length}"


def _slice_bounds(
    b: Any, shape: Sequence[Dim], begin: Any, sizes: Sequence[Dim]
) -> tuple[list[Any], list[Dim]]:
    """Starts, integers or scalar nodes, and lengths of a slice, each checked."""
    starts = partial_ints(b, begin)
    if any(hasattr(s, "op") and isinstance(n, int) and n < 0
           for s, n in zip(starts, sizes, strict=True)):  # fmt: skip
        starts = b.static_ints(begin)
    lengths: list[Dim] = []
    for axis, (start, length, extent) in enumerate(zip(starts, sizes, shape, strict=True)):
        if hasattr(start, "op"):
            limit = b.runtime(b.dim(extent - length, start.dtype))
            inside = b.and_(b.ge(start, 0), b.le(start, limit))
            data = (start, b.runtime(b.dim(length, start.dtype)))
            b.check(inside, "InvalidArgumentError", _BadBegin(axis, extent), data)
            lengths.append(length)
            starts[axis] = 0 if length == extent else start  # the check leaves nothing else
            continue
        length = extent - start if isinstance(length, int) and length == -1 else length
        if start < 0 or start > extent:
            raise ValueError(f"Expected begin[{axis}] in [0, {extent}], but got {start}")
        if length < 0 or start + length > extent:
            raise ValueError(f"Expected size[{axis}] in [0, {extent - start}], but got {length}")
        lengths.append(length)
    return starts, lengths


def _lower_slice(b: Any, op: Operation, x: Any, begin: Any, sizes: Any) -> Any:
    starts, lengths = _slice_bounds(b, x.shape, begin, b.static_ints(sizes))
    moving = [axis for axis, start in enumerate(starts) if hasattr(start, "op")]
    taken = b.slice(
        x,
        [0 if axis in moving else start for axis, start in enumerate(starts)],
        [x.shape[axis] if axis in moving else n for axis, n in enumerate(lengths)],
    )
    # A start that only the run knows must not cost a compilation for each of its values.
    for axis in moving:
        start = starts[axis]
        places = b.add(b.iota((lengths[axis],), 0, start.dtype), start)
        taken = b.gather(taken, places, axis=axis)
    return taken


def _slice_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, begin, _ = op.inputs
    if known_array(begin) is None:
        whole = shape_of(x, out_type=begin.dtype)
        return [_SLICE_GRAD(whole, begin, gradient).outputs[0], None, None]
    whole, part = (shape_of(t, out_type=begin.dtype) for t in (x, op.outputs[0]))
    columns = stack([rank_of(x), 1])
    after = _SUB(_SUB(whole, part).outputs[0], begin).outputs[0]
    paddings = concat([reshape(begin, columns), reshape(after, columns)], 1)
    return [pad(gradient, paddings), None, None]


def _lower_slice_gradient(b: Any, op: Operation, whole: Any, begin: Any, gradient: Any) -> Any:
    shape = tuple(b.static_ints(whole))
    starts, lengths = _slice_bounds(b, shape, begin, gradient.shape)
    low = [0 if hasattr(s, "op") else s for s in starts]
    high = [
        0 if hasattr(s, "op") else extent - s - n
        for s, n, extent in zip(starts, lengths, shape, strict=True)
    ]
    result = b.pad(gradient, low, high)
    for axis, start in enumerate(starts):
        if hasattr(start, "op"):
            result = placed(b, result, axis, (start, 1), shape[axis])
    return result


define_op(name="Slice", infer=_infer_slice, lower=_lower_slice, gradient=_slice_gradient)
# The gradient of a slice whose begin only the run knows; TensorFlow has a Pad for it, whose
# paddings would have to be known here.
define_op(
    name="SliceGrad",
    infer=lambda op: output(op, shape_of_value(op.inputs[0]), op.inputs[2].dtype.base_dtype),
    lower=_lower_slice_gradient,
    gradient=lambda op, gradient: [
        None,
        None,
        slice(gradient, op.inputs[1], shape_of(op.inputs[2], out_type=op.inputs[1].dtype)),
    ],
)
_SLICE = Signature("Slice", "input: T", "begin: Index", "size: Index", Index=INDEX)
_SLICE_GRAD = Signature("SliceGrad", "shape: Index", "begin: Index", "dy: T", Index=INDEX)
_SUB = Signature("Sub", "x: T", "y: T")


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """Return a block of a tensor.

    Parameters
    ----------
    begin : integer vector, where the block starts along each axis.
    size : integer vector of its sizes; -1 takes all that remains.
    """
    return _SLICE(input_, begin, size, name=name).outputs[0]


# ---- tile


def _infer_tile(op: Operation) -> Types:
    source, multiples = op.inputs[0].shape, known_ints(op.inputs[1])
    with_rank(op.inputs[1].shape, 1)
    if multiples is None:
        return output(op, None if source.extents is None else (None,) * len(source.extents))
    if source.extents is not None and len(multiples) != len(source.extents):
        raise ValueError(f"Shape must be rank {len(source.extents)} but is rank {len(multiples)}")
    extents = with_rank(source, len(multiples))
    pairs = zip(extents, multiples, strict=True)
    return output(op, tuple(_tiled_size(d, m) for d, m in pairs))


def _tiled_size(size: int | None, times: int | None) -> int | None:
    # TensorFlow's rule takes a negative number for an unknown one; the run refuses it.
    return None if size is None or times is None or times < 0 else size * times


def _lower_tile(b: Any, op: Operation, x: Any, multiples_node: Any) -> Any:
    multiples = b.static_ints(multiples_node)
    if len(multiples) != x.rank:
        raise ValueError(
            f"Expected multiples argument to be a vector of length {x.rank} but got length "
            f"{len(multiples)}"
        )
    shape: list[Dim] = []
    axes: list[int] = []
    for k, (dim, multiple) in enumerate(zip(x.shape, multiples, strict=True)):
        if multiple < 0:
            raise ValueError(f"Expected multiples[{k}] >= 0, but got {multiple}")
        if multiple != 1:
            shape.append(multiple)
        axes.append(len(shape))
        shape.append(dim)
    result = [d * m for d, m in zip(x.shape, multiples, strict=True)]
    return b.reshape(b.broadcast(x, shape, axes), result)


def _tile_gradient(op: Operation, gradient: Any) -> list[Any]:
    x, multiples = op.inputs
    pairs = stack([multiples, shape_of(x, out_type=multiples.dtype)], axis=1)
    split_shape = reshape(pairs, [-1])
    rank = x.shape.rank
    axes: Any = _RANGE(0, size(split_shape), 2).outputs[0] if rank is None else None
    if rank is not None:
        axes = list(range(0, 2 * rank, 2))
        if not axes:
            return [gradient, None]
    return [_SUM(reshape(gradient, split_shape), axes, keep_dims=False).outputs[0], None]


define_op(name="Tile", infer=_infer_tile, lower=_lower_tile, gradient=_tile_gradient)
_TILE = Signature("Tile", "input: T", "multiples: Tmultiples = int32", Tmultiples=INDEX)
_RANGE = Signature("Range", "start: Tidx = int32", "limit: Tidx = int32", "delta: Tidx = int32")
_SUM = Signature("Sum", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Return copies of a tensor laid side by side, ``multiples[k]`` of them along axis k."""
    return _TILE(input, multiples, name=name).outputs[0]


# ---- reverse


def _reversed_axes(axes: Sequence[int], rank: int) -> list[int]:
    seen: list[int] = []
    for k, axis in enumerate(axes):
        if not -rank <= axis < rank:
            raise ValueError(f"'axis'[{k}] = {axis} is out of valid range [0, {rank - 1}")
        if axis % rank in seen:
            raise ValueError(f"axis {axis % rank} specified more than once.")
        seen.append(axis % rank)
    return seen


def _infer_reverse(op: Operation) -> Types:
    x, axis = op.inputs
    with_rank(axis.shape, 1)
    known = all_known_ints(axis)
    if known is not None and x.shape.rank is not None:
        _reversed_axes(known, x.shape.rank)
    return output(op, x.shape.extents)


def reversed_along(b: Any, x: Any, axes: Sequence[int]) -> Any:
    """A node with some axes walked backwards."""
    return b.slice(
        x,
        [d - 1 if k in axes and d != 0 else 0 for k, d in enumerate(x.shape)],
        x.shape,
        [-1 if k in axes and d != 0 else 1 for k, d in enumerate(x.shape)],
    )


define_op(
    name="ReverseV2",
    infer=_infer_reverse,
    lower=lambda b, op, x, axis: reversed_along(
        b, x, _reversed_axes([int(a) for a in b.static_ints(axis)], x.rank)
    ),
    gradient=lambda op, gradient: [reverse(gradient, op.inputs[1]), None],
)
_REVERSE = Signature("ReverseV2", "tensor: T", "axis: Tidx = int32", Tidx=INDEX)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """Return a tensor with the axes in the vector `axis` walked backwards."""
    return _REVERSE(tensor, axis, name=name).outputs[0]


reverse_v2 = reverse


@dataclass(frozen=True)
class _TooLong:
    """The message for a sequence longer than its axis."""

    axis: int
    extent: Any

    def __call__(self, lengths: Any) -> str:
        for k, length in enumerate(lengths):
            if length > self.extent:
                return f"seq_lens({k}) > input.dims({self.axis})"
            if length < 0:
                return f"seq_lens({k}) < 0"
        return "seq_lens are in range"


def _infer_reverse_sequence(op: Operation) -> Types:
    x, lengths = op.inputs
    with_rank(lengths.shape, 1)
    rank = x.shape.rank
    for name in ("batch_dim", "seq_dim"):
        if rank is not None and op.attrs[name] >= rank:
            raise ValueError(f"{name} must be < input rank: {op.attrs[name]} vs. {rank}")
    if rank is not None:
        batch = TensorShape([x.shape.extents[op.attrs["batch_dim"]]])  # type: ignore[index]
        if not batch.is_compatible_with(lengths.shape):
            sizes = [batch.as_list()[0], lengths.shape.as_list()[0]]
            raise ValueError(f"Dimensions must be equal, but are {sizes[0]} and {sizes[1]}")
    return output(op, x.shape.extents)


def _lower_reverse_sequence(b: Any, op: Operation, x: Any, lengths: Any) -> Any:
    batch, along = op.attrs["batch_dim"], op.attrs["seq_dim"]
    perm = [batch, along, *(k for k in range(x.rank) if k not in (batch, along))]
    extent = x.shape[along]
    limit = b.runtime(b.dim(extent, lengths.dtype))
    inside = b.reduce("and", b.and_(b.ge(lengths, 0), b.le(lengths, limit)), [0])
    b.check(inside, "InvalidArgumentError", _TooLong(along, extent), (lengths,))
    shape = (x.shape[batch], extent)
    place = b.iota(shape, 1, lengths.dtype)
    ends = b.broadcast(lengths, shape, (0,))
    source = b.select(b.lt(place, ends), b.sub(b.sub(ends, 1), place), place)
    turned = b.gather(b.transpose(x, perm), source, axis=1, batch_dims=1)
    return b.transpose(turned, [perm.index(k) for k in range(x.rank)])


define_op(
    name="ReverseSequence",
    infer=_infer_reverse_sequence,
    lower=_lower_reverse_sequence,
    gradient=lambda op, gradient: [
        reverse_sequence(gradient, op.inputs[1], op.get_attr("seq_dim"), op.get_attr("batch_dim")),
        None,
    ],
)
_REVERSE_SEQUENCE = Signature(
    "ReverseSequence", "input: T", "seq_lengths: Tlen = int64", Tlen=(int32, int64)
)


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """Return `input` with the first ``seq_lengths[i]`` elements of each sequence i reversed.

    Parameters
    ----------
    seq_axis : the axis along which a sequence lies.
    batch_axis : the axis that counts sequences, 0 when None.
    seq_dim, batch_dim : their older names.
    """
    along = one_of("seq_axis", seq_axis, "seq_dim", seq_dim)
    batch = one_of("batch_axis", batch_axis, "batch_dim", batch_dim)
    attrs = {"seq_dim": along, "batch_dim": batch or 0}
    return _REVERSE_SEQUENCE(convert_to_tensor(input), seq_lengths, name=name, **attrs).outputs[0]
