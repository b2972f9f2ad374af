"""`tf.contrib.layers.utils`: names of layers' outputs, sizes of axes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from graphflow.contrib.layers.common import collect_named_outputs
from graphflow.graph.default import get_collection, get_default_graph
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor

__all__ = [
    "append_tensor_alias", "collect_named_outputs", "convert_collection_to_dict",
    "first_dimension", "get_tensor_alias", "get_tensor_aliases", "last_dimension",
    "n_positive_integers", "two_element_tuple",
]  # fmt: skip


def append_tensor_alias(tensor: Tensor, alias: str) -> Tensor:
    """Give a tensor a further name."""
    tensor.aliases = [*getattr(tensor, "aliases", []), alias.rstrip("/")]  # type: ignore[attr-defined]
    return tensor


def get_tensor_aliases(tensor: Tensor) -> list[str]:
    """Return a tensor's further names; its operation's without any."""
    found = list(getattr(tensor, "aliases", []))
    name = tensor.name.removesuffix(":0")
    return found or [name]


def get_tensor_alias(tensor: Tensor) -> str:
    """Return a tensor's further name; its operation's without any."""
    return get_tensor_aliases(tensor)[0]


def convert_collection_to_dict(collection: Any, clear_collection: bool = False) -> Any:
    """Return a collection's tensors by their further names.

    Parameters
    ----------
    clear_collection : empty it.
    """
    tensors = get_collection(collection)
    found = OrderedDict((alias, t) for t in tensors for alias in get_tensor_aliases(t))
    if clear_collection:
        get_default_graph().clear_collection(collection)
    return found


def _size(shape: TensorShape, axis: int, min_rank: int) -> int | None:
    if shape.rank is None:
        raise ValueError("dims of shape must be known but is None")
    if shape.rank < min_rank:
        raise ValueError(f"rank of shape must be at least {min_rank} not: {shape.rank}")
    size: int | None = shape.as_list()[axis]
    return size


def first_dimension(shape: TensorShape, min_rank: int = 1) -> int | None:
    """Return the size of the first axis; ValueError for fewer axes than `min_rank`."""
    return _size(shape, 0, min_rank)


def last_dimension(shape: TensorShape, min_rank: int = 1) -> int | None:
    """Return the size of the last axis; ValueError for fewer axes than `min_rank`."""
    return _size(shape, -1, min_rank)


def n_positive_integers(n: int, value: Any) -> tuple[int, ...]:
    """Return `n` positive integers from one or from as many.

    Raises
    ------
    ValueError : there are more or fewer, or one is not positive.
    TypeError : it is neither a number nor a sequence.
    """
    if isinstance(value, TensorShape):
        value = value.as_list()
    if not isinstance(value, (list, tuple)):
        value = [int(value)] * n
    if len(value) != n or any(int(v) < 1 for v in value):
        raise ValueError(f"value must be {n} positive integers, got {value}")
    return tuple(int(v) for v in value)


def two_element_tuple(int_or_tuple: Any) -> tuple[int, ...]:
    """Return two positive integers from one or two; see `n_positive_integers`."""
    return n_positive_integers(2, int_or_tuple)
