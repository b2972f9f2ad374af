"""Turning, moving, shearing and zooming images: arrays are read between elements, linearly."""

from __future__ import annotations

from typing import Any

import numpy as np


def _inside(places: Any, size: int, fill_mode: str) -> Any:
    """Places on an axis, brought into it as a fill mode says."""
    if fill_mode == "reflect":  # d c b a | a b c d | d c b a
        folded = np.mod(places, 2 * size)
        return np.where(folded < size, folded, 2 * size - 1 - folded)
    return np.mod(places, size) if fill_mode == "wrap" else np.clip(places, 0, size - 1)


def resampled(image: Any, matrix: Any, fill_mode: str, cval: float, order: int) -> Any:
    """The image whose element at a place p is the given one's at ``matrix @ [p, 1]``.

    Parameters
    ----------
    image : [rows, columns, channels].
    fill_mode : what lies outside: ``constant`` (`cval`), ``nearest``, ``reflect`` or ``wrap``.
    order : 0 for the nearest element, 1 for linear interpolation.

    Raises
    ------
    ValueError : another mode or order.
    """
    if fill_mode not in ("constant", "nearest", "reflect", "wrap"):
        raise ValueError(f"expected a fill mode that is known, got {fill_mode!r}")
    if order not in (0, 1):
        raise ValueError(f"expected interpolation order 0 or 1, got {order}")
    rows, columns = image.shape[:2]
    grid = np.stack([*np.mgrid[:rows, :columns], np.ones((rows, columns))])
    y, x = np.tensordot(matrix[:2], grid, 1)
    if order == 0:
        y, x = np.floor(y + 0.5), np.floor(x + 0.5)
    top, left = np.floor(y), np.floor(x)
    total = np.zeros(image.shape)
    for below in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - below - (y - top)) * np.abs(1 - right - (x - left))
            i, j = (top + below).astype(int), (left + right).astype(int)
            value = image[_inside(i, rows, fill_mode), _inside(j, columns, fill_mode)]
            total += share[..., None] * value
    if fill_mode == "constant":
        outside = (y < 0) | (y > rows - 1) | (x < 0) | (x > columns - 1)
        total[outside] = cval
    return total.astype(image.dtype)


def matrix_of(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float, rows: int, columns: int
) -> Any:
    """The matrix of a rotation, shift, shear and zoom about the centre; angles in degrees."""
    turn, lean = np.deg2rad(theta), np.deg2rad(shear)
    parts = [
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]],
        [[1, 0, tx], [0, 1, ty], [0, 0, 1]],
        [[1, -np.sin(lean), 0], [0, np.cos(lean), 0], [0, 0, 1]],
        [[zx, 0, 0], [0, zy, 0], [0, 0, 1]],
    ]
    centre_y, centre_x = rows / 2 + 0.5, columns / 2 + 0.5
    to_centre = np.array([[1, 0, centre_y], [0, 1, centre_x], [0, 0, 1]])
    from_centre = np.array([[1, 0, -centre_y], [0, 1, -centre_x], [0, 0, 1]])
    return np.linalg.multi_dot([to_centre, *(np.array(part) for part in parts), from_centre])
