"""Transposed convolutions as layers: a convolution's gradient by its input."""

from __future__ import annotations

from typing import Any

from graphflow.graph.shapes import TensorShape
from graphflow.layers.arguments import as_function, op_layout
from graphflow.layers.convolutional import Convolution
from graphflow.ops.conv_variants import conv2d_transpose as conv2d_transpose_op
from graphflow.ops.conv_variants import conv3d_transpose as conv3d_transpose_op
from graphflow.ops.initializers import Zeros
from graphflow.ops.joining import stack
from graphflow.ops.shape import shape as shape_op

__all__ = ["Conv2DTranspose", "Conv3DTranspose", "conv2d_transpose", "conv3d_transpose"]


class TransposedConvolution(Convolution):
    """Base of the transposed convolutions; the parameters are those of `Convolution`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = Zeros(),  # noqa: B008  # immutable
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format,
            activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer, activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
            trainable=trainable, name=name, **kwargs,
        )  # fmt: skip

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters or 0, channels)

    def _note_dilation(self) -> None:
        """TensorFlow makes no constant for it here."""

    def _length(self, size: Any, axis: int) -> Any:
        """The size of the result along an axis, for one of the inputs, a number or a tensor."""
        kernel, stride = self.kernel_size[axis], self.strides[axis]
        if size is None:
            return None
        if self.padding == "valid":
            return size * stride + max(kernel - stride, 0)
        return size * stride

    def _spatial(self, values: Any) -> Any:
        """The sizes along the spatial axes of all sizes of the inputs."""
        start = 2 if self.data_format == "channels_first" else 1
        return [values[start + k] for k in range(self.RANK)]

    def _convolve(self, inputs: Any) -> Any:
        sizes = shape_op(inputs)
        batch = sizes[0]
        space = [self._length(size, k) for k, size in enumerate(self._spatial(sizes))]
        first = self.data_format == "channels_first"
        around = [[1, 1, *self.strides] if first else [1, *self.strides, 1]]
        wanted = [batch, self.filters, *space] if first else [batch, *space, self.filters]
        transposed = conv2d_transpose_op if self.RANK == 2 else conv3d_transpose_op
        output_shape: Any = stack(wanted)
        if self.RANK == 2:
            _ = output_shape[0]  # made by TensorFlow, which asks whether it is None
        outputs = transposed(
            inputs, self.kernel, output_shape, around[0], self.padding.upper(),
            data_format=op_layout(self.data_format, self.RANK),
        )  # fmt: skip
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the result."""
        sizes = TensorShape(input_shape).as_list()
        space = [self._length(size, k) for k, size in enumerate(self._spatial(sizes))]
        if self.data_format == "channels_first":
            return TensorShape([sizes[0], self.filters, *space])
        return TensorShape([sizes[0], *space, self.filters])


class Conv2DTranspose(TransposedConvolution):
    """Transposed convolutions of images."""

    RANK = 2


class Conv3DTranspose(TransposedConvolution):
    """Transposed convolutions of volumes."""

    RANK = 3


conv2d_transpose = as_function(
    Conv2DTranspose, "conv2d_transpose", "A transposed convolution of images.", module=__name__
)
conv3d_transpose = as_function(
    Conv3DTranspose, "conv3d_transpose", "A transposed convolution of volumes.", module=__name__
)
