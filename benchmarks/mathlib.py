"""Nanoseconds per element of the math library on this machine, one thread, data in L2.

``python benchmarks/mathlib.py [function ...]``: ours at the host's vector width for f32 and f64,
and NumPy's (SciPy's where NumPy has none) beside it; the best of many runs of 16384 elements.
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.special

from graphflow.codegen.mathlib import ARITY, FLOAT_FUNCTIONS, emit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "codegen"))
import native

SIZE = 16384
DOMAINS = {
    "log": (0.01, 100), "log2": (0.01, 100), "log10": (0.01, 100), "log1p": (-0.9, 5),
    "acosh": (1, 5), "atanh": (-0.99, 0.99), "asin": (-1, 1), "acos": (-1, 1), "pow": (0.1, 3),
    "lgamma": (0.1, 9), "digamma": (0.1, 9), "sqrt": (0.1, 9),
}  # fmt: skip
NUMPY = {
    "pow": np.power, "atan2": np.arctan2, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sigmoid": scipy.special.expit, "softplus": lambda x, out: np.logaddexp(0, x, out=out),
    "log_sigmoid": scipy.special.log_expit, "erf": scipy.special.erf, "erfc": scipy.special.erfc,
    "lgamma": scipy.special.gammaln, "digamma": scipy.special.psi,
}  # fmt: skip


def best(call, repetitions=40, inner=8):
    """Least time of one call, in ns per element."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        for _ in range(inner):
            call()
        times.append(time.perf_counter() - start)
    return min(times) / inner / SIZE * 1e9


def measure(name, dtype):
    """(ours, NumPy's) in ns per element."""
    x = np.random.default_rng(0).uniform(*DOMAINS.get(name, (-5, 5)), SIZE).astype(dtype)
    out = np.empty_like(x)
    type_name = np.dtype(dtype).name
    inputs = (type_name,) * ARITY[name]
    lanes = native.host_lanes(8 * x.itemsize)
    compiled = native.loop(lambda b, *args: emit(name, b, *args), lanes, inputs, (type_name,))
    addresses = [x.ctypes.data] * ARITY[name] + [out.ctypes.data]
    ours = best(lambda: compiled.native(SIZE, *addresses))
    reference = NUMPY.get(name) or getattr(np, name)
    return ours, best(lambda: reference(*[x] * ARITY[name], out=out), repetitions=10, inner=2)


def main():
    np.seterr(all="ignore")
    print(f"{'':12}{'f32':>8}{'NumPy':>8}{'f64':>8}{'NumPy':>8}   ns per element")
    for name in sys.argv[1:] or sorted(FLOAT_FUNCTIONS):
        columns = [*measure(name, np.float32), *measure(name, np.float64)]
        print(f"{name:12}" + "".join(f"{value:8.2f}" for value in columns), flush=True)


if __name__ == "__main__":
    main()
