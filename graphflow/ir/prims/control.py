"""Control flow: primitives that own Programs.

A sub-Program (a *region*) is closed: it sees the values around it through its own inputs only, and
is rewritten, grouped and compiled as any Program.

``while`` has operands: a bool scalar, whether there is a first round; one value for each carried
variable; the captures, which do not change. Its attributes: ``carried``, how many variables there
are, and ``body``, a Program whose inputs are variables (the carried ones) and feeds (the captures),
whose one output says whether there is another round, and whose updates are the variables' next
values. So a loop variable is to its body what a session's variable is to a run, and is updated in
place under the same conditions.

``cond`` has operands: a bool scalar, and the captures. Its attributes ``then`` and ``otherwise``
are Programs of the same captures with outputs of the same types.

Both give a token, from which `result` nodes take the values: the variables at the end, the outputs
of the branch taken.
"""

from __future__ import annotations

from typing import Any

from graphflow.graph.dtypes import bool_
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.effects import TOKEN
from graphflow.ir.prims.registry import define, require
from graphflow.ir.types import TensorType

Attrs = dict[str, Any]
FLAG = TensorType(bool_, ())
REGIONS = {"while": ("body",), "cond": ("then", "otherwise")}


def _infer_while(attrs: Attrs, flag: TensorType, *types: TensorType) -> TensorType:
    body, carried = attrs["body"], attrs["carried"]
    require(flag == FLAG, "while", "a bool scalar", flag)
    require(len(body.inputs) == len(types), "while", f"{len(body.inputs)} values", len(types))
    for node, given in zip(body.inputs, types, strict=True):
        require(node.type == given, "while", f"{node.type} for {node['name']}", given)
    nexts = {u.variable: u.value.type for u in body.updates}
    for node in body.inputs[:carried]:
        after = nexts.get(node["name"], node.type)
        require(after == node.type, "while", f"{node.type} again for {node['name']}", after)
    require([o.type for o in body.outputs] == [FLAG], "while", "one output, a bool", body.outputs)
    return TOKEN


def _infer_cond(attrs: Attrs, flag: TensorType, *types: TensorType) -> TensorType:
    then, otherwise = attrs["then"], attrs["otherwise"]
    require(flag == FLAG, "cond", "a bool scalar", flag)
    for branch in (then, otherwise):
        got = [i.type for i in branch.inputs]
        require(got == list(types), "cond", f"captures {[str(t) for t in types]}", got)
    first, second = ([o.type for o in b.outputs] for b in (then, otherwise))
    require(first == second, "cond", "branches that give the same types", first, second)
    return TOKEN


define("while", "control", _infer_while, None)
define("cond", "control", _infer_cond, None)


def regions(node: Node) -> list[Program]:
    """The sub-Programs of a node; empty but for control flow."""
    return [node[name] for name in REGIONS.get(node.op, ())]


def result_types(node: Node) -> list[TensorType]:
    """The types of what a control flow node gives."""
    if node.op == "while":
        return [i.type for i in node["body"].inputs[: node["carried"]]]
    return [o.type for o in node["then"].outputs]


def may_fail(program: Program) -> bool:
    """Whether a run of the Program can end with an error."""
    return any(n.op == "check" or any(may_fail(r) for r in regions(n)) for n in program.nodes())
