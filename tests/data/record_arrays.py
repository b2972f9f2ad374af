"""Record what TensorFlow 1.15.5 makes of `array_scenarios`: ``python record_arrays.py``.

Needs an interpreter with TensorFlow 1.15.5 and nothing else; writes ``tf115_arrays.json`` and
``tf115_arrays.npz`` here.
"""

import json
import os
import sys


def main():
    import numpy as np
    import tensorflow as tf

    tf.compat.v1.logging.set_verbosity("ERROR")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    from array_scenarios import FAILURES, SCENARIOS, SETUP, VALUES
    from record_math import evaluate
    from record_scenarios import run_scenario

    graphs = {
        name: run_scenario(tf, np, None, SETUP + source) for name, source in SCENARIOS.items()
    }
    failures = {name: evaluate(tf, np, source) for name, source in FAILURES.items()}
    with open(os.path.join(here, "tf115_arrays.json"), "w") as file:
        json.dump({"graphs": graphs, "failures": failures}, file, indent=1, sort_keys=True)
        file.write("\n")
    arrays = {}
    for name, source in VALUES.items():
        for k, value in enumerate(evaluate(tf, np, source)):
            arrays[name + "/" + str(k)] = value
    np.savez_compressed(os.path.join(here, "tf115_arrays.npz"), **arrays)


if __name__ == "__main__":
    main()
