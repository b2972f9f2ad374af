"""An array in a line: what `debug`, checkpoints' dumps and error reports say of values."""

from __future__ import annotations

from typing import Any

import numpy as np


def type_text(value: Any) -> str:
    """An array's element type and shape: ``float32[2, 3]``."""
    return f"{value.dtype}{list(value.shape)}"


def count_not_finite(value: Any) -> tuple[int, int]:
    """How many elements are NaN, and how many are infinite."""
    if value.dtype.kind not in "fcV" or value.dtype.names is not None:  # V: bfloat16
        return 0, 0
    wide = _wide(value)
    return int(np.isnan(wide).sum()), int(np.isinf(wide).sum())


def statistics_text(value: Any) -> str:
    """Mean, deviation and range of the finite elements, and how many others; a scalar's value.

    Empty for an array without elements, and for text.
    """
    if value.size == 0 or value.dtype.kind not in "fcVuib":
        return ""
    wide = _wide(value)
    finite = wide[np.isfinite(wide)]
    if value.ndim == 0 and finite.size:
        return f"{finite[0]:.6g}"
    parts = []
    if finite.size and wide.dtype.kind == "c":
        parts.append(f"mean {finite.mean():.4g}, largest {np.abs(finite).max():.4g}")
    elif finite.size:
        parts.append(
            f"mean {finite.mean():.4g}, deviation {finite.std():.4g}, "
            f"from {finite.min():.4g} to {finite.max():.4g}"
        )
    nans, infinities = count_not_finite(value)
    parts += [f"{nans} NaN"] if nans else []
    parts += [f"{infinities} infinite"] if infinities else []
    return ", ".join(parts)


def _wide(value: Any) -> Any:
    return value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
