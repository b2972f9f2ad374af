"""Normal numbers between bounds that may differ from row to row: ParameterizedTruncatedNormal."""

from __future__ import annotations

from math import prod
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value_as_shape
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir import philox_truncated
from graphflow.ir.dims import product
from graphflow.ops.host import compute
from graphflow.ops.kinds import INDEX
from graphflow.ops.random import drawn_sizes, seed_attrs, shape_tensor
from graphflow.ops.sampling import random_state
from graphflow.ops.shape_rules import Types, with_rank_at_most

_NAMES = ("means", "stddevs", "minvals", "maxvals")


def _infer(op: Operation) -> Types:
    for parameter in op.inputs[1:]:
        with_rank_at_most(parameter.shape, 1)
    return [(op.inputs[1].dtype.base_dtype, constant_value_as_shape(op.inputs[0]))]


def _check(parameters: Any, batches: Any) -> None:
    for name, node in zip(_NAMES, parameters, strict=True):
        shape = list(node.shape)
        if node.rank and node.shape[0] not in (1, batches):
            raise ValueError(f"Input {name} should have length 1 or shape[0], got shape: {shape}")


def _draw(*given: Any, sizes: tuple[int, int], shape: tuple[int, ...]) -> Any:
    *parameters, state = given
    flat = [p.reshape(-1) for p in parameters]
    return philox_truncated.truncated(state, flat, sizes, prod(shape)).reshape(shape)


def _lower(b: Any, op: Operation, shape: Any, *parameters: Any) -> Any:
    extents: tuple[int, ...] = drawn_sizes(b, shape)
    if not extents:
        raise ValueError("Shape tensor must not be empty, got []")
    _check(parameters, extents[0])
    is_shared = all(product(p.shape) == 1 for p in parameters)
    sizes = philox_truncated.cut(prod(extents), extents[0], prod(extents[1:]), is_shared)
    state = random_state(b, op, philox_truncated.reserved(*sizes))
    inputs = (*parameters, state)
    return compute(b, op, _draw, inputs, [extents], sizes=sizes, shape=extents)


define_op(
    "ParameterizedTruncatedNormal", _infer, _lower, stateful=True,
    no_gradient="TensorFlow has none for it",
)  # fmt: skip
_TRUNCATED = Signature(
    "ParameterizedTruncatedNormal", "shape: T", "means: dtype", "stddevs: dtype", "minvals: dtype",
    "maxvals: dtype", T=INDEX, dtype=(dtypes.float16, dtypes.float32, dtypes.float64),
)  # fmt: skip


def parameterized_truncated_normal(
    shape: Any, means: Any = 0.0, stddevs: Any = 1.0, minvals: Any = -2.0, maxvals: Any = 2.0,
    dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return normally distributed numbers between bounds, drawn anew in each run.

    Parameters
    ----------
    shape : sizes; a list or an integer vector.
    means, stddevs, minvals, maxvals : the distribution and its bounds: numbers, or vectors with one
        for each row of the result.
    dtype : float16, float32 or float64.
    seed : the operation's seed; see `set_random_seed`.

    Raises
    ------
    InvalidArgumentError : in a run, for bounds that are not in order, or both infinite, and for a
        deviation that is not positive.
    """
    with name_scope(name, "parameterized_truncated_normal", [shape, means, stddevs]):
        sizes = shape_tensor(shape)
        given = [
            convert_to_tensor(value, dtype=dtype, name=word)
            for word, value in zip(_NAMES, (means, stddevs, minvals, maxvals), strict=True)
        ]
        return _TRUNCATED(sizes, *given, **seed_attrs(seed)).outputs[0]
