"""Which side computes each step of a plan, and the copies between the sides.

A compiled Program becomes a flat list of steps, with jumps for its loops and branches. All that a
plan stores has a place on either side; where the newest value lies is followed step by step, and a
step that reads it on the other side is preceded by a copy: each value is copied once at most, where
it is first needed. Values that a loop only reads are copied before it. At the start of a loop's
round, and where branches meet, its variables lie on the GPU. Variables of the session are brought
to where the plan reads them before it starts, if they are not there anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from graphflow.codegen.cuda.units import Schedule
from graphflow.errors import CompilerError
from graphflow.ir.node import Node
from graphflow.ir.types import TensorType
from graphflow.runtime.gpu.flags import counting_steps, flags_only, operands
from graphflow.runtime.records import Scope
from graphflow.schedule.group import storage
from graphflow.schedule.plan import Slot, Task

HOST, GPU = "host", "gpu"
BOTH = frozenset((HOST, GPU))
NOWHERE: frozenset[str] = frozenset()


@dataclass(eq=False)
class PlacedStep:
    """One step of either side.

    Attributes
    ----------
    kind : ``launch``, ``host`` (native code), ``call`` (a Python function), ``copy_in``,
        ``copy_out``, ``move`` (on one side), ``fetch`` (a result, to the host), ``wait``,
        ``check``, ``jump``, ``jump_if``, ``jump_unless``, or ``final`` (variables are written from
        here on).
    place, source : entries of the table: what is written or tested, and what is copied from.
    type : what is copied.
    target : of a jump, the number of the step.
    details : of a check, what its message shows and the GPU alone has.
    """

    kind: str
    name: str
    task: Task | None = None
    scope: Scope | None = None
    schedule: Schedule | None = None
    place: int = -1
    source: int = -1
    type: TensorType | None = None
    side: str = GPU
    target: int = -1
    details: tuple[tuple[int, TensorType], ...] = ()

    def __str__(self) -> str:
        if self.kind == "copy_in":
            return f"copy %{self.name} host->gpu:0"
        if self.kind in ("copy_out", "fetch"):
            return f"{self.kind.removesuffix('_out')} %{self.name} gpu:0->host"
        if self.kind == "move":
            return f"copy %{self.name} within {self.side}"
        if self.kind.startswith("jump"):
            return f"{self.kind.replace('_', ' ')} {self.name} to {self.target}"
        return f"{self.kind} {self.name}".rstrip()


@dataclass(eq=False)
class Placement:
    """A plan for both sides.

    Attributes
    ----------
    resident : by side the variables that must be there when the plan starts.
    constants, feeds : those that the GPU reads.
    touched : all entries that have memory on the GPU.
    updated : variables that the plan writes, and the sides that have their values in the end.
    """

    steps: list[PlacedStep] = field(default_factory=list)
    resident: dict[str, set[int]] = field(default_factory=lambda: {HOST: set(), GPU: set()})
    constants: set[int] = field(default_factory=set)
    feeds: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    updated: dict[int, frozenset[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return "".join(f"  {number}: {step}\n" for number, step in enumerate(self.steps))


def canonical_places(scope: Scope) -> dict[int, int]:
    """For each entry of the table the entry of the slot that owns its memory."""
    found: dict[int, int] = {}
    for part in scope.every():
        for slot in part.compiled.memory.slots:
            place = part.positions[slot]
            if place not in found:
                home = part.positions[slot.home()]
                found[place] = found.get(home, home)
    return found


def place_program(scope: Scope, schedule_of: Callable[[Task], Schedule | None]) -> Placement:
    """Place the steps of a compiled Program.

    Parameters
    ----------
    scope : its slots' entries in the table (see `runtime.records`).
    schedule_of : a step's schedule on the GPU; None for a step that is to run on the host.
    """
    placer = _Placer(scope, schedule_of)
    placer.whole()
    return placer.found


class _Placer:
    """Walks through a plan and writes down its steps."""

    def __init__(self, scope: Scope, schedule_of: Callable[[Task], Schedule | None]) -> None:
        self.scope, self.schedule_of = scope, schedule_of
        self.found = Placement()
        self.canonical = canonical_places(scope)
        self.valid: dict[int, frozenset[str]] = {}
        self.variables: set[int] = set()
        self.constants: set[int] = set()
        self.feeds: set[int] = set()
        self.written: set[int] = set()
        self.begun: set[tuple[int, Node]] = set()  # values of which a part has been written
        self.unfinished: set[str] = set()  # the sides whose copies have not been waited for
        self.is_final = False
        self.twice: set[tuple[Scope, Task]] = set()  # steps that both sides compute
        for part in scope.every():
            for slot in part.owned:
                if slot.shares is not None:
                    continue
                place = part.positions[slot]
                if slot.kind == "constant":
                    self.constants.add(place)
                elif part.is_whole and slot.kind == "variable":
                    self.variables.add(place)
                elif part.is_whole and slot.kind == "feed":
                    self.feeds.add(place)
                    self.valid[place] = frozenset((HOST,))

    # ---- where values are

    def place_of(self, scope: Scope, slot: Slot) -> int:
        return self.canonical[scope.positions[slot]]

    def place_of_node(self, scope: Scope, node: Node) -> int:
        return self.canonical[scope.of(node)]

    def is_text(self, scope: Scope, node: Node) -> bool:
        return not scope.compiled.memory.holds(storage(node))

    def add(self, kind: str, name: str = "", **details: object) -> PlacedStep:
        step = PlacedStep(kind, name, **details)  # type: ignore[arg-type]
        self.found.steps.append(step)
        return step

    def need(self, scope: Scope, node: Node, side: str) -> None:
        """Have a value on a side."""
        if self.is_text(scope, node):
            return
        slot = scope.compiled.memory.by_node[storage(node)]
        self.need_place(self.place_of(scope, slot), slot, side)

    def need_place(self, place: int, slot: Slot, side: str) -> None:
        if side == GPU:
            self.found.touched.add(place)
        sides = self.valid.get(place, NOWHERE)
        if side in sides:
            return
        if place in self.constants:
            if side == GPU:
                self.found.constants.add(place)
        elif place in self.variables and place not in self.written:
            self.found.resident[side].add(place)
        elif not sides:
            raise CompilerError(f"slot {slot.number} is read on the {side} before it is written")
        else:
            self.copy(place, slot, side)
        self.valid[place] = self.valid.get(place, NOWHERE) | {side}

    def copy(self, place: int, slot: Slot, side: str) -> None:
        kind = "copy_in" if side == GPU else "copy_out"
        self.add(kind, label(slot), place=place, type=slot.type)
        if place in self.feeds:
            self.found.feeds.add(place)  # the caller's memory holds still
        else:
            self.unfinished.add(side)

    def wrote(self, place: int, side: str) -> None:
        """Note that the newest value lies on one side only."""
        self.valid[place] = frozenset((side,))
        if side == GPU:
            self.found.touched.add(place)
        if place in self.variables:
            self.written.add(place)

    def settle(self) -> None:
        """Let copies end before the host reads or writes memory."""
        if self.unfinished:
            self.add("wait")
            self.unfinished.clear()

    # ---- steps

    def whole(self) -> None:
        """The whole plan."""
        scope, memory = self.scope, self.scope.compiled.memory
        self.steps(scope)
        outputs = {slot for slot in memory.outputs if slot is not None}
        copied: set[Slot] = set()
        for target, source in memory.copies:
            place = self.place_of(scope, source)
            copied.add(target)
            if target in outputs:
                self.fetch(scope, target, source, place)
                continue
            if target.kind == "variable":
                self.finalize()
            self.move(scope, target, source)
        for slot in memory.outputs:
            if slot is not None and slot not in copied:
                self.fetch(scope, slot, slot, self.place_of(scope, slot))
        self.found.updated = {place: self.valid[place] for place in sorted(self.written)}

    def fetch(self, scope: Scope, target: Slot, source: Slot, place: int) -> None:
        """Bring a result to the caller's array."""
        sides = self.valid.get(place, NOWHERE)
        to = scope.positions[target]
        if GPU in sides and HOST not in sides:
            self.add("fetch", label(source), place=to, source=place, type=source.type)
        elif target is not source:
            self.need_place(place, source, HOST)
            self.settle()
            self.add("move", label(source), place=to, source=place, type=source.type, side=HOST)

    def move(self, scope: Scope, target: Slot, source: Slot, side: str | None = None) -> None:
        """Copy a value to another place, on the side where it is."""
        place, to = self.place_of(scope, source), self.place_of(scope, target)
        if place == to:
            if side is not None:
                self.need_place(place, source, side)
            return
        if side is None:
            side = GPU if GPU in self.valid.get(place, NOWHERE) or not self.known(place) else HOST
        self.need_place(place, source, side)
        if side == HOST:
            self.settle()
        self.add("move", label(source), place=to, source=place, type=source.type, side=side)
        self.wrote(to, side)

    def known(self, place: int) -> bool:
        """Whether the plan itself decides where the value is: constants are on either side."""
        return bool(self.valid.get(place)) or place in self.constants

    def finalize(self) -> None:
        if not self.is_final:
            self.is_final = True
            self.add("final")

    def steps(self, scope: Scope) -> None:
        wanted = flags_only(scope.compiled)
        for task in scope.compiled.tasks:
            if scope.is_whole and self.writes_variable(scope, task):
                self.finalize()
            self.step(scope, task, task in wanted)

    def writes_variable(self, scope: Scope, task: Task) -> bool:
        nodes = [n for n in task.writes if not self.is_text(scope, n)]
        return any(self.place_of_node(scope, n) in self.variables for n in nodes)

    def step(self, scope: Scope, task: Task, host_wants: bool) -> None:
        if task.kind == "check":
            self.check(scope, task)
        elif task.kind == "control" and self.has_kernels(scope, task):
            assert task.node is not None
            (self.loop if task.node.op == "while" else self.choice)(scope, task, task.node)
        else:
            schedule = self.schedule_of(task)
            if schedule is not None and (scope, task) in self.twice:
                self.both(scope, task, schedule)
            elif schedule is not None and not (host_wants and self.is_at_host(scope, task)):
                self.launch(scope, task, schedule)
            else:
                self.host(scope, task)

    def has_kernels(self, scope: Scope, task: Task) -> bool:
        """Whether anything of a loop or a choice runs on the GPU; else the host has all of it."""
        tasks = [t for part in scope.children[task] for t in part.compiled.all_tasks()]
        return any(self.schedule_of(t) is not None for t in tasks)

    def is_at_host(self, scope: Scope, task: Task) -> bool:
        """Whether all that a step reads is at the host without a copy."""
        places = [
            self.place_of_node(scope, n) for n in operands(task) if not self.is_text(scope, n)
        ]
        return all(p in self.constants or HOST in self.valid.get(p, NOWHERE) for p in places)

    def prepare(self, scope: Scope, task: Task, side: str) -> None:
        for node in operands(task):
            self.need(scope, node, side)
        for node in task.writes:
            if not self.is_text(scope, node):
                place = self.place_of_node(scope, node)
                if (place, node) in self.begun:  # the other parts may be on the other side
                    self.need(scope, node, side)

    def wrote_all(self, scope: Scope, task: Task, side: str) -> None:
        for node in task.writes:
            if not self.is_text(scope, node):
                place = self.place_of_node(scope, node)
                self.begun.add((place, node))
                self.wrote(place, side)

    def launch(self, scope: Scope, task: Task, schedule: Schedule) -> None:
        self.prepare(scope, task, GPU)
        slots = scope.compiled.memory.by_node
        for result, operand in task.started.items():
            self.move(scope, slots[result], slots[operand], GPU)
        self.add("launch", task.name, task=task, scope=scope, schedule=schedule)
        self.wrote_all(scope, task, GPU)

    def host(self, scope: Scope, task: Task) -> None:
        self.prepare(scope, task, HOST)
        self.settle()
        kind = "call" if task.kind == "host" else "host"
        self.add(kind, task.name, task=task, scope=scope)
        self.wrote_all(scope, task, HOST)

    def both(self, scope: Scope, task: Task, schedule: Schedule) -> None:
        """A step that is so small that either side computes it for itself."""
        self.prepare(scope, task, GPU)
        self.host(scope, task)
        self.add("launch", task.name, task=task, scope=scope, schedule=schedule)
        self.wrote_all(scope, task, GPU)
        for node in task.writes:
            self.valid[self.place_of_node(scope, node)] = BOTH

    def check(self, scope: Scope, task: Task) -> None:
        flag = task.reads[0]
        assert task.node is not None
        self.need(scope, flag, HOST)
        self.settle()
        details = []
        for node in map(storage, task.node.inputs[1:]):
            if self.is_text(scope, node):
                continue
            slot = scope.compiled.memory.by_node[node]
            place = self.place_of(scope, slot)
            if place in self.variables and place not in self.written:
                self.need_place(place, slot, HOST)
            elif self.valid.get(place) == {GPU}:
                details.append((place, slot.type))
        self.add("check", task.name, task=task, scope=scope, details=tuple(details),
                 place=self.place_of_node(scope, flag))  # fmt: skip

    # ---- control flow

    def jump(self, kind: str, scope: Scope, node: Node | None, name: str) -> PlacedStep:
        if node is None:
            return self.add(kind, name)
        self.need(scope, node, HOST)
        self.settle()
        return self.add(kind, name, place=self.place_of_node(scope, node))

    def here(self) -> int:
        return len(self.found.steps)

    def loop(self, scope: Scope, task: Task, node: Node) -> None:
        """First values, then rounds for as long as the body's output is set."""
        (body,) = scope.children[task]
        memory = scope.compiled.memory
        counters, steps = counting_steps(body.compiled, self.schedule_of)
        self.twice |= {(body, step) for step in steps}
        carried: list[tuple[int, Slot, frozenset[str]]] = []
        for number, (result, start) in enumerate(zip(task.writes, node.inputs[1:], strict=False)):
            target = memory.by_node[result]
            sides = BOTH if number in counters else frozenset((GPU,))
            if start.op != "empty":
                self.move_to(scope, target, memory.by_node[storage(start)], sides)
            carried.append((self.place_of(scope, target), target, sides))
        for place, _, sides in carried:
            self.valid[place] = sides
        leave = self.jump("jump_unless", scope, node.inputs[0], task.name)
        before = dict(self.valid)
        self.bring_captures(body)
        if steps:
            self.settle()  # once, not in each round
        first = self.here()
        self.steps(body)
        places = {place: sides for place, _, sides in carried}
        for target, source in body.compiled.memory.copies:
            sides = places.get(self.place_of(body, target), frozenset((GPU,)))
            self.move_to(body, target, source, sides)
        (flag,) = body.compiled.memory.outputs
        assert flag is not None
        self.need_place(self.place_of(body, flag), flag, HOST)
        for place, slot, sides in carried:
            for side in sorted(sides):
                self.need_place(place, slot, side)
        self.settle()
        self.add("jump_if", task.name, place=self.place_of(body, flag), target=first)
        self.meet(before, places)
        leave.target = self.here()

    def move_to(self, scope: Scope, target: Slot, source: Slot, sides: frozenset[str]) -> None:
        """Copy a value to another place on all of the sides."""
        place = self.place_of(scope, target)
        for side in sorted(sides):
            self.need_place(self.place_of(scope, source), source, side)
        for side in sorted(sides):
            self.move(scope, target, source, side)
        if self.place_of(scope, source) != place:
            self.valid[place] = sides

    def bring_captures(self, body: Scope) -> None:
        """Copy what a loop's body reads of the plan around it, before its first round."""
        outside = set(self.valid) | self.variables | self.constants
        for part in body.every():
            for task in part.compiled.tasks:
                is_kernel = self.schedule_of(task) is not None
                if task.kind in ("check", "control"):
                    continue
                for node in operands(task):
                    if self.is_text(part, node):
                        continue
                    slot = part.compiled.memory.by_node[storage(node)]
                    place = self.place_of(part, slot)
                    if place in outside and (self.valid.get(place) or place not in self.written):
                        self.need_place(place, slot, GPU if is_kernel else HOST)

    def choice(self, scope: Scope, task: Task, node: Node) -> None:
        then, otherwise = scope.children[task]
        results = [self.place_of_node(scope, n) for n in task.writes]
        skip = self.jump("jump_unless", scope, node.inputs[0], task.name)
        before = dict(self.valid)
        self.branch(then)
        leave = self.jump("jump", scope, None, task.name)
        skip.target = self.here()
        after, self.valid = self.valid, before
        unfinished, self.unfinished = self.unfinished, set()
        self.branch(otherwise)
        self.meet(after, dict.fromkeys(results, frozenset((GPU,))))
        leave.target = self.here()
        self.unfinished |= unfinished

    def branch(self, scope: Scope) -> None:
        """A branch, whose results lie on the GPU in the end."""
        self.steps(scope)
        for target, source in scope.compiled.memory.copies:
            self.move(scope, target, source, GPU)
        for slot in scope.compiled.memory.outputs:
            assert slot is not None
            self.need_place(self.place_of(scope, slot), slot, GPU)

    def meet(self, other: dict[int, frozenset[str]], known: dict[int, frozenset[str]]) -> None:
        """Go on with what holds on both of two ways here, and with what is known."""
        places = set(self.valid) & set(other)
        self.valid = {p: self.valid[p] & other[p] for p in places} | known


def label(slot: Slot) -> str:
    """What a copy's value is called."""
    return slot.name or str(slot.number)
