"""Attention: mechanisms that score a memory, and the cell that looks at it at each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.dtypes import int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops import initializers
from graphflow.ops.assertions import assert_equal, assert_positive
from graphflow.ops.comparison import where
from graphflow.ops.contraction import tensordot
from graphflow.ops.creation import ones, ones_like, zeros
from graphflow.ops.identity import identity
from graphflow.ops.layer_base import Layer
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.rnn_cell_base import RNNCell, zero_state_tensors
from graphflow.ops.rnn_wrappers import assert_like_rnncell
from graphflow.ops.rolling import sequence_mask
from graphflow.ops.shape import expand_dims, reshape, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import concat
from graphflow.ops.softmax import softmax
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.unary import rsqrt, square, tanh
from graphflow.ops.variable_scope import get_variable, variable_scope

__all__ = [
    "AttentionMechanism",
    "AttentionWrapper",
    "AttentionWrapperState",
    "BahdanauAttention",
    "LuongAttention",
]


class _Projection(Layer):
    """A product with a matrix of variables, along the last axis."""

    def __init__(self, units: int, name: str, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Make the kernel."""
        self.kernel = self.add_weight("kernel", [input_shape.as_list()[-1], self.units])
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        """The product."""
        if inputs.shape.rank == 2:
            return matmul(inputs, self.kernel)
        made = tensordot(inputs, self.kernel, [[inputs.shape.rank - 1], [0]])
        made.set_shape(inputs.shape[:-1].concatenate(TensorShape([self.units])))
        return made


class AttentionMechanism:
    """Scores a memory [batch, time, depth] by a query, and turns scores into weights.

    Attributes
    ----------
    keys, values : the memory as it is scored, and as it is summed.
    """

    def __init__(
        self, query_layer: Any, memory: Any, probability_fn: Callable[[Tensor], Tensor] | None,
        memory_sequence_length: Any, memory_layer: Any, score_mask_value: Any,
        custom_key_value_fn: Callable[..., Any] | None, name: str,
    ) -> None:  # fmt: skip
        memory = nest.map_structure(convert_to_tensor, memory)
        self.query_layer, self.memory_layer = query_layer, memory_layer
        self.dtype = nest.flatten(memory)[0].dtype
        self._probability = probability_fn or softmax
        self._lengths = memory_sequence_length
        self._mask_value = -np.inf if score_mask_value is None else score_mask_value
        with name_scope(name, "AttentionMechanismInit", [memory]):
            self.values = self._masked_memory(memory)
            self.keys = memory_layer(self.values) if memory_layer else self.values
            if custom_key_value_fn is not None:
                self.keys, self.values = custom_key_value_fn(self.keys, self.values)
            known = self.keys.shape.as_list()
            self.batch_size = known[0] if known[0] is not None else shape_of(self.keys)[0]
            size = known[1] if known[1] is not None else shape_of(self.keys)[1]
            self.alignments_size = self.state_size = size

    def _masked_memory(self, memory: Tensor) -> Tensor:
        if memory.shape.rank is None or None in memory.shape.as_list()[2:]:
            raise ValueError(
                f"Expected memory memory to have fully defined inner dims, but saw shape: "
                f"{memory.shape}"
            )
        if self._lengths is None:
            return memory
        lengths = convert_to_tensor(self._lengths, name="memory_sequence_length")
        mask = sequence_mask(lengths, maxlen=shape_of(memory)[1], dtype=memory.dtype)
        inner = ones(memory.shape.rank - 2, dtype=int32)
        return memory * reshape(mask, concat([shape_of(mask), inner], 0))

    def probabilities(self, score: Tensor) -> Tensor:
        """The weights; none for what lies beyond a sequence's end."""
        if self._lengths is not None:
            positive = assert_positive(
                self._lengths,
                message="All values in memory_sequence_length must greater than zero.",
            )
            with control_dependencies([positive]):
                mask = sequence_mask(self._lengths, maxlen=shape_of(score)[1])
                score = where(mask, score, self._mask_value * ones_like(score))
        return self._probability(score)

    def initial_alignments(self, batch_size: Any, dtype: Any) -> Tensor:
        """Zeros."""
        return zero_state_tensors(self.alignments_size, batch_size, dtype)

    def initial_state(self, batch_size: Any, dtype: Any) -> Tensor:
        """Zeros."""
        return self.initial_alignments(batch_size, dtype)

    def __call__(self, query: Tensor, state: Any) -> Any:
        """The weights of the memory's places, and the mechanism's next state."""
        raise NotImplementedError("an attention mechanism defines __call__")


class BahdanauAttention(AttentionMechanism):
    """Additive attention (arXiv:1409.0473); with `normalize`, weight-normalised."""

    def __init__(
        self, num_units: int, memory: Any, memory_sequence_length: Any = None,
        normalize: bool = False, probability_fn: Any = None, score_mask_value: Any = None,
        dtype: Any = None, custom_key_value_fn: Any = None, name: str = "BahdanauAttention",
    ) -> None:  # fmt: skip
        super().__init__(
            _Projection(num_units, "query_layer", dtype), memory, probability_fn,
            memory_sequence_length, _Projection(num_units, "memory_layer", dtype),
            score_mask_value, custom_key_value_fn, name,
        )  # fmt: skip
        self._num_units, self._normalize, self._name = num_units, normalize, name

    def __call__(self, query: Tensor, state: Any) -> Any:
        """The weights of the memory's places, twice."""
        with variable_scope(None, "bahdanau_attention", [query]):
            projected = self.query_layer(query)
            v = get_variable("attention_v", [self._num_units], dtype=query.dtype)
            bias = None
            if self._normalize:
                start = initializers.Constant((1.0 / self._num_units) ** 0.5)
                g = get_variable("attention_g", shape=(), dtype=query.dtype, initializer=start)
                bias = get_variable("attention_b", [self._num_units], dtype=query.dtype,
                                    initializer=initializers.Zeros())  # fmt: skip
            total = self.keys + expand_dims(projected, 1)
            if bias is not None:
                v = g * v * rsqrt(reduce_sum(square(v)))
                total = total + bias
            score = reduce_sum(v * tanh(total), [2])
        alignments = self.probabilities(score)
        return alignments, alignments


class LuongAttention(AttentionMechanism):
    """Multiplicative attention (arXiv:1508.04025); with `scale`, times a variable."""

    def __init__(
        self, num_units: int, memory: Any, memory_sequence_length: Any = None,
        scale: bool = False, probability_fn: Any = None, score_mask_value: Any = None,
        dtype: Any = None, custom_key_value_fn: Any = None, name: str = "LuongAttention",
    ) -> None:  # fmt: skip
        super().__init__(
            None, memory, probability_fn, memory_sequence_length,
            _Projection(num_units, "memory_layer", dtype), score_mask_value, custom_key_value_fn,
            name,
        )  # fmt: skip
        self._num_units, self._scale, self._name = num_units, scale, name

    def __call__(self, query: Tensor, state: Any) -> Any:
        """The weights of the memory's places, twice."""
        depth, units = query.shape.as_list()[-1], self.keys.shape.as_list()[-1]
        if depth != units:
            raise ValueError(
                "Incompatible or unknown inner dimensions between query and keys.  Query "
                f"({query}) has units: {depth}.  Keys ({self.keys}) have units: {units}.  Perhaps "
                "you need to set num_units to the keys' dimension"
            )
        with variable_scope(None, "luong_attention", [query]):
            score = squeeze(matmul(expand_dims(query, 1), self.keys, transpose_b=True), [1])
            if self._scale:
                ones = initializers.Ones()
                score = score * get_variable(
                    "attention_g", dtype=query.dtype, initializer=ones, shape=()
                )
        alignments = self.probabilities(score)
        return alignments, alignments


class AttentionWrapperState(NamedTuple):
    """The state of an `AttentionWrapper`."""

    cell_state: Any
    attention: Any
    time: Any
    alignments: Any
    alignment_history: Any
    attention_state: Any

    def clone(self, **kwargs: Any) -> AttentionWrapperState:
        """The state with some parts replaced."""
        return self._replace(**kwargs)


class AttentionWrapper(RNNCell):
    """A cell that looks at memories: what it saw goes into the next step and to its output.

    Parameters
    ----------
    cell : an `RNNCell`.
    attention_mechanism : a mechanism, or a list of them.
    attention_layer_size : size of a product over [output, context]; without it, the context is it.
    alignment_history : keep the weights of all steps in the state.
    cell_input_fn : of inputs and attention; joins them when None.
    output_attention : whether the output is the attention, or the cell's.
    initial_cell_state : what `zero_state` gives for the cell.
    attention_layer : a layer, in place of `attention_layer_size`.
    attention_fn : in place of the ordinary computation.
    """

    def __init__(
        self, cell: Any, attention_mechanism: Any, attention_layer_size: Any = None,
        alignment_history: bool = False, cell_input_fn: Any = None, output_attention: bool = True,
        initial_cell_state: Any = None, name: Any = None, attention_layer: Any = None,
        attention_fn: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        assert_like_rnncell("cell", cell)
        self._is_multi = isinstance(attention_mechanism, (list, tuple))
        self._mechanisms = _as_list(attention_mechanism)
        if attention_layer_size is not None and attention_layer is not None:
            raise ValueError("Only one of attention_layer_size and attention_layer should be set")
        self._layers: list[Any] = [None] * len(self._mechanisms)
        sizes = [m.values.shape.as_list()[-1] for m in self._mechanisms]
        if attention_layer_size is not None:
            sizes = _as_list(attention_layer_size)
            self._layers = [_Projection(s, "attention_layer", dtype) for s in sizes]
        elif attention_layer is not None:
            self._layers = _as_list(attention_layer)
            pairs = zip(self._layers, self._mechanisms, strict=True)
            sizes = [_layer_size(layer, m, cell.output_size) for layer, m in pairs]
        if len(self._layers) != len(self._mechanisms):
            raise ValueError(
                "If provided, attention_layer_size must contain exactly one integer per "
                f"attention_mechanism, saw: {len(self._layers)} vs {len(self._mechanisms)}"
            )
        self._attention_size = sum(sizes)
        self._cell = self._track(cell)
        for layer in self._layers:
            self._track(layer)
        self._join = cell_input_fn or (lambda inputs, attention: concat([inputs, attention], -1))
        self._output_attention, self._keeps_history = output_attention, alignment_history
        self._initial_cell_state = initial_cell_state
        self._attend = attention_fn or compute_attention

    def _packed(self, values: Any) -> Any:
        values = tuple(values)
        return values if self._is_multi else values[0]

    @property
    def output_size(self) -> Any:
        """The size of the attention, or of the cell's output."""
        return self._attention_size if self._output_attention else self._cell.output_size

    @property
    def state_size(self) -> AttentionWrapperState:
        """The sizes of the state's parts."""
        sizes = self._packed(m.alignments_size for m in self._mechanisms)
        return AttentionWrapperState(
            cell_state=self._cell.state_size, time=TensorShape([]),
            attention=self._attention_size, alignments=sizes,
            attention_state=self._packed(m.state_size for m in self._mechanisms),
            alignment_history=sizes if self._keeps_history else self._packed(
                () for _ in self._mechanisms
            ),
        )  # fmt: skip

    def zero_state(self, batch_size: Any, dtype: Any) -> AttentionWrapperState:
        """The state to begin with."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            state = self._initial_cell_state
            if state is None:
                state = self._cell.zero_state(batch_size, dtype)
            with control_dependencies(self._same_batch(batch_size)):
                state = nest.map_structure(
                    lambda part: identity(part, name="checked_cell_state"), state
                )
            first = [m.initial_alignments(batch_size, dtype) for m in self._mechanisms]
            time = zeros([], int32)
            attention = zero_state_tensors(self._attention_size, batch_size, dtype)
            states = [m.initial_state(batch_size, dtype) for m in self._mechanisms]
            history = [
                TensorArray(dtype, size=0, dynamic_size=True, element_shape=a.shape)
                if self._keeps_history else () for a in first
            ]  # fmt: skip
            return AttentionWrapperState(
                cell_state=state, time=time, attention=attention, alignments=self._packed(first),
                alignment_history=self._packed(history), attention_state=self._packed(states),
            )  # fmt: skip

    def _same_batch(self, batch_size: Any) -> list[Any]:
        """Checks that the mechanisms' memories have as many rows as the cell's state."""
        text = (
            f"{self.name} requires memories with the batch size of the cell's state; a decoder "
            "with beams needs memories that tile_batch made"
        )
        return [assert_equal(batch_size, m.batch_size, message=text) for m in self._mechanisms]

    def call(self, inputs: Any, state: Any) -> Any:
        """The output and the next state."""
        if not isinstance(state, AttentionWrapperState):
            raise TypeError(
                "Expected state to be instance of AttentionWrapperState. Received type "
                f"{type(state)} instead."
            )
        output, cell_state = self._cell(self._join(inputs, state.attention), state.cell_state)
        rows_known = output.shape.as_list()[0]
        batch_size = shape_of(output)[0] if rows_known is None else rows_known
        with control_dependencies(self._same_batch(batch_size)):
            output = identity(output, name="checked_cell_output")
        before = _as_list(state.attention_state) if self._is_multi else [state.attention_state]
        history = state.alignment_history if self._is_multi else [state.alignment_history]
        seen, weights, states, kept = [], [], [], []
        rows = zip(self._mechanisms, before, self._layers, history, strict=True)
        for mechanism, own, layer, array in rows:
            attention, alignments, following = self._attend(mechanism, output, own, layer)
            seen.append(attention)
            weights.append(alignments)
            states.append(following)
            kept.append(array.write(state.time, alignments) if self._keeps_history else ())
        attention = concat(seen, 1)
        next_state = AttentionWrapperState(
            time=state.time + 1, cell_state=cell_state, attention=attention,
            attention_state=self._packed(states), alignments=self._packed(weights),
            alignment_history=self._packed(kept),
        )  # fmt: skip
        return attention if self._output_attention else output, next_state


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _layer_size(layer: Any, mechanism: Any, output_size: int) -> Any:
    depth = output_size + mechanism.values.shape.as_list()[-1]
    return layer.compute_output_shape(TensorShape([None, depth])).as_list()[-1]


def compute_attention(mechanism: Any, cell_output: Tensor, state: Any, layer: Any) -> Any:
    """(attention, alignments, next state) of one mechanism."""
    alignments, following = mechanism(cell_output, state=state)
    context = squeeze(matmul(expand_dims(alignments, 1), mechanism.values), [1])
    if layer is None:
        return context, alignments, following
    return layer(concat([cell_output, context], 1)), alignments, following
