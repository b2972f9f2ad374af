"""Shapes as values, and ops that give the same elements in another shape.

Shape, ShapeN, Size and Rank lower to constants: in a run every shape is known, so arithmetic on
shapes folds away. Reshape, ExpandDims, Squeeze and BroadcastTo are views.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype, int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import (
    SCALAR,
    Extents,
    TensorShape,
    broadcast,
    broadcast_shape,
    shape_from_tuple,
)
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import broadcast_shapes
from graphflow.ir.dims import Dim, dims_equal, product, shapes_equal
from graphflow.ops.shape_rules import (
    Types,
    known_int,
    known_ints,
    output,
    shape_of_value,
    with_rank,
    with_rank_at_most,
)

__all__ = [
    "broadcast_dynamic_shape", "broadcast_static_shape", "broadcast_to", "expand_dims", "rank",
    "reshape", "shape", "shape_n", "size", "squeeze",
]  # fmt: skip

INDEX = (int32, int64)

# ---- shapes as values


def _infer_shape(op: Operation) -> Types:
    return [(op.attrs["out_type"], TensorShape([tensor.shape.rank])) for tensor in op.inputs]


define_op(
    name="Shape",
    infer=_infer_shape,
    lower=lambda b, op, x: b.shape_value(x.shape, op.attrs["out_type"]),
    no_gradient="integer output",
)
define_op(
    name="ShapeN",
    infer=_infer_shape,
    lower=lambda b, op, *xs: tuple(b.shape_value(x.shape, op.attrs["out_type"]) for x in xs),
    no_gradient="integer output",
)
define_op(
    name="Size",
    infer=lambda op: [(op.attrs["out_type"], SCALAR)],
    lower=lambda b, op, x: b.dim(product(x.shape), op.attrs["out_type"]),
    no_gradient="integer output",
)
define_op(
    name="Rank",
    infer=lambda op: [(int32, SCALAR)],
    lower=lambda b, op, x: b.dim(x.rank, int32),
    no_gradient="integer output",
)

_SHAPE = Signature("Shape", "input: T")
_CAST = Signature("Cast", "x: SrcT")  # of a later family
_PROD = Signature("Prod", "input: T", "reduction_indices: Tidx = int32")
_SHAPE_N = Signature("ShapeN", "input: N * T")
_SIZE = Signature("Size", "input: T")
_RANK = Signature("Rank", "input: T")


def shape(
    input: Any, name: str | None = None, out_type: Any = int32, *, optimize: bool = True
) -> Tensor:
    """Return the shape of a tensor as an integer vector.

    Parameters
    ----------
    out_type : int32 or int64.
    optimize : return a constant when the shape is known now.
    """
    with name_scope(name, "Shape", [input]) as scope:
        if isinstance(input, SparseTensor):
            return _CAST(input.dense_shape, DstT=as_dtype(out_type), Truncate=False).outputs[0]
        tensor = convert_to_tensor(input)
        if optimize and tensor.shape.is_fully_defined():
            return constant(tensor.shape.as_list(), as_dtype(out_type), name=scope)
        return _SHAPE(tensor, name=scope, out_type=as_dtype(out_type)).outputs[0]


def shape_n(input: Sequence[Any], out_type: Any = int32, name: str | None = None) -> list[Tensor]:
    """Return the shapes of several tensors of one type."""
    return _SHAPE_N(input, name=name, out_type=as_dtype(out_type)).outputs


def size(
    input: Any, name: str | None = None, out_type: Any = int32, *, optimize: bool = True
) -> Tensor:
    """Return the number of elements of a tensor as an integer scalar."""
    with name_scope(name, "Size", [input]) as scope:
        if isinstance(input, SparseTensor):
            sizes = _CAST(input.dense_shape, DstT=as_dtype(out_type), Truncate=False).outputs[0]
            return _PROD(sizes, [0], name=scope, keep_dims=False).outputs[0]
        tensor = convert_to_tensor(input)
        if optimize and tensor.shape.is_fully_defined():
            return constant(tensor.shape.num_elements(), as_dtype(out_type), name=scope)
        return _SIZE(tensor, name=scope, out_type=as_dtype(out_type)).outputs[0]


def rank(input: Any, name: str | None = None, *, optimize: bool = True) -> Tensor:
    """Return the number of dimensions of a tensor as an int32 scalar."""
    with name_scope(name, "Rank", [input]) as scope:
        if isinstance(input, SparseTensor):
            return size(input.dense_shape, name=scope)
        tensor = convert_to_tensor(input)
        if optimize and tensor.shape.rank is not None:
            return constant(tensor.shape.rank, int32, name=scope)
        return _RANK(tensor, name=scope).outputs[0]


# ---- reshape


def _count(extents: Extents) -> int | None:
    """The number of elements, or None when a size is unknown; one that is 0 decides."""
    if 0 in extents:
        return 0
    total = 1
    for extent in extents:
        if extent is None:
            return None
        total *= extent
    return total


def _infer_reshape(op: Operation) -> Types:
    target = shape_of_value(op.inputs[1])
    source = op.inputs[0].shape.extents
    if target is None or source is None or None in source:
        return output(op, target)
    have = _count(source)
    assert have is not None
    known = _count(tuple(d for d in target if d is not None)) or 0
    missing = [k for k, d in enumerate(target) if d is None]
    if not missing and known != have:
        listed = ",".join(str(d) for d in target)
        raise ValueError(
            f"Cannot reshape a tensor with {have} elements to shape [{listed}] ({known} elements)"
        )
    if len(missing) == 1 and known:
        if have % known:
            raise ValueError(f"Dimension size must be evenly divisible by {known} but is {have}")
        target = tuple(have // known if d is None else d for d in target)
    return output(op, target)


def target_shape(source: Sequence[Dim], wanted: Sequence[Dim]) -> tuple[Dim, ...]:
    """The shape that a reshape asks for, its -1 replaced.

    Raises
    ------
    ValueError : the number of elements does not fit; in TensorFlow's words.
    """
    count = product(source)
    missing = [k for k, d in enumerate(wanted) if isinstance(d, int) and d == -1]
    if len(missing) > 1:
        raise ValueError(f"Only one input size may be -1, not both {missing[0]} and {missing[1]}")
    for k, d in enumerate(wanted):
        if isinstance(d, int) and d < -1:
            raise ValueError(f"Size {k} must be non-negative, not {d}")
    rest = product(d for k, d in enumerate(wanted) if k not in missing)
    if not missing:
        if not dims_equal(rest, count):
            raise ValueError(
                f"Input to reshape is a tensor with {count} values, but the requested shape has "
                f"{rest}"
            )
        return tuple(wanted)
    if dims_equal(rest, 0) and 0 in source and 0 in wanted:
        # A size that is zero on both sides says nothing of the missing one: the others do.
        count = product(d for d in source if not dims_equal(d, 0))
        rest = product(d for k, d in enumerate(wanted) if k not in missing and d != 0)
    if dims_equal(rest, 0):
        raise ValueError(
            "reshape cannot infer the missing input size for an empty tensor unless all specified "
            "input sizes are non-zero"
        )
    if isinstance(rest, int) and isinstance(count, int) and count % rest:
        raise ValueError(
            f"Input to reshape is a tensor with {count} values, but the requested shape requires "
            f"a multiple of {rest}"
        )
    return tuple(count // rest if k in missing else d for k, d in enumerate(wanted))


def _reshape_to_input(op: Operation, gradient: Any) -> Tensor:
    """The gradient of every op that keeps the elements: back to the shape of the input."""
    return reshape(gradient, shape(op.inputs[0]))


define_op(
    name="Reshape",
    infer=_infer_reshape,
    lower=lambda b, op, x, sizes: b.reshape(x, target_shape(x.shape, b.static_ints(sizes))),
    gradient=lambda op, gradient: [_reshape_to_input(op, gradient), None],
)
_RESHAPE = Signature("Reshape", "tensor: T", "shape: Tshape = int32", Tshape=INDEX)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return the elements of `tensor` in another shape.

    Parameters
    ----------
    shape : sizes; one may be -1 and follows from the others.
    """
    return _RESHAPE(tensor, shape, name=name).outputs[0]


# ---- expand_dims, squeeze


def _infer_expand_dims(op: Operation) -> Types:
    source = op.inputs[0].shape.extents
    axes = known_ints(op.inputs[1])
    axis = axes[0] if axes else None
    if source is None:
        return output(op, None)
    if axis is None:
        return output(op, None)
    return output(op, _expanded(source, axis))


def _expanded(sizes: Sequence[Any], axis: int) -> tuple[Any, ...]:
    rank = len(sizes)
    if not -rank - 1 <= axis <= rank:
        raise ValueError(f"dim {axis} not in the interval [{-rank - 1}, {rank}].")
    place = axis % (rank + 1)
    return (*sizes[:place], 1, *sizes[place:])


def _infer_squeeze(op: Operation) -> Types:
    source, wanted = op.inputs[0].shape.extents, op.attrs["squeeze_dims"]
    if source is None:
        return output(op, None)
    if not wanted and None in source:
        return output(op, None)  # an unknown size may be 1, so that not even the rank is known
    return output(op, _squeezed(source, wanted))


def _squeezed(sizes: Sequence[Any], wanted: Sequence[int]) -> tuple[Any, ...]:
    rank = len(sizes)
    for axis in wanted:
        if not -rank <= axis < rank:
            raise ValueError(f"squeeze_dims[0] not in [{-rank},{rank}).")
    axes = {axis % rank for axis in wanted}
    for axis in sorted(axes):
        if sizes[axis] is not None and not dims_equal(sizes[axis], 1):
            raise ValueError(
                f"Can not squeeze dim[{axis}], expected a dimension of 1, got {sizes[axis]}"
            )
    if not wanted:
        axes = {k for k, d in enumerate(sizes) if dims_equal(d, 1)}
    return tuple(d for k, d in enumerate(sizes) if k not in axes)


define_op(
    name="ExpandDims",
    infer=_infer_expand_dims,
    lower=lambda b, op, x, axis: b.reshape(x, _expanded(x.shape, b.static_int(axis))),
    gradient=lambda op, gradient: [_reshape_to_input(op, gradient), None],
)
define_op(
    name="Squeeze",
    infer=_infer_squeeze,
    lower=lambda b, op, x: b.reshape(x, _squeezed(x.shape, op.attrs["squeeze_dims"])),
    gradient=lambda op, gradient: [_reshape_to_input(op, gradient)],
)
_EXPAND_DIMS = Signature("ExpandDims", "input: T", "dim: Tdim = int32", Tdim=INDEX)
_SQUEEZE = Signature("Squeeze", "input: T")


def one_of(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value of an argument that has an older name too; ValueError when both are given."""
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'")
    return old


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Return `input` with an axis of size 1 inserted before `axis`, -1 for the end.

    Parameters
    ----------
    dim : the older name of `axis`.
    """
    axis = one_of("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return _EXPAND_DIMS(input, axis, name=name).outputs[0]


def squeeze(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Tensor:
    """Return `input` without axes of size 1: those in `axis`, or all.

    Parameters
    ----------
    axis : an integer or a list of them.
    squeeze_dims : the older name of `axis`.
    """
    axis = one_of("axis", axis, "squeeze_dims", squeeze_dims)
    axes = [] if axis is None else list(axis) if isinstance(axis, (list, tuple)) else [axis]
    return _SQUEEZE(input, name=name, squeeze_dims=[int(a) for a in axes]).outputs[0]


# ---- broadcasting


def _infer_broadcast_to(op: Operation) -> Types:
    target = shape_of_value(op.inputs[1])
    source = op.inputs[0].shape
    if target is None:
        return output(op, None)
    with_rank_at_most(source, len(target))
    if source.extents is None:
        return output(op, target)
    return output(op, broadcast(source, shape_from_tuple(target)).extents)


def _lower_broadcast_to(b: Any, op: Operation, x: Any, sizes: Any) -> Any:
    target = tuple(b.static_ints(sizes))
    if x.rank > len(target) or not shapes_equal(broadcast_shapes(x.shape, target), target):
        raise ValueError(f"Incompatible shapes: {list(x.shape)} vs. {list(target)}")
    return b.broadcast_to(x, target)


def _broadcast_to_gradient(op: Operation, gradient: Any) -> list[Any]:
    source = shape(op.inputs[0], out_type=op.inputs[1].dtype)
    axes = _GRADIENT_ARGS(op.inputs[1], source).outputs[1]
    return [reshape(_SUM(gradient, axes, keep_dims=True).outputs[0], source), None]


def _infer_broadcast_args(op: Operation) -> Types:
    ranks = [with_rank(t.shape, 1)[0] for t in op.inputs]
    known = None if None in ranks else max(r for r in ranks if r is not None)
    return output(op, (known,))


def _lower_broadcast_args(b: Any, op: Operation, first: Any, second: Any) -> Any:
    shapes = [tuple(b.static_ints(node)) for node in (first, second)]
    try:
        return b.shape_value(broadcast_shapes(*shapes), first.dtype)
    except ValueError:
        text = " vs. ".join("[" + ",".join(str(d) for d in s) + "]" for s in shapes)
        raise ValueError(f"Incompatible shapes: {text}") from None


define_op(
    name="BroadcastTo",
    infer=_infer_broadcast_to,
    lower=_lower_broadcast_to,
    gradient=_broadcast_to_gradient,
)
define_op(
    name="BroadcastArgs",
    infer=_infer_broadcast_args,
    lower=_lower_broadcast_args,
    no_gradient="integer output",
)
_BROADCAST_TO = Signature("BroadcastTo", "input: T", "shape: Tidx = int32", Tidx=INDEX)
_BROADCAST_ARGS = Signature("BroadcastArgs", "s0: T = int32", "s1: T = int32", T=INDEX)
_GRADIENT_ARGS = Signature("BroadcastGradientArgs", "s0: T", "s1: T", T=INDEX)
_SUM = Signature("Sum", "input: T", "reduction_indices: Tidx = int32", Tidx=INDEX)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return `input` repeated along axes of size 1, and new leading ones, to fill `shape`."""
    return _BROADCAST_TO(input, shape, name=name).outputs[0]


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """Return the shape, an integer vector, to which two shapes given as vectors broadcast."""
    return _BROADCAST_ARGS(shape_x, shape_y).outputs[0]


def broadcast_static_shape(shape_x: TensorShape, shape_y: TensorShape) -> TensorShape:
    """Return the shape to which two static shapes broadcast; ValueError when they do not."""
    return broadcast_shape(shape_x, shape_y)


def static_or_dynamic_shape(tensor: Tensor, out_type: DType = int32) -> Any:
    """The shape of a tensor: a list when it is known now, else a tensor."""
    if tensor.shape.is_fully_defined():
        return tensor.shape.as_list()
    return shape(tensor, out_type=out_type)


def known_axis(tensor: Tensor) -> int | None:
    """The axis that a scalar tensor names, when it is known now."""
    return known_int(tensor)
