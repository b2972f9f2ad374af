"""Cells of recurrent networks, plain, LSTM and GRU, with TensorFlow's variables and formulas."""

from __future__ import annotations

from typing import Any

from graphflow.graph.constants import constant
from graphflow.graph.dtypes import int32
from graphflow.ops import initializers
from graphflow.ops.activations import relu
from graphflow.ops.clip import clip_by_value
from graphflow.ops.elementwise import add, multiply
from graphflow.ops.joining import split
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add, dropout, moments
from graphflow.ops.partitioned_variables import fixed_size_partitioner
from graphflow.ops.rnn_cell_base import LayerRNNCell, LSTMStateTuple, RNNCell, linear
from graphflow.ops.slicing import concat, slice
from graphflow.ops.unary import rsqrt, sigmoid, softplus, tanh
from graphflow.ops.variable_scope import get_variable, variable_scope

__all__ = [
    "BasicLSTMCell",
    "BasicRNNCell",
    "GRUBlockCell",
    "GRUBlockCellV2",
    "GRUCell",
    "LSTMBlockCell",
    "LSTMCell",
    "LayerNormBasicLSTMCell",
]

_BY_NAME = {"tanh": tanh, "sigmoid": sigmoid, "relu": relu, "softplus": softplus}


def activation_function(activation: Any) -> Any:
    """The function that an `activation` argument means: tanh for None, one by its name."""
    if activation is None:
        return tanh
    if isinstance(activation, str):
        if activation == "linear":
            return lambda x: x
        if activation not in _BY_NAME:
            raise ValueError(f"Unknown activation function:{activation}")
        return _BY_NAME[activation]
    return activation


class OneStateCell(LayerRNNCell):
    """A cell whose output and whose one state have as many elements as it has units."""

    _num_units: int

    @property
    def state_size(self) -> int:
        """The number of units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units


class BasicRNNCell(OneStateCell):
    """output = next state = activation(W [input, state] + b)."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: Any = None,
        dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = num_units
        self._activation = activation_function(activation)

    def build(self, inputs_shape: Any) -> None:
        """Make the kernel and the bias."""
        depth = self._input_depth(inputs_shape)
        self._kernel = self.add_weight("kernel", [depth + self._num_units, self._num_units])
        zeros = initializers.Zeros(dtype=self.dtype)
        self._bias = self.add_weight("bias", [self._num_units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output, twice."""
        made = bias_add(matmul(concat([inputs, state], 1), self._kernel), self._bias)
        output = self._activation(made)
        return output, output


class GRUCell(OneStateCell):
    """The gated recurrent unit of Cho et al., arXiv:1406.1078."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None,
        kernel_initializer: Any = None, bias_initializer: Any = None, name: Any = None,
        dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = num_units
        self._activation = activation_function(activation)
        self._kernel_initializer, self._bias_initializer = kernel_initializer, bias_initializer

    def build(self, inputs_shape: Any) -> None:
        """Make kernels and biases of the gates and of the candidate."""
        depth, units = self._input_depth(inputs_shape), self._num_units
        kernels, biases = self._kernel_initializer, self._bias_initializer
        self._gate_kernel = self.add_weight(
            "gates/kernel", [depth + units, 2 * units], initializer=kernels
        )
        ones = biases or initializers.Constant(1.0, dtype=self.dtype)
        self._gate_bias = self.add_weight("gates/bias", [2 * units], initializer=ones)
        self._candidate_kernel = self.add_weight(
            "candidate/kernel", [depth + units, units], initializer=kernels
        )
        zeros = biases or initializers.Zeros(dtype=self.dtype)
        self._candidate_bias = self.add_weight("candidate/bias", [units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output, twice."""
        gates = bias_add(matmul(concat([inputs, state], 1), self._gate_kernel), self._gate_bias)
        r, u = split(sigmoid(gates), num_or_size_splits=2, axis=1)
        kept = concat([inputs, r * state], 1)
        c = self._activation(bias_add(matmul(kept, self._candidate_kernel), self._candidate_bias))
        output = u * state + (1 - u) * c
        return output, output


class GRUBlockCellV2(GRUCell):
    """`GRUCell` under the name of TensorFlow's fused one."""

    def __init__(
        self, num_units: int | None = None, cell_size: int | None = None, reuse: Any = None,
        name: Any = "gru_cell",
    ) -> None:  # fmt: skip
        units = num_units if num_units is not None else cell_size
        if units is None:
            raise ValueError("num_units expected to be given, got None")
        super().__init__(units, reuse=reuse, name=name)


class GRUBlockCell(GRUBlockCellV2):
    """`GRUBlockCellV2`, with the names that its variables had at first."""

    def build(self, inputs_shape: Any) -> None:
        """Make kernels and biases of the gates and of the candidate."""
        depth, units = self._input_depth(inputs_shape), self._num_units
        ones = initializers.Constant(1.0, dtype=self.dtype)
        zeros = initializers.Zeros(dtype=self.dtype)
        self._gate_kernel = self.add_weight("w_ru", [depth + units, 2 * units])
        self._gate_bias = self.add_weight("b_ru", [2 * units], initializer=ones)
        self._candidate_kernel = self.add_weight("w_c", [depth + units, units])
        self._candidate_bias = self.add_weight("b_c", [units], initializer=zeros)
        self.built = True


class _PairState(LayerRNNCell):
    """A cell whose state is a memory and an output: a tuple, or both joined along axis 1."""

    _num_units: int
    _num_outputs: int
    _state_is_tuple = True

    @property
    def state_size(self) -> Any:
        """The sizes of the memory and of the output."""
        if self._state_is_tuple:
            return LSTMStateTuple(self._num_units, self._num_outputs)
        return self._num_units + self._num_outputs

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self._num_outputs

    def _joined(self, c: Any, h: Any) -> Any:
        return LSTMStateTuple(c, h) if self._state_is_tuple else concat([c, h], 1)


class BasicLSTMCell(_PairState):
    """The LSTM of Zaremba et al., arXiv:1409.2329, without peepholes."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True,
        activation: Any = None, reuse: Any = None, name: Any = None, dtype: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = self._num_outputs = num_units
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation_function(activation)

    def build(self, inputs_shape: Any) -> None:
        """Make the kernel and the bias."""
        depth, units = self._input_depth(inputs_shape), self._num_units
        self._kernel = self.add_weight("kernel", [depth + units, 4 * units])
        zeros = initializers.Zeros(dtype=self.dtype)
        self._bias = self.add_weight("bias", [4 * units], initializer=zeros)
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        one = constant(1, int32)
        c, h = state if self._state_is_tuple else split(state, num_or_size_splits=2, axis=one)
        gates = bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias)
        i, j, f, o = split(gates, num_or_size_splits=4, axis=one)
        forget_bias = constant(self._forget_bias, f.dtype)
        kept = multiply(c, sigmoid(add(f, forget_bias)))
        c = add(kept, multiply(sigmoid(i), self._activation(j)))
        h = multiply(self._activation(c), sigmoid(o))
        return h, self._joined(c, h)


class LSTMCell(_PairState):
    """The LSTM of Sak et al. (Interspeech 2014), with peepholes, clipping and a projection.

    Parameters
    ----------
    use_peepholes : let the gates see the memory.
    cell_clip : clip the memory to plus and minus this.
    num_unit_shards, num_proj_shards : into how many parts the kernels' variables are cut.
    num_proj : project the output to this size; `proj_clip` clips what comes out.
    forget_bias : added to the forget gate.
    state_is_tuple : whether the state is an `LSTMStateTuple`, or one matrix.
    """

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None,
        initializer: Any = None, num_proj: int | None = None, proj_clip: float | None = None,
        num_unit_shards: int | None = None, num_proj_shards: int | None = None,
        forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: Any = None, name: Any = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units, self._num_proj = num_units, num_proj
        self._num_outputs = num_proj or num_units
        self._use_peepholes, self._forget_bias = use_peepholes, forget_bias
        self._cell_clip, self._proj_clip = cell_clip, proj_clip
        self._initializer = initializer
        self._shards = num_unit_shards, num_proj_shards
        self._state_is_tuple = state_is_tuple
        self._activation = activation_function(activation)
        self._peephole_names = ("w_f_diag", "w_i_diag", "w_o_diag")

    def build(self, inputs_shape: Any) -> None:
        """Make the kernel, the bias, the peepholes and the projection."""
        depth, units, start = self._input_depth(inputs_shape), self._num_units, self._initializer
        of_units, of_projection = (fixed_size_partitioner(n) if n else None for n in self._shards)
        self._kernel = self.add_weight(
            "kernel", [depth + self._num_outputs, 4 * units], initializer=start,
            partitioner=of_units,
        )  # fmt: skip
        zeros = initializers.Zeros(dtype=self.dtype)
        self._bias = self.add_weight("bias", [4 * units], initializer=zeros)
        self._diagonal = {}
        if self._use_peepholes:
            for name in self._peephole_names:
                self._diagonal[name[2]] = self.add_weight(name, [units], initializer=start)
        if self._num_proj is not None:
            self._projection = self.add_weight(
                "projection/kernel", [units, self._num_proj], initializer=start,
                partitioner=of_projection,
            )  # fmt: skip
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        units = self._num_units
        if self._state_is_tuple:
            memory, last = state
        else:
            memory = slice(state, [0, 0], [-1, units])
            last = slice(state, [0, units], [-1, self._num_outputs])
        gates = bias_add(matmul(concat([inputs, last], 1), self._kernel), self._bias)
        i, j, f, o = split(gates, num_or_size_splits=4, axis=1)
        f = f + self._forget_bias
        if self._use_peepholes:
            f = f + self._diagonal["f"] * memory
            i = i + self._diagonal["i"] * memory
        c = sigmoid(f) * memory + sigmoid(i) * self._activation(j)
        if self._cell_clip is not None:
            c = clip_by_value(c, -self._cell_clip, self._cell_clip)
        if self._use_peepholes:
            o = o + self._diagonal["o"] * c
        h = sigmoid(o) * self._activation(c)
        if self._num_proj is not None:
            h = matmul(h, self._projection)
            if self._proj_clip is not None:
                h = clip_by_value(h, -self._proj_clip, self._proj_clip)
        return h, self._joined(c, h)


class LSTMBlockCell(LSTMCell):
    """`LSTMCell` under the name of TensorFlow's fused one."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None,
        use_peephole: bool = False, dtype: Any = None, reuse: Any = None, name: Any = "lstm_cell",
    ) -> None:  # fmt: skip
        clip = cell_clip if cell_clip is not None and cell_clip > 0 else None
        super().__init__(
            num_units, use_peephole, clip, forget_bias=forget_bias, dtype=dtype, reuse=reuse,
            name=name,
        )  # fmt: skip
        self._peephole_names = ("w_i_diag", "w_f_diag", "w_o_diag")


class LayerNormBasicLSTMCell(RNNCell):
    """An LSTM with layer normalisation (Ba et al., arXiv:1607.06450) and dropout of its input gate.

    Dropout is that of Semeniuta et al., arXiv:1603.05118: the state keeps what it has.
    """

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, input_size: Any = None,
        activation: Any = tanh, layer_norm: bool = True, norm_gain: float = 1.0,
        norm_shift: float = 0.0, dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: int | None = None, reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(_reuse=reuse)
        self._num_units, self._forget_bias = num_units, forget_bias
        self._activation = activation_function(activation)
        self._layer_norm = layer_norm
        self._norm_gain, self._norm_shift = norm_gain, norm_shift
        self._keep_prob, self._seed = dropout_keep_prob, dropout_prob_seed

    @property
    def state_size(self) -> LSTMStateTuple:
        """The sizes of the memory and of the output."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        """The number of units."""
        return self._num_units

    def _normalized(self, value: Any, scope: str) -> Any:
        if not self._layer_norm:
            return value
        size, dtype = value.shape.as_list()[-1:], value.dtype
        with variable_scope(scope):
            gain = initializers.Constant(self._norm_gain, dtype=dtype)
            gamma = get_variable("gamma", size, dtype, gain)
            shift = initializers.Constant(self._norm_shift, dtype=dtype)
            beta = get_variable("beta", size, dtype, shift)
        mean, variance = moments(value, [1], keep_dims=True)
        scale = rsqrt(variance + 1e-12) * gamma
        return value * scale + (beta - mean * scale)

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        c, h = state
        gates = linear([inputs, h], 4 * self._num_units, False)
        if not self._layer_norm:  # as all its variables, it begins as the scope says
            gates = bias_add(gates, get_variable("bias", [4 * self._num_units], gates.dtype))
        i, j, f, o = split(gates, num_or_size_splits=4, axis=1)
        i, j = self._normalized(i, "input"), self._normalized(j, "transform")
        f, o = self._normalized(f, "forget"), self._normalized(o, "output")
        g = self._activation(j)
        if not isinstance(self._keep_prob, float) or self._keep_prob < 1:
            g = dropout(g, self._keep_prob, seed=self._seed)
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * g
        c = self._normalized(c, "state")
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h)
