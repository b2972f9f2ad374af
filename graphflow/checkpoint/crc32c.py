"""CRC-32C (Castagnoli), the checksum of TensorFlow's files, by the processor's own instruction."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

MASK_DELTA = 0xA282EAD8


def crc32c(data: Any, start: int = 0) -> int:
    """The checksum of bytes, or of an array's; `start` is that of what comes before."""
    if not len(data):
        return start
    array = np.frombuffer(data, np.uint8)
    return int(_function()(start, array.ctypes.data, array.size))


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
