"""Memory of plans: aligned, and refused rather than overcommitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import errors

ALIGNMENT = 64
CHECKED_BYTES = 64 << 20  # requests from here on are compared with what the machine has


def available_bytes() -> int | None:
    """Memory that can still be had without swapping, or None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def check_available(nbytes: int, what: str) -> None:
    """Raise ResourceExhaustedError when memory that was asked for cannot be had.

    Systems that overcommit grant any request and end the process when the memory is used; asking
    first makes it an error.
    """
    if nbytes < CHECKED_BYTES:
        return
    available = available_bytes()
    if nbytes >= 1 << 62 or (available is not None and nbytes > available):
        raise errors.ResourceExhaustedError(
            None, None, f"OOM when allocating {what}: {nbytes} bytes, {available} are available"
        )


def allocate(
    nbytes: int, what: str = "the arena of a run", is_checked: bool = True
) -> np.ndarray[Any, Any]:
    """A byte array aligned to a cache line, its contents arbitrary.

    `is_checked` is False for memory most of which will not be used.

    Raises
    ------
    errors.ResourceExhaustedError : there is not so much memory.
    """
    if is_checked:
        check_available(nbytes, what)
    try:
        raw = np.empty(max(nbytes, 1) + ALIGNMENT, np.uint8)
    except MemoryError:
        raise errors.ResourceExhaustedError(
            None, None, f"OOM when allocating {what}: {nbytes} bytes"
        ) from None
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + max(nbytes, 1)]


def allocate_array(dtype: np.dtype[Any], shape: tuple[int, ...], what: str) -> np.ndarray[Any, Any]:
    """An aligned array, its contents arbitrary; errors as `allocate`."""
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    return allocate(size, what)[:size].view(dtype).reshape(shape)
