"""``tensorflow.python.util.tf_decorator``: decorators that know what they wrap."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["make_decorator", "unwrap"]


def make_decorator(
    target: Callable[..., Any], decorator_func: Callable[..., Any],
    decorator_name: str | None = None, decorator_doc: str = "", decorator_argspec: Any = None,
) -> Callable[..., Any]:  # fmt: skip
    """Return `decorator_func` with the name, the documentation and the signature of `target`."""
    return functools.update_wrapper(decorator_func, target)


def unwrap(maybe_tf_decorator: Callable[..., Any]) -> tuple[list[Any], Callable[..., Any]]:
    """Return the decorators around a function, outermost first, and the function."""
    around = []
    found = maybe_tf_decorator
    while hasattr(found, "__wrapped__"):
        around.append(found)
        found = found.__wrapped__
    return around, found
