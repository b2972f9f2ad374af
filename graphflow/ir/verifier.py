"""Checks that a Program is well formed: closed, typed, acyclic by construction, sources known.

Runs between passes in tests and under the `verify` switch.
"""

from __future__ import annotations

from graphflow.errors import CompilerError
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.control import regions
from graphflow.ir.printer import node_names, node_text


def verify_program(program: Program, after: str) -> None:
    """Raise CompilerError, naming the pass `after` which it broke, if an invariant fails.

    Invariants: every ``input`` node reached is among the Program's inputs; every node's type is
    what its primitive's rule gives for its operands today; updates name different variables;
    results of calls come from calls; operands were made before their users.
    """
    inputs = set(program.inputs)
    for node in program.nodes():
        if node.op == "input" and node not in inputs:
            _fail(program, node, after, "an input that the Program does not declare")
        if any(i.serial >= node.serial for i in node.inputs):
            _fail(program, node, after, "an operand made after its user")
        if node.op == "result" and node.inputs[0].prim.kind not in ("host", "control"):
            _fail(program, node, after, "a result of something that is no call")
        for region in regions(node):
            verify_program(region, after)
        expected = node.prim.infer(dict(node.attrs), *[i.type for i in node.inputs])
        if expected != node.type:
            _fail(program, node, after, f"type {node.type} where its rule gives {expected}")
    variables = [u.variable for u in program.updates]
    if len(set(variables)) != len(variables):
        raise CompilerError(f"after {after}: a variable is updated twice: {variables}")


def _fail(program: Program, node: Node, after: str, what: str) -> None:
    names = node_names(program)
    around = [node_text(i, names) for i in node.inputs] + [node_text(node, names)]
    raise CompilerError(f"after {after}: {what}\n  " + "\n  ".join(around))
