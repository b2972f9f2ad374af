"""What a matrix product is asked for as, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, constant
from graphflow.codegen.extent import Extent
from graphflow.ir.dims import Dim, SymDim, typical

Epilogue = Callable[[ir.IRBuilder, Any, Any, Any, Any, Any], None]
"""``epilogue(builder, args, batch, row, column, value)`` consumes a vector (or scalar) of C."""

KERNEL_TYPE = ir.FunctionType(ir.VoidType(), [POINTER, INDEX, INDEX])

A_SLOT, B_SLOT, WORKSPACE_SLOT, EPILOGUE_SLOT = range(4)


@dataclass(frozen=True)
class GemmSpec:
    """A matrix product.

    Parameters
    ----------
    dtype : ``f32`` or ``f64``.
    m, n, k : extents of ``C[m, n]`` and of the sum.
    batch : number of products; `a_stride` and `b_stride` are the elements from one to the next,
        0 to use the same operand for all. They default to whole matrices.
    trans_a, trans_b : A is given as ``[k, m]``, B as ``[n, k]``. All are contiguous.
    slots : for each symbol in the extents its name and the args slot with its value, an i64 and
        not a pointer. A symbolic k is at least 1.
    stored_in : the args slot of C, where the epilogue does nothing but store the sums there.
    """

    dtype: str
    m: Dim
    n: Dim
    k: Dim
    batch: Dim = 1
    a_stride: int | None = None
    b_stride: int | None = None
    trans_a: bool = False
    trans_b: bool = False
    slots: tuple[tuple[str, int], ...] = ()
    stored_in: int | None = None

    def __post_init__(self) -> None:
        if self.dtype not in ("f32", "f64"):
            raise ValueError(f"a matrix product expected dtype f32 or f64, got {self.dtype!r}")
        extents = (self.m, self.n, self.k, self.batch)
        if min(typical(extent) for extent in extents) < 0:
            raise ValueError(f"a matrix product expected extents of 0 or more, got {self}")
        known = {name for name, _ in self.slots}
        unknown = {s for e in extents if isinstance(e, SymDim) for s in e.symbols()} - known
        if unknown:
            raise ValueError(f"a matrix product expected slots for {sorted(unknown)}, got {known}")

    @property
    def item_size(self) -> int:
        """Bytes of an element."""
        return 4 if self.dtype == "f32" else 8

    @property
    def a_batch_stride(self) -> Dim:
        """Elements from one A to the next."""
        return self.m * self.k if self.a_stride is None else self.a_stride

    @property
    def b_batch_stride(self) -> Dim:
        """Elements from one B to the next."""
        return self.n * self.k if self.b_stride is None else self.b_stride


class Sizes:
    """The extents of a product inside its kernels: constants, or computed from the args."""

    def __init__(
        self, builder: ir.IRBuilder, args: Any, slots: tuple[tuple[str, int], ...]
    ) -> None:
        self.builder, self.args, self.slots = builder, args, dict(slots)

    def __call__(self, dim: Dim) -> Any:
        """The extent as an i64."""
        if not isinstance(dim, SymDim):
            return constant(dim)
        builder = self.builder
        total = constant(0)
        for monomial, coefficient in dim.terms.items():
            term = constant(coefficient)
            for name in monomial:
                value = load_slot(builder, self.args, self.slots[name], INDEX)
                term = builder.mul(term, value)
            total = builder.add(total, term)
        return total


@dataclass(frozen=True)
class Phase:
    """A kernel to run over its whole extent before the next phase begins.

    Attributes
    ----------
    function : the kernel, defined in the module.
    extent : the units to run.
    unit_cycles : estimated cycles of one step of the extent on one thread.
    """

    function: ir.Function
    extent: Extent
    unit_cycles: float


@dataclass(frozen=True)
class GemmCode:
    """The kernels of a product, run in order, and the workspace that they need.

    Each gets ``args = [A, B, workspace, epilogue's slots...]``; the workspace is aligned to 64
    bytes and its contents need not survive, but from one phase to the next. `plan` says in words
    how the product is cut up.
    """

    phases: list[Phase]
    workspace_bytes: Dim
    plan: object


def element_type(spec: GemmSpec) -> Any:
    """Return the LLVM type of the elements."""
    return ir.FloatType() if spec.dtype == "f32" else ir.DoubleType()


def element_at(builder: ir.IRBuilder, base: Any, offset: Any, element: Any) -> Any:
    """Address of an element."""
    place = constant(offset) if isinstance(offset, int) else offset
    return builder.gep(base, [place], inbounds=True, source_etype=element)


def store_epilogue(spec: GemmSpec, slot: int = EPILOGUE_SLOT) -> Epilogue:
    """Return the epilogue that stores C, row-major, to the buffer in `slot`."""

    def store(
        builder: ir.IRBuilder, args: Any, batch: Any, row: Any, column: Any, value: Any
    ) -> None:
        element = element_type(spec)
        out = load_slot(builder, args, slot)
        sizes = Sizes(builder, args, spec.slots)
        row = builder.add(builder.mul(batch, sizes(spec.m)), row)
        offset = builder.add(builder.mul(row, sizes(spec.n)), column)
        builder.store(value, element_at(builder, out, offset, element), align=spec.item_size)

    return store


def load_slot(builder: ir.IRBuilder, args: Any, slot: int, typ: Any = POINTER) -> Any:
    """Load a slot of a kernel's args."""
    return builder.load(element_at(builder, args, slot, INDEX), typ=typ)
