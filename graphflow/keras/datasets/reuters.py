"""News as numbers of words, of 46 topics: the file ``reuters.npz``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from graphflow.keras.datasets.files import arrays_of, data_file
from graphflow.keras.datasets.imdb import lists, numbered

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str = "reuters.npz", num_words: int | None = None, skip_top: int = 0,
    maxlen: int | None = None, test_split: float = 0.2, seed: int = 113,
    start_char: int | None = 1, oov_char: int | None = 2, index_from: int = 3, **_: Any,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:  # fmt: skip
    """News and topics for training, and for testing; see `imdb.load_data`.

    Parameters
    ----------
    test_split : the share for testing.

    Raises
    ------
    FileNotFoundError : the file is missing.
    """
    found = arrays_of(data_file(path))
    order = np.arange(len(found["x"]))
    np.random.RandomState(seed).shuffle(order)
    sequences, labels = numbered(
        found["x"][order], found["y"][order], num_words, skip_top, maxlen, start_char, oov_char,
        index_from,
    )  # fmt: skip
    cut = int(len(sequences) * (1 - test_split))
    return (
        (lists(sequences[:cut]), np.array(labels[:cut])),
        (lists(sequences[cut:]), np.array(labels[cut:])),
    )


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """The numbers of the words, before anything was added."""
    return dict(json.loads(data_file(path).read_text(encoding="utf-8")))
