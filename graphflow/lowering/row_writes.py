"""Rows written where they are made: a loop nest stores into the array that keeps its result.

A loop that saves a value in each round, for a `TensorArray` or for its gradient, writes one row of
an array that all rounds share: a scatter of a single row. By itself that reads back what the step
before has just stored. Here the scatter's store joins the loop nest that computes the row, and
where nobody else reads the row, it is not stored by itself at all.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from graphflow.ir.loops import Buffer, Loop, Statement, Store, statements
from graphflow.ir.node import Node, Program
from graphflow.lowering.tasks import row_store, symbols_of, verify_task
from graphflow.schedule.group import Group, Root, storage
from graphflow.schedule.plan import Task


def join_row_writes(program: Program, tasks: Sequence[Task]) -> list[Task]:
    """Join scatters of one row into the loop nests that make the rows; returns the tasks left."""
    joined = set()
    kept = {storage(n) for n in program.roots if n.prim.kind not in ("host", "control", "check")}
    places = {task.group: position for position, task in enumerate(tasks)}
    makers = {node: task for task in tasks for node in task.writes}
    writers = Counter(node for task in tasks for node in task.writes)
    readers = Counter(node for task in tasks for node in task.reads)
    for position, task in enumerate(tasks):
        row = _row_of(task)
        maker = makers.get(row.value) if row is not None else None
        if row is None or maker is None or writers[row.value] > 1:  # which have a part each
            continue
        if not _fits(row, maker, task, places, makers):
            continue
        alone = readers[row.value] == 1 and row.value not in kept
        _join(row, maker, alone)
        makers[row.node] = maker
        places[task.group] = places[maker.group]
        joined.add(position)
    return [task for position, task in enumerate(tasks) if position not in joined]


@dataclass(frozen=True)
class _Row:
    """A scatter of one row: `value` becomes row `at` of `target`, and that is `node`."""

    node: Node
    target: Node
    at: Node
    value: Node


def _row_of(task: Task) -> _Row | None:
    node = task.node
    if task.kind != "scatter" or node is None or node.op != "scatter" or node["mode"] != "set":
        return None
    target, at, value = (storage(i) for i in node.inputs)
    if at.type.size != 1 or value in (target, at) or target is at:
        return None
    return _Row(node, target, at, value)


def _fits(
    row: _Row, maker: Task, task: Task, places: dict[Group, int], makers: dict[Node, Task]
) -> bool:
    """Whether the row may be written as soon as it is made.

    All that the scatter waits for must be done by then: what makes its operands, and what reads or
    may fail before it overwrites a variable.
    """
    here = places[maker.group]
    if maker.kind != "loops" or row.target in maker.buffers or row.at in maker.writes:
        return False
    if any(places[g] >= here for g in task.group.after if g is not maker.group):
        return False
    before = [makers[n] for n in (row.target, row.at) if n in makers]
    if any(places[m.group] >= here for m in before):
        return False
    return len(_stores(maker, row.value)) == 1


def _stores(task: Task, node: Node) -> list[Store]:
    assert task.kernel is not None
    buffer = task.buffers[node]
    return [s for s in statements(task.kernel.body) if isinstance(s, Store) and s.buffer is buffer]


def _join(row: _Row, maker: Task, alone: bool) -> None:
    kernel = maker.kernel
    assert kernel is not None
    (store,) = _stores(maker, row.value)
    names = (f"v{k}" for k in itertools.count() if all(b.name != f"v{k}" for b in kernel.buffers))
    out = Buffer(next(names), row.node.type, "inout")
    at = maker.buffers.get(row.at) or Buffer(next(names), row.at.type)
    written = row_store(row.node, out, at, store.offset, store.value)
    body = _body_with(kernel.body, store)
    body[body.index(store) + (0 if alone else 1) : body.index(store) + 1] = [written]
    maker.buffers |= {row.node: out, row.at: at}
    maker.started[row.node] = row.target
    if alone:
        del maker.buffers[row.value]
        maker.writes.remove(row.value)
        maker.group.roots[:] = [r for r in maker.group.roots if storage(r.target) is not row.value]
    maker.group.members.setdefault(row.node, set())
    maker.group.roots.append(Root(row.value, row.node))
    maker.group.why.append(f"writes a row of {row.node!r}")
    maker.reads = list(dict.fromkeys([*maker.reads, row.target, row.at]))
    maker.writes.append(row.node)
    kernel.buffers[:] = list(dict.fromkeys(maker.buffers.values()))
    kernel.symbols = symbols_of(kernel)
    verify_task(maker)


def _body_with(body: list[Statement], store: Store) -> list[Statement]:
    """The list of statements in which a store stands."""
    if store in body:
        return body
    for statement in body:
        if isinstance(statement, Loop) and store in list(statements(statement.body)):
            return _body_with(statement.body, store)
    raise ValueError(f"expected a store of the kernel, got {store!r}")
