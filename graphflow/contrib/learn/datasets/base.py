"""Tables from files of comma-separated values, and files from the network."""

from __future__ import annotations

import csv
import os
import shutil
import urllib.request
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Dataset(NamedTuple):
    """Features and labels."""

    data: Array
    target: Array


class Datasets(NamedTuple):
    """Three parts of a data set."""

    train: Any
    validation: Any
    test: Any


def load_csv_with_header(
    filename: str, target_dtype: Any, features_dtype: Any, target_column: int = -1
) -> Dataset:
    """Read a file whose first line gives the numbers of rows and of features."""
    with open(filename, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        count, width = int(header[0]), int(header[1])
        data, target = np.zeros((count, width), features_dtype), np.zeros(count, target_dtype)
        for k, row in enumerate(rows):
            target[k] = np.asarray(row.pop(target_column), dtype=target_dtype)
            data[k] = np.asarray(row, dtype=features_dtype)
    return Dataset(data, target)


def load_csv_without_header(
    filename: str, target_dtype: Any, features_dtype: Any, target_column: int = -1
) -> Dataset:
    """Read a file that begins with the first row."""
    with open(filename, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    target = [row.pop(target_column) for row in rows]
    return Dataset(np.array(rows, dtype=features_dtype), np.array(target, dtype=target_dtype))


def shrink_csv(filename: str, ratio: int) -> None:
    """Write a file beside it, ``_small``, with every `ratio`-th line."""
    stem, ending = os.path.splitext(filename)
    with (
        open(filename, encoding="utf-8") as file,
        open(f"{stem}_small{ending}", "w", encoding="utf-8") as small,
    ):
        small.writelines(line for k, line in enumerate(file) if k % ratio == 0)


def maybe_download(filename: str, work_directory: str, source_url: str) -> str:
    """The path of a file in a folder; it is fetched if it is not there."""
    os.makedirs(work_directory, exist_ok=True)
    path = os.path.join(work_directory, filename)
    if not os.path.exists(path):
        with urllib.request.urlopen(source_url) as source, open(f"{path}.part", "wb") as file:
            shutil.copyfileobj(source, file)
        os.rename(f"{path}.part", path)
        print("Successfully downloaded", filename, os.path.getsize(path), "bytes.")  # noqa: T201
    return path
