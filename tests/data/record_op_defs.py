"""Record which attributes TensorFlow 1.15.5's op types have: ``python record_op_defs.py OUT``.

OUT is graphflow/protos/op_defs.json, by which graphs are written and read: for each type its inputs
(type attribute, or type; length attribute; list attribute) and its attributes (kind, default).
"""

import json
import sys

import tensorflow as tf  # noqa: F401  # registers the ops
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry


def argument(arg):
    kind = arg.type_attr or arg.type_list_attr or types_pb2.DataType.Name(arg.type)
    if arg.number_attr:
        kind = f"{arg.number_attr}*{kind}"
    return kind + ("..." if arg.type_list_attr else "")


def default(attr):
    if not attr.HasField("default_value"):
        return None
    value = attr.default_value
    kind = value.WhichOneof("value")
    if kind == "list":
        found = value.list
        for field in ("s", "i", "f", "b", "type"):
            items = list(getattr(found, field))
            if items:
                return [kind, field, [i.decode() if isinstance(i, bytes) else i for i in items]]
        return [kind, "", []]
    if kind == "shape":
        shape = value.shape
        return [kind, None if shape.unknown_rank else [d.size for d in shape.dim]]
    if kind not in ("s", "i", "f", "b", "type"):
        return None
    found = getattr(value, kind)
    return [kind, found.decode("latin-1") if isinstance(found, bytes) else found]


def main():
    registry = op_def_registry.get_registered_ops()
    table = {}
    for name, known in registry.items():
        attrs = {a.name: [a.type, default(a)] for a in known.attr}
        table[name] = [[argument(a) for a in known.input_arg], attrs]
    rows = [
        json.dumps(name) + ":" + json.dumps(table[name], separators=(",", ":"))
        for name in sorted(table)
    ]
    with open(sys.argv[1], "w") as file:
        file.write("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
