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

from dataclasses import replace
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import (
    INDEX,
    POINTER,
    as_index,
    ceil_div,
    constant,
    counted_loop,
    maximum,
    minimum,
    stack_memory,
)
from graphflow.codegen.extent import Extent
from graphflow.codegen.gemm_dot import emit_dot_product, is_dot_product
from graphflow.codegen.gemm_micro import (
    RowCut,
    TileShape,
    cut_rows,
    emit_micro_kernel,
    intrinsic,
    tile_cycles,
)
from graphflow.codegen.gemm_pack import (
    emit_pack_a_tile,
    emit_pack_columns,
    emit_pack_rows,
)
from graphflow.codegen.gemm_plan import GemmPlan, is_one_block, plan_gemm
from graphflow.codegen.gemm_spec import (
    A_SLOT,
    B_SLOT,
    EPILOGUE_SLOT,
    KERNEL_TYPE,
    WORKSPACE_SLOT,
    Epilogue,
    GemmCode,
    GemmSpec,
    Phase,
    Sizes,
    element_at,
    element_type,
    load_slot,
    store_epilogue,
)
from graphflow.codegen.target import Target
from graphflow.ir.dims import Dim, typical

PAD_ELEMENTS = 16
CACHE_LINE = 64


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
        builder, the args pointer, batch index, row, column, and a vector of consecutive columns,
        or shorter ones and a scalar in the last columns. `store_epilogue` when None.
    """
    if is_dot_product(spec):
        return emit_dot_product(
            module, name, spec, target, threads, epilogue or store_epilogue(spec)
        )
    if epilogue is None:
        spec = replace(spec, stored_in=EPILOGUE_SLOT)
    plan = plan_gemm(spec, target, threads)
    emitter = GemmEmitter(module, name, spec, plan, epilogue or store_epilogue(spec))
    return emitter.emit_phases()


class GemmEmitter:
    """Emits the phases of one product."""

    def __init__(
        self, module: ir.Module, name: str, spec: GemmSpec, plan: GemmPlan, epilogue: Epilogue
    ) -> None:
        self.module = module
        self.name = name
        self.spec = spec
        self.plan = plan
        self.epilogue = epilogue
        self.element = element_type(spec)
        self.b_copies = spec.batch if spec.b_batch_stride != 0 else min(spec.batch, 1)
        # Never more than the panels hold, and a multiple of 64 bytes for narrow ones too.
        columns = plan.tile.columns
        width = plan.panels * columns if isinstance(spec.n, int) else spec.n + columns - 1
        elements = width * spec.k
        known = isinstance(elements, int)
        self.packed_b_elements = -(-elements // 16) * 16 if known else elements
        self.b_is_packed = plan.pack_b and not plan.pack_b_in_units
        self.is_one_block = is_one_block(spec, plan.k_block)
        # Tiles that are whole and final go from the registers to where they belong.
        self.stores_tiles = (
            spec.stored_in is not None and self.is_one_block and isinstance(spec.m, int)
        ) and (isinstance(spec.n, int) and spec.n % columns == 0)

    def emit_phases(self) -> GemmCode:
        """Emit all phases."""
        spec, plan = self.spec, self.plan
        phases = []
        workspace: Dim = 0
        if plan.pack_b and not plan.pack_b_in_units:
            workspace = self.b_copies * self.packed_b_elements * spec.item_size
            phases.append(self.emit_packing())
        phases.append(self.emit_multiplication())
        return GemmCode(phases, workspace, plan)

    def _kernel(self, name: str) -> tuple[ir.Function, ir.IRBuilder]:
        """Begin a kernel; its sizes are computed first."""
        spec = self.spec
        function = ir.Function(self.module, KERNEL_TYPE, f"{self.name}_{name}")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.args = function.args[0]
        sizes = Sizes(builder, self.args, spec.slots)
        self.m, self.n, self.k = sizes(spec.m), sizes(spec.n), sizes(spec.k)
        self.a_stride, self.b_stride = sizes(spec.a_batch_stride), sizes(spec.b_batch_stride)
        self.packed_stride = sizes(self.packed_b_elements)
        if isinstance(spec.n, int):
            self.panels: Any = constant(self.plan.panels)
        else:
            self.panels = ceil_div(builder, self.n, self.plan.tile.columns)
        return function, builder

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
        panels = self.panels
        if self.b_copies == 1:
            self._emit_pack_b(builder, source, workspace, (begin, end), constant(0))
        elif plan.panels:
            first, last = builder.sdiv(begin, panels), builder.sub(end, constant(1))
            stop = builder.add(builder.sdiv(last, panels), constant(1))
            with counted_loop(builder, first, stop, name="batch") as batch:
                start = builder.mul(batch.index, panels)
                low = maximum(builder, builder.sub(begin, start), 0)
                high = minimum(builder, builder.sub(end, start), panels)
                b_offset = builder.mul(batch.index, self.b_stride)
                packed_offset = builder.mul(batch.index, self.packed_stride)
                from_b = self._offset(builder, source, b_offset)
                to_b = self._offset(builder, workspace, packed_offset)
                self._emit_pack_b(builder, from_b, to_b, (low, high), constant(0))
        builder.ret_void()
        vectors = typical(spec.k) * plan.tile.vectors
        cost = float(vectors * (4 if spec.trans_b else 2) + 20)
        return Phase(function, Extent(self.b_copies, ((spec.n, plan.tile.columns),)), cost)

    def _emit_pack_b(
        self,
        builder: ir.IRBuilder,
        source: Any,
        destination: Any,
        panels: tuple[Any, Any],
        base: Any,
        steps: tuple[Any, Any] | None = None,
    ) -> None:
        spec, tile = self.spec, self.plan.tile
        pack = emit_pack_columns if spec.trans_b else emit_pack_rows
        shape = (
            spec.k if isinstance(spec.k, int) else self.k,
            spec.n if isinstance(spec.n, int) else self.n,
        )
        pack(builder, source, destination, panels, shape, tile, self.element, base, steps)

    # --- multiplication ----------------------------------------------------------------------

    def emit_multiplication(self) -> Phase:
        """Multiply; a unit is a block of rows of tiles by a block of panels."""
        spec, plan = self.spec, self.plan
        function, builder = self._kernel("multiply")
        args, begin, end = function.args
        tile = plan.tile
        if isinstance(spec.m, int):
            self.cut = cut_rows(spec.m, tile.rows)
            tiles: Any = constant(self.cut.tiles)
        else:
            self.cut = RowCut(0, tile.rows)
            tiles = ceil_div(builder, self.m, tile.rows)
        self.micro = {h: self._kernel_of(replace(tile, rows=h)) for h in self.cut.heights if h}
        unit_tiles, unit_panels = constant(plan.unit_tiles), constant(plan.unit_panels)
        row_units = ceil_div(builder, tiles, plan.unit_tiles)
        if isinstance(spec.n, int):
            column_units: Any = constant(max(-(-plan.panels // plan.unit_panels), 1))
        else:
            column_units = ceil_div(builder, self.panels, plan.unit_panels)
        self.a = load_slot(builder, args, A_SLOT)
        self.b = load_slot(builder, args, WORKSPACE_SLOT if self.b_is_packed else B_SLOT)
        if self.stores_tiles:
            assert spec.stored_in is not None
            self.c = load_slot(builder, args, spec.stored_in)
        self._reserve_stack(builder)
        if self.micro:
            with counted_loop(builder, begin, end, name="unit") as unit:
                row_unit = builder.srem(unit.index, row_units)
                rest = builder.sdiv(unit.index, row_units)
                column_unit = builder.srem(rest, column_units)
                batch = builder.sdiv(rest, column_units)
                first_tile = builder.mul(row_unit, unit_tiles)
                last_tile = minimum(builder, builder.add(first_tile, unit_tiles), tiles)
                first_panel = builder.mul(column_unit, unit_panels)
                last_panel = minimum(builder, builder.add(first_panel, unit_panels), self.panels)
                self._emit_unit(builder, batch, (first_tile, last_tile), (first_panel, last_panel))
        builder.ret_void()
        rows = min(plan.unit_tiles, -(-typical(spec.m) // tile.rows))
        cost = rows * plan.unit_panels * (tile_cycles(tile) * typical(spec.k) + 20)
        blocks: list[tuple[Dim, int]] = [(spec.n, plan.unit_panels * tile.columns)]
        if isinstance(spec.m, int):
            blocks.append((self.cut.tiles, plan.unit_tiles))
        else:
            blocks.append((spec.m, plan.unit_tiles * tile.rows))
        return Phase(function, Extent(spec.batch, tuple(blocks)), cost)

    def _kernel_of(self, tile: TileShape) -> ir.Function:
        """The micro-kernel of a tile."""
        clamped = not isinstance(self.spec.m, int)
        return emit_micro_kernel(self.module, tile, self.element, clamped, self.plan.unroll)

    def _reserve_stack(self, builder: ir.IRBuilder) -> None:
        """Stack memory for the unit's partial sums (or one tile) and for its block of A."""
        spec, plan = self.spec, self.plan
        tiles = 1 if self.is_one_block else plan.unit_tiles * plan.unit_panels
        if not self.stores_tiles:
            self.sums = self._stack(builder, tiles * plan.tile.elements)
        self.a_tile_elements = plan.tile.rows * (plan.k_block + PAD_ELEMENTS)
        if not self.is_one_block:
            # With all of k in one block after all, every tile uses the same memory.
            several = builder.icmp_signed(">", self.k, constant(plan.k_block))
            elements = constant(plan.tile.elements)
            self.sums_stride = builder.select(several, elements, constant(0))
        if plan.pack_b_in_units:
            assert isinstance(spec.k, int)
            held = plan.unit_panels if plan.block_tiles else 1
            steps = min(spec.k, plan.k_block)
            self.b_panel = self._stack(builder, held * steps * plan.tile.columns)
        if plan.pack_a:
            tiles = plan.block_tiles or plan.unit_tiles
            self.a_block = self._stack(builder, tiles * self.a_tile_elements)

    def _stack(self, builder: ir.IRBuilder, elements: int) -> Any:
        return stack_memory(builder, ir.ArrayType(self.element, elements), align=64)

    def _emit_unit(
        self, builder: ir.IRBuilder, batch: Any, tiles: tuple[Any, Any], panels: tuple[Any, Any]
    ) -> None:
        spec, plan = self.spec, self.plan
        a = self._offset(builder, self.a, builder.mul(batch, self.a_stride))
        b_stride = constant(0)
        if spec.b_batch_stride != 0:
            b_stride = self.packed_stride if self.b_is_packed else self.b_stride
        b = self._offset(builder, self.b, builder.mul(batch, b_stride))
        if self.is_one_block:
            self._emit_steps(builder, batch, (a, b), tiles, panels, (constant(0), self.k))
            return
        with counted_loop(builder, 0, self.k, plan.k_block, name="k_block") as block:
            rest = builder.sub(self.k, block.index)
            steps = minimum(builder, rest, plan.k_block)
            self._emit_steps(builder, batch, (a, b), tiles, panels, (block.index, steps))

    def _emit_steps(
        self,
        builder: ir.IRBuilder,
        batch: Any,
        operands: tuple[Any, Any],
        tiles: tuple[Any, Any],
        panels: tuple[Any, Any],
        steps: tuple[Any, Any],
    ) -> None:
        """One block of k over a unit: all rows at once, or blocks of them under packed panels."""
        plan, first = self.plan, tiles[0]
        if not plan.block_tiles:
            self._emit_block(builder, batch, operands, (*tiles, first), panels, steps)
            return
        part = None if self.is_one_block else steps
        self._emit_pack_b(builder, operands[1], self.b_panel, panels, panels[0], part)
        with counted_loop(builder, *tiles, plan.block_tiles, name="rows") as rows:
            end = builder.add(rows.index, constant(plan.block_tiles))
            block = rows.index, minimum(builder, end, tiles[1]), first
            self._emit_block(builder, batch, operands, block, panels, steps)

    def _tile_place(self, builder: ir.IRBuilder, tile: Any) -> tuple[Any, Any, Any]:
        """First row of a tile, how many rows of C it has, and how many were consumed before."""
        cut, none = self.cut, constant(0)
        if not isinstance(self.spec.m, int):
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
        return self.k, constant(1)

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
        tiles: tuple[Any, Any, Any],
        panels: tuple[Any, Any],
        steps: tuple[Any, Any],
    ) -> None:
        """Every panel of B against these tiles of A's rows; last in `tiles` the unit's first."""
        plan = self.plan
        a, b = operands
        begin, end, first = tiles
        k_start = steps[0]
        self._emit_prepare_rows(builder, a, (begin, end), steps)
        columns = plan.tile.columns
        with counted_loop(builder, *panels, name="panel") as panel:
            column = builder.mul(panel.index, constant(columns))
            if plan.block_tiles:
                start = builder.mul(builder.sub(panel.index, panels[0]), steps[1])
                b_here = self._offset(builder, self.b_panel, builder.mul(start, constant(columns)))
                b_stride = columns
            elif plan.pack_b_in_units:
                next_panel = builder.add(panel.index, constant(1))
                self._emit_pack_b(builder, b, self.b_panel, (panel.index, next_panel), panel.index)
                b_here, b_stride = self.b_panel, columns
            elif plan.pack_b:
                start = builder.add(builder.mul(panel.index, self.k), k_start)
                b_here = self._offset(builder, b, builder.mul(start, constant(columns)))
                b_stride = columns
            else:
                start = builder.mul(k_start, self.n)
                b_here, b_stride = self._offset(builder, b, builder.add(start, column)), self.n
            with counted_loop(builder, begin, end, name="tile") as tile:
                local_tile = builder.sub(tile.index, begin)
                sums = None if self.stores_tiles else self.sums
                if not self.is_one_block:
                    local_panel = builder.sub(panel.index, panels[0])
                    index = builder.mul(local_panel, constant(plan.unit_tiles))
                    index = builder.add(index, builder.sub(tile.index, first))
                    index = builder.mul(index, self.sums_stride)
                    sums = self._offset(builder, sums, index)
                if self.b_is_packed and plan.unit_tiles > 1:
                    following = self._offset(
                        builder, b_here, builder.mul(constant(columns), self.k)
                    )
                    self._emit_prefetch(builder, following, local_tile)
                place = (batch, tile.index, column)
                b_operand = (b_here, as_index(b_stride))
                self._emit_tile(builder, place, (a, local_tile), b_operand, steps, sums)

    def _emit_tile(
        self,
        builder: ir.IRBuilder,
        place: tuple[Any, Any, Any],
        a_operand: tuple[Any, Any],
        b_operand: tuple[Any, Any],
        steps: tuple[Any, Any],
        sums: Any,
    ) -> None:
        """One tile over one block of k, and its epilogue after the last block.

        The tile is `sums`, or C itself when that is None.
        """
        plan = self.plan
        batch, tile, column = place
        k_start, k_count = steps
        row, rows, consumed = self._tile_place(builder, tile)
        keep = builder.icmp_signed(">", k_start, constant(0))
        out, out_stride = sums, constant(plan.tile.columns)
        if sums is None:
            place_in_c = builder.add(builder.mul(builder.add(
                builder.mul(batch, self.m), row), self.n), column)  # fmt: skip
            out, out_stride = self._offset(builder, self.c, place_in_c), self.n
        arguments = self._arguments(builder, a_operand, b_operand, (row, rows), steps, out)
        self._call_micro(builder, rows, [*arguments, out_stride, keep])
        if sums is None:
            return
        if self.is_one_block:
            self._emit_epilogue(builder, (batch, row, column), (consumed, rows), sums)
            return
        is_last = builder.icmp_signed("==", builder.add(k_start, k_count), self.k)
        with builder.if_then(is_last):
            self._emit_epilogue(builder, (batch, row, column), (consumed, rows), sums)

    def _arguments(
        self,
        builder: ir.IRBuilder,
        a_operand: tuple[Any, Any],
        b_operand: tuple[Any, Any],
        rows: tuple[Any, Any],
        steps: tuple[Any, Any],
        out: Any,
    ) -> list[Any]:
        """The micro-kernel's arguments but the last two; `rows` are a first one and how many."""
        a, local_tile = a_operand
        b_here, b_stride = b_operand
        if self.plan.pack_a:
            offset = builder.mul(local_tile, constant(self.a_tile_elements))
            a_here = self._offset(builder, self.a_block, offset)
            a_strides = tuple(constant(stride) for stride in self._packed_a_strides())
        else:
            a_strides = self._a_strides()
            at_row = builder.mul(rows[0], a_strides[0])
            at_k = builder.mul(steps[0], a_strides[1])
            a_here = self._offset(builder, a, builder.add(at_row, at_k))
        return [a_here, b_here, out, steps[1], rows[1], *a_strides, b_stride]

    def _emit_prefetch(self, builder: ir.IRBuilder, panel: Any, local_tile: Any) -> None:
        """Fetch this tile's share of the next panel into L2.

        A panel is read once per unit from L3 and would arrive while the first tile waits for it.
        """
        plan = self.plan
        panel_bytes = plan.k_block * plan.tile.columns * self.spec.item_size
        share = -(-panel_bytes // (plan.unit_tiles * CACHE_LINE)) * CACHE_LINE
        start = builder.mul(local_tile, constant(share))
        prefetch = intrinsic(
            self.module, "llvm.prefetch.p0", ir.VoidType(), [POINTER, *[ir.IntType(32)] * 3]
        )
        read, keep_in_l2, data = (ir.IntType(32)(value) for value in (0, 2, 1))
        with counted_loop(builder, 0, share, CACHE_LINE, name="prefetch") as line:
            place = element_at(builder, panel, builder.add(start, line.index), ir.IntType(8))
            builder.call(prefetch, [place, read, keep_in_l2, data])

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

    def _emit_prepare_rows(
        self, builder: ir.IRBuilder, a: Any, tiles: tuple[Any, Any], steps: tuple[Any, Any]
    ) -> None:
        """Before tiles are multiplied over a block of k: pack their rows of A, if planned."""
        if self.plan.pack_a:
            self._emit_pack_a(builder, a, tiles, steps)

    def _emit_pack_a(
        self, builder: ir.IRBuilder, a: Any, tiles: tuple[Any, Any], steps: tuple[Any, Any]
    ) -> None:
        row_stride, k_stride = self._a_strides()
        packed = self._packed_a_strides()
        copy_stride = packed[1] if self.spec.trans_a else packed[0]
        with counted_loop(builder, *tiles, name="pack_a") as tile:
            row, rows, _ = self._tile_place(builder, tile.index)
            if isinstance(self.spec.m, int) and not self.cut.taller:
                rows = self.cut.height
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
        """Hand a finished tile to the epilogue: whole vectors, then what is left of the columns."""
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

        is_known = isinstance(spec.n, int)
        with counted_loop(builder, *rows, name="row") as line:
            if is_known and spec.n % tile.columns == 0:
                for lane in range(tile.vectors):
                    consume(line.index, lane * tile.lanes, vector, align)
            else:
                left = minimum(builder, builder.sub(self.n, column), tile.columns)
                whole = builder.and_(left, constant(-tile.lanes))
                with counted_loop(builder, 0, whole, tile.lanes, name="vector") as loop:
                    consume(line.index, loop.index, vector, align)
                if not is_known:
                    with counted_loop(builder, whole, left, name="single") as loop:
                        consume(line.index, loop.index, self.element, spec.item_size)
                elif spec.n % tile.lanes:  # the rest of the last panel, in ever shorter vectors
                    with counted_loop(builder, whole, left, tile.lanes, name="rest") as loop:
                        offset = loop.index
                        for lanes in powers_of_two(spec.n % tile.lanes):
                            part = ir.VectorType(self.element, lanes) if lanes > 1 else self.element
                            consume(line.index, offset, part, lanes * spec.item_size)
                            offset = builder.add(offset, constant(lanes))


def powers_of_two(number: int) -> list[int]:
    """The powers of two of which a number is the sum, the largest first."""
    return [1 << bit for bit in reversed(range(number.bit_length())) if number >> bit & 1]
