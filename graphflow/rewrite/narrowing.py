"""Products of which a part is used: only that part is computed.

``matmul(a, b)[:, 3:7] -> matmul(a, b[:, 3:7])`` where nothing else reads the product. This is how
the gradient of ``concat([x, h]) @ w`` loses the part of an `x` that needs none. It looks at all
users of a node, so it is a pass and no rule.
"""

from __future__ import annotations

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node, Program
from graphflow.rewrite.driver import remake


def narrow_products(program: Program) -> Program:
    """Let products compute what is read of them."""
    nodes = program.nodes()
    narrowed = {n for n in nodes if n.op == "slice" and _is_part_of_product(n)}
    if not narrowed:
        return program
    users: dict[Node, set[Node]] = {}
    for node in nodes:
        for operand in node.inputs:
            users.setdefault(operand, set()).add(node)
    kept = set(program.roots)
    narrowed = {n for n in narrowed if users[n.inputs[0]] == {n} and n.inputs[0] not in kept}
    if not narrowed:
        return program
    b = Builder()
    new: dict[Node, Node] = {}
    for node in nodes:
        operands = tuple(new[i] for i in node.inputs)
        if node in narrowed:
            new[node] = _narrowed(b, node, new)
        else:
            new[node] = node if operands == node.inputs else remake(b, node, operands)
        program.sources.carry(node, new[node])
    return program.map(new)


def _is_part_of_product(node: Node) -> bool:
    """Whether a slice takes rows or columns of a product next to each other."""
    (source,) = node.inputs
    if source.op != "matmul" or any(step != 1 for step in node["stride"]):
        return False
    batch = source.rank - 2
    return tuple(node["size"][:batch]) == tuple(source.shape[:batch])


def _narrowed(b: Builder, node: Node, new: dict[Node, Node]) -> Node:
    product = node.inputs[0]
    left, right = (new[i] for i in product.inputs)
    start, size = node["start"], node["size"]
    rows, columns = left.rank - 2, left.rank - 1
    left = _part(b, left, columns if product["trans_a"] else rows, start[-2], size[-2])
    right = _part(b, right, rows if product["trans_b"] else columns, start[-1], size[-1])
    return b.matmul(left, right, product["trans_a"], product["trans_b"])


def _part(b: Builder, operand: Node, axis: int, start: int, size: int) -> Node:
    if operand.shape[axis] == size:
        return operand
    starts = [start if k == axis else 0 for k in range(operand.rank)]
    sizes = [size if k == axis else d for k, d in enumerate(operand.shape)]
    return b.slice(operand, starts, sizes)
