"""What is compiled for a task, and how it is called afterwards.

A loop kernel is one function; a matrix product has a phase for packing and one for multiplying,
with its epilogue emitted from the group's stores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.gemm import GemmSpec, emit_gemm
from graphflow.codegen.kernel import emit_epilogue, emit_kernel, parallel_extent
from graphflow.codegen.random import emit_random, unit_count, unit_cycles
from graphflow.codegen.target import host_target
from graphflow.ir.dims import Dim, SymDim
from graphflow.ir.index import Axis
from graphflow.ir.node import Node
from graphflow.ir.structure import kernel_key
from graphflow.schedule.group import product_operand
from graphflow.schedule.plan import Task

EPILOGUE_SLOT = 3  # after A, B and the workspace
INSTRUCTIONS_PER_CYCLE = 2.0  # of vector code, for the comparison of kernels with products


@dataclass(frozen=True)
class Phase:
    """A function to call over a range.

    Attributes
    ----------
    name : the function, in its module.
    extent : units of the range; with `rows_per_unit` for each such number of rows.
    unit_work : estimated cycles of a unit.
    """

    name: str
    extent: Dim
    unit_work: float
    rows_per_unit: int = 0


@dataclass(frozen=True, eq=False)
class CodeUnit:
    """Something to compile. `emit(module, prefix)` adds its functions and describes them."""

    key: str
    emit: Callable[[ir.Module, str], tuple[list[Phase], int]]


@dataclass(frozen=True, eq=False)
class Compiled:
    """A unit in memory: its phases with their addresses, and the workspace in bytes."""

    phases: list[tuple[Phase, int]]
    workspace: int


def unit_of(task: Task, threads: int) -> CodeUnit | None:
    """What must be compiled for a task; None when it is no native kernel."""
    if task.kernel is None:
        return None
    if task.kind == "gemm":
        return _product_unit(task, threads)
    if task.kind == "random":
        return _random_unit(task)
    kernel = task.kernel

    def emit(module: ir.Module, prefix: str) -> tuple[list[Phase], int]:
        function = emit_kernel(module, kernel, host_target(), prefix)
        extent = parallel_extent(kernel, host_target())
        units = extent if isinstance(extent, int) else 1000
        work = kernel.work / host_target().vector_lanes(32) / INSTRUCTIONS_PER_CYCLE
        return [Phase(function.name, extent, work / max(units, 1))], 0

    return CodeUnit(kernel_key(kernel), emit)


def _random_unit(task: Task) -> CodeUnit:
    node, kernel = task.node, task.kernel
    assert node is not None
    assert kernel is not None
    kind, target = node["kind"], host_target()

    def emit(module: ir.Module, prefix: str) -> tuple[list[Phase], int]:
        function = emit_random(module, kernel, kind, target, prefix)
        extent = unit_count(node.type.size, node.dtype, target)
        return [Phase(function.name, extent, unit_cycles(kind, target))], 0

    return CodeUnit(kernel_key(kernel, f"random {kind}"), emit)


def product_spec(node: Node) -> GemmSpec:
    """The matrix product that a node asks for."""
    a, b = node.inputs
    m, n = node.shape[-2:]
    k = a.shape[-2] if node["trans_a"] else a.shape[-1]
    batch = 1
    for dim in node.shape[:-2]:
        batch *= dim
    strides = [0 if batch > 1 and product_operand(o) is not o else None for o in (a, b)]
    dtype = "f64" if node.dtype.size == 8 else "f32"
    return GemmSpec(dtype, m, n, k, batch, strides[0], strides[1], node["trans_a"], node["trans_b"])


def _product_unit(task: Task, threads: int) -> CodeUnit:
    node, kernel = task.node, task.kernel
    assert node is not None
    assert kernel is not None
    spec = product_spec(node)
    axes = task.group.axes

    def emit(module: ir.Module, prefix: str) -> tuple[list[Phase], int]:
        def epilogue(
            builder: ir.IRBuilder, args: Any, batch: Any, row: Any, column: Any, value: Any
        ) -> None:
            place = [*_batch_indices(builder, batch, axes[:-2]), row, column]
            emit_epilogue(builder, args, EPILOGUE_SLOT, kernel, axes, place, value)

        code = emit_gemm(module, prefix, spec, host_target(), threads, epilogue)
        phases = [
            Phase(p.function.name, p.units, p.unit_cycles, p.rows_per_unit) for p in code.phases
        ]
        return phases, code.workspace_bytes

    return CodeUnit(kernel_key(kernel, f"{spec} threads={threads}"), emit)


def _batch_indices(builder: ir.IRBuilder, batch: Any, axes: list[Axis]) -> list[Any]:
    """The indices along several batch axes of the product's one batch number."""
    places: list[Any] = []
    for axis in reversed(axes):
        if isinstance(axis.extent, SymDim):
            raise AssertionError("batches of products have concrete sizes")
        size = ir.Constant(batch.type, axis.extent)
        places.append(builder.urem(batch, size))
        batch = builder.udiv(batch, size)
    return places[::-1]
