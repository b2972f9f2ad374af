"""Clipping of values and of norms, as gradients are clipped before a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.tensor import Tensor
from graphflow.ops import creation, operators, sequences, shape  # noqa: F401  installs the operators
from graphflow.ops.casting import cast
from graphflow.ops.comparison import where
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.identity import identity
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.unary import is_finite, rsqrt, sqrt

__all__ = [
    "clip_by_average_norm",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
]

_L2_LOSS = Signature("L2Loss", "t: T")
_PACK = Signature("Pack", "values: N * T")


def _values(t: Any, name: str = "t") -> Any:
    return convert_to_tensor(t.values if isinstance(t, IndexedSlices) else t, name=name)


def _like(t: Any, values: Tensor) -> Any:
    """Return `values` as slices where `t` is slices."""
    return (
        IndexedSlices(values, t.indices, t.dense_shape) if isinstance(t, IndexedSlices) else values
    )


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Return `t` with what is below or above the limits replaced by them.

    Parameters
    ----------
    t : tensor or `IndexedSlices`.
    clip_value_min, clip_value_max : scalars, or tensors that broadcast to the shape of `t`.

    Raises
    ------
    ValueError : a limit would broadcast `t` to a larger shape.
    """
    with name_scope(name, "clip_by_value", [t, clip_value_min, clip_value_max]) as scope:
        values = _values(t)
        below = minimum(values, clip_value_max)
        values.shape.merge_with(below.shape)
        clipped = maximum(below, clip_value_min, name=scope)
        values.shape.merge_with(clipped.shape)
        return _like(t, clipped)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Return `t` scaled down to the L2 norm `clip_norm` where its norm is larger.

    Parameters
    ----------
    t : tensor or `IndexedSlices`.
    axes : the axes over which norms are taken; all when None.
    """
    with name_scope(name, "clip_by_norm", [t, clip_norm]) as scope:
        values = _values(t)
        squares: Any = reduce_sum(values * values, axes, keepdims=True)
        positive = squares > 0
        # The root's derivative is infinite at 0, so a norm of 0 must not go through it.
        safe = where(positive, squares, creation.ones_like(squares))
        norm = where(positive, sqrt(safe), squares)
        product = values * clip_norm
        values.shape.merge_with(product.shape)
        clipped = identity(product / maximum(norm, clip_norm), name=scope)
        return _like(t, clipped)


def _require_sequence(t_list: Any) -> list[Any]:
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise TypeError("t_list should be a sequence")
    return list(t_list)


def _all_values(t_list: Sequence[Any]) -> list[Any]:
    return [None if t is None else _values(t, f"t_{k}") for k, t in enumerate(t_list)]


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """Return the L2 norm of all tensors together.

    Parameters
    ----------
    t_list : tensors, `IndexedSlices`, and None for what is left out.
    """
    t_list = _require_sequence(t_list)
    with name_scope(name, "global_norm", t_list):
        halves = []
        for values in _all_values(t_list):
            if values is not None:
                with get_default_graph().colocate_with(values):
                    halves.append(_L2_LOSS(values).outputs[0])
        half: Any = reduce_sum(_PACK(halves, name="stack", axis=0).outputs[0])
        two = convert_to_tensor(2.0, half.dtype)
        return sqrt(half * two, name="global_norm")


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """Scale tensors so that the L2 norm of all together is at most `clip_norm`.

    Parameters
    ----------
    t_list : tensors, `IndexedSlices`, and None, which stays.
    use_norm : the global norm, where it is known already.

    Returns
    -------
    The scaled tensors, nan when the norm is not finite, and the norm before.
    """
    t_list = _require_sequence(t_list)
    if use_norm is None:
        use_norm = global_norm(t_list, name)
    with name_scope(name, "clip_by_global_norm", [*t_list, clip_norm]) as scope:
        dtype = use_norm.dtype.base_dtype
        inverse = 1.0 / use_norm
        finite = clip_norm * minimum(inverse, convert_to_tensor(1.0, dtype) / clip_norm)
        is_known = is_finite(use_norm)
        scale = where(is_known, finite, convert_to_tensor(float("nan"), dtype))
        clipped: list[Any] = []
        for k, (t, values) in enumerate(zip(t_list, _all_values(t_list), strict=True)):
            if values is None:
                clipped.append(None)
                continue
            with get_default_graph().colocate_with(values):
                scaled = identity(values * scale, name=f"{scope}_{k}")
                clipped.append(_like(t, scaled))
    return clipped, use_norm


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """Return `t` scaled down where its L2 norm divided by its size is larger than `clip_norm`."""
    with name_scope(name, "clip_by_average_norm", [t, clip_norm]) as scope:
        t = convert_to_tensor(t, name="t")
        count = cast(shape.size(t), dtypes.float32)
        inverse = rsqrt(reduce_sum(t * t, sequences.range(shape.rank(t))))
        scaled = t * clip_norm
        factor = minimum(inverse * count, convert_to_tensor(1.0) / clip_norm)
        return identity(scaled * factor, name=scope)
