"""Executables: a compiled Program bound to memory, ready to be called.

An `Instance` is one table of pointers over one arena, with the variables' memory of one session,
for one set of sizes. A plan without host calls is one native run, and its instance is a native
callable; with host calls it is a sequence of native segments with Python between them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.codegen import runner
from graphflow.codegen.jit import compile_module, load_object
from graphflow.codegen.object_cache import cached_object
from graphflow.codegen.target import host_target
from graphflow.compiler import CompiledProgram
from graphflow.ir.dims import evaluate
from graphflow.ir.node import Node
from graphflow.runtime.call import Binding, Call, PythonCall, RunGuard
from graphflow.runtime.fastcall import make_callable
from graphflow.runtime.interrupts import monitor_address, raise_stopped
from graphflow.runtime.memory import allocate, allocate_array, check_available
from graphflow.runtime.pool import ThreadPool, get_pool
from graphflow.runtime.records import Encoder, Scope, Step, make_scopes
from graphflow.runtime.variables import VariableStore
from graphflow.schedule.plan import OBJECT_KINDS, Slot, Task, assign_offsets

Array = np.ndarray[Any, Any]

GIL_CYCLES = 100_000  # a plan below this keeps the GIL

_runner: list[Any] = []


def runner_address() -> int:
    """The address of the native function that runs plans."""
    if not _runner:
        target = host_target()
        code = load_object(
            cached_object("runner", lambda: compile_module(runner.build_runner(), target)), target
        )
        _runner.append(code)
        code_address = code.address(runner.NAME)
        _runner.append(code_address)
    return int(_runner[1])


@dataclass(frozen=True)
class Unread:
    """What is known of an argument that a plan does not read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def is_object(node: Node) -> bool:
    """Whether a value is kept as Python objects."""
    return node.dtype.kind in OBJECT_KINDS


@dataclass(eq=False)
class Segment:
    """Native steps, then a host call (or none at the end)."""

    tasks: list[Task] = field(default_factory=list)
    host: Task | None = None


def segments_of(tasks: Sequence[Task]) -> list[Segment]:
    """Cut the steps at host calls."""
    segments = [Segment()]
    for task in tasks:
        if task.kind == "host":
            segments[-1].host = task
            segments.append(Segment())
        else:
            segments[-1].tasks.append(task)
    return segments


class Instance:
    """One arena, one table, one set of sizes. Not reentrant: the caller holds a lock.

    `is_sparse` where little of the arena is used, because a GPU has the rest: then it may be larger
    than the memory that is left.
    """

    def __init__(
        self, compiled: CompiledProgram, store: VariableStore, symbols: Mapping[str, int],
        is_sparse: bool = False,
    ) -> None:  # fmt: skip
        self.compiled, self.store, self.symbols = compiled, store, dict(symbols)
        self.is_sparse = is_sparse
        self.pool: ThreadPool = get_pool(compiled.options.threads, cached_object)
        self.scope, count = make_scopes(compiled, runner.FIRST_SLOT)
        self.sizes = {name: count + k for k, name in enumerate(compiled.symbols)}
        count += len(self.sizes)
        self.numbers = {number: count + k for k, number in enumerate(compiled.numbers)}
        self.unread_position = count + len(self.numbers)  # for arguments that nothing reads
        self.table = np.zeros(self.unread_position + 1, np.int64)
        self.keep: list[Any] = [compiled]
        self.guard = RunGuard()
        self.variables: dict[int, Array] = {}
        self.objects: dict[Node, Any] = {}  # text and other Python values of the current run
        self.pending: dict[str, Array] = {}  # memory of variables that change their shape
        self.owners: dict[Segment, list[Step]] = {}
        self.cycles = 0.0
        self.checks: list[tuple[Scope, Task]] = []
        self.arena_bytes = 0
        for scope in self.scope.every():
            self.fill_table(scope)
        for name, position in self.sizes.items():
            self.table[position] = self.symbols[name]
        for number, position in self.numbers.items():
            self.table[position] = number
        self.segments = segments_of(compiled.tasks)
        self.records = [self.encode(s, s is self.segments[-1]) for s in self.segments]
        widest = max((int(r[1 + 8 * k + 2]) for r in self.records for k in range(int(r[0]))),
                     default=1)  # fmt: skip
        self.arguments = np.zeros(max(widest, 1), np.int64)
        self.table[0] = self.records[0].ctypes.data
        self.table[1] = self.arguments.ctypes.data
        self.table[runner.MONITOR] = monitor_address()

    # ---- the table

    def fill_table(self, scope: Scope) -> None:
        """Addresses of all that a scope owns, but feeds and outputs of the whole."""
        memory = scope.compiled.memory
        offsets, arena_bytes = assign_offsets(memory, self.symbols)
        arena = allocate(arena_bytes, is_checked=not self.is_sparse)
        self.keep.append(arena)
        self.arena_bytes += arena_bytes
        for slot in scope.owned:
            home = slot.home()
            position = scope.positions[slot]
            if home.kind == "arena":
                self.table[position] = arena.ctypes.data + offsets[home]
            elif home.kind == "variable":
                array = self.variable_memory(home)
                self.variables[home.number] = array
                self.table[position] = array.ctypes.data
            elif home.kind == "constant":
                assert home.node is not None
                array = constant_array(home.node)
                self.keep.append(array)
                self.table[position] = array.ctypes.data
            elif home.kind == "output" and scope is not self.scope:
                array = allocate(evaluate(slot.type.nbytes, self.symbols))
                self.keep.append(array)
                self.table[position] = array.ctypes.data

    def variables_unchanged(self) -> bool:
        """Whether the variables still lie where this instance's table points."""
        slots = {s.number: s for s in self.compiled.memory.slots}
        return all(self.store.lies_in(slots[k].name, a) for k, a in self.variables.items())

    def variable_memory(self, slot: Slot) -> Array:
        shape = tuple(evaluate(d, self.symbols) for d in slot.type.shape)
        if slot.node is None and self.store.is_initialized(slot.name):
            known = self.store.type_of(slot.name)
            if known is not None and known[1] != shape:
                if slot.name not in self.pending:
                    dtype = slot.type.dtype.numpy
                    self.pending[slot.name] = allocate_array(dtype, shape, slot.name)
                return self.pending[slot.name]
        return self.store.memory(slot.name, slot.type.dtype, shape)

    def commit(self) -> None:
        """After a successful run: variables take the memory and the objects made for them."""
        for name, array in self.pending.items():
            self.store.adopt(name, array)
        for update in self.compiled.program.updates:
            if is_object(update.value):
                self.store.adopt(update.variable, np.asarray(self.read(update.value), object))

    @property
    def has_objects(self) -> bool:
        """Whether values of the run are Python objects, so that Python must pass them on."""
        program = self.compiled.program
        values = (*program.inputs, *program.outputs, *(u.value for u in program.updates))
        return any(is_object(v) for v in values)

    def shape_of(self, node: Node) -> tuple[int, ...]:
        """A node's shape for this instance's sizes."""
        return tuple(evaluate(d, self.symbols) for d in node.shape)

    def position(self, slot: Slot) -> int:
        """A slot's position in the table."""
        return self.scope.positions[slot]

    # ---- the steps

    def encode(self, segment: Segment, is_last: bool) -> Array:
        """The records of a segment's steps; see `codegen.runner`."""
        encoder = Encoder(
            self.symbols, self.sizes, self.numbers, self.pool, self.slots_array, self.note_check
        )
        for task in segment.tasks:
            encoder.task(self.scope, task)
        if is_last:
            encoder.copies(self.scope)
        self.owners[segment] = encoder.owners
        self.cycles += encoder.cycles
        return encoder.packed()

    def steps_of(self, segment: Segment) -> list[Step]:
        """For each record of a segment the step that it is part of."""
        return self.owners[segment]

    def slots_array(self, positions: list[int]) -> int:
        array = np.array(positions or [0], np.int64)
        self.keep.append(array)
        return int(array.ctypes.data)

    def note_check(self, scope: Scope, task: Task) -> int:
        """Remember a check; its status is its number."""
        self.checks.append((scope, task))
        return len(self.checks)

    # ---- errors

    def raise_failure(self, status: int) -> None:
        """Raise the error of a failed check, with the message made from its data."""
        if status in (runner.TIMED_OUT, runner.INTERRUPTED):
            raise_stopped(status, self.table)
        if not 0 < status <= len(self.checks):
            raise errors.InternalError(None, None, f"the run ended with status {status}")
        scope, task = self.checks[status - 1]
        node = task.node
        assert node is not None
        data = [self.read(i, scope) for i in node.inputs[1:]]
        raise getattr(errors, node["error"])(None, node["op"], node["describe"](*data))

    def reader(
        self, node: Node, scope: Scope | None = None, copies: bool = True
    ) -> Callable[[], Array]:
        """A function that gives a copy of a stored value as it then is, or the memory itself."""
        if node.op == "const":
            constant = constant_array(node).reshape(self.shape_of(node))
            return lambda: constant if is_object(node) else constant.copy()
        if is_object(node):
            return lambda: self.objects[node]
        shape, dtype = self.shape_of(node), node.dtype.numpy
        nbytes = int(evaluate(node.type.nbytes, self.symbols))
        if nbytes == 0:
            return lambda: np.zeros(shape, dtype)
        table, position = self.table, (scope or self.scope).of(node)

        def look() -> Array:
            memory: Any = (ctypes.c_char * nbytes).from_address(int(table[position]))
            view = np.frombuffer(memory, dtype).reshape(shape)
            view.flags.writeable = False
            return view

        def read() -> Array:
            made = np.empty(shape, dtype)
            ctypes.memmove(made.ctypes.data, int(table[position]), nbytes)
            return made

        return read if copies else look

    def read(self, node: Node, scope: Scope | None = None) -> Array:
        """A copy of a stored value as it now is."""
        return self.reader(node, scope)()

    def writer(self, node: Node) -> Callable[[Any], None]:
        """A function that puts a host call's result where the plan expects it.

        It raises an InvalidArgumentError for another shape than the plan was compiled for.
        """
        if is_object(node):
            return lambda value: self.objects.__setitem__(node, np.asarray(value, dtype=object))
        expected, dtype = self.shape_of(node), node.dtype.numpy
        slot = self.compiled.memory.by_node[node]
        table, position, may_move = self.table, self.position(slot), slot in self.movable

        def write(value: Any) -> None:
            array = np.asarray(value, dtype=dtype, order="C")
            if array.shape != expected:
                raise errors.InvalidArgumentError(
                    None, None, f"a call returned shape {array.shape}, expected {expected}"
                )
            if may_move:
                array = array if array.flags.aligned else array.copy()
                table[position] = array.ctypes.data
                self.objects[node] = array  # for as long as the run reads it
            else:
                ctypes.memmove(int(table[position]), array.ctypes.data, array.nbytes)

        return write

    @cached_property
    def movable(self) -> set[Slot]:
        """The slots that may lie elsewhere in each run: nothing else has their memory.

        A GPU's steps know addresses beforehand.
        """
        if self.is_sparse:
            return set()
        slots = self.scope.owned
        taken = {s.home() for s in slots if s.shares is not None}
        return {s for s in slots if s.kind == "arena" and s.shares is None and s not in taken}

    # ---- calls

    def feeds(self) -> list[Node]:
        """The Program's inputs that a caller gives, in order."""
        return [n for n in self.compiled.program.inputs if n["source"] == "feed"]

    def binding(self, feed: Node | Unread) -> Binding:
        """Where an argument goes; nothing reads the address of an array of texts."""
        if isinstance(feed, Unread):
            return Binding(self.unread_position, feed.dtype, feed.shape)
        slot = self.compiled.memory.by_node.get(feed)
        position = self.unread_position if slot is None else self.position(slot)
        return Binding(position, feed.dtype.numpy, self.shape_of(feed))

    def callable(
        self, feeds: Sequence[Node | Unread], items: Sequence[int | None], form: str,
        fallback: Callable[..., Any] | None, after: Callable[[], None] | None = None,
        kind: Callable[..., Any] | None = None,
    ) -> Callable[..., Any]:  # fmt: skip
        """A function of the fed arrays that runs the plan and returns the fetches.

        Parameters
        ----------
        feeds : the Program's inputs for the arguments, in order, or what is known of one that the
            Program does not read.
        items, form : what to return; see `Call`.
        fallback : called with the arguments when they are not what the plan was compiled for.
        after : called after a successful run.
        kind : a class of segmented calls to be run through in any case; the result is its instance.
        """
        outputs: list[Binding] = []
        places: list[int | None] = []
        program = self.compiled.program
        for slot, node in zip(self.compiled.memory.outputs, program.outputs, strict=True):
            places.append(len(outputs) if slot is not None else None)
            if slot is not None:
                dtype = node.dtype.numpy
                outputs.append(Binding(self.position(slot), dtype, self.shape_of(node)))
                check_available(outputs[-1].nbytes, f"an output of shape {self.shape_of(node)}")
        inputs = [self.binding(feed) for feed in feeds]
        texts = {k: f for k, f in enumerate(feeds) if isinstance(f, Node) and is_object(f)}
        simple = len(self.segments) == 1 and not self.has_objects and kind is None
        if not simple:
            items, form = list(range(len(outputs))), "list"
        call = Call(
            runner_address(), self.table, inputs, outputs, items, form, self.raise_failure,
            self.cycles >= GIL_CYCLES, keep=self,
        )  # fmt: skip
        if kind is not None:
            return kind(call, self, places, texts)
        if not simple:
            from graphflow.runtime.segments import SegmentedCall  # which runs instances

            return with_after(SegmentedCall(call, self, places, texts), after)
        python_call = PythonCall(call, self.guard)
        if after is None and fallback is not None:
            native = make_callable(python_call, fallback, cached_object)
            if native is not None:
                return native
        return with_after(python_call, after)


def with_after(
    function: Callable[..., Any], after: Callable[[], None] | None
) -> Callable[..., Any]:
    """`function`, with `after` called when it has succeeded."""
    if after is None:
        return function

    def run(*arguments: Any) -> Any:
        result = function(*arguments)
        after()
        return result

    return run


def constant_array(node: Node) -> Array:
    """The memory of a constant."""
    array = node["value"].array
    return array if array.dtype == object else np.ascontiguousarray(array)
