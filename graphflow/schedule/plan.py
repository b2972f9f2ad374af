"""The memory plan: which buffer every stored value lies in, and what may share bytes.

Slots are the entries of a plan's table of pointers. A stored value's slot is the caller's array (a
feed or an output), a variable's memory, a constant, or a piece of the arena. A value may take over
the place of an operand that dies with it (in-place reuse) when its kernel reads that operand only
at the element that it writes. A variable's new value is written over the old one under the same
condition, if nothing later reads the old one and nothing that can fail comes later; otherwise it is
written aside and copied when the run is sure to succeed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile

from graphflow.errors import CompilerError
from graphflow.graph.dtypes import uint8
from graphflow.ir.dims import Dim, evaluate
from graphflow.ir.index import Axis
from graphflow.ir.loops import Buffer, Kernel, Loop, Statement, Store, statements
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import may_fail, regions
from graphflow.ir.types import TensorType
from graphflow.ir.walk import expressions
from graphflow.schedule.group import Group, order_groups, storage
from graphflow.shown import Shown

ALIGNMENT = 64
OBJECT_KINDS = ("string", "resource")


@dataclass(eq=False)
class Task:
    """One step of a plan: a group after lowering.

    Attributes
    ----------
    kind : loops, gemm, scatter, random, check, host, control.
    reads, writes : stored values, by their storage node.
    buffers : the kernel's parameter for each of them, where a kernel reads them element by element.
    private : bytes that the step needs for itself.
    axes : of a product, the axes of its epilogue's stores.
    started : results that begin as copies of operands, which the step then changes in part.
    """

    group: Group
    kind: str
    name: str
    reads: list[Node]
    writes: list[Node]
    buffers: dict[Node, Buffer] = field(default_factory=dict)
    kernel: Kernel | None = None
    private: Dim = 0
    workspace: Slot | None = None
    axes: list[Axis] = field(default_factory=list)
    started: dict[Node, Node] = field(default_factory=dict)

    @property
    def node(self) -> Node | None:
        """The product, scatter, call or check that the step is, if it is one."""
        return self.group.node


@dataclass(eq=False)
class Slot:
    """An entry of the table.

    Attributes
    ----------
    number : its position in the table.
    kind : feed, variable, output, constant, arena.
    type : what lies there.
    node : the stored value; None for workspaces.
    name : the variable's key, for a variable.
    first, last : positions of the first step that writes it and the last that reads it.
    shares : the slot whose memory this one takes over.
    """

    number: int
    kind: str
    type: TensorType
    node: Node | None = None
    name: str = ""
    first: int = 0
    last: int = 0
    shares: Slot | None = None

    def home(self) -> Slot:
        """The slot that owns the memory."""
        slot = self
        while slot.shares is not None:
            slot = slot.shares
        return slot


@dataclass(eq=False)
class MemoryPlan(Shown):
    """Slots, and the copies that commit variables or make outputs at the end."""

    slots: list[Slot] = field(default_factory=list)
    by_node: dict[Node, Slot] = field(default_factory=dict)
    copies: list[tuple[Slot, Slot]] = field(default_factory=list)  # (to, from), at the end
    outputs: list[Slot | None] = field(default_factory=list)  # per output; None for an object
    updated: list[tuple[str, TensorType]] = field(default_factory=list)
    in_place: set[str] = field(default_factory=set)  # variables written over directly

    def holds(self, node: Node) -> bool:
        """Whether the node's value lies in memory; text is kept as Python objects beside it."""
        return node.dtype.kind not in OBJECT_KINDS

    def new(self, kind: str, type: TensorType, node: Node | None = None, name: str = "") -> Slot:
        """Add a slot."""
        slot = Slot(len(self.slots), kind, type, node, name)
        self.slots.append(slot)
        return slot

    def __str__(self) -> str:
        lines = []
        for slot in self.slots:
            shares = f" over slot {slot.shares.number}" if slot.shares else ""
            name = f" {slot.name}" if slot.name else ""
            lines.append(
                f"  slot {slot.number}: {slot.kind}{name} {slot.type}"
                f" live {slot.first}..{slot.last}{shares}"
            )
        lines += [f"  copy slot {t.number} from slot {s.number}" for t, s in self.copies]
        return "\n".join(lines) + "\n"


def order_for_updates(program: Program, groups: list[Group]) -> tuple[list[Group], set[str]]:
    """Order the groups so that variables are read before they are overwritten, where possible.

    Returns the order and the variables whose group may write over them as far as order goes.
    """
    homes = {root.target: g for g in groups for root in g.roots}
    homes.update({g.node: g for g in groups if g.node is not None and g.kind == "scatter"})
    readers: dict[Node, list[Group]] = {}
    for group in groups:
        for node in group.loads:
            if storage(node).op == "input":
                readers.setdefault(storage(node), []).append(group)
    overwritten: set[str] = set()
    inputs = {i["name"]: i for i in program.inputs if i["source"] == "variable"}
    outputs = {storage(n) for n in program.outputs}
    handed_on = {storage(u.value) for u in program.updates}  # old values that others become
    failing = [g for g in groups if _may_fail(g)]
    taken: set[Node] = set()
    for update in program.updates:
        value = storage(update.value)
        home = homes.get(value)
        old = inputs.get(update.variable)
        if (
            home is None
            or value in outputs
            or value in taken
            or (old is not None and (old in outputs or old in handed_on))
        ):
            continue
        before = [g for g in (*readers.get(old, ()), *failing) if g is not home] if old else failing
        later = _dependents(groups, home)
        if any(g in later for g in before):
            continue
        home.after.update(before)
        taken.add(value)
        overwritten.add(update.variable)
    return order_groups(groups), overwritten


def _may_fail(group: Group) -> bool:
    if group.kind == "control":
        assert group.node is not None
        return any(may_fail(region) for region in regions(group.node))
    return group.kind in ("check", "host")


def _dependents(groups: Sequence[Group], start: Group) -> set[Group]:
    """The groups that run after `start` because they need it, directly or not."""
    users: dict[Group, list[Group]] = {}
    for group in groups:
        for before in group.after:
            users.setdefault(before, []).append(group)
    seen: set[Group] = set()
    pending = [start]
    while pending:
        for user in users.get(pending.pop(), ()):
            if user not in seen:
                seen.add(user)
                pending.append(user)
    return seen


def reuse_is_safe(reads: Buffer, writes: Buffer, body: Sequence[Statement]) -> bool:
    """Whether writing `writes` over the memory of `reads` leaves every read as it was.

    True when the kernel reads the one only at the offset at which it writes the other, and never in
    a statement after the stores among which that is. (Stores side by side compute all their values
    before any is stored.)
    """
    stores = [s for s in statements(body) if isinstance(s, Store) and s.buffer is writes]
    if len(stores) != 1 or reads.type.dtype.size != writes.type.dtype.size:
        return False
    offset = stores[0].offset
    for expr in expressions(body):
        if expr.name == "load" and expr.payload[0] is reads and expr.payload[1] != offset:
            return False
    return not _read_after(reads, stores[0], body)


def _read_after(reads: Buffer, store: Store, body: Sequence[Statement]) -> bool:
    """Whether a statement behind the list that holds `store` reads the buffer.

    The stores right behind it have computed their values by then; those behind a loop have not.
    """
    for number, statement in enumerate(body):
        if statement is store:
            return _loads(reads, list(dropwhile(lambda s: isinstance(s, Store), body[number:])))
        if isinstance(statement, Loop) and store in list(statements(statement.body)):
            if _read_after(reads, store, statement.body):
                return True
            return _loads(reads, body[number + 1 :])
    return False


def _loads(buffer: Buffer, body: Sequence[Statement]) -> bool:
    return any(e.name == "load" and e.payload[0] is buffer for e in expressions(body))


def plan_memory(program: Program, tasks: Sequence[Task], overwritten: set[str]) -> MemoryPlan:
    """Give every stored value a slot; see the module's text.

    Parameters
    ----------
    program : the Program.
    tasks : its steps in order.
    overwritten : variables that order allows to be written over (see `order_for_updates`).
    """
    plan = MemoryPlan()
    for node in filter(plan.holds, program.inputs):
        kind = "feed" if node["source"] == "feed" else "variable"
        plan.by_node[node] = plan.new(kind, node.type, node, node["name"])
    variables = {s.name: s for s in plan.slots if s.kind == "variable"}
    targets = {storage(u.value): u.variable for u in program.updates if u.variable in overwritten}
    outputs = {storage(n) for n in program.outputs}
    for position, task in enumerate(tasks):
        for node in filter(plan.holds, task.reads):
            _slot_of(plan, node).last = position
        for node in filter(plan.holds, task.writes):
            slot = plan.by_node.get(node)
            if slot is None:
                kind = "output" if node in outputs else "arena"
                slot = plan.by_node[node] = plan.new(kind, node.type, node)
                slot.first = position
            slot.last = max(slot.last, position)
        if task.private:
            task.workspace = plan.new("arena", TensorType(uint8, (task.private,)))
            task.workspace.first = task.workspace.last = position
    _extend_lives(plan, program, len(tasks))
    for position, task in enumerate(tasks):
        _reuse_in_place(plan, task, position, targets, variables)
    _commit(plan, program, variables)
    _collect_outputs(plan, program)
    return plan


def _slot_of(plan: MemoryPlan, node: Node) -> Slot:
    slot = plan.by_node.get(node)
    if slot is None:
        if node.op != "const":
            raise CompilerError(f"{node!r} is read before any step writes it")
        slot = plan.by_node[node] = plan.new("constant", node.type, node)
    return slot


def _extend_lives(plan: MemoryPlan, program: Program, end: int) -> None:
    """What outputs and updates need lives until the copies at the end."""
    for node in filter(plan.holds, (*program.outputs, *(u.value for u in program.updates))):
        _slot_of(plan, storage(node)).last = end


def _reuse_in_place(
    plan: MemoryPlan, task: Task, position: int, targets: dict[Node, str],
    variables: dict[str, Slot],
) -> None:  # fmt: skip
    """Let the task's results take over variables, or operands that die here."""
    taken: set[Slot] = set()
    for node in filter(plan.holds, task.writes):
        if node.op in ("concat", "pad", "interleave") and node in targets:
            continue  # several steps write it, and later ones may still read the variable
        slot = plan.by_node[node]
        if slot.kind != "arena" or slot.first != position:
            continue
        variable = variables.get(targets.get(node, ""))
        candidates = [variable] if variable is not None else []
        if node not in targets:
            candidates += [
                plan.by_node[n] for n in filter(plan.holds, task.reads)
                if plan.by_node[n].kind == "arena" and plan.by_node[n].home().last == position
            ]  # fmt: skip
        for candidate in candidates:
            if candidate.home() not in taken and _may_take_over(task, slot, candidate):
                slot.shares = candidate
                candidate.home().last = max(candidate.home().last, slot.last)
                taken.add(candidate.home())
                if variable is not None:
                    plan.in_place.add(variable.name)
                break


def _may_take_over(task: Task, slot: Slot, candidate: Slot) -> bool:
    assert slot.node is not None
    if candidate.type.nbytes != slot.type.nbytes:
        return False
    if slot.node in task.started:
        return candidate.node is task.started[slot.node]
    if task.kind == "control":
        return _starts_only(task, slot.node, candidate.node)
    if candidate.node is None or candidate.node not in task.reads:
        return True  # a variable that the step does not read
    if task.kind not in ("loops", "gemm") or candidate.node not in task.buffers:
        return False
    if task.kind == "gemm" and task.node is not None:
        if candidate.node in [storage(i) for i in task.node.inputs]:
            return False
    assert task.kernel is not None
    return reuse_is_safe(task.buffers[candidate.node], task.buffers[slot.node], task.kernel.body)


def _starts_only(task: Task, result: Node, operand: Node | None) -> bool:
    """Whether the operand is nothing but the first value of the loop variable that `result` is."""
    loop = task.node
    assert loop is not None
    if loop.op != "while":
        return False
    places = [k for k, i in enumerate(loop.inputs) if storage(i) is operand]
    return places == [1 + result["index"]]


def _commit(plan: MemoryPlan, program: Program, variables: dict[str, Slot]) -> None:
    """Copies that give variables their new values, those that are still read elsewhere first."""
    commits: list[tuple[Slot, Slot]] = []
    for update in program.updates:
        plan.updated.append((update.variable, update.value.type))
        if not plan.holds(update.value):
            continue
        value = _slot_of(plan, storage(update.value))
        variable = variables.get(update.variable)
        if variable is not None and value.home() is variable:
            continue
        if variable is None or variable.type.nbytes != update.value.type.nbytes:
            variable = plan.new("variable", update.value.type, None, update.variable)
        if value.home().kind == "variable":  # it may be overwritten by another commit
            temporary = plan.new("arena", value.type)
            temporary.first = temporary.last = value.last
            plan.copies.append((temporary, value))
            value = temporary
        commits.append((variable, value))
    plan.copies += commits


def _collect_outputs(plan: MemoryPlan, program: Program) -> None:
    """A slot of its own for every output; copies come before variables are committed."""
    used: set[Slot] = set()
    copies = []
    for node in program.outputs:
        if not plan.holds(node):
            plan.outputs.append(None)
            continue
        slot = _slot_of(plan, storage(node))
        if slot.kind != "output" or slot in used:
            source, slot = slot, plan.new("output", node.type, None)
            copies.append((slot, source))
        used.add(slot)
        plan.outputs.append(slot)
    plan.copies[:0] = copies


def assign_offsets(plan: MemoryPlan, symbols: Mapping[str, int]) -> tuple[dict[Slot, int], int]:
    """Place the arena's slots: largest first, each at the lowest offset that is free for its life.

    Returns the offsets by owning slot, and the arena's size in bytes. Two slots overlap in memory
    only if their lives do not overlap in time.
    """
    owners: dict[Slot, tuple[int, int, int]] = {}
    for slot in plan.slots:
        home = slot.home()
        if home.kind != "arena":
            continue
        first, last, size = owners.get(home, (slot.first, slot.last, 0))
        nbytes = evaluate(slot.type.nbytes, symbols)
        owners[home] = (min(first, slot.first), max(last, slot.last), max(size, nbytes))
    offsets: dict[Slot, int] = {}
    total = 0
    placed: list[tuple[int, int, int, int]] = []
    for slot, (first, last, size) in sorted(owners.items(), key=lambda o: (-o[1][2], o[0].number)):
        size = -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
        busy = sorted((o, o + s) for o, s, a, b in placed if a <= last and first <= b)
        offset = 0
        for start, stop in busy:
            if offset + size <= start:
                break
            offset = max(offset, stop)
        offsets[slot] = offset
        placed.append((offset, size, first, last))
        total = max(total, offset + size)
    return offsets, total
