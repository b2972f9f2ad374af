"""Record how TensorFlow 1.15.5's op types are called: ``python record_raw_ops.py OUT``.

OUT is graphflow/protos/raw_ops.json, by which ``tf.raw_ops`` makes operations: for each op type its
parameters in order, an attribute by its name, an input as ``name:number`` with an ``r`` behind if
it is a reference, what is called otherwise as ``parameter=attribute``; then what its results are
called, a list with ``*`` and the attribute that gives its length.
"""

import inspect
import json
import sys

import tensorflow as tf
from tensorflow.python.framework import op_def_registry


def parameters(name, known):
    names = [p for p in inspect.signature(getattr(tf.raw_ops, name)).parameters if p != "name"]
    inputs = {a.name: k for k, a in enumerate(known.input_arg)}
    attrs = {a.name for a in known.attr}
    renamed = [k for n, k in inputs.items() if n not in names]
    found = []
    for parameter in names:
        if parameter not in inputs and parameter in attrs:
            found.append(parameter)
            continue
        if parameter not in inputs and not renamed:
            (attr,) = [a.name for a in known.attr if a.name not in names and a.type == "list(int)"]
            found.append(parameter + "=" + attr)
            continue
        number = inputs[parameter] if parameter in inputs else renamed.pop(0)
        found.append(parameter + ":" + str(number) + "r" * known.input_arg[number].is_ref)
    assert not renamed, name
    return " ".join(found)


def main():
    rows = []
    for name, known in sorted(op_def_registry.get_registered_ops().items()):
        if hasattr(tf.raw_ops, name):
            results = " ".join(
                a.name + ("*" + length if length else "")
                for a in known.output_arg
                for length in [a.number_attr or a.type_list_attr]
            )
            row = [parameters(name, known), results]
            rows.append(json.dumps(name) + ":" + json.dumps(row, separators=(",", ":")))
    with open(sys.argv[1], "w") as file:
        file.write("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
