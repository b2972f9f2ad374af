"""What goes into models of ImageNet's classes and comes out: `preprocess_input`, class names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphflow.keras.applications.parts import (
    preprocess_by_deviations,
    preprocess_by_means,
    preprocess_to_unit,
)

__all__ = ["decode_predictions", "preprocess_input"]

_MODES = {
    "caffe": preprocess_by_means, "tf": preprocess_to_unit, "torch": preprocess_by_deviations,
}  # fmt: skip


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images as models take them.

    Parameters
    ----------
    x : an array or a tensor of float type with red, green and blue last, from 0 to 255.
    mode : ``caffe``, ``tf`` or ``torch``.

    Raises
    ------
    ValueError : another mode, or channels that are not last.
    """
    if data_format not in (None, "channels_last"):
        raise ValueError(f"expected channels_last, got {data_format!r}")
    if mode not in _MODES:
        raise ValueError(f"expected mode {', '.join(_MODES)}, got {mode!r}")
    return _MODES[mode](x)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """For each row the likeliest classes: their numbers in WordNet, their names, what they have.

    The names are in ``~/.keras/models/imagenet_class_index.json``, which is not downloaded.

    Raises
    ------
    ValueError : `preds` is not an array of rows of 1000.
    FileNotFoundError : there is no such file.
    """
    if len(preds.shape) != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape "
            f"(samples, 1000)). Found array with shape: {preds.shape}"
        )
    path = Path.home() / ".keras" / "models" / "imagenet_class_index.json"
    if not path.exists():
        raise FileNotFoundError(f"expected the names of classes at {path}: not downloaded")
    names = json.loads(path.read_text())
    return [
        [(*names[str(k)], row[k]) for k in row.argsort()[-top:][::-1]] for row in preds
    ]  # fmt: skip
