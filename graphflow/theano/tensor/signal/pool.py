"""Pooling of the last two axes."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from graphflow.theano.tensor.var import TensorVariable, apply, as_tensor_variable

_MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")


def pool_2d(
    input: Any, ws: Any = None, ignore_border: bool | None = None, stride: Any = None,
    pad: Any = (0, 0), mode: str = "max", ds: Any = None, st: Any = None, padding: Any = None,
) -> TensorVariable:  # fmt: skip
    """Return the maximum, sum or mean of every window of the last two axes.

    Parameters
    ----------
    ws : the windows' height and width; `ds` is the older name.
    ignore_border : whether windows that reach over the end are left out.
    stride : from one window to the next; `ws` when None; `st` is the older name.
    pad : how much is added to each side; `padding` is the older name.
    mode : ``max``, ``sum``, ``average_inc_pad`` or ``average_exc_pad``.
    """
    sizes = _numbers(ds if ws is None else ws)
    step = stride if st is None else st
    steps = sizes if step is None else _numbers(step)
    added = _numbers(pad if padding is None else padding)
    if mode not in _MODES:
        raise ValueError(f"pool_2d expected mode to be one of {_MODES}, got {mode!r}")
    value = as_tensor_variable(input)
    if value.ndim < 2:
        raise NotImplementedError("pool_2d requires a dimension >= 2")
    pooling = _Pooling(sizes, steps, added, mode, not ignore_border)

    def build(t: Any) -> Any:
        if value.ndim == 4:
            return pooling.pool(t)
        outer = gf.shape(t)[: value.ndim - 2]
        images = gf.reshape(t, gf.concat([[-1, 1], gf.shape(t)[value.ndim - 2 :]], 0))
        images.set_shape([None, 1, *t.shape.as_list()[-2:]])
        made = pooling.pool(images)
        shaped = gf.reshape(made, gf.concat([outer, gf.shape(made)[2:]], 0))
        shaped.set_shape([*t.shape.as_list()[:-2], None, None])
        return shaped

    return apply("Pool", build, value)


def max_pool_2d(
    input: Any, ds: Any = None, ignore_border: bool | None = None, st: Any = None,
    padding: Any = (0, 0), mode: str = "max", ws: Any = None, **_: Any,
) -> TensorVariable:  # fmt: skip
    """Return `pool_2d` under its old name."""
    return pool_2d(input, ds if ws is None else ws, ignore_border, st, padding, mode)


def _numbers(values: Any) -> list[int]:
    items = values if isinstance(values, (list, tuple)) else [values, values]
    return [int(v.data if hasattr(v, "data") else v) for v in items]


class _Pooling:
    """Windows of images ``[batch, channels, height, width]``."""

    def __init__(
        self, sizes: list[int], steps: list[int], added: list[int], mode: str, partial: bool
    ) -> None:
        self.sizes, self.steps, self.added = sizes, steps, added
        self.mode, self.partial = mode, partial

    def pool(self, x: Any) -> Any:
        """Return the windows' results."""
        if self.mode == "max":
            padded = self.padded(x, x.dtype.base_dtype.min)
            return self._keeping_nan(padded, gf.nn.max_pool(padded, **self.windows))
        count = self.sizes[0] * self.sizes[1]
        total = gf.nn.avg_pool(self.padded(x, 0), **self.windows) * count
        if self.mode == "sum":
            return total
        if self.mode == "average_inc_pad" and not self.partial:
            return total / count
        inside = gf.ones_like(x)
        if self.mode == "average_inc_pad" and any(self.added):
            low = [[0, 0], [0, 0], *[[a, a] for a in self.added]]
            inside = gf.pad(inside, low, constant_values=1)
            alike = _Pooling(self.sizes, self.steps, [0, 0], "sum", self.partial)
            return total / alike.pool(inside)
        counted = gf.nn.avg_pool(self.padded(inside, 0), **self.windows) * count
        return total / counted

    @property
    def windows(self) -> dict[str, Any]:
        """How a pooling operation takes the windows."""
        return {
            "ksize": [1, 1, *self.sizes], "strides": [1, 1, *self.steps], "padding": "VALID",
            "data_format": "NCHW",
        }  # fmt: skip

    def _keeping_nan(self, x: Any, maxima: Any) -> Any:
        """Return nan for windows that begin with it: Theano compares the rest with that."""
        down, right = self.steps
        sizes = gf.shape(maxima)
        first = x[:, :, ::down, ::right][:, :, : sizes[2], : sizes[3]]
        return gf.where(gf.is_nan(first), first, maxima)

    def padded(self, x: Any, filler: Any) -> Any:
        """Return `x` with what is added around it, and the rest of windows over the end."""
        if not self.partial and not any(self.added):
            return x
        rows: list[list[Any]] = [[0, 0], [0, 0]]
        for axis, (size, step, added) in enumerate(
            zip(self.sizes, self.steps, self.added, strict=True)
        ):
            known = x.shape.as_list()[2 + axis]
            length = (gf.shape(x)[2 + axis] if known is None else known) + 2 * added
            rows.append([added, added + (self._rest(length, size, step) if self.partial else 0)])
        if all(isinstance(a, int) for row in rows for a in row):
            return gf.pad(x, rows, constant_values=filler)
        amounts = gf.stack([gf.stack(row) for row in rows])
        return gf.pad(x, amounts, constant_values=filler)

    @staticmethod
    def _rest(length: Any, size: int, step: int) -> Any:
        """How far the last window, one that begins within, reaches over the end."""
        most = max if isinstance(length, int) else gf.maximum
        if step >= size:
            count = (length - 1) // step + 1
        else:
            count = most(0, (length - 1 - size + step) // step) + 1
        return most((count - 1) * step + size - length, 0)
