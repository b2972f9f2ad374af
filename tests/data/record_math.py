"""Record what TensorFlow 1.15.5 makes of `math_scenarios`: ``python record_math.py``.

Needs an interpreter with TensorFlow 1.15.5 and nothing else; writes ``tf115_math.json`` and
``tf115_math.npz`` here.
"""

import json
import os
import sys


def evaluate(tf, np, source):
    """Return the arrays of a scenario's `result`, or the class and text of the run's error."""
    with tf.Graph().as_default():
        names = {"tf": tf, "np": np}
        exec(source, names)
        result = names["result"]
        fetches = list(result) if isinstance(result, (list, tuple)) else [result]
        with tf.Session() as session:
            try:
                return [np.asarray(value) for value in session.run(fetches)]
            except tf.errors.OpError as error:
                return [type(error).__name__, error.message.split("\n")[0]]


def main():
    import numpy as np
    import tensorflow as tf

    tf.compat.v1.logging.set_verbosity("ERROR")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    from math_scenarios import FAILURES, SCENARIOS, SETUP, VALUES
    from record_scenarios import run_scenario

    graphs = {
        name: run_scenario(tf, np, None, SETUP + source) for name, source in SCENARIOS.items()
    }
    failures = {name: evaluate(tf, np, source) for name, source in FAILURES.items()}
    with open(os.path.join(here, "tf115_math.json"), "w") as file:
        json.dump({"graphs": graphs, "failures": failures}, file, indent=1, sort_keys=True)
        file.write("\n")
    arrays = {}
    for name, source in VALUES.items():
        for k, value in enumerate(evaluate(tf, np, source)):
            arrays[name + "/" + str(k)] = value.astype("S") if value.dtype == object else value
    np.savez_compressed(os.path.join(here, "tf115_math.npz"), **arrays)


if __name__ == "__main__":
    main()
