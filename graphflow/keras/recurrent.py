"""Keras's recurrent layers: cells along sequences."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from graphflow.graph.default import get_default_graph
from graphflow.graph.shapes import TensorShape
from graphflow.keras import backend
from graphflow.keras.cells import (
    AbstractRNNCell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    build_inside,
)
from graphflow.keras.core import Layer
from graphflow.ops.creation import zeros
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.state import assign

__all__ = [
    "GRU", "LSTM", "RNN", "AbstractRNNCell", "CuDNNGRU", "CuDNNLSTM", "GRUCell", "LSTMCell",
    "SimpleRNN", "SimpleRNNCell", "StackedRNNCells",
]  # fmt: skip


class RNN(Layer):
    """A cell along sequences.

    Parameters
    ----------
    cell : what takes a step, or a list of such.
    return_sequences : whether all outputs are given, or the last.
    return_state : whether the states are given too.
    go_backwards : whether sequences are read from their end.
    stateful : whether a batch goes on with the states of the one before it.
    unroll : accepted; sequences are always loops.
    """

    def __init__(
        self, cell: Any, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        time_major: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        length = kwargs.pop("input_length", None)
        if length is not None and "input_dim" in kwargs:
            kwargs["input_shape"] = (length, kwargs.pop("input_dim"))
        elif "input_dim" in kwargs:
            kwargs["input_shape"] = (None, kwargs.pop("input_dim"))
        self.zero_output_for_mask = kwargs.pop("zero_output_for_mask", False)
        super().__init__(**kwargs)
        self.cell: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.time_major = unroll, time_major
        self.states: Any = None

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, (list, tuple)) else input_shape
        sizes = TensorShape(shape).as_list()
        if isinstance(self.cell, Layer):
            build_inside(self, self.cell, [sizes[1 if self.time_major else 0], *sizes[2:]])
        if self.stateful:
            batch = sizes[1 if self.time_major else 0]
            if batch is None:
                raise ValueError(
                    "If a RNN is stateful, it needs to know its batch size. Specify the batch size "
                    "of your input tensors: pass `batch_input_shape` to the first layer."
                )
            self.states = [backend.zeros((batch, n)) for n in self.state_size]
        self.built = True

    def __call__(
        self, inputs: Any, initial_state: Any = None, constants: Any = None, **kwargs: Any
    ) -> Any:
        """The outputs; inputs may be a list of the sequences and the first states."""
        if isinstance(inputs, (list, tuple)) and initial_state is None:
            inputs, initial_state = inputs[0], list(inputs[1:]) or None
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        if constants is not None:
            kwargs["constants"] = constants
        return super().__call__(inputs, **kwargs)

    def reset_states(self, states: Any = None) -> None:
        """Set the states that are kept to zero, or to values."""
        if self.states is None:
            raise AttributeError("Layer must be stateful.")
        for place, state in enumerate(self.states):
            value = np.zeros(state.shape.as_list()) if states is None else states[place]
            backend.set_value(state, value)

    def _first_states(self, inputs: Any, given: Any) -> list[Any]:
        if given is not None:
            return list(given) if isinstance(given, (list, tuple)) else [given]
        if self.stateful:
            return list(self.states)
        batch = shape_op(inputs)[1 if self.time_major else 0]
        if type(self.cell).__dict__.get("get_initial_state"):
            made = self.cell.get_initial_state(batch_size=batch, dtype=inputs.dtype)
            return list(made) if isinstance(made, (list, tuple)) else [made]
        return [_zeros(batch, size, inputs) for size in self.state_size]

    def call(
        self, inputs: Any, mask: Any = None, training: Any = None, initial_state: Any = None,
        constants: Any = None,
    ) -> Any:  # fmt: skip
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        states = self._first_states(inputs, initial_state)
        if hasattr(self.cell, "draw_masks"):
            self.cell.draw_masks(inputs[0] if self.time_major else inputs[:, 0], training)
        takes = inspect.signature(self.cell.call).parameters
        more = {} if "training" not in takes or training is None else {"training": training}
        count = len(states)

        def step(value: Any, known: Any) -> Any:
            if constants is not None:
                more["constants"] = list(known[count:])
            output, following = self.cell.call(value, list(known[:count]), **more)
            return output, following if isinstance(following, (list, tuple)) else [following]

        last, outputs, states = backend.rnn(
            step, inputs, states, self.go_backwards, mask, constants, time_major=self.time_major,
            zero_output_for_mask=self.zero_output_for_mask,
        )  # fmt: skip
        self._count_more(inputs, mask)
        if self.stateful:
            self.add_update([assign(k, s) for k, s in zip(self.states, states, strict=True)])
        found = outputs if self.return_sequences else last
        return [found, *states] if self.return_state else found

    def _count_more(self, inputs: Any, mask: Any) -> None:
        """Count as TensorFlow does, whose cells have products for each gate (see `_skip_ids`)."""
        cell, more = self.cell, getattr(self.cell, "MORE_OPERATIONS", 0)
        if not more or cell.dropout or cell.recurrent_dropout or not cell.use_bias:
            return
        unknown = 2 if inputs.shape.as_list()[0 if self.time_major else 1] is None else 0
        get_default_graph()._skip_ids(more - unknown + (0 if mask is None else 13))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The inputs' mask, where all outputs are given."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        kept = mask if self.return_sequences else None
        return [kept, *[None] * len(self.state_size)] if self.return_state else kept


def _zeros(batch: Any, size: Any, like: Any) -> Any:
    sizes = TensorShape(size).as_list() if not isinstance(size, int) else [size]
    made = zeros([batch, *sizes], like.dtype)
    made.set_shape([None, *sizes])
    return made


class _Recurrent(RNN):
    """Base of layers of one of the cells; they take its arguments, and those of `RNN`."""

    CELL: Any
    OWN = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major",
           "trainable", "name", "dtype", "activity_regularizer", "input_shape", "input_dim",
           "input_length", "batch_input_shape", "batch_size", "weights",
           "zero_output_for_mask")  # fmt: skip

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        own = {key: kwargs.pop(key) for key in self.OWN if key in kwargs}
        kwargs.pop("implementation", None)
        super().__init__(self.CELL(units, *args, **kwargs), **own)

    def _argument_names(self) -> list[str]:
        return list(inspect.signature(self.CELL.__init__).parameters)[1:]

    def __getattr__(self, name: str) -> Any:
        """What the cell has."""
        cell = self.__dict__.get("cell")
        if cell is None or name.startswith("_"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(cell, name)


class SimpleRNN(_Recurrent):
    """``h = activation(x kernel + h recurrent_kernel + bias)`` along sequences."""

    CELL = SimpleRNNCell


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997)."""

    CELL = LSTMCell


class GRU(_Recurrent):
    """Gated recurrent units (Cho et al., 2014)."""

    CELL = GRUCell


class CuDNNLSTM(LSTM):
    """`LSTM` with the logistic function for its gates."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, recurrent_activation="sigmoid", **kwargs)


class CuDNNGRU(GRU):
    """`GRU` with the logistic function for its gates, the reset after the product."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, recurrent_activation="sigmoid", reset_after=True, **kwargs)
