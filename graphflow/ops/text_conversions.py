"""Numbers to texts and back: as_string, string_to_number, decode_raw, base64, CSV, TensorProtos."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import compute, define_host_op
from graphflow.ops.shape import one_of
from graphflow.ops.shape_rules import Types, known_int, output, with_rank
from graphflow.ops.strings import object_array, same_shape

__all__ = [
    "as_string", "decode_base64", "decode_csv", "decode_raw", "encode_base64", "parse_tensor",
    "serialize_tensor", "string_to_number",
]  # fmt: skip

_NONE = "texts have no gradient"
Array = np.ndarray[Any, Any]

# ---- numbers as texts


def _number_format(
    kind: str, precision: int, scientific: bool, shortest: bool, width: int, fill: str
) -> str:
    """The format of C's printf for numbers of a kind: 'float' or 'int'."""
    if kind == "float":
        letter = "e" if scientific else "g" if shortest else "f"
        digits = f".{precision}" if precision >= 0 else ""
    else:
        letter, digits = "d", ""
    return f"%{fill}{width if width > 0 else ''}{digits}{letter}"


def _check_format(
    is_whole: bool, precision: int, scientific: bool, shortest: bool, width: int, fill: str
) -> None:
    if scientific and shortest:
        raise ValueError("Cannot select both scientific and shortest notation")
    if is_whole and (scientific or shortest):
        raise ValueError("scientific and shortest format not supported for whole numbers")
    if is_whole and precision >= 0:
        raise ValueError("precision not supported for whole numbers")
    if len(fill) > 1:
        raise ValueError("Fill string must be one or fewer characters")


def _as_text(x: Array, **options: Any) -> Array:
    shape, values = x.shape, x.ravel().tolist()
    _check_format(x.dtype.kind in "iub", **options)
    if x.dtype == bool:
        return object_array(shape, (b"true" if v else b"false" for v in values))
    if x.dtype.kind == "c":
        one = _number_format("float", **options)
        return object_array(shape, (_printed(f"({one},{one})", (v.real, v.imag)) for v in values))
    kind = "int" if x.dtype.kind in "iu" else "float"
    form = _number_format(kind, **options)
    return object_array(shape, (_printed(form, v) for v in values))


def _printed(form: str, value: Any) -> bytes:
    return (form % value).encode()


_AS_STRING_ATTRS = ("precision", "scientific", "shortest", "width", "fill")
define_host_op(
    "AsString", same_shape(dtypes.string), _as_text, lambda op, x: [x.shape], _AS_STRING_ATTRS,
    no_gradient=_NONE,
)  # fmt: skip
_AS_STRING = Signature("AsString", "input: T")


def as_string(
    input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False,
    width: int = -1, fill: str = "", name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return numbers as texts, as C's `printf` writes them.

    Parameters
    ----------
    precision : digits after the point of floating numbers; six when negative.
    scientific, shortest : write floating numbers with an exponent, or whichever is shorter.
    width : to which texts are filled up.
    fill : ``"0"``, ``" "``, ``"-"``, ``"+"`` or nothing.
    """
    attrs: dict[str, Any] = {
        "precision": precision, "scientific": scientific, "shortest": shortest, "width": width,
        "fill": fill,
    }  # fmt: skip
    return _AS_STRING(input, name=name, **attrs).outputs[0]


# ---- texts as numbers


def _number(text: bytes, dtype: Any) -> Any:
    """A number from a text; ValueError when it is none, or too large."""
    plain = text.strip(b" \t\n\v\f\r")
    if b"_" in plain:  # Python takes it for a separator
        raise ValueError(plain)
    if dtype.kind == "f":
        is_hex = plain.lstrip(b"+-")[:2].lower() == b"0x"
        return dtype.type(float.fromhex(plain.decode()) if is_hex else float(plain))
    value, limits = int(plain), np.iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise ValueError(plain)
    return value


def _to_numbers(x: Array, out_type: Any) -> Array:
    dtype = np.dtype(out_type.numpy)
    found = np.empty(x.size, dtype)
    for k, text in enumerate(x.ravel()):
        try:
            found[k] = _number(text, dtype)
        except ValueError:
            shown = text.decode("utf-8", "replace")
            raise ValueError(
                f"StringToNumberOp could not correctly convert string: {shown}"
            ) from None
    return found.reshape(x.shape)


define_host_op(
    "StringToNumber", lambda op: output(op, op.inputs[0].shape.extents, op.attrs["out_type"]),
    _to_numbers, lambda op, x: [x.shape], ("out_type",), no_gradient=_NONE,
)  # fmt: skip
_TO_NUMBER = Signature("StringToNumber", "string_tensor: string")


def string_to_number(
    string_tensor: Any = None, out_type: Any = dtypes.float32, name: str | None = None,
    input: Any = None,
) -> Tensor:  # fmt: skip
    """Return the numbers, of `out_type`, that texts stand for."""
    texts = one_of("input", input, "string_tensor", string_tensor)
    return _TO_NUMBER(texts, name=name, out_type=as_dtype(out_type)).outputs[0]


def _raw(x: Array, out_type: Any, little_endian: bool) -> Array:
    texts = x.ravel().tolist()
    count = len(texts[0]) if texts else 0
    for k, text in enumerate(texts):
        if len(text) != count:
            raise ValueError(
                "DecodeRaw requires input strings to all be the same size, but element "
                f"{k} has size {count} != {len(text)}"
            )
    dtype = np.dtype(out_type.numpy)
    if count % dtype.itemsize:
        raise ValueError(
            f"Input to DecodeRaw has length {count} that is not a multiple of {dtype.itemsize}, "
            f"the size of {out_type.name}"
        )
    found = np.frombuffer(b"".join(texts), dtype)
    found = found if little_endian or dtype.itemsize == 1 else found.byteswap()
    return found.reshape(*x.shape, count // dtype.itemsize)


def _infer_raw(op: Operation) -> Types:
    extents = op.inputs[0].shape.extents
    return output(op, None if extents is None else (*extents, None), op.attrs["out_type"])


define_host_op(
    "DecodeRaw", _infer_raw, _raw, None, ("out_type", "little_endian"), no_gradient=_NONE
)
_RAW = Signature("DecodeRaw", "bytes: string")


def _padded(x: Array, length: Array, out_type: Any, little_endian: bool) -> Array:
    count = int(length)
    if count <= 0:
        raise ValueError(f"fixed_length ({count}) must be greater than zero.")
    texts = [text[:count].ljust(count, b"\0") for text in x.ravel()]
    return _raw(object_array(x.shape, texts), out_type, little_endian)


def _infer_padded(op: Operation) -> Types:
    extents = op.inputs[0].shape.extents
    with_rank(op.inputs[1].shape, 0)
    length, width = known_int(op.inputs[1]), op.attrs["out_type"].size
    if length is not None and length < 0:
        raise ValueError(
            f"Dimension size, given by scalar input 1, must be non-negative but is {length}"
        )
    if length is not None and length % width:
        raise ValueError(f"Dimension size must be evenly divisible by {width} but is {length}")
    last = None if length is None else length // width
    return output(op, None if extents is None else (*extents, last), op.attrs["out_type"])


define_host_op(
    "DecodePaddedRaw", _infer_padded, _padded, None, ("out_type", "little_endian"),
    no_gradient=_NONE,
)  # fmt: skip
_PADDED = Signature("DecodePaddedRaw", "input_bytes: string", "fixed_length: int32")


def decode_raw(
    input_bytes: Any = None, out_type: Any = None, little_endian: bool = True,
    name: str | None = None, bytes: Any = None, fixed_length: Any = None,
) -> Tensor:  # fmt: skip
    """Return the bytes of texts as numbers of `out_type`.

    Parameters
    ----------
    fixed_length : how many bytes of each text: longer ones are cut and shorter ones filled with
        zeros. When None, the texts must be of one length.
    """
    texts = one_of("input_bytes", input_bytes, "bytes", bytes)
    attrs: dict[str, Any] = {"out_type": as_dtype(out_type), "little_endian": little_endian}
    if fixed_length is not None:
        return _PADDED(texts, fixed_length, name=name, **attrs).outputs[0]
    return _RAW(texts, name=name, **attrs).outputs[0]


# ---- base64, for the web: with - and _


def _encoded(x: Array, pad: bool) -> Array:
    texts = [base64.urlsafe_b64encode(text) for text in x.ravel()]
    return object_array(x.shape, texts if pad else [text.rstrip(b"=") for text in texts])


def _decoded(x: Array) -> Array:
    found = []
    for text in x.ravel():
        plain = text.rstrip(b"=")
        try:
            if b"+" in plain or b"/" in plain:
                raise binascii.Error
            filled = plain + b"=" * (-len(plain) % 4)
            found.append(base64.b64decode(filled, altchars=b"-_", validate=True))
        except binascii.Error:
            raise ValueError("Invalid character found in base64.") from None
    return object_array(x.shape, found)


define_host_op(
    "EncodeBase64", same_shape(), _encoded, lambda op, x: [x.shape], ("pad",), no_gradient=_NONE
)
define_host_op("DecodeBase64", same_shape(), _decoded, lambda op, x: [x.shape], no_gradient=_NONE)
_ENCODE = Signature("EncodeBase64", "input: string")
_DECODE = Signature("DecodeBase64", "input: string")


def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:
    """Return texts in the base64 of web addresses, filled up with ``=`` when `pad`."""
    return _ENCODE(input, name=name, pad=pad).outputs[0]


def decode_base64(input: Any, name: str | None = None) -> Tensor:
    """Return what `encode_base64` encoded."""
    return _DECODE(input, name=name).outputs[0]


# ---- comma-separated values


def _fields(record: bytes, field_delim: str, use_quote_delim: bool, row: int) -> list[str]:
    text = record.decode("latin-1")
    if not use_quote_delim:
        return text.split(field_delim)
    if text.count('"') % 2:
        raise ValueError(f"Quoted field has to end with quote followed by delim or end in {row}")
    # A record is one line to TensorFlow, whatever is in it.
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=field_delim), [""])


def _field_value(
    text: str, default: Array, place: tuple[str, str], dtype: Any, na_value: str
) -> Any:
    """One field; its column's default where there is none."""
    if text == "" or text == na_value:
        if default.size == 0:
            raise ValueError(f"{place[0]} is required but missing in {place[1]}!")
        return default.reshape(-1)[0]
    if dtype.kind == "O":
        return text.encode("latin-1")
    try:
        return _number(text.encode("latin-1"), dtype)
    except ValueError:
        kinds = {"i4": "int32", "i8": "int64", "f4": "float", "f8": "double"}
        raise ValueError(
            f"{place[0]} in {place[1]} is not a valid {kinds[dtype.str[1:]]}: {text}"
        ) from None


def _csv_columns(
    records: Array, *defaults: Array, field_delim: str, use_quote_delim: bool, na_value: str,
    select_cols: tuple[int, ...],
) -> list[Array]:  # fmt: skip
    columns: list[list[Any]] = [[] for _ in defaults]
    for row, record in enumerate(records.ravel()):
        fields = _fields(record, field_delim, use_quote_delim, row)
        if select_cols:
            fields = [fields[k] for k in select_cols if k < len(fields)]
        if len(fields) != len(defaults):
            raise ValueError(
                f"Expect {len(defaults)} fields but have {len(fields)} in record {row}"
            )
        for k, (text, default) in enumerate(zip(fields, defaults, strict=True)):
            place = f"Field {k}", f"record {row}"
            columns[k].append(_field_value(text, default, place, default.dtype, na_value))
    pairs = zip(columns, defaults, strict=True)
    return [
        object_array(records.shape, c) if d.dtype == object
        else np.array(c, d.dtype).reshape(records.shape)
        for c, d in pairs
    ]  # fmt: skip


def _infer_csv(op: Operation) -> Types:
    for default in op.inputs[1:]:
        if default.shape.rank not in (None, 0, 1):
            raise ValueError(f"Shape must be at most rank 1 but is rank {default.shape.rank}")
        if default.shape.rank == 1 and (default.shape.as_list()[0] or 0) > 1:
            raise ValueError("Shape of a default must be a length-0 or length-1 vector, or a "
                             "scalar.")  # fmt: skip
    return [(d.dtype.base_dtype, op.inputs[0].shape) for d in op.inputs[1:]]


_CSV_ATTRS = ("field_delim", "use_quote_delim", "na_value", "select_cols")


def _lower_csv(b: Any, op: Operation, records: Any, *defaults: Any) -> Any:
    options = {key: op.attrs[key] for key in _CSV_ATTRS}
    shapes = [records.shape] * len(defaults)
    return compute(b, op, _csv_columns, (records, *defaults), shapes, **options)


define_op("DecodeCSV", _infer_csv, _lower_csv, no_gradient=_NONE)
_CSV = Signature("DecodeCSV", "records: string", "record_defaults: OUT_TYPE...")


def decode_csv(
    records: Any, record_defaults: Sequence[Any], field_delim: str = ",",
    use_quote_delim: bool = True, name: str | None = None, na_value: str = "",
    select_cols: Sequence[int] | None = None,
) -> list[Tensor]:  # fmt: skip
    """Return the columns of records of comma-separated values.

    Parameters
    ----------
    records : texts of any shape, a record each.
    record_defaults : a value for each column, which has its type; an empty list of a type where
        the field must be there.
    field_delim : between fields.
    use_quote_delim : whether double quotes are marks around a field.
    na_value : another text for a field that is not there.
    select_cols : the columns that are wanted, ascending; all when None.
    """
    if len(field_delim) != 1:
        raise ValueError("field_delim should be only 1 char")
    chosen = tuple(select_cols or ())
    if any(a >= b for a, b in itertools.pairwise(chosen)):
        raise ValueError("select_cols is not strictly increasing.")
    if any(column < 0 for column in chosen):
        raise ValueError(f"select_cols contains negative values: {list(chosen)}")
    if chosen and len(chosen) != len(record_defaults):
        raise ValueError("Length of select_cols and record_defaults do not match.")
    attrs: dict[str, Any] = {
        "field_delim": field_delim, "use_quote_delim": use_quote_delim, "na_value": na_value,
        "select_cols": chosen,
    }  # fmt: skip
    return list(_CSV(records, list(record_defaults), name=name, **attrs).outputs)


# ---- tensors as messages


_CPP_NAMES = {"float32": "float", "float64": "double", "float16": "half"}


def array_of_proto(text: bytes, out_type: Any) -> Array:
    """The array of a serialised TensorProto; ValueError when it is none of that type."""
    from google.protobuf.message import DecodeError  # a heavy package

    from graphflow.graph.graph_def import tensor_array  # imports protobuf
    from graphflow.protos import message

    proto = message("TensorProto")()
    try:
        proto.ParseFromString(text)
    except DecodeError:
        shown = text.decode("utf-8", "replace")
        raise ValueError(f"Could not parse `serialized` as TensorProto: '{shown}'") from None
    found = as_dtype(proto.dtype)
    if found != out_type:
        raise ValueError(
            f"Type mismatch between parsed tensor ({_CPP_NAMES.get(found.name, found.name)}) and "
            f"dtype ({_CPP_NAMES.get(out_type.name, out_type.name)})"
        )
    return tensor_array(proto)


def text_of_array(x: Array, dtype: Any) -> bytes:
    """An array as a serialised TensorProto."""
    from graphflow.graph.graph_def import tensor_proto  # imports protobuf

    found: bytes = tensor_proto(x, dtype).SerializeToString()
    return found


def _parsed(text: Array, out_type: Any) -> Array:
    return array_of_proto(text.item(), out_type)


def _serialized(x: Array, dtype: Any) -> Array:
    return object_array((), [text_of_array(x, dtype)])


define_host_op(
    "ParseTensor", lambda op: output(op, None, op.attrs["out_type"]), _parsed, None,
    ("out_type",), no_gradient=_NONE,
)  # fmt: skip


def _lower_serialize(b: Any, op: Operation, x: Any) -> Any:
    return compute(b, op, _serialized, (x,), [()], dtype=op.inputs[0].dtype.base_dtype)


define_op(
    "SerializeTensor", lambda op: [(dtypes.string, shape_from_tuple(()))], _lower_serialize,
    no_gradient=_NONE,
)  # fmt: skip
_PARSE = Signature("ParseTensor", "serialized: string")
_SERIALIZE = Signature("SerializeTensor", "tensor: T")


def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Tensor:
    """Return the tensor, of `out_type`, of a serialised TensorProto."""
    return _PARSE(serialized, name=name, out_type=as_dtype(out_type)).outputs[0]


def serialize_tensor(tensor: Any, name: str | None = None) -> Tensor:
    """Return a tensor as the text of a TensorProto."""
    return _SERIALIZE(tensor, name=name).outputs[0]
