"""The loop IR: a kernel is a loop nest over typed buffers, with scalar expressions in SSA form.

Expressions are shared DAGs of `Expr`; equal subexpressions are one object where the lowering made
them so, and the emitter computes each once per scope. Statements are loops, stores, local scalars
and accumulations. The text form reads like the code it stands for:

    kernel k2_sub_exp(h: f32[32,10], m: f32[32], out y: f32[32,10]):
      parallel i in 0..32:
        vector j in 0..10:
          y[10*i + j] = exp(sub(h[10*i + j], m[i]))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from graphflow.graph.dtypes import DType
from graphflow.ir.dims import Dim
from graphflow.ir.index import Axis, IndexExpr
from graphflow.ir.types import TensorType
from graphflow.shown import Shown

_NO_NAMES: Mapping[int, str] = {}


@dataclass(eq=False)
class Buffer:
    """Memory that a kernel reads or writes: a parameter, or scratch private to a thread."""

    name: str
    type: TensorType
    role: str = "in"  # in, out, inout, scratch


class Expr:
    """A scalar value at a point of the iteration domain. Compared by identity."""

    __slots__ = ("args", "axes", "dtype", "locals", "name", "payload", "weight")

    axes: frozenset[Axis]
    locals: frozenset[Local]
    weight: float

    def __init__(
        self, name: str, dtype: DType, args: tuple[Expr, ...] = (), payload: Any = None,
        axes: frozenset[Axis] = frozenset(), locals: frozenset[Local] = frozenset(),
        weight: float = 1.0,
    ) -> None:  # fmt: skip
        self.name = name
        self.dtype = dtype
        self.args = args
        self.payload = payload
        self.axes = axes.union(*(a.axes for a in args)) if args else axes
        self.locals = locals.union(*(a.locals for a in args)) if args else locals
        self.weight = weight + sum(a.weight for a in args)

    def __repr__(self) -> str:
        return expr_text(self)


class Local:
    """A scalar variable of a kernel: an accumulator, or a value bound once."""

    __slots__ = ("combiner", "dtype", "name")

    def __init__(self, name: str, dtype: DType, combiner: str | None = None) -> None:
        self.name = name
        self.dtype = dtype
        self.combiner = combiner  # the reduction's primitive for an accumulator

    def __repr__(self) -> str:
        return self.name


def constant(value: Any, dtype: DType) -> Expr:
    """A literal."""
    return Expr("const", dtype, payload=value, weight=0.0)


def load(buffer: Buffer, offset: IndexExpr) -> Expr:
    """The element of `buffer` at a row-major offset."""
    return Expr("load", buffer.type.dtype, payload=(buffer, offset), axes=offset.axes(),
                locals=index_locals(offset))  # fmt: skip


def index_value(index: IndexExpr, dtype: DType) -> Expr:
    """An index as a value of the computation (iota)."""
    return Expr("index", dtype, payload=index, axes=index.axes(), locals=index_locals(index))


def dim_expr(dim: Dim, dtype: DType) -> Expr:
    """A symbolic size as a value."""
    return Expr("index", dtype, payload=IndexExpr({}, dim))


def read_local(local: Local) -> Expr:
    """The value of a local."""
    return Expr("local", local.dtype, payload=local, locals=frozenset((local,)), weight=0.0)


def index_locals(index: IndexExpr) -> frozenset[Local]:
    """The locals on which an index depends through data."""
    found: frozenset[Local] = frozenset()
    for atom in index.terms:
        if hasattr(atom, "value"):
            found |= atom.value.locals
        elif hasattr(atom, "inner"):
            found |= index_locals(atom.inner)
    return found


@dataclass(eq=False)
class Store:
    """Write one element."""

    buffer: Buffer
    offset: IndexExpr
    value: Expr


@dataclass(eq=False)
class Declare:
    """Start an accumulator at its neutral element, or bind a local to a value."""

    local: Local
    value: Expr | None = None  # None: the neutral element of the local's combiner


@dataclass(eq=False)
class Accumulate:
    """Combine a value into an accumulator."""

    local: Local
    value: Expr
    position: IndexExpr | None = None  # for argmax and argmin: where the value stands


@dataclass(eq=False)
class Loop:
    """``for axis in 0..extent``. Kinds: parallel (outermost, one at most), serial, vector."""

    axis: Axis
    kind: str
    body: list[Statement]


Statement = Union[Store, Declare, Accumulate, Loop]  # noqa: UP007  # evaluated at import


@dataclass(eq=False)
class Kernel(Shown):
    """A loop nest with its parameters.

    Attributes
    ----------
    name : number and main operations.
    buffers : parameters in the order of the call; scratch is apart.
    scratch : buffers private to a thread.
    body : the statements; at most one parallel loop, and that outermost.
    symbols : size symbols, passed after the buffers.
    work : estimated instructions of the whole kernel, for the decision to use threads.
    """

    name: str
    buffers: list[Buffer]
    body: list[Statement]
    scratch: list[Buffer] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    work: float = 0.0

    @property
    def parallel_axis(self) -> Axis | None:
        """The axis that may be divided over threads."""
        first = self.body[0] if len(self.body) == 1 else None
        return first.axis if isinstance(first, Loop) and first.kind == "parallel" else None

    def __str__(self) -> str:
        return kernel_text(self)


def statements(body: Sequence[Statement]) -> Iterator[Statement]:
    """Every statement of a body, outer before inner."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop):
            yield from statements(statement.body)


def expr_text(root: Expr, names: Mapping[int, str] = _NO_NAMES) -> str:
    """An expression in prefix notation, iteratively as chains are deep.

    `names` gives the names of expressions that are written elsewhere, by identity. What gets too
    long to read is cut off.
    """
    texts: dict[int, str] = dict(names)
    texts.pop(id(root), None)
    stack = [(root, False)]
    while stack:
        expr, ready = stack.pop()
        if id(expr) in texts:
            continue
        if not ready:
            stack.append((expr, True))
            stack.extend((a, False) for a in expr.args)
            continue
        if expr.name == "const":
            text = f"{expr.payload}"
        elif expr.name == "load":
            text = f"{expr.payload[0].name}[{expr.payload[1]}]"
        elif expr.name in ("index", "local"):
            text = f"{expr.payload}"
        else:
            arguments = [texts[id(a)] for a in expr.args]
            if expr.name in ("cast", "bitcast"):
                arguments.append(expr.dtype.short)
            text = f"{expr.name}({', '.join(arguments)})"
        texts[id(expr)] = text if len(text) <= 2000 else f"{expr.name}(...)"
    return texts[id(root)]


def _shared(body: Sequence[Statement]) -> list[Expr]:
    """Expressions that the statements of a body use more than once, operands first."""
    uses: dict[int, int] = {}
    order: list[Expr] = []
    roots = [s.value for s in body if not isinstance(s, Loop) and s.value is not None]
    stack = [(r, False) for r in reversed(roots)]
    while stack:
        expr, ready = stack.pop()
        if ready:
            order.append(expr)
            continue
        uses[id(expr)] = uses.get(id(expr), 0) + 1
        if uses[id(expr)] == 1:
            stack.append((expr, True))
            stack.extend((a, False) for a in reversed(expr.args))
    return [e for e in order if uses[id(e)] > 1 and e.args]


def _body_lines(body: Sequence[Statement], indent: str, names: dict[int, str]) -> Iterator[str]:
    names = dict(names)
    for expr in _shared(body):
        if id(expr) not in names:
            text = expr_text(expr, names)
            names[id(expr)] = f"t{len(names)}"
            yield f"{indent}{names[id(expr)]} = {text}"
    for statement in body:
        yield indent + statement_text(statement, names)
        if isinstance(statement, Loop):
            yield from _body_lines(statement.body, indent + "  ", names)


def statement_text(statement: Statement, names: Mapping[int, str] = _NO_NAMES) -> str:
    """A statement as one line; of a loop, its first. `names` are those of `expr_text`."""
    if isinstance(statement, Loop):
        return f"{statement.kind} {statement.axis} in 0..{statement.axis.extent}:"
    value = "" if statement.value is None else names.get(id(statement.value), "")
    value = value or ("" if statement.value is None else expr_text(statement.value, names))
    if isinstance(statement, Store):
        return f"{statement.buffer.name}[{statement.offset}] = {value}"
    if isinstance(statement, Declare):
        local = statement.local
        return f"{local}: {local.dtype.short} = {value or local.combiner}"
    at = f" at {statement.position}" if statement.position is not None else ""
    return f"{statement.local} {statement.local.combiner}= {value}{at}"


def kernel_text(kernel: Kernel) -> str:
    """The kernel as readable text, with a final newline."""
    parameters = ", ".join(
        f"{'' if b.role == 'in' else b.role + ' '}{b.name}: {b.type}" for b in kernel.buffers
    )
    lines = [f"kernel {kernel.name}({parameters}):"]
    lines += [f"  scratch {b.name}: {b.type}" for b in kernel.scratch]
    lines += _body_lines(kernel.body, "  ", {})
    return "\n".join(lines) + "\n"
