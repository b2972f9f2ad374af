"""The gradient of a convolution by its filter: a product that is summed over all windows.

``gradient[tap, channel, filter] = sum over windows of A[window, tap, channel] * B[window, filter]``
is the transposed product of the windows and of the result's gradient. The sum is long and the
result small, so threads share the sum: each unit adds up a range of windows for a block of rows,
into tiles of its own, and a second phase adds the units' tiles in the order of their windows. So
the result depends on the shapes and the number of threads, and on nothing that varies.

A unit takes some windows at a time: packed whole, they stay in L2 while every tile of the result
passes over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import ceil_div, constant, counted_loop, maximum, minimum
from graphflow.codegen.conv_windows import WindowCopier, WindowSpec
from graphflow.codegen.extent import Extent
from graphflow.codegen.gemm import GemmEmitter
from graphflow.codegen.gemm_micro import choose_tile, cut_rows, emit_micro_kernel, tile_cycles
from graphflow.codegen.gemm_pack import masked_load
from graphflow.codegen.gemm_plan import UNITS_PER_THREAD, GemmPlan
from graphflow.codegen.gemm_spec import (
    A_SLOT,
    B_SLOT,
    WORKSPACE_SLOT,
    Epilogue,
    GemmCode,
    GemmSpec,
    Phase,
    load_slot,
)
from graphflow.codegen.target import Target
from graphflow.ir.dims import typical

BLOCK_BYTES = 192 << 10  # of packed windows, in L2 beside a unit's tiles
MIN_WINDOWS, MAX_WINDOWS = 16, 256  # at a time
TILES_BYTES = 8 << 20  # of all units together


@dataclass(frozen=True)
class FilterPlan:
    """How the sum is cut up.

    Attributes
    ----------
    windows : packed at a time.
    splits : ranges of windows, summed apart.
    row_blocks, block_tiles : blocks of rows, and tiles of rows in each.
    """

    gemm: GemmPlan
    windows: int
    splits: int
    row_blocks: int
    block_tiles: int

    def __str__(self) -> str:
        return (
            f"tile {self.gemm.tile.rows}x{self.gemm.tile.columns}, {self.windows} windows at once, "
            f"{self.splits}x{self.row_blocks} units of {self.block_tiles} tiles"
        )


def plan_conv_filter(
    windows: WindowSpec, spec: GemmSpec, target: Target, threads: int
) -> FilterPlan:
    """Decide tiles, blocks and units."""
    assert isinstance(spec.m, int)
    assert isinstance(spec.n, int)
    count = typical(spec.k)
    tile = choose_tile(target, target.vector_lanes(8 * spec.item_size), spec.m, spec.n)
    panels = -(-spec.n // tile.columns)
    tiles = cut_rows(spec.m, tile.rows).tiles
    row_bytes = spec.item_size * tile.rows
    block_tiles = max(min(tiles, BLOCK_BYTES // (row_bytes * 2 * MIN_WINDOWS)), 1)
    row_blocks = -(-tiles // block_tiles)
    block_tiles = -(-tiles // row_blocks)
    at_once = BLOCK_BYTES // (row_bytes * block_tiles)
    at_once = max(min(at_once // 16 * 16, MAX_WINDOWS, count), MIN_WINDOWS)
    if spec.n % tile.columns:  # rows of B are copied beside them
        b_row_bytes = panels * tile.columns * spec.item_size
        at_once = max(min(at_once, BLOCK_BYTES // b_row_bytes), 1)
    blocks = -(-count // at_once)
    splits = 1
    if threads > 1:
        fitting = max(TILES_BYTES // (tiles * panels * tile.elements * spec.item_size), 1)
        splits = min(-(-UNITS_PER_THREAD * threads // row_blocks), blocks, fitting)
    splits = -(-blocks // -(-blocks // splits))
    unroll = 2 if tile.rows * tile.vectors < 8 else 1
    gemm = GemmPlan(tile, count, True, False, 1, panels, panels, unroll)
    return FilterPlan(gemm, at_once, splits, row_blocks, block_tiles)


def emit_conv_filter(
    module: ir.Module,
    name: str,
    windows: WindowSpec,
    spec: GemmSpec,
    target: Target,
    threads: int,
    epilogue: Epilogue,
) -> GemmCode:
    """Emit the kernels into `module`; see `gemm.emit_gemm`.

    The rows of the product `spec`, and of the epilogue, are (tap, channel) in the order of the
    filter, its columns are filters, and the sum is over windows.
    """
    plan = plan_conv_filter(windows, spec, target, threads)
    emitter = _FilterEmitter(module, name, spec, plan, epilogue, windows)
    phases = [emitter.emit_sums(), emitter.emit_total()]
    return GemmCode(phases, emitter.workspace_bytes, plan)


class _FilterEmitter(GemmEmitter):
    """Emits the phases: the units' sums, and their total with the epilogue."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: GemmSpec,
        plan: FilterPlan,
        epilogue: Epilogue,
        windows: WindowSpec,
    ) -> None:
        super().__init__(module, name, spec, plan.gemm, epilogue)
        assert isinstance(spec.m, int)
        assert isinstance(spec.n, int)
        self.rows, self.columns = spec.m, spec.n
        self.filter_plan = plan
        self.windows = windows
        self.cut = cut_rows(spec.m, self.plan.tile.rows)
        self.split_elements = self.cut.tiles * self.plan.panels * self.plan.tile.elements
        # A block's rows need not begin with a run: room for one more at either end, and a vector.
        run, rows = windows.run, plan.block_tiles * self.plan.tile.rows
        self.packed_row = min(-(-rows // run) + 1, -(-spec.m // run)) * run + 16
        self.copies_b = spec.n % self.plan.tile.columns != 0

    @property
    def workspace_bytes(self) -> int:
        """Bytes of all units' tiles."""
        return self.filter_plan.splits * self.split_elements * self.spec.item_size

    def emit_sums(self) -> Phase:
        """Sum ranges of windows; a unit is a range for a block of rows."""
        spec, plan, tile = self.spec, self.filter_plan, self.plan.tile
        function, builder = self._kernel("sums")
        args, begin, end = function.args
        self.micro = {
            height: emit_micro_kernel(
                self.module, replace(tile, rows=height),
                self.element, clamped=False, unroll=self.plan.unroll,
            )
            for height in self.cut.heights
        }  # fmt: skip
        source = load_slot(builder, args, A_SLOT)
        self.b = load_slot(builder, args, B_SLOT)
        self.tiles = load_slot(builder, args, WORKSPACE_SLOT)
        self.copier = WindowCopier(self.windows, self.element, tile.lanes, source)
        self.a_block = self._stack(builder, plan.windows * self.packed_row)
        if self.copies_b:
            self.b_block = self._stack(builder, plan.windows * self.plan.panels * tile.columns)
        blocks = ceil_div(builder, self.k, plan.windows)
        share = builder.mul(ceil_div(builder, blocks, plan.splits), constant(plan.windows))
        with counted_loop(builder, begin, end, name="unit") as unit:
            split = builder.udiv(unit.index, constant(plan.row_blocks))
            block = builder.urem(unit.index, constant(plan.row_blocks))
            first_tile = builder.mul(block, constant(plan.block_tiles))
            last_tile = minimum(
                builder, builder.add(first_tile, constant(plan.block_tiles)), self.cut.tiles
            )
            first = builder.mul(split, share)
            last = minimum(builder, builder.add(first, share), self.k)
            # Once at least: tiles without windows are zeros.
            stop = maximum(builder, last, builder.add(first, constant(1)))
            with counted_loop(builder, first, stop, plan.windows, name="windows") as loop:
                count = minimum(builder, builder.sub(last, loop.index), plan.windows)
                count = maximum(builder, count, 0)
                keep = builder.icmp_signed(">", loop.index, first)
                self._emit_windows(
                    builder, split, (first_tile, last_tile), (loop.index, count), keep
                )
        builder.ret_void()
        cycles = plan.block_tiles * self.plan.panels * tile_cycles(tile)
        cycles *= typical(spec.k) / plan.splits
        return Phase(function, Extent(plan.splits * plan.row_blocks), cycles)

    def _emit_windows(
        self,
        builder: ir.IRBuilder,
        split: Any,
        tiles: tuple[Any, Any],
        windows: tuple[Any, Any],
        keep: Any,
    ) -> None:
        """Add the products of some windows to the tiles of a block of rows."""
        plan, tile = self.plan, self.plan.tile
        first, count = windows
        base, runs = self._runs_of(builder, tiles)
        with counted_loop(builder, 0, count, name="window") as line:
            offset = builder.mul(line.index, constant(self.packed_row))
            to = self._offset(builder, self.a_block, offset)
            self.copier.emit_row(builder, builder.add(first, line.index), to, runs)
        if self.copies_b:
            self._emit_copy_b(builder, windows)
        with counted_loop(builder, 0, plan.panels, name="panel") as panel:
            column = builder.mul(panel.index, constant(tile.columns))
            if self.copies_b:
                b, b_stride = self._offset(builder, self.b_block, column), self._b_row
            else:
                start = builder.add(builder.mul(first, constant(self.columns)), column)
                b, b_stride = self._offset(builder, self.b, start), self.columns
            with counted_loop(builder, *tiles, name="tile") as number:
                row, rows, _ = self._tile_place(builder, number.index)
                a = self._offset(builder, self.a_block, builder.sub(row, base))
                sums = self._tile_at(builder, split, panel.index, number.index, self.tiles)
                self._call_micro(builder, rows, [
                    a, b, sums, count, rows, constant(1), constant(self.packed_row),
                    constant(b_stride), constant(tile.columns), keep,
                ])  # fmt: skip

    def _runs_of(
        self, builder: ir.IRBuilder, tiles: tuple[Any, Any]
    ) -> tuple[Any, tuple[Any, Any]]:
        """The runs that hold a block's rows, and the row with which they begin."""
        run = self.windows.run
        if self.filter_plan.row_blocks == 1:
            return constant(0), (constant(0), constant(self.rows // run))
        row, _, _ = self._tile_place(builder, tiles[0])
        final, rows, _ = self._tile_place(builder, builder.sub(tiles[1], constant(1)))
        first = builder.udiv(row, constant(run))
        end = builder.add(builder.add(final, rows), constant(run - 1))
        return builder.mul(first, constant(run)), (first, builder.udiv(end, constant(run)))

    @property
    def _b_row(self) -> int:
        return self.plan.panels * self.plan.tile.columns

    def _emit_copy_b(self, builder: ir.IRBuilder, windows: tuple[Any, Any]) -> None:
        """Copy rows of B, filled up with zeros to whole tiles."""
        n, lanes = self.columns, self.plan.tile.lanes
        vector = ir.VectorType(self.element, lanes)
        first, count = windows
        with counted_loop(builder, 0, count, name="copy_b") as line:
            row = builder.mul(builder.add(first, line.index), constant(n))
            source = self._offset(builder, self.b, row)
            to_row = builder.mul(line.index, constant(self._b_row))
            to = self._offset(builder, self.b_block, to_row)
            for offset in range(0, self._b_row, lanes):
                place = self._offset(builder, source, offset)
                valid = min(max(n - offset, 0), lanes)
                if valid == lanes:
                    value = builder.load(place, typ=vector, align=self.spec.item_size)
                else:
                    value = masked_load(builder, place, vector, valid)
                to_place = self._offset(builder, to, offset)
                builder.store(value, to_place, align=self.spec.item_size)

    def _tile_at(self, builder: ir.IRBuilder, split: Any, panel: Any, tile: Any, base: Any) -> Any:
        offset = builder.add(builder.mul(panel, constant(self.cut.tiles)), tile)
        offset = builder.mul(offset, constant(self.plan.tile.elements))
        offset = builder.add(builder.mul(split, constant(self.split_elements)), offset)
        return self._offset(builder, base, offset)

    def emit_total(self) -> Phase:
        """Add the ranges' tiles and hand them to the epilogue; a unit is a row of tiles."""
        plan, tile = self.plan, self.plan.tile
        function, builder = self._kernel("total")
        self.args, begin, end = function.args
        tiles = load_slot(builder, self.args, WORKSPACE_SLOT)
        with (
            counted_loop(builder, begin, end, name="tile") as number,
            counted_loop(builder, 0, plan.panels, name="panel") as panel,
        ):
            total = self._tile_at(builder, constant(0), panel.index, number.index, tiles)
            if self.filter_plan.splits > 1:
                self._emit_add(builder, total)
            row, rows, consumed = self._tile_place(builder, number.index)
            column = builder.mul(panel.index, constant(tile.columns))
            self._emit_epilogue(builder, (constant(0), row, column), (consumed, rows), total)
        builder.ret_void()
        cycles = 4.0 * plan.panels * tile.rows * tile.vectors * self.filter_plan.splits
        return Phase(function, Extent(self.cut.tiles), cycles)

    def _emit_add(self, builder: ir.IRBuilder, total: Any) -> None:
        """Add the other ranges' tiles to the first one's."""
        lanes, size = self.plan.tile.lanes, self.spec.item_size
        vector = ir.VectorType(self.element, lanes)
        with counted_loop(builder, 0, self.plan.tile.elements, lanes, name="part") as part:
            place = self._offset(builder, total, part.index)
            start = builder.load(place, typ=vector, align=lanes * size)
            with counted_loop(
                builder, 1, self.filter_plan.splits, 1, [start], name="split"
            ) as split:
                far = builder.mul(split.index, constant(self.split_elements))
                other = self._offset(builder, place, far)
                value = builder.load(other, typ=vector, align=lanes * size)
                split.values = [builder.fadd(split.values[0], value)]
            builder.store(split.values[0], place, align=lanes * size)
