"""Draws whose number of random words depends on the numbers: gamma, Poisson, categories, shuffles.

These are TensorFlow 1.15's algorithms on the CPU, over whole arrays: every output element has a
stretch of the generator's counter for itself, so elements advance independently, and only those
that were rejected go into the next round.
"""

from __future__ import annotations

from math import lgamma
from typing import Any

import numpy as np

from graphflow.ir.philox import (
    RESERVED_PER_OUTPUT,
    normal_blocks,
    philox_4x32_10,
    random_bits,
    to_unit,
    wide_words,
)

Array = np.ndarray[Any, Any]


def state_words(state: Array) -> tuple[int, int]:
    """(key, counter) of a state: uint64[4], key low and high, counter low and high."""
    return int(state[0]), int(state[2]) | int(state[3]) << 64


class _Streams:
    """One stream of blocks for each output element, with what is left of its last blocks."""

    def __init__(self, state: Array, count: int) -> None:
        self.key, self.counter = state_words(state)
        self.position = np.arange(count, dtype=np.uint64) * np.uint64(RESERVED_PER_OUTPUT)
        self.left = {kind: np.zeros(count, np.int64) for kind in ("uniform", "normal")}
        self.kept = {kind: np.zeros((count, 2)) for kind in self.left}

    def take(self, kind: str, rows: Array) -> Array:
        """The next float64 of each of the rows; a block has two, used from its end."""
        left, kept = self.left[kind], self.kept[kind]
        empty = rows[left[rows] == 0]
        if empty.size:
            words = philox_4x32_10(self.counter, self.key, self.position[empty])
            self.position[empty] += np.uint64(1)
            if kind == "normal":
                kept[empty] = normal_blocks(words, np.dtype(np.float64))
            else:
                kept[empty] = to_unit(wide_words(words, low=1), np.float64)
            left[empty] = 2
        left[rows] -= 1
        return kept[rows, left[rows]]


def gamma(state: Array, alpha: Array, samples: int) -> Array:
    """Gamma variates of shape (samples, number of alphas), by Marsaglia and Tsang's method."""
    count = alpha.size
    shape = np.repeat(alpha.reshape(-1).astype(np.float64), samples)  # an alpha after the other
    streams = _Streams(state, shape.size)
    found = np.empty(shape.size)
    simple = np.flatnonzero(shape == 1)
    found[simple] = -np.log(1 - streams.take("uniform", simple))
    small = shape < 1
    d = shape + np.where(small, 2 / 3, -1 / 3)
    c = 1 / 3 / np.sqrt(d)
    rows = np.flatnonzero(shape != 1)
    while rows.size:
        x = streams.take("normal", rows)
        v = 1 + c[rows] * x
        possible = v > 0
        tried, x, v = rows[possible], x[possible], v[possible] ** 3
        u = streams.take("uniform", tried)
        exact = np.log(u) < 0.5 * x * x + d[tried] * (1 - v + np.log(v))
        taken = (u < 1 - 0.0331 * (x * x) * (x * x)) | exact
        done = tried[taken]
        result = d[done] * v[taken]
        low = small[done]
        if low.any():
            power = streams.take("uniform", done[low])
            result[low] *= np.power(power, 1 / shape[done[low]])
        found[done] = result
        rows = np.setdiff1d(rows, done, assume_unique=True)
    return found.reshape(count, samples).T.astype(alpha.dtype)


def poisson(state: Array, rate: Array, samples: int) -> Array:
    """Poisson variates of shape (samples, number of rates).

    Rates below 10 by Knuth's products of uniform numbers, others by Hormann's rejection.
    """
    rates = np.repeat(rate.reshape(-1).astype(np.float64), samples)
    streams = _Streams(state, rates.size)
    found = np.zeros(rates.size)
    small = np.isfinite(rates) & (rates > 0) & (rates < 10)
    _count_products(streams, rates, np.flatnonzero(small), found)
    _reject_transformed(streams, rates, np.flatnonzero(rates >= 10), found)
    found[~(rates >= 0) | ~np.isfinite(rates)] = np.nan
    return found.reshape(rate.size, samples).T


def _count_products(streams: _Streams, rates: Array, rows: Array, found: Array) -> None:
    limit, product = np.exp(-rates), np.ones_like(rates)
    while rows.size:
        product[rows] *= streams.take("uniform", rows)
        rows = rows[product[rows] > limit[rows]]
        found[rows] += 1


def _reject_transformed(streams: _Streams, rates: Array, rows: Array, found: Array) -> None:
    while rows.size:
        r = rates[rows]
        b = 0.931 + 2.53 * np.sqrt(r)
        a = -0.059 + 0.02483 * b
        inverse = 1.1239 + 1.1328 / (b - 3.4)
        u = streams.take("uniform", rows) - 0.5
        v = streams.take("uniform", rows)
        us = 0.5 - np.abs(u)
        k = np.floor((2 * a / us + b) * u + r + 0.43)
        quick = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        outside = (k < 0) | ((us < 0.013) & (v > us))
        s = np.log(v * inverse / (a / (us * us) + b))
        gammas = np.array([lgamma(x + 1) if x >= 0 else 0.0 for x in k.tolist()], rates.dtype)
        t = -r + k * np.log(r) - gammas
        taken = quick | (~outside & (s <= t))
        found[rows[taken]] = k[taken]
        rows = rows[~taken]


def multinomial(state: Array, logits: Array, samples: int) -> Array:
    """Numbers of classes drawn from each row's unnormalised log-probabilities."""
    key, counter = state_words(state)
    rows = len(logits)
    bits = random_bits(counter, key, 2 * rows * samples)
    unit = to_unit(wide_words(bits, low=1), np.float64).reshape(rows, samples)
    wide = logits.astype(np.float64)
    finite = np.isfinite(wide)
    largest = np.max(np.where(finite, wide, -np.inf), axis=1, keepdims=True, initial=-np.inf)
    raised = np.where(finite, np.exp(np.where(finite, wide - largest, 0)), 0)
    totals = np.cumsum(raised, axis=1)
    found = np.empty((rows, samples), np.int64)
    for k in range(rows):
        found[k] = np.searchsorted(totals[k], unit[k] * totals[k, -1], side="right")
    return found


def permutation(state: Array, count: int) -> Array:
    """A random order: each place is exchanged with one at or after it."""
    key, counter = state_words(state)
    order = np.arange(count)
    words = random_bits(counter, key, max(count - 1, 0)).tolist()
    for k, word in enumerate(words):
        other = k + word % (count - k)
        order[k], order[other] = order[other], order[k]
    return order


def stateless_state(seed: Array) -> Array:
    """The state that two integers stand for: they are mixed by one block of the generator."""
    first, second = (int(v) & 0xFFFFFFFFFFFFFFFF for v in seed)
    key = 0x3EC8F720 | 0x02461E29 << 32
    mixed = philox_4x32_10(first | second << 64, key, np.zeros(1, np.uint64))[0].astype(np.uint64)
    half = np.uint64(32)
    return np.array([mixed[0] | mixed[1] << half, 0, 0, mixed[2] | mixed[3] << half], np.uint64)
