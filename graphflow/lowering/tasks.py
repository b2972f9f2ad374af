"""From groups to the steps of a plan: each group is lowered to what runs it."""

from __future__ import annotations

from collections.abc import Sequence

from graphflow import config
from graphflow.graph.dtypes import bool_
from graphflow.ir.builder import Builder
from graphflow.ir.dims import Dim, SymDim, product, typical
from graphflow.ir.index import ZERO, Axis, IndexExpr, Loaded, Quotient, Remainder, axis_index
from graphflow.ir.loop_verifier import verify_kernel
from graphflow.ir.loops import (
    Buffer,
    Expr,
    Kernel,
    Loop,
    Statement,
    Store,
    constant,
    load,
    statements,
)
from graphflow.ir.node import Node, Program
from graphflow.ir.walk import all_indices, expressions
from graphflow.lowering.nest import lower_epilogue, lower_group
from graphflow.lowering.transform import collapse_leading, optimize_loops
from graphflow.schedule.group import Group, product_operands, storage
from graphflow.schedule.plan import Task


def lower_tasks(program: Program, groups: Sequence[Group]) -> list[Task]:
    """Lower every group, in order."""
    results: dict[Node, list[Node]] = {}
    for node in program.nodes():
        if node.op == "result":
            results.setdefault(node.inputs[0], []).append(node)
    tasks = [_lower(group, number, results) for number, group in enumerate(groups)]
    for task in tasks:
        verify_task(task)
    return tasks


def verify_task(task: Task) -> None:
    """Raise CompilerError if the task's kernel is not well formed, where `config.verify` asks."""
    if not config.verify or task.kernel is None:
        return
    if task.kind == "random":  # a draw has no loops: it is emitted whole
        return
    product = task.node.dtype if task.kind == "gemm" and task.node is not None else None
    verify_kernel(task.kernel, task.axes, product)


def task_name(group: Group, number: int) -> str:
    """``k3_sub_exp``: the number and the main operations, most costly first."""
    nodes = sorted(group.members, key=lambda n: (-n.prim.cost, n.serial))
    words = list(dict.fromkeys(n.op for n in nodes if n.prim.kind != "view"))[:3]
    return "_".join([f"k{number}", *(words or [group.kind])])


def _lower(group: Group, number: int, results: dict[Node, list[Node]]) -> Task:
    name = task_name(group, number)
    if group.kind == "loops":
        return _lower_loops(group, name)
    if group.kind == "gemm":
        return _lower_product(group, name)
    node = group.node
    assert node is not None
    if group.kind == "scatter":
        lower = _lower_scan if node.op == "scan" else _lower_scatter
        return lower(group, node, name)
    if group.kind == "random":
        return _lower_random(group, node, name)
    if group.kind == "control":
        reads = list(dict.fromkeys(storage(i) for i in node.inputs if i.op != "empty"))
        return Task(group, group.kind, name, reads, list(Builder().results(node)))
    values = [i for i in node.inputs if i.op == "result" or i.prim.kind not in ("host", "check")]
    reads = list(dict.fromkeys(storage(i) for i in values))
    return Task(group, group.kind, name, reads, results.get(node, []))


def _finish(task: Task, kernel: Kernel) -> Task:
    task.kernel = kernel
    kernel.symbols = symbols_of(kernel)
    return task


def _lower_loops(group: Group, name: str) -> Task:
    kernel, lowered = lower_group(group, name)
    optimize_loops(kernel)
    reads, writes = _by_role(lowered.buffers)
    return _finish(Task(group, "loops", name, reads, writes, lowered.buffers), kernel)


def _by_role(buffers: dict[Node, Buffer]) -> tuple[list[Node], list[Node]]:
    reads = [n for n, b in buffers.items() if b.role in ("in", "inout")]
    writes = [n for n, b in buffers.items() if b.role in ("out", "inout")]
    return reads, writes


def _lower_product(group: Group, name: str) -> Task:
    lowered = lower_epilogue(group)
    node = group.node
    assert node is not None
    kernel = Kernel(name, list(lowered.buffers.values()), list(lowered.stores))
    reads, writes = _by_role(lowered.buffers)
    operands = [storage(i) for i in product_operands(node)]
    reads = list(dict.fromkeys([*operands, *reads]))
    task = Task(group, "gemm", name, reads, writes, lowered.buffers)
    # A convolution's rows are numbered through: axes that all accesses walk as one need no division
    task.axes = group.axes if node.op == "matmul" else collapse_leading(kernel, group.axes)
    _finish(task, kernel)
    sizes = [d for n in (node, *node.inputs) for d in n.shape if isinstance(d, SymDim)]
    kernel.symbols = sorted(set(kernel.symbols).union(*(d.symbols() for d in sizes)))
    return task


def _lower_scatter(group: Group, node: Node, name: str) -> Task:
    """``for each index, in order: rows of the result combine with rows of the updates``.

    The operand is copied to the result beforehand, unless they share memory. Indices out of range
    leave everything as it is.
    """
    target, indices, updates = (storage(i) for i in node.inputs)
    out = Buffer("out", node.type, "inout")
    at = Buffer("at", indices.type)
    new = Buffer("new", updates.type) if updates is not indices else at
    row_size: Dim = product(node.shape[1:])
    row = Axis("row", product(node.inputs[1].shape))
    column = Axis("column", row_size)
    value = load(new, axis_index(row) * row_size + axis_index(column))
    body: list[Statement] = [row_store(node, out, at, axis_index(column), value, axis_index(row))]
    if row_size != 1:  # threads may share a row, but rows come one after the other
        body = [Loop(column, "parallel vector" if row.extent == 1 else "vector", body)]
    if row.extent != 1:
        body = [Loop(row, "serial", body)]
    buffers = {node: out, indices: at, updates: new}
    kernel = Kernel(name, list(dict.fromkeys(buffers.values())), body)
    kernel.work = 4.0 * typical(row.extent) * typical(row_size)
    reads = list(dict.fromkeys([target, indices, updates]))
    task = Task(group, "scatter", name, reads, [node], buffers, started={node: target})
    return _finish(task, kernel)


def row_store(
    node: Node, out: Buffer, at: Buffer, column: IndexExpr, value: Expr, row: IndexExpr = ZERO
) -> Store:
    """The store of a scatter: an element of row ``at[row]``, which stays as it is if there is none.

    Parameters
    ----------
    node : the scatter.
    out, at : what it writes, and the row numbers.
    column : the element's place in its row.
    value : what is combined with it.
    row : which of the row numbers.
    """
    place = load(at, row)
    inside = IndexExpr({Loaded(place, node.shape[0], place.axes): 1})
    offset = inside * product(node.shape[1:]) + column
    old = load(out, offset)
    value = value if node["mode"] == "set" else Expr(node["mode"], old.dtype, (old, value))
    valid = Expr("ge", bool_, (place, constant(0, place.dtype)))
    extent = node.shape[0]
    if isinstance(extent, int) and extent <= int(place.dtype.max):
        below = Expr("lt", bool_, (place, constant(extent, place.dtype)))
        valid = Expr("and", bool_, (valid, below))
    return Store(out, offset, Expr("select", node.dtype, (valid, value, old)))


def _lower_scan(group: Group, node: Node, name: str) -> Task:
    """Each element along the axis takes in the one before it, which is complete by then."""
    source, axis = storage(node.inputs[0]), node["axis"]
    out = Buffer("out", node.type, "inout")
    count = node.shape[axis]
    outer = Axis("outer", product(node.shape[:axis]))
    step = Axis("step", count - 1)
    column = Axis("column", product(node.shape[axis + 1 :]))
    place, back = axis_index(step) + 1, -1
    if node["reverse"]:
        place, back = axis_index(step) * -1 + (count - 2), 1
    rows = axis_index(outer) * count + place
    offset = rows * column.extent + axis_index(column)
    before = (rows + back) * column.extent + axis_index(column)
    value = Expr(node["mode"], node.dtype, (load(out, before), load(out, offset)))
    body: list[Statement] = [Store(out, offset, value)]
    for loop, kind in ((column, "vector"), (step, "serial"), (outer, "serial")):
        if loop.extent != 1:
            body = [Loop(loop, kind, body)]
    kernel = Kernel(name, [out], body)
    kernel.work = 4.0 * node.type.size if isinstance(node.type.size, int) else 1000.0
    task = Task(group, "scatter", name, [source], [node], {node: out}, started={node: source})
    return _finish(task, kernel)


def _lower_random(group: Group, node: Node, name: str) -> Task:
    """A kernel without loops: what draws is emitted as a whole (`codegen.random`)."""
    operands = [storage(i) for i in node.inputs]
    buffers = {operand: Buffer(f"in{k}", operand.type) for k, operand in enumerate(operands)}
    out = Buffer("out", node.type, "out")
    # A bound may be given twice, so the parameters are listed by operand.
    kernel = Kernel(name, [*(buffers[operand] for operand in operands), out], [])
    size = node.type.size
    kernel.symbols = sorted(size.symbols()) if isinstance(size, SymDim) else []
    reads = list(dict.fromkeys(operands))
    return Task(group, "random", name, reads, [node], {**buffers, node: out}, kernel=kernel)


def symbols_of(kernel: Kernel) -> list[str]:
    """The size symbols that a kernel's loops and indices use."""
    found: set[str] = set()

    def add(dim: object) -> None:
        if isinstance(dim, SymDim):
            found.update(dim.symbols())

    def add_index(index: IndexExpr) -> None:
        add(index.constant)
        for atom, coefficient in index.terms.items():
            add(coefficient)
            if isinstance(atom, (Quotient, Remainder)):
                add(atom.size)
                add_index(atom.inner)
            else:
                add(atom.extent)

    for statement in statements(kernel.body):
        if isinstance(statement, Loop):
            add(statement.axis.extent)
    for index in all_indices(kernel.body):
        add_index(index)
    for expr in expressions(kernel.body):
        if expr.name == "index":
            add_index(expr.payload)
    return sorted(found)
