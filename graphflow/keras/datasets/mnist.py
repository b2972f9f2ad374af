"""Handwritten digits: the file ``mnist.npz``."""

from __future__ import annotations

from typing import Any

from graphflow.keras.datasets.files import arrays_of, data_file

__all__ = ["load_data"]

Examples = tuple[Any, Any]


def load_data(path: str = "mnist.npz") -> tuple[Examples, Examples]:
    """Images and labels for training, and for testing.

    Parameters
    ----------
    path : the file, or its name in ``~/.keras/datasets``.

    Raises
    ------
    FileNotFoundError : it is in neither place.
    """
    found = arrays_of(data_file(path))
    return (found["x_train"], found["y_train"]), (found["x_test"], found["y_test"])
