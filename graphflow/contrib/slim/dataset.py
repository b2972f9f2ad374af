"""`slim.dataset`: where data are, and how they are read."""

from __future__ import annotations

from typing import Any

__all__ = ["Dataset"]


class Dataset:
    """A description of data.

    Parameters
    ----------
    data_sources : files, or patterns of their names.
    reader : a class of readers.
    decoder : a `DataDecoder`.
    num_samples : how many examples there are.
    items_to_descriptions : texts by items' names.
    kwargs : further attributes.
    """

    def __init__(
        self, data_sources: Any, reader: Any, decoder: Any, num_samples: int | None,
        items_to_descriptions: Any, **kwargs: Any,
    ) -> None:  # fmt: skip
        given = {
            "data_sources": data_sources, "reader": reader, "decoder": decoder,
            "num_samples": num_samples, "items_to_descriptions": items_to_descriptions,
        }  # fmt: skip
        self.__dict__.update({**given, **kwargs})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the data set has no {name!r}, but {sorted(self.__dict__)}")
