"""Tracing: a pruned graph with typed feeds becomes a Program.

Every operation is lowered once, in the order of `prune.execution_order`. Shapes are concrete, or
symbolic in the dimensions in which the feeds' are.
Variables are functionalised: reading one gives its current node, writing one replaces that node,
and the last is the Program's update. A reference (a variable's own output, an assignment's) is read
when it is used, so that an operation that waits for an assignment sees its value.

An operation whose result's shape depends on data can't be traced. `trace` then raises `Split`, and
the session runs what comes before first, and traces again with more tensors known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.dtypes import DType, uint64
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import NeedsValue
from graphflow.ir.dims import Dim, Shape
from graphflow.ir.node import Node, Program, SourceTable, Update
from graphflow.ir.prims.effects import HostFunction
from graphflow.ir.types import TensorType
from graphflow.trace.array_builder import ArrayBuilder
from graphflow.trace.arrays import ARRAY_VALUES, WITHOUT_ELEMENTS, ElementList, UnwrittenArray
from graphflow.trace.late_shapes import lowered
from graphflow.trace.prune import needed_operations
from graphflow.trace.units import Choice, Loop, ordered_units

_MASK64 = (1 << 64) - 1
_NO_ARRAYS: Mapping[Tensor, Any] = {}
# Of an array that nothing was written to, which is zero, these give the array, or the other one.
_OF_ZEROS = ("ZerosLike", "Identity", "StopGradient", "Add", "AddV2", "AddN")


class Split(Exception):
    """Tracing must stop: these tensors' values, or this operation's results, are needed first.

    Attributes
    ----------
    operation : the operation that cannot be traced.
    tensors : those of its inputs whose values it needs; empty when it must run in Python.
    function : what computes the results in Python from the inputs' values.
    loop : the parts of a loop that must be run round by round.
    is_count : the tensors are the number of rounds of a loop, which a run without effects tells.
    """

    def __init__(
        self, operation: Operation, tensors: Sequence[Tensor] = (),
        function: Callable[..., Any] | None = None, loop: Any = None, is_count: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(operation.name)
        self.operation = operation
        self.tensors = tuple(tensors)
        self.function = function
        self.loop, self.is_count = loop, is_count


@dataclass(frozen=True)
class Feed:
    """What is known of a fed tensor: its type, and its value where shapes depend on it."""

    type: TensorType
    value: Any = None


@dataclass(frozen=True, eq=False)
class Traced:
    """A Program and what it assumes about the session's variables.

    Attributes
    ----------
    feeds : the fed tensors that the Program reads, in the order of its feed inputs.
    assumed : whether each variable asked about had a value.
    hidden : first values of the state that random operations keep in the session.
    speculates : whether the run ends with a `SpeculationError` for some data.
    arrays : the outputs that are arrays without elements, by position; the Program gives nothing
        of use there.
    """

    program: Program
    feeds: list[Tensor]
    assumed: dict[str, bool] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)
    speculates: bool = False
    arrays: dict[int, Any] = field(default_factory=dict)


class Tracer(ArrayBuilder):
    """The builder that operations are lowered with: pure nodes, state and effects."""

    def __init__(
        self,
        feeds: Mapping[Tensor, Feed],
        variable_type: Callable[[str], Any],
        givens: Mapping[Tensor, Tensor],
    ) -> None:
        self.feeds = feeds
        self.givens = givens
        self.variable_type = variable_type  # element type and shape of a variable with a value
        self.values: dict[Tensor, Any] = {}  # nodes, and arrays of tensors not yet written
        self.feed_inputs: dict[Tensor, Node] = {}
        self.variable_inputs: dict[str, Node] = {}
        self.state: dict[str, Node] = {}
        self.assumed: dict[str, bool] = {}
        self.hidden: dict[str, Any] = {}
        self.effects: list[Node] = []
        self.sources = SourceTable()
        self.operation: Operation | None = None
        self.calls = 0
        self.ranges: dict[Node, tuple[Dim, Dim]] = {}
        self.growing: set[Node] = set()
        self.arrays: Mapping[Tensor, Any] = {}
        self.speculations: list[Node] = []  # the conditions

    # ---- what operations ask for

    def identity(self, x: Node) -> Node:
        """The value itself."""
        return x

    def placeholder(self, op: Operation) -> Node:
        """A placeholder that is not fed is an error."""
        shape = op.attrs["shape"]
        text = (
            f"You must feed a value for placeholder tensor '{op.name}' with dtype "
            f"{_plain_name(op.attrs['dtype'])}"
        )
        if shape.rank is not None:
            text += f" and shape {_shape_text(shape)}"
        raise errors.InvalidArgumentError(None, op, text)

    def read_variable(self, op: Operation) -> Node:
        """The variable's value at this point of the run."""
        name = op.name
        if name in self.state:
            return self.state[name]
        known = self.variable_type(name)
        self.assumed[name] = known is not None
        if known is None:
            raise errors.FailedPreconditionError(
                None, op, f"Attempting to use uninitialized value {name}"
            )
        type_ = TensorType(op.attrs["dtype"], known[1])
        self.variable_inputs[name] = self.state[name] = self.input(name, "variable", type_)
        return self.state[name]

    def read_variable_or(self, op: Operation, default: Node) -> Node:
        """The variable's value, or `default` for as long as it has none."""
        return self.read_variable(op) if self.has_value(op) else default

    def write_variable(self, op: Operation, value: Node) -> Node:
        """Give the variable a new value."""
        value = self.runtime(value)
        self.state[op.name] = value
        return value

    def has_value(self, op: Operation) -> bool:
        """Whether the variable has a value at this point."""
        if op.name in self.state:
            return True
        self.assumed[op.name] = self.variable_type(op.name) is not None
        return self.assumed[op.name]

    def is_initialized(self, op: Operation) -> Node:
        """`has_value` as a constant."""
        return self.const(np.bool_(self.has_value(op)))

    def random_state(self, op: Operation, key: int, counter: int) -> Node:
        """The generator state of a random operation: a hidden variable of the session.

        A u64[4] of key (low, high) and counter (low, high); `advance_random` moves it on. `key` and
        `counter` are its first value, which the session stores before the Program runs for the
        first time: so the first run and all later ones are one Program.
        """
        name = self.state_name(op)
        if name not in self.state:
            if self.variable_type(name) is None:
                words = [key & _MASK64, key >> 64, counter & _MASK64, counter >> 64]
                self.hidden[name] = np.array(words, np.uint64)
            self.assumed[name] = True
            self.state[name] = self.input(name, "variable", TensorType(uint64, (4,)))
            self.variable_inputs[name] = self.state[name]
        return self.state[name]

    def note_written(self, name: str) -> None:
        """Take note that a variable got a new value inside a loop or branch."""

    def state_name(self, op: Operation) -> str:
        """The hidden variable of a random operation."""
        return f"{op.name}/state"

    def advance_random(self, op: Operation, steps: Dim) -> None:
        """Move the operation's generator on by that many values of its counter.

        The counter's lower half starts at zero, and 2**56 elements must be drawn before it
        overflows: the carry is left out.
        """
        name = self.state_name(op)
        step = self.shape_value([0, 0, steps, 0], uint64)
        self.state[name] = self.pointwise("add", self.state[name], step)

    def random(
        self, kind: str, dtype: DType, shape: Shape, state: Node, bounds: Sequence[Node] = ()
    ) -> Node:
        """Random numbers from a state; see `graphflow.ir.philox.draw`."""
        return self.make("random", state, *bounds, kind=kind, dtype=dtype, shape=tuple(shape))

    def check(self, condition: Node, error: str, message: Any, data: Sequence[Node] = ()) -> None:
        """Let the run fail with `error` unless the condition (a bool scalar) holds.

        `message` is a text, to which the data's values are added, or a function of their arrays.
        """
        if condition.op == "const":
            if bool(condition["value"].array):
                return
        describe = message if callable(message) else _Describe(message)
        node = self.make(
            "check", self.runtime(condition), *[self.runtime(d) for d in data],
            error=error, describe=describe, op=self.operation, number=self.next_number(),
        )  # fmt: skip
        self.effects.append(node)

    def speculate(self, condition: Node) -> None:
        """Go on for the case that a condition holds; a run in which it does not is done again."""
        self.speculations.append(condition)
        self.check(condition, "SpeculationError", "compiled for another case")

    def next_number(self) -> int:
        """A number that no other check or call of the run has."""
        self.calls += 1
        return self.calls

    def call_python(
        self, function: Callable[..., Any], inputs: Sequence[Node],
        types: Sequence[tuple[DType, Any]], stateful: bool = True,
    ) -> tuple[Node, ...]:  # fmt: skip
        """Call a Python function of arrays in the run; shapes of its results may be None.

        Raises
        ------
        Split : a result's shape is not known before the call.
        """
        assert self.operation is not None
        if any(shape is None for _, shape in types):
            raise Split(self.operation, function=function)
        call, results = self.host_call(
            HostFunction(self.operation.name, function), inputs,
            [TensorType(d, tuple(s)) for d, s in types], stateful,
            self.next_number() if stateful else 0,
        )  # fmt: skip
        if stateful:
            self.effects.append(call)
        return results

    # ---- the walk

    def run(self, operations: set[Operation]) -> None:
        """Lower operations, with their loops and choices, in order."""
        for unit in ordered_units(operations, self.is_given, self.givens):
            if isinstance(unit, Loop):
                self.lower_loop(unit)
            elif isinstance(unit, Choice):
                self.lower_choice(unit)
            elif not _is_reference_only(unit) or any(t in self.feeds for t in unit.inputs):
                self.lower(unit)

    def is_given(self, tensor: Tensor) -> bool:
        """Whether a tensor's value is there before the operation that makes it is lowered."""
        return tensor in self.feeds or tensor in self.arrays

    def lower_loop(self, loop: Loop) -> None:
        """Lower a whole loop."""
        from graphflow.trace.loops import lower_loop  # it traces the body with a Tracer

        lower_loop(self, loop)

    def lower_choice(self, choice: Choice) -> None:
        """Lower a whole conditional."""
        from graphflow.trace.choices import lower_choice  # it traces branches with a Tracer

        lower_choice(self, choice)

    def part_of_control_flow(self, op: Operation) -> Any:
        """Refuse an operation that means nothing apart from its loop or branch."""
        raise errors.UnimplementedError(
            None, op, f"{op.name} ({op.type}) is fetched apart from its loop or branch"
        )

    def value_of(self, tensor: Tensor, op: Operation | None = None) -> Any:
        """The node of an operation's input; None for a reference that is not read but written."""
        tensor = self.givens.get(tensor, tensor)
        if tensor in self.feeds:
            return self.feed(tensor)
        if tensor in self.arrays:
            return self.arrays[tensor]
        source = tensor.op
        if tensor.dtype._is_ref_dtype:
            if op is not None and op.definition.takes_reference and tensor is op.inputs[0]:
                return None
            return self.read_variable(_variable_of(source))
        if (
            source.type == "Identity"
            and source.inputs[0].dtype._is_ref_dtype
            and (source.inputs[0] not in self.feeds)
        ):
            return self.read_variable(_variable_of(source.inputs[0].op))
        if source.type == "Enter" and source.attrs["is_constant"] and self.reads_variable(source):
            return self.value_of(source.inputs[0])  # as it is in this round, not before the loop
        return self.values[tensor] if tensor in self.values else self.outer_value(tensor)

    def reads_variable(self, enter: Operation) -> bool:
        """Whether what enters loops as an invariant is a variable's value."""
        source = enter.inputs[0]
        while source.op.type == "Enter" and source.op.attrs["is_constant"]:
            source = source.op.inputs[0]
        is_read = source.op.type == "Identity" and source.op.inputs[0].dtype._is_ref_dtype
        return is_read and source not in self.feeds and source not in self.givens

    def outer_value(self, tensor: Tensor) -> Any:
        """The value of a tensor that was not made here."""
        text = f"Retval[0] does not have value: {tensor.name} is of a branch that is not taken"
        raise errors.InvalidArgumentError(None, tensor.op, text)

    def feed(self, tensor: Tensor) -> Node:
        """The Program's input for a fed tensor, or a constant when its value is known."""
        if tensor not in self.feed_inputs:
            feed = self.feeds[tensor]
            if feed.value is not None:
                if feed.value.dtype == object and tensor.dtype.is_integer:  # sizes, some symbolic
                    return self._const_object(feed.value, tensor.dtype.base_dtype)
                return self.const(feed.value, feed.type.dtype)
            name = tensor.op.name if tensor.value_index == 0 else tensor.name
            self.feed_inputs[tensor] = self.input(name, "feed", feed.type)
        return self.feed_inputs[tensor]

    def lower(self, op: Operation) -> None:
        """Lower one operation and note its results."""
        self.operation = op
        if op.type in ("Merge", "RefMerge"):  # of values that exist in any case
            self.values[op.outputs[0]] = self.value_of(op.inputs[0])
            self.values[op.outputs[1]] = self.const(np.int32(0))
            return
        inputs = [self.value_of(t, op) for t in op.inputs]
        if op.type in _OF_ZEROS and any(isinstance(i, ARRAY_VALUES) for i in inputs):
            self.values[op.outputs[0]] = _sum_of_arrays(op, inputs)
            return
        try:
            made = lowered(self, op, inputs)
        except NeedsValue as needed:
            raise Split(op, _culprits(op, inputs, needed.node)) from None
        except (ValueError, TypeError) as error:
            where = f"\n  op made at {op.location}" if op.location else ""
            raise errors.InvalidArgumentError(None, op, f"{error}{where}") from error
        results = made if isinstance(made, tuple) else (made,)
        for tensor, node in zip(op.outputs, results, strict=True):
            if node is not None:
                _check_sizes(op, node)
                self.values[tensor] = node
                if op.location is not None and not tensor.dtype._is_ref_dtype:
                    self.sources.record(node, op.name, op.location.place)


def _check_sizes(op: Operation, made: Any) -> None:
    """Raise InvalidArgumentError for a size below zero, which a shape that is fed may have."""
    if isinstance(made, Node) and any(isinstance(size, int) and size < 0 for size in made.shape):
        text = f"{op.name}: sizes must be >= 0, got {list(made.shape)}"
        raise errors.InvalidArgumentError(None, op, text)


class _Describe:
    """A message followed by the values of the data."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, *data: Any) -> str:
        shown = [str(d.tolist() if d.ndim else d.item()) for d in data]
        return " ".join([self.message, *shown])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Describe) and self.message == other.message

    def __hash__(self) -> int:
        return hash(self.message)


def _sum_of_arrays(op: Operation, inputs: list[Any]) -> Any:
    """What an operation of `_OF_ZEROS` gives for arrays of which some are zero, or no nodes."""
    first = inputs[0]
    if op.type == "ZerosLike" and isinstance(first, ElementList):
        return UnwrittenArray(first.dtype, first.size)
    written = [i for i in inputs if not isinstance(i, UnwrittenArray)]
    if len(written) > 1:
        raise errors.UnimplementedError(None, op, "arrays of elements of several shapes are added")
    return written[0] if written else first


def _plain_name(dtype: DType) -> str:
    return {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)


def _shape_text(shape: Any) -> str:
    sizes = ",".join("?" if d is None else str(d) for d in shape.as_list())
    return f"[{sizes}]"


def _variable_of(op: Operation) -> Operation:
    while op.inputs:
        op = op.inputs[0].op
    return op


def _culprits(op: Operation, inputs: Sequence[Node | None], node: Node) -> list[Tensor]:
    """The inputs of `op` whose values are missing: the very node, or all that are not constant."""
    exact = [t for t, n in zip(op.inputs, inputs, strict=True) if n is node]
    if exact:
        return exact
    return [
        t for t, n in zip(op.inputs, inputs, strict=True)
        if n is not None and n.op != "const" and t.dtype.is_integer
    ] or list(op.inputs)  # fmt: skip


def trace(
    fetches: Sequence[Tensor],
    targets: Sequence[Operation],
    feeds: Mapping[Tensor, Feed],
    done: set[Operation],
    variable_type: Callable[[str], Any],
    givens: Mapping[Tensor, Tensor],
    arrays: Mapping[Tensor, Any] = _NO_ARRAYS,
    speculates: bool = False,
    gives_arrays: bool = False,
) -> Traced:
    """Trace the operations that the fetches and targets need.

    Parameters
    ----------
    fetches : tensors whose values are wanted; references give the value at the end of the run.
    targets : operations to run.
    feeds : fed tensors.
    done : operations that ran before, in an earlier part of the run.
    variable_type : element type and shape of a variable that has a value, else None.
    givens : tensors to be read in place of others.
    arrays : values of tensors that stand for arrays of tensors without elements.
    speculates : whether a case that a run's data decides may be taken for granted. It is not where
        Python is called for its effects, since these would be there twice.
    gives_arrays : whether arrays without elements may be fetched, by another part of the run.

    Raises
    ------
    Split : something must be run first.
    errors.OpError : a placeholder is not fed, a variable has no value, shapes do not fit.
    """
    read = [givens.get(t, t) for t in fetches]
    given = {**feeds, **arrays}
    wanted = [*targets, *(t.op for t in read if t not in given)]
    needed = needed_operations(wanted, given, done, givens)
    tracer = Tracer(feeds, variable_type, givens)
    tracer.arrays, tracer.speculates = arrays, speculates
    tracer.run(needed)
    if tracer.speculations and any(e.op == "effect_call" for e in tracer.effects):
        return trace(
            fetches, targets, feeds, done, variable_type, givens, arrays, gives_arrays=gives_arrays
        )
    given_arrays = _unwritten(tracer, fetches) if gives_arrays else {}
    nothing = tracer.const(np.int32(0))
    outputs = [
        nothing if k in given_arrays else tracer.runtime(_fetched(tracer, t))
        for k, t in enumerate(fetches)
    ]
    updates = [
        Update(name, node) for name, node in tracer.state.items()
        if tracer.variable_inputs.get(name) is not node
    ]  # fmt: skip
    inputs = (*tracer.feed_inputs.values(), *tracer.variable_inputs.values())
    program = Program(inputs, tuple(outputs), tuple(updates), tuple(tracer.effects), tracer.sources)
    speculated = bool(tracer.speculations)
    return Traced(
        program, list(tracer.feed_inputs), tracer.assumed, tracer.hidden, speculated, given_arrays
    )


def _is_reference_only(op: Operation) -> bool:
    """Variables and their cached reads do nothing by themselves: they are read where used."""
    if op.type in ("VariableV2", "TemporaryVariable", "RefSwitch", "RefEnter"):
        return True
    return op.type == "Identity" and op.inputs[0].dtype._is_ref_dtype


def _unwritten(tracer: Tracer, fetches: Sequence[Tensor]) -> dict[int, Any]:
    """The arrays without elements among what is fetched, by position."""
    values = [tracer.value_of(t) for t in fetches]
    return {k: v for k, v in enumerate(values) if isinstance(v, WITHOUT_ELEMENTS)}


def _fetched(tracer: Tracer, tensor: Tensor) -> Node:
    node = tracer.value_of(tensor)
    if isinstance(node, ElementList):
        raise errors.UnimplementedError(
            None, tensor.op, f"{tensor.name}: an array of elements of several shapes is fetched"
        )
    if isinstance(node, ARRAY_VALUES):
        raise errors.UnimplementedError(
            None, tensor.op, f"{tensor.name}: an array that has no elements of its own is fetched"
        )
    assert node is not None
    return node
