"""What elements of a data set are padded to when they are stacked, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.data.functions import Spec, TensorSpec
from graphflow.graph import nest
from graphflow.graph.constants import constant_value
from graphflow.graph.dtypes import string
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor


class Padding:
    """What `Dataset.padded_batch` pads elements to, and with what.

    Attributes
    ----------
    sizes : the shape of each component; None inside is the largest of the batch.
    tensors : values to pad with that only a run knows.
    """

    def __init__(self, element_spec: Spec, padded_shapes: Any, padding_values: Any) -> None:
        self._element_spec, self._flat = element_spec, nest.flatten(element_spec)
        self._shapes = [
            TensorShape(_as_shape(s))
            for s in nest.flatten_up_to(element_spec, padded_shapes, check_types=False)
        ]
        self.sizes = [shape.as_list() for shape in self._shapes]
        if padding_values is None:
            self._values = [b"" if s.dtype is string else s.dtype.numpy.type(0) for s in self._flat]
        else:
            self._values = [_known(v) for v in nest.flatten(padding_values)]
        self.tensors = [v for v in self._values if isinstance(v, Tensor)]

    def fillings(self, values: Mapping[Tensor, Any]) -> list[Any]:
        """What each component is padded with, given the tensors' values."""
        return [np.asarray(values[v] if isinstance(v, Tensor) else v) for v in self._values]

    def spec(self, rows: int | None) -> Spec:
        """The structure of padded batches, of so many rows."""
        specs = [
            TensorSpec(s.dtype, TensorShape([rows]).concatenate(shape))
            for s, shape in zip(self._flat, self._shapes, strict=True)
        ]
        return nest.pack_sequence_as(self._element_spec, specs)


def _known(value: Any) -> Any:
    """A value as an array, or a tensor that only a run knows."""
    if not isinstance(value, Tensor):
        return value.encode() if isinstance(value, str) else value
    known = constant_value(value)
    return value if known is None else known


def _as_shape(shape: Any) -> Any:
    if isinstance(shape, Tensor):
        sizes = constant_value(shape)
        return None if sizes is None else [None if s == -1 else int(s) for s in sizes]
    if isinstance(shape, TensorShape) or shape is None:
        return shape
    return [None if s in (-1, None) else int(s) for s in shape]
