"""Handwritten digits, as TensorFlow's MNIST tutorials read them.

The four IDX files of MNIST (packed or not) are read from a folder. Where there are none, the 1,797
digits of graphflow's own data set are scaled up to 28 x 28 and used in their place, with a warning:
nothing is downloaded.
"""

from __future__ import annotations

import gzip
import os
import struct
import warnings
from typing import Any, NamedTuple

import numpy as np

from graphflow.datasets import load_digits
from graphflow.graph.dtypes import as_dtype, float32, uint8

Array = np.ndarray[Any, Any]
SIDE, CLASSES = 28, 10
FILES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)  # fmt: skip


def read_idx(path: str) -> Array:
    """The array of an IDX file, packed by gzip or not.

    Raises
    ------
    ValueError : it is no IDX file of bytes, or cut off.
    """
    opener: Any = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        data = file.read()
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"Invalid magic number in IDX file: {path}")
    rank = data[3]
    start = 4 + 4 * rank
    shape = struct.unpack(f">{rank}I", data[4:start])
    values = np.frombuffer(data, np.uint8, offset=start)
    if values.size < int(np.prod(shape, dtype=object)):
        raise ValueError(f"{path} has {values.size} values, expected shape {shape}")
    return values[: int(np.prod(shape))].reshape(shape)


def dense_to_one_hot(labels_dense: Array, num_classes: int = CLASSES) -> Array:
    """Class numbers as rows with a one at their place."""
    return np.eye(num_classes)[labels_dense]


class DataSet:
    """Images with labels, handed out in batches.

    Parameters
    ----------
    images : uint8 [count, height, width, 1]; made float32 in 0..1 unless `dtype` is uint8.
    labels : class numbers, or rows of them.
    reshape : make each image one row.
    """

    def __init__(
        self, images: Array, labels: Array, fake_data: bool = False, one_hot: bool = False,
        dtype: Any = float32, reshape: bool = True, seed: int | None = None,
    ) -> None:  # fmt: skip
        dtype = as_dtype(dtype).base_dtype
        if dtype not in (uint8, float32):
            raise TypeError(f"Invalid image dtype {dtype!r}, expected uint8 or float32")
        if len(images) != len(labels):
            raise ValueError(f"images.shape: {images.shape} labels.shape: {labels.shape}")
        if reshape:
            images = images.reshape(len(images), -1)
        if dtype is float32:
            images = images.astype(np.float32) * np.float32(1.0 / 255.0)
        self._images, self._labels = images, labels
        self._random = np.random.RandomState(seed)  # what scripts seed
        self._epochs, self._place = 0, 0

    @property
    def images(self) -> Array:
        """All images."""
        return self._images

    @property
    def labels(self) -> Array:
        """All labels."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many there are."""
        return len(self._images)

    @property
    def epochs_completed(self) -> int:
        """How often all have been handed out."""
        return self._epochs

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[Array, Array]:
        """The next images and labels; the order is drawn anew each time all have come."""
        if self._place == 0 and self._epochs == 0 and shuffle:
            self._shuffle()
        parts = []
        while batch_size > 0:
            end = min(self._place + batch_size, self.num_examples)
            parts.append((self._images[self._place : end], self._labels[self._place : end]))
            batch_size -= end - self._place
            self._place = end
            if end == self.num_examples and batch_size > 0:
                self._epochs, self._place = self._epochs + 1, 0
                if shuffle:
                    self._shuffle()
        if len(parts) == 1:
            return parts[0]
        images, labels = zip(*parts, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def _shuffle(self) -> None:
        order = self._random.permutation(self.num_examples)
        self._images, self._labels = self._images[order], self._labels[order]


class Datasets(NamedTuple):
    """Data for training, validation and test."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: str, fake_data: bool = False, one_hot: bool = False, dtype: Any = float32,
    reshape: bool = True, validation_size: int = 5000, seed: int | None = None,
    source_url: str = "",
) -> Datasets:  # fmt: skip
    """Read the digits of a folder; see the module's text.

    Parameters
    ----------
    train_dir : the folder with the IDX files.
    one_hot : labels as rows with a one.
    dtype : uint8 (0..255) or float32 (0..1).
    reshape : rows of 784 instead of [28, 28, 1].
    validation_size : how many of the training images are set apart.
    seed : of the order of batches.

    Raises
    ------
    ValueError : a file is damaged; `validation_size` is more than there is.
    """
    paths = [_found(train_dir, name) for name in FILES]
    if all(paths):
        arrays = [read_idx(p) for p in paths if p]
        train, test = (arrays[0], arrays[1]), (arrays[2], arrays[3])
    else:
        warnings.warn(
            f"no MNIST files in {train_dir!r}: using the 1,797 digits that come with graphflow, "
            "scaled up",
            UserWarning, stacklevel=2,
        )  # fmt: skip
        train, test = _small_set()
        validation_size = min(validation_size, len(train[0]) // 12)
    if not 0 <= validation_size <= len(train[0]):
        raise ValueError(
            f"Validation size should be between 0 and {len(train[0])}. Received: {validation_size}."
        )
    options = {"dtype": dtype, "reshape": reshape, "seed": seed}
    parts = (
        (train[0][validation_size:], train[1][validation_size:]),
        (train[0][:validation_size], train[1][:validation_size]),
        test,
    )
    made = [
        DataSet(images[..., None], dense_to_one_hot(labels) if one_hot else labels, **options)
        for images, labels in parts
    ]
    return Datasets(*made)


def _found(folder: str, name: str) -> str | None:
    for path in (os.path.join(folder, name + end) for end in (".gz", "")):
        if os.path.exists(path):
            return path
    return None


def _small_set() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The digits of the package, a fifth of them for the test."""
    train, test = load_digits()
    return (
        (_enlarged(train.images), train.labels.astype(np.uint8)),
        (_enlarged(test.images), test.labels.astype(np.uint8)),
    )


def _enlarged(rows: Array) -> Array:
    """Images of 8 x 8 in 0..1 as 20 x 20 in a frame of 28 x 28, in 0..255, by interpolation."""
    places = np.linspace(0.0, 7.0, 20)
    low = np.minimum(places.astype(int), 6)
    weights = np.zeros((20, 8))
    weights[np.arange(20), low] = 1.0 - (places - low)
    weights[np.arange(20), low + 1] += places - low
    large = np.zeros((len(rows), SIDE, SIDE), np.uint8)
    scaled = weights @ rows.reshape(-1, 8, 8) @ weights.T * 255.0
    large[:, 4:24, 4:24] = np.clip(scaled, 0, 255).astype(np.uint8)
    return large


def load_mnist(train_dir: str = "MNIST-data") -> Datasets:
    """`read_data_sets` with its defaults."""
    return read_data_sets(train_dir)
