"""Keras's convolutions with filters of each channel or place, normalisation and attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow import initializers as init
from graphflow.keras import backend, functions
from graphflow.keras.core import Layer, set_named
from graphflow.layers.arguments import as_data_format, as_padding, as_tuple
from graphflow.ops.casting import cast
from graphflow.ops.comparison import logical_not
from graphflow.ops.creation import zeros, zeros_like
from graphflow.ops.joining import split
from graphflow.ops.linear import matmul
from graphflow.ops.nn import moments
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.sequences import range as range_op
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.softmax import softmax
from graphflow.ops.unary import tanh

__all__ = [
    "AdditiveAttention", "Attention", "ConvLSTM2D", "DepthwiseConv2D", "LayerNormalization",
    "LocallyConnected1D", "LocallyConnected2D",
]  # fmt: skip


class _Filters(Layer):
    """Base of layers of windows with filters of their own kind.

    Parameters
    ----------
    kernel_size, strides : the windows' sizes and distances.
    kernel_..., bias_... : as those of `Dense`.
    """

    RANK = 2

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs.pop("implementation", None)
        super().__init__(activity_regularizer=functions.regularizer(activity_regularizer), **kwargs)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size = as_tuple(kernel_size, self.RANK, "kernel_size")
        self.strides = as_tuple(strides, self.RANK, "strides")
        self.padding = as_padding(padding)
        self.data_format = as_data_format(data_format)
        set_named(
            self, activation=activation, kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )  # fmt: skip

    def _add_kernel(self, name: str, shape: Any) -> Any:
        return self.add_weight(
            name, shape, initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip

    def _add_bias(self, shape: Any) -> Any:
        if not self.use_bias:
            return None
        return self.add_weight(
            "bias", shape, initializer=self.bias_initializer, regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )  # fmt: skip

    def _finished(self, made: Any) -> Any:
        if self.bias is not None:
            made = backend.bias_add(made, self.bias, self.data_format)
        return made if self.activation is None else self.activation(made)

    bias: Any = None


class DepthwiseConv2D(_Filters):
    """Convolutions of each channel of images by filters of its own."""

    def __init__(
        self, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
        depth_multiplier: int = 1, data_format: str | None = None, activation: Any = None,
        use_bias: bool = True, depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros", depthwise_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None,
        depthwise_constraint: Any = None, bias_constraint: Any = None,
        dilation_rate: Any = (1, 1), **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            0, kernel_size, strides, padding, data_format, activation, use_bias,
            depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer,
            activity_regularizer, depthwise_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.dilation_rate = as_tuple(dilation_rate, 2, "dilation_rate")

    def build(self, input_shape: Any) -> None:
        channels = input_shape.as_list()[1 if self.data_format == "channels_first" else 3]
        many = self.depth_multiplier
        shape = (*self.kernel_size, channels, many)
        self.depthwise_kernel = self._add_kernel("depthwise_kernel", shape)
        self.bias = self._add_bias((channels * many,))
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self._finished(
            backend.depthwise_conv2d(
                inputs, self.depthwise_kernel, self.strides, self.padding, self.data_format,
                self.dilation_rate,
            )
        )  # fmt: skip


class _LocallyConnected(_Filters):
    """Base of convolutions with other filters at each place."""

    def build(self, input_shape: Any) -> None:
        sizes = input_shape.as_list()
        first = self.data_format == "channels_first"
        space = sizes[2:] if first else sizes[1:-1]
        channels = sizes[1] if first else sizes[-1]
        if None in (*space, channels):
            raise ValueError(
                "The spatial dimensions of the inputs to a LocallyConnected layer should be fully-"
                f"defined, but layer received the inputs shape {sizes}"
            )
        if self.padding != "valid":
            raise ValueError('Invalid border mode for LocallyConnected (only "valid" is supported)')
        self.places = [
            (n - k) // s + 1 for n, k, s in zip(space, self.kernel_size, self.strides, strict=True)
        ]
        wide = int(np.prod(self.kernel_size)) * channels
        count = int(np.prod(self.places))
        self.kernel = self._add_kernel("kernel", (count, wide, self.filters))
        self.bias = self._add_bias((*self.places, self.filters))
        self.built = True


class LocallyConnected1D(_LocallyConnected):
    """Convolutions of sequences with other filters at each place."""

    RANK = 1

    def call(self, inputs: Any) -> Any:
        kernel = self.kernel
        return self._finished(backend.local_conv1d(inputs, kernel, self.kernel_size, self.strides))


class LocallyConnected2D(_LocallyConnected):
    """Convolutions of images with other filters at each place."""

    RANK = 2

    def call(self, inputs: Any) -> Any:
        made = backend.local_conv2d(
            inputs, self.kernel, self.kernel_size, self.strides, self.places, self.data_format
        )
        return self._finished(made)


class LayerNormalization(Layer):
    """Each example scaled to mean zero and variance one along axes (Ba et al., 2016)."""

    supports_masking = True

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
        beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
        gamma_constraint: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.axis = [axis] if isinstance(axis, int) else list(axis)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        set_named(
            self, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint, gamma_constraint=gamma_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        sizes = input_shape.as_list()
        self.axis = [axis % len(sizes) for axis in self.axis]
        shape = [sizes[axis] for axis in self.axis]
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                "gamma", shape, initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                "beta", shape, initializer=self.beta_initializer,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint,
            )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        sizes = inputs.shape.as_list()
        wide = [n if k in self.axis else 1 for k, n in enumerate(sizes)]
        gamma, beta = (None if v is None else reshape(v, wide) for v in (self.gamma, self.beta))
        mean, variance = moments(inputs, self.axis, keep_dims=True)
        return backend.batch_normalization(
            inputs, mean, variance, beta, gamma, epsilon=self.epsilon
        )


class _Attention(Layer):
    """Base of attention: values, weighted by how well their keys fit each query.

    Parameters
    ----------
    causal : whether a query attends only to what is not after it.
    """

    supports_masking = True

    def __init__(self, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.causal = causal

    def scores(self, query: Any, key: Any) -> Any:
        """How well keys fit queries."""
        raise NotImplementedError

    def call(self, inputs: Any, mask: Any = None) -> Any:
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        scores = self.scores(query, key)
        kept = None
        if mask is not None and mask[1] is not None:
            kept = expand_dims(mask[1], 1)
        if self.causal:
            rows, columns = shape_op(scores)[1], shape_op(scores)[2]
            lower = expand_dims(range_op(rows), 1) >= expand_dims(range_op(columns), 0)
            kept = expand_dims(lower, 0) if kept is None else kept & lower
        if kept is not None:
            scores -= 1e9 * cast(logical_not(kept), scores.dtype)
        found = matmul(softmax(scores), value)
        if mask is not None and mask[0] is not None:
            found *= expand_dims(cast(mask[0], found.dtype), -1)
        return found

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The queries' mask."""
        return mask[0] if mask else None


class Attention(_Attention):
    """Attention by products (Luong et al., 2015)."""

    def __init__(self, use_scale: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_scale = use_scale

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight("scale", (), initializer=functions.initializer("ones")) \
            if self.use_scale else None  # fmt: skip
        self.built = True

    def scores(self, query: Any, key: Any) -> Any:
        """Products."""
        found = matmul(query, key, transpose_b=True)
        return found if self.scale is None else found * self.scale


class AdditiveAttention(_Attention):
    """Attention by sums (Bahdanau et al., 2015)."""

    def __init__(self, use_scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_scale = use_scale

    def build(self, input_shape: Any) -> None:
        size = input_shape[1].as_list()[-1]
        self.scale = None
        if self.use_scale:
            maker = functions.initializer("glorot_uniform")
            self.scale = self.add_weight("scale", (size,), initializer=maker)
        self.built = True

    def scores(self, query: Any, key: Any) -> Any:
        """Sums of hyperbolic tangents."""
        found = tanh(expand_dims(query, 2) + expand_dims(key, 1))
        return reduce_sum(found if self.scale is None else found * self.scale, -1)


class ConvLSTM2D(_Filters):
    """Long short-term memory whose products are convolutions (Shi et al., 2015)."""

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
        data_format: str | None = None, activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid", recurrent_initializer: Any = "orthogonal",
        unit_forget_bias: bool = True, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(filters, kernel_size, strides, padding, data_format, activation, **kwargs)
        set_named(
            self, recurrent_activation=recurrent_activation,
            recurrent_initializer=recurrent_initializer,
        )  # fmt: skip
        self.unit_forget_bias = unit_forget_bias
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards = go_backwards

    def build(self, input_shape: Any) -> None:
        channels = input_shape.as_list()[2 if self.data_format == "channels_first" else 4]
        count, size = self.filters, self.kernel_size
        self.kernel = self._add_kernel("kernel", (*size, channels, 4 * count))
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (*size, count, 4 * count), initializer=self.recurrent_initializer
        )
        if self.unit_forget_bias:
            self.bias_initializer = init.Constant([0.0] * count + [1.0] * count + [0.0] * 2 * count)
        self.bias = self._add_bias((4 * count,))
        self.built = True

    def _step(self, inputs: Any, states: Any) -> Any:
        hidden, cell = states
        given = backend.conv2d(inputs, self.kernel, self.strides, self.padding, self.data_format)
        if self.bias is not None:
            given = backend.bias_add(given, self.bias, self.data_format)
        kept = backend.conv2d(hidden, self.recurrent_kernel, 1, "same", self.data_format)
        axis = 1 if self.data_format == "channels_first" else 3
        enter, forget, new, leave = split(given + kept, 4, axis=axis)
        gate = self.recurrent_activation
        cell = gate(forget) * cell + gate(enter) * self.activation(new)
        hidden = gate(leave) * self.activation(cell)
        return hidden, [hidden, cell]

    def call(self, inputs: Any, mask: Any = None, initial_state: Any = None) -> Any:
        states = initial_state
        if states is None:
            shape = (*self.kernel_size, self.kernel.shape.as_list()[2], self.filters)
            blank = backend.conv2d(
                zeros_like(inputs[:, 0]), zeros(shape), self.strides, self.padding, self.data_format
            )
            states = [blank, blank]
        last, outputs, states = backend.rnn(self._step, inputs, states, self.go_backwards, mask)
        found = outputs if self.return_sequences else last
        return [found, *states] if self.return_state else found
