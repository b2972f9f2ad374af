"""Matrix products: ``C[batch] = op(A[batch]) @ op(B[batch])`` as native kernels.

A product becomes one or two phases, each a kernel ``void (ptr args, i64 begin, i64 end)`` over a
range of its parallel extent. Packing copies B into panels (see `gemm_pack`); multiplication cuts C
into units of some rows by some columns, and each unit runs the micro-kernel (see `gemm_micro`)
over its tiles. The loops are those of Goto & van de Geijn (ACM TOMS 34(3), 2008): a panel of B of
`k_block` steps stays in L1 while the unit's block of A, in L2, passes over it. Where k is longer
than a block, partial sums of the unit wait in tiles on the stack, so the epilogue sees only
final sums.

Small operands are read where they lie: packing a matrix that fits L1 costs more than it saves.

The units depend on the shapes and on the number of threads the product is compiled for, and every
element of C is summed over k in one fixed order, so no result depends on which thread runs what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import (
    INDEX,
    POINTER,
    as_index,
    constant,
    counted_loop,
    maximum,
    minimum,
)
from graphflow.codegen.gemm_micro import (
    RowCut,
    TileShape,
    choose_tile,
    cut_rows,
    emit_micro_kernel,
    tile_cycles,
)
from graphflow.codegen.gemm_pack import (
    element_at,
    emit_pack_a_tile,
    emit_pack_columns,
    emit_pack_rows,
)
from graphflow.codegen.target import Target

Epilogue = Callable[[ir.IRBuilder, Any, Any, Any, Any, Any], None]
"""``epilogue(builder, args, batch, row, column, value)`` consumes a vector (or scalar) of C."""

KERNEL_TYPE = ir.FunctionType(ir.VoidType(), [POINTER, INDEX, INDEX])

A_SLOT, B_SLOT, WORKSPACE_SLOT, EPILOGUE_SLOT = range(4)

# A panel of B up to this size is one block of k: it streams from L2 without loss, and its sums go
# straight to the epilogue. Longer ones are cut into blocks of about half the size.
PANEL_BYTES = 64 << 10
BLOCK_BYTES = 32 << 10
# A unit's block of A and its partial sums, on the stack and in L2.
A_BLOCK_BYTES = 192 << 10
PARTIAL_BYTES = 384 << 10
# B is read in place up to this size: it stays in L1 from one row of tiles to the next.
DIRECT_B_BYTES = 16 << 10
# Below this many bytes between rows of A its rows do not fight for the sets of the caches.
DIRECT_A_STRIDE = 4096
PAD_ELEMENTS = 16
UNITS_PER_THREAD = 4
MIN_UNIT_CYCLES = 20_000  # of the order of what handing out a unit to a thread costs


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
class GemmPlan:
    """How a product is cut up: everything the emitter does not decide."""

    tile: TileShape
    k_block: int
    pack_a: bool
    pack_b: bool
    unit_tiles: int
    unit_panels: int
    panels: int

    def __str__(self) -> str:
        packs = "+".join(name for name, on in (("A", self.pack_a), ("B", self.pack_b)) if on)
        return (
            f"tile {self.tile.rows}x{self.tile.columns}, k by {self.k_block}, "
            f"packs {packs or 'nothing'}, unit {self.unit_tiles}x{self.unit_panels} tiles"
        )


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
    bytes and its contents need not survive, but from one phase to the next.
    """

    phases: list[Phase]
    workspace_bytes: int
    plan: GemmPlan


def plan_gemm(spec: GemmSpec, target: Target, threads: int) -> GemmPlan:
    """Decide tiles, blocks, packing and units of a product."""
    lanes = target.vector_lanes(8 * spec.item_size)
    tile = choose_tile(target, lanes, spec.m, spec.n)
    panels = -(-spec.n // tile.columns)
    m = 1024 if spec.m is None else spec.m
    tiles = cut_rows(m, tile.rows).tiles
    b_bytes = spec.n * spec.k * spec.item_size
    b_in_place = not spec.trans_b and spec.n % tile.columns == 0
    pack_b = not (b_in_place and (b_bytes <= DIRECT_B_BYTES or tiles <= 2))
    k_block = _k_block(spec.k, tile.columns * spec.item_size)
    a_row_bytes = (m if spec.trans_a else spec.k) * spec.item_size
    pack_a = panels >= 4 and tiles >= 2 and a_row_bytes >= DIRECT_A_STRIDE
    unit_tiles, unit_panels = max(tiles, 1), max(panels, 1)
    if pack_a:
        unit_tiles = min(unit_tiles, _at_least_one(A_BLOCK_BYTES, tile.rows * k_block, spec))
    if k_block < spec.k:
        limit = _at_least_one(PARTIAL_BYTES, unit_tiles * tile.elements, spec)
        if limit < 4:  # rather fewer rows than columns so few that A is packed for little
            limit = 4
            unit_tiles = min(unit_tiles, _at_least_one(PARTIAL_BYTES, 4 * tile.elements, spec))
        unit_panels = min(unit_panels, limit)
    plan = GemmPlan(tile, k_block, pack_a, pack_b, unit_tiles, unit_panels, panels)
    return _divide_units(plan, spec, tiles, threads)


def _k_block(k: int, row_bytes: int) -> int:
    """Return the steps of k of a block: all of them, or nearly equal parts in whole vectors."""
    if k * row_bytes <= PANEL_BYTES:
        return max(k, 1)
    blocks = -(-k * row_bytes // BLOCK_BYTES)
    return -(-(-(-k // blocks)) // 16) * 16


def _at_least_one(budget: int, elements: int, spec: GemmSpec) -> int:
    return max(budget // (elements * spec.item_size), 1)


def _divide_units(plan: GemmPlan, spec: GemmSpec, tiles: int, threads: int) -> GemmPlan:
    """Make units small enough that every thread gets several, but worth handing out."""
    unit_tiles, unit_panels = plan.unit_tiles, plan.unit_panels

    def count() -> int:
        return spec.batch * -(-tiles // unit_tiles) * -(-plan.panels // unit_panels)

    def cycles() -> float:
        return unit_tiles * unit_panels * tile_cycles(plan.tile) * spec.k

    while threads > 1 and count() < UNITS_PER_THREAD * threads and cycles() > 2 * MIN_UNIT_CYCLES:
        # Rows first: units in a row of units share the block of A, and may each pack it.
        if unit_tiles >= 4 or (unit_tiles > 1 and unit_panels == 1):
            unit_tiles = -(-unit_tiles // 2)
        elif unit_panels > 1:
            unit_panels = -(-unit_panels // 2)
        else:
            break
    # Even out: 86 tiles in units of 22 are 4 units, not 3 and a fraction.
    unit_tiles = -(-tiles // -(-tiles // unit_tiles)) if tiles else 1
    unit_panels = -(-plan.panels // -(-plan.panels // unit_panels)) if plan.panels else 1
    return replace(plan, unit_tiles=unit_tiles, unit_panels=unit_panels)


def store_epilogue(spec: GemmSpec, slot: int = EPILOGUE_SLOT) -> Epilogue:
    """Return the epilogue that stores C, row-major, to the buffer in `slot`."""

    def store(
        builder: ir.IRBuilder, args: Any, batch: Any, row: Any, column: Any, value: Any
    ) -> None:
        element = _element_type(spec)
        out = load_slot(builder, args, slot)
        if spec.m is not None:
            row = builder.add(builder.mul(batch, constant(spec.m)), row)
        offset = builder.add(builder.mul(row, constant(spec.n)), column)
        builder.store(value, element_at(builder, out, offset, element), align=spec.item_size)

    return store


def load_slot(builder: ir.IRBuilder, args: Any, slot: int, typ: Any = POINTER) -> Any:
    """Load a slot of a kernel's args."""
    return builder.load(element_at(builder, args, slot, INDEX), typ=typ)


def emit_gemm(
    module: ir.Module,
    name: str,
    spec: GemmSpec,
    target: Target,
    threads: int = 1,
    epilogue: Epilogue | None = None,
) -> GemmCode:
    """Emit a matrix product's kernels into `module`.

    Parameters
    ----------
    name : prefix of the functions' names.
    threads : how many threads will share the extents; more threads, smaller units.
    epilogue : consumes each vector of C once, its sum complete; it does the store. It gets the
        builder, the args pointer, batch index, row, column, and a vector of consecutive columns, or
        a scalar in the last columns. `store_epilogue` when None.
    """
    plan = plan_gemm(spec, target, threads)
    emitter = _GemmEmitter(module, name, spec, plan, epilogue or store_epilogue(spec))
    phases = []
    workspace = 0
    if plan.pack_b:
        workspace = emitter.b_copies * emitter.packed_b_elements * spec.item_size
        phases.append(emitter.emit_packing())
    phases.append(emitter.emit_multiplication())
    return GemmCode(phases, workspace, plan)


def _element_type(spec: GemmSpec) -> Any:
    return ir.FloatType() if spec.dtype == "f32" else ir.DoubleType()


class _GemmEmitter:
    """Emits the phases of one product."""

    def __init__(
        self, module: ir.Module, name: str, spec: GemmSpec, plan: GemmPlan, epilogue: Epilogue
    ) -> None:
        self.module = module
        self.name = name
        self.spec = spec
        self.plan = plan
        self.epilogue = epilogue
        self.element = _element_type(spec)
        self.b_copies = spec.batch if spec.b_batch_stride else min(spec.batch, 1)
        # A multiple of 64 bytes, for panels of one narrow vector too.
        elements = plan.panels * spec.k * plan.tile.columns
        self.packed_b_elements = -(-elements // 16) * 16

    def _kernel(self, name: str) -> tuple[ir.Function, ir.IRBuilder]:
        function = ir.Function(self.module, KERNEL_TYPE, f"{self.name}_{name}")
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def _offset(self, builder: ir.IRBuilder, base: Any, offset: Any) -> Any:
        return element_at(builder, base, offset, self.element)

    # --- packing -----------------------------------------------------------------------------

    def emit_packing(self) -> Phase:
        """Pack B; a unit is one panel of one of the batch's matrices."""
        spec, plan = self.spec, self.plan
        function, builder = self._kernel("pack")
        args, begin, end = function.args
        source = load_slot(builder, args, B_SLOT)
        workspace = load_slot(builder, args, WORKSPACE_SLOT)
        pack = emit_pack_columns if spec.trans_b else emit_pack_rows
        shape = (spec.k, spec.n)
        if self.b_copies == 1:
            pack(builder, source, workspace, (begin, end), shape, plan.tile, self.element)
        elif plan.panels:
            panels = constant(plan.panels)
            first, last = builder.sdiv(begin, panels), builder.sub(end, constant(1))
            stop = builder.add(builder.sdiv(last, panels), constant(1))
            with counted_loop(builder, first, stop, name="batch") as batch:
                start = builder.mul(batch.index, panels)
                low = maximum(builder, builder.sub(begin, start), 0)
                high = minimum(builder, builder.sub(end, start), panels)
                b_offset = builder.mul(batch.index, constant(spec.b_batch_stride))
                packed_offset = builder.mul(batch.index, constant(self.packed_b_elements))
                from_b = self._offset(builder, source, b_offset)
                to_b = self._offset(builder, workspace, packed_offset)
                pack(builder, from_b, to_b, (low, high), shape, plan.tile, self.element)
        builder.ret_void()
        vectors = spec.k * plan.tile.vectors
        cost = float(vectors * (4 if spec.trans_b else 2) + 20)
        return Phase(function, self.b_copies * plan.panels, cost)

    # --- multiplication ----------------------------------------------------------------------

    def emit_multiplication(self) -> Phase:
        """Multiply; a unit is a block of rows of tiles by a block of panels."""
        spec, plan = self.spec, self.plan
        function, builder = self._kernel("multiply")
        args, begin, end = function.args
        self.args = args
        tile = plan.tile
        if spec.m is None:
            slot = spec.m_slot
            assert slot is not None
            self.m: Any = load_slot(builder, args, slot, INDEX)
            rows = constant(tile.rows)
            tiles: Any = builder.sdiv(builder.add(self.m, constant(tile.rows - 1)), rows)
            self.cut = RowCut(0, tile.rows)
        else:
            self.m = constant(spec.m)
            self.cut = cut_rows(spec.m, tile.rows)
            tiles = constant(self.cut.tiles)
        self.micro = {
            height: emit_micro_kernel(
                self.module,
                f"{self.name}_micro{height}",
                replace(tile, rows=height),
                self.element,
                clamped=spec.m is None,
            )
            for height in self.cut.heights
            if height
        }
        unit_tiles, unit_panels = constant(plan.unit_tiles), constant(plan.unit_panels)
        row_units = builder.sdiv(builder.add(tiles, constant(plan.unit_tiles - 1)), unit_tiles)
        column_units = -(-plan.panels // plan.unit_panels)
        self.a = load_slot(builder, args, A_SLOT)
        self.b = load_slot(builder, args, WORKSPACE_SLOT if plan.pack_b else B_SLOT)
        self._reserve_stack(builder)
        if self.micro:
            with counted_loop(builder, begin, end, name="unit") as unit:
                row_unit = builder.srem(unit.index, row_units)
                rest = builder.sdiv(unit.index, row_units)
                column_unit = builder.srem(rest, constant(max(column_units, 1)))
                batch = builder.sdiv(rest, constant(max(column_units, 1)))
                first_tile = builder.mul(row_unit, unit_tiles)
                last_tile = minimum(builder, builder.add(first_tile, unit_tiles), tiles)
                first_panel = builder.mul(column_unit, unit_panels)
                last_panel = minimum(
                    builder, builder.add(first_panel, unit_panels), constant(plan.panels)
                )
                self._emit_unit(builder, batch, (first_tile, last_tile), (first_panel, last_panel))
        builder.ret_void()
        cost = plan.unit_tiles * plan.unit_panels * (tile_cycles(tile) * spec.k + 20)
        if spec.m is None:
            return Phase(function, column_units, cost, plan.unit_tiles * tile.rows)
        static_rows = -(-self.cut.tiles // plan.unit_tiles)
        return Phase(function, spec.batch * static_rows * column_units, cost)

    def _reserve_stack(self, builder: ir.IRBuilder) -> None:
        """Stack memory for the unit's partial sums (or one tile) and for its block of A."""
        spec, plan = self.spec, self.plan
        tiles = 1 if plan.k_block >= spec.k else plan.unit_tiles * plan.unit_panels
        self.sums = self._stack(builder, tiles * plan.tile.elements)
        self.a_tile_elements = plan.tile.rows * (plan.k_block + PAD_ELEMENTS)
        if plan.pack_a:
            self.a_block = self._stack(builder, plan.unit_tiles * self.a_tile_elements)

    def _stack(self, builder: ir.IRBuilder, elements: int) -> Any:
        memory = builder.alloca(ir.ArrayType(self.element, elements))
        memory.align = 64
        memory.type = POINTER  # llvmlite would let it hold whole arrays only
        return memory

    def _emit_unit(
        self, builder: ir.IRBuilder, batch: Any, tiles: tuple[Any, Any], panels: tuple[Any, Any]
    ) -> None:
        spec, plan = self.spec, self.plan
        a_offset = builder.mul(batch, constant(spec.a_batch_stride))
        a = self._offset(builder, self.a, a_offset)
        b_stride = self.packed_b_elements if plan.pack_b else spec.b_batch_stride
        b_offset = builder.mul(batch, constant(b_stride if spec.b_batch_stride else 0))
        b = self._offset(builder, self.b, b_offset)
        if plan.k_block >= spec.k:
            self._emit_block(builder, batch, (a, b), tiles, panels, (constant(0), constant(spec.k)))
            return
        with counted_loop(builder, 0, spec.k, plan.k_block, name="k_block") as block:
            rest = builder.sub(constant(spec.k), block.index)
            steps = minimum(builder, rest, plan.k_block)
            self._emit_block(builder, batch, (a, b), tiles, panels, (block.index, steps))

    def _tile_place(self, builder: ir.IRBuilder, tile: Any) -> tuple[Any, Any, Any]:
        """First row of a tile, how many rows of C it has, and how many were consumed before."""
        cut, none = self.cut, constant(0)
        if self.spec.m is None:
            row = builder.mul(tile, constant(self.plan.tile.rows))
            return row, minimum(builder, builder.sub(self.m, row), self.plan.tile.rows), none
        start = builder.mul(tile, constant(cut.height))
        if cut.overlaps:
            row = minimum(builder, start, self.spec.m - cut.height)
            return row, constant(cut.height), builder.sub(start, row)
        row = builder.add(start, minimum(builder, tile, cut.taller))
        is_taller = builder.icmp_signed("<", tile, constant(cut.taller))
        return row, builder.add(constant(cut.height), builder.zext(is_taller, INDEX)), none

    def _a_strides(self) -> tuple[Any, Any]:
        """Strides of A as the user has it: of a row, and of a step of k."""
        if self.spec.trans_a:
            return constant(1), self.m
        return constant(self.spec.k), constant(1)

    def _packed_a_strides(self) -> tuple[int, int]:
        if self.spec.trans_a:
            return 1, self.plan.tile.rows
        # A cache line more: rows a power of two apart would share few sets of L1.
        return self.plan.k_block + PAD_ELEMENTS, 1

    def _emit_block(
        self,
        builder: ir.IRBuilder,
        batch: Any,
        operands: tuple[Any, Any],
        tiles: tuple[Any, Any],
        panels: tuple[Any, Any],
        steps: tuple[Any, Any],
    ) -> None:
        """One block of k over a unit: every panel of B against every tile of A's rows."""
        spec, plan = self.spec, self.plan
        a, b = operands
        k_start, k_count = steps
        if plan.pack_a:
            self._emit_pack_a(builder, a, tiles, steps)
        columns = plan.tile.columns
        with (
            counted_loop(builder, *panels, name="panel") as panel,
            counted_loop(builder, *tiles, name="tile") as tile,
        ):
            row, rows, consumed = self._tile_place(builder, tile.index)
            column = builder.mul(panel.index, constant(columns))
            local_tile = builder.sub(tile.index, tiles[0])
            if plan.pack_a:
                place = builder.mul(local_tile, constant(self.a_tile_elements))
                a_here = self._offset(builder, self.a_block, place)
                a_strides = tuple(constant(stride) for stride in self._packed_a_strides())
            else:
                a_strides = self._a_strides()
                a_here = self._offset(
                    builder,
                    a,
                    builder.add(builder.mul(row, a_strides[0]), builder.mul(k_start, a_strides[1])),
                )
            if plan.pack_b:
                start = builder.add(builder.mul(panel.index, constant(spec.k)), k_start)
                b_offset, b_stride = builder.mul(start, constant(columns)), columns
            else:
                start = builder.mul(k_start, constant(spec.n))
                b_offset, b_stride = builder.add(start, column), spec.n
            sums = self.sums
            if plan.k_block < spec.k:
                index = builder.mul(builder.sub(panel.index, panels[0]), constant(plan.unit_tiles))
                index = builder.add(index, local_tile)
                sums = self._offset(builder, sums, builder.mul(index, constant(plan.tile.elements)))
            keep = builder.icmp_signed(">", k_start, constant(0))
            arguments = [
                a_here, self._offset(builder, b, b_offset), sums, k_count, rows, *a_strides,
                constant(b_stride), keep,
            ]  # fmt: skip
            self._call_micro(builder, rows, arguments)
            place = (batch, row, column)
            if plan.k_block >= spec.k:
                self._emit_epilogue(builder, place, (consumed, rows), sums)
            else:
                done = builder.add(k_start, k_count)
                is_last = builder.icmp_signed("==", done, constant(spec.k))
                with builder.if_then(is_last):
                    self._emit_epilogue(builder, place, (consumed, rows), sums)

    def _call_micro(self, builder: ir.IRBuilder, rows: Any, arguments: list[Any]) -> None:
        """Call the micro-kernel of the tile's height."""
        if len(self.micro) == 1:
            builder.call(next(iter(self.micro.values())), arguments)
            return
        short, tall = (self.micro[height] for height in self.cut.heights)
        is_tall = builder.icmp_signed("==", rows, constant(self.cut.heights[1]))
        with builder.if_else(is_tall) as (then, otherwise):
            with then:
                builder.call(tall, arguments)
            with otherwise:
                builder.call(short, arguments)

    def _emit_pack_a(
        self, builder: ir.IRBuilder, a: Any, tiles: tuple[Any, Any], steps: tuple[Any, Any]
    ) -> None:
        row_stride, k_stride = self._a_strides()
        packed = self._packed_a_strides()
        copy_stride = packed[1] if self.spec.trans_a else packed[0]
        with counted_loop(builder, *tiles, name="pack_a") as tile:
            row, rows, _ = self._tile_place(builder, tile.index)
            offset = builder.add(builder.mul(row, row_stride), builder.mul(steps[0], k_stride))
            place = builder.mul(builder.sub(tile.index, tiles[0]), constant(self.a_tile_elements))
            emit_pack_a_tile(
                builder,
                self._offset(builder, a, offset),
                self._offset(builder, self.a_block, place),
                (rows, steps[1]),
                (row_stride, k_stride),
                (self.spec.trans_a, copy_stride),
                self.element,
            )

    def _emit_epilogue(
        self, builder: ir.IRBuilder, place: tuple[Any, Any, Any], rows: tuple[Any, Any], sums: Any
    ) -> None:
        """Hand a finished tile to the epilogue: whole vectors, then single columns."""
        spec, tile = self.spec, self.plan.tile
        batch, row, column = place
        vector = ir.VectorType(self.element, tile.lanes)
        align = tile.lanes * spec.item_size

        def consume(row_in_tile: Any, offset: Any, typ: Any, align: int) -> None:
            start = builder.mul(row_in_tile, constant(tile.columns))
            source = self._offset(builder, sums, builder.add(start, as_index(offset)))
            value = builder.load(source, typ=typ, align=align)
            at_row = builder.add(row, row_in_tile)
            at_column = builder.add(column, as_index(offset))
            self.epilogue(builder, self.args, batch, at_row, at_column, value)

        ragged = spec.n % tile.columns
        with counted_loop(builder, *rows, name="row") as line:
            if not ragged:
                for lane in range(tile.vectors):
                    consume(line.index, lane * tile.lanes, vector, align)
            else:
                left = minimum(builder, builder.sub(constant(spec.n), column), tile.columns)
                whole = builder.and_(left, constant(-tile.lanes))
                with counted_loop(builder, 0, whole, tile.lanes, name="vector") as loop:
                    consume(line.index, loop.index, vector, align)
                if ragged % tile.lanes:
                    with counted_loop(builder, whole, left, name="single") as loop:
                        consume(line.index, loop.index, self.element, spec.item_size)
