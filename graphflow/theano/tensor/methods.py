"""The methods and operators of variables."""

from __future__ import annotations

from typing import Any

from graphflow.theano.tensor import creation, indexing, products, reducing, shaping
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.var import TensorVariable, as_tensor_variable


def _reflected(function: Any) -> Any:
    return lambda self, other: function(other, self)


_BINARY = {
    "add": el.add, "sub": el.sub, "mul": el.mul, "truediv": el.true_div, "floordiv": el.int_div,
    "mod": el.mod, "pow": el.pow, "and": el.and_, "or": el.or_, "xor": el.xor,
    "matmul": products.dot, "div": el.true_div_or_floor,
}  # fmt: skip
_METHODS: dict[str, Any] = {
    "__neg__": el.neg, "__abs__": el.abs_, "__invert__": el.invert, "__lt__": el.lt,
    "__le__": el.le, "__gt__": el.gt, "__ge__": el.ge, "__getitem__": indexing.subtensor,
    "dimshuffle": shaping.dimshuffle, "flatten": shaping.flatten, "swapaxes": shaping.swapaxes,
    "squeeze": shaping.squeeze, "sum": reducing.sum, "prod": reducing.prod, "any": reducing.any,
    "all": reducing.all, "mean": reducing.mean, "var": reducing.var, "std": reducing.std,
    "max": reducing.max, "min": reducing.min, "argmax": reducing.argmax, "norm": reducing.norm,
    "argmin": reducing.argmin, "ptp": reducing.ptp, "sort": reducing.sort,
    "argsort": reducing.argsort, "cumsum": reducing.cumsum, "cumprod": reducing.cumprod,
    "dot": products.dot, "clip": el.clip, "astype": el.cast, "round": el.round,
    "trace": products.trace, "take": indexing.take, "nonzero": indexing.nonzero,
    "nonzero_values": indexing.nonzero_values, "fill": creation.fill, "diagonal": creation.diag,
    "ceil": el.ceil, "floor": el.floor, "trunc": el.trunc, "zeros_like": creation.zeros_like,
    "ones_like": creation.ones_like,
}  # fmt: skip


def _reshape(self: TensorVariable, *shape: Any, **options: Any) -> TensorVariable:
    """Return the elements in another shape: ``x.reshape((2, 3))`` or ``x.reshape(2, 3)``."""
    given = options.pop("shape", shape[0] if shape else None)
    if len(shape) == 2 and isinstance(shape[0], (list, tuple, TensorVariable)):
        if getattr(shape[0], "ndim", 1) == 1:
            return shaping.reshape(self, shape[0], ndim=shape[1])
    return shaping.reshape(self, list(shape) if len(shape) > 1 else given, **options)


def _transpose(self: TensorVariable, *axes: Any) -> TensorVariable:
    """Return the axes in another order, reversed when none is given."""
    return shaping.transpose(self, *axes)


def _repeat(self: TensorVariable, repeats: Any, axis: Any = None) -> TensorVariable:
    """Return each element `repeats` times."""
    from graphflow.theano.tensor.extra_ops import repeat

    return repeat(self, repeats, axis)


def _copy(self: TensorVariable, name: str | None = None) -> TensorVariable:
    """Return a copy."""
    made = el.add(self, 0) if self.dtype != "bool" else self.clone()
    made.name = name
    return made


def _install() -> None:
    for name, function in _BINARY.items():
        setattr(TensorVariable, f"__{name}__", _forgiving(function))
        setattr(TensorVariable, f"__r{name}__", _forgiving(_reflected(function)))
    for name, function in _METHODS.items():
        setattr(TensorVariable, name, _bound(function))
    own = {"reshape": _reshape, "transpose": _transpose, "repeat": _repeat, "copy": _copy}
    for name, method in own.items():
        setattr(TensorVariable, name, method)
    properties: dict[str, Any] = {
        "shape": shaping.shape, "T": shaping.transpose, "real": as_tensor_variable,
        "size": lambda x: reducing.prod(shaping.shape(x)),
    }  # fmt: skip
    for name, function in properties.items():
        setattr(TensorVariable, name, property(function))


def _bound(function: Any) -> Any:
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


def _forgiving(function: Any) -> Any:
    """An operator that leaves what is no tensor to the other operand."""

    def operator(self: TensorVariable, other: Any) -> Any:
        try:
            as_tensor_variable(other)
        except TypeError:
            return NotImplemented
        return function(self, other)

    return operator


_install()
