"""Decoding step by step: `dynamic_decode` and the decoder that applies a cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.comparison import greater_equal, logical_not, logical_or, where
from graphflow.ops.creation import fill, zeros_like
from graphflow.ops.reductions import reduce_all
from graphflow.ops.rnn import transpose_batch_time
from graphflow.ops.rnn_cell_base import zero_state_tensors
from graphflow.ops.rnn_wrappers import assert_like_rnncell
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.variable_scope import variable_scope
from graphflow.ops.while_loops import while_loop

__all__ = ["BasicDecoder", "BasicDecoderOutput", "Decoder", "dynamic_decode"]


class Decoder:
    """What `dynamic_decode` asks, step by step.

    A subclass has `batch_size`, `output_size`, `output_dtype`, `initialize`, `step` and, if it has
    something to do at the end, `finalize`.
    """

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        raise NotImplementedError("a Decoder has a batch_size")

    @property
    def output_size(self) -> Any:
        """The sizes of a step's outputs, in their structure."""
        raise NotImplementedError("a Decoder has an output_size")

    @property
    def output_dtype(self) -> Any:
        """The types of a step's outputs, in their structure."""
        raise NotImplementedError("a Decoder has an output_dtype")

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs, first state)."""
        raise NotImplementedError("a Decoder defines initialize")

    def step(self, time: Any, inputs: Any, state: Any, name: str | None = None) -> Any:
        """(outputs, next state, next inputs, finished)."""
        raise NotImplementedError("a Decoder defines step")

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> Any:
        """(outputs, state) from all outputs and the last state."""
        raise NotImplementedError("a Decoder may define finalize")

    @property
    def tracks_own_finished(self) -> bool:
        """Whether `step` says what is finished, and not what has finished in this step."""
        return False


class BasicDecoderOutput(NamedTuple):
    """What a `BasicDecoder` gives: the cell's outputs, and what was sampled of them."""

    rnn_output: Any
    sample_id: Any


class BasicDecoder(Decoder):
    """Applies a cell to what a helper chooses.

    Parameters
    ----------
    cell : an `RNNCell`.
    helper : chooses the inputs; see `decoding_helpers`.
    initial_state : of the cell.
    output_layer : a layer for the cell's outputs.
    """

    def __init__(
        self, cell: Any, helper: Any, initial_state: Any, output_layer: Any = None
    ) -> None:
        assert_like_rnncell("cell", cell)
        self._cell, self._helper = cell, helper
        self._initial_state, self._output_layer = initial_state, output_layer

    @property
    def batch_size(self) -> Any:
        """How many sequences there are."""
        return self._helper.batch_size

    @property
    def output_size(self) -> BasicDecoderOutput:
        """The sizes of a step's outputs."""
        size = self._cell.output_size
        if self._output_layer is not None:
            shape = TensorShape([None]).concatenate(TensorShape([size]))
            size = self._output_layer.compute_output_shape(shape)[1:]
        return BasicDecoderOutput(size, self._helper.sample_ids_shape)

    @property
    def output_dtype(self) -> BasicDecoderOutput:
        """The types of a step's outputs."""
        dtype = nest.flatten(self._initial_state)[0].dtype
        return BasicDecoderOutput(dtype, self._helper.sample_ids_dtype)

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs, first state)."""
        return (*self._helper.initialize(), self._initial_state)

    def step(self, time: Any, inputs: Any, state: Any, name: str | None = None) -> Any:
        """(outputs, next state, next inputs, finished)."""
        with name_scope(name, "BasicDecoderStep", [time]):
            output, cell_state = self._cell(inputs, state)
            if self._output_layer is not None:
                output = self._output_layer(output)
            sample = self._helper.sample(time=time, outputs=output, state=cell_state)
            finished, following, next_state = self._helper.next_inputs(
                time=time, outputs=output, state=cell_state, sample_ids=sample
            )
        return BasicDecoderOutput(output, sample), next_state, following, finished


def _shape(size: Any) -> TensorShape:
    return TensorShape([size]) if isinstance(size, int) else TensorShape(size)


def _output_specs(decoder: Decoder) -> tuple[list[TensorShape], Any]:
    """The shapes of a step's outputs in a list, and their types in their structure."""
    types = decoder.output_dtype
    # A size may be a shape, and a shape is a single value here.
    sizes = nest.flatten_up_to(types, decoder.output_size, check_types=False)
    return [_shape(size) for size in sizes], types


def _kept(finished: Tensor, old: Any, new: Any) -> Any:
    """The old value of sequences that are finished."""
    if isinstance(old, TensorArray):
        return new
    new.set_shape(old.shape)
    return new if new.shape.rank == 0 else where(finished, old, new)


def dynamic_decode(
    decoder: Any, output_time_major: bool = False, impute_finished: bool = False,
    maximum_iterations: Any = None, parallel_iterations: int = 32, swap_memory: bool = False,
    scope: Any = None, **kwargs: Any,
) -> tuple[Any, Any, Tensor]:  # fmt: skip
    """Let a decoder take steps until all its sequences are finished.

    Parameters
    ----------
    output_time_major : outputs are of shape [time, batch, ...], not [batch, time, ...].
    impute_finished : outputs of finished sequences are zeros, and their states stay as they are.
    maximum_iterations : a limit on the number of steps.

    Returns
    -------
    The outputs, the final state, the lengths of the sequences.

    Raises
    ------
    TypeError : `decoder` is none.
    ValueError : `maximum_iterations` is no scalar.
    """
    if not isinstance(decoder, Decoder):
        raise TypeError(f"Expected decoder to be type Decoder, but saw: {type(decoder)}")
    with variable_scope(scope, "decoder"):
        limit = None
        if maximum_iterations is not None:
            limit = convert_to_tensor(maximum_iterations, dtype=int32, name="maximum_iterations")
            if limit.shape.rank != 0:
                raise ValueError("maximum_iterations must be a scalar")
        finished, inputs, state = decoder.initialize(**kwargs)
        sizes, types = _output_specs(decoder)
        pairs = zip(sizes, nest.flatten(types), strict=True)
        blanks = [zero_state_tensors(s, decoder.batch_size, t) for s, t in pairs]
        if limit is not None:
            finished = logical_or(finished, greater_equal(0, limit))
        lengths = zeros_like(finished, dtype=int32)
        start = convert_to_tensor(0, dtype=int32)
        kept = nest.pack_sequence_as(types, blanks) if impute_finished else None
        run = _Decoding(decoder, kept)
        _, arrays, state, _, _, lengths = while_loop(
            lambda time, arrays, state, inputs, finished, lengths: logical_not(
                reduce_all(finished)
            ),
            run.body, (start, run.arrays, state, inputs, finished, lengths),
            parallel_iterations=parallel_iterations, maximum_iterations=limit,
            swap_memory=swap_memory,
        )  # fmt: skip
        outputs = nest.map_structure(lambda array: array.stack(), arrays)
        if type(decoder).finalize is not Decoder.finalize:
            outputs, state = decoder.finalize(outputs, state, lengths)
        if not output_time_major:
            outputs = nest.map_structure(transpose_batch_time, outputs)
    return outputs, state, lengths


class _Decoding:
    """The loop's body, with the arrays that it fills."""

    def __init__(self, decoder: Decoder, blanks: Any) -> None:
        self.decoder, self.blanks = decoder, blanks
        sizes, types = _output_specs(decoder)
        self.arrays = nest.pack_sequence_as(types, [
            TensorArray(t, size=0, dynamic_size=True,
                        element_shape=TensorShape([None]).concatenate(size))
            for size, t in zip(sizes, nest.flatten(types), strict=True)
        ])  # fmt: skip

    def body(
        self, time: Tensor, arrays: Any, state: Any, inputs: Any, finished: Tensor, lengths: Tensor
    ) -> Any:
        outputs, following, next_inputs, done = self.decoder.step(time, inputs, state)
        stopped = done if self.decoder.tracks_own_finished else logical_or(done, finished)
        nest.assert_same_structure(state, following)
        counts = where(logical_not(finished), fill(shape_of(lengths), time + 1), lengths)
        counts.set_shape(lengths.shape)
        if self.blanks is not None:
            outputs = nest.map_structure(
                lambda new, blank: where(finished, blank, new), outputs, self.blanks
            )
            following = nest.map_structure(
                lambda new, old: _kept(finished, old, new), following, state
            )
        arrays = nest.map_structure(lambda array, value: array.write(time, value), arrays, outputs)
        return time + 1, arrays, following, next_inputs, stopped, counts
