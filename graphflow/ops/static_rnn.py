"""Recurrent networks over lists of tensors, one per step, without a loop in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies
from graphflow.ops.comparison import greater_equal
from graphflow.ops.creation import zeros
from graphflow.ops.identity import identity
from graphflow.ops.joining import stack, unstack
from graphflow.ops.rnn import (
    batch_size_of,
    bidirectional_dynamic_rnn,
    checked_lengths,
    initial_state_of,
    select_rows,
)
from graphflow.ops.rnn_cell_base import batched_shape
from graphflow.ops.rnn_wrappers import assert_like_rnncell
from graphflow.ops.slicing import concat, reverse_sequence
from graphflow.ops.variable_scope import variable_scope

__all__ = ["static_bidirectional_rnn", "static_rnn", "static_state_saving_rnn"]


def _check_inputs(inputs: Any) -> None:
    if not nest.is_sequence(inputs):
        raise TypeError("inputs must be a sequence")
    if not inputs:
        raise ValueError("inputs must not be empty")


def static_rnn(
    cell: Any, inputs: Sequence[Any], initial_state: Any = None, dtype: Any = None,
    sequence_length: Any = None, scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """Apply a cell to each of `inputs`; returns (list of outputs, final state).

    Parameters
    ----------
    inputs : a list with a tensor of shape [batch, size], or a structure of them, for each step.
    initial_state : zeros of `dtype` when None.
    sequence_length : beyond it, outputs are zeros and states stay as they are.

    Raises
    ------
    TypeError : `cell` is no cell, `inputs` no list.
    ValueError : no inputs; neither `initial_state` nor `dtype`.
    """
    assert_like_rnncell("cell", cell)
    _check_inputs(inputs)
    outputs = []
    with variable_scope(scope or "rnn") as inner:
        first = [convert_to_tensor(v) for v in nest.flatten(inputs[0])]
        for value in first:
            if value.shape.rank is not None and None in value.shape.as_list()[1:]:
                raise ValueError(
                    "Input size (second dimension of inputs[0]) must be accessible via shape "
                    "inference, but saw value None."
                )
        batch_size = batch_size_of(first, 0)
        state = initial_state_of(cell, initial_state, batch_size, dtype)
        lengths = None if sequence_length is None else checked_lengths(sequence_length)
        for time, value in enumerate(inputs):
            if time > 0:
                inner.reuse_variables()
            output, following = cell(value, state)
            if lengths is not None:
                is_done = greater_equal(time, lengths)
                sizes, flat = nest.flatten(cell.output_size), nest.flatten(output)
                blanks = [
                    zeros(batched_shape(batch_size, size), value.dtype)
                    for size, value in zip(sizes, flat, strict=True)
                ]
                output = nest.map_structure(
                    lambda b, v, is_done=is_done: select_rows(is_done, b, v),
                    nest.pack_sequence_as(output, blanks), output,
                )  # fmt: skip
                following = nest.map_structure(
                    lambda o, n, is_done=is_done: select_rows(is_done, o, n), state, following
                )
            outputs.append(output)
            state = following
    return outputs, state


def static_state_saving_rnn(
    cell: Any, inputs: Sequence[Any], state_saver: Any, state_name: Any,
    sequence_length: Any = None, scope: Any = None,
) -> tuple[list[Any], Any]:  # fmt: skip
    """`static_rnn` with a state that `state_saver` keeps between runs.

    Parameters
    ----------
    state_saver : an object with ``state(name)`` and ``save_state(name, value)``.
    state_name : a name, or a tuple of them in the structure of the state.

    Raises
    ------
    ValueError : the names are not as many as the parts of the state.
    """
    size = cell.state_size
    if nest.is_sequence(size) != nest.is_sequence(state_name):
        raise ValueError(
            "state_name should be the same type as cell.state_size.  "
            f"state_name: {state_name}, cell.state_size: {size}"
        )
    names = nest.flatten(state_name)
    if len(names) != len(nest.flatten(size)):
        raise ValueError(f"#elems(state_name) != #elems(state_size): {state_name} vs. {size}")
    start = nest.pack_sequence_as(size, [state_saver.state(name) for name in names])
    outputs, state = static_rnn(
        cell, inputs, initial_state=start, sequence_length=sequence_length, scope=scope
    )
    pairs = zip(names, nest.flatten(state), strict=True)
    saves = [state_saver.save_state(name, value) for name, value in pairs]
    with control_dependencies(saves):
        outputs[-1] = nest.map_structure(identity, outputs[-1])
        state = nest.map_structure(identity, state)
    return outputs, state


def _reversed(values: Sequence[Any], lengths: Any) -> list[Any]:
    """A list of steps from the last to the first, within each sequence's length."""
    if lengths is None:
        return list(reversed(values))
    columns = zip(*(nest.flatten(v) for v in values), strict=True)
    turned = [
        unstack(reverse_sequence(stack(list(column)), lengths, seq_axis=0, batch_axis=1),
                num=len(values))
        for column in columns
    ]  # fmt: skip
    rows = zip(*turned, strict=True)
    return [nest.pack_sequence_as(values[0], list(row)) for row in rows]


def static_bidirectional_rnn(
    cell_fw: Any, cell_bw: Any, inputs: Sequence[Any], initial_state_fw: Any = None,
    initial_state_bw: Any = None, dtype: Any = None, sequence_length: Any = None, scope: Any = None,
) -> tuple[list[Any], Any, Any]:  # fmt: skip
    """Apply one cell forwards and another one backwards.

    Returns (outputs of both, joined; final state forwards; final state backwards).
    """
    assert_like_rnncell("cell_fw", cell_fw)
    assert_like_rnncell("cell_bw", cell_bw)
    _check_inputs(inputs)
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as inner:
            output_fw, state_fw = static_rnn(
                cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=inner
            )
        with variable_scope("bw") as inner:
            turned = _reversed(inputs, sequence_length)
            made, state_bw = static_rnn(
                cell_bw, turned, initial_state_bw, dtype, sequence_length, scope=inner
            )
    output_bw = _reversed(made, sequence_length)
    outputs = [
        nest.map_structure(lambda f, b: concat([f, b], 1), forwards, backwards)
        for forwards, backwards in zip(output_fw, output_bw, strict=True)
    ]
    return outputs, state_fw, state_bw


def stack_bidirectional_dynamic_rnn(
    cells_fw: Sequence[Any], cells_bw: Sequence[Any], inputs: Any,
    initial_states_fw: Any = None, initial_states_bw: Any = None, dtype: Any = None,
    sequence_length: Any = None, parallel_iterations: int | None = None,
    time_major: bool = False, scope: Any = None, swap_memory: bool = False,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Several bidirectional layers, each on the joined outputs of the one before.

    Returns (outputs, states forwards, states backwards).
    """
    if not cells_fw or not cells_bw or len(cells_fw) != len(cells_bw):
        raise ValueError("Forward and Backward cells must have the same depth.")
    states: tuple[list[Any], list[Any]] = ([], [])
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for number, (forwards, backwards) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{number}"):
                (output_fw, output_bw), made = bidirectional_dynamic_rnn(
                    forwards, backwards, inputs, sequence_length,
                    initial_states_fw[number] if initial_states_fw else None,
                    initial_states_bw[number] if initial_states_bw else None, dtype,
                    parallel_iterations, swap_memory, time_major,
                )  # fmt: skip
                inputs = concat([output_fw, output_bw], 2)
            for kept, state in zip(states, made, strict=True):
                kept.append(state)
    return inputs, tuple(states[0]), tuple(states[1])
