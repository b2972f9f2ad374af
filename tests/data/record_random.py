"""Records what TensorFlow 1.15.5's stateful random ops give, for ``tests/ir/test_philox.py``.

Run with a Python 3.7 that has tensorflow==1.15.5: ``python tests/data/record_random.py``. It writes
``tf115_random.npz`` beside itself: one entry per case, holding the two first runs of one op in one
session, named ``kind|dtype|size|seed|seed2[|low|high]``. Sixteen-bit floats are stored as float32.
"""

import os

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import gen_random_ops as ops

SIZES = (3, 37, 66)
SEEDS = ((87654321, 42), (0, 7), (2**40 + 5, 2**35 + 11), (-3, -(2**50)))
FLOATS = (tf.float32, tf.float64, tf.float16, tf.bfloat16)
KINDS = {
    "uniform": ops.random_uniform,
    "normal": ops.random_standard_normal,
    "truncated_normal": ops.truncated_normal,
}
RANGES = ((0, 10), (-5, 1), (-(2**31), 2**31 - 1))
WIDE_RANGES = ((-(2**63), 2**63 - 1), (3, 2**40))


def build():
    """Every case as name -> tensor."""
    cases = {}
    for index, (seed, seed2) in enumerate(SEEDS):
        for dtype in FLOATS:
            for size in SIZES if index == 0 else (37,):
                for kind, op in KINDS.items():
                    name = "|".join(map(str, (kind, dtype.name, size, seed, seed2)))
                    tensor = op([size], dtype, seed=seed, seed2=seed2)
                    cases[name] = tf.cast(tensor, tf.float32) if dtype.size == 2 else tensor
        for dtype, ranges in ((tf.int32, RANGES), (tf.int64, RANGES + WIDE_RANGES)):
            for low, high in ranges:
                name = "|".join(map(str, ("uniform_int", dtype.name, 37, seed, seed2, low, high)))
                bounds = tf.constant(low, dtype), tf.constant(high, dtype)
                cases[name] = ops.random_uniform_int([37], *bounds, seed=seed, seed2=seed2)
    return cases


def main():
    """Record and write the file."""
    cases = build()
    with tf.compat.v1.Session() as session:
        first, second = session.run(cases), session.run(cases)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf115_random.npz")
    np.savez_compressed(path, **{name: np.stack([first[name], second[name]]) for name in cases})


if __name__ == "__main__":
    main()
