"""Record what TensorFlow 1.15.5 makes of the scenarios: ``python record_scenarios.py``.

Needs an interpreter with TensorFlow 1.15.5 and nothing else; writes ``tf115_<name>.json`` here.
"""

import json
import os
import sys


def run_scenario(tf, np, get_seed, source):
    """Return the operations that a scenario makes and what it notes, as plain data."""
    notes = []

    def fails(*functions):
        for function in functions:
            try:
                function()
            except Exception as error:  # the class is what is recorded
                text = error.args[0] if isinstance(error, KeyError) else str(error)
                notes.append([type(error).__name__, text.split("\n")[0]])
            else:
                notes.append(["no error"])

    with tf.Graph().as_default() as graph:
        names = {"tf": tf, "np": np, "get_seed": get_seed, "fails": fails}
        names["note"] = lambda *values: notes.append([repr(value) for value in values])
        exec(source, names)
        operations = [[op.name, op.type] for op in graph.get_operations()]
    return {"operations": operations, "notes": notes}


def main():
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework.random_seed import get_seed

    tf.compat.v1.logging.set_verbosity("ERROR")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    import control_scenarios
    import graph_scenarios
    import shape_scenarios
    import variable_scenarios

    modules = {
        "control": control_scenarios,
        "graph": graph_scenarios,
        "shape": shape_scenarios,
        "variable": variable_scenarios,
    }
    for name, module in modules.items():
        recorded = {
            key: run_scenario(tf, np, get_seed, source) for key, source in module.SCENARIOS.items()
        }
        with open(os.path.join(here, f"tf115_{name}.json"), "w") as file:
            json.dump(recorded, file, indent=1, sort_keys=True)
            file.write("\n")


if __name__ == "__main__":
    main()
