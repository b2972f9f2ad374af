"""First values of loop variables that nothing reads: arrays that a loop writes row by row.

A loop that keeps something of every round (a TensorArray, what its gradient needs again) begins
with an array of zeros, all of which its rounds write over. Such a first value becomes `empty`: no
step fills it, and none copies it to where the loop works.

That all rows are written is a matter of counting. A *counter* is a variable that begins with a
known number and goes up or down by one; the loop's condition, comparisons of counters' next values
with known numbers, gives the number of rounds; and a counter that numbers the rows from one end to
the other in so many rounds writes them all. Numbers may be symbolic sizes.
"""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.dims import Dim, UndecidableDim
from graphflow.ir.node import Node, Program
from graphflow.rewrite.driver import remake
from graphflow.rewrite.rule import scalar_value


def drop_first_values(program: Program) -> Program:
    """Let no loop of the Program begin with values that it does not read."""
    b = Builder()
    new: dict[Node, Node] = {}
    for node in program.nodes():
        operands = tuple(new[i] for i in node.inputs)
        if node.op == "while":
            unread = {1 + k for k in _unread(node)}
            operands = tuple(
                b.empty(x.shape, x.dtype) if k in unread else x for k, x in enumerate(operands)
            )
        new[node] = node if operands == node.inputs else remake(b, node, operands)
        program.sources.carry(node, new[node])
    return program.map(new)


def _unread(loop: Node) -> list[int]:
    """The numbers of the variables whose first value is written over before it is read."""
    if not scalar_value(loop.inputs[0]):
        return []  # perhaps there is no round
    body, starts = loop["body"], loop.inputs[1 : 1 + loop["carried"]]
    variables = body.inputs[: len(starts)]
    nexts = {u.variable: u.value for u in body.updates}
    written = {
        k: nexts[v["name"]]
        for k, v in enumerate(variables)
        if v["name"] in nexts and _writes_a_row(nexts[v["name"]], v)
    }
    if not written:
        return []
    counters = {}
    for variable, start in zip(variables, starts, strict=True):
        first = _number(start)
        step = _step(nexts.get(variable["name"]), variable)
        if first is not None and step:
            counters[variable] = first, step
    try:
        rounds = _rounds(body.outputs[0], {nexts[v["name"]]: c for v, c in counters.items()})
    except UndecidableDim:
        return []
    if rounds is None:
        return []
    users = body.users()
    found = []
    for k, write in written.items():
        row = write.inputs[1].inputs[0] if write.inputs[1].op == "reshape" else write.inputs[1]
        first, step = counters.get(row, (None, 0))
        end: Dim = 0 if step > 0 else write.shape[0] - 1
        if write.shape[0] == rounds and first == end and users[variables[k]] == [write]:
            found.append(k)
    return found


def _writes_a_row(node: Node, array: Node) -> bool:
    """Whether the node is the array with one row set."""
    return (
        node.op == "scatter"
        and node["mode"] == "set"
        and node.inputs[0] is array
        and node.inputs[1].type.size == 1
        and array not in node.inputs[1:]
    )


def _number(node: Node) -> Dim | None:
    """The value of an integer scalar, if it is known."""
    if node.op == "dim_value":
        return node["dim"]
    if node.rank or not node.dtype.is_integer:
        return None
    value = scalar_value(node)
    return None if value is None else int(value)


def _step(following: Node | None, variable: Node) -> int:
    """By how much a variable grows in a round, if it is 1 or -1; else 0."""
    if following is None or following.op not in ("add", "sub"):
        return 0
    left, right = following.inputs
    if following.op == "add" and right is variable:
        left, right = right, left
    number = _number(right)
    if left is not variable or not isinstance(number, int) or abs(number) != 1:
        return 0
    return number if following.op == "add" else -number


def _rounds(more: Node, following: dict[Node, tuple[Dim, int]]) -> Dim | None:
    """How many rounds there are, by the condition for another one; None if that cannot be told.

    Parameters
    ----------
    more : the condition, computed at the end of a round.
    following : counters' next values, with their first values and steps.
    """
    if more.op == "and":
        parts = [_rounds(part, following) for part in more.inputs]
        if parts[0] is None or parts[1] is None:
            return None
        return parts[0] if parts[0] <= parts[1] else parts[1]
    if more.op not in ("lt", "le", "gt", "ge"):
        return None
    left, right = more.inputs
    op = more.op
    if left not in following:
        left, right, op = right, left, {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}[op]
    limit = _number(right)
    if left not in following or limit is None:
        return None
    first, step = following[left]
    if (step > 0) != (op in ("lt", "le")):
        return None
    rounds = (limit - first) * step + (op in ("le", "ge"))
    return rounds if rounds >= 1 else 1
