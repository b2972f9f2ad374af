"""Rarer cells of `tf.contrib.rnn`: searched, convolutional, minimal, with attention or highways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops import initializers
from graphflow.ops.activations import relu
from graphflow.ops.conv import conv2d
from graphflow.ops.conv_variants import convolution
from graphflow.ops.joining import split
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.rnn_cell_base import LayerRNNCell, LSTMStateTuple, RNNCell, linear
from graphflow.ops.rnn_cells import OneStateCell, activation_function
from graphflow.ops.rnn_wrappers import _Wrapper, assert_like_rnncell
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.slicing import concat, slice
from graphflow.ops.softmax import softmax
from graphflow.ops.unary import sigmoid, tanh
from graphflow.ops.variable_scope import get_variable, get_variable_scope, variable_scope

__all__ = [
    "AttentionCellWrapper",
    "Conv1DLSTMCell",
    "Conv2DLSTMCell",
    "Conv3DLSTMCell",
    "ConvLSTMCell",
    "HighwayWrapper",
    "IndRNNCell",
    "NASCell",
    "SRUCell",
    "UGRNNCell",
]


class NASCell(LayerRNNCell):
    """The cell that Zoph and Le's search found, arXiv:1611.01578, with an optional projection."""

    def __init__(
        self, num_units: int, num_proj: int | None = None, use_bias: bool = False,
        reuse: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, **kwargs)
        self._num_units, self._num_proj = num_units, num_proj
        self._use_bias = use_bias

    @property
    def state_size(self) -> LSTMStateTuple:
        """The sizes of memory and output."""
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> int:
        """The size of the projection, or the number of units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, inputs_shape: Any) -> None:
        """Make the kernels, the bias and the projection."""
        depth, wide = self._input_depth(inputs_shape), 8 * self._num_units
        self._recurrent_kernel = self.add_weight("recurrent_kernel", [self.output_size, wide])
        self._kernel = self.add_weight("kernel", [depth, wide])
        if self._use_bias:
            self._bias = self.add_weight("bias", [wide], initializer=initializers.Zeros())
        if self._num_proj is not None:
            self._projection = self.add_weight(
                "projection_weights", [self._num_units, self._num_proj]
            )
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output, and memory and output."""
        memory, last = state
        recurrent = matmul(last, self._recurrent_kernel)
        if self._use_bias:
            recurrent = bias_add(recurrent, self._bias)
        m, x = split(recurrent, 8, 1), split(matmul(inputs, self._kernel), 8, 1)
        leaves = [
            sigmoid(x[0] + m[0]), relu(x[1] + m[1]), sigmoid(x[2] + m[2]), relu(x[3] * m[3]),
            tanh(x[4] + m[4]), sigmoid(x[5] + m[5]), tanh(x[6] + m[6]), sigmoid(x[7] + m[7]),
        ]  # fmt: skip
        injected = tanh(tanh(leaves[0] * leaves[1]) + memory)
        memory = injected * tanh(leaves[2] + leaves[3])
        output = tanh(memory * tanh(tanh(leaves[4] * leaves[5]) + sigmoid(leaves[6] + leaves[7])))
        if self._num_proj is not None:
            output = matmul(output, self._projection)
        return output, LSTMStateTuple(memory, output)


class UGRNNCell(RNNCell):
    """The update gate network of Collins et al., arXiv:1611.09913."""

    def __init__(
        self, num_units: int, initializer: Any = None, forget_bias: float = 1.0,
        activation: Any = tanh, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse)
        self._num_units, self._forget_bias = num_units, forget_bias
        self._initializer, self._activation = initializer, activation

    @property
    def state_size(self) -> int:
        """The number of units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units

    def call(self, inputs: Any, state: Any) -> Any:
        """The state, twice."""
        with variable_scope(get_variable_scope(), initializer=self._initializer):
            both = linear([inputs, state], 2 * self._num_units, True)
        gate, candidate = split(both, 2, 1)
        kept = sigmoid(gate + self._forget_bias)
        made = kept * state + (1.0 - kept) * self._activation(candidate)
        return made, made


class IndRNNCell(OneStateCell):
    """Units that see only their own state, Li et al., arXiv:1803.04831."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype)
        self._num_units = num_units
        self._activation = activation_function(activation)

    def build(self, inputs_shape: Any) -> None:
        """Make the kernels of input and state, and the bias."""
        depth, units = self._input_depth(inputs_shape), self._num_units
        self._kernel_w = self.add_weight("kernel_w", [depth, units])
        around_zero = initializers.RandomUniform(-1.0, 1.0, dtype=self.dtype)
        self._kernel_u = self.add_weight("kernel_u", [1, units], initializer=around_zero)
        zeros = initializers.Zeros(dtype=self.dtype)
        self._bias = self.add_weight("bias", [units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output, twice."""
        seen = matmul(inputs, self._kernel_w) + state * self._kernel_u
        output = self._activation(bias_add(seen, self._bias))
        return output, output


class SRUCell(OneStateCell):
    """The simple recurrent unit of Lei et al., arXiv:1709.02755."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, **kwargs)
        self._num_units = num_units
        self._activation = activation or tanh

    def build(self, inputs_shape: Any) -> None:
        """Make the kernel of candidate, gates and highway, and the gates' bias."""
        depth, units = self._input_depth(inputs_shape), self._num_units
        self._kernel = self.add_weight("kernel", [depth, 4 * units])
        self._bias = self.add_weight(
            "bias", [2 * units], initializer=initializers.Constant(0.0, dtype=self.dtype)
        )
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the memory."""
        candidate, forget, reset, through = split(matmul(inputs, self._kernel), 4, 1)
        forget, reset = split(sigmoid(bias_add(concat([forget, reset], 1), self._bias)), 2, 1)
        memory = forget * state + (1.0 - forget) * candidate
        return reset * self._activation(memory) + (1.0 - reset) * through, memory


class ConvLSTMCell(RNNCell):
    """An LSTM over images whose products are convolutions, Shi et al., arXiv:1506.04214.

    Parameters
    ----------
    conv_ndims : the number of spatial axes.
    input_shape : of an input, without the batch.
    output_channels, kernel_shape : of the convolution.
    skip_connection : whether the input is joined to the output.

    Raises
    ------
    ValueError : the shape does not have as many axes.
    """

    def __init__(
        self, conv_ndims: int, input_shape: Sequence[int], output_channels: int,
        kernel_shape: Sequence[int], use_bias: bool = True, skip_connection: bool = False,
        forget_bias: float = 1.0, initializers: Any = None, name: str = "conv_lstm_cell",
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        if conv_ndims != len(input_shape) - 1:
            raise ValueError(f"Invalid input_shape {input_shape} for conv_ndims={conv_ndims}.")
        self._spatial, self._input_channels = list(input_shape[:-1]), input_shape[-1]
        self._channels, self._kernel_shape = output_channels, list(kernel_shape)
        self._use_bias, self._forget_bias = use_bias, forget_bias
        self._skip_connection = skip_connection

    @property
    def state_size(self) -> LSTMStateTuple:
        """The shapes of memory and output."""
        return LSTMStateTuple(TensorShape([*self._spatial, self._channels]), self.output_size)

    @property
    def output_size(self) -> TensorShape:
        """The shape of an output."""
        more = self._input_channels if self._skip_connection else 0
        return TensorShape([*self._spatial, self._channels + more])

    def _convolved(self, x: Tensor) -> Tensor:
        shape = [*self._kernel_shape, x.shape.as_list()[-1], 4 * self._channels]
        kernel = get_variable("kernel", shape, dtype=x.dtype)
        product = convolution(x, kernel, "SAME")
        if not self._use_bias:
            return product
        zeros = initializers.Constant(0.0, dtype=x.dtype)
        return product + get_variable("biases", shape[-1:], dtype=x.dtype, initializer=zeros)

    def call(self, inputs: Any, state: Any) -> Any:
        """The output, and memory and output."""
        memory, last = state
        gates = split(self._convolved(concat([inputs, last], -1)), 4, -1)
        memory = sigmoid(gates[2] + self._forget_bias) * memory + sigmoid(gates[0]) * tanh(gates[1])
        output = tanh(memory) * sigmoid(gates[3])
        if self._skip_connection:
            output = concat([output, inputs], -1)
        return output, LSTMStateTuple(memory, output)


class Conv1DLSTMCell(ConvLSTMCell):
    """A `ConvLSTMCell` over sequences."""

    def __init__(self, name: str = "conv_1d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=1, name=name, **kwargs)


class Conv2DLSTMCell(ConvLSTMCell):
    """A `ConvLSTMCell` over images."""

    def __init__(self, name: str = "conv_2d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=2, name=name, **kwargs)


class Conv3DLSTMCell(ConvLSTMCell):
    """A `ConvLSTMCell` over volumes."""

    def __init__(self, name: str = "conv_3d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=3, name=name, **kwargs)


class HighwayWrapper(_Wrapper):
    """Mixes a cell's input into its output by a learned gate, arXiv:1505.00387."""

    def __init__(
        self, cell: Any, couple_carry_transform_gates: bool = True, carry_bias_init: float = 1.0
    ) -> None:
        super().__init__(cell)
        self._coupled, self._start = couple_carry_transform_gates, carry_bias_init

    def _gate(self, x: Tensor, name: str, start: float) -> Tensor:
        size = x.shape.as_list()[1]
        weight = get_variable(f"{name}_w", [size, size])
        bias = get_variable(f"{name}_b", [size], initializer=initializers.Constant(start))
        return sigmoid(bias_add(matmul(x, weight), bias))

    def wrap(self, inputs: Any, state: Any, options: dict[str, Any]) -> Any:
        """Call the cell inside, and mix."""
        outputs, following = self.cell(inputs, state, **options)
        nest.assert_same_structure(inputs, outputs)

        def mix(given: Tensor, made: Tensor) -> Tensor:
            given.shape.assert_is_compatible_with(made.shape)
            carry = self._gate(given, "carry", self._start)
            taken = 1 - carry if self._coupled else self._gate(given, "transform", -self._start)
            return given * carry + made * taken

        return nest.map_structure(mix, inputs, outputs), following


class AttentionCellWrapper(RNNCell):
    """A cell that looks back at its last outputs, arXiv:1601.06733.

    Parameters
    ----------
    attn_length : at how many outputs.
    attn_size, attn_vec_size : of the attention and of its features; the output's size unless given.
    input_size : of what the cell is given; the input's unless given.

    Raises
    ------
    ValueError : no outputs to look at, or a state of several parts that is to be one matrix.
    """

    def __init__(
        self, cell: Any, attn_length: int, attn_size: int | None = None,
        attn_vec_size: int | None = None, input_size: int | None = None,
        state_is_tuple: bool = True, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse)
        assert_like_rnncell("cell", cell)
        if nest.is_sequence(cell.state_size) and not state_is_tuple:
            raise ValueError(
                "Cell returns tuple of states, but the flag state_is_tuple is not set. "
                f"State size is: {cell.state_size}"
            )
        if attn_length <= 0:
            raise ValueError(f"attn_length should be greater than zero, got {attn_length}")
        self._cell = self._track(cell)
        self._length, self._size = attn_length, attn_size or cell.output_size
        self._features, self._input_size = attn_vec_size or self._size, input_size
        self._state_is_tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        """The sizes of the cell's state, of the attention and of the outputs looked at."""
        sizes = (self._cell.state_size, self._size, self._size * self._length)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        """The size of the attention."""
        return self._size

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        if not self._state_is_tuple:
            sizes = [self._cell.state_size, self._size, self._size * self._length]
            starts = [0, sizes[0], sizes[0] + sizes[1]]
            state = [
                slice(state, [0, start], [-1, size])
                for start, size in zip(starts, sizes, strict=True)
            ]
        inner, attention, seen = state
        seen = reshape(seen, [-1, self._length, self._size])
        mixed = linear([inputs, attention], self._input_size or inputs.shape.as_list()[1], True)
        made, inner = self._cell(mixed, inner)
        attention, seen = self._attend(concat(nest.flatten(inner), 1), seen)
        with variable_scope("attn_output_projection"):
            output = linear([made, attention], self._size, True)
        seen = concat([seen, expand_dims(output, 1)], 1)
        following = (inner, attention, reshape(seen, [-1, self._length * self._size]))
        return output, following if self._state_is_tuple else concat(list(following), 1)

    def _attend(self, query: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        with variable_scope("attention"):
            weights = get_variable("attn_w", [1, 1, self._size, self._features])
            vector = get_variable("attn_v", [self._features])
            hidden = reshape(seen, [-1, self._length, 1, self._size])
            features = conv2d(hidden, weights, [1, 1, 1, 1], "SAME")
            asked = reshape(linear(query, self._features, True), [-1, 1, 1, self._features])
            shares = softmax(reduce_sum(vector * tanh(features + asked), [2, 3]))
            mean = reduce_sum(reshape(shares, [-1, self._length, 1, 1]) * hidden, [1, 2])
            return reshape(mean, [-1, self._size]), slice(seen, [0, 1, 0], [-1, -1, -1])
