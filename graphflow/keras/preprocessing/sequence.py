"""Preparing sequences."""

from __future__ import annotations

import random
from collections.abc import Sequence as _Sequence
from typing import Any

import numpy as np

from graphflow.keras.utils import Sequence, pad_sequences

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> Any:
    """How probably a word is kept, by its rank among the frequent ones, after word2vec and Zipf."""
    rank = np.maximum(np.arange(size), 1)
    inverse_frequency = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse_frequency))


def skipgrams(
    sequence: _Sequence[int], vocabulary_size: int, window_size: int = 4,
    negative_samples: float = 1.0, shuffle: bool = True, categorical: bool = False,
    sampling_table: Any = None, seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:  # fmt: skip
    """Pairs of a word and one near it, labelled 1, and as many drawn pairs, labelled 0.

    Parameters
    ----------
    sequence : numbers of words; 0 is no word.
    negative_samples : how many drawn pairs there are for each of the others.
    categorical : give labels as ``[0, 1]`` and ``[1, 0]``.
    sampling_table : how probably each word is kept.
    """
    couples: list[list[int]] = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        near = range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        couples += [[word, sequence[j]] for j in near if j != i and sequence[j]]
    labels: list[Any] = [[0, 1] if categorical else 1] * len(couples)
    count = int(len(couples) * negative_samples)
    if count:
        words = [couple[0] for couple in couples]
        random.shuffle(words)
        couples += [
            [words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)
        ]
        labels += [[1, 0] if categorical else 0] * count
    if shuffle:
        seed = random.randint(0, 10**6) if seed is None else seed
        for values in (couples, labels):
            random.seed(seed)
            random.shuffle(values)
    return couples, labels


class TimeseriesGenerator(Sequence):
    """Batches of parts of a series, each with the target that follows.

    Parameters
    ----------
    length : of a part; every `sampling_rate`-th of its values is taken.
    stride : how far one part is from the next.
    start_index, end_index : the part of the series to use.

    Raises
    ------
    ValueError : data and targets differ in length, or the series is too short.
    """

    def __init__(
        self, data: Any, targets: Any, length: int, sampling_rate: int = 1, stride: int = 1,
        start_index: int = 0, end_index: int | None = None, shuffle: bool = False,
        reverse: bool = False, batch_size: int = 128,
    ) -> None:  # fmt: skip
        if len(data) != len(targets):
            raise ValueError(
                "Data and targets have to be of same length. Data length is "
                f"{len(data)} while target length is {len(targets)}"
            )
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is "
                "disallowed, as no part of the sequence would be left to be used as current step."
            )

    def __len__(self) -> int:
        """How many batches there are."""
        width = self.batch_size * self.stride
        return (self.end_index - self.start_index + width) // width

    def __getitem__(self, index: int) -> Any:
        """A batch."""
        last = self.end_index + 1
        if self.shuffle:
            rows = np.random.randint(self.start_index, last, size=self.batch_size)  # noqa: NPY002
        else:
            first = self.start_index + self.batch_size * self.stride * index
            stop = min(first + self.batch_size * self.stride, last)
            rows = np.arange(first, stop, self.stride)
        parts = [self.data[row - self.length : row : self.sampling_rate] for row in rows]
        samples = np.array(parts)
        targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1] if self.reverse else samples), targets
