"""Records answers of Theano 1.0.5 into ``answers.json``: run by a Python that has it.

THEANO_FLAGS=floatX=float32 python tests/theano/record_theano.py
"""

import json
import os

import cases
import numpy as np
import theano

found = {}
for name, make in sorted(cases.CASES.items()):
    inputs, values, output = make(theano)
    # Python's linker needs no compiler; convolutions have no Python form.
    mode = None if name.startswith("conv") else theano.Mode("py", "fast_compile")
    compiled = theano.function(inputs, output, on_unused_input="ignore", mode=mode)
    result = np.asarray(compiled(*values))
    found[name] = {"dtype": str(result.dtype), "value": result.tolist()}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "answers.json")
with open(path, "w") as file:
    lines = [f" {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted(found.items())]
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
