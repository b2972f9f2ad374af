"""``tf.data``: data sets and their iterators."""

from graphflow.data.dataset import Dataset, Options
from graphflow.data.functions import TensorSpec
from graphflow.data.iterator import Iterator
from graphflow.data.readers import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset


def make_one_shot_iterator(dataset: Dataset) -> Iterator:
    """`Dataset.make_one_shot_iterator`."""
    return dataset.make_one_shot_iterator()


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Iterator:
    """`Dataset.make_initializable_iterator`."""
    return dataset.make_initializable_iterator(shared_name)


def get_output_shapes(dataset_or_iterator: Dataset | Iterator) -> object:
    """`Dataset.output_shapes`."""
    return dataset_or_iterator.output_shapes


def get_output_types(dataset_or_iterator: Dataset | Iterator) -> object:
    """`Dataset.output_types`."""
    return dataset_or_iterator.output_types


def get_output_classes(dataset_or_iterator: Dataset | Iterator) -> object:
    """`Dataset.output_classes`."""
    return dataset_or_iterator.output_classes


__all__ = [
    "Dataset", "FixedLengthRecordDataset", "Iterator", "Options", "TFRecordDataset", "TensorSpec",
    "TextLineDataset", "get_output_classes", "get_output_shapes",
    "get_output_types", "make_initializable_iterator", "make_one_shot_iterator",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name == "experimental":
        import importlib

        return importlib.import_module("graphflow.data.experimental")
    raise AttributeError(f"module 'graphflow.data' has no attribute {name!r}")
