"""Small helpers for data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphflow.keras.enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from graphflow.keras.files import get_file
from graphflow.keras.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope", "GeneratorEnqueuer", "OrderedEnqueuer", "Progbar", "Sequence",
    "SequenceEnqueuer", "custom_object_scope", "deserialize_keras_object",
    "get_custom_objects", "get_file", "normalize", "pad_sequences", "plot_model",
    "serialize_keras_object", "to_categorical",
]  # fmt: skip


class Sequence:
    """Base of data that are given batch by batch: ``sequence[k]``, ``len(sequence)``."""

    def __getitem__(self, index: int) -> Any:
        """A batch."""
        raise NotImplementedError

    def __len__(self) -> int:
        """How many batches there are."""
        raise NotImplementedError

    def on_epoch_end(self) -> None:
        """After each epoch."""

    def __iter__(self) -> Iterator[Any]:
        """All batches."""
        for index in range(len(self)):
            yield self[index]


class Progbar:
    """A line that says how far something is, with the means of values.

    Parameters
    ----------
    target : how many steps there are; None when that is not known.
    stateful_metrics : names of values of which the last counts, not the mean.
    """

    def __init__(
        self, target: int | None, width: int = 30, verbose: int = 1, interval: float = 0.05,
        stateful_metrics: Any = None, unit_name: str = "step",
    ) -> None:  # fmt: skip
        self.target, self.width, self.verbose = target, width, verbose
        self.stateful_metrics = set(stateful_metrics or [])
        self._seen = 0
        self._sums: dict[str, list[float]] = {}

    def update(self, current: int, values: Any = None) -> None:
        """Show that so many steps are done."""
        steps = current - self._seen
        for name, value in values or []:
            if name in self.stateful_metrics:
                self._sums[name] = [value, 1]
            else:
                total, count = self._sums.get(name, [0.0, 0])
                self._sums[name] = [total + value * steps, count + steps]
        self._seen = current
        if not self.verbose:
            return
        done = self.target is not None and current >= self.target
        shares = int(self.width * current / self.target) if self.target else 0
        bar = f" [{'=' * shares}{'.' * (self.width - shares)}]" if self.target else ""
        means = "".join(f" - {n}: {t / max(c, 1):.4f}" for n, (t, c) in self._sums.items())
        end = "\n" if done else ""
        sys.stdout.write(f"\r{current}/{self.target or 'Unknown'}{bar}{means}{end}")

    def add(self, n: int, values: Any = None) -> None:
        """Show that so many more steps are done."""
        self.update(self._seen + n, values)


def plot_model(*_: Any, **__: Any) -> None:
    """Fail: pictures need programs that graphflow does without."""
    raise ImportError(
        "plot_model needs pydot and graphviz, which graphflow does not use; `model.summary()` "
        "prints the layers, and the TensorBoard callback writes the graph."
    )


def to_categorical(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> Any:
    """A row for each label, with one at its place."""
    labels = np.asarray(y, int)
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    count = int(labels.max()) + 1 if num_classes is None else num_classes
    return np.eye(count, dtype=dtype)[labels].reshape(*shape, count)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Arrays scaled to norm one."""
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    return x / np.expand_dims(norms, axis)


def pad_sequences(
    sequences: Any, maxlen: int | None = None, dtype: Any = "int32", padding: str = "pre",
    truncating: str = "pre", value: Any = 0.0,
) -> Any:  # fmt: skip
    """Sequences as rows of one length: cut, and filled up with a value, at either end."""
    length = max(map(len, sequences)) if maxlen is None else maxlen
    rows = np.full((len(sequences), length), value, dtype)
    for row, sequence in zip(rows, sequences, strict=True):
        kept = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length], dtype)
        if len(kept):
            if padding == "pre":
                row[-len(kept) :] = kept
            else:
                row[: len(kept)] = kept
    return rows
