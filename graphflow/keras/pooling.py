"""Keras's layers that reduce windows, or all of an example."""

from __future__ import annotations

from typing import Any

from graphflow import layers as base
from graphflow.keras.core import Layer, adapted
from graphflow.layers.arguments import as_data_format
from graphflow.ops.casting import cast
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.reductions import reduce_max, reduce_mean, reduce_sum
from graphflow.ops.shape import expand_dims

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D",
    "AvgPool3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D",
    "GlobalMaxPool3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "MaxPool1D", "MaxPool2D", "MaxPool3D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
]  # fmt: skip


def _pooling(name: str) -> Any:
    return adapted(getattr(base, name), name, pool_size=2, strides=None)


MaxPooling1D = MaxPool1D = _pooling("MaxPooling1D")
MaxPooling2D = MaxPool2D = _pooling("MaxPooling2D")
MaxPooling3D = MaxPool3D = _pooling("MaxPooling3D")
AveragePooling1D = AvgPool1D = _pooling("AveragePooling1D")
AveragePooling2D = AvgPool2D = _pooling("AveragePooling2D")
AveragePooling3D = AvgPool3D = _pooling("AveragePooling3D")


class _Global(Layer):
    """Base of layers that reduce all but the examples and the channels."""

    RANK = 2

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = as_data_format(data_format)
        start = 2 if self.data_format == "channels_first" else 1
        self.axes = list(range(start, start + self.RANK))
        self.input_spec = InputSpec(ndim=self.RANK + 2)


class _GlobalMaximum(_Global):
    """The maximum of each channel."""

    def call(self, inputs: Any) -> Any:
        return reduce_max(inputs, self.axes)


class _GlobalMean(_Global):
    """The mean of each channel."""

    def call(self, inputs: Any) -> Any:
        return reduce_mean(inputs, self.axes)


class GlobalMaxPooling1D(_GlobalMaximum):
    """The maximum of each channel of sequences."""

    RANK = 1


class GlobalMaxPooling2D(_GlobalMaximum):
    """The maximum of each channel of images."""

    RANK = 2


class GlobalMaxPooling3D(_GlobalMaximum):
    """The maximum of each channel of volumes."""

    RANK = 3


class GlobalAveragePooling1D(_GlobalMean):
    """The mean of each channel of sequences, over the steps that count."""

    RANK = 1
    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        weights = cast(mask, inputs.dtype)
        weights = expand_dims(weights, 2 if self.axes == [1] else 1)
        return reduce_sum(inputs * weights, self.axes) / reduce_sum(weights, self.axes)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: the steps are gone."""
        return None


class GlobalAveragePooling2D(_GlobalMean):
    """The mean of each channel of images."""

    RANK = 2


class GlobalAveragePooling3D(_GlobalMean):
    """The mean of each channel of volumes."""

    RANK = 3


GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
