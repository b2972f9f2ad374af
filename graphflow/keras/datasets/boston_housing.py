"""Prices of houses: the file ``boston_housing.npz``."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.keras.datasets.files import arrays_of, data_file

__all__ = ["load_data"]


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Features and prices for training, and for testing.

    Parameters
    ----------
    test_split : the share for testing, drawn with a seed.

    Raises
    ------
    FileNotFoundError : the file is missing.
    """
    found = arrays_of(data_file(path))
    x, y = found["x"], found["y"]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
