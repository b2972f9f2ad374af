"""Matrix products on a GPU: tiles in shared memory, with the epilogue on the finished tile.

A block computes a tile of C. Step by step, its threads copy a slice of A's rows and of B's columns
into shared memory, and each adds the outer product of some rows and columns to its accumulators.
The finished tile goes through shared memory to the epilogue, which so reads and writes whole rows
and is in the code once. A convolution, and its gradient by the filter, is a product whose A is
never made: its elements are looked up in the windows (see `conv_windows`). This is the textbook's
kernel (Kirk & Hwu, "Programming Massively Parallel Processors"): true float32 and float64, in an
order of sums that depends on the sizes alone. Tensor cores are not used yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import constant, counted_loop
from graphflow.codegen.conv_windows import WindowSpec
from graphflow.codegen.cuda.machines import HostMachine, Machine
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.expressions import ExprEmitter, Level
from graphflow.codegen.gemm_micro import multiply_add
from graphflow.codegen.gemm_spec import GemmSpec
from graphflow.codegen.types import F32, F64, I64
from graphflow.ir.dims import Dim, SymDim, evaluate
from graphflow.ir.index import Axis
from graphflow.ir.loops import Kernel, Local, Store

TILE = 64  # rows and columns of a block's tile
PER_THREAD = 4  # rows and columns of a thread's part of it
SIDE = TILE // PER_THREAD
BLOCK = SIDE * SIDE
STEPS = {4: 16, 8: 8}  # of k that are in shared memory at a time, by bytes of an element
BLOCKS_PER_MULTIPROCESSOR = 4


@dataclass(frozen=True, eq=False)
class ProductSchedule:
    """A product with its epilogue, and its place on the GPU.

    Attributes
    ----------
    spec : the product; the kernel's stores are its epilogue over `axes`.
    windows : of a convolution; A then has a row for each window, or a column (`trans_a`).
    """

    spec: GemmSpec
    kernel: Kernel
    axes: tuple[Axis, ...]
    most_blocks: int
    windows: WindowSpec | None = None
    block: int = BLOCK
    workspace_bytes: int = 0

    def count(self, symbols: Mapping[str, int]) -> int:
        """The number of tiles that C has, for the given sizes."""
        spec = self.spec
        m, n, batch = (evaluate(d, symbols) for d in (spec.m, spec.n, spec.batch))
        return batch * -(-m // TILE) * -(-n // TILE)

    def blocks(self, rounds: int) -> int:
        """The grid's blocks for a number of tiles."""
        return max(min(rounds, self.most_blocks), 1)

    def __str__(self) -> str:
        spec = self.spec
        what = f"{spec.dtype}[{spec.batch}; {spec.m}, {spec.n}, {spec.k}]"
        name = "product" if self.windows is None else "convolution"
        return f"{self.kernel.name}: {name} {what}, tiles of {TILE}x{TILE}, block {self.block}"


def schedule_product(
    spec: GemmSpec, kernel: Kernel, axes: list[Axis], target: GpuTarget,
    windows: WindowSpec | None = None,
) -> ProductSchedule:  # fmt: skip
    """Decide how a product or a convolution is spread over a GPU."""
    most = target.num_multiprocessors * BLOCKS_PER_MULTIPROCESSOR
    return ProductSchedule(spec, kernel, tuple(axes), most, windows)


class _Epilogue(ExprEmitter):
    """The stores for one element of the product."""

    def __init__(self, builder: ir.IRBuilder, product: ir.Value) -> None:
        super().__init__(builder)
        self.product = product

    def read_local(self, local: Local) -> ir.Value:
        return self.product


class ProductEmitter:
    """Emits one product for a machine."""

    def __init__(self, machine: Machine, schedule: ProductSchedule, name: str) -> None:
        self.machine, self.schedule, self.spec = machine, schedule, schedule.spec
        kernel = schedule.kernel
        pointers = 2 + len(kernel.buffers)
        if isinstance(machine, HostMachine):
            machine.arguments = pointers + len(kernel.symbols)
        self.function = machine.begin(name, pointers, len(kernel.symbols))
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        values = machine.parameters(self.builder, self.function)
        self.a, self.b = values[:2]
        self.buffers = values[2:pointers]
        self.symbols = {
            name: value if isinstance(value.type, ir.IntType)
            else self.builder.ptrtoint(value, I64)
            for name, value in zip(kernel.symbols, values[pointers:], strict=True)
        }  # fmt: skip
        self.element = F32 if self.spec.dtype == "f32" else F64
        self.steps = STEPS[self.spec.item_size]

    def emit(self) -> ir.Function:
        """Emit the whole kernel."""
        builder, machine, spec = self.builder, self.machine, self.spec
        self.thread = machine.number(builder, "thread")
        self.m, self.n, self.k, batch = (self.size(d) for d in (spec.m, spec.n, spec.k, spec.batch))
        across, down = self.tiles_of(self.n), self.tiles_of(self.m)
        total = builder.mul(batch, builder.mul(across, down))
        self.row_part = builder.mul(builder.udiv(self.thread, constant(SIDE)), constant(PER_THREAD))
        self.column_part = builder.mul(
            builder.urem(self.thread, constant(SIDE)), constant(PER_THREAD)
        )
        self.a_tile = machine.shared(builder, self.element, self.steps * TILE)
        self.b_tile = machine.shared(builder, self.element, self.steps * TILE)
        self.sums = machine.shared(builder, self.element, TILE * TILE)
        first, stride = machine.number(builder, "block"), machine.number(builder, "blocks")
        with counted_loop(builder, first, total, stride, name="tile") as tile:
            column = builder.mul(builder.urem(tile.index, across), constant(TILE))
            rest = builder.udiv(tile.index, across)
            row = builder.mul(builder.urem(rest, down), constant(TILE))
            self.emit_tile(builder.udiv(rest, down), row, column)
        builder.ret_void()
        return self.function

    def size(self, dim: Dim) -> ir.Value:
        """A dimension as an i64."""
        if not isinstance(dim, SymDim):
            return constant(dim)
        emitter = ExprEmitter(self.builder)
        emitter.symbols = self.symbols
        return emitter.polynomial(dim)

    def tiles_of(self, size: ir.Value) -> ir.Value:
        builder = self.builder
        return builder.udiv(builder.add(size, constant(TILE - 1)), constant(TILE))

    def at(self, base: ir.Value, *offsets: ir.Value) -> ir.Value:
        """The address of an element so far from `base`."""
        for offset in offsets:
            base = self.builder.gep(base, [offset], source_etype=self.element)
        return base

    def emit_tile(self, batch: ir.Value, row: ir.Value, column: ir.Value) -> None:
        """One tile of C, from its first step of k to its epilogue."""
        builder, machine, spec = self.builder, self.machine, self.spec
        a = self.at(self.a, builder.mul(batch, self.size(spec.a_batch_stride)))
        b = self.at(self.b, builder.mul(batch, self.size(spec.b_batch_stride)))
        zeros = [ir.Constant(self.element, 0.0)] * (PER_THREAD * PER_THREAD)
        with counted_loop(builder, 0, self.k, self.steps, zeros, "slice") as part:
            is_windows = self.schedule.windows is not None
            self.copy_slice(a, self.a_tile, (row, self.m, part.index), spec.trans_a, is_windows)
            self.copy_slice(b, self.b_tile, (column, self.n, part.index), not spec.trans_b)
            machine.barrier(builder)
            part.values = self.add_slice(part.values)
            machine.barrier(builder)
        for number, value in enumerate(part.values):
            i, j = divmod(number, PER_THREAD)
            line = builder.add(self.row_part, constant(i))
            place = builder.add(builder.mul(line, constant(TILE)), self.column_part)
            builder.store(value, self.at(self.sums, place, constant(j)))
        machine.barrier(builder)
        self.emit_epilogue(batch, row, column)
        machine.barrier(builder)

    def copy_slice(
        self, source: ir.Value, tile: ir.Value, place: tuple[Any, Any, Any], by_step: bool,
        is_windows: bool = False,
    ) -> None:  # fmt: skip
        """Copy ``[steps][TILE]`` elements; zeros where the matrix ends.

        `place` is the first line, how many lines the matrix has, and the first step; `by_step` says
        that the lines of one step lie side by side, else the steps of one line do.
        """
        builder = self.builder
        first, lines, step = place
        with counted_loop(builder, self.thread, self.steps * TILE, BLOCK, name="copy") as item:
            if by_step:
                k, line = (f(item.index, constant(TILE)) for f in (builder.udiv, builder.urem))
            else:
                line, k = (
                    f(item.index, constant(self.steps)) for f in (builder.udiv, builder.urem)
                )
            at_line, at_k = builder.add(first, line), builder.add(step, k)
            inside = builder.and_(
                builder.icmp_signed("<", at_line, lines), builder.icmp_signed("<", at_k, self.k)
            )
            if is_windows:
                window, column = (at_k, at_line) if self.spec.trans_a else (at_line, at_k)
                offset, fits = self.window_element(window, column)
                inside = inside if fits is None else builder.and_(inside, fits)
            elif by_step:
                offset = builder.add(builder.mul(at_k, lines), at_line)
            else:
                offset = builder.add(builder.mul(at_line, self.k), at_k)
            before = builder.block
            with builder.if_then(inside):
                loaded = builder.load(self.at(source, offset), typ=self.element)
                within = builder.block
            value = builder.phi(self.element)
            value.add_incoming(ir.Constant(self.element, 0.0), before)
            value.add_incoming(loaded, within)
            to = builder.add(builder.mul(k, constant(TILE)), line)
            builder.store(value, self.at(tile, to))

    def window_element(self, window: ir.Value, column: ir.Value) -> tuple[ir.Value, Any]:
        """Where an element of a window lies in the array, and whether that is not padding.

        None stands for windows that never reach into the padding.
        """
        builder, spec = self.builder, self.schedule.windows
        assert spec is not None
        *taps, channel = self.digits(column, (*spec.taps, spec.channels))
        places = self.digits(window, (0, *spec.counts))
        offset, fits = places[0], None
        for axis, size in enumerate(spec.sizes):
            start = builder.mul(places[axis + 1], constant(spec.strides[axis]))
            step = builder.mul(taps[axis], constant(spec.dilation[axis]))
            place = builder.sub(builder.add(start, step), constant(spec.low[axis]))
            if not spec.is_inside(axis):
                within = builder.icmp_unsigned("<", place, constant(size))
                fits = within if fits is None else builder.and_(fits, within)
            offset = builder.add(builder.mul(offset, constant(size)), place)
        return builder.add(builder.mul(offset, constant(spec.channels)), channel), fits

    def digits(self, number: ir.Value, extents: tuple[int, ...]) -> list[ir.Value]:
        """The indices that a number stands for, the last varying fastest; the first may be any."""
        found: list[ir.Value] = []
        for extent in reversed(extents[1:]):
            found.append(self.builder.urem(number, constant(extent)))
            number = self.builder.udiv(number, constant(extent))
        return [number, *reversed(found)]

    def add_slice(self, sums: list[Any]) -> list[Any]:
        """Add the slice's outer products to a thread's sums."""
        builder = self.builder
        with counted_loop(builder, 0, self.steps, 1, sums, "step") as step:
            start = builder.mul(step.index, constant(TILE))
            rows, columns = (
                [
                    builder.load(self.at(tile, start, part, constant(k)), typ=self.element)
                    for k in range(PER_THREAD)
                ]
                for tile, part in ((self.a_tile, self.row_part), (self.b_tile, self.column_part))
            )
            step.values = [
                multiply_add(builder, rows[k // PER_THREAD], columns[k % PER_THREAD], total)
                for k, total in enumerate(step.values)
            ]
        return step.values

    def emit_epilogue(self, batch: ir.Value, row: ir.Value, column: ir.Value) -> None:
        """The stores, an element after the other, neighbours by neighbouring threads."""
        builder = self.builder
        with counted_loop(builder, self.thread, TILE * TILE, BLOCK, name="element") as item:
            i = builder.add(row, builder.udiv(item.index, constant(TILE)))
            j = builder.add(column, builder.urem(item.index, constant(TILE)))
            inside = builder.and_(
                builder.icmp_signed("<", i, self.m), builder.icmp_signed("<", j, self.n)
            )
            with builder.if_then(inside):
                product = builder.load(self.at(self.sums, item.index), typ=self.element)
                axes = self.schedule.axes
                if self.schedule.windows is None:
                    self.emit_stores(product, [*self.indices(batch, axes[:-2]), i, j])
                else:  # all axes but the last are the rows
                    self.emit_stores(product, [*self.indices(i, axes[:-1]), j])

    def indices(self, number: ir.Value, axes: tuple[Axis, ...]) -> list[ir.Value]:
        """The indices along axes that one number stands for."""
        places: list[ir.Value] = []
        for axis in reversed(axes):
            size = self.size(axis.extent)
            places.append(self.builder.urem(number, size))
            number = self.builder.udiv(number, size)
        return places[::-1]

    def emit_stores(self, product: ir.Value, place: list[ir.Value]) -> None:
        kernel = self.schedule.kernel
        emitter = _Epilogue(self.builder, product)
        emitter.pointers = dict(zip(kernel.buffers, self.buffers, strict=True))
        emitter.symbols = self.symbols
        emitter.levels.append(Level(dict(zip(self.schedule.axes, place, strict=True))))
        stores = [s for s in kernel.body if isinstance(s, Store)]
        for store in stores:
            emitter.value(store.value)
        for store in stores:
            emitter.emit_store(store)


def emit_gpu_product(machine: Machine, schedule: ProductSchedule, name: str) -> ir.Function:
    """Emit a product into the machine's module as a function called `name`."""
    return ProductEmitter(machine, schedule, name).emit()
