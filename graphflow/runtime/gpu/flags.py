"""Steps whose results the host asks for, so that it had better compute them itself.

A check, a choice and a round of a loop wait for a flag. What comes from the GPU must be waited for;
much of it can be computed at the host from what is there anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from graphflow.codegen.cuda.units import Schedule
from graphflow.compiler import CompiledProgram
from graphflow.ir.node import Node
from graphflow.schedule.group import product_operands, storage
from graphflow.schedule.plan import OBJECT_KINDS, Task


def operands(task: Task) -> list[Node]:
    """What a step reads, by storage node."""
    nodes = [storage(n) for n in task.reads]
    if task.kind == "gemm" and task.node is not None:
        nodes += [storage(n) for n in product_operands(task.node)]
    return list(dict.fromkeys(nodes))


def flags_only(compiled: CompiledProgram) -> set[Task]:
    """Steps whose results only the host asks for: flags of checks, choices and loops, and calls.

    If all that they read is at the host they are best computed there, which spares waiting.
    """
    program = compiled.program
    kept = {storage(n) for n in (*program.outputs, *(u.value for u in program.updates))}
    readers: dict[Node, list[Task]] = {}
    for task in compiled.tasks:
        for node in operands(task):
            readers.setdefault(node, []).append(task)
    found: set[Task] = set()
    for task in reversed(compiled.tasks):
        if task.kind != "loops" or any(n in kept for n in task.writes):
            continue
        users = [(n, user) for n in task.writes for user in readers.get(n, ())]
        if users and all(u in found or _asks_host(u, n) for n, u in users):
            found.add(task)
    return found


def _asks_host(task: Task, node: Node) -> bool:
    if task.kind in ("check", "host"):
        return True
    if task.kind != "control" or task.node is None:
        return False
    flag, *others = task.node.inputs
    return storage(flag) is node and node not in map(storage, others)


def counting_steps(
    body: CompiledProgram, schedule_of: Callable[[Task], Schedule | None]
) -> tuple[set[int], set[Task]]:
    """Steps of a loop's body that decide whether it goes on, where that is a matter of counting.

    They compute single values from single values, in steps of their own, so both sides can do them,
    and no round waits for the GPU. Returns the numbers of the loop variables that they keep, and
    the steps; nothing where the flag depends on more.
    """
    program = body.program
    (flag,) = map(storage, program.outputs)
    updates = {u.variable: storage(u.value) for u in program.updates}
    inputs = [storage(n) for n in program.inputs]
    kept = {n for n in inputs if _is_single(n)}
    makers = {n: task for task in body.tasks for n in task.writes}
    while True:
        known = set(kept)
        steps: set[Task] = set()
        for task in body.tasks:
            is_single = (
                all(map(_is_single, task.writes)) and task.kind == "loops" and not task.started
            )
            reads = [n for n in operands(task) if n.op != "const"]
            if is_single and schedule_of(task) is not None and known.issuperset(reads):
                steps.add(task)
                known.update(task.writes)
        lost = {n for n in kept if n["name"] in updates and updates[n["name"]] not in known}
        if not lost:
            break
        kept -= lost
    if flag not in known:
        return set(), set()
    wanted, pending = set(), [flag]  # of all these steps, those that the flag needs
    while pending:
        node = pending.pop()
        if node in wanted:
            continue
        wanted.add(node)
        if node in makers:
            pending += [n for n in operands(makers[node]) if n.op != "const"]
            pending += makers[node].writes
        elif node in kept and node["name"] in updates:
            pending.append(updates[node["name"]])
    numbers = {k for k, n in enumerate(inputs) if n in wanted}
    return numbers, {task for task in steps if wanted.intersection(task.writes)}


def _is_single(node: Node) -> bool:
    return node.type.size == 1 and node.dtype.kind not in OBJECT_KINDS
