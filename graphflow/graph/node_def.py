"""An operation as a record that prints: TensorFlow's `NodeDef`, in its text form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.shapes import TensorShape

_ENUM_NAMES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
_VALUE_FIELDS = {
    "float32": "float_val", "float64": "double_val", "float16": "half_val", "bool": "bool_val",
    "int64": "int64_val", "string": "string_val", "uint32": "uint32_val", "uint64": "uint64_val",
    "complex64": "scomplex_val", "complex128": "dcomplex_val", "bfloat16": "half_val",
}  # fmt: skip


@dataclass
class NodeDef:
    """Name, type, inputs, device and attributes of an operation.

    `input` holds names as a GraphDef writes them: ``x``, ``split:1``, ``^control``.
    """

    name: str
    op: str
    input: list[str] = field(default_factory=list)
    device: str = ""
    attr: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"name: {_quoted(self.name)}", f"op: {_quoted(self.op)}"]
        lines += [f"input: {_quoted(name)}" for name in self.input]
        if self.device:
            lines.append(f"device: {_quoted(self.device)}")
        for key in sorted(self.attr):
            lines += ["attr {", f"  key: {_quoted(key)}", "  value {"]
            lines += [f"    {line}" for line in _attr_lines(self.attr[key])]
            lines += ["  }", "}"]
        return "\n".join(lines) + "\n"


def _quoted(text: str | bytes) -> str:
    if isinstance(text, str):
        text = text.encode()
    escaped = text.decode("latin-1").encode("unicode_escape").decode()
    return '"' + escaped.replace('"', '\\"') + '"'


def _enum_name(dtype: DType) -> str:
    base = dtype.base_dtype.name
    name = _ENUM_NAMES.get(base, f"DT_{base.upper()}")
    return f"{name}_REF" if dtype._is_ref_dtype else name


def _attr_lines(value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"b: {str(value).lower()}"]
    if isinstance(value, (int, np.integer)):
        return [f"i: {value}"]
    if isinstance(value, (float, np.floating)):
        return [f"f: {float(value):g}"]
    if isinstance(value, (str, bytes)):
        return [f"s: {_quoted(value)}"]
    if isinstance(value, DType):
        return [f"type: {_enum_name(value)}"]
    if isinstance(value, TensorShape):
        return ["shape {", *(f"  {line}" for line in _shape_lines(value)), "}"]
    if isinstance(value, np.ndarray):
        return ["tensor {", *(f"  {line}" for line in _tensor_lines(value)), "}"]
    if isinstance(value, (list, tuple)):
        lines = [line for item in value for line in _attr_lines(item)]
        return ["list {", *(f"  {line}" for line in lines), "}"]
    return [f"s: {_quoted(repr(value))}"]


def _shape_lines(shape: TensorShape) -> list[str]:
    if shape.extents is None:
        return ["unknown_rank: true"]
    lines: list[str] = []
    for size in shape.extents:
        lines += ["dim {", f"  size: {-1 if size is None else size}", "}"]
    return lines


def _tensor_lines(array: np.ndarray[Any, Any]) -> list[str]:
    dtype = as_dtype(array.dtype)
    lines = [f"dtype: {_enum_name(dtype)}", "tensor_shape {"]
    lines += [f"  {line}" for line in _shape_lines(TensorShape(array.shape))]
    lines.append("}")
    if dtype.name == "string":
        return lines + [f"string_val: {_quoted(item)}" for item in array.ravel()]
    if array.size != 1:
        return [*lines, f"tensor_content: {_quoted(array.tobytes())}"] if array.size else lines
    value = array.item()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return [*lines, f"{_VALUE_FIELDS.get(dtype.name, 'int_val')}: {text}"]
