"""Pictures of clothes: the four files of ``fashion-mnist``."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np

from graphflow.keras.datasets.files import data_file

__all__ = ["load_data"]


def _values(name: str, header: int) -> Any:
    with gzip.open(data_file(f"fashion-mnist/{name}.gz"), "rb") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load_data() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Images and labels for training, and for testing.

    Raises
    ------
    FileNotFoundError : a file is missing in ``~/.keras/datasets/fashion-mnist``.
    """
    train, test = (
        (_values(f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28),
         _values(f"{part}-labels-idx1-ubyte", 8))
        for part in ("train", "t10k")
    )  # fmt: skip
    return train, test
