"""Batches of images, of arrays and of folders, without end."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence as _Sequence
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.keras.preprocessing.image_files import img_to_array, load_img
from graphflow.keras.utils import Sequence

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".gif")


class Iterator(Sequence):
    """Base of iterators: numbers of examples in batches, epoch after epoch.

    Parameters
    ----------
    n : how many examples there are.
    seed : of NumPy's global generator, in each batch together with the batch's number.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: Any = None

    def _seed(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)  # noqa: NPY002

    def _arrange(self) -> None:
        shuffled = np.random.permutation
        self.index_array = shuffled(self.n) if self.shuffle else np.arange(self.n)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        """A batch of the epoch."""
        if idx >= len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length "
                             f"{len(self)}")  # fmt: skip
        self._seed()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._arrange()
        start = self.batch_size * idx
        return self.batch(self.index_array[start : start + self.batch_size])

    def on_epoch_end(self) -> None:
        """Arrange the examples anew."""
        self._arrange()

    def reset(self) -> None:
        """Begin with the first batch again."""
        self.batch_index = 0

    def __iter__(self) -> Any:
        """Itself."""
        return self

    def __next__(self) -> Any:
        """The next batch."""
        with self.lock:
            self._seed()
            if self.batch_index == 0:
                self._arrange()
            start = self.batch_index * self.batch_size % max(self.n, 1)
            is_last = self.n <= start + self.batch_size
            self.batch_index = 0 if is_last else self.batch_index + 1
            self.total_batches_seen += 1
            rows = self.index_array[start : start + self.batch_size]
        return self.batch(rows)

    next = __next__

    def batch(self, rows: Any) -> Any:
        """The examples of these numbers."""
        raise NotImplementedError


def _subset(count: int, subset: str | None, share: float) -> slice:
    """The examples of a subset: the first share is for validation."""
    if subset is None:
        return slice(None)
    if subset not in ("training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')
    cut = int(count * share)
    return slice(cut) if subset == "validation" else slice(cut, None)


class NumpyArrayIterator(Iterator):
    """Batches of an array of images, with labels and weights.

    Raises
    ------
    ValueError : arrays of different lengths, or images that are not of rank 4.
    """

    def __init__(
        self, x: Any, y: Any, image_data_generator: Any, batch_size: int = 32,
        shuffle: bool = False, sample_weight: Any = None, seed: int | None = None,
        subset: str | None = None, **_: Any,
    ) -> None:  # fmt: skip
        others = [None if a is None else np.asarray(a) for a in (y, sample_weight)]
        self.x = np.asarray(x, dtype=image_data_generator.dtype)
        if self.x.ndim != 4:
            raise ValueError(
                "Input data in `NumpyArrayIterator` should have rank 4. You passed an array with "
                f"shape {self.x.shape}"
            )
        for array in others:
            if array is not None and len(array) != len(self.x):
                raise ValueError(
                    "`x` (images tensor) and `y` (labels) should have the same length. Found: "
                    f"x.shape = {self.x.shape}, y.shape = {array.shape}"
                )
        rows = _subset(len(self.x), subset, image_data_generator.validation_split)
        self.x = self.x[rows]
        self.y, self.sample_weight = (None if a is None else a[rows] for a in others)
        self.image_data_generator = image_data_generator
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def batch(self, rows: Any) -> Any:
        """The examples of these numbers."""
        maker = self.image_data_generator
        changed = [maker.standardize(maker.random_transform(self.x[k])) for k in rows]
        images = np.array(changed, dtype=maker.dtype)
        if self.y is None:
            return images
        if self.sample_weight is None:
            return images, self.y[rows]
        return images, self.y[rows], self.sample_weight[rows]


class DirectoryIterator(Iterator):
    """Batches of the images in a folder that has a folder for each class.

    Attributes
    ----------
    class_indices : the classes' numbers by their folders.
    filenames, classes : the files, and the number of each one's class.
    """

    def __init__(
        self, directory: str, image_data_generator: Any, target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb", classes: _Sequence[str] | None = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, subset: str | None = None, interpolation: str = "nearest",
        follow_links: bool = False, **_: Any,
    ) -> None:  # fmt: skip
        if class_mode not in ("categorical", "binary", "sparse", "input", None):
            raise ValueError(f"Invalid class_mode: {class_mode}")
        self.directory, self.image_data_generator = directory, image_data_generator
        self.target_size = (int(target_size[0]), int(target_size[1]))
        self.color_mode = color_mode
        self.class_mode, self.interpolation = class_mode, interpolation
        if not classes:
            found = sorted(os.listdir(directory))
            classes = [name for name in found if os.path.isdir(os.path.join(directory, name))]
        self.num_classes = len(classes)
        self.class_indices = {name: k for k, name in enumerate(classes)}
        self.filenames: list[str] = []
        numbers: list[int] = []
        for number, name in enumerate(classes):
            files = self._files(name, follow_links)
            kept = files[_subset(len(files), subset, image_data_generator.validation_split)]
            self.filenames += kept
            numbers += [number] * len(kept)
        self.classes = np.array(numbers, dtype="int32")
        self.samples = len(self.filenames)
        channels = {"rgb": 3, "rgba": 4, "grayscale": 1}[color_mode]
        is_first = image_data_generator.data_format == "channels_first"
        size = self.target_size
        self.image_shape = (channels, *size) if is_first else (*size, channels)
        logging.info("Found %d images belonging to %d classes.", self.samples, self.num_classes)
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files(self, name: str, follow_links: bool) -> list[str]:
        top = os.path.join(self.directory, name)
        found = []
        for folder, _, files in sorted(os.walk(top, followlinks=follow_links)):
            for file in sorted(files):
                if file.lower().endswith(_SUFFIXES):
                    path = os.path.join(folder, file)
                    found.append(os.path.relpath(path, self.directory))
        return found

    @property
    def filepaths(self) -> list[str]:
        """The files with their folder."""
        return [os.path.join(self.directory, name) for name in self.filenames]

    @property
    def labels(self) -> Any:
        """The numbers of the files' classes."""
        return self.classes

    def batch(self, rows: Any) -> Any:
        """The examples of these numbers."""
        maker, images = self.image_data_generator, []
        for k in rows:
            image = load_img(
                os.path.join(self.directory, self.filenames[k]), color_mode=self.color_mode,
                target_size=self.target_size, interpolation=self.interpolation,
            )  # fmt: skip
            array = img_to_array(image, maker.data_format)
            images.append(maker.standardize(maker.random_transform(array)))
        batch = np.array(images, dtype=maker.dtype)
        if self.class_mode is None:
            return batch
        if self.class_mode == "input":
            return batch, batch.copy()
        labels = self.classes[rows]
        if self.class_mode == "categorical":
            return batch, np.eye(self.num_classes, dtype=maker.dtype)[labels]
        return batch, labels.astype(maker.dtype)
