"""Element types: TensorFlow 1.15's `DType` objects over NumPy dtypes.

Every stage of the compiler names element types by these objects. `short` is the name in dumps
(``f32``), `name` is TensorFlow's (``float32``), `as_numpy_dtype` is the NumPy scalar type that
holds a value. bfloat16's is `ml_dtypes.bfloat16`, loaded only when somebody asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class DType:
    """An element type. Instances are singletons: compare with ``==`` or ``is``.

    A reference type (``float32_ref``) is the type of a variable's own output, as in TensorFlow 1.x;
    it compares equal to itself only, and `base_dtype` gives the value's type.
    """

    __slots__ = ("_numpy", "_ref_of", "as_datatype_enum", "kind", "name", "short", "size")

    def __init__(
        self,
        name: str,
        short: str,
        kind: str,
        size: int,
        enum: int,
        numpy_type: Any,
        ref_of: DType | None = None,
    ) -> None:
        self.name = name
        self.short = short
        self.kind = kind  # one of: float int uint bool complex string resource
        self.size = size
        self.as_datatype_enum = enum  # TensorFlow's DataType number, as in a GraphDef
        self._numpy = numpy_type
        self._ref_of = ref_of

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy scalar type of a value."""
        if self._numpy is None:
            import ml_dtypes  # an import inside a function: 20 ms that most programs never need

            self._numpy = ml_dtypes.bfloat16
        return self._numpy

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of an array of values."""
        return np.dtype(self.as_numpy_dtype)

    @property
    def base_dtype(self) -> DType:
        """The value type of a reference type; any other type itself."""
        return self._ref_of if self._ref_of is not None else self

    @property
    def real_dtype(self) -> DType:
        """The type of the real part of a complex type; any other type itself."""
        base = self.base_dtype
        return {"complex64": float32, "complex128": float64}.get(base.name, base)

    @property
    def is_numpy_compatible(self) -> bool:
        """Whether NumPy has arrays of this type."""
        return self.kind != "resource"

    @property
    def is_floating(self) -> bool:
        """Whether this is a real floating type (reference types too)."""
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type that is not quantised."""
        return self.kind in ("int", "uint") and not self.is_quantized

    @property
    def is_unsigned(self) -> bool:
        """Whether this is an unsigned integer type that is not quantised."""
        return self.kind == "uint" and not self.is_quantized

    @property
    def is_bool(self) -> bool:
        """Whether this is the boolean type."""
        return self.kind == "bool"

    @property
    def is_complex(self) -> bool:
        """Whether this is a complex type."""
        return self.kind == "complex"

    @property
    def is_quantized(self) -> bool:
        """Whether this is one of TensorFlow's quantised types: integers for parts of a range."""
        return self.name.startswith(("qint", "quint"))

    @property
    def _is_ref_dtype(self) -> bool:
        return self._ref_of is not None

    @property
    def _as_ref(self) -> DType:
        return self if self._is_ref_dtype else _REFS[self.name]

    @property
    def min(self) -> Any:
        """The smallest finite value, as a NumPy scalar; TypeError when there is none."""
        return self._limits()[0]

    @property
    def max(self) -> Any:
        """The largest finite value, as a NumPy scalar; TypeError when there is none."""
        return self._limits()[1]

    def _limits(self) -> tuple[Any, Any]:
        scalar = self.base_dtype.as_numpy_dtype
        if self.is_bool:
            return scalar(False), scalar(True)
        if self.is_integer:
            info: Any = np.iinfo(scalar)
        elif self.base_dtype is bfloat16:
            import ml_dtypes

            info = ml_dtypes.finfo(scalar)
        elif self.is_floating:
            info = np.finfo(scalar)
        else:
            raise TypeError(f"Cannot find minimum value of {self!r}.")
        return scalar(info.min), scalar(info.max)

    @property
    def limits(self) -> tuple[Any, Any]:
        """The smallest and the largest value as the type is used for images: 0 and 1 for floats."""
        if self.is_floating:
            return 0, 1
        return self.min, self.max

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor of type `other` may stand where this type is asked for."""
        return self.base_dtype is as_dtype(other).base_dtype

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        return as_dtype, (self.name,)

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"


float16 = DType("float16", "f16", "float", 2, 19, np.float16)
bfloat16 = DType("bfloat16", "bf16", "float", 2, 14, None)
float32 = DType("float32", "f32", "float", 4, 1, np.float32)
float64 = DType("float64", "f64", "float", 8, 2, np.float64)
int8 = DType("int8", "i8", "int", 1, 6, np.int8)
int16 = DType("int16", "i16", "int", 2, 5, np.int16)
int32 = DType("int32", "i32", "int", 4, 3, np.int32)
int64 = DType("int64", "i64", "int", 8, 9, np.int64)
uint8 = DType("uint8", "u8", "uint", 1, 4, np.uint8)
uint16 = DType("uint16", "u16", "uint", 2, 17, np.uint16)
uint32 = DType("uint32", "u32", "uint", 4, 22, np.uint32)
uint64 = DType("uint64", "u64", "uint", 8, 23, np.uint64)
bool_ = DType("bool", "bool", "bool", 1, 10, np.bool_)
complex64 = DType("complex64", "c64", "complex", 8, 8, np.complex64)
complex128 = DType("complex128", "c128", "complex", 16, 18, np.complex128)
qint8 = DType("qint8", "qi8", "int", 1, 11, np.int8)
quint8 = DType("quint8", "qu8", "uint", 1, 12, np.uint8)
qint16 = DType("qint16", "qi16", "int", 2, 15, np.int16)
quint16 = DType("quint16", "qu16", "uint", 2, 16, np.uint16)
qint32 = DType("qint32", "qi32", "int", 4, 13, np.int32)
string = DType("string", "str", "string", 8, 7, np.object_)
resource = DType("resource", "res", "resource", 8, 20, np.object_)
double = float64
half = float16

ALL: tuple[DType, ...] = (
    float16, bfloat16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    bool_, complex64, complex128, string, resource, qint8, quint8, qint16, quint16, qint32,
)  # fmt: skip
NUMERIC = tuple(t for t in ALL if t.is_integer or t.kind in ("float", "complex"))
FLOATING = tuple(t for t in ALL if t.kind == "float")
INTEGER = tuple(t for t in ALL if t.is_integer)

_REFS = {
    t.name: DType(
        t.name + "_ref", t.short + "&", t.kind, t.size, t.as_datatype_enum + 100, t._numpy, t
    )
    for t in ALL
}
_BY_NAME = {t.name: t for t in (*ALL, *_REFS.values())} | {
    "half": float16,
    "float": float32,
    "double": float64,
}
QUANTIZED_DTYPES = frozenset(t for t in (*ALL, *_REFS.values()) if t.is_quantized)
_BY_ENUM = {t.as_datatype_enum: t for t in (*ALL, *_REFS.values())}
_BY_NUMPY = {
    np.dtype(t._numpy): t
    for t in ALL
    if t._numpy is not None and t is not resource and not t.is_quantized
}
_BY_PYTHON = {float: float32, bool: bool_, complex: complex128, str: string,
              bytes: string, object: string}  # fmt: skip


def as_dtype(value: Any) -> DType:
    """Return the `DType` of a name, a TensorFlow enum, a NumPy dtype or scalar type, or a DType.

    Python's ``float`` means float32, as in TensorFlow; ``int`` is NumPy's default integer.

    Raises
    ------
    TypeError : `value` names no type.
    """
    if isinstance(value, DType):
        return value
    try:
        if isinstance(value, str):
            return _BY_NAME[value]
        if isinstance(value, int) and not isinstance(value, bool):
            return _BY_ENUM[value]
        if isinstance(value, type) and value in _BY_PYTHON:
            return _BY_PYTHON[value]
        dtype = np.dtype(value)
        if dtype.kind in "SUO":
            return string
        found = _BY_NUMPY.get(dtype)
        if found is None and dtype.name == "bfloat16":  # asked last: `name` is slow
            return bfloat16
        return found or _BY_NUMPY[dtype]
    except (KeyError, TypeError):
        raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType.") from None
