"""Recurrent networks: a cell applied along a sequence, `dynamic_rnn` and its kin.

`dynamic_rnn` is a loop over TensorArrays; where the sequences of a batch have different lengths,
outputs beyond a sequence's end are zeros and its state stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_default_graph, name_scope
from graphflow.graph.dtypes import int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops import checks
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater_equal, logical_not, logical_or, where
from graphflow.ops.creation import zeros
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.identity import identity
from graphflow.ops.joining import stack
from graphflow.ops.reductions import reduce_all, reduce_max, reduce_min
from graphflow.ops.rnn_cell_base import batched_shape, known_batched_shape
from graphflow.ops.rnn_wrappers import assert_like_rnncell
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import rank
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import concat, reverse, reverse_sequence
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.transposing import transpose
from graphflow.ops.variable_scope import variable_scope
from graphflow.ops.while_loops import while_loop

__all__ = ["bidirectional_dynamic_rnn", "dynamic_rnn", "raw_rnn"]


def transpose_batch_time(x: Tensor) -> Tensor:
    """A tensor with its first two axes exchanged; one of rank below 2 as it is."""
    if x.shape.rank is not None and x.shape.rank < 2:
        return x
    # As TensorFlow makes it, whatever the rank: the seeds of later operations count these.
    others = range_of(2, rank(x))
    made = transpose(x, concat([[1, 0], others], axis=0))
    if x.shape.rank is not None:
        sizes = x.shape.as_list()
        made.set_shape([sizes[1], sizes[0], *sizes[2:]])
    return made


def axis_size(inputs: Sequence[Tensor], axis: int) -> int | None:
    """The size of an axis, if the graph knows it of one of the inputs."""
    sizes = [None if t.shape.rank is None else t.shape.as_list()[axis] for t in inputs]
    return next((size for size in sizes if size is not None), None)


def batch_size_of(inputs: Sequence[Tensor], axis: int) -> Any:
    """The size of an axis: a number where the graph knows it."""
    known = axis_size(inputs, axis)
    return shape_of(inputs[0])[axis] if known is None else known


def select_rows(is_done: Tensor, old: Any, new: Any) -> Any:
    """For each sequence, the old value where it is done, else the new one."""
    if isinstance(old, TensorArray) or old.shape.rank == 0:
        return new
    made = where(is_done, old, new)
    made.set_shape(new.shape)
    return made


def initial_state_of(
    cell: Any, initial_state: Any, batch_size: Any, dtype: Any, inputs: Any = None
) -> Any:
    """The state to begin with; zeros when none is given."""
    if initial_state is not None:
        return initial_state
    if not dtype:
        raise ValueError("If there is no initial_state, you must give a dtype.")
    if getattr(cell, "get_initial_state", None) is not None:
        return cell.get_initial_state(inputs=None, batch_size=batch_size, dtype=dtype)
    return cell.zero_state(batch_size, dtype)


def checked_lengths(sequence_length: Any) -> Tensor:
    """The lengths of a batch's sequences as an int32 vector."""
    lengths = cast(convert_to_tensor(sequence_length), int32)
    if lengths.shape.rank not in (None, 1):
        raise ValueError(
            f"sequence_length must be a vector of length batch_size, but saw shape: {lengths.shape}"
        )
    return identity(lengths, name="sequence_length")


def _with_length_check(lengths: Tensor, batch_size: Any) -> Tensor:
    with get_default_graph()._counting_as(11):  # where the size is known, there is nothing to check
        return _checked_count(lengths, batch_size)


def _checked_count(lengths: Tensor, batch_size: Any) -> Tensor:
    known = None if lengths.shape.rank is None else lengths.shape.as_list()[0]
    if known is not None and known == batch_size:
        return lengths
    given = shape_of(lengths)
    wanted = stack([batch_size])
    check = checks.Assert(
        reduce_all(equal(given, wanted)),
        [f"Expected shape for Tensor {lengths.name} is ", wanted, " but saw shape: ", given],
    )
    with control_dependencies([check]):
        return identity(lengths, name="CheckSeqLen")


def dynamic_rnn(
    cell: Any, inputs: Any, sequence_length: Any = None, initial_state: Any = None,
    dtype: Any = None, parallel_iterations: int | None = None, swap_memory: bool = False,
    time_major: bool = False, scope: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Apply a cell along sequences; returns (outputs, final state).

    Parameters
    ----------
    cell : an `RNNCell`.
    inputs : of shape [batch, time, ...], or a structure of such tensors.
    sequence_length : of each sequence; all of them have the full length when None.
    initial_state : in the structure of ``cell.state_size``; zeros of `dtype` when None.
    time_major : inputs and outputs are of shape [time, batch, ...].

    Raises
    ------
    TypeError : `cell` is no cell.
    ValueError : neither `initial_state` nor `dtype`; inputs of too low a rank or of unknown depth.
    """
    assert_like_rnncell("cell", cell)
    with variable_scope(scope or "rnn"):
        flat = [convert_to_tensor(v) for v in nest.flatten(inputs)]
        if not time_major:
            flat = [transpose_batch_time(v) for v in flat]
        for value in flat:
            if value.shape.rank is not None and value.shape.rank < 2:
                raise ValueError(
                    f"Expected inputs of rank 2 or more, [batch, time, ...], got {value.shape}"
                )
        lengths = None if sequence_length is None else checked_lengths(sequence_length)
        batch_size = batch_size_of(flat, 1)
        state = initial_state_of(cell, initial_state, batch_size, dtype)
        state = nest.map_structure(_as_state, state)
        if lengths is not None:
            lengths = _with_length_check(lengths, batch_size)
        loop = _Loop(cell, inputs, flat, lengths, dtype)
        outputs, last = loop.run(state, parallel_iterations or 32, swap_memory)
        if not time_major:
            outputs = nest.map_structure(transpose_batch_time, outputs)
        return outputs, last


def _as_state(value: Any) -> Any:
    return value if isinstance(value, TensorArray) else convert_to_tensor(value)


class _Loop:
    """The loop of one `dynamic_rnn`."""

    def __init__(
        self, cell: Any, structure: Any, inputs: list[Tensor], lengths: Tensor | None,
        dtype: Any,
    ) -> None:  # fmt: skip
        self.cell, self.structure, self.inputs, self.lengths = cell, structure, inputs, lengths
        self.steps = shape_of(inputs[0])[0]
        self.batch_size = batch_size_of(inputs, 1)
        sizes = cell.output_size
        self.sizes = [sizes] if isinstance(sizes, TensorShape) else nest.flatten(sizes)
        self.packed_outputs = nest.is_sequence(sizes) and not isinstance(sizes, TensorShape)
        self.dtype = dtype

    def run(self, state: Any, parallel: int, swap: bool) -> tuple[Any, Any]:
        """Make the loop; returns the outputs, time first, and the last state.

        The operations come in TensorFlow's order, and as many.
        """
        types = {t.dtype.base_dtype for t in nest.flatten(state)}
        dtype = self.dtype or (types.pop() if len(types) == 1 else self.inputs[0].dtype)
        blanks = [zeros(batched_shape(self.batch_size, s), dtype) for s in self.sizes]
        longest = self.steps
        if self.lengths is not None:
            reduce_min(self.lengths)  # TensorFlow makes it too, and does not read it
            longest = reduce_max(self.lengths)
        start = convert_to_tensor(0, dtype=int32, name="time")
        results = [
            self.array(dtype, known_batched_shape(self.batch_size, size), f"output_{k}")
            for k, size in enumerate(self.sizes)
        ]
        arrays = [self.array(t.dtype, t.shape[1:], f"input_{k}") for k, t in enumerate(self.inputs)]
        arrays = [a.unstack(t) for a, t in zip(arrays, self.inputs, strict=True)]
        bound = minimum(self.steps, maximum(1, longest))

        def body(time: Tensor, results: list[TensorArray], state: Any) -> Any:
            flat = [a.read(time) for a in arrays]
            for value, whole in zip(flat, self.inputs, strict=True):
                value.set_shape(whole.shape[1:])
            output, following = self.step(time, flat, state, blanks)
            pairs = zip(results, output, strict=True)
            written = [array.write(time, value) for array, value in pairs]
            return time + 1, written, following

        _, filled, last = while_loop(
            lambda time, *_: time < bound, body, (start, results, state),
            parallel_iterations=parallel, maximum_iterations=self.steps, swap_memory=swap,
        )  # fmt: skip
        outputs = [array.stack() for array in filled]
        first = TensorShape([axis_size(self.inputs, 0), axis_size(self.inputs, 1)])
        for output, size in zip(outputs, self.sizes, strict=True):
            if first.is_fully_defined():
                constant(first.as_list(), int32)
            if not isinstance(size, Tensor):
                constant(TensorShape(size).as_list(), int32)
            output.set_shape(first[:1].concatenate(known_batched_shape(self.batch_size, size)))
        return self.packed(outputs), last

    def array(self, dtype: Any, shape: TensorShape, name: str) -> TensorArray:
        """An array with a place for each step."""
        with name_scope("dynamic_rnn") as scope:
            whole_name = scope + name
        return TensorArray(
            dtype, size=self.steps, element_shape=shape, tensor_array_name=whole_name
        )

    def packed(self, outputs: list[Any]) -> Any:
        return (
            nest.pack_sequence_as(self.cell.output_size, outputs)
            if self.packed_outputs
            else (outputs[0])
        )

    def step(
        self, time: Tensor, inputs: list[Tensor], state: Any, blanks: list[Tensor]
    ) -> tuple[list[Tensor], Any]:
        """One application of the cell; what is done stays as it is."""
        is_done = None if self.lengths is None else greater_equal(time, self.lengths)
        output, following = self.cell(nest.pack_sequence_as(self.structure, inputs), state)
        nest.assert_same_structure(state, following)
        flat = nest.flatten(output)
        if is_done is None:
            return flat, following
        flat = [select_rows(is_done, b, v) for b, v in zip(blanks, flat, strict=True)]
        kept = [
            select_rows(is_done, old, new)
            for old, new in zip(nest.flatten(state), nest.flatten(following), strict=True)
        ]
        return flat, nest.pack_sequence_as(following, kept)


def bidirectional_dynamic_rnn(
    cell_fw: Any, cell_bw: Any, inputs: Any, sequence_length: Any = None,
    initial_state_fw: Any = None, initial_state_bw: Any = None, dtype: Any = None,
    parallel_iterations: int | None = None, swap_memory: bool = False, time_major: bool = False,
    scope: Any = None,
) -> Any:  # fmt: skip
    """Apply one cell forwards and another one backwards.

    Returns ((outputs forwards, outputs backwards), (final states)); the outputs backwards are in
    the order of the inputs. Arguments are those of `dynamic_rnn`.
    """
    assert_like_rnncell("cell_fw", cell_fw)
    assert_like_rnncell("cell_bw", cell_bw)
    options = {
        "sequence_length": sequence_length, "dtype": dtype, "swap_memory": swap_memory,
        "parallel_iterations": parallel_iterations, "time_major": time_major,
    }  # fmt: skip
    time_axis, batch_axis = (0, 1) if time_major else (1, 0)

    def backwards(value: Tensor) -> Tensor:
        if sequence_length is None:
            return reverse(value, axis=[time_axis])
        return reverse_sequence(value, sequence_length, seq_axis=time_axis, batch_axis=batch_axis)

    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as inner:
            output_fw, state_fw = dynamic_rnn(
                cell_fw, inputs, initial_state=initial_state_fw, scope=inner, **options
            )
        with variable_scope("bw") as inner:
            reversed_inputs = nest.map_structure(lambda v: backwards(convert_to_tensor(v)), inputs)
            made, state_bw = dynamic_rnn(
                cell_bw, reversed_inputs, initial_state=initial_state_bw, scope=inner, **options
            )
    output_bw = nest.map_structure(backwards, made)
    return (output_fw, output_bw), (state_fw, state_bw)


def raw_rnn(
    cell: Any, loop_fn: Callable[..., Any], parallel_iterations: int | None = None,
    swap_memory: bool = False, scope: Any = None,
) -> Any:  # fmt: skip
    """Apply a cell with a function that decides what goes in, comes out, and when to stop.

    Parameters
    ----------
    loop_fn : ``loop_fn(time, cell_output, cell_state, loop_state)`` returns (finished, next input,
        next cell state, what to emit, next loop state). At first it gets None for all but `time`;
        what to emit is then an example of one element, or None for what the cell gives.

    Returns
    -------
    TensorArrays of what was emitted, the last cell state, the last loop state.
    """
    assert_like_rnncell("cell", cell)
    if not callable(loop_fn):
        raise TypeError("loop_fn must be a callable")
    with variable_scope(scope or "rnn"):
        time = convert_to_tensor(0, dtype=int32)
        finished, first_input, state, emit, loop_state = loop_fn(time, None, None, None)
        flat = [convert_to_tensor(v) for v in nest.flatten(first_input)]
        batch_size = batch_size_of(flat, 0)
        first_input = nest.pack_sequence_as(first_input, flat)
        state = nest.map_structure(_as_state, state)
        structure = cell.output_size if emit is None else emit
        emitted = _Emitted(structure, flat[0].dtype, batch_size, emit is not None)
        has_loop_state = loop_state is not None
        carried = loop_state if has_loop_state else convert_to_tensor(0, dtype=int32)

        def body(
            time: Tensor, finished: Tensor, current: Any, arrays: list[TensorArray], state: Any,
            loop_state: Any,
        ) -> Any:  # fmt: skip
            output, cell_state = cell(current, state)
            nest.assert_same_structure(state, cell_state)
            following = time + 1
            is_done, next_input, next_state, emit, next_loop = loop_fn(
                following, output, cell_state, loop_state if has_loop_state else None
            )
            nest.assert_same_structure(state, next_state)
            nest.assert_same_structure(current, next_input)
            if next_loop is None:
                next_loop = loop_state
            if emit is None:
                emit = nest.map_structure(lambda v: v, emitted.zeros)
            kept = [
                select_rows(finished, convert_to_tensor(old), new)
                if not isinstance(old, TensorArray) else new
                for old, new in zip(nest.flatten(state), nest.flatten(next_state), strict=True)
            ]  # fmt: skip
            arrays = emitted.write(arrays, time, finished, emit)
            stopped = logical_or(finished, is_done)
            next_state = nest.pack_sequence_as(state, kept)
            return following, stopped, next_input, arrays, next_state, next_loop

        _, _, _, arrays, last, loop_state = while_loop(
            lambda time, finished, *_: logical_not(reduce_all(finished)), body,
            (time, convert_to_tensor(finished), first_input, emitted.arrays, state, carried),
            parallel_iterations=parallel_iterations or 32, swap_memory=swap_memory,
        )  # fmt: skip
        made = emitted.packed(arrays)
        return made, last, loop_state if has_loop_state else None


class _Emitted:
    """What a `raw_rnn` emits: arrays that grow by an element a step."""

    def __init__(self, structure: Any, dtype: Any, batch_size: Any, is_example: bool) -> None:
        self.structure = structure
        flat = [structure] if isinstance(structure, TensorShape) else nest.flatten(structure)
        self.single = not nest.is_sequence(structure) or isinstance(structure, TensorShape)
        values = [convert_to_tensor(v) for v in flat] if is_example else []
        sizes = [v.shape for v in values] if is_example else flat
        types = [v.dtype for v in values] if is_example else [dtype] * len(flat)
        pairs = list(zip(sizes, types, strict=True))
        self.arrays = [
            TensorArray(
                t, dynamic_size=True, size=0, name=f"rnn_output_{k}",
                element_shape=TensorShape([None]).concatenate(
                    s if isinstance(s, TensorShape) else TensorShape([s])
                ),
            )
            for k, (s, t) in enumerate(pairs)
        ]  # fmt: skip
        if is_example:  # sizes that are not known are read of the example
            sizes = [v.shape if v.shape.is_fully_defined() else shape_of(v) for v in values]
        self.flat_zeros = [
            zeros(batched_shape(batch_size, s), dtype=t) for s, t in zip(sizes, types, strict=True)
        ]

    @property
    def zeros(self) -> Any:
        return self.packed(self.flat_zeros)

    def packed(self, values: Sequence[Any]) -> Any:
        return values[0] if self.single else nest.pack_sequence_as(self.structure, values)

    def write(self, arrays: Any, time: Tensor, finished: Tensor, emit: Any) -> list[TensorArray]:
        """The arrays with what is emitted, zeros where a sequence was finished before."""
        rows = zip(arrays, self.flat_zeros, nest.flatten(emit), strict=True)
        return [a.write(time, select_rows(finished, blank, v)) for a, blank, v in rows]
