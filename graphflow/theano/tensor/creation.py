"""Variables of given types, and tensors made of sizes and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.graph.dtypes import as_dtype
from graphflow.theano.settings import config
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.shaping import SizeVector, with_shape
from graphflow.theano.tensor.var import (
    TensorConstant,
    TensorType,
    TensorVariable,
    apply,
    as_tensor_variable,
    autocast,
    upcast,
)

_PATTERNS: dict[str, tuple[bool, ...]] = {
    "scalar": (), "vector": (False,), "matrix": (False, False), "row": (True, False),
    "col": (False, True), "tensor3": (False,) * 3, "tensor4": (False,) * 4,
    "tensor5": (False,) * 5, "tensor6": (False,) * 6, "tensor7": (False,) * 7,
}  # fmt: skip
_LETTERS = {
    "b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64",
    "c": "complex64", "z": "complex128",
}  # fmt: skip


def tensor(*args: Any, **kwargs: Any) -> TensorVariable:
    """Return a new variable of a type: ``tensor(dtype, broadcastable, name)``."""
    name = kwargs.pop("name", None)
    if len(args) == 3:
        *args, name = args  # type: ignore[assignment]
    return TensorType(*args, **kwargs)(name)


def _constructor(kind: str) -> Callable[..., TensorVariable]:
    def function(name: str | None = None, dtype: Any = None) -> TensorVariable:
        return TensorType(dtype or config.floatX, _PATTERNS[kind])(name)

    function.__name__, function.__doc__ = kind, f"Return a new {kind}, of floatX if not told else."
    return function


def _several(make: Callable[..., TensorVariable]) -> Callable[..., Any]:
    def function(*names: Any, **kwargs: Any) -> Any:
        if len(names) == 1 and isinstance(names[0], int):
            names = (None,) * names[0]
        made = [make(name, **kwargs) for name in names]
        return made if len(made) > 1 else made[0]

    function.__doc__ = "Return new variables, one for each name."
    return function


def _constructors() -> dict[str, Any]:
    """`matrix`, `matrices` and, with a letter before for the type, `TensorType` objects."""
    made: dict[str, Any] = {}
    for kind, pattern in _PATTERNS.items():
        made[kind] = _constructor(kind)
        plural = "matrices" if kind == "matrix" else kind + "s"
        made[plural] = _several(made[kind])
        for letter, dtype in _LETTERS.items():
            made[letter + kind] = TensorType(dtype, pattern)
            made[letter + plural] = _several(made[letter + kind])
    return made


CONSTRUCTORS = _constructors()


def constant(x: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> Any:
    """Return a constant variable."""
    if isinstance(x, TensorVariable):
        return x
    is_number = isinstance(x, (bool, int, float)) and not isinstance(x, np.generic)
    data = autocast(x) if is_number and dtype is None else np.asarray(x, dtype)
    if ndim is not None:
        data = data.reshape((1,) * (ndim - data.ndim) + data.shape)
    return TensorConstant(data, name)


def alloc(value: Any, *shape: Any) -> TensorVariable:
    """Return `value` broadcast to a shape."""
    if len(shape) == 1 and isinstance(shape[0], (list, tuple)):
        shape = tuple(shape[0])
    sizes = SizeVector(shape[0] if len(shape) == 1 else list(shape))
    return apply(
        "Alloc",
        lambda t, *given: with_shape(gf.broadcast_to(t, sizes.tensor(given)), sizes),
        value, *sizes.inputs,
    )  # fmt: skip


def zeros(shape: Any, dtype: Any = None) -> TensorVariable:
    """Return zeros."""
    sizes = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    whole = isinstance(shape, TensorVariable) and shape.ndim == 1
    return alloc(np.zeros((), dtype or config.floatX), *([shape] if whole else [sizes]))


def ones(shape: Any, dtype: Any = None) -> TensorVariable:
    """Return ones."""
    sizes = list(shape) if isinstance(shape, (list, tuple)) else [shape]
    whole = isinstance(shape, TensorVariable) and shape.ndim == 1
    return alloc(np.ones((), dtype or config.floatX), *([shape] if whole else [sizes]))


def _like(name: str, build: Callable[..., Any]) -> Callable[..., TensorVariable]:
    def function(model: Any, dtype: Any = None, opt: bool = False) -> TensorVariable:
        value = as_tensor_variable(model)
        wanted = as_dtype(np.dtype(dtype or value.dtype).name)
        return apply(name, lambda t: build(t, dtype=wanted), value)

    function.__name__, function.__doc__ = name, f"Return {name[:-5]} in the shape of `model`."
    return function


zeros_like = _like("zeros_like", gf.zeros_like)
ones_like = _like("ones_like", gf.ones_like)


def fill(a: Any, b: Any) -> TensorVariable:
    """Return `b` broadcast to the shape of `a`."""
    model = as_tensor_variable(a)

    def build(t: Any, value: Any) -> Any:
        made = gf.broadcast_to(value, gf.shape(t))
        made.set_shape(t.shape)
        return made

    return apply("fill", build, model, b)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> TensorVariable:
    """Return a tensor of one value."""
    value = as_tensor_variable(fill_value)
    return alloc(el.cast(value, dtype or value.dtype), shape)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> TensorVariable:
    """Return the numbers from `start` to before `stop`."""
    if stop is None:
        start, stop = 0, start
    values = [as_tensor_variable(v) for v in (start, stop, step)]
    wanted = dtype or upcast(*[v.dtype for v in values], "int64")
    return apply("ARange", gf.range, *[el.cast(v, wanted) for v in values])


def eye(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> TensorVariable:
    """Return a matrix with ones on its k-th diagonal."""
    rows = arange(n)
    columns = arange(n if m is None else m)
    on = el.eq(el.add(rows.dimshuffle(0, "x"), k), columns.dimshuffle("x", 0))
    return el.cast(on, dtype or config.floatX)


def identity_like(x: Any) -> TensorVariable:
    """Return the identity matrix of the shape of `x`."""
    value = as_tensor_variable(x)
    return eye(value.shape[0], value.shape[1], dtype=value.dtype)


def tri(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> TensorVariable:
    """Return a matrix with ones on and below its k-th diagonal."""
    rows, columns = arange(n), arange(n if m is None else m)
    on = el.ge(el.add(rows.dimshuffle(0, "x"), k), columns.dimshuffle("x", 0))
    return el.cast(on, dtype or config.floatX)


def tril(m: Any, k: int = 0) -> TensorVariable:
    """Return `m` with zeros above its k-th diagonal."""
    value = as_tensor_variable(m)
    return el.mul(value, tri(value.shape[0], value.shape[1], k, value.dtype))


def triu(m: Any, k: int = 0) -> TensorVariable:
    """Return `m` with zeros below its k-th diagonal."""
    value = as_tensor_variable(m)
    return el.mul(value, el.sub(1, tri(value.shape[0], value.shape[1], k - 1, value.dtype)))


def diag(v: Any, k: int = 0) -> TensorVariable:
    """Return a matrix with `v` on its diagonal, or the diagonal of matrix `v`."""
    value = as_tensor_variable(v)
    if value.ndim == 1:
        return apply("diag", gf.matrix_diag, value)
    return apply("diag", gf.matrix_diag_part, value)


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> TensorVariable:
    """Return a row for each number of `y`, with a one at that place."""
    places = arange(nb_class).dimshuffle("x", 0)
    on = el.eq(as_tensor_variable(y).dimshuffle(0, "x"), places)
    return el.cast(on, dtype or config.floatX)
