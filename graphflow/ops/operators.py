"""The operators of tensors and variables: ``x + y``, ``-x``, ``x < y``, ``1 / x``, ...

Importing this module installs them. A name scope called after the operator holds what the operands
are converted to: ``add/y``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops import (
    comparison,
    elementwise,
    indexing,  # noqa: F401  installs x[...]
    linear,
    unary,
)

Binary = Callable[..., Any]  # (x, y, name=) -> Tensor


def install_binary(function: Binary, name: str) -> None:
    """Make `function` the operator ``__<name>__`` of tensors, and its reflection."""

    def forward(x: Any, y: Any) -> Any:
        with name_scope(None, name, [x, y]) as scope:
            if not isinstance(y, Tensor):
                try:
                    y = convert_to_tensor(y, dtype_hint=x.dtype.base_dtype, name="y")
                except TypeError:
                    if hasattr(type(y), f"__r{name}__"):
                        return NotImplemented
                    raise
            return function(x, y, name=scope)

    def reflected(y: Any, x: Any) -> Any:
        with name_scope(None, name, [x, y]) as scope:
            x = convert_to_tensor(x, dtype=y.dtype.base_dtype, name="x")
            return function(x, y, name=scope)

    forward.__doc__ = reflected.__doc__ = function.__doc__
    Tensor._override_operator(f"__{name}__", forward)
    Tensor._override_operator(f"__r{name}__", reflected)


def _add(x: Tensor, y: Tensor, name: str | None = None) -> Tensor:
    """Return ``x + y``; only `Add` joins texts."""
    function = elementwise.add if x.dtype == dtypes.string else elementwise.add_v2
    return function(x, y, name=name)


_BINARY: list[tuple[str, Binary]] = [
    ("add", _add),
    ("sub", elementwise.subtract),
    ("mul", elementwise.multiply),
    ("div", elementwise.div),
    ("truediv", elementwise.truediv),
    ("floordiv", elementwise.floordiv),
    ("mod", elementwise.floormod),
    ("pow", elementwise.pow),
    ("and", comparison.logical_and),
    ("or", comparison.logical_or),
    ("xor", comparison.logical_xor),
    ("matmul", linear.matmul),
]
for _name, _function in _BINARY:
    install_binary(_function, _name)

for _name, _function in [
    ("lt", comparison.less),
    ("le", comparison.less_equal),
    ("gt", comparison.greater),
    ("ge", comparison.greater_equal),
    ("neg", unary.negative),
    ("abs", unary.abs),
    ("invert", comparison.logical_not),
]:
    Tensor._override_operator(f"__{_name}__", _function)
