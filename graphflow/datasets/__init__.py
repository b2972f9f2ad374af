"""Small data sets that come with the package, for tutorials and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Examples", "load_digits"]


class Examples(NamedTuple):
    """Images and their labels, row by row."""

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]


def load_digits(held_out: float = 0.2) -> tuple[Examples, Examples]:
    """Return handwritten digits for training and for testing.

    Parameters
    ----------
    held_out : the part that is kept for testing, taken evenly over the whole.

    Returns
    -------
    Two `Examples`: images float32 of shape (n, 64) in [0, 1], labels int32 in 0..9. There are
    1,797 in all.

    Notes
    -----
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, CC BY 4.0.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        images = file["images"].reshape(-1, 64).astype(np.float32) / np.float32(16)
        labels = file["labels"].astype(np.int32)
    order = np.random.RandomState(0).permutation(len(labels))
    count = round(held_out * len(labels))
    test, train = order[:count], order[count:]
    return Examples(images[train], labels[train]), Examples(images[test], labels[test])
