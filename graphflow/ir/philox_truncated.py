"""Normal numbers between bounds, as TensorFlow 1.15 draws them on the CPU, batch by batch.

A batch takes blocks from the generator, one after the other, until it has its numbers: candidates
are drawn many blocks at a time here, and those after the last accepted one go back. Three samplers
of C. Robert, "Simulation of truncated normal variables" (Statistics and Computing 5, 1995) share
the work: normal numbers where enough of the distribution is inside, else uniform numbers between
close bounds, else exponential ones from the bound on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.ir.philox import normal_blocks, philox_4x32_10, to_unit, wide_words
from graphflow.ir.philox_samples import state_words

Array = np.ndarray[Any, Any]
Candidates = Callable[[int, int], tuple[Array, Array]]  # of blocks: numbers, whether accepted
TRIES = 1000  # rejections in a row that end a batch
SHARED_BATCH = 100  # the batches into which draws of one distribution are cut
_INSIDE = 1.3  # standard deviations inside the bounds from which normal numbers are drawn


def reserved(batches: int, samples: int) -> int:
    """Blocks of the generator that a run takes."""
    return batches * 2 * TRIES * (samples + 3) // 4


def cut(total: int, batches: int, samples: int, is_shared: bool) -> tuple[int, int]:
    """How many batches of how many numbers: of one distribution, of a size that suits threads."""
    return (-(-total // SHARED_BATCH), SHARED_BATCH) if is_shared else (batches, samples)


class _Stream:
    """The generator's blocks from its state on."""

    def __init__(self, state: Array, dtype: np.dtype[Any]) -> None:
        self.key, self.counter = state_words(state)
        self.dtype, self.position = dtype, 0

    def words(self, first: int, count: int) -> Array:
        steps = np.arange(first, first + count, dtype=np.uint64) + np.uint64(self.position)
        return philox_4x32_10(self.counter, self.key, steps)

    def uniforms(self, first: int, count: int) -> Array:
        words = self.words(first, count)
        bits = wide_words(words, low=1) if self.dtype.itemsize == 8 else words
        return to_unit(bits, self.dtype)

    def normals(self, first: int, count: int) -> Array:
        return normal_blocks(self.words(first, count), self.dtype).astype(self.dtype)


def _from_normals(stream: _Stream, low: Any, high: Any) -> Candidates:
    def candidates(first: int, count: int) -> tuple[Array, Array]:
        drawn = stream.normals(first, count)
        return drawn, (drawn >= low) & (drawn <= high)

    return candidates


def _from_uniforms(stream: _Stream, low: Any, high: Any) -> Candidates:
    """A step takes two blocks: places between the bounds, and chances."""
    real = stream.dtype.type
    shift = real(0) if low < 0 else low * low

    def candidates(first: int, count: int) -> tuple[Array, Array]:
        drawn = stream.uniforms(2 * first, 2 * count).reshape(count, 2, -1)
        places = drawn[:, 0] * (high - low) + low
        return places, drawn[:, 1] <= np.exp((shift - places * places) / real(2))

    return candidates


def _from_exponentials(stream: _Stream, low: Any, high: Any) -> Candidates:
    """Pairs of a block's numbers: distances from the bound, and chances."""
    real = stream.dtype.type
    rate = (low + np.sqrt(low * low + real(4))) / real(2)

    def candidates(first: int, count: int) -> tuple[Array, Array]:
        drawn = stream.uniforms(first, count)
        places = -np.log(drawn[:, ::2]) / rate + low
        x = rate - places if low < rate else np.broadcast_to(low - rate, places.shape)
        accepted = drawn[:, 1::2] <= np.exp(-x * x / real(2))
        return places, accepted & (places < high)

    return candidates


def _sampler(stream: _Stream, low: Any, high: Any) -> tuple[Candidates, int]:
    """What draws between normalised bounds, and the blocks that its steps take."""
    real = stream.dtype.type
    root = np.sqrt(low * low + real(4))
    cutoff = real(2) * np.exp(real(0.5) + low * (low - root) / real(4)) / (low + root)
    if (low < -_INSIDE and high >= 0) or (high > _INSIDE and low <= 0):
        return _from_normals(stream, low, high), 1
    if high - low < cutoff:
        return _from_uniforms(stream, low, high), 2
    return _from_exponentials(stream, low, high), 1


def _batch(stream: _Stream, count: int, mean: Any, stddev: Any, low: Any, high: Any) -> Array:
    if not (stddev > 0 and low < high and (np.isfinite(low) or np.isfinite(high))):
        raise ValueError("Invalid parameters")
    if (np.isinf(low) and low < 0) or high < mean:  # mirrored: the lower bound is the nearer one
        low, high, stddev = high, low, -stddev
    candidates, width = _sampler(stream, (low - mean) / stddev, (high - mean) / stddev)
    found, left, first, latest = [], count, 0, -1  # latest: the last accepted, from here
    while left > 0:
        steps = max(8, left)
        places, accepted = candidates(first, steps)
        at = np.flatnonzero(accepted.reshape(-1))[:left]
        left -= len(at)
        places_taken = np.r_[latest, at, [accepted.size] if left else []]
        if (np.diff(places_taken) > TRIES).any():
            raise ValueError("TruncatedNormal rejection sampler failed to accept a sample.")
        found.append(places.reshape(-1)[at])
        latest = (at[-1] if at.size else latest) - accepted.size
        first += steps if left else int(at[-1]) // places.shape[1] + 1
    stream.position += first * width
    return np.concatenate([np.zeros(0, stream.dtype), *found]) * stddev + mean


def truncated(state: Array, parameters: list[Array], sizes: tuple[int, ...], total: int) -> Array:
    """Numbers, flat, of distributions between bounds.

    Parameters
    ----------
    parameters : means, standard deviations, lower and upper bounds, flat; one for each batch or
        one for all.
    sizes : how many batches, and how many numbers in each; the last may be short.
    total : how many numbers.

    Raises
    ------
    ValueError : a deviation that is not positive, bounds that are not in order or both infinite.
    """
    batches, samples = sizes
    stream = _Stream(state, parameters[0].dtype)
    rows = [np.broadcast_to(p, (batches,)) for p in parameters]
    parts = [
        _batch(stream, min(samples, total - k * samples), *(row[k] for row in rows))
        for k in range(batches)
    ]
    return np.concatenate([np.zeros(0, stream.dtype), *parts])
