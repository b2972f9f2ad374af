"""Keras's layers that move, cut, pad and repeat what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.keras import backend
from graphflow.keras.core import Layer
from graphflow.layers.arguments import as_data_format, as_tuple
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.joining import concat
from graphflow.ops.padding import pad
from graphflow.ops.rolling import repeat
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.transposing import transpose

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "Permute", "RepeatVector", "Reshape",
    "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D",
]  # fmt: skip


class Reshape(Layer):
    """Another shape of each example."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        sizes: Any = shape_op(inputs)
        return reshape(inputs, [sizes[0], *self.target_shape])


class Permute(Layer):
    """The axes of each example in another order, counted from one."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)

    def call(self, inputs: Any) -> Any:
        return transpose(inputs, [0, *self.dims])


class RepeatVector(Layer):
    """Each example so many times."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = n

    def call(self, inputs: Any) -> Any:
        return concat([expand_dims(inputs, 1)] * self.n, 1)


def _pairs(value: Any, rank: int, name: str) -> list[tuple[int, int]]:
    """What is meant before and after each of some axes."""
    if isinstance(value, int):
        return [(value, value)] * rank
    if rank == 1 and len(value) == 2:
        return [(int(value[0]), int(value[1]))]
    if len(value) != rank:
        raise ValueError(f"`{name}` should have {rank} elements. Found: {value}")
    return [(p, p) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in value]


class _Spatial(Layer):
    """Base of layers that change the axes between the examples and the channels."""

    RANK = 2

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = as_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.RANK + 2)

    def _around(self, spatial: Sequence[Any], other: Any) -> list[Any]:
        """What is said of the spatial axes, and something else for the others."""
        if self.data_format == "channels_first" and self.RANK > 1:
            return [other, other, *spatial]
        return [other, *spatial, other]


class _ZeroPadding(_Spatial):
    """Zeros around each example.

    Parameters
    ----------
    padding : how many before and after along each axis; an integer for all.
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = _pairs(padding, self.RANK, "padding")

    def call(self, inputs: Any) -> Any:
        return pad(inputs, [list(p) for p in self._around(self.padding, (0, 0))])


class ZeroPadding1D(_ZeroPadding):
    """Zeros around sequences."""

    RANK = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images."""

    RANK = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes."""

    RANK = 3


class _Cropping(_Spatial):
    """The middle of each example.

    Parameters
    ----------
    cropping : how many to leave out before and after along each axis; an integer for all.
    """

    def __init__(self, cropping: Any = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        default = (1, 1) if self.RANK == 1 else ((0, 0),) * 2 if self.RANK == 2 else 1
        self.cropping = _pairs(default if cropping is None else cropping, self.RANK, "cropping")

    def call(self, inputs: Any) -> Any:
        cut = self._around(self.cropping, (0, 0))
        return inputs[tuple(slice(before, -after or None) for before, after in cut)]


class Cropping1D(_Cropping):
    """The middle of sequences."""

    RANK = 1


class Cropping2D(_Cropping):
    """The middle of images."""

    RANK = 2


class Cropping3D(_Cropping):
    """The middle of volumes."""

    RANK = 3


class _UpSampling(_Spatial):
    """Each element so many times along each axis."""

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.size = as_tuple(size, self.RANK, "size")

    def call(self, inputs: Any) -> Any:
        for axis, times in enumerate(self._around(self.size, 1)):
            inputs = inputs if times == 1 else repeat(inputs, times, axis=axis)
        return inputs


class UpSampling1D(_UpSampling):
    """Each step of sequences so many times."""

    RANK = 1


class UpSampling2D(_UpSampling):
    """Images with each row and column so many times, or bilinear between them."""

    RANK = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                '`interpolation` argument should be one of `"nearest"` or `"bilinear"`.'
            )
        super().__init__(size, data_format, **kwargs)
        self.interpolation = interpolation

    def call(self, inputs: Any) -> Any:
        down, right = self.size
        return backend.resize_images(inputs, down, right, self.data_format, self.interpolation)


class UpSampling3D(_UpSampling):
    """Volumes with each element so many times along each axis."""

    RANK = 3
