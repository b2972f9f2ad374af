"""Random numbers: RandomUniform, RandomUniformInt, RandomStandardNormal, TruncatedNormal.

Seeded operations draw the numbers that TensorFlow 1.15 draws on the CPU (`graphflow.ir.philox`).
The state of an operation's generator is a hidden variable of the session: every run goes on where
the last one ended, and another session begins anew. An operation without seeds begins somewhere
else in each session.
"""

from __future__ import annotations

import secrets
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value_as_shape
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dimension import Dimension
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.random_seed import get_seed, set_random_seed
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import product
from graphflow.ir.philox import RESERVED_PER_OUTPUT, initial_state
from graphflow.ops.identity import Types

__all__ = [
    "random_normal",
    "random_uniform",
    "set_random_seed",
    "truncated_normal",
]

_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
_INTEGERS = (dtypes.int32, dtypes.int64)


def _infer_random(op: Operation) -> Types:
    return [(op.attrs["dtype"], constant_value_as_shape(op.inputs[0]))]


def _infer_random_int(op: Operation) -> Types:
    for bound in op.inputs[1:]:
        if bound.shape.rank not in (None, 0):
            raise ValueError(f"Shape must be rank 0 but is rank {bound.shape.rank}")
    return [(op.attrs["Tout"], constant_value_as_shape(op.inputs[0]))]


def _bounds_message(low: Any, high: Any) -> str:
    return f"Need minval < maxval, got {int(low)} >= {int(high)}"


def drawn_sizes(b: Any, shape: Any) -> tuple[Any, ...]:
    """The sizes that a vector asks for; ValueError where it is none, or one is below zero."""
    if shape.rank != 1:
        raise ValueError(
            f"shape must be a vector of {{int32,int64}}, got shape {list(shape.shape)}"
        )
    sizes = tuple(b.static_ints(shape))
    for size in sizes:
        if isinstance(size, int) and size < 0:
            raise ValueError(f"Dimension {size} must be >= 0")
    return sizes


def _draw(b: Any, op: Operation, kind: str, dtype: DType, shape: Any, bounds: Any = ()) -> Any:
    sizes = drawn_sizes(b, shape)
    seeds = op.attrs["seed"], op.attrs["seed2"]
    if seeds == (0, 0):
        seeds = secrets.randbits(64), secrets.randbits(64)
    state = b.random_state(op, *initial_state(*seeds))
    drawn = b.random(kind, dtype, sizes, state, bounds)
    b.advance_random(op, product(sizes) * RESERVED_PER_OUTPUT)
    return drawn


def _lower_random_int(b: Any, op: Operation, shape: Any, low: Any, high: Any) -> Any:
    b.check(b.lt(low, high), "InvalidArgumentError", _bounds_message, (low, high))
    return _draw(b, op, "uniform_int", op.attrs["Tout"], shape, (low, high))


for _name, _kind in [
    ("RandomUniform", "uniform"),
    ("RandomStandardNormal", "normal"),
    ("TruncatedNormal", "truncated_normal"),
]:
    define_op(
        name=_name,
        infer=_infer_random,
        lower=lambda b, op, shape, kind=_kind: _draw(b, op, kind, op.attrs["dtype"], shape),
        no_gradient="random numbers depend on no input but the shape",
        stateful=True,
    )
define_op(
    name="RandomUniformInt",
    infer=_infer_random_int,
    lower=_lower_random_int,
    no_gradient="integer output",
    stateful=True,
)

_UNIFORM = Signature("RandomUniform", "shape: T", T=_INTEGERS)
_UNIFORM_INT = Signature(
    "RandomUniformInt", "shape: T", "minval: Tout", "maxval: Tout", T=_INTEGERS, Tout=_INTEGERS
)
_NORMAL = Signature("RandomStandardNormal", "shape: T", T=_INTEGERS)
_TRUNCATED_NORMAL = Signature("TruncatedNormal", "shape: T", T=_INTEGERS)
_ADD = Signature("Add", "x: T", "y: T")
_SUB = Signature("Sub", "x: T", "y: T")
_MUL = Signature("Mul", "x: T", "y: T")


def shape_tensor(shape: Any) -> Tensor:
    """Return a shape given as a tensor, a `TensorShape` or a list of sizes as a vector."""
    dtype = None
    if isinstance(shape, (tuple, list)):
        if not shape:
            dtype = dtypes.int32
        shape = tuple(size.value if isinstance(size, Dimension) else size for size in shape)
    return convert_to_tensor(shape, dtype=dtype, name="shape")


def seed_attrs(seed: int | None) -> dict[str, Any]:
    first, second = get_seed(seed)
    return {"seed": first or 0, "seed2": second or 0}


def _float_type(dtype: Any) -> DType:
    dtype = as_dtype(dtype)
    if dtype not in _FLOATS:
        names = ", ".join(known.name for known in _FLOATS)
        raise TypeError(
            f"Value passed to parameter 'dtype' has DataType {dtype.name} not in list of allowed "
            f"values: {names}"
        )
    return dtype


def _scaled_normal(
    signature: Signature, default: str, shape: Any, mean: Any, stddev: Any, dtype: Any,
    seed: int | None, name: str | None,
) -> Tensor:  # fmt: skip
    with name_scope(name, default, [shape, mean, stddev]) as scope:
        sizes = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype=dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype=dtype, name="stddev")
        drawn = signature(sizes, dtype=_float_type(dtype), **seed_attrs(seed)).outputs[0]
        scaled = _MUL(drawn, stddev, name="mul").outputs[0]
        return _ADD(scaled, mean, name=scope).outputs[0]


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return normally distributed numbers, drawn anew in each run.

    Parameters
    ----------
    shape : sizes; a list or an integer vector.
    mean, stddev : of the distribution; they broadcast to the shape.
    dtype : float16, bfloat16, float32 or float64.
    seed : the operation's seed; see `set_random_seed`.
    """
    return _scaled_normal(_NORMAL, "random_normal", shape, mean, stddev, dtype, seed, name)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return normally distributed numbers, drawn again where they miss the mean by two deviations.

    The parameters are those of `random_normal`.
    """
    return _scaled_normal(
        _TRUNCATED_NORMAL, "truncated_normal", shape, mean, stddev, dtype, seed, name
    )


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return numbers uniform in [minval, maxval), drawn anew in each run.

    Parameters
    ----------
    shape : sizes; a list or an integer vector.
    minval, maxval : the range; `maxval` is 1 for floats when None, and required for integers.
    dtype : float16, bfloat16, float32, float64, int32 or int64.
    seed : the operation's seed; see `set_random_seed`.

    Raises
    ------
    ValueError : another dtype, or integers without `maxval`.
    """
    dtype = as_dtype(dtype)
    if dtype not in (*_FLOATS, *_INTEGERS):
        raise ValueError(f"Invalid dtype {dtype!r}")
    if maxval is None:
        if dtype.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
        maxval = 1
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        sizes = shape_tensor(shape)
        low = convert_to_tensor(minval, dtype=dtype, name="min")
        high = convert_to_tensor(maxval, dtype=dtype, name="max")
        attrs = seed_attrs(seed)
        if dtype.is_integer:
            return _UNIFORM_INT(sizes, low, high, Tout=dtype, name=scope, **attrs).outputs[0]
        drawn = _UNIFORM(sizes, dtype=dtype, **attrs).outputs[0]
        width = _SUB(high, low, name="sub").outputs[0]
        scaled = _MUL(drawn, width, name="mul").outputs[0]
        return _ADD(scaled, low, name=scope).outputs[0]
