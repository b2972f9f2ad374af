"""CRC-32C (Castagnoli), the checksum of TensorFlow's files, by the processor's own instruction."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

MASK_DELTA = 0xA282EAD8


def crc32c(data: Any, start: int = 0) -> int:
    """The checksum of bytes, or of an array's; `start` is that of what comes before."""
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    if not view.nbytes:
        return start
    if view.readonly:
        buffer: Any = ctypes.c_char_p(bytes(view))
    else:
        buffer = (ctypes.c_char * view.nbytes).from_buffer(view)
    return int(_function()(start, ctypes.cast(buffer, ctypes.c_void_p), view.nbytes))


def masked_crc32c(data: Any, start: int = 0) -> int:
    """The checksum as files have it, so that checksums of data with checksums stay sound."""
    return mask(crc32c(data, start))


def mask(crc: int) -> int:
    """Rotate by 15 bits and add a constant."""
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _function() -> Callable[..., int]:
    from graphflow.checkpoint.crc32c_code import load  # imports LLVM

    code = load()
    kind = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int64)
    function = kind(code.address("graphflow_crc32c"))
    function.code = code  # type: ignore[attr-defined]  # lives as long as the function
    return function
