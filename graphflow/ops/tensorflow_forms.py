"""How operations that only graphflow has are written into GraphDefs: in TensorFlow's ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.default import control_dependencies, get_default_graph
from graphflow.graph.dtypes import int32
from graphflow.graph.expansion import register_form
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import logical_not
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import fill
from graphflow.ops.identity import group, identity
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.joining import concat, stack
from graphflow.ops.partitioning import dynamic_stitch
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.scatter import scatter_add
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.sequences import range as range_of
from graphflow.ops.sets import unique
from graphflow.ops.shape import reshape, shape, size
from graphflow.ops.state import assign, assign_sub
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import sqrt

_PAD = Signature("Pad", "input: T", "paddings: Tpaddings")
_IS_INITIALIZED = Signature("IsVariableInitialized", "ref: Ref(dtype)")


@register_form("ReducedShape")
def _reduced_shape(op: Operation, full: Tensor, axes: Tensor) -> Tensor:
    rank = size(full)
    flat = reshape((cast(axes, int32) + rank) % rank, [-1])
    return dynamic_stitch([range_of(rank), flat], [full, fill(shape(flat), 1)])


@register_form("SliceGrad")
def _slice_gradient(op: Operation, whole: Tensor, begin: Tensor, gradient: Tensor) -> Tensor:
    after = whole - begin - shape(gradient, out_type=whole.dtype)
    return _PAD(gradient, stack([begin, after], axis=1)).outputs[0]


@register_form("GatherGrad")
def _gather_gradient(
    op: Operation, whole: Tensor, indices: Tensor, axis: Tensor, gradient: Tensor
) -> Tensor | None:
    """Rows are brought to the front, added up, and brought back."""
    place = constant_value(op.inputs[2])
    if op.attrs.get("batch_dims", 0) or place is None or int(place) < 0:
        return None
    before, after = whole[: int(place)], whole[int(place) + 1 :]
    outer, inner = reduce_prod(before), reduce_prod(after)
    rows = reshape(gradient, stack([outer, size(indices), inner]))
    rows = reshape(transpose(rows, [1, 0, 2]), stack([size(indices), outer, inner]))
    total = unsorted_segment_sum(rows, reshape(indices, [-1]), whole[int(place)])
    turned = transpose(total, [1, 0, 2])
    return reshape(turned, concat([before, whole[int(place) : int(place) + 1], after], 0))


@register_form("InitializedValue")
def _initialized_value(op: Operation, reference: Tensor, initial: Tensor) -> Any:
    known = _IS_INITIALIZED(reference).outputs[0]
    return cond(known, lambda: identity(reference), lambda: identity(initial))


@register_form("UninitializedNames")
def _uninitialized_names(op: Operation, *has_value: Tensor) -> Tensor:
    names = constant(np.array(op.attrs["names"], dtype=object))
    return boolean_mask(names, logical_not(stack(list(has_value))))


def _summed(values: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Rows for the same index added up: TensorFlow's updates want each index once."""
    different, places = unique(indices)
    return unsorted_segment_sum(values, places, shape(different)[0]), different


def _update_of_rows(op: Operation, *inputs: Tensor) -> Tensor:
    given = list(inputs)
    place = next(k for k, t in enumerate(inputs) if t.dtype.base_dtype.is_integer)
    given[place - 1 : place + 1] = _summed(*given[place - 1 : place + 1])
    made = get_default_graph().create_op(op.type, given, dict(op.attrs), op.type)
    return identity(made.outputs[0])


for _name in (
    "Adadelta", "Adagrad", "AdagradDA", "CenteredRMSProp", "Ftrl", "FtrlV2", "Momentum",
    "ProximalAdagrad", "ProximalGradientDescent", "RMSProp",
):  # fmt: skip
    register_form(f"SparseApply{_name}")(_update_of_rows)


@register_form("SparseApplyAdam")
def _sparse_adam(op: Operation, var: Tensor, m: Tensor, v: Tensor, *rest: Tensor) -> Any:
    beta1_power, beta2_power, rate, beta1, beta2, epsilon, gradient, indices = rest
    if op.attrs.get("use_nesterov"):
        return None
    gradient, indices = _summed(gradient, indices)
    step = rate * sqrt(1 - beta2_power) / (1 - beta1_power)
    means = []
    for moment, decay, part in ((m, beta1, gradient), (v, beta2, gradient * gradient)):
        faded = assign(moment, moment * decay)
        with control_dependencies([faded]):
            means.append(scatter_add(moment, indices, part * (1 - decay)))
    first, second = means
    changed = assign_sub(var, step * first / (sqrt(second) + epsilon))
    return identity(changed)


@register_form("AssertInitialized")
def _assert_initialized(op: Operation, reference: Tensor) -> Operation:
    return group(identity(reference))
