"""What is compiled for a task, and how it is called afterwards.

A loop kernel is one function; a matrix product has a phase for packing and one for multiplying,
with its epilogue emitted from the group's stores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.conv import emit_conv
from graphflow.codegen.conv_filter import emit_conv_filter
from graphflow.codegen.conv_windows import WindowSpec
from graphflow.codegen.extent import Extent
from graphflow.codegen.gemm import GemmSpec, emit_gemm
from graphflow.codegen.gemm_spec import Sizes
from graphflow.codegen.kernel import emit_epilogue, emit_kernel
from graphflow.codegen.random import emit_random, unit_count, unit_cycles
from graphflow.codegen.sharing import share_kernels
from graphflow.codegen.target import host_target
from graphflow.codegen.widths import parallel_extent
from graphflow.ir.dims import Dim, product
from graphflow.ir.index import Axis, IndexExpr
from graphflow.ir.loops import Kernel, Store
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
    extent : units of the range.
    unit_work : estimated cycles of a unit.
    """

    name: str
    extent: Extent
    unit_work: float


@dataclass(frozen=True, eq=False)
class CodeUnit:
    """Something to compile. `emit(module, prefix)` adds its functions and describes them."""

    key: str
    emit: Callable[[ir.Module, str], tuple[list[Phase], Dim]]


@dataclass(frozen=True, eq=False)
class Compiled:
    """A unit in memory: its phases with their addresses, and the workspace in bytes.

    `numbers` are passed after the sizes, where tasks share a unit and differ in these alone.
    """

    phases: list[tuple[Phase, int]]
    workspace: Dim
    numbers: tuple[int, ...] = ()


def units_of(tasks: Sequence[Task], threads: int) -> dict[Task, tuple[CodeUnit, tuple[int, ...]]]:
    """What must be compiled for each task that is a native kernel, and the numbers it is told."""
    nests = [t for t in tasks if t.kernel is not None and t.kind not in ("gemm", "random")]
    kernels = [t.kernel for t in nests if t.kernel is not None]
    shared = dict(zip(nests, share_kernels(kernels), strict=True))
    units: dict[Kernel, CodeUnit] = {}
    found: dict[Task, tuple[CodeUnit, tuple[int, ...]]] = {}
    for task in tasks:
        if task.kind == "gemm":
            found[task] = _product_unit(task, threads), ()
        elif task.kind == "random":
            found[task] = _random_unit(task), ()
        elif task in shared:
            kernel, numbers = shared[task]
            if kernel not in units:
                units[kernel] = _nest_unit(kernel)
            found[task] = units[kernel], numbers
    return found


def _nest_unit(kernel: Kernel) -> CodeUnit:
    def emit(module: ir.Module, prefix: str) -> tuple[list[Phase], Dim]:
        function = emit_kernel(module, kernel, host_target(), prefix)
        extent = parallel_extent(kernel, host_target())
        work = kernel.work / host_target().vector_lanes(32) / INSTRUCTIONS_PER_CYCLE
        return [Phase(function.name, extent, work / max(extent.typical(), 1))], 0

    return CodeUnit(kernel_key(kernel), emit)


def _random_unit(task: Task) -> CodeUnit:
    node, kernel = task.node, task.kernel
    assert node is not None
    assert kernel is not None
    kind, target = node["kind"], host_target()

    def emit(module: ir.Module, prefix: str) -> tuple[list[Phase], Dim]:
        function = emit_random(module, kernel, kind, target, prefix)
        extent = unit_count(node.type.size, node.dtype, target)
        return [Phase(function.name, extent, unit_cycles(kind, target))], 0

    return CodeUnit(kernel_key(kernel, f"random {kind}"), emit)


def product_spec(node: Node, kernel: Kernel, axes: list[Axis]) -> GemmSpec:
    """The matrix product that a node asks for; `kernel` is its epilogue over `axes`."""
    a, b = node.inputs
    m, n = node.shape[-2:]
    k = a.shape[-2] if node["trans_a"] else a.shape[-1]
    batch = product(node.shape[:-2])
    a_stride, b_stride = (0 if batch > 1 and product_operand(o) is not o else None for o in (a, b))
    dtype = "f64" if node.dtype.size == 8 else "f32"
    slots = _symbol_slots(kernel)
    trans_a, trans_b = node["trans_a"], node["trans_b"]
    stored = _stored_in(node, kernel, axes)
    return GemmSpec(dtype, m, n, k, batch, a_stride, b_stride, trans_a, trans_b, slots, stored)


def _stored_in(node: Node, kernel: Kernel, axes: list[Axis]) -> int | None:
    """The args slot of the product itself, if all that its epilogue does is to store it."""
    if len(kernel.body) != 1 or not isinstance(kernel.body[0], Store):
        return None
    store = kernel.body[0]
    if store.value.name != "local" or store.buffer.type != node.type:
        return None
    stride: Dim = 1
    strides: dict[Any, Dim] = {}
    for axis in reversed(axes):
        if axis.extent != 1:
            strides[axis] = stride
        stride = stride * axis.extent
    if store.offset != IndexExpr(strides):
        return None
    return EPILOGUE_SLOT + kernel.buffers.index(store.buffer)


def _symbol_slots(kernel: Kernel) -> tuple[tuple[str, int], ...]:
    first = EPILOGUE_SLOT + len(kernel.buffers)
    return tuple((symbol, first + k) for k, symbol in enumerate(kernel.symbols))


def conv_spec(node: Node, windows: WindowSpec, kernel: Kernel, axes: list[Axis]) -> GemmSpec:
    """The product that a convolution, or its gradient by the filter, is."""
    dtype = "f64" if node.dtype.size == 8 else "f32"
    rows, columns, filters = windows.rows, windows.columns, node.shape[-1]
    if node.op == "conv":
        stored = _stored_in(node, kernel, axes)
        slots = _symbol_slots(kernel)
        return GemmSpec(dtype, rows, filters, columns, slots=slots, stored_in=stored)
    return GemmSpec(dtype, columns, filters, rows, trans_a=True, slots=_symbol_slots(kernel))


def window_spec(node: Node) -> WindowSpec:
    """The windows that a convolution, or its gradient by the filter, goes over."""
    x, other = node.inputs
    is_filter = node.op == "conv_filter"
    return WindowSpec(
        x.shape[0],
        tuple(x.shape[1:-1]),
        x.shape[-1],
        tuple(node["taps"] if is_filter else other.shape[:-2]),
        tuple((other if is_filter else node).shape[1:-1]),
        node["strides"],
        tuple(low for low, _ in node["padding"]),
        node["dilation"],
    )


def _product_unit(task: Task, threads: int) -> CodeUnit:
    node, kernel = task.node, task.kernel
    assert node is not None
    assert kernel is not None
    windows = None if node.op == "matmul" else window_spec(node)
    axes = task.axes
    if windows is None:
        spec = product_spec(node, kernel, axes)
    else:
        spec = conv_spec(node, windows, kernel, axes)

    def emit(module: ir.Module, prefix: str) -> tuple[list[Phase], Dim]:
        def epilogue(
            builder: ir.IRBuilder, args: Any, batch: Any, row: Any, column: Any, value: Any
        ) -> None:
            sizes = Sizes(builder, args, spec.slots)
            if windows is None:
                place = [*_batch_indices(builder, batch, axes[:-2], sizes), row, column]
            else:  # all axes but the last are the rows
                place = [*_batch_indices(builder, row, axes[:-1], sizes), column]
            emit_epilogue(builder, args, EPILOGUE_SLOT, kernel, axes, place, value)

        target = host_target()
        if windows is None:
            code = emit_gemm(module, prefix, spec, target, threads, epilogue)
        else:
            emit_windows = emit_conv if node.op == "conv" else emit_conv_filter
            code = emit_windows(module, prefix, windows, spec, target, threads, epilogue)
        phases = [Phase(p.function.name, p.extent, p.unit_cycles) for p in code.phases]
        return phases, code.workspace_bytes

    what = f"{node.op} {spec} {windows} threads={threads}"
    return CodeUnit(kernel_key(kernel, what), emit)


def _batch_indices(builder: ir.IRBuilder, batch: Any, axes: list[Axis], sizes: Sizes) -> list[Any]:
    """The indices along several batch axes of the product's one batch number."""
    if len(axes) == 1:
        return [batch]
    places: list[Any] = []
    for axis in reversed(axes):
        size = sizes(axis.extent)
        places.append(builder.urem(batch, size))
        batch = builder.udiv(batch, size)
    return places[::-1]
