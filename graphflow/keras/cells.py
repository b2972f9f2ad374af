"""Keras's recurrent cells: one step each, with variables named as TensorFlow's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.shapes import TensorShape
from graphflow.keras import backend, functions
from graphflow.keras.core import Layer, set_named
from graphflow.ops.casting import cast
from graphflow.ops.creation import fill, zeros
from graphflow.ops.joining import concat, split
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add
from graphflow.ops.shape import shape as shape_op

__all__ = ["AbstractRNNCell", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]


def build_inside(outer: Any, part: Any, input_shape: Any) -> None:
    """Build a layer whose variables are named as those of the layer around it."""
    if part.built:
        return
    outer._set_scope(None)
    part._scope = outer._scope
    part._dtype = part._dtype or outer._dtype
    part.build(TensorShape(input_shape))
    part.built = True


class AbstractRNNCell(Layer):
    """Base of cells: `call` takes inputs and states, and gives an output and states."""

    @property
    def state_size(self) -> Any:
        """The sizes of the states."""
        raise NotImplementedError("Abstract method")

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        raise NotImplementedError("Abstract method")


class _Cell(Layer):
    """Base of cells with a kernel for the inputs and one for the states.

    Parameters
    ----------
    units : the size of the output.
    dropout, recurrent_dropout : of the inputs and of the states in training, alike in all steps.
    """

    GATES = 1
    # Operations that TensorFlow makes more along sequences, with a product for each gate.
    MORE_OPERATIONS = 0

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.units, self.use_bias = int(units), use_bias
        set_named(
            self, activation=activation, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self._masks: tuple[Any, Any] = (None, None)

    weight_suffix = ""

    def add_weight(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A variable, numbered where the cell is not the first in its scope."""
        return super().add_weight(name + self.weight_suffix, *args, **kwargs)

    @property
    def state_size(self) -> Any:
        """The sizes of the states."""
        return self.units

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        return self.units

    def build(self, input_shape: Any) -> None:
        wide = self.GATES * self.units
        self.kernel = self.add_weight(
            "kernel", (input_shape.as_list()[-1], wide), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (self.units, wide), initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint,
        )  # fmt: skip
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", self._bias_shape(), initializer=self._bias(),
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.built = True

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.GATES * self.units,)

    def _bias(self) -> Any:
        return self.bias_initializer

    def draw_masks(self, inputs: Any, training: Any) -> None:
        """Draw what is dropped in all steps of a call, for the inputs of one step."""

        def drawn(sizes: Any, rate: float) -> Any:
            if not rate:
                return None
            whole = fill(sizes, cast(1.0, inputs.dtype))
            return backend.in_train_phase(lambda: backend.dropout(whole, rate), whole, training)

        rows = shape_op(inputs)[0]
        self._masks = (
            drawn(shape_op(inputs), self.dropout),
            drawn([rows, self.units], self.recurrent_dropout),
        )

    def _masked(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        first, second = self._masks
        inputs = inputs if first is None else inputs * first
        return inputs, state if second is None else state * second

    def _projected(self, inputs: Any) -> Any:
        found = matmul(inputs, self.kernel)
        return found if self.bias is None else bias_add(found, self.bias)

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Zeros."""
        rows = batch_size if inputs is None else shape_op(inputs)[0]
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        made = [zeros([rows, n], dtype or inputs.dtype) for n in sizes]
        return made if len(made) > 1 else made[0]


class SimpleRNNCell(_Cell):
    """``h = activation(x kernel + h recurrent_kernel + bias)``."""

    def call(self, inputs: Any, states: Any) -> Any:
        inputs, before = self._masked(inputs, states[0])
        made = self.activation(self._projected(inputs) + matmul(before, self.recurrent_kernel))
        return made, [made]


class LSTMCell(_Cell):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997)."""

    GATES = 4
    MORE_OPERATIONS = 44

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "hard_sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs.pop("implementation", None)
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = functions.activation(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    @property
    def state_size(self) -> Any:
        """The sizes of the states."""
        return [self.units, self.units]

    def _bias(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def initialize(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
            ones = functions.initializer("ones")
            one, two = [self.units], [2 * self.units]
            given = self.bias_initializer
            return concat([given(one, dtype), ones(one, dtype), given(two, dtype)], 0)

        return initialize

    def call(self, inputs: Any, states: Any) -> Any:
        hidden, cell = states
        inputs, hidden = self._masked(inputs, hidden)
        gates = self._projected(inputs) + matmul(hidden, self.recurrent_kernel)
        enter, forget, new, leave = split(gates, 4, axis=1)
        gate = self.recurrent_activation
        cell = gate(forget) * cell + gate(enter) * self.activation(new)
        hidden = gate(leave) * self.activation(cell)
        return hidden, [hidden, cell]


class GRUCell(_Cell):
    """Gated recurrent units (Cho et al., 2014).

    Parameters
    ----------
    reset_after : whether the reset gate is applied after the product, with a bias of its own.
    """

    GATES = 3
    MORE_OPERATIONS = 56

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "hard_sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        reset_after: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs.pop("implementation", None)
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = functions.activation(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self) -> tuple[int, ...]:
        wide = self.GATES * self.units
        return (2, wide) if self.reset_after else (wide,)

    def call(self, inputs: Any, states: Any) -> Any:
        before = states[0]
        inputs, state = self._masked(inputs, before)
        make = self._after if self.reset_after else self._before
        update, new = make(inputs, state)
        made = update * before + (1 - update) * new
        return made, [made]

    def _before(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        update, reset, new = split(self._projected(inputs), 3, axis=1)
        by_update, by_reset, by_new = split(self.recurrent_kernel, 3, axis=1)
        update = self.recurrent_activation(update + matmul(state, by_update))
        reset = self.recurrent_activation(reset + matmul(state, by_reset))
        return update, self.activation(new + matmul(reset * state, by_new))

    def _after(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        given, kept = matmul(inputs, self.kernel), matmul(state, self.recurrent_kernel)
        if self.bias is not None:
            given, kept = bias_add(given, self.bias[0]), bias_add(kept, self.bias[1])
        (update, reset, new), (more, again, last) = split(given, 3, axis=1), split(kept, 3, axis=1)
        update = self.recurrent_activation(update + more)
        reset = self.recurrent_activation(reset + again)
        return update, self.activation(new + reset * last)


class StackedRNNCells(Layer):
    """Cells one after another, as one cell."""

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self) -> Any:
        """The sizes of all states."""
        return [n for cell in self.cells for n in self._sizes(cell)]

    @staticmethod
    def _sizes(cell: Any) -> list[Any]:
        size = cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return self.cells[-1].output_size

    def build(self, input_shape: Any) -> None:
        for place, cell in enumerate(self.cells):
            # One scope has the variables of all cells: those of the others are numbered.
            cell.weight_suffix = f"_{place}" if place else ""
            build_inside(self, cell, input_shape)
            size = getattr(cell, "output_size", None) or self._sizes(cell)[0]
            input_shape = TensorShape([None, size])
        self.built = True

    def draw_masks(self, inputs: Any, training: Any) -> None:
        """Draw what the first cell drops of its inputs."""
        if hasattr(self.cells[0], "draw_masks"):
            self.cells[0].draw_masks(inputs, training)

    def call(self, inputs: Any, states: Any) -> Any:
        states, following = list(states), []
        for cell in self.cells:
            count = len(self._sizes(cell))
            inputs, made = cell.call(inputs, states[:count])
            following += list(made)
            states = states[count:]
        return inputs, following
