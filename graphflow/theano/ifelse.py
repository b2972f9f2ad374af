"""`ifelse`: one of two expressions, of which only the chosen one is computed."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from graphflow.theano.tensor.elementwise import promoted
from graphflow.theano.tensor.var import apply


def ifelse(condition: Any, then_branch: Any, else_branch: Any, name: str | None = None) -> Any:
    """Return `then_branch` if scalar `condition` is not zero, else `else_branch`.

    Lists of variables are chosen between element by element.
    """
    if isinstance(then_branch, (list, tuple)):
        pairs = zip(then_branch, else_branch, strict=True)
        return type(then_branch)([ifelse(condition, a, b) for a, b in pairs])
    (first, second), _ = promoted(then_branch, else_branch)
    if first.ndim != second.ndim:
        raise TypeError(
            f"ifelse expected branches of one rank, got ranks {first.ndim} and {second.ndim}"
        )

    def build(flag: Any, a: Any, b: Any) -> Any:
        made = gf.cond(gf.cast(flag, gf.bool), lambda: gf.identity(a), lambda: gf.identity(b))
        sizes = zip(a.shape.as_list(), b.shape.as_list(), strict=True)
        made.set_shape([x if x == y else None for x, y in sizes])
        return made

    return apply("if", build, condition, first, second)
