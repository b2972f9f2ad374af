"""Reviews of films as numbers of words: the file ``imdb.npz``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from graphflow.keras.datasets.files import arrays_of, data_file

__all__ = ["get_word_index", "load_data"]


def numbered(
    sequences: Any, labels: Any, num_words: int | None, skip_top: int, maxlen: int | None,
    start_char: int | None, oov_char: int | None, index_from: int,
) -> tuple[list[list[int]], list[Any]]:  # fmt: skip
    """Sequences with numbers moved, a start, and words that are too frequent or rare replaced."""
    start = [] if start_char is None else [start_char]
    moved = [start + [int(word) + index_from for word in sequence] for sequence in sequences]
    kept = list(zip(moved, labels, strict=True))
    if maxlen:
        kept = [pair for pair in kept if len(pair[0]) < maxlen]
        if not kept:
            raise ValueError(f"After filtering for sequences shorter than maxlen={maxlen}, no "
                             "sequence was kept. Increase maxlen.")  # fmt: skip
    limit = num_words or max(max(sequence) for sequence, _ in kept) + 1

    def shown(sequence: list[int]) -> list[int]:
        if oov_char is None:
            return [word for word in sequence if skip_top <= word < limit]
        return [word if skip_top <= word < limit else oov_char for word in sequence]

    return [shown(sequence) for sequence, _ in kept], [label for _, label in kept]


def lists(sequences: list[list[int]]) -> Any:
    """Lists of different lengths as an array of lists."""
    found = np.empty(len(sequences), dtype=object)
    found[:] = sequences
    return found


def load_data(
    path: str = "imdb.npz", num_words: int | None = None, skip_top: int = 0,
    maxlen: int | None = None, seed: int = 113, start_char: int | None = 1,
    oov_char: int | None = 2, index_from: int = 3, **_: Any,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:  # fmt: skip
    """Reviews and labels for training, and for testing.

    Parameters
    ----------
    num_words, skip_top : words of greater, and of smaller, numbers are replaced by `oov_char`.
    maxlen : longer reviews are left out.
    start_char : begins each review.
    index_from : is added to each number.

    Raises
    ------
    FileNotFoundError : the file is missing.
    """
    found, source = arrays_of(data_file(path)), np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        order = np.arange(len(found[f"x_{part}"]))
        source.shuffle(order)
        parts.append((found[f"x_{part}"][order], found[f"y_{part}"][order]))
    sequences, labels = numbered(
        np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]), num_words,
        skip_top, maxlen, start_char, oov_char, index_from,
    )  # fmt: skip
    cut = len(parts[0][0])
    return (
        (lists(sequences[:cut]), np.array(labels[:cut])),
        (lists(sequences[cut:]), np.array(labels[cut:])),
    )


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The numbers of the words, before anything was added."""
    return dict(json.loads(data_file(path).read_text(encoding="utf-8")))
