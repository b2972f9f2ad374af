"""Files of tables, under their path in TensorFlow."""

from graphflow.contrib.learn.datasets.base import (
    Dataset,
    Datasets,
    load_csv_with_header,
    load_csv_without_header,
    maybe_download,
    shrink_csv,
)

__all__ = [
    "Dataset", "Datasets", "load_csv_with_header", "load_csv_without_header", "maybe_download",
    "shrink_csv",
]  # fmt: skip
