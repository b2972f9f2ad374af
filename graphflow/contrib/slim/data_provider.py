"""`slim.data_provider`: tensors of examples, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["DataProvider"]


class DataProvider:
    """Gives items of examples.

    Parameters
    ----------
    items_to_tensors : tensors by items' names.
    num_samples : how many examples there are.
    """

    def __init__(self, items_to_tensors: Mapping[str, Any], num_samples: int | None) -> None:
        self._items_to_tensors, self._num_samples = dict(items_to_tensors), num_samples

    def get(self, items: Sequence[str]) -> list[Any]:
        """Return the tensors of these items.

        Raises
        ------
        ValueError : there is no such item.
        """
        unknown = [item for item in items if item not in self._items_to_tensors]
        if unknown:
            raise ValueError(f"Items {unknown} are not among {sorted(self._items_to_tensors)}")
        return [self._items_to_tensors[item] for item in items]

    def list_items(self) -> list[str]:
        """Return the names of all items."""
        return list(self._items_to_tensors)

    def num_samples(self) -> int | None:
        """Return how many examples there are."""
        return self._num_samples
