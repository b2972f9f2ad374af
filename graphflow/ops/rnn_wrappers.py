"""Cells around cells: several in a row, dropout, residual connections, projections."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import device, name_scope
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops import initializers
from graphflow.ops.elementwise import div
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.nn import dropout
from graphflow.ops.random import random_uniform
from graphflow.ops.rnn_cell_base import LSTMStateTuple, RNNCell, linear
from graphflow.ops.shape import reshape
from graphflow.ops.slicing import concat, slice
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.unary import floor
from graphflow.ops.variable_scope import get_variable, get_variable_scope, variable_scope

__all__ = [
    "DeviceWrapper",
    "DropoutWrapper",
    "EmbeddingWrapper",
    "InputProjectionWrapper",
    "MultiRNNCell",
    "OutputProjectionWrapper",
    "ResidualWrapper",
]


def assert_like_rnncell(name: str, cell: Any) -> None:
    """Raise TypeError unless `cell` is a cell."""
    missing = [
        what for what in ("output_size", "state_size", "zero_state") if not hasattr(cell, what)
    ]
    if missing or not callable(cell):
        raise TypeError(
            f"The argument {name!r} ({cell}) is not an RNNCell: "
            f"{', '.join(repr(m) + ' property is missing' for m in missing) or 'is not callable'}."
        )


class MultiRNNCell(RNNCell):
    """Cells in a row: the output of each is the input of the next.

    Parameters
    ----------
    cells : the cells, from the input on.
    state_is_tuple : whether the state is a tuple of the cells' states, or one matrix.
    """

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        if not nest.is_sequence(cells):
            raise TypeError(f"cells must be a list or tuple, but saw: {cells}.")
        if not state_is_tuple and any(nest.is_sequence(c.state_size) for c in cells):
            sizes = [c.state_size for c in cells]
            raise ValueError(f"Some cells return tuples of states, but the flag {sizes}")
        self._cells = [self._track(cell) for cell in cells]
        self._state_is_tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        """The sizes of the cells' states."""
        if self._state_is_tuple:
            return tuple(cell.state_size for cell in self._cells)
        return sum(cell.state_size for cell in self._cells)

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the states."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            if self._state_is_tuple:
                return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)
        return super().zero_state(batch_size, dtype)

    def call(self, inputs: Any, state: Any) -> Any:
        """The last cell's output, and the next states."""
        if self._state_is_tuple:
            if not nest.is_sequence(state):
                raise ValueError(
                    f"Expected state to be a tuple of length {len(self.state_size)}, but received: "
                    f"{state}"
                )
        following: list[Any] = []
        place = 0  # of a cell's part of one matrix
        for number, cell in enumerate(self._cells):
            with variable_scope(f"cell_{number}"):
                if self._state_is_tuple:
                    own = state[number]
                else:
                    own = slice(state, [0, place], [-1, cell.state_size])
                    place += cell.state_size
                inputs, made = cell(inputs, own)
                following.append(made)
        return inputs, tuple(following) if self._state_is_tuple else concat(following, 1)


class _Wrapper(RNNCell):
    """A cell around another one, without variables of its own."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        assert_like_rnncell("cell", cell)
        self.cell = self._track(cell)

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self.cell

    @property
    def state_size(self) -> Any:
        """That of the cell inside."""
        return self.cell.state_size

    @property
    def output_size(self) -> Any:
        """That of the cell inside."""
        return self.cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return self.cell.zero_state(batch_size, dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """The output and the next state; the cell inside has its variables in the same scope."""
        if scope is None:
            return self.wrap(inputs, state, {})
        return self.wrap(inputs, state, {"scope": scope})

    def wrap(self, inputs: Any, state: Any, options: dict[str, Any]) -> Any:
        """Call the cell inside."""
        return self.cell(inputs, state, **options)


def _leave_memory(substate: Any) -> Any:
    """Dropout's default: not of an LSTM's memory, nor of arrays."""
    if isinstance(substate, LSTMStateTuple):
        return LSTMStateTuple(c=False, h=True)
    return not isinstance(substate, TensorArray)


class DropoutWrapper(_Wrapper):
    """Dropout of a cell's inputs, outputs and state.

    Parameters
    ----------
    input_keep_prob, output_keep_prob, state_keep_prob : what part is kept.
    variational_recurrent : drop the same elements at all times (Gal and Ghahramani,
        arXiv:1512.05287); needs `dtype`, and `input_size` if inputs are dropped.
    seed : an integer from which the seeds of the draws are made.
    dropout_state_filter_visitor : says of each part of the state whether it is dropped.
    """

    def __init__(
        self, cell: Any, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0, variational_recurrent: bool = False, input_size: Any = None,
        dtype: Any = None, seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(cell)
        visitor = dropout_state_filter_visitor
        if visitor is not None and not callable(visitor):
            raise TypeError("dropout_state_filter_visitor must be callable")
        self._filter = visitor or _leave_memory
        given = {"input": input_keep_prob, "state": state_keep_prob, "output": output_keep_prob}
        with name_scope("DropoutWrapperInit"):
            self._keep = {what: self._checked(what, value) for what, value in given.items()}
        self._variational, self._seed = variational_recurrent, seed
        self._noise: dict[str, Any] = {}
        if variational_recurrent:
            self._draw_noise(input_size, dtype)

    def _checked(self, what: str, value: Any) -> Any:
        if not isinstance(value, Tensor) and isinstance(value, numbers.Real):
            value = float(value)
            if not 0.0 < value <= 1.0:
                raise ValueError(f"Parameter {what}_keep_prob must be between 0 and 1: {value:f}")
            convert_to_tensor(value)  # TensorFlow makes it; seeds depend on the count
            return value
        return convert_to_tensor(value)

    def _draw_noise(self, input_size: Any, dtype: Any) -> None:
        if dtype is None:
            raise ValueError("When variational_recurrent=True, dtype must be provided")
        if self._drops("input") and input_size is None:
            raise ValueError(
                "When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, "
                "input_size must be provided"
            )
        sizes = {"input": input_size, "state": self.cell.state_size,
                 "output": self.cell.output_size}  # fmt: skip
        for what, size in sizes.items():
            if what == "input" and not self._drops("input"):
                continue
            flat = [size] if isinstance(size, TensorShape) else nest.flatten(size)
            shapes = [TensorShape([s] if isinstance(s, int) else s).as_list() for s in flat]
            self._noise[what] = [
                random_uniform(concat([[1], s], 0), dtype=dtype, seed=self._seed_for(what, number))
                for number, s in enumerate(shapes)
            ]

    def _drops(self, what: str) -> bool:
        keep = self._keep[what]
        return not isinstance(keep, float) or keep < 1

    def _seed_for(self, what: str, number: int) -> int | None:
        if self._seed is None:
            return None
        text = f"{self._seed}{what}_{number}".encode()
        return int(hashlib.md5(text).hexdigest()[:8], 16) & 0x7FFFFFFF

    def _dropped(self, what: str, values: Any, kept: Any = None) -> Any:
        flat = nest.flatten(values)
        chosen = [True] * len(flat) if kept is None else nest.flatten(kept)
        made = [
            self._drop(what, number, value) if is_dropped else value
            for number, (value, is_dropped) in enumerate(zip(flat, chosen, strict=True))
        ]
        return nest.pack_sequence_as(values, made)

    def _drop(self, what: str, number: int, value: Any) -> Any:
        keep = self._keep[what]
        if not self._variational:
            return dropout(value, keep_prob=keep, seed=self._seed_for(what, number))
        mask = floor(keep + self._noise[what][number])
        made = div(value, keep) * mask
        made.set_shape(value.shape)
        return made

    def _state_choice(self, state: Any) -> Any:
        """Which parts of a state are dropped, in its structure."""
        chosen = self._filter(state)
        if nest.is_sequence(chosen) or not nest.is_sequence(state):
            return chosen
        if not chosen:
            return nest.map_structure(lambda _: False, state)
        parts = [self._state_choice(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)

    def wrap(self, inputs: Any, state: Any, options: dict[str, Any]) -> Any:
        """Call the cell inside, with dropout before and after."""
        if self._drops("input"):
            inputs = self._dropped("input", inputs)
        output, following = self.cell(inputs, state, **options)
        if self._drops("state"):
            following = self._dropped("state", following, self._state_choice(following))
        if self._drops("output"):
            output = self._dropped("output", output)
        return output, following


class ResidualWrapper(_Wrapper):
    """Adds a cell's input to its output, or what `residual_fn(inputs, outputs)` gives."""

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None) -> None:
        super().__init__(cell)
        self._residual_fn = residual_fn

    def wrap(self, inputs: Any, state: Any, options: dict[str, Any]) -> Any:
        """Call the cell inside."""
        outputs, following = self.cell(inputs, state, **options)
        if self._residual_fn is not None:
            return self._residual_fn(inputs, outputs), following
        nest.assert_same_structure(inputs, outputs)

        def add(given: Tensor, made: Tensor) -> Tensor:
            given.shape.assert_is_compatible_with(made.shape)
            return given + made

        return nest.map_structure(add, inputs, outputs), following


class DeviceWrapper(_Wrapper):
    """Places a cell on a device."""

    def __init__(self, cell: Any, device: Any) -> None:
        super().__init__(cell)
        self._device = device

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state."""
        with device(self._device):
            return super().zero_state(batch_size, dtype)

    def wrap(self, inputs: Any, state: Any, options: dict[str, Any]) -> Any:
        """Call the cell inside."""
        with device(self._device):
            return self.cell(inputs, state, **options)


class _Projecting(RNNCell):
    """A cell around another one, with a product before or after it."""

    def __init__(self, cell: Any, reuse: Any) -> None:
        super().__init__(_reuse=reuse)
        assert_like_rnncell("cell", cell)
        self._cell = self._track(cell)

    @property
    def state_size(self) -> Any:
        """That of the cell inside."""
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        """That of the cell inside."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for the state."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return self._cell.zero_state(batch_size, dtype)


class InputProjectionWrapper(_Projecting):
    """Projects a cell's inputs to `num_proj` columns."""

    def __init__(
        self, cell: Any, num_proj: int, activation: Any = None, input_size: Any = None,
        reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(cell, reuse)
        self._num_proj, self._activation = num_proj, activation

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        projected = linear(inputs, self._num_proj, True)
        if self._activation:
            projected = self._activation(projected)
        return self._cell(projected, state)


class OutputProjectionWrapper(_Projecting):
    """Projects a cell's outputs to `output_size` columns."""

    def __init__(
        self, cell: Any, output_size: int, activation: Any = None, reuse: Any = None
    ) -> None:
        super().__init__(cell, reuse)
        if output_size < 1:
            raise ValueError(f"Parameter output_size must be > 0: {output_size}.")
        self._output_size, self._activation = output_size, activation

    @property
    def output_size(self) -> int:
        """The number of columns."""
        return self._output_size

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        output, following = self._cell(inputs, state)
        projected = linear(output, self._output_size, True)
        return self._activation(projected) if self._activation else projected, following


class EmbeddingWrapper(_Projecting):
    """Takes integers, and gives the rows of a matrix of variables to the cell."""

    def __init__(
        self, cell: Any, embedding_classes: int, embedding_size: int, initializer: Any = None,
        reuse: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(cell, reuse)
        if embedding_classes <= 0 or embedding_size <= 0:
            raise ValueError(
                "Both embedding_classes and embedding_size must be > 0: "
                f"{embedding_classes}, {embedding_size}."
            )
        self._shape = [embedding_classes, embedding_size]
        self._initializer = initializer

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        with device("/cpu:0"):
            start = self._initializer or get_variable_scope().initializer
            if start is None:
                limit = 3**0.5  # uniform numbers of variance 1
                start = initializers.RandomUniform(-limit, limit)
            dtype = nest.flatten(state)[0].dtype
            embedding = get_variable("embedding", self._shape, initializer=start, dtype=dtype)
            embedded = embedding_lookup(embedding, reshape(inputs, [-1]))
        return self._cell(embedded, state)
