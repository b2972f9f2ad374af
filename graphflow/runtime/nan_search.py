"""Finds the first operation that makes a NaN or an infinity.

Beside each run the interpreter evaluates the Program as it was traced, operation by operation, and
looks for a value that is not finite although all operands are, or NaN although no operand is. Where
the compiler's stable forms give finite results all the same, nothing is reported. A NaN that comes
in with a feed, a variable or a constant, and reaches a result, is reported as such.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow.ir.node import Node, Program
from graphflow.ir.prims.effects import Tape
from graphflow.runtime.inspectors import Run, Watched
from graphflow.runtime.statistics import count_not_finite, statistics_text, type_text

NOTHING = (0, 0)


@dataclass(frozen=True)
class Finding:
    """An operation that made a NaN or an infinity, or a feed or variable that held it.

    Attributes
    ----------
    run : the number of the run, from 1.
    operation, primitive, line : whose it is, what computed it, and where it was made.
    origin : what it was made out of, in words; empty for what was there before the run.
    nans, infinities : how many there are.
    value : what came out, in words.
    operands : what went in: names and words.
    path : operations from it to a fetch or variable, by which it gets there.
    """

    run: int
    operation: str
    primitive: str
    line: str
    origin: str
    nans: int
    infinities: int
    value: str
    operands: list[tuple[str, str]]
    path: list[str]

    def __str__(self) -> str:
        counts = [f"{self.nans} NaN"] if self.nans else []
        counts += [f"{self.infinities} infinite"] if self.infinities else []
        lines = [
            f"run {self.run}: {self.operation} ({self.primitive}) "
            f"{'made' if self.origin else 'holds'} {' and '.join(counts)}{self.origin}",
            f"  made at {self.line}" if self.line else "  made by no line of the script",
            f"  result: {self.value}",
        ]
        lines += [f"  operand {name}: {text}" for name, text in self.operands]
        lines.append(f"  reaches: {' -> '.join(self.path)}" if self.path else "  reaches no result")
        return "\n".join(lines)


@dataclass(eq=False)
class _Look:
    """The first node of one run that made something not finite, and where it is in the whole."""

    program: Program
    fault: tuple[Program, Node, list[Any], Any] | None = None
    outer: Node | None = None

    def visit(self, program: Program, node: Node, operands: list[Any], value: Any) -> None:
        if self.fault is not None:
            if self.outer is None and program is self.program:
                self.outer = node
            return
        if node.prim.kind in ("leaf", "control", "check") or not node.inputs:
            return
        wrong = _wrong(value)
        if wrong == NOTHING:
            return
        before = [_wrong(o) for o in operands]
        if any(w != NOTHING for w in before) and (not wrong[0] or any(w[0] for w in before)):
            return
        self.fault = program, node, operands, value
        if program is self.program:
            self.outer = node


def _wrong(value: Any) -> tuple[int, int]:
    """How many elements of a value, or of a list of values, are NaN, and how many infinite."""
    if value is None or isinstance(value, list):
        found = [_wrong(v) for v in value or ()]
        return sum(nans for nans, _ in found), sum(infinities for _, infinities in found)
    return count_not_finite(np.asarray(value))


@dataclass(eq=False)
class NanSearch:
    """Looks at every run until there is a finding.

    Attributes
    ----------
    stops : whether a finding ends the script; else all findings are kept, one for an operation.
    runs, skipped : how many runs there were, and how many of those could not be computed again, as
        they made other calls of Python functions.
    """

    stops: bool = True
    runs: int = 0
    skipped: int = 0
    findings: list[Finding] = field(default_factory=list)

    def wrap(self, watched: Watched, run: Run) -> Run:
        """Return `run` with the search added."""

        def searched(*arrays: Any) -> list[Any]:
            self.runs += 1
            # The run may write over variables: what goes in is copied before.
            inputs = [np.array(v) for v in watched.inputs(arrays)]
            tape, look = Tape(), _Look(watched.program)
            with tape.recording():
                results = run(*arrays)
            computed = watched.interpreted(inputs, tape, look.visit)
            if computed is None:
                self.skipped += 1
                return results
            outputs, updates = computed
            came = _wrong([*results, *(watched.store.get(name) for name in updates)])
            expected = _wrong([*outputs, *updates.values()])
            if look.fault is not None:
                if came != NOTHING or expected == NOTHING:
                    self.found(_finding(self.runs, look, watched))
            elif came[0]:
                self.found_input(watched, inputs)
            return results

        return searched

    def found(self, finding: Finding) -> None:
        """Keep a finding, and end the script if that is wanted.

        Raises
        ------
        SystemExit : the search stops at findings.
        """
        if all(known.operation != finding.operation for known in self.findings):
            self.findings.append(finding)
        if self.stops:
            raise SystemExit(1)

    def found_input(self, watched: Watched, inputs: list[Any]) -> None:
        """Report the first feed, variable or computed constant with a NaN, if there is one."""
        program = watched.program
        given = [(n, n["source"], v) for n, v in zip(program.inputs, inputs, strict=True)]
        given += [(n, "constant", n["value"].array) for n in program.nodes() if n.op == "const"]
        for node, kind, value in given:
            nans, infinities = _wrong(value)
            if nans:
                name, line = _name(program, node), program.sources.lines.get(node, "")
                path = _path(watched, node)
                text = _described(value)
                self.found(
                    Finding(self.runs, name, kind, line, "", nans, infinities, text, [], path)
                )
                return


def _finding(run: int, look: _Look, watched: Watched) -> Finding:
    assert look.fault is not None
    program, node, operands, value = look.fault
    lines, outer = watched.program.sources.lines, look.outer
    line = program.sources.lines.get(node) or lines.get(outer or node, "")
    array = np.asarray(value)
    nans, infinities = count_not_finite(array)
    kind = "finite" if all(_wrong(o) == NOTHING for o in operands) else "infinite"
    described = [
        (_name(program, i), _described(np.asarray(o)))
        for i, o in zip(node.inputs, operands, strict=True)
        if o is not None and not isinstance(o, list)
    ]
    return Finding(
        run, _name(program, node), node.op, line, f" out of {kind} values", nans, infinities,
        _described(array), described, _path(watched, outer) if outer is not None else [],
    )  # fmt: skip


def _described(array: Any) -> str:
    return f"{type_text(array)} {statistics_text(array)}".rstrip()


def _name(program: Program, node: Node) -> str:
    """The operation that a node computes; for what only helps to, that of its nearest user."""
    if node.op == "input":
        return str(node["name"])
    names = program.sources.names
    if node in names:
        return names[node][0]
    users = program.users()
    pending, seen = deque([node]), {node}
    while pending:
        for user in users.get(pending.popleft(), ()):
            if user in names:
                return names[user][0]
            if user not in seen:
                seen.add(user)
                pending.append(user)
    return f"%{node.op}"


def _path(watched: Watched, start: Node) -> list[str]:
    """The operations on a shortest way from a node to a result or a variable's new value."""
    program = watched.program
    ends = {node: name for node, name in zip(program.outputs, watched.names, strict=False)}
    for update in program.updates:
        ends.setdefault(update.value, f"variable {update.variable}")
    users, before = program.users(), {start: start}
    pending = deque([start])
    while pending:
        node = pending.popleft()
        if node in ends:
            return _names_along(program, before, node, ends[node])
        for user in users.get(node, ()):
            if user not in before:
                before[user] = node
                pending.append(user)
    return []


def _names_along(program: Program, before: dict[Node, Node], node: Node, end: str) -> list[str]:
    names = [end]
    while True:
        own = program.sources.names.get(node)
        if own and own[0] != names[-1].partition(":")[0]:
            names.append(own[0])
        if before[node] is node:
            return names[::-1]
        node = before[node]
