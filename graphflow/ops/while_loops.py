"""Loops: `while_loop`, made of TensorFlow 1.x's own operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow.graph import nest
from graphflow.graph.contexts import LoopVariable, WhileContext
from graphflow.graph.convert import convert_to_tensor, convert_to_tensor_or_indexed_slices
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.comparison import logical_and
from graphflow.ops.control_flow_ops import (
    exit_loop,
    loop_cond,
    merge,
    next_iteration,
    switch_ref_or_tensor,
)
from graphflow.ops.identity import identity

__all__ = ["add_loop_variable", "build_loop", "count_rounds", "while_loop"]


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """Repeat `body` for as long as `cond` holds; returns the loop variables at the end.

    They come in the structure that `body` returns.

    Parameters
    ----------
    cond : takes the loop variables, returns a bool scalar tensor.
    body : takes the loop variables, returns their next values in the same structure.
    loop_vars : their first values: tensors, TensorArrays, or nested structures of them.
    shape_invariants : for each variable the shape that holds in all rounds, where that is less
        than the first value's.
    parallel_iterations, swap_memory : accepted; rounds run one after the other.
    maximum_iterations : a limit on the number of rounds.
    return_same_structure : return a list for a list of one.

    Raises
    ------
    TypeError : `cond` or `body` is not callable.
    ValueError : no variables; a variable's shape or the structure changes in the body.
    """
    if not callable(cond):
        raise TypeError("cond must be callable.")
    if not callable(body):
        raise TypeError("body must be callable.")
    if parallel_iterations < 1:
        raise TypeError("parallel_iterations must be a positive integer.")
    with name_scope(name, "while", nest.flatten(loop_vars)):
        if not loop_vars:
            raise ValueError("No loop variables provided")
        single = len(loop_vars) == 1 and not return_same_structure
        if maximum_iterations is not None:
            limit = convert_to_tensor(maximum_iterations, name="maximum_iterations")
            if limit.shape.rank not in (None, 0):
                raise ValueError(f"maximum_iterations must be a scalar, saw shape: {limit.shape}")
            counter = convert_to_tensor(0, dtype=limit.dtype, name="iteration_counter")
            loop_vars, cond, body = _counted(loop_vars, cond, body, counter, limit, single)
            if shape_invariants is not None:
                invariants = shape_invariants[0] if single else shape_invariants
                shape_invariants = (TensorShape([]), invariants)
        if shape_invariants is not None:
            nest.assert_same_structure(
                nest.map_structure(lambda x: 0, loop_vars), _masked(shape_invariants, loop_vars)
            )
        context = WhileContext(
            get_default_graph(), "while_context", parallel_iterations, back_prop,
            swap_memory, maximum_iterations,
        )  # fmt: skip
        result = build_loop(context, cond, body, loop_vars, shape_invariants)
        if maximum_iterations is not None:
            return result[1]
        alone = len(nest.flatten(loop_vars)) == 1 and not return_same_structure
        return result[0] if alone else result


def build_loop(
    context: WhileContext, cond: Any, body: Any, loop_vars: Any, shape_invariants: Any = None
) -> Any:
    """Make a loop's operations in a context of its own; returns the variables at the end."""
    return _LoopBuilder(context, loop_vars, shape_invariants).build(cond, body)


def _counted(
    loop_vars: Any, cond: Any, body: Any, counter: Tensor, limit: Tensor, single: bool
) -> Any:
    """The loop with a counter as its first variable."""
    if single:
        return (
            (counter, loop_vars[0]),
            lambda i, v: logical_and(i < limit, cond(v)),
            lambda i, v: (i + 1, body(v)),
        )
    return (
        (counter, loop_vars),
        lambda i, v: logical_and(i < limit, _applied(cond, v)),
        lambda i, v: (i + 1, _applied(body, v)),
    )


def _applied(function: Any, values: Any) -> Any:
    return function(**values) if isinstance(values, dict) else function(*values)


def _masked(shapes: Any, structure: Any) -> Any:
    """Zeros in place of shapes, which may be lists themselves."""
    if not nest.is_sequence(structure):
        return 0
    if isinstance(structure, dict):
        return {key: _masked(shapes[key], structure[key]) for key in structure}
    if len(shapes) != len(structure):
        return [0] * len(shapes)
    parts = [_masked(s, v) for s, v in zip(shapes, structure, strict=True)]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def is_tensor_array(value: Any) -> bool:
    """Whether a loop variable is a TensorArray, which goes through the loop as its flow."""
    return hasattr(value, "flow") and hasattr(value, "handle")


class _LoopBuilder:
    """Makes the operations of one loop."""

    def __init__(self, context: WhileContext, loop_vars: Any, shape_invariants: Any) -> None:
        self.context, self.graph = context, context.graph
        self.structure = loop_vars
        self.originals = nest.flatten(loop_vars)
        self.values = [self.as_tensor(v) for v in self.originals]
        self.shapes: list[Any] = [None] * len(self.values)
        if shape_invariants is not None:
            self.shapes = nest.flatten_up_to(loop_vars, shape_invariants, check_types=False)

    def as_tensor(self, value: Any) -> Tensor:
        if is_tensor_array(value):
            return value.flow
        made = convert_to_tensor_or_indexed_slices(value)
        return convert_to_tensor(made) if isinstance(made, IndexedSlices) else made

    def packed(self, tensors: Sequence[Tensor]) -> Any:
        """The loop variables as the user's functions take them."""
        return self.packed_as(self.structure, tensors)

    def packed_as(self, structure: Any, tensors: Sequence[Tensor]) -> Any:
        values = [
            original.with_flow(t) if is_tensor_array(original) else t
            for original, t in zip(self.originals, tensors, strict=True)
        ]
        return nest.pack_sequence_as(structure, values)

    def build(self, cond: Any, body: Any) -> Any:
        context, graph = self.context, self.graph
        outside = [context.from_outside(v) for v in self.values]
        waiting = graph._control_inputs_for({v.op for v in outside})
        with graph.control_dependencies(None):
            enters = [self.enter(v, s) for v, s in zip(outside, self.shapes, strict=True)]
            for enter in enters:
                enter._add_control_inputs(waiting)
            with context.active():
                merges = [merge([e.outputs[0], e.outputs[0]])[0] for e in enters]
                context.pivot = merges[0].op
                flag = convert_to_tensor(_applied(cond, self.packed(merges)))
                context.loop_cond = loop_cond(flag, name="LoopCond")
                switches = [switch_ref_or_tensor(m, context.loop_cond) for m in merges]
                inside = [identity(s[1]) for s in switches]
                context.pivot = inside[0].op
                for e, m, s, i in zip(enters, merges, switches, inside, strict=True):
                    context.variables.append(LoopVariable(e, m.op, s[0].op, i))
                made = _applied(body, self.packed(inside))
                made = made if nest.is_sequence(made) else [made]
                results = self.body_results(made, inside)
                for variable, value in zip(context.variables, results, strict=True):
                    close(variable, value)
                for variable in context.variables:
                    variable.exit = exit_loop(variable.switch.outputs[0])
        self.forbid_fetching(enters)
        exits = [v.exit.outputs[0] for v in context.variables if v.exit]
        if any(is_tensor_array(v) and v.dynamic_size for v in self.originals):
            before = graph._last_id
            count_rounds(context)  # an array's size may depend on it
            context.early_operations = graph._last_id - before
            graph._early_operations += context.early_operations
        return self.packed_as(made, exits)

    def forbid_fetching(self, enters: Sequence[Any]) -> None:
        for op in self.graph.get_operations()[-1::-1]:
            if op is enters[0]:
                break
            if op._control_flow_context is not None and op.type != "Exit":
                if self.context.owns(op):
                    self.graph.prevent_fetching(op)

    def enter(self, value: Tensor, invariant: Any) -> Any:
        enter = self.context.make_enter(value, is_constant=False, name="Enter")
        if invariant is not None:
            shape = TensorShape(invariant)
            if not _is_at_most(value.shape, shape):
                raise ValueError(
                    f"The shape invariant specified for {value.name} is not compatible with the "
                    f"initial shape of the loop variable. It enters the loop with shape "
                    f"{value.shape}, but the specified shape invariant is {shape}."
                )
            enter.outputs[0]._shape = shape
        return enter

    def body_results(self, made: Any, inside: Sequence[Tensor]) -> list[Tensor]:
        packed = self.packed(inside)
        if isinstance(made, dict) or isinstance(packed, dict):
            nest.assert_same_structure(packed, made)
        else:
            nest.assert_same_structure(list(packed), list(made))
        return [self.context.capture(self.as_tensor(v)) for v in nest.flatten(made)]


def close(variable: LoopVariable, value: Tensor) -> None:
    """Give a loop variable its next value.

    Raises
    ------
    ValueError : the value's shape is not one that the variable may have.
    """
    merged = variable.merge.outputs[0]
    if not _is_at_most(value.shape, merged.shape):
        start = variable.enter.inputs[0]
        raise ValueError(
            f"Input tensor '{start.name}' enters the loop with shape {start.shape}, but has shape "
            f"{value.shape} after one iteration. To allow the shape to vary across iterations, use "
            "the `shape_invariants` argument of tf.while_loop to specify a less-specific shape."
        )
    variable.next = value
    variable.merge._update_input(1, next_iteration(value))


def _is_at_most(shape: TensorShape, limit: TensorShape) -> bool:
    """Whether every value of the one shape is one of the other."""
    if limit.rank is None:
        return True
    if shape.rank != limit.rank:
        return False
    pairs = zip(shape.as_list(), limit.as_list(), strict=True)
    return all(wanted is None or wanted == got for got, wanted in pairs)


def add_loop_variable(
    context: WhileContext, start: Tensor, advance: Callable[[Tensor], Tensor]
) -> LoopVariable:
    """Add a variable to a finished loop, as gradients do; `advance` makes its next value."""
    graph = context.graph
    assert context.loop_cond is not None
    enter = context.make_enter(start, is_constant=False, name="Enter")
    with graph.control_dependencies(None), context.active():
        merged = merge([enter.outputs[0], enter.outputs[0]])[0]
        sides = switch_ref_or_tensor(merged, context.loop_cond)
        variable = LoopVariable(enter, merged.op, sides[0].op, identity(sides[1]))
        context.variables.append(variable)
        close(variable, advance(variable.body_value))
        variable.exit = exit_loop(sides[0])
    return variable


def count_rounds(loop: WhileContext) -> LoopVariable:
    """The variable that counts a loop's rounds, added to the loop on first use.

    TensorFlow adds it for the first gradient: from then on its operations count in seeds.
    """
    loop.graph._early_operations -= loop.early_operations
    loop.early_operations = 0
    if loop.counter is None:
        with made_in(loop.outer, loop), name_scope("f_count"):
            zero = convert_to_tensor(0)
        loop.counter = add_loop_variable(loop, zero, lambda count: count + 1)
    return loop.counter


@contextmanager
def made_in(context: Any, like: WhileContext) -> Any:
    """Make operations in a region, whatever region is active."""
    graph = like.graph
    with graph.control_dependencies(None):
        graph._set_control_flow_context(context)
        yield
