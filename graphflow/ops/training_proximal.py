"""More ops that update a variable by its gradient: Adagrad and its kin, FTRL, proximal steps."""

from __future__ import annotations

from typing import Any

from graphflow.graph.operation import Operation
from graphflow.ops.training import define_dense, define_sparse

Values = tuple[Any, ...]


def _shrunk(b: Any, value: Any, threshold: Any) -> Any:
    """The value moved towards zero by a threshold: the proximal step of an L1 norm."""
    return b.mul(b.sign(value), b.max(b.sub(b.abs(value), threshold), 0))


def _adagrad(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    (var, accum), (rate,) = values, scalars
    if op.attrs.get("update_slots", True):
        accum = b.add(accum, b.square(g))
    return b.sub(var, b.mul(b.mul(g, rate), b.rsqrt(accum))), accum


def _adadelta(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    (var, accum, accum_update), (rate, rho, epsilon) = values, scalars
    rest = b.sub(1, rho)
    accum = b.add(b.mul(accum, rho), b.mul(b.square(g), rest))
    scale = b.mul(b.sqrt(b.add(accum_update, epsilon)), b.rsqrt(b.add(accum, epsilon)))
    update = b.mul(scale, g)
    moved = b.add(b.mul(accum_update, rho), b.mul(b.square(update), rest))
    return b.sub(var, b.mul(update, rate)), accum, moved


def _adagrad_da(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    (var, total, squares), (rate, l1, l2, step) = values, scalars
    step = b.cast(step, var.dtype)
    total, squares = b.add(total, g), b.add(squares, b.square(g))
    shrunk = b.select(b.gt(l1, 0), _shrunk(b, total, b.mul(l1, step)), total)
    below = b.add(b.mul(b.mul(step, rate), l2), b.sqrt(squares))
    return b.div(b.mul(b.sub(0, rate), shrunk), below), total, squares


def _ftrl_from(b: Any, values: Any, scalars: Any, g: Any, shrunk_g: Any) -> Values:
    """FTRL-proximal (McMahan et al., 2013); `shrunk_g` is what the linear term accumulates."""
    (var, accum, linear), (rate, l1, l2, power) = values, scalars
    new_accum = b.add(accum, b.square(g))
    exponent = b.sub(0, power)

    def powered(x: Any) -> Any:
        return b.select(b.eq(power, -0.5), b.sqrt(x), b.pow(x, exponent))

    sigma = b.div(b.sub(powered(new_accum), powered(accum)), rate)
    linear = b.add(linear, b.sub(shrunk_g, b.mul(sigma, var)))
    above = b.sub(b.mul(l1, b.sign(linear)), linear)
    below = b.add(b.div(powered(new_accum), rate), b.mul(2, l2))
    return b.select(b.gt(b.abs(linear), l1), b.div(above, below), 0), new_accum, linear


def _ftrl(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    return _ftrl_from(b, values, scalars, g, g)


def _ftrl_v2(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    rate, l1, l2, shrinkage, power = scalars
    shrunk = b.add(g, b.mul(b.mul(2, shrinkage), values[0]))
    return _ftrl_from(b, values, (rate, l1, l2, power), g, shrunk)


def _proximal(b: Any, var: Any, rate: Any, l1: Any, l2: Any, g: Any) -> Any:
    moved = b.sub(var, b.mul(g, rate))
    shrunk = b.select(b.gt(l1, 0), _shrunk(b, moved, b.mul(rate, l1)), moved)
    return b.div(shrunk, b.add(1, b.mul(l2, rate)))


def _proximal_descent(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    (var,), (rate, l1, l2) = values, scalars
    return (_proximal(b, var, rate, l1, l2, g),)


def _proximal_adagrad(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    (var, accum), (rate, l1, l2) = values, scalars
    accum = b.add(accum, b.square(g))
    return _proximal(b, var, b.mul(rate, b.rsqrt(accum)), l1, l2, g), accum


def _ada_max(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> Values:
    (var, m, v), (power1, rate, beta1, beta2, epsilon) = values, scalars
    m = b.add(m, b.mul(b.sub(g, m), b.sub(1, beta1)))
    v = b.max(b.mul(beta2, v), b.abs(g))
    step = b.mul(b.div(rate, b.sub(1, power1)), b.div(m, b.add(v, epsilon)))
    return b.sub(var, step), m, v


_FTRL = ("accum linear", "grad lr l1 l2 lr_power")
_FTRL_V2 = ("accum linear", "grad lr l1 l2 l2_shrinkage lr_power")
_ADAGRAD_DA = (
    "gradient_accumulator gradient_squared_accumulator", "grad lr l1 l2 global_step",
)  # fmt: skip
_ADADELTA = ("accum accum_update", "lr rho epsilon grad")
_PROXIMAL_ADAGRAD = ("accum", "lr l1 l2 grad")

APPLY_ADAGRAD = define_dense("Adagrad", _adagrad, "accum", "lr grad")
SPARSE_APPLY_ADAGRAD = define_sparse("Adagrad", _adagrad, "accum", "lr grad")
APPLY_ADADELTA = define_dense("Adadelta", _adadelta, *_ADADELTA)
SPARSE_APPLY_ADADELTA = define_sparse("Adadelta", _adadelta, *_ADADELTA)
APPLY_ADAGRAD_DA = define_dense("AdagradDA", _adagrad_da, *_ADAGRAD_DA)
SPARSE_APPLY_ADAGRAD_DA = define_sparse("AdagradDA", _adagrad_da, *_ADAGRAD_DA)
APPLY_FTRL = define_dense("Ftrl", _ftrl, *_FTRL)
SPARSE_APPLY_FTRL = define_sparse("Ftrl", _ftrl, *_FTRL)
APPLY_FTRL_V2 = define_dense("FtrlV2", _ftrl_v2, *_FTRL_V2)
SPARSE_APPLY_FTRL_V2 = define_sparse("FtrlV2", _ftrl_v2, *_FTRL_V2)
APPLY_PROXIMAL_DESCENT = define_dense(
    "ProximalGradientDescent", _proximal_descent, "", "alpha l1 l2 delta"
)
SPARSE_APPLY_PROXIMAL_DESCENT = define_sparse(
    "ProximalGradientDescent", _proximal_descent, "", "alpha l1 l2 grad"
)
APPLY_PROXIMAL_ADAGRAD = define_dense("ProximalAdagrad", _proximal_adagrad, *_PROXIMAL_ADAGRAD)
SPARSE_APPLY_PROXIMAL_ADAGRAD = define_sparse(
    "ProximalAdagrad", _proximal_adagrad, *_PROXIMAL_ADAGRAD
)
APPLY_ADA_MAX = define_dense("AdaMax", _ada_max, "m v", "beta1_power lr beta1 beta2 epsilon grad")
