"""Convolutions in one to three dimensions, as layers."""

from __future__ import annotations

from typing import Any

from graphflow.graph.constants import constant
from graphflow.graph.dtypes import int32
from graphflow.graph.shapes import TensorShape
from graphflow.layers.arguments import (
    as_data_format,
    as_function,
    as_padding,
    as_tuple,
    op_layout,
    output_length,
)
from graphflow.ops.conv import conv2d as conv2d_op
from graphflow.ops.conv import conv3d as conv3d_op
from graphflow.ops.conv_variants import conv1d as conv1d_op
from graphflow.ops.initializers import Zeros
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.layer_base import Layer
from graphflow.ops.nn import bias_add
from graphflow.ops.padding import pad
from graphflow.ops.shape import reshape
from graphflow.ops.windows import count_dilated

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Convolution", "conv1d", "conv2d", "conv3d"]


class Convolution(Layer):
    """Base of the layers that convolve.

    Parameters
    ----------
    filters : how many channels the result has.
    kernel_size, strides, dilation_rate : an integer, or one per axis.
    padding : ``valid`` or ``same``; sequences may be padded ``causal``, at the start only.
    data_format : ``channels_last`` or ``channels_first``.
    activation : a function of tensors; none when None.
    use_bias : whether to add a bias to each channel.
    kernel_initializer, bias_initializer : the scope's, or Glorot's uniform one, when None.
    kernel_regularizer, bias_regularizer, activity_regularizer : functions whose results go to
        ``REGULARIZATION_LOSSES``.
    kernel_constraint, bias_constraint : functions that an optimizer applies after each step.
    """

    RANK = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
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
            trainable=trainable, name=name, activity_regularizer=activity_regularizer, **kwargs
        )
        self.filters = None if filters is None else int(filters)
        self.kernel_size = as_tuple(kernel_size, self.RANK, "kernel_size")
        self.strides = as_tuple(strides, self.RANK, "strides")
        self.padding = as_padding(padding)
        if self.padding == "causal" and self.RANK != 1:
            raise ValueError(
                "Causal padding is only supported for `Conv1D` and ``SeparableConv1D`."
            )
        self.data_format = as_data_format(data_format)
        self.dilation_rate = as_tuple(dilation_rate, self.RANK, "dilation_rate")
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.kernel: Any = None
        self.bias: Any = None
        self.input_spec = InputSpec(ndim=self.RANK + 2)

    # ---- variables

    def _channels(self, input_shape: Any) -> int:
        """The number of the inputs' channels, which must be known."""
        axis = 1 if self.data_format == "channels_first" else -1
        channels = TensorShape(input_shape).as_list()[axis]
        if channels is None:
            raise ValueError("The channel dimension of the inputs should be defined. Found `None`.")
        self.input_spec = InputSpec(ndim=self.RANK + 2, axes={axis: channels})
        return channels

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels, self.filters or 0)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            name="kernel", shape=self._kernel_shape(channels), trainable=True,
            initializer=self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, dtype=self.dtype,
        )  # fmt: skip
        self._build_bias()
        self._note_dilation()
        self.built = True

    def _note_dilation(self) -> None:
        """Make a constant as TensorFlow: operations count in the seeds of those that follow."""
        constant(self.dilation_rate, int32, name="dilation_rate")

    def _build_bias(self) -> None:
        if not self.use_bias:
            return
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), trainable=True,
            initializer=self.bias_initializer, regularizer=self.bias_regularizer,
            constraint=self.bias_constraint, dtype=self.dtype,
        )  # fmt: skip

    # ---- the computation

    def _convolve(self, inputs: Any) -> Any:
        layout = op_layout(self.data_format, self.RANK)
        padding = "VALID" if self.padding == "causal" else self.padding.upper()
        count_dilated(inputs, self.dilation_rate, padding, layout)
        if self.RANK == 1:
            return conv1d_op(
                inputs, self.kernel, self.strides[0], padding, data_format=layout,
                dilations=self.dilation_rate[0],
            )  # fmt: skip
        first = self.data_format == "channels_first"
        strides, rates = (
            [1, 1, *v] if first else [1, *v, 1] for v in (self.strides, self.dilation_rate)
        )
        convolve = conv2d_op if self.RANK == 2 else conv3d_op
        return convolve(
            inputs, self.kernel, strides, padding, data_format=layout, dilations=rates
        )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """The convolution, with bias and activation."""
        if any(s > 1 for s in self.strides) and any(r > 1 for r in self.dilation_rate):
            raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
        if self.padding == "causal":
            inputs = self._padded(inputs)
        return self._finished(self._convolve(inputs))

    def _padded(self, inputs: Any) -> Any:
        before = [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0]
        rest = [[0, 0], before] if self.data_format == "channels_first" else [before, [0, 0]]
        return pad(inputs, [[0, 0], *rest])

    def _finished(self, outputs: Any) -> Any:
        """Add the bias, and apply the activation."""
        if self.use_bias:
            if self.data_format == "channels_last":
                outputs = bias_add(outputs, self.bias, data_format="NHWC")
            elif self.RANK == 1:
                outputs += reshape(self.bias, (1, self.filters, 1))
            else:
                outputs = bias_add(outputs, self.bias, data_format="NCHW")
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the convolution."""
        sizes = TensorShape(input_shape).as_list()
        first = self.data_format == "channels_first"
        axes = sizes[2:] if first else sizes[1:-1]
        space = [
            output_length(n, self.kernel_size[k], self.padding, self.strides[k],
                          self.dilation_rate[k])
            for k, n in enumerate(axes)
        ]  # fmt: skip
        found = [sizes[0], self.filters, *space] if first else [sizes[0], *space, self.filters]
        return TensorShape(found)


class Conv1D(Convolution):
    """Convolutions of sequences."""

    RANK = 1


class Conv2D(Convolution):
    """Convolutions of images."""

    RANK = 2


class Conv3D(Convolution):
    """Convolutions of volumes."""

    RANK = 3


conv1d = as_function(Conv1D, "conv1d", "A convolution of sequences.", module=__name__)
conv2d = as_function(Conv2D, "conv2d", "A convolution of images.", module=__name__)
conv3d = as_function(Conv3D, "conv3d", "A convolution of volumes.", module=__name__)
