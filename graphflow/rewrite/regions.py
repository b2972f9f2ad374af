"""Rewriting across the borders of loops and branches.

What a region computes from captures alone is computed once, outside (loop-invariant code motion);
constants and values that never change come in as such; loop variables, results and captures that
nobody needs go, which is how a loop that stores its intermediates for a gradient loses those that
the gradient does not read. A choice between two cheap values is a `select`.

None of this changes a value: primitives are total functions, so computing one that the loop would
not have come to is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from graphflow.ir.builder import Builder
from graphflow.ir.dims import product
from graphflow.ir.node import Node, Program, SourceTable, is_constant, topological
from graphflow.ir.prims.control import regions
from graphflow.rewrite.driver import remake

HOISTED_KINDS = ("pointwise", "reduce", "contract", "nest")
SELECT_WORK = 4096.0  # simple instructions; below, both sides of a choice are computed
SWEEPS = 8  # removing a result can make another loop's variable dead, and so on

Rewrite = Callable[[Program], Program]
Values = dict[Node, Node]


def has_regions(program: Program) -> bool:
    """Whether the Program has loops or branches."""
    return any(n.prim.kind == "control" for n in program.nodes())


def rewrite_regions(program: Program, rewrite: Rewrite) -> Program:
    """Bring every region to its final form; `rewrite` does so for one Program."""
    program = _sweep(program, lambda b, node, operands, live: _improve(b, node, operands, rewrite))
    for _ in range(SWEEPS):
        before = program.roots
        program = _sweep(program, _prune)
        if program.roots == before:
            break
    return program


Step = Callable[[Builder, Node, tuple[Node, ...], set[int]], tuple[Node, dict[int, Node]]]


def _sweep(program: Program, step: Step) -> Program:
    """Rebuild a Program; `step` remakes a control flow node and gives its results by number."""
    live: dict[Node, set[int]] = {}
    nodes = program.nodes()
    for node in nodes:
        if node.op == "result" and node.inputs[0].prim.kind == "control":
            live.setdefault(node.inputs[0], set()).add(node["index"])
    b, new = Builder(), Values()
    results: dict[Node, dict[int, Node]] = {}
    for node in nodes:
        operands = tuple(new[i] for i in node.inputs)
        if node.prim.kind == "control":
            new[node], results[node] = step(b, node, operands, live.get(node, set()))
        elif node.op == "result" and node.inputs[0] in results:
            new[node] = results[node.inputs[0]][node["index"]]
        else:
            new[node] = node if operands == node.inputs else remake(b, node, operands)
        program.sources.carry(node, new[node])
    kept = [n for n in program.effects if new[n].prim.kind in ("control", "check", "host")]
    mapped = program.map(new)
    return Program(
        mapped.inputs, mapped.outputs, mapped.updates, tuple(new[n] for n in kept),
        mapped.sources, mapped.name,
    )  # fmt: skip


def _improve(
    b: Builder, node: Node, operands: tuple[Node, ...], rewrite: Rewrite
) -> tuple[Node, dict[int, Node]]:
    if node.op == "cond":
        return _improve_cond(b, node, operands, rewrite)
    carried, body = node["carried"], node["body"]
    flag, starts = operands[0], operands[1 : 1 + carried]
    known = dict(zip(body.inputs[carried:], operands[1 + carried :], strict=True))
    nexts = {u.variable: u.value for u in body.updates}
    fixed: dict[int, Node] = {}  # variables that keep their first value
    for k, variable in enumerate(body.inputs[:carried]):
        if nexts.get(variable["name"], variable) is variable:
            fixed[k] = known[variable] = starts[k]
    body = rewrite(inline_constants(b, body, known))
    outside = _hoist(b, body, known)
    moving = [k for k in range(carried) if k not in fixed]
    old = node["body"].inputs
    token, found = _make_while(b, flag, [(old[k], starts[k]) for k in moving], body, known, outside)
    results = {k: found[n] for n, k in enumerate(moving)}
    return token, {**fixed, **results}


def _prune(
    b: Builder, node: Node, operands: tuple[Node, ...], live: set[int]
) -> tuple[Node, dict[int, Node]]:
    """Drop results that nobody reads, the variables behind them, and unused captures."""
    if node.op == "cond":
        then, otherwise = node["then"], node["otherwise"]
        order = sorted(live)
        if len(order) == len(then.outputs):
            return _same(b, node, operands)
        parts = [_with_outputs(p, [p.outputs[k] for k in order]) for p in (then, otherwise)]
        token, made = _make_cond(b, operands, parts[0], parts[1])
        return token, dict(zip(order, made, strict=True))
    carried, body = node["carried"], node["body"]
    variables = body.inputs[:carried]
    nexts = {u.variable: u.value for u in body.updates}
    needed = {k for k in range(carried) if k in live}
    reached = set(topological([*body.outputs, *body.effects]))
    while True:
        reached |= set(topological([nexts.get(variables[k]["name"], variables[k]) for k in needed]))
        more = {k for k, v in enumerate(variables) if v in reached} - needed
        if not more:
            break
        needed |= more
    if len(needed) == carried:
        return _same(b, node, operands)
    order = sorted(needed)
    kept = {variables[k]["name"] for k in order}
    updates = tuple(u for u in body.updates if u.variable in kept)
    body = Program(body.inputs, body.outputs, updates, body.effects, body.sources, body.name)
    known = dict(zip(body.inputs[carried:], operands[1 + carried :], strict=True))
    pairs = [(variables[k], operands[1 + k]) for k in order]
    token, made = _make_while(b, operands[0], pairs, body, known, {})
    return token, dict(zip(order, made, strict=True))


def _same(b: Builder, node: Node, operands: tuple[Node, ...]) -> tuple[Node, dict[int, Node]]:
    token = node if operands == node.inputs else b.make(node.op, *operands, **node.attrs)
    return token, dict(enumerate(b.results(token)))


# ---- moving things over the border


def inline_constants(b: Builder, body: Program, known: Mapping[Node, Node]) -> Program:
    """The region with captures that are constants written out."""
    constants = {inner: outer for inner, outer in known.items() if is_constant(outer)}
    if not constants:
        return body
    return body.map(substitute(b, body.roots, constants, body.sources))


def substitute(
    b: Builder, roots: Iterable[Node], replace: Mapping[Node, Node], sources: SourceTable
) -> Values:
    """Every node under `roots` with some leaves replaced; what is new inherits names and lines."""
    new: Values = dict(replace)
    for node in topological(roots):
        if node not in new:
            operands = tuple(new[i] for i in node.inputs)
            new[node] = node if operands == node.inputs else remake(b, node, operands)
            sources.carry(node, new[node])
    return new


def _hoist(b: Builder, body: Program, known: Mapping[Node, Node]) -> Values:
    """Values that the loop's body computes from captures alone, with where they are outside."""
    invariant: set[Node] = set()
    wanted: list[Node] = []
    for node in body.nodes():
        fixed = node in known or is_constant(node)
        if not fixed and node.inputs and node.prim.kind in (*HOISTED_KINDS, "view"):
            fixed = all(i in invariant for i in node.inputs)
        if fixed:
            invariant.add(node)
            continue
        operands = [i for i in node.inputs if i in invariant]
        wanted += _worth_moving(operands)
        if node.op == "matmul":  # which would copy a part of a matrix in every round
            wanted += [i for i in operands if i.op in ("slice", "concat")]
    wanted += _worth_moving(r for r in body.roots if r in invariant)
    if not wanted:
        return {}
    outside = substitute(b, wanted, known, body.sources)
    return {inner: outside[inner] for inner in wanted}


def _worth_moving(nodes: Iterable[Node]) -> list[Node]:
    """The nodes, or what views among them look at, that are computed and not just looked at."""
    found = []
    for node in nodes:
        while node.prim.kind == "view" and node.op != "gather" and node.inputs:
            node = node.inputs[0]
        if node.prim.kind in HOISTED_KINDS:
            found.append(node)
    return found


# ---- making the nodes anew


def _with_outputs(program: Program, outputs: Sequence[Node]) -> Program:
    return Program(
        program.inputs, tuple(outputs), program.updates, program.effects, program.sources,
        program.name,
    )  # fmt: skip


def _make_while(
    b: Builder, flag: Node, pairs: Sequence[tuple[Node, Node]], body: Program,
    known: Mapping[Node, Node], outside: Mapping[Node, Node],
) -> tuple[Node, tuple[Node, ...]]:  # fmt: skip
    """A loop with these variables (inner, first value), whose captures are found anew."""
    replace: Values = {}
    sources = dict(known)
    for number, (inner, outer) in enumerate(outside.items()):
        replace[inner] = b.input(f"{body.name}/invariant_{number}", "feed", inner.type)
        sources[replace[inner]] = outer
    if replace:
        body = body.map(substitute(b, body.roots, replace, body.sources))
    variables = [inner for inner, _ in pairs]
    used = [n for n in body.nodes() if n.op == "input" and n not in variables]
    body = Program(
        (*variables, *used), body.outputs, body.updates, body.effects, body.sources, body.name
    )
    return b.while_loop(flag, [start for _, start in pairs], [sources[n] for n in used], body)


def _make_cond(
    b: Builder, operands: Sequence[Node], then: Program, otherwise: Program
) -> tuple[Node, tuple[Node, ...]]:
    """A choice between these branches, with the captures that one of them reads."""
    used = {n for p in (then, otherwise) for n in p.nodes()}
    rows = zip(operands[1:], then.inputs, otherwise.inputs, strict=True)
    kept = [(outer, x, y) for outer, x, y in rows if x in used or y in used]
    branches = [
        Program(tuple(r[k] for r in kept), p.outputs, (), p.effects, p.sources, p.name)
        for k, p in ((1, then), (2, otherwise))
    ]
    return b.cond(operands[0], [r[0] for r in kept], branches[0], branches[1])


def _improve_cond(
    b: Builder, node: Node, operands: tuple[Node, ...], rewrite: Rewrite
) -> tuple[Node, dict[int, Node]]:
    branches = []
    for region in regions(node):
        known = dict(zip(region.inputs, operands[1:], strict=True))
        branches.append(rewrite(inline_constants(b, region, known)))
    if all(_is_cheap(p) for p in branches):
        sides = []
        for region in branches:
            known = dict(zip(region.inputs, operands[1:], strict=True))
            values = substitute(b, region.outputs, known, region.sources)
            sides.append([values[o] for o in region.outputs])
        chosen = [x if x is y else b.select(operands[0], x, y) for x, y in zip(*sides, strict=True)]
        return operands[0], dict(enumerate(chosen))
    token, made = _make_cond(b, operands, branches[0], branches[1])
    return token, dict(enumerate(made))


def _is_cheap(program: Program) -> bool:
    """Whether a branch has no effect and little work."""
    if program.effects:
        return False
    work = 0.0
    for node in program.nodes():
        if node.prim.kind not in ("leaf", "pointwise", "view"):
            return False
        if node.op == "input" or node.prim.kind == "leaf":
            continue
        size = product(node.shape)
        work += node.prim.cost * (size if isinstance(size, int) else SELECT_WORK)
    moved = sum(o.type.size for o in program.outputs if isinstance(o.type.size, int))
    return work + moved < SELECT_WORK
