"""Messages from the table in `schema`: descriptors, built and handed to the protobuf library."""

from __future__ import annotations

from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from graphflow.protos.schema import ENUMS, SCHEMA

PACKAGE = "tensorflow"
ANY = "google.protobuf.Any"  # not TensorFlow's own: its text form names the message inside
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "double": _Field.TYPE_DOUBLE, "float": _Field.TYPE_FLOAT, "int64": _Field.TYPE_INT64,
    "uint64": _Field.TYPE_UINT64, "int32": _Field.TYPE_INT32, "uint32": _Field.TYPE_UINT32,
    "fixed32": _Field.TYPE_FIXED32, "bool": _Field.TYPE_BOOL, "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}  # fmt: skip


def make_messages() -> dict[str, Any]:
    """All messages of the schema, by name."""
    file = descriptor_pb2.FileDescriptorProto(
        name="graphflow/tensorflow.proto", package=PACKAGE, syntax="proto3",
        dependency=[any_pb2.DESCRIPTOR.name],
    )  # fmt: skip
    declared: dict[str, Any] = {}
    for name, values in ENUMS.items():
        outer, _, own = name.rpartition(".")
        place = _declare(file, declared, outer) if outer else file
        enum = place.enum_type.add(name=own)
        for label, number in values.items():
            enum.value.add(name=label, number=number)
    for name, fields in _parse(SCHEMA).items():
        _declare(file, declared, name)
        for field in fields:
            _add_field(declared[name], name, field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    names = {name: f"{PACKAGE}.{name}" for name in declared}
    names["Any"] = ANY
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(full))
        for name, full in names.items()
    }


def _parse(text: str) -> dict[str, list[tuple[bool, int, str, str]]]:
    """Message names with their fields: (of the oneof, number, type, name)."""
    found: dict[str, list[tuple[bool, int, str, str]]] = {}
    fields: list[tuple[bool, int, str, str]] = []
    for line in text.split("\n"):
        words = line.split()
        if words and words[0] == "message":
            fields = found[words[1]] = []
        elif words:
            number, kind, name = words
            fields.append((number[0] == "|", int(number.lstrip("|")), kind, name))
    return found


def _declare(file: Any, declared: dict[str, Any], name: str) -> Any:
    """The descriptor of a message; the one that it is nested in is made on the way."""
    if name not in declared:
        outer, _, own = name.rpartition(".")
        place = _declare(file, declared, outer).nested_type if outer else file.message_type
        declared[name] = place.add(name=own)
    return declared[name]


def _add_field(message: Any, owner: str, field: tuple[bool, int, str, str]) -> None:
    in_oneof, number, kind, name = field
    made = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if kind.startswith("<"):
        key, _, value = kind[1:-1].partition(",")
        words = "".join(w.capitalize() for w in name.split("_"))
        entry = message.nested_type.add(name=f"{words}Entry")
        entry.options.map_entry = True
        for position, (label, part) in enumerate((("key", key), ("value", value)), start=1):
            _set_type(entry.field.add(name=label, number=position), part)
            entry.field[-1].label = _Field.LABEL_OPTIONAL
        made.label = _Field.LABEL_REPEATED
        made.type = _Field.TYPE_MESSAGE
        made.type_name = f".{PACKAGE}.{owner}.{words}Entry"
        return
    if kind.startswith("*"):
        made.label, kind = _Field.LABEL_REPEATED, kind[1:]
    _set_type(made, kind)
    if in_oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=_ONEOFS.get(owner, "kind"))
        made.oneof_index = 0


_ONEOFS = {"AttrValue": "value", "Summary.Value": "value", "Event": "what",
           "TensorInfo": "encoding", "TensorSliceProto.Extent": "has_length"}  # fmt: skip


def _set_type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_ENUM if kind in ENUMS else _Field.TYPE_MESSAGE
        field.type_name = f".{ANY}" if kind == "Any" else f".{PACKAGE}.{kind}"
