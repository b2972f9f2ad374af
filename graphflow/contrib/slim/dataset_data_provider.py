"""`slim.dataset_data_provider`: a `Dataset` read by queue runners, one example at a time."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.slim.data_provider import DataProvider
from graphflow.contrib.slim.parallel_reader import parallel_read

__all__ = ["DatasetDataProvider"]


class DatasetDataProvider(DataProvider):
    """Reads and decodes the examples of a data set.

    Parameters
    ----------
    dataset : a `slim.dataset.Dataset`.
    num_readers : how many read at once.
    reader_kwargs : for the readers.
    shuffle : in random order.
    num_epochs : how often all are read; endlessly when None.
    common_queue_capacity, common_queue_min : of the queue between reading and decoding.
    record_key : the item that is an example's key.
    seed : for the order.

    Raises
    ------
    ValueError : an item has the name `record_key`.
    """

    def __init__(
        self, dataset: Any, num_readers: int = 1, reader_kwargs: Any = None, shuffle: bool = True,
        num_epochs: int | None = None, common_queue_capacity: int = 256,
        common_queue_min: int = 128, record_key: str = "record_key", seed: int | None = None,
        scope: str | None = None,
    ) -> None:  # fmt: skip
        key, data = parallel_read(
            dataset.data_sources, dataset.reader, num_epochs, num_readers, reader_kwargs, shuffle,
            None, common_queue_capacity, common_queue_min, seed, scope,
        )  # fmt: skip
        items = dataset.decoder.list_items()
        if record_key in items:
            raise ValueError(f"The item name used for `record_key` cannot also be an item: {items}")
        tensors = dict(zip(items, dataset.decoder.decode(data, items), strict=True))
        super().__init__({**tensors, record_key: key}, dataset.num_samples)
