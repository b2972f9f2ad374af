"""Draws of classes from distributions over ``0 ... range - 1``, as TensorFlow 1.15 draws them.

A draw takes 32-bit words from an operation's Philox stream, one after the other. What is drawn
depends on rejections only where a range is no power of two, so draws are made for whole arrays and
cut to what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.ir.philox import philox_4x32_10, to_unit, wide_words
from graphflow.ir.philox_samples import state_words

Array = np.ndarray[Any, Any]


class WordStream:
    """The words of a stream, in order."""

    def __init__(self, state: Array) -> None:
        self._key, self._counter = state_words(state)
        self._blocks = 0
        self._left = np.empty(0, np.uint32)

    def take(self, count: int) -> Array:
        """The next `count` words."""
        missing = -(-(count - self._left.size) // 4)
        if missing > 0:
            steps = np.arange(self._blocks, self._blocks + missing, dtype=np.uint64)
            words = philox_4x32_10(self._counter, self._key, steps).reshape(-1)
            self._left = np.concatenate([self._left, words.astype(np.uint32)])
            self._blocks += missing
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def _below(bits: Array, limit: int) -> Array:
    """Numbers in ``[0, limit)`` of unsigned ones; those that would favour the first are left out.

    The size of the result may be smaller than that of `bits`.
    """
    kind = bits.dtype.type
    if limit & (limit - 1) == 0:
        return bits & kind(limit - 1)
    excess = int(np.iinfo(bits.dtype).max) % limit + 1
    return bits[bits >= kind(excess)] % kind(limit)


def uniform_draw(limit: int) -> Callable[[WordStream, int], Array]:
    """A function that draws numbers which are equally likely."""

    def draw(stream: WordStream, count: int) -> Array:
        return _below(wide_words(stream.take(2 * count), low=0), limit).astype(np.int64)

    return draw


def log_uniform_draw(limit: int) -> Callable[[WordStream, int], Array]:
    """A function that draws class k with a probability of ``log((k + 2) / (k + 1))`` over a sum."""
    scale = float(np.log1p(limit))

    def draw(stream: WordStream, count: int) -> Array:
        unit = to_unit(wide_words(stream.take(2 * count), low=1), np.float64)
        return (np.exp(unit * scale).astype(np.int64) - 1) % limit

    return draw


def alias_table(weights: Sequence[float]) -> tuple[Array, Array]:
    """For each class the probability that it keeps a draw of it, and the class that gets others."""
    values = np.asarray(weights, np.float32)
    total = float(np.sum(values.astype(np.float64)))
    kept = (values * np.float32(values.size)).astype(np.float64) / total
    other = np.full(values.size, -1, np.int64)
    low = [k for k, p in enumerate(kept) if p < 1.0]
    high = [k for k, p in enumerate(kept) if p >= 1.0]
    while low and high:
        small, large = low.pop(), high.pop()
        other[small] = large
        kept[large] -= 1.0 - kept[small]
        (low if kept[large] < 1.0 else high).append(large)
    kept[low + high] = 1.0
    return kept.astype(np.float32), other


def alias_draw(weights: Sequence[float]) -> Callable[[WordStream, int], Array]:
    """A function that draws classes by their weights."""
    kept, other = alias_table(weights)

    def draw(stream: WordStream, count: int) -> Array:
        found = []
        for _ in range(count):
            unit = to_unit(stream.take(1), np.float32)[0]
            place = one_below(stream, kept.size)
            found.append(place if unit < kept[place] else other[place])
        return np.array(found, np.int64)

    return draw


def counts_draw(counts: Array) -> Callable[[WordStream, int], Array]:
    """A function that draws classes by counts, integers."""
    ends = np.cumsum(counts)

    def draw(stream: WordStream, count: int) -> Array:
        places = [one_below(stream, int(ends[-1])) for _ in range(count)]
        return np.searchsorted(ends, np.array(places), "right")

    return draw


def one_below(stream: WordStream, limit: int) -> int:
    """One number in ``[0, limit)``."""
    while True:
        found = _below(stream.take(1), limit)
        if found.size:
            return int(found[0])


def sample_batch(
    state: Array, draw: Callable[[WordStream, int], Array], count: int, unique: bool
) -> tuple[Array, int]:
    """A batch of draws, and how many it took: more than `count` only when they are to differ."""
    stream, drawn = WordStream(state), np.empty(0, np.int64)
    while True:
        drawn = np.concatenate([drawn, draw(stream, max(count - drawn.size, 16))])
        if not unique and drawn.size >= count:
            return drawn[:count], count
        _, first = np.unique(drawn, return_index=True)
        if unique and first.size >= count:
            first = np.sort(first)[:count]
            return drawn[first], int(first[-1]) + 1 if count else 0


def expected_counts(probabilities: Array, count: int, tries: int) -> Array:
    """How often classes of these probabilities are expected in a batch, float32."""
    p = np.asarray(probabilities, np.float32)
    if tries == count:
        return p * np.float32(count)
    return -np.expm1(np.float32(tries) * np.log1p(-p)).astype(np.float32)
