"""More random ops: gamma, Poisson and categorical draws, shuffles, crops, and draws without state.

Seeded operations draw the numbers that TensorFlow 1.15 draws (`graphflow.ir.philox_samples`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value_as_shape
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir import philox_samples
from graphflow.ir.dims import product
from graphflow.ir.philox import RESERVED_PER_OUTPUT, initial_state
from graphflow.ops.broadcasting import sum_to_shape
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import greater_equal
from graphflow.ops.creation import zeros_like
from graphflow.ops.elementwise import maximum
from graphflow.ops.host import compute
from graphflow.ops.identity import with_dependencies
from graphflow.ops.kinds import INDEX, ORDERED
from graphflow.ops.random import drawn_sizes, random_uniform, seed_attrs, shape_tensor
from graphflow.ops.reductions import reduce_all
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.shape_rules import Types, known_int, output, with_rank
from graphflow.ops.slicing import slice as slice_of

__all__ = [
    "multinomial", "random_crop", "random_gamma", "random_poisson", "random_shuffle",
]  # fmt: skip

_NONE = "random numbers depend on no input but the shape"


def random_state(b: Any, op: Operation, steps: Any) -> Any:
    """The operation's generator, moved on by `steps` for the next run."""
    seeds = op.attrs["seed"], op.attrs["seed2"]
    if seeds == (0, 0):
        seeds = secrets.randbits(64), secrets.randbits(64)
    state = b.random_state(op, *initial_state(*seeds))
    b.advance_random(op, steps)
    return state


# ---- gamma and Poisson


def _infer_samples(op: Operation) -> Types:
    lead = constant_value_as_shape(op.inputs[0])
    dtype = op.attrs.get("dtype", op.inputs[1].dtype.base_dtype)
    return [(dtype, lead.concatenate(op.inputs[1].shape))]


def _gamma(alpha: Any, state: Any, samples: int, whole: Any) -> Any:
    return philox_samples.gamma(state, alpha, samples).reshape(whole)


def _poisson(rate: Any, state: Any, samples: int, whole: Any) -> Any:
    return philox_samples.poisson(state, rate, samples).reshape(whole)


def _lower_samples(function: Any) -> Any:
    def lower(b: Any, op: Operation, shape: Any, parameter: Any) -> Any:
        sizes = drawn_sizes(b, shape)
        whole = (*sizes, *parameter.shape)
        count = product(sizes)
        state = random_state(b, op, product(whole) * RESERVED_PER_OUTPUT)
        options: dict[str, Any] = {"samples": count, "whole": whole}
        return compute(b, op, function, (parameter, state), [whole], **options)

    return lower


_HALVES = (dtypes.float16, dtypes.float32, dtypes.float64)
_RATES = (*_HALVES, dtypes.int32, dtypes.int64)


def _gamma_gradient(op: Operation, gradient: Any) -> list[Any]:
    """By the shape: of each sample, summed over the samples."""
    by_shape: Any = _GAMMA_GRADIENT(op.inputs[1], op.outputs[0]).outputs[0]
    return [None, sum_to_shape(gradient * by_shape, op.inputs[1])]


define_op("RandomGamma", _infer_samples, _lower_samples(_gamma), _gamma_gradient, stateful=True)
_GAMMA_GRADIENT = Signature("RandomGammaGrad", "alpha: T", "sample: T")
define_op(
    "RandomPoissonV2", _infer_samples, _lower_samples(_poisson), no_gradient=_NONE, stateful=True
)
_GAMMA = Signature("RandomGamma", "shape: S", "alpha: T", S=INDEX, T=_HALVES)
_POISSON = Signature("RandomPoissonV2", "shape: S", "rate: R = float32", S=INDEX, R=_RATES)


def random_gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return gamma variates of shape ``shape + (alpha * beta).shape``.

    Parameters
    ----------
    alpha : the shape parameters.
    beta : the inverse scales; 1 when None.
    """
    with name_scope(name, "random_gamma", [shape, alpha, beta]):
        sizes = convert_to_tensor(shape, name="shape", dtype=dtypes.int32)
        shapes: Any = convert_to_tensor(alpha, name="alpha", dtype=dtype)
        scales: Any = convert_to_tensor(1 if beta is None else beta, name="beta", dtype=dtype)
        spread = shapes + zeros_like(scales)
        drawn: Any = _GAMMA(sizes, spread, **seed_attrs(seed)).outputs[0]
        smallest = np.finfo(spread.dtype.as_numpy_dtype).tiny
        return maximum(smallest, drawn / scales)


def random_poisson(
    lam: Any, shape: Any, dtype: Any = dtypes.float32, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return Poisson variates of shape ``shape + lam.shape``; `lam` is their mean."""
    with name_scope(name, "random_poisson", [lam, shape]):
        sizes = convert_to_tensor(shape, name="shape", dtype=dtypes.int32)
        attrs = {"dtype": as_dtype(dtype), **seed_attrs(seed)}
        return _POISSON(sizes, lam, **attrs).outputs[0]


# ---- categories


def _infer_categories(op: Operation) -> Types:
    rows = with_rank(op.inputs[0].shape, 2)[0]
    with_rank(op.inputs[1].shape, 0)
    count = known_int(op.inputs[1])
    if count is not None and count < 0:
        raise ValueError(f"num_samples should be nonnegative, got {count}")
    return output(op, (rows, count), op.attrs["output_dtype"])


def _categories(logits: Any, state: Any, samples: int) -> Any:
    return philox_samples.multinomial(state, logits, samples)


def _check_classes(logits: Any) -> None:
    if logits.rank != 2:
        raise ValueError(f"logits should be a matrix, got shape {list(logits.shape)}")
    if logits.shape[1] == 0 and logits.shape[0] != 0:
        raise ValueError("num_classes should be positive, got 0")


def _lower_categories(b: Any, op: Operation, logits: Any, count: Any) -> Any:
    samples = b.static_int(count)
    if samples < 0:
        raise ValueError(f"num_samples should be nonnegative, got {samples}")
    _check_classes(logits)
    rows = logits.shape[0]
    reserved = rows * (-(-samples // 4) * 4) * 2  # words: a draw takes two of them
    state = random_state(b, op, reserved * RESERVED_PER_OUTPUT)
    return compute(b, op, _categories, (logits, state), [(rows, samples)], samples=samples)


def _stateless(seed: Any) -> Any:
    return philox_samples.stateless_state(seed)


def _lower_stateless_categories(b: Any, op: Operation, logits: Any, count: Any, seed: Any) -> Any:
    samples = b.static_int(count)
    _check_classes(logits)
    shape = (logits.shape[0], samples)
    return compute(b, op, _stateless_categories, (logits, seed), [shape], samples=samples)


def _stateless_categories(logits: Any, seed: Any, samples: int) -> Any:
    return philox_samples.multinomial(_stateless(seed), logits, samples)


define_op("Multinomial", _infer_categories, _lower_categories, no_gradient=_NONE, stateful=True)
define_op("StatelessMultinomial", _infer_categories, _lower_stateless_categories, no_gradient=_NONE)
_MULTINOMIAL = Signature("Multinomial", "logits: T", "num_samples: int32", T=ORDERED)
_STATELESS_MULTINOMIAL = Signature(
    "StatelessMultinomial", "logits: T", "num_samples: int32", "seed: Tseed = int64", T=ORDERED,
    Tseed=INDEX,
)  # fmt: skip


def multinomial(
    logits: Any, num_samples: Any, seed: int | None = None, name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:  # fmt: skip
    """Return numbers of classes, a row of `num_samples` for each row of log-probabilities."""
    with name_scope(name, "multinomial", [logits]):
        return _draw_categories(logits, num_samples, output_dtype, seed)


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return numbers of classes; see `multinomial`."""
    with name_scope(name, "categorical", [logits]):
        return _draw_categories(logits, num_samples, dtype, seed)


def _draw_categories(logits: Any, count: Any, dtype: Any, seed: int | None) -> Tensor:
    kind = dtypes.int64 if dtype is None else as_dtype(dtype)
    logits = convert_to_tensor(logits, name="logits")
    return _MULTINOMIAL(logits, count, output_dtype=kind, **seed_attrs(seed)).outputs[0]


def stateless_multinomial(
    logits: Any, num_samples: Any, seed: Any, output_dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return numbers of classes that depend on nothing but the arguments."""
    with name_scope(name, "stateless_multinomial", [logits, seed]):
        return _stateless_draw(logits, num_samples, seed, output_dtype)


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Return numbers of classes that depend on nothing but the arguments."""
    with name_scope(name, "stateless_categorical", [logits, seed]):
        return _stateless_draw(logits, num_samples, seed, dtype)


def _stateless_draw(logits: Any, count: Any, seed: Any, dtype: Any) -> Tensor:
    logits = convert_to_tensor(logits, name="logits")
    operation = _STATELESS_MULTINOMIAL(logits, count, seed, output_dtype=as_dtype(dtype))
    return operation.outputs[0]


# ---- shuffles and crops


def _lower_shuffle(b: Any, op: Operation, x: Any) -> Any:
    count = x.shape[0] if x.rank else 1
    if count <= 1 or 0 in x.shape:
        return x
    state = random_state(b, op, -(-(count - 1) // 4))
    if x.dtype.kind == "string":  # which generated code does not move
        shuffled = _Shuffled(count)
        return b.call_python(shuffled, (state, x), [(x.dtype, x.shape)], stateful=False)[0]
    types = [(dtypes.int64, (count,))]
    (order,) = b.call_python(_Order(count), (state,), types, stateful=False)
    return b.gather(x, order, axis=0)


@dataclass(frozen=True)
class _Order:
    """A random order of so many rows."""

    count: int

    def __call__(self, state: Any) -> list[Any]:
        return [philox_samples.permutation(state, self.count)]


@dataclass(frozen=True)
class _Shuffled:
    """The rows of an array in a random order."""

    count: int

    def __call__(self, state: Any, rows: Any) -> list[Any]:
        return [rows[philox_samples.permutation(state, self.count)]]


define_op(
    "RandomShuffle", lambda op: output(op, op.inputs[0].shape.extents), _lower_shuffle,
    stateful=True,
)  # fmt: skip
_SHUFFLE = Signature("RandomShuffle", "value: T")


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return `value` with the parts along its first axis in a random order."""
    return _SHUFFLE(value, name=name, **seed_attrs(seed)).outputs[0]


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return a part of `value` of the given sizes at a random place."""
    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, dtype=dtypes.int32, name="size")
        sizes: Any = shape_of(value)
        fits = reduce_all(greater_equal(sizes, size))
        text = "Need value.shape >= size, got "
        check = Assert(fits, [text, sizes, size], summarize=1000)
        sizes = with_dependencies([check], sizes)
        limit = sizes - size + 1
        drawn: Any = random_uniform(
            shape_of(sizes), dtype=size.dtype, maxval=size.dtype.max, seed=seed
        )
        return slice_of(value, drawn % limit, size, name=scope)


# ---- without state


def _lower_stateless(kind: str) -> Any:
    def lower(b: Any, op: Operation, shape: Any, seed: Any, *bounds: Any) -> Any:
        if seed.shape != (2,):
            raise ValueError(f"seed must have shape [2], not {list(seed.shape)}")
        state = _state_of_seed(b, seed)
        return b.random(kind, op.outputs[0].dtype, b.static_ints(shape), state, bounds)

    return lower


def _state_of_seed(b: Any, seed: Any) -> Any:
    call = _SeedState()
    if seed.op == "const":
        return b.const(call(seed["value"].array)[0], dtypes.uint64)
    if seed.op == "broadcast" and seed.inputs[0].op == "const":
        return b.const(call(b.static(seed))[0], dtypes.uint64)
    return b.call_python(call, (seed,), [(dtypes.uint64, (4,))], stateful=False)[0]


class _SeedState:
    """The generator's state for a seed of two integers."""

    def __call__(self, seed: Any) -> list[Any]:
        return [philox_samples.stateless_state(seed)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SeedState)

    def __hash__(self) -> int:
        return 4


def _infer_stateless(op: Operation) -> Types:
    with_rank(op.inputs[1].shape, 1)
    dtype = op.inputs[2].dtype.base_dtype if len(op.inputs) > 2 else op.attrs["dtype"]
    return [(dtype, constant_value_as_shape(op.inputs[0]))]


_STATELESS: dict[str, Signature] = {}
for _name, _kind in [
    ("StatelessRandomUniform", "uniform"),
    ("StatelessRandomNormal", "normal"),
    ("StatelessTruncatedNormal", "truncated_normal"),
]:
    define_op(_name, _infer_stateless, _lower_stateless(_kind), no_gradient=_NONE)
    _STATELESS[_name] = Signature(
        _name, "shape: T = int32", "seed: Tseed = int64", T=INDEX, Tseed=INDEX
    )
define_op(
    "StatelessRandomUniformInt", _infer_stateless, _lower_stateless("uniform_int"),
    no_gradient="integer output",
)  # fmt: skip
_STATELESS_INT = Signature(
    "StatelessRandomUniformInt", "shape: T", "seed: Tseed = int64", "minval: dtype",
    "maxval: dtype", T=INDEX, Tseed=INDEX, dtype=INDEX,
)  # fmt: skip


def _drawn(op_type: str, shape: Any, seed: Any, dtype: DType) -> Any:
    return _STATELESS[op_type](shape, seed, dtype=dtype).outputs[0]


def stateless_random_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return uniform numbers in [minval, maxval) that depend on nothing but the arguments.

    Parameters
    ----------
    seed : two integers.
    """
    kind = as_dtype(dtype)
    if maxval is None:
        if kind.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {kind!r}")
        maxval = 1
    with name_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        sizes = shape_tensor(shape)
        low: Any = convert_to_tensor(minval, dtype=kind, name="min")
        high: Any = convert_to_tensor(maxval, dtype=kind, name="max")
        if kind.is_integer:
            return _STATELESS_INT(sizes, seed, low, high, name=scope).outputs[0]
        drawn = _drawn("StatelessRandomUniform", sizes, seed, kind)
        return _ADD(drawn * (high - low), low, name=scope).outputs[0]


def _scaled(
    op_type: str, label: str, shape: Any, seed: Any, mean: Any, stddev: Any, dtype: Any,
    name: str | None,
) -> Tensor:  # fmt: skip
    with name_scope(name, label, [shape, seed, mean, stddev]) as scope:
        sizes = shape_tensor(shape)
        mean = convert_to_tensor(mean, dtype=dtype, name="mean")
        stddev = convert_to_tensor(stddev, dtype=dtype, name="stddev")
        drawn = _drawn(op_type, sizes, seed, as_dtype(dtype))
        return _ADD(drawn * stddev, mean, name=scope).outputs[0]


def stateless_random_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return normal numbers that depend on nothing but the arguments."""
    return _scaled("StatelessRandomNormal", "stateless_random_normal", shape, seed, mean, stddev,
                   dtype, name)  # fmt: skip


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return truncated normal numbers that depend on nothing but the arguments."""
    return _scaled("StatelessTruncatedNormal", "stateless_truncated_normal", shape, seed, mean,
                   stddev, dtype, name)  # fmt: skip


_ADD = Signature("Add", "x: T", "y: T")
