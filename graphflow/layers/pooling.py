"""Maxima and means of windows, as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph.shapes import TensorShape
from graphflow.layers.arguments import (
    as_data_format,
    as_function,
    as_padding,
    as_tuple,
    op_layout,
    output_length,
)
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.layer_base import Layer
from graphflow.ops.pooling import avg_pool, avg_pool3d, max_pool, max_pool3d
from graphflow.ops.shape import expand_dims, squeeze

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "average_pooling1d",
    "average_pooling2d",
    "average_pooling3d",
    "max_pooling1d",
    "max_pooling2d",
    "max_pooling3d",
]


class Pooling(Layer):
    """Base of the layers that reduce windows.

    Parameters
    ----------
    pool_size, strides : the windows' sizes and distances, an integer or one per axis.
    padding : ``valid`` or ``same``.
    data_format : ``channels_last`` or ``channels_first``.
    """

    RANK = 2
    POOL: Callable[..., Any]

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid",
        data_format: str = "channels_last", name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        strides = pool_size if strides is None else strides
        self.pool_size = as_tuple(pool_size, self.RANK, "pool_size")
        self.strides = as_tuple(strides, self.RANK, "strides")
        self.padding = as_padding(padding)
        self.data_format = as_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.RANK + 2)

    def call(self, inputs: Any) -> Any:
        """The reduced windows."""
        first = self.data_format == "channels_first"
        size, strides, rank, axis = self.pool_size, self.strides, self.RANK, 0
        if rank == 1:  # images of width one
            size, strides, rank, axis = (*size, 1), (*strides, 1), 2, 3 if first else 2
            inputs = expand_dims(inputs, axis)
        around = [[1, 1, *v] if first else [1, *v, 1] for v in (size, strides)]
        layout = op_layout(self.data_format, rank)
        outputs = type(self).POOL(inputs, *around, self.padding.upper(), data_format=layout)
        return squeeze(outputs, axis) if axis else outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the reduced windows."""
        sizes = TensorShape(input_shape).as_list()
        start = 2 if self.data_format == "channels_first" else 1
        for k, (window, stride) in enumerate(zip(self.pool_size, self.strides, strict=True)):
            sizes[start + k] = output_length(sizes[start + k], window, self.padding, stride)
        return TensorShape(sizes)


class MaxPooling1D(Pooling):
    """Maxima of windows of sequences."""

    RANK, POOL = 1, staticmethod(max_pool)


class MaxPooling2D(Pooling):
    """Maxima of windows of images."""

    RANK, POOL = 2, staticmethod(max_pool)


class MaxPooling3D(Pooling):
    """Maxima of windows of volumes."""

    RANK, POOL = 3, staticmethod(max_pool3d)


class AveragePooling1D(Pooling):
    """Means of windows of sequences."""

    RANK, POOL = 1, staticmethod(avg_pool)


class AveragePooling2D(Pooling):
    """Means of windows of images."""

    RANK, POOL = 2, staticmethod(avg_pool)


class AveragePooling3D(Pooling):
    """Means of windows of volumes."""

    RANK, POOL = 3, staticmethod(avg_pool3d)


def _function(layer: type[Pooling], name: str) -> Callable[..., Any]:
    return as_function(layer, name, layer.__doc__ or "", takes_reuse=False, module=__name__)


max_pooling1d = _function(MaxPooling1D, "max_pooling1d")
max_pooling2d = _function(MaxPooling2D, "max_pooling2d")
max_pooling3d = _function(MaxPooling3D, "max_pooling3d")
average_pooling1d = _function(AveragePooling1D, "average_pooling1d")
average_pooling2d = _function(AveragePooling2D, "average_pooling2d")
average_pooling3d = _function(AveragePooling3D, "average_pooling3d")
