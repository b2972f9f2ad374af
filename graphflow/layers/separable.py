"""Separable convolutions as layers: each channel by filters of its own, then all are mixed."""

from __future__ import annotations

from typing import Any

from graphflow.layers.arguments import as_function, op_layout
from graphflow.layers.convolutional import Convolution
from graphflow.ops.depthwise import separable_conv2d as separable_conv2d_op
from graphflow.ops.initializers import Zeros
from graphflow.ops.nn import bias_add
from graphflow.ops.shape import expand_dims, squeeze

__all__ = ["SeparableConv1D", "SeparableConv2D", "separable_conv1d", "separable_conv2d"]


class SeparableConvolution(Convolution):
    """Base of the separable convolutions.

    Parameters
    ----------
    depth_multiplier : how many filters each channel has of its own.
    depthwise_..., pointwise_... : for the filters of the channels, and for those that mix them;
        the others are those of `Convolution`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = None,
        pointwise_initializer: Any = None,
        bias_initializer: Any = Zeros(),  # noqa: B008  # immutable
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate,
            activation=activation, use_bias=use_bias, bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer, activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint, trainable=trainable, name=name, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = depthwise_initializer
        self.pointwise_initializer = pointwise_initializer
        self.depthwise_regularizer = depthwise_regularizer
        self.pointwise_regularizer = pointwise_regularizer
        self.depthwise_constraint = depthwise_constraint
        self.pointwise_constraint = pointwise_constraint
        self.depthwise_kernel: Any = None
        self.pointwise_kernel: Any = None

    def build(self, input_shape: Any) -> None:
        """Make both kernels and the bias."""
        channels = self._channels(input_shape)
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel", shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer, regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint, trainable=True, dtype=self.dtype,
        )  # fmt: skip
        mixed = (*[1] * self.RANK, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel", shape=mixed, initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer, constraint=self.pointwise_constraint,
            trainable=True, dtype=self.dtype,
        )  # fmt: skip
        self._build_bias()
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The convolution, with bias and activation."""
        if self.padding == "causal":
            inputs = self._padded(inputs)
        first = self.data_format == "channels_first"
        padding = "VALID" if self.padding == "causal" else self.padding.upper()
        rates, depthwise, pointwise = (
            list(self.dilation_rate), self.depthwise_kernel, self.pointwise_kernel
        )  # fmt: skip
        strides, axis = list(self.strides), 2 if first else 1
        if self.RANK == 1:  # images of height one
            strides, rates = strides * 2, [1, *rates]
            inputs, depthwise, pointwise = (
                expand_dims(inputs, axis), expand_dims(depthwise, 0), expand_dims(pointwise, 0)
            )  # fmt: skip
        outputs = separable_conv2d_op(
            inputs, depthwise, pointwise, [1, 1, *strides] if first else [1, *strides, 1],
            padding, rates, data_format=op_layout(self.data_format, 2),
        )  # fmt: skip
        # The bias is added to images: sequences are still images of height one here.
        if self.use_bias:
            layout = "NCHW" if first else "NHWC"
            outputs = bias_add(outputs, self.bias, data_format=layout)
        outputs = squeeze(outputs, [axis]) if self.RANK == 1 else outputs
        return outputs if self.activation is None else self.activation(outputs)


class SeparableConv1D(SeparableConvolution):
    """Separable convolutions of sequences."""

    RANK = 1


class SeparableConv2D(SeparableConvolution):
    """Separable convolutions of images."""

    RANK = 2


separable_conv1d = as_function(
    SeparableConv1D, "separable_conv1d", "A separable convolution of sequences.", module=__name__
)
separable_conv2d = as_function(
    SeparableConv2D, "separable_conv2d", "A separable convolution of images.", module=__name__
)
