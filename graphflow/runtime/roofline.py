"""The machine's limits, measured in a fifth of a second: how fast it copies and multiplies.

A step cannot be faster than its bytes at the rate of copying and its arithmetic at the rate of
products. A step that moves little finds its data in a cache, as a rule, and is held against copies
there. Both rates are NumPy's, so that a share may exceed 100 %.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

SECONDS = 0.06  # for each of the three
COPIED = 16 << 20  # bytes a thread copies at a time: beyond the caches that it has for itself
CACHED = 128 << 10  # bytes that are copied within a cache, by one thread, as small steps run
MOST_CACHED = 1 << 20  # bytes a call of a step that may come from a cache
EXTENT = 64  # of the matrices: libraries multiply such in one thread, and nothing is waited for


@dataclass(frozen=True)
class Limits:
    """What is possible in a second.

    Attributes
    ----------
    memory, cache : bytes read and written by copies, in memory and within a cache.
    flops : operations by float32 products.
    """

    memory: float
    cache: float
    flops: float

    def share(self, bytes: float, flops: float, seconds: float) -> float:
        """How much of what is possible one call of a step reaches: 1 is the limit."""
        if seconds <= 0:
            return 0.0
        rate = self.cache if bytes <= MOST_CACHED else self.memory
        return max(bytes / rate, flops / self.flops) / seconds


def measure_limits(threads: int) -> Limits:
    """Measure by NumPy: copies in as many threads, and products in one, taken that many times."""
    pairs = [(np.zeros(COPIED, np.uint8), np.ones(COPIED, np.uint8)) for _ in range(threads)]
    near = np.zeros(CACHED, np.uint8), np.ones(CACHED, np.uint8)
    a = np.ones((EXTENT, EXTENT), np.float32)
    with ThreadPoolExecutor(threads) as pool:
        copies = _best(lambda: list(pool.map(lambda p: np.copyto(*p), pairs)))
    cached = _best(lambda: np.copyto(*near))
    result = np.empty_like(a)
    products = _best(lambda: np.matmul(a, a, out=result)) / threads
    return Limits(2 * COPIED * threads / copies, 2 * CACHED / cached, 2 * EXTENT**3 / products)


def _best(run: Callable[[], object]) -> float:
    """The shortest time of a run, in seconds, after one that touches the memory."""
    run()
    end, best = time.perf_counter() + SECONDS, float("inf")
    while True:
        began = time.perf_counter()
        run()
        now = time.perf_counter()
        best = min(best, now - began)
        if now > end:
            return best
