"""Values as text: what Print, tf.print and assertions show of an array.

Two forms, TensorFlow's: `first_elements` shows so many elements from the start, `edge_elements`
so many from either end of each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_ESCAPES = {ord(c): f"\\{e}" for c, e in zip("\n\r\t\"'\\", "nrt\"'\\", strict=True)}


def _plain_or_octal(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _element(value: Any, quoted: bool) -> str:
    if isinstance(value, bytes):
        text = "".join(_ESCAPES.get(byte) or _plain_or_octal(byte) for byte in value)
        return f'"{text}"' if quoted else text
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (float, np.floating)):
        return _float(value)
    if isinstance(value, (complex, np.complexfloating)):
        return "?"
    return str(value)


def _float(value: Any) -> str:
    """Return a float in the fewest of two numbers of digits that gives it back when read."""
    scalar, short, long = (float, 15, 17) if isinstance(value, float) else (np.float32, 6, 9)
    value = scalar(value)
    text = f"{value:.{short}g}"
    return text if scalar(text) == value or value != value else f"{value:.{long}g}"


def first_elements(array: Any, limit: int = 3) -> str:
    """Return the first `limit` elements: ``1 2 3...``, ``[0 1 2][3 4...]...``; all when negative.

    The outermost brackets are left to the caller.
    """
    array = np.asarray(array)
    limit = array.size if limit < 0 else limit
    elements = [_element(value, quoted=False) for value in array.ravel()[:limit]]
    text = _rows(elements, array.shape, 0, limit)[0] if array.ndim else "".join(elements)
    return text + ("..." if array.size > limit else "")


def _rows(elements: list[str], shape: tuple[int, ...], start: int, limit: int) -> tuple[str, int]:
    """Return the text of a part of the array, and the index of the element after it."""
    if len(shape) == 1:
        stop = min(start + shape[0], limit)
        return " ".join(elements[start:stop]), stop
    text = ""
    for _ in range(shape[0]):
        if start >= limit:
            break
        inner, stop = _rows(elements, shape[1:], start, limit)
        # Only an axis that is not the outermost one says where it was cut.
        cut = "..." if len(shape) == 2 and stop - start < shape[1] else ""
        text += f"[{inner}{cut}]"
        start = stop
    return text, start


def edge_elements(array: Any, edge: int = 3) -> str:
    """Return the first and last `edge` items of each axis, one line per row; all when negative."""
    array = np.asarray(array)
    return _edges(array, array.size if edge < 0 else edge, 0)


def _edges(array: np.ndarray[Any, Any], edge: int, depth: int) -> str:
    if array.ndim == 0:
        return _element(array[()], quoted=True)

    def show(items: np.ndarray[Any, Any]) -> list[str]:
        if array.ndim == 1:
            return [_element(item, quoted=True) for item in items]
        return [_edges(item, edge, depth + 1) for item in items]

    count = len(array)
    gap = ["..."] if count > 2 * edge else []
    parts = [*show(array[:edge]), *gap, *show(array[max(edge, count - edge) :])]
    separator = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * (depth + 1)
    return f"[{separator.join(parts)}]"


def assertion_text(arrays: Sequence[Any], limit: int = 3) -> str:
    """Return the message of a failed assertion that shows `arrays`."""
    shown = " ".join(f"[{first_elements(array, limit)}]" for array in arrays)
    return f"assertion failed: {shown}"
