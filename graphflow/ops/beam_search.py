"""Beam search: the likeliest sequences of a model, a few at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import float32, int32, int64
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, less, logical_not, logical_or, where
from graphflow.ops.creation import fill, zeros
from graphflow.ops.decoding import Decoder
from graphflow.ops.decoding_helpers import embedding_function
from graphflow.ops.elementwise import maximum
from graphflow.ops.functional import scan
from graphflow.ops.gathering import gather
from graphflow.ops.joining import stack
from graphflow.ops.reductions import argmax, reduce_max
from graphflow.ops.rnn_cell_base import batched_shape
from graphflow.ops.rnn_wrappers import assert_like_rnncell
from graphflow.ops.sequences import one_hot
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import reshape, size
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import concat, tile
from graphflow.ops.softmax import log_softmax
from graphflow.ops.tensor_array import TensorArray

__all__ = [
    "BeamSearchDecoder",
    "BeamSearchDecoderOutput",
    "BeamSearchDecoderState",
    "FinalBeamSearchDecoderOutput",
    "gather_tree",
    "tile_batch",
]


class BeamSearchDecoderState(NamedTuple):
    """The state of a beam search: of the cell, and of each beam."""

    cell_state: Any
    log_probs: Any
    finished: Any
    lengths: Any


class BeamSearchDecoderOutput(NamedTuple):
    """One step: scores, what was predicted, and which beam each came from."""

    scores: Any
    predicted_ids: Any
    parent_ids: Any


class FinalBeamSearchDecoderOutput(NamedTuple):
    """All sequences, best first, and the steps that led to them."""

    predicted_ids: Any
    beam_search_decoder_output: Any


def tile_batch(t: Any, multiplier: int, name: str | None = None) -> Any:
    """Each entry of a batch several times, one after the other; `t` may be a structure."""
    flat = nest.flatten(t)
    with name_scope(name, "tile_batch", [*flat, multiplier]):
        return nest.map_structure(lambda v: _tiled(v, multiplier), t)


def _tiled(value: Any, multiplier: int) -> Tensor:
    value = convert_to_tensor(value, name="t")
    if value.shape.rank is None:
        raise ValueError("t must have statically known rank")
    shape = value.shape.as_list()
    repeated = tile(value[:, None], [1, multiplier] + [1] * (len(shape) - 1))
    made = reshape(repeated, concat([[-1], shape_of(value)[1:]], 0))
    known = None if shape[0] is None else shape[0] * multiplier
    made.set_shape([known, *shape[1:]])
    return made


def gather_tree(
    step_ids: Any, parent_ids: Any, max_sequence_lengths: Any, end_token: Any,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Sequences from the steps of a beam search: each beam followed back through its parents.

    Parameters
    ----------
    step_ids, parent_ids : of shape [time, batch, beams].
    max_sequence_lengths : for each batch entry, how many steps to go back from.
    end_token : what stands after a sequence's end.
    """
    with name_scope(name, "GatherTree"):
        step_ids, parent_ids = convert_to_tensor(step_ids), convert_to_tensor(parent_ids)
        end_token = convert_to_tensor(end_token, dtype=step_ids.dtype)
        sizes = shape_of(step_ids)
        lengths = cast(convert_to_tensor(max_sequence_lengths), int32)[:, None]
        own = tile(range_of(sizes[2])[None], [sizes[1], 1])

        def back(later: Any, step: Any) -> Any:
            beam, _ = later
            ids, parents, time = step
            inside = less(time, lengths)
            inside = tile(inside, [1, sizes[2]])
            chosen = where(inside, gather(ids, beam, batch_dims=1, axis=1), end_token + 0 * ids)
            return where(inside, gather(parents, beam, batch_dims=1, axis=1), beam), chosen

        start = (own, fill(sizes[1:], end_token))
        _, found = scan(back, (step_ids, parent_ids, range_of(sizes[0])), start, reverse=True)

        def forward(before: Any, ids: Any) -> Any:
            ended, _ = before
            return logical_or(ended, equal(ids, end_token)), where(ended, end_token + 0 * ids, ids)

        nothing = fill(sizes[1:], convert_to_tensor(False)), fill(sizes[1:], end_token)
        return scan(forward, found, nothing)[1]


def largest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest of each row, in order, and where they are."""
    left = maximum(values, values.dtype.min)
    width = shape_of(values)[1]
    places = []
    for _ in range(count):
        place = cast(argmax(left, axis=1), int32)
        taken = one_hot(place, width, on_value=True, off_value=False)
        left = where(taken, fill(shape_of(left), convert_to_tensor(float("-inf"), left.dtype)),
                     left)  # fmt: skip
        places.append(place)
    indices = stack(places, axis=1)
    return gather(values, indices, batch_dims=1, axis=1), indices


class BeamSearchDecoder(Decoder):
    """Searches for the likeliest sequences with a cell.

    Parameters
    ----------
    cell : an `RNNCell`, called with batch times beams rows.
    embedding : a function of indices, or a matrix.
    start_tokens : one for each batch entry; `end_token` ends a sequence.
    initial_state : of the cell; see `tile_batch`.
    beam_width : how many sequences to keep.
    output_layer : a layer for the cell's outputs.
    length_penalty_weight : favours long sequences.
    """

    def __init__(
        self, cell: Any, embedding: Any, start_tokens: Any, end_token: Any, initial_state: Any,
        beam_width: int, output_layer: Any = None, length_penalty_weight: float = 0.0,
        coverage_penalty_weight: float = 0.0, reorder_tensor_arrays: bool = True,
    ) -> None:  # fmt: skip
        assert_like_rnncell("cell", cell)
        if coverage_penalty_weight:
            raise ValueError(
                f"expected coverage_penalty_weight 0, got {coverage_penalty_weight}: "
                "coverage is not penalised"
            )
        self._cell, self._output_layer = cell, output_layer
        self._embed = embedding_function(embedding)
        self._start_tokens = convert_to_tensor(start_tokens, dtype=int32, name="start_tokens")
        self._end_token = convert_to_tensor(end_token, dtype=int32, name="end_token")
        if self._start_tokens.shape.rank != 1:
            raise ValueError("start_tokens must be a vector")
        if self._end_token.shape.rank != 0:
            raise ValueError("end_token must be a scalar")
        self._beam_width, self._penalty = beam_width, length_penalty_weight
        known = self._start_tokens.shape.as_list()[0]
        self._batch = known if known is not None else size(self._start_tokens)
        self._start_inputs = self._embed(tile(self._start_tokens[:, None], [1, beam_width]))
        self._initial_cell_state = nest.map_structure(self._split, initial_state)

    # ---- batches of beams

    def _split(self, value: Any) -> Any:
        """[batch * beams, ...] to [batch, beams, ...]."""
        if isinstance(value, TensorArray) or value.shape.rank == 0:
            return value
        rest = shape_of(value)[1:]
        made = reshape(value, concat([stack([self._batch, self._beam_width]), rest], 0))
        known = self._batch if isinstance(self._batch, int) else None
        made.set_shape([known, self._beam_width, *value.shape.as_list()[1:]])
        return made

    def _merge(self, value: Any) -> Any:
        """[batch, beams, ...] to [batch * beams, ...]."""
        if isinstance(value, TensorArray) or value.shape.rank == 0:
            return value
        made = reshape(value, concat([[-1], shape_of(value)[2:]], 0))
        known = self._batch * self._beam_width if isinstance(self._batch, int) else None
        made.set_shape([known, *value.shape.as_list()[2:]])
        return made

    def _of_beams(self, value: Any, beams: Tensor) -> Any:
        if isinstance(value, TensorArray) or value.shape.rank == 0:
            return value
        made = gather(value, beams, batch_dims=1, axis=1)
        made.set_shape(value.shape)
        return made

    # ---- a decoder

    @property
    def batch_size(self) -> Any:
        """How many batch entries there are."""
        return self._batch

    @property
    def tracks_own_finished(self) -> bool:
        """Beams change places, so the state says which are finished."""
        return True

    @property
    def output_size(self) -> BeamSearchDecoderOutput:
        """The sizes of a step's outputs."""
        return BeamSearchDecoderOutput(*[TensorShape([self._beam_width])] * 3)

    @property
    def output_dtype(self) -> BeamSearchDecoderOutput:
        """The types of a step's outputs."""
        dtype = nest.flatten(self._initial_cell_state)[0].dtype
        return BeamSearchDecoderOutput(dtype if dtype.is_floating else float32, int32, int32)

    def initialize(self, name: str | None = None) -> Any:
        """(finished, first inputs, first state): only the first beam counts."""
        dtype = self.output_dtype.scores
        first = zeros(batched_shape(self._batch, TensorShape([])), int32)
        finished = one_hot(first, self._beam_width, on_value=False, off_value=True)
        log_probs = one_hot(
            first, self._beam_width, on_value=convert_to_tensor(0.0, dtype),
            off_value=convert_to_tensor(float("-inf"), dtype),
        )  # fmt: skip
        lengths = zeros(batched_shape(self._batch, TensorShape([self._beam_width])), int64)
        state = BeamSearchDecoderState(self._initial_cell_state, log_probs, finished, lengths)
        return finished, self._start_inputs, state

    def step(self, time: Any, inputs: Any, state: Any, name: str | None = None) -> Any:
        """(outputs, next state, next inputs, finished)."""
        with name_scope(name, "BeamSearchDecoderStep", [time]):
            merged = nest.map_structure(self._merge, state.cell_state)
            output, cell_state = self._cell(nest.map_structure(self._merge, inputs), merged)
            if self._output_layer is not None:
                output = self._output_layer(output)
            cell_state = nest.map_structure(self._split, cell_state)
            made, following = self._advance(self._split(output), cell_state, state)
            next_inputs = self._embed(made.predicted_ids)
            next_inputs.set_shape(self._start_inputs.shape)
        return made, following, next_inputs, following.finished

    def _advance(self, logits: Tensor, cell_state: Any, state: Any) -> Any:
        """Choose the best continuations of all beams."""
        classes = shape_of(logits)[-1]
        shape = shape_of(logits)
        is_end = one_hot(fill(shape[:2], self._end_token), classes, True, False)
        lowest = convert_to_tensor(logits.dtype.min, logits.dtype)
        zero = convert_to_tensor(0, logits.dtype)
        ended = where(is_end, fill(shape, zero), fill(shape, lowest))
        finished = tile(state.finished[:, :, None], stack([1, 1, classes]))
        steps = where(finished, ended, log_softmax(logits))
        totals = state.log_probs[:, :, None] + steps
        grows = cast(logical_not(logical_or(finished, is_end)), int64)
        scores = self._scores(totals, state.lengths[:, :, None] + grows)
        flat = stack([shape[0], shape[1] * shape[2]])
        best, places = largest(reshape(scores, flat), self._beam_width)
        words, beams = places % classes, places // classes
        log_probs = gather(reshape(totals, flat), places, batch_dims=1, axis=1)
        before = self._of_beams(state.finished, beams)
        lengths = self._of_beams(state.lengths, beams) + cast(logical_not(before), int64)
        following = BeamSearchDecoderState(
            nest.map_structure(lambda v: self._of_beams(v, beams), cell_state), log_probs,
            logical_or(before, equal(words, self._end_token)), lengths,
        )  # fmt: skip
        for made, old in zip(following[1:], state[1:], strict=True):
            made.set_shape(old.shape)
        return BeamSearchDecoderOutput(best, words, beams), following

    def _scores(self, log_probs: Tensor, lengths: Tensor) -> Tensor:
        if not self._penalty:
            return log_probs
        base = (5.0 + cast(lengths, log_probs.dtype)) / 6.0
        return log_probs / base**self._penalty

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> Any:
        """The sequences, followed back from the last step."""
        longest = cast(reduce_max(final_state.lengths, axis=[1]), int32)
        ids = gather_tree(outputs.predicted_ids, outputs.parent_ids, longest, self._end_token)
        return FinalBeamSearchDecoderOutput(ids, outputs), final_state
