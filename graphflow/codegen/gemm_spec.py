"""What a matrix product is asked for as, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, constant

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
    m, n, k : extents of ``C[m, n]`` and of the sum. `m` None is read at run time from `m_slot`.
    batch : number of products; `a_stride` and `b_stride` are the elements from one to the next,
        0 to use the same operand for all. They default to whole matrices.
    trans_a, trans_b : A is given as ``[k, m]``, B as ``[n, k]``. All are contiguous.
    m_slot : the args slot with m, an i64 and not a pointer, when m is None.
    """

    dtype: str
    m: int | None
    n: int
    k: int
    batch: int = 1
    a_stride: int | None = None
    b_stride: int | None = None
    trans_a: bool = False
    trans_b: bool = False
    m_slot: int | None = None

    def __post_init__(self) -> None:
        if self.dtype not in ("f32", "f64"):
            raise ValueError(f"a matrix product expected dtype f32 or f64, got {self.dtype!r}")
        if self.m is None and (self.m_slot is None or self.batch != 1):
            raise ValueError(
                "a matrix product with m unknown expected a slot for m and batch 1, got "
                f"slot {self.m_slot} and batch {self.batch}"
            )
        if min(self.m or 0, self.n, self.k, self.batch) < 0:
            raise ValueError(f"a matrix product expected extents of 0 or more, got {self}")

    @property
    def item_size(self) -> int:
        """Bytes of an element."""
        return 4 if self.dtype == "f32" else 8

    @property
    def a_batch_stride(self) -> int:
        """Elements from one A to the next."""
        return (self.m or 0) * self.k if self.a_stride is None else self.a_stride

    @property
    def b_batch_stride(self) -> int:
        """Elements from one B to the next."""
        return self.n * self.k if self.b_stride is None else self.b_stride


@dataclass(frozen=True)
class Phase:
    """A kernel to run over its whole extent before the next phase begins.

    Attributes
    ----------
    function : the kernel, defined in the module.
    units : the extent per row unit: all of it, unless m is read at run time.
    rows_per_unit : 0, or with m read at run time, the rows of a unit; see `extent`.
    unit_cycles : estimated cycles of one step of the extent on one thread.
    """

    function: ir.Function
    units: int
    unit_cycles: float
    rows_per_unit: int = 0

    def extent(self, m: int | None = None) -> int:
        """Return the parallel extent, for `m` rows when m is read at run time."""
        if not self.rows_per_unit:
            return self.units
        if m is None:
            raise ValueError("expected the number of rows, which this product reads at run time")
        return self.units * -(-m // self.rows_per_unit)


@dataclass(frozen=True)
class GemmCode:
    """The kernels of a product, run in order, and the workspace that they need.

    Each gets ``args = [A, B, workspace, epilogue's slots...]``; the workspace is aligned to 64
    bytes and its contents need not survive, but from one phase to the next. `plan` says in words
    how the product is cut up.
    """

    phases: list[Phase]
    workspace_bytes: int
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
        if spec.m is not None:
            row = builder.add(builder.mul(batch, constant(spec.m)), row)
        offset = builder.add(builder.mul(row, constant(spec.n)), column)
        builder.store(value, element_at(builder, out, offset, element), align=spec.item_size)

    return store


def load_slot(builder: ir.IRBuilder, args: Any, slot: int, typ: Any = POINTER) -> Any:
    """Load a slot of a kernel's args."""
    return builder.load(element_at(builder, args, slot, INDEX), typ=typ)
