"""Small colour pictures of a hundred classes: the folder ``cifar-100-python``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.datasets.cifar10 import read_batch

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Images and labels for training, and for testing.

    Parameters
    ----------
    label_mode : ``fine`` for a hundred classes, ``coarse`` for twenty.

    Raises
    ------
    ValueError : another mode.
    FileNotFoundError : a file is missing in ``~/.keras/datasets/cifar-100-python``.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`, got {label_mode!r}')
    key = f"{label_mode}_labels"
    return read_batch("cifar-100-python/train", key), read_batch("cifar-100-python/test", key)
