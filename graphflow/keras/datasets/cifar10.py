"""Small colour pictures of ten classes: the folder ``cifar-10-batches-py``."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.keras import backend
from graphflow.keras.datasets.files import data_file, unpickled

__all__ = ["load_data"]


def read_batch(path: str, label_key: str = "labels") -> tuple[Any, Any]:
    """The pictures and the labels of one file."""
    found = unpickled(data_file(path))
    images = np.asarray(found[b"data"]).reshape(-1, 3, 32, 32)
    if backend.image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return images, np.reshape(found[label_key.encode()], (-1, 1)).astype("uint8")


def load_data() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Images and labels for training, and for testing.

    Raises
    ------
    FileNotFoundError : a file is missing in ``~/.keras/datasets/cifar-10-batches-py``.
    """
    folder = "cifar-10-batches-py"
    parts = [read_batch(f"{folder}/data_batch_{k}") for k in range(1, 6)]
    images, labels = (np.concatenate(values) for values in zip(*parts, strict=True))
    return (images, labels), read_batch(f"{folder}/test_batch")
