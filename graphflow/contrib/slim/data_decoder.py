"""`slim.data_decoder`: what decoders of data have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["DataDecoder"]


class DataDecoder:
    """Makes items, which are tensors, of an element of data; a base for others."""

    def decode(self, data: Any, items: Sequence[str]) -> list[Any]:
        """Return the items of these names."""
        raise NotImplementedError

    def list_items(self) -> list[str]:
        """Return the names of all items."""
        raise NotImplementedError
