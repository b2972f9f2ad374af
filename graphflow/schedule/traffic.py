"""What a step moves and computes, for measuring how well it does: estimates, by the shapes alone.

Bytes are those of the elements that a step reads and writes, each counted once: what a machine with
an endless cache would move. Operations are those of the arithmetic that was asked for: a product
counts two for each multiplication, a function such as exp one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from graphflow.ir.dims import Dim, evaluate, product
from graphflow.ir.node import Node
from graphflow.schedule.group import storage
from graphflow.schedule.plan import OBJECT_KINDS, MemoryPlan, Slot, Task

_NO_ARITHMETIC = {"select", "cast", "bitcast"}  # pointwise primitives that only choose or move


@dataclass(frozen=True)
class Traffic:
    """Bytes moved and floating-point operations done by one call of a step."""

    bytes: int
    flops: int


def task_traffic(task: Task, symbols: Mapping[str, int]) -> Traffic:
    """Estimate one call of a step for these sizes; a loop's own steps count for themselves."""
    if task.kind in ("check", "control"):
        return Traffic(0, 0)
    stored = dict.fromkeys(storage(n) for n in task.writes)
    moved = sum(_bytes_written(task, n, symbols) for n in stored)
    moved += sum(_bytes_read(task, n, symbols) for n in dict.fromkeys(map(storage, task.reads)))
    return Traffic(moved, _flops(task, symbols))


def _size(node: Node, symbols: Mapping[str, int]) -> int:
    return int(evaluate(node.type.size, symbols))


def _bytes_written(task: Task, node: Node, symbols: Mapping[str, int]) -> int:
    """The part of a result that this step writes: other steps may write the rest."""
    if node.dtype.kind in OBJECT_KINDS:
        return 0
    size = _size(node, symbols)
    if task.kind == "scatter" and task.node is not None:
        size = min(size, _size(task.node.inputs[-1], symbols))
    elif task.kind == "loops":
        size = min(size, sum(_size(r.value, symbols) for r in task.group.roots
                             if storage(r.target) is node) or size)  # fmt: skip
    return size * node.dtype.size


def _bytes_read(task: Task, node: Node, symbols: Mapping[str, int]) -> int:
    """The part of an operand that is read: a loop nest reads an element once a place, at most."""
    if node.dtype.kind in OBJECT_KINDS:
        return 0
    size = _size(node, symbols)
    if task.kind == "scatter" and task.node is not None and node is storage(task.node.inputs[0]):
        size = min(size, _size(task.node.inputs[-1], symbols))
    elif task.kind == "loops":
        places = [i for n, found in task.group.reach.items() if storage(n) is node for i in found]
        domain = int(evaluate(_domain(task), symbols))
        size = min(size, domain * max(len(places), 1))
    return size * node.dtype.size


def _domain(task: Task) -> Dim:
    return product([axis.extent for axis in task.group.axes])


def _flops(task: Task, symbols: Mapping[str, int]) -> int:
    members = [n for n in task.group.members if n is not task.node]
    total = sum(_flops_of(n, symbols) for n in members)
    node = task.node
    if node is not None and task.kind == "gemm":
        total += 2 * _size(node, symbols) * int(evaluate(_depth(node), symbols))
    return total


def _flops_of(node: Node, symbols: Mapping[str, int]) -> int:
    if node.dtype.kind not in ("float", "complex"):
        return 0
    if node.prim.kind == "reduce":
        return _size(node.inputs[0], symbols)
    is_arithmetic = node.prim.kind == "pointwise" and node.op not in _NO_ARITHMETIC
    return _size(node, symbols) if is_arithmetic else 0


def _depth(node: Node) -> Dim:
    """How many products an element of a matrix product or of a convolution is the sum of."""
    x, other = node.inputs
    if node.op == "matmul":
        return x.shape[-2] if node["trans_a"] else x.shape[-1]
    # Of a convolution the filter's taps and channels; of its gradient by the filter all places.
    return product(other.shape[:-1])


@dataclass(frozen=True)
class Peak:
    """Where a plan's own memory is fullest.

    Attributes
    ----------
    position : of the step; the number of steps for the copies at the end.
    bytes : of the slots that are alive there.
    slots : those slots with their bytes, largest first.
    """

    position: int
    bytes: int
    slots: list[tuple[Slot, int]]


def _arena_lives(plan: MemoryPlan, symbols: Mapping[str, int]) -> dict[Slot, list[int]]:
    """The slots that own memory of the arena: the first step and the last, and bytes."""
    owners: dict[Slot, list[int]] = {}
    for slot in plan.slots:
        home = slot.home()
        if home.kind == "arena":
            life = owners.setdefault(home, [slot.first, slot.last, 0])
            life[0], life[1] = min(life[0], slot.first), max(life[1], slot.last)
            life[2] = max(life[2], int(evaluate(slot.type.nbytes, symbols)))
    return owners


def arena_in_use(plan: MemoryPlan, symbols: Mapping[str, int], steps: int) -> list[int]:
    """The bytes of the arena that are in use at each step."""
    changes = [0] * (steps + 2)
    for first, last, nbytes in _arena_lives(plan, symbols).values():
        changes[min(first, steps)] += nbytes
        changes[min(last, steps) + 1] -= nbytes
    return list(accumulate(changes))[:steps]


def memory_peak(plan: MemoryPlan, symbols: Mapping[str, int]) -> Peak:
    """Find the step at which the slots of the arena that are alive take the most memory."""
    owners = _arena_lives(plan, symbols)
    best = Peak(0, 0, [])
    for position in sorted({first for first, _, _ in owners.values()}):
        alive = [(s, n) for s, (first, last, n) in owners.items() if first <= position <= last]
        total = sum(nbytes for _, nbytes in alive)
        if total > best.bytes:
            best = Peak(position, total, sorted(alive, key=lambda a: -a[1]))
    return best
