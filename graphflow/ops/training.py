"""The ops that update a variable by its gradient: ApplyGradientDescent, ApplyAdam and the others.

The formulas, and the order of their operations, are those of TensorFlow 1.15's CPU kernels. An op
takes the references of the variable and of its slots and writes all of them.

The sparse forms take a gradient's rows and their indices. An index that occurs several times stands
for the sum of its rows. TensorFlow joins equal indices first (``Unique``), which gives a shape that
depends on data; here the rows are added up in a zero array of the variable's shape, and rows that
no index names keep their values. TensorFlow's sparse Adam, which moves every row, is an op here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import FLOATING, int32, int64
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op
from graphflow.ops.identity import Types
from graphflow.ops.scatter import check_indices, infer_rows
from graphflow.ops.state import variable_of

# update(b, op, values, scalars, gradient): new values of the variable and its slots
Update = Callable[..., tuple[Any, ...]]


def _gradient_descent(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> tuple[Any, ...]:
    (var,), (rate,) = values, scalars
    return (b.sub(var, b.mul(g, rate)),)


def _momentum(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> tuple[Any, ...]:
    (var, accum), (rate, momentum) = values, scalars
    accum = b.add(b.mul(accum, momentum), g)
    if op.attrs["use_nesterov"]:
        step = b.add(b.mul(g, rate), b.mul(b.mul(accum, momentum), rate))
    else:
        step = b.mul(accum, rate)
    return b.sub(var, step), accum


def _rms_prop(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> tuple[Any, ...]:
    (var, square, moment), (rate, rho, momentum, epsilon) = values, scalars
    square = b.add(square, b.mul(b.sub(b.square(g), square), b.sub(1, rho)))
    scaled = b.div(b.mul(g, rate), b.sqrt(b.add(square, epsilon)))
    moment = b.add(b.mul(moment, momentum), scaled)
    return b.sub(var, moment), square, moment


def _centered_rms_prop(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> tuple[Any, ...]:
    (var, mean, square, moment), (rate, rho, momentum, epsilon) = values, scalars
    square = b.add(square, b.mul(b.sub(b.square(g), square), b.sub(1, rho)))
    mean = b.add(mean, b.mul(b.sub(g, mean), b.sub(1, rho)))
    variance = b.add(b.sub(square, b.square(mean)), epsilon)
    moment = b.add(b.mul(moment, momentum), b.div(b.mul(g, rate), b.sqrt(variance)))
    return b.sub(var, moment), mean, square, moment


def _adam_rate(b: Any, rate: Any, power1: Any, power2: Any) -> Any:
    return b.div(b.mul(rate, b.sqrt(b.sub(1, power2))), b.sub(1, power1))


def _adam(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> tuple[Any, ...]:
    (var, m, v), (power1, power2, rate, beta1, beta2, epsilon) = values, scalars
    rate = _adam_rate(b, rate, power1, power2)
    m = b.add(m, b.mul(b.sub(g, m), b.sub(1, beta1)))
    v = b.add(v, b.mul(b.sub(b.square(g), v), b.sub(1, beta2)))
    moved = m
    if op.attrs["use_nesterov"]:
        moved = b.add(b.mul(g, b.sub(1, beta1)), b.mul(m, beta1))
    step = b.div(b.mul(moved, rate), b.add(b.sqrt(v), epsilon))
    return b.sub(var, step), m, v


def _adam_by_rows(b: Any, op: Operation, values: Any, scalars: Any, g: Any) -> tuple[Any, ...]:
    """Adam for a gradient that is zero in most rows, in the order of TensorFlow's operations."""
    (var, m, v), (power1, power2, rate, beta1, beta2, epsilon) = values, scalars
    rate = _adam_rate(b, rate, power1, power2)
    m = b.add(b.mul(m, beta1), b.mul(g, b.sub(1, beta1)))
    v = b.add(b.mul(v, beta2), b.mul(b.square(g), b.sub(1, beta2)))
    return b.sub(var, b.div(b.mul(rate, m), b.add(b.sqrt(v), epsilon))), m, v


def _infer(slots: int, gradient: int) -> Callable[[Operation], Types]:
    """Return the shape rule of a dense update of a variable with so many slots."""

    def infer(op: Operation) -> Types:
        shape = op.inputs[0].shape
        for number, tensor in enumerate(op.inputs):
            if number <= slots or number == gradient:
                shape = merge_in_op(shape, tensor.shape)
            elif tensor.shape.rank not in (None, 0):
                raise ValueError(f"Shape must be rank 0 but is rank {tensor.shape.rank}")
        return [(op.inputs[0].dtype, shape)]

    return infer


def _write(b: Any, op: Operation, values: tuple[Any, ...]) -> Any:
    for reference, value in zip(op.inputs, values, strict=False):
        b.write_variable(variable_of(reference), value)
    return values[0]


def _lower_dense(update: Update, slots: int, gradient: int) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, _: Any, *inputs: Any) -> Any:
        operands = [b.read_variable(variable_of(op.inputs[0])), *inputs]
        g = operands.pop(gradient)
        return _write(b, op, update(b, op, operands[: slots + 1], operands[slots + 1 :], g))

    return lower


def _lower_sparse(update: Update, slots: int, gradient: int, all_rows: bool) -> Callable[..., Any]:
    def lower(b: Any, op: Operation, _: Any, *inputs: Any) -> Any:
        var = b.read_variable(variable_of(op.inputs[0]))
        operands = [var, *inputs]
        rows, indices = operands[gradient : gradient + 2]
        del operands[gradient : gradient + 2]
        values = operands[: slots + 1]
        check_indices(b, indices, var.shape[0])
        g = b.scatter("add", b.full(var.shape, 0, var.dtype), indices, rows)
        made = update(b, op, values, operands[slots + 1 :], g)
        if not all_rows:
            one = b.full(indices.shape, 1, indices.dtype)
            named = b.scatter("set", b.full(var.shape[:1], 0, indices.dtype), indices, one)
            chosen = b.broadcast(b.ne(named, 0), var.shape, (0,))
            pairs = zip(made, values, strict=True)
            made = tuple(b.select(chosen, new, old) for new, old in pairs)
        return _write(b, op, made)

    return lower


_COMMON: dict[str, Any] = {
    "no_gradient": "an assignment",
    "stateful": True,
    "takes_reference": True,
}


def _inputs(slots: str, operands: str) -> list[str]:
    references = [f"{slot}: Ref(T)" for slot in ("var", *slots.split())]
    kinds = {"global_step": "int64"}
    return references + [f"{operand}: {kinds.get(operand, 'T')}" for operand in operands.split()]


def define_dense(name: str, update: Update, slots: str, operands: str) -> Signature:
    """Define ``Apply<name>``; `operands` come after the references, grad or delta among them."""
    count, words = len(slots.split()), operands.split()
    gradient = 1 + count + words.index("delta" if "delta" in words else "grad")
    define_op(
        name=f"Apply{name}",
        infer=_infer(count, gradient),
        lower=_lower_dense(update, count, gradient),
        **_COMMON,
    )
    return Signature(f"Apply{name}", *_inputs(slots, operands), T=FLOATING)


def define_sparse(
    name: str, update: Update, slots: str, operands: str, all_rows: bool = False
) -> Signature:
    """Define ``SparseApply<name>``, which takes the indices after the gradient's rows."""
    inputs = _inputs(slots, operands)
    gradient = inputs.index("grad: T")
    inputs.insert(gradient + 1, "indices: Tindices")
    define_op(
        name=f"SparseApply{name}",
        infer=lambda op: infer_rows(op, gradient, gradient + 1),
        lower=_lower_sparse(update, len(slots.split()), gradient, all_rows),
        **_COMMON,
    )
    return Signature(f"SparseApply{name}", *inputs, T=FLOATING, Tindices=(int32, int64))


_MOMENTUM = ("accum", "lr grad momentum")
_RMS_PROP = ("ms mom", "lr rho momentum epsilon grad")
_CENTERED = ("mg ms mom", "lr rho momentum epsilon grad")
_ADAM = ("m v", "beta1_power beta2_power lr beta1 beta2 epsilon grad")

APPLY_GRADIENT_DESCENT = define_dense("GradientDescent", _gradient_descent, "", "alpha delta")
APPLY_MOMENTUM = define_dense("Momentum", _momentum, *_MOMENTUM)
APPLY_RMS_PROP = define_dense("RMSProp", _rms_prop, *_RMS_PROP)
APPLY_CENTERED_RMS_PROP = define_dense("CenteredRMSProp", _centered_rms_prop, *_CENTERED)
APPLY_ADAM = define_dense("Adam", _adam, *_ADAM)
SPARSE_APPLY_MOMENTUM = define_sparse("Momentum", _momentum, *_MOMENTUM)
SPARSE_APPLY_RMS_PROP = define_sparse("RMSProp", _rms_prop, *_RMS_PROP)
SPARSE_APPLY_CENTERED_RMS_PROP = define_sparse("CenteredRMSProp", _centered_rms_prop, *_CENTERED)
SPARSE_APPLY_ADAM = define_sparse("Adam", _adam_by_rows, *_ADAM, all_rows=True)
