"""Keras's recurrent layers, over `dynamic_rnn`."""

from __future__ import annotations

from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.keras import functions
from graphflow.keras.core import Layer
from graphflow.ops.decompositions import qr
from graphflow.ops.diagonals import diag_part
from graphflow.ops.initializers import Initializer
from graphflow.ops.joining import concat, split
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add
from graphflow.ops.random import random_normal
from graphflow.ops.rnn import dynamic_rnn
from graphflow.ops.rnn_cell_base import RNNCell
from graphflow.ops.slicing import reverse
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import sign

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class Orthogonal(Initializer):
    """Rows or columns that are orthogonal and of length one."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """The matrix."""
        rows, columns = (int(size) for size in shape)
        tall = random_normal([max(rows, columns), min(rows, columns)], dtype=dtype or "float32")
        q, r = qr(tall)
        q *= sign(diag_part(r))
        return q if rows >= columns else transpose(q)


class _Step(RNNCell):
    """One step of a layer, which has the variables."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self._layer = layer

    @property
    def state_size(self) -> Any:
        """The sizes of the states."""
        return self._layer.state_size

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        return self._layer.units

    def call(self, inputs: Any, state: Any) -> Any:
        return self._layer.step(inputs, state)


class _Recurrent(Layer):
    """Base of recurrent layers.

    Parameters
    ----------
    units : the size of the output.
    return_sequences : whether all outputs are given, or the last.
    return_state : whether the states are given too.
    go_backwards : whether sequences are read from their end.
    """

    GATES = 1

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "hard_sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = None, bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.units = int(units)
        self.activation = functions.activation(activation)
        self.recurrent_activation = functions.activation(recurrent_activation)
        self.use_bias, self.unit_forget_bias = use_bias, unit_forget_bias
        self.kernel_initializer = functions.initializer(kernel_initializer)
        given = recurrent_initializer
        unnamed = given is None or given == "orthogonal"
        self.recurrent_initializer = Orthogonal() if unnamed else functions.initializer(given)
        self.bias_initializer = functions.initializer(bias_initializer)
        self.kernel_regularizer = functions.regularizer(kernel_regularizer)
        self.recurrent_regularizer = functions.regularizer(recurrent_regularizer)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards = go_backwards

    @property
    def state_size(self) -> Any:
        """The sizes of the states."""
        return self.units

    def build(self, input_shape: Any) -> None:
        wide = self.GATES * self.units
        self.kernel = self.add_weight(
            "kernel", (input_shape.as_list()[-1], wide), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (self.units, wide), initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (wide,), initializer=self._bias())
        self.built = True

    def _bias(self) -> Any:
        return self.bias_initializer

    def _projected(self, inputs: Any) -> Any:
        found = matmul(inputs, self.kernel)
        return found if self.bias is None else bias_add(found, self.bias)

    def step(self, inputs: Any, state: Any) -> Any:
        """The output and the states after one element."""
        raise NotImplementedError

    def call(self, inputs: Any, initial_state: Any = None) -> Any:
        inputs = reverse(inputs, [1]) if self.go_backwards else convert_to_tensor(inputs)
        if isinstance(initial_state, list):
            initial_state = tuple(initial_state) if len(initial_state) > 1 else initial_state[0]
        dtype = None if initial_state is not None else inputs.dtype
        outputs, state = dynamic_rnn(
            _Step(self), inputs, initial_state=initial_state, dtype=dtype
        )  # fmt: skip
        found = outputs if self.return_sequences else (
            state[0] if isinstance(state, tuple) else state
        )  # fmt: skip
        if not self.return_state:
            return found
        return [found, *(state if isinstance(state, tuple) else [state])]


class SimpleRNN(_Recurrent):
    """``h = activation(x kernel + h recurrent_kernel + bias)``."""

    def step(self, inputs: Any, state: Any) -> Any:
        """The output, which is the state."""
        made = self.activation(self._projected(inputs) + matmul(state, self.recurrent_kernel))
        return made, made


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997)."""

    GATES = 4

    @property
    def state_size(self) -> Any:
        """The sizes of the states."""
        return (self.units, self.units)

    def _bias(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def initialize(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
            ones = functions.initializer("ones")
            one, two = [self.units], [2 * self.units]
            given = self.bias_initializer
            return concat([given(one, dtype), ones(one, dtype), given(two, dtype)], 0)

        return initialize

    def step(self, inputs: Any, state: Any) -> Any:
        """The output and both states."""
        hidden, cell = state
        gates = self._projected(inputs) + matmul(hidden, self.recurrent_kernel)
        enter, forget, new, leave = split(gates, 4, axis=1)
        gate = self.recurrent_activation
        cell = gate(forget) * cell + gate(enter) * self.activation(new)
        hidden = gate(leave) * self.activation(cell)
        return hidden, (hidden, cell)


class GRU(_Recurrent):
    """Gated recurrent units (Cho et al., 2014), the reset before the product."""

    GATES = 3

    def __init__(self, *args: Any, reset_after: bool = False, **kwargs: Any) -> None:
        if reset_after:
            raise ValueError("expected reset_after=False: the other form is not known")
        super().__init__(*args, **kwargs)

    def step(self, inputs: Any, state: Any) -> Any:
        """The output, which is the state."""
        update, reset, new = split(self._projected(inputs), 3, axis=1)
        by_update, by_reset, by_new = split(self.recurrent_kernel, 3, axis=1)
        update = self.recurrent_activation(update + matmul(state, by_update))
        reset = self.recurrent_activation(reset + matmul(state, by_reset))
        new = self.activation(new + matmul(reset * state, by_new))
        made = update * state + (1 - update) * new
        return made, made
