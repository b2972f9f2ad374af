"""Sets of element types that ops accept, in TensorFlow's order: its error messages list them so."""

from __future__ import annotations

from graphflow.graph import dtypes

FLOATS = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)
COMPLEX = (dtypes.complex64, dtypes.complex128)
ANALYTIC = (*FLOATS, *COMPLEX)
INDEX = (dtypes.int32, dtypes.int64)
SIGNED = (*FLOATS, *INDEX, *COMPLEX)
ADDABLE = (*FLOATS, dtypes.uint8, dtypes.int8, dtypes.int16, *INDEX, *COMPLEX)
ARITHMETIC = (
    *FLOATS, dtypes.uint8, dtypes.int8, dtypes.uint16, dtypes.int16, *INDEX, *COMPLEX,
)  # fmt: skip
ALL_NUMBERS = (
    dtypes.float32, dtypes.float64, dtypes.int32, dtypes.uint8, dtypes.int16, dtypes.int8,
    dtypes.complex64, dtypes.int64, dtypes.bfloat16, dtypes.uint16, dtypes.complex128,
    dtypes.float16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip
ORDERED = tuple(dtype for dtype in ALL_NUMBERS if dtype not in COMPLEX)
COMPARABLE = (
    *FLOATS, dtypes.uint8, dtypes.int8, dtypes.int16, *INDEX, dtypes.complex64, dtypes.string,
    dtypes.bool_, dtypes.complex128,
)  # fmt: skip
INTEGERS = (
    dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64,
    dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64,
)  # fmt: skip
BITS = (
    *FLOATS, dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.uint16, dtypes.uint32,
    dtypes.uint64, dtypes.int8, dtypes.int16, *COMPLEX, dtypes.qint8, dtypes.quint8, dtypes.qint16,
    dtypes.quint16, dtypes.qint32,
)  # fmt: skip
NO_NAN = (dtypes.float16, dtypes.float32, dtypes.float64, *COMPLEX)
