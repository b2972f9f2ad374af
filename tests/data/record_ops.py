"""Record what TensorFlow 1.15.5 makes of the ops' scenarios: ``python record_ops.py [FAMILY ...]``.

Needs an interpreter with TensorFlow 1.15.5 and nothing else; writes ``tf115_<family>.json`` and
``tf115_<family>.npz`` here for each of `FAMILIES`, whose scenarios are in ``<module>.py``.
"""

import importlib
import json
import os
import sys

FAMILIES = {
    "math": "math_scenarios",
    "arrays": "array_scenarios",
    "matrix": "matrix_scenarios",
    "select": "select_scenarios",
    "sparse": "sparse_scenarios",
    "sampling": "sampling_scenarios",
    "special": "special_scenarios",
    "complex": "complex_scenarios",
    "embedding": "embedding_scenarios",
    "text": "text_scenarios",
    "image": "image_scenarios",
    "signal": "signal_scenarios",
    "layers": "layer_scenarios",
    "losses": "loss_scenarios",
    "train": "train_scenarios",
}


def evaluate(tf, np, source):
    """Return the arrays of a scenario's `result`, or the class and text of the run's error."""
    with tf.Graph().as_default():
        names = {"tf": tf, "np": np}
        exec(source, names)
        result = names["result"]
        fetches = list(result) if isinstance(result, (list, tuple)) else [result]
        with tf.Session() as session:
            for step in names.get("first", []):
                session.run(step)
            try:
                for _ in range(names.get("runs", 1)):
                    found = session.run(fetches, names.get("feed"))
            except tf.errors.OpError as error:
                return [type(error).__name__, error.message.split("\n")[0]]
    arrays = []
    for value in found:
        parts = value if isinstance(value, tuple) else [value]
        arrays += [np.asarray(part) for part in parts if part is not None]
    return arrays


def main():
    import numpy as np
    import tensorflow as tf

    tf.compat.v1.logging.set_verbosity("ERROR")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    from record_scenarios import run_scenario

    for family in sys.argv[1:] or FAMILIES:
        cases = importlib.import_module(FAMILIES[family])
        graphs = {
            name: run_scenario(tf, np, None, cases.SETUP + source)
            for name, source in cases.SCENARIOS.items()
        }
        failures = {name: evaluate(tf, np, source) for name, source in cases.FAILURES.items()}
        for name, found in failures.items():
            if not isinstance(found[0], str):
                raise ValueError(f"{name}: expected an error, got {found}")
        with open(os.path.join(here, f"tf115_{family}.json"), "w") as file:
            json.dump({"graphs": graphs, "failures": failures}, file, indent=1, sort_keys=True)
            file.write("\n")
        arrays = {}
        for name, source in cases.VALUES.items():
            for k, value in enumerate(evaluate(tf, np, source)):
                value = value.astype("S") if value.dtype == object else value
                arrays[name + "/" + str(k)] = value
        np.savez_compressed(os.path.join(here, f"tf115_{family}.npz"), **arrays)


if __name__ == "__main__":
    main()
