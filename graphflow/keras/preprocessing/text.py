"""Words as numbers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence"]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    text: str, filters: str = _FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text, without the characters to filter."""
    text = text.lower() if lower else text
    cleaned = text.translate({ord(character): split for character in filters})
    return [word for word in cleaned.split(split) if word]


def hashing_trick(
    text: str, n: int, hash_function: Any = None, filters: str = _FILTERS, lower: bool = True,
    split: str = " ",
) -> list[int]:  # fmt: skip
    """The words of a text as numbers from 1 to n - 1, by a hash of each.

    Parameters
    ----------
    hash_function : of a word; Python's, which differs from run to run, or ``"md5"``.
    """

    def digest(word: str) -> int:
        return int(hashlib.md5(word.encode()).hexdigest(), 16)

    function = digest if hash_function == "md5" else hash_function or hash
    words = text_to_word_sequence(text, filters, lower, split)
    return [function(word) % (n - 1) + 1 for word in words]


def one_hot(
    text: str, n: int, filters: str = _FILTERS, lower: bool = True, split: str = " "
) -> list[int]:
    """The words of a text as numbers from 1 to n - 1, by Python's hash."""
    return hashing_trick(text, n, hash, filters, lower, split)


class Tokenizer:
    """Numbers words by how often they occur, from one.

    Parameters
    ----------
    num_words : keep only words of smaller numbers.
    char_level : number characters in place of words.
    oov_token : what stands for words that were not seen, with number one.
    """

    def __init__(
        self, num_words: int | None = None, filters: str = _FILTERS, lower: bool = True,
        split: str = " ", char_level: bool = False, oov_token: str | None = None, **_: Any,
    ) -> None:  # fmt: skip
        self.num_words, self.filters, self.lower = num_words, filters, lower
        self.split, self.char_level, self.oov_token = split, char_level, oov_token
        self.word_counts: Counter[str] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.document_count = 0

    def _words(self, text: Any) -> list[str]:
        if isinstance(text, (list, tuple)):
            return [word.lower() if self.lower else word for word in text]
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, and number them."""
        for text in texts:
            self.document_count += 1
            self.word_counts.update(self._words(text))
        first = [] if self.oov_token is None else [self.oov_token]
        ordered = first + [word for word, _ in self.word_counts.most_common()]
        self.word_index = {word: number for number, word in enumerate(ordered, 1)}
        self.index_word = dict(enumerate(ordered, 1))

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        limit = self.num_words
        found = []
        for text in texts:
            numbers = [self.word_index.get(word) for word in self._words(text)]
            kept = [n if n is not None and (not limit or n < limit) else unknown for n in numbers]
            found.append([n for n in kept if n is not None])
        return found

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> Any:
        """A row for each text: which words occur, how often (``count``), or their share."""
        sequences = self.texts_to_sequences(texts)
        size = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), size))
        for row, sequence in zip(matrix, sequences, strict=True):
            np.add.at(row, sequence, 1)
        if mode == "binary":
            return (matrix > 0).astype(float)
        if mode == "freq":
            return matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        if mode != "count":
            raise ValueError(f"Unknown vectorization mode: {mode}")
        return matrix
