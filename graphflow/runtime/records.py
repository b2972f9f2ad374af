"""From the steps of a plan to the records that the native runner reads.

A plan with loops and branches is one flat list of records with jumps among them. A region (a loop's
body, a branch) has slots of its own, in a `Scope`: those that stand for a value of the enclosing
plan (a loop variable, a capture, a branch's result) are that plan's entries of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.codegen import runner
from graphflow.compiler import CompiledProgram
from graphflow.ir.dims import evaluate
from graphflow.ir.node import Node
from graphflow.runtime.pool import ThreadPool
from graphflow.schedule.group import product_operands, storage
from graphflow.schedule.plan import Slot, Task

Array = np.ndarray[Any, Any]
Record = list[int]

PARALLEL_CYCLES = 60_000  # a kernel below this (some 20 us) is not worth waking a thread for
# Chunks are what a thread claims at a time: few, so that small kernels are not all claiming, but no
# longer than some 15 us each, for the first thread that is done waits for half a chunk on average.
CHUNKS_PER_THREAD = 4
MOST_CHUNKS_PER_THREAD = 32
CHUNK_CYCLES = 50_000
LOOP_CYCLES = 100_000  # what a loop is taken to cost, whose rounds are not known


@dataclass(frozen=True)
class Step:
    """What a record is part of.

    Attributes
    ----------
    name : of the step, or of what a copy is for.
    task : the step; None for the copies at the end of a plan or of a region.
    compiled : the Program or region whose step it is.
    is_first : whether it is the step's first record; a product may have several.
    """

    name: str
    task: Task | None
    compiled: CompiledProgram
    is_first: bool

    def is_round(self) -> bool:
        """Whether it stands for a round of a loop, in which other steps run."""
        task = self.task
        return task is not None and task.kind == "control" and self.name == task.name

    def operations(self) -> tuple[tuple[str, ...], str]:
        """The user's operations that it computes, and where the last of them was made."""
        if self.task is None:
            return (), ""
        group, sources = self.task.group, self.compiled.program.sources
        nodes = {*group.members, *self.task.writes, self.task.node}
        nodes |= {node for root in group.roots for node in (root.value, root.target)}
        named = sorted((n for n in nodes if n in sources.names), key=lambda n: n.serial)
        names = dict.fromkeys(name for n in named for name in sources.names[n])
        return tuple(names), sources.lines.get(named[-1], "") if named else ""


@dataclass(eq=False)
class Scope:
    """The slots of a compiled Program or region, and the regions inside it.

    Attributes
    ----------
    positions : the table's entry for each slot.
    owned : the slots whose entries are the scope's own, not the enclosing plan's.
    """

    compiled: CompiledProgram
    positions: dict[Slot, int] = field(default_factory=dict)
    owned: list[Slot] = field(default_factory=list)
    children: dict[Task, list[Scope]] = field(default_factory=dict)
    is_whole: bool = False  # of the Program, not of a region

    def of(self, node: Node) -> int:
        """The table's entry for a stored node."""
        return self.positions[self.compiled.memory.by_node[storage(node)]]

    def every(self) -> list[Scope]:
        """The scope itself and all scopes inside it."""
        inner = [s for scopes in self.children.values() for c in scopes for s in c.every()]
        return [self, *inner]


def make_scopes(compiled: CompiledProgram, first: int) -> tuple[Scope, int]:
    """Give every slot of a Program and of its regions an entry, from `first` on.

    Returns the scope and the first entry that is left.
    """
    return _fill(Scope(compiled, is_whole=True), first)


def _fill(scope: Scope, first: int) -> tuple[Scope, int]:
    compiled = scope.compiled
    for slot in compiled.memory.slots:
        if slot not in scope.positions:
            scope.positions[slot] = first
            scope.owned.append(slot)
            first += 1
    for task, parts in compiled.regions.items():
        scope.children[task] = []
        for region in parts:
            child, first = _fill(_region_scope(scope, task, region), first)
            scope.children[task].append(child)
    return scope, first


def _region_scope(outer: Scope, task: Task, region: CompiledProgram) -> Scope:
    """A region's scope, with the slots that stand for values of the enclosing plan."""
    node = task.node
    assert node is not None
    scope, memory = Scope(region), region.memory
    inputs = region.program.inputs
    captures = node.inputs[1:]
    if node.op == "while":
        carried = node["carried"]
        for variable, result in zip(inputs[:carried], task.writes, strict=True):
            scope.positions[memory.by_node[variable]] = outer.of(result)
        inputs, captures = inputs[carried:], captures[carried:]
    else:
        for slot, result in zip(memory.outputs, task.writes, strict=True):
            assert slot is not None
            scope.positions[slot] = outer.of(result)
    for inner, value in zip(inputs, captures, strict=True):
        scope.positions[memory.by_node[inner]] = outer.of(value)
    for slot in memory.slots:
        home = slot.home()
        if home in scope.positions and slot not in scope.positions:
            scope.positions[slot] = scope.positions[home]
    return scope


class Encoder:
    """Writes the records of one list of steps.

    Parameters
    ----------
    symbols : values of the sizes.
    sizes : the table's entry for each size.
    numbers : the table's entry for each number that kernels are told.
    keep : takes a list of entries, returns the address at which they stay.
    note_check : takes a check's scope and step, returns its status.
    """

    def __init__(
        self, symbols: dict[str, int], sizes: dict[str, int], numbers: dict[int, int],
        pool: ThreadPool,
        keep: Callable[[list[int]], int], note_check: Callable[[Scope, Task], int],
    ) -> None:  # fmt: skip
        self.symbols, self.sizes, self.numbers, self.pool = symbols, sizes, numbers, pool
        self.keep, self.note_check = keep, note_check
        self.records: list[Record] = []
        self.owners: list[Step] = []
        self.current: tuple[Task | None, Scope] | None = None
        self.cycles = 0.0
        self.is_final = False

    def packed(self) -> Array:
        """The records as the runner reads them."""
        flat = [len(self.records)] + [word for record in self.records for word in record]
        return np.array(flat, np.int64)

    def add(self, name: str, record: Record) -> Record:
        assert self.current is not None
        task, scope = self.current
        is_first = not self.owners or task is None or self.owners[-1].task is not task
        self.records.append(record)
        self.owners.append(Step(name, task, scope.compiled, is_first))
        return record

    @contextmanager
    def writing(self, task: Task | None, scope: Scope) -> Iterator[None]:
        """Records that are added inside are part of this step."""
        before, self.current = self.current, (task, scope)
        try:
            yield
        finally:
            self.current = before

    # ---- steps

    def task(self, scope: Scope, task: Task) -> None:
        """Add the records of one step."""
        with self.writing(task, scope):
            self.step(scope, task)

    def step(self, scope: Scope, task: Task) -> None:
        if scope.is_whole and not self.is_final:
            slots = [scope.compiled.memory.by_node.get(node) for node in task.writes]
            if any(slot is not None and slot.home().kind == "variable" for slot in slots):
                self.finalize(scope)
        if task.kind == "check":
            position = scope.of(task.reads[0])
            code = self.note_check(scope, task)
            self.add(task.name, [runner.CHECK, 0, 1, self.keep([position]), 0, 0, code, 0])
        elif task.kind == "control":
            assert task.node is not None
            (self.loop if task.node.op == "while" else self.choice)(scope, task, task.node)
        else:
            self.kernel(scope, task)

    def copies(self, scope: Scope) -> None:
        """Add the copies at a plan's end."""
        for target, source in scope.compiled.memory.copies:
            nbytes = evaluate(source.type.nbytes, self.symbols)
            name = f"copy_{target.name or target.number}"
            if scope.is_whole and not self.is_final and target.kind == "variable":
                self.finalize(scope)
            with self.writing(None, scope):
                self.copy(name, scope.positions[target], scope.positions[source], nbytes)

    def finalize(self, scope: Scope) -> None:
        """From here on variables are written, and the run is not to be stopped."""
        self.is_final = True
        with self.writing(None, scope):
            self.add("final", [runner.FINAL, 0, 0, self.keep([]), 0, 0, 0, 0])

    def copy(self, name: str, target: int, source: int, nbytes: int) -> None:
        self.cycles += nbytes / 8
        slots = self.keep([target, source])
        self.add(name, [runner.COPY, 0, 2, slots, nbytes, 0, 0, 0])

    def kernel(self, scope: Scope, task: Task) -> None:
        memory = scope.compiled.memory
        for result, operand in task.started.items():
            target, source = memory.by_node[result], memory.by_node[operand]
            if target.home() is not source.home():
                nbytes = evaluate(source.type.nbytes, self.symbols)
                places = scope.positions[target], scope.positions[source]
                self.copy(task.name, *places, nbytes)
        code = scope.compiled.code[task]
        positions = self.argument_positions(scope, task)
        slots, count = self.keep(positions), len(positions)
        for phase, address in code.phases:
            extent = phase.extent.evaluate(self.symbols)
            if extent <= 0:
                continue
            cycles = extent * phase.unit_work
            self.cycles += cycles
            threads = self.pool.threads
            if threads > 1 and cycles >= PARALLEL_CYCLES and extent > 1:
                wanted = max(int(cycles) // CHUNK_CYCLES, threads * CHUNKS_PER_THREAD)
                chunks = min(extent, wanted, threads * MOST_CHUNKS_PER_THREAD)
                self.add(task.name, [
                    runner.PARALLEL, address, count, slots, extent, chunks,
                    self.pool.parallel_for_address, self.pool.context_address,
                ])  # fmt: skip
            else:
                self.add(task.name, [runner.CALL, address, count, slots, extent, 0, 0, 0])

    def argument_positions(self, scope: Scope, task: Task) -> list[int]:
        """Table positions of a kernel's arguments."""
        kernel = task.kernel
        assert kernel is not None
        nodes = {buffer: node for node, buffer in task.buffers.items()}
        positions = [scope.of(nodes[b]) for b in kernel.buffers]
        positions += [self.sizes[s] for s in kernel.symbols]
        positions += [self.numbers[n] for n in scope.compiled.code[task].numbers]
        if task.kind == "gemm":
            assert task.node is not None
            workspace = scope.positions[task.workspace] if task.workspace else 0
            operands = [scope.of(i) for i in product_operands(task.node)]
            positions = [*operands, workspace, *positions]
        return positions

    # ---- control flow

    def jump(self, name: str, kind: int, flag: int | None = None) -> Record:
        """Add a jump; its target, word 4, is set when it is known."""
        positions = [] if flag is None else [flag]
        slots = self.keep(positions)
        return self.add(name, [kind, 0, len(positions), slots, 0, 0, 0, 0])

    def loop(self, scope: Scope, task: Task, node: Node) -> None:
        """First values, then rounds for as long as the flag, the body's output, is set."""
        (body,) = scope.children[task]
        memory = scope.compiled.memory
        for result, start in zip(task.writes, node.inputs[1:], strict=False):
            if start.op == "empty":
                continue
            target, source = memory.by_node[result], memory.by_node[storage(start)]
            if target.home() is not source.home():
                nbytes = evaluate(result.type.nbytes, self.symbols)
                self.copy(f"{task.name}_start", scope.positions[target], scope.positions[source],
                          nbytes)  # fmt: skip
        leave = self.jump(task.name, runner.JUMP_UNLESS, scope.of(node.inputs[0]))
        first = len(self.records)
        self.steps(body)
        (flag,) = body.compiled.memory.outputs
        assert flag is not None
        self.jump(task.name, runner.JUMP_IF, body.positions[flag])[4] = first
        leave[4] = len(self.records)
        self.cycles += LOOP_CYCLES

    def choice(self, scope: Scope, task: Task, node: Node) -> None:
        then, otherwise = scope.children[task]
        skip = self.jump(task.name, runner.JUMP_UNLESS, scope.of(node.inputs[0]))
        self.steps(then)
        leave = self.jump(task.name, runner.JUMP)
        skip[4] = len(self.records)
        self.steps(otherwise)
        leave[4] = len(self.records)

    def steps(self, scope: Scope) -> None:
        """All steps of a region, and its copies."""
        for task in scope.compiled.tasks:
            self.task(scope, task)
        self.copies(scope)
