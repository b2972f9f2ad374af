"""Theano's gradients: `grad`, jacobians, hessians, and variables that change how gradients flow."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.gradients import reverse
from graphflow.graph.convert import convert_to_tensor
from graphflow.theano.errors import DisconnectedInputError, NullTypeGradError
from graphflow.theano.settings import config
from graphflow.theano.tensor.creation import arange, zeros_like
from graphflow.theano.tensor.elementwise import cast
from graphflow.theano.tensor.var import (
    TensorVariable,
    Variable,
    apply,
    apply_many,
    as_tensor_variable,
)

__all__ = [
    "DisconnectedInputError", "Lop", "NullTypeGradError", "Rop", "consider_constant",
    "disconnected_grad", "grad", "grad_clip", "grad_scale", "grad_undefined", "hessian",
    "jacobian", "subgraph_grad", "verify_grad", "zero_grad",
]  # fmt: skip


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def grad(
    cost: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise",
    add_names: bool = True, known_grads: Any = None, return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:  # fmt: skip
    """Return the derivatives of scalar `cost` with respect to `wrt`.

    Parameters
    ----------
    wrt : a variable or a list of them.
    consider_constant : variables through which no gradient flows.
    disconnected_inputs : ``raise``, ``warn`` or ``ignore`` a variable that `cost` does not depend
        on; its gradient is zero.
    known_grads : gradients of further variables on the way, which are added.

    Raises
    ------
    TypeError : `cost` is no scalar, or something to be differentiated is no variable.
    DisconnectedInputError : `cost` does not depend on an element of `wrt`.
    """
    known = OrderedDict(known_grads or {})
    if cost is not None and cost.ndim != 0:
        raise TypeError("cost must be a scalar.")
    wanted = _as_list(wrt)
    for item in wanted:
        if not isinstance(item, Variable):
            raise TypeError(f"Expected Variable, got {item} of type {type(item)}")
    ys = ([] if cost is None else [_real(cost)]) + list(known)
    grad_ys = ([] if cost is None else [None]) + [as_tensor_variable(g) for g in known.values()]
    found = _gradients(ys, grad_ys, wanted, [_real(c) for c in _as_list(consider_constant or [])])
    made: list[Any] = []
    for item, gradient in zip(wanted, found, strict=True):
        if gradient is None:
            _report_disconnected(item, disconnected_inputs)
            gradient = zeros_like(item)
            if return_disconnected.lower() == "none":
                made.append(None)
                continue
        if add_names and item.name and getattr(cost, "name", None):
            gradient.name = f"(d{cost.name}/d{item.name})"
        made.append(gradient)
    if isinstance(wrt, (list, tuple)):
        return type(wrt)(made)
    return made[0]


def _real(value: Any) -> TensorVariable:
    variable = as_tensor_variable(value)
    is_real = np.dtype(variable.dtype).kind in "fc"
    return variable if is_real else cast(variable, config.floatX)


def _report_disconnected(item: Any, action: str) -> None:
    text = (
        "grad method was asked to compute the gradient with respect to a variable that is not "
        f"part of the computational graph of the cost, or is used only by a "
        f"non-differentiable operator: {item}"
    )
    if action == "raise":
        raise DisconnectedInputError(text)
    if action == "warn":
        warnings.warn(text, stacklevel=4)
    elif action != "ignore":
        raise ValueError(f"expected disconnected_inputs raise, warn or ignore, got {action!r}")


def _gradients(ys: list[Any], grad_ys: list[Any], xs: list[Any], stops: list[Any]) -> list[Any]:
    """The gradient of each x, None where there is none, as variables with nodes of their own."""
    seeds = [g for g in grad_ys if g is not None]
    counts = len(ys), len(xs), len(stops)
    connected: list[bool] = []

    def build(*tensors: Any) -> list[Any]:
        y_end, x_end = counts[0], counts[0] + counts[1]
        stop_end = x_end + counts[2]
        following = iter(tensors[stop_end:])
        given = [None if g is None else next(following) for g in grad_ys]
        found = reverse.gradients(
            list(tensors[:y_end]), list(tensors[y_end:x_end]), given,
            stop_gradients=list(tensors[x_end:stop_end]),
        )  # fmt: skip
        connected[:] = [f is not None for f in found]
        made = []
        for gradient, x in zip(found, tensors[y_end:x_end], strict=True):
            made.append(gf.zeros_like(x) if gradient is None else convert_to_tensor(gradient))
            made[-1].set_shape(x.shape)
        return made

    made = apply_many("grad", build, *ys, *xs, *stops, *seeds)
    return [m if flag else None for m, flag in zip(made, connected, strict=True)]


def Lop(
    f: Any, wrt: Any, eval_points: Any, consider_constant: Any = None,
    disconnected_inputs: str = "raise",
) -> Any:  # fmt: skip
    """Return the product of row vectors `eval_points` and the jacobian of `f` by `wrt`."""
    points = [as_tensor_variable(e) for e in _as_list(eval_points)]
    stops = _as_list(consider_constant or [])
    ys = [as_tensor_variable(y) for y in _as_list(f)]
    made = []
    for item, gradient in zip(
        _as_list(wrt), _gradients(ys, points, _as_list(wrt), stops), strict=True
    ):
        if gradient is None:
            _report_disconnected(item, disconnected_inputs)
        made.append(zeros_like(item) if gradient is None else gradient)
    return type(wrt)(made) if isinstance(wrt, (list, tuple)) else made[0]


def Rop(f: Any, wrt: Any, eval_points: Any) -> Any:
    """Return the product of the jacobian of `f` by `wrt` and column vectors `eval_points`."""
    ys, xs, points = (
        [as_tensor_variable(v) for v in _as_list(given)] for given in (f, wrt, eval_points)
    )

    def build(*tensors: Any) -> list[Any]:
        first, second = len(ys), len(ys) + len(xs)
        made = reverse.Rop(
            list(tensors[:first]), list(tensors[first:second]), list(tensors[second:])
        )
        return [
            gf.zeros_like(y) if m is None else m for m, y in zip(made, tensors[:first], strict=True)
        ]

    made = apply_many("Rop", build, *ys, *xs, *points)
    return type(f)(made) if isinstance(f, (list, tuple)) else made[0]


def jacobian(
    expression: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise"
) -> Any:
    """Return the derivatives of each element of a vector, stacked along a first axis."""
    from graphflow.theano.scanning import scan

    if expression.ndim == 0:
        return grad(expression, wrt, consider_constant, disconnected_inputs)
    if expression.ndim != 1:
        raise TypeError(f"jacobian expected a vector, got a variable of rank {expression.ndim}")
    items = _as_list(wrt)

    def step(place: Any) -> list[Any]:
        return list(grad(expression[place], items, consider_constant, disconnected_inputs))

    made = scan(step, sequences=arange(expression.shape[0]), return_list=True)[0]
    return type(wrt)(made) if isinstance(wrt, (list, tuple)) else made[0]


def hessian(
    cost: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise"
) -> Any:
    """Return the second derivatives of `cost` by vectors."""
    if cost.ndim != 0:
        raise TypeError("cost must be a scalar.")
    made = [
        jacobian(grad(cost, item, consider_constant, disconnected_inputs), item, consider_constant)
        for item in _as_list(wrt)
    ]
    return type(wrt)(made) if isinstance(wrt, (list, tuple)) else made[0]


def subgraph_grad(
    wrt: Any, end: Any, start: Any = None, cost: Any = None, details: bool = False
) -> Any:
    """Return gradients by `wrt`, and by `end`, of a part of an expression."""
    made = grad(cost, [*wrt, *end], known_grads=start, consider_constant=end,
                disconnected_inputs="ignore")  # fmt: skip
    return made[: len(wrt)], made[len(wrt) :]


def disconnected_grad(x: Any) -> TensorVariable:
    """Return `x`, as a constant for gradients."""
    return apply("disconnected_grad", gf.stop_gradient, x)


zero_grad = consider_constant = disconnected_grad


def _with_gradient(name: str, x: Any, change: Any) -> TensorVariable:
    @gf.custom_gradient
    def build(t: Any) -> Any:
        return gf.identity(t), change

    return apply(name, build, x)


def grad_clip(x: Any, lower_bound: Any, upper_bound: Any) -> TensorVariable:
    """Return `x`; gradients that flow back through it are clipped."""
    return _with_gradient(
        "grad_clip", x, lambda g: gf.minimum(gf.maximum(g, lower_bound), upper_bound)
    )


def grad_scale(x: Any, multiplier: float) -> TensorVariable:
    """Return `x`; gradients that flow back through it are multiplied."""
    return _with_gradient("grad_scale", x, lambda g: g * multiplier)


def grad_undefined(op: Any, x_pos: int, x: Any, comment: str = "") -> Any:
    """Raise: the gradient of `op` by its input `x_pos` is not defined."""
    raise NullTypeGradError(f"the gradient of {op} by input {x_pos} is not defined. {comment}")


def verify_grad(
    fun: Any, pt: Any, n_tests: int = 2, rng: Any = None, eps: float = 1e-6, abs_tol: Any = None,
    rel_tol: Any = None, **ignored: Any,
) -> None:  # fmt: skip
    """Compare gradients of `fun` at `pt` with differences.

    Raises
    ------
    ValueError : they are too far apart.
    """
    from graphflow.theano.calling import function
    from graphflow.theano.tensor import TensorType

    random = rng or np.random.RandomState(0)
    points = [np.asarray(p, "float64") for p in pt]
    inputs = [TensorType("float64", (False,) * p.ndim)() for p in points]
    output = fun(*inputs)
    for _ in range(n_tests):
        shape = np.shape(function(inputs, output)(*points))
        direction = random.rand(*shape) + 0.5
        cost = (output * direction).sum()
        value, slopes = function(inputs, cost), function(inputs, grad(cost, inputs))(*points)
        moves = [random.standard_normal(p.shape) for p in points]
        ends = [
            value(*[p + s * eps * m for p, m in zip(points, moves, strict=True)]) for s in (1, -1)
        ]
        expected = (ends[0] - ends[1]) / (2 * eps)
        got = sum(float((m * s).sum()) for m, s in zip(moves, slopes, strict=True))
        if not np.isclose(expected, got, rtol=rel_tol or 1e-4, atol=abs_tol or 1e-4):
            raise ValueError(f"verify_grad expected a slope of {expected}, got {got}")
