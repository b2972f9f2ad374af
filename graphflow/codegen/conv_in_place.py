"""Convolutions whose windows are read where they lie, and nowhere copied.

A window is a few runs of the array, one for each row of the filter. If no window reaches into the
padding, a tile's rows are the places of their first runs, and the micro-kernel goes along the runs
(see `gemm_micro.emit_window_kernel`): nothing is packed but B. Otherwise a phase before puts the
array into the workspace with its padding, which is one copy where packing makes one for each tap.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, constant, counted_loop, stack_memory
from graphflow.codegen.conv_windows import WindowSpec
from graphflow.codegen.extent import Extent
from graphflow.codegen.gemm import GemmEmitter
from graphflow.codegen.gemm_micro import TileShape, emit_window_kernel, intrinsic
from graphflow.codegen.gemm_plan import GemmPlan
from graphflow.codegen.gemm_spec import (
    A_SLOT,
    WORKSPACE_SLOT,
    Epilogue,
    GemmCode,
    GemmSpec,
    Phase,
    element_at,
    load_slot,
)

# Shorter runs are packed: what is done between two runs would take as long as a run.
SHORTEST_RUN = 32
# With more filters, in vectors, what was packed is read so often that packing is the smaller part.
MOST_VECTORS = 8
# How often packing would copy an element of the array at least, where the padding makes a copy.
COPIES_SAVED = 6


def plan_in_place(windows: WindowSpec, spec: GemmSpec, plan: GemmPlan) -> GemmPlan | None:
    """The plan without packing of A; None where packing is better, or needed."""
    if not isinstance(spec.m, int) or not windows.joins_taps or len(windows.taps) > 2:
        return None
    if windows.run < SHORTEST_RUN or plan.block_tiles:
        return None
    if not isinstance(spec.n, int) or spec.n > MOST_VECTORS * plan.tile.lanes:
        return None
    if windows.padded != windows.sizes:
        packed = math.prod(windows.counts) * math.prod(windows.taps)
        if packed < COPIES_SAVED * math.prod(windows.padded):
            return None
    return replace(plan, pack_a=False)


class WindowEmitter(GemmEmitter):
    """Emits the phases of a product whose A is windows of an array."""

    def __init__(
        self, module: ir.Module, name: str, spec: GemmSpec, plan: GemmPlan, epilogue: Epilogue,
        windows: WindowSpec,
    ) -> None:  # fmt: skip
        super().__init__(module, name, spec, plan, epilogue)
        self.windows = windows


class InPlaceEmitter(WindowEmitter):
    """Emits products with windows that are read where they lie."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        windows = self.windows
        self.copies = windows.padded != windows.sizes
        packed = self.b_copies * self.packed_b_elements if self.b_is_packed else 0
        assert isinstance(packed, int)
        self.padded_at = packed

    def emit_phases(self) -> GemmCode:
        """Emit all phases."""
        windows = self.windows
        phases, elements = [], self.padded_at
        if self.b_is_packed:
            phases.append(self.emit_packing())
        if self.copies:
            assert isinstance(windows.batch, int)
            elements += windows.batch * math.prod(windows.padded) * windows.channels
            phases.append(self._emit_padding())
        phases.append(self.emit_multiplication())
        return GemmCode(phases, elements * self.spec.item_size, self.plan)

    def _emit_padding(self) -> Phase:
        """Copy the array with its padding; a unit is one row along the last spatial axis."""
        windows = self.windows
        function, builder = self._kernel("pad")
        args, begin, end = function.args
        source = load_slot(builder, args, A_SLOT)
        target = self._padded(builder, args)
        *outer, size = windows.sizes
        *padded_outer, width = windows.padded
        *low, first = (max(n, 0) for n in windows.low)
        row = width * windows.channels
        with counted_loop(builder, begin, end, name="row") as line:
            rest, inside, digits = line.index, ir.IntType(1)(1), []
            for extent in reversed(padded_outer):
                digits.append(builder.urem(rest, constant(extent)))
                rest = builder.udiv(rest, constant(extent))
            for digit, axis in zip(reversed(digits), range(len(outer)), strict=True):
                place = builder.sub(digit, constant(low[axis]))
                fits = builder.icmp_unsigned("<", place, constant(outer[axis]))
                inside = builder.and_(inside, fits)
                rest = builder.add(builder.mul(rest, constant(outer[axis])), place)
            to = element_at(builder, target, builder.mul(line.index, constant(row)), self.element)
            start = builder.mul(rest, constant(size * windows.channels))
            from_ = element_at(builder, source, start, self.element)
            copied = size * windows.channels
            with builder.if_else(inside) as (then, otherwise):
                with then:
                    self._fill(builder, to, 0, first * windows.channels)
                    self._copy(builder, from_, to, first * windows.channels, copied)
                    done = first * windows.channels + copied
                    self._fill(builder, to, done, row - done)
                with otherwise:
                    self._fill(builder, to, 0, row)
        builder.ret_void()
        rows = Extent(windows.batch, tuple((n, 1) for n in padded_outer))
        return Phase(function, rows, row / 8 + 20)

    def _fill(self, builder: ir.IRBuilder, to: Any, start: int, count: int) -> None:
        if count:
            fill = intrinsic(
                self.module, "llvm.memset.p0.i64", ir.VoidType(),
                [POINTER, ir.IntType(8), INDEX, ir.IntType(1)],
            )  # fmt: skip
            place = element_at(builder, to, constant(start), self.element)
            size = constant(count * self.spec.item_size)
            builder.call(fill, [place, ir.IntType(8)(0), size, ir.IntType(1)(0)])

    def _copy(self, builder: ir.IRBuilder, source: Any, to: Any, start: int, count: int) -> None:
        if count:
            copy = intrinsic(
                self.module, "llvm.memcpy.p0.p0.i64", ir.VoidType(),
                [POINTER, POINTER, INDEX, ir.IntType(1)],
            )  # fmt: skip
            place = element_at(builder, to, constant(start), self.element)
            size = constant(count * self.spec.item_size)
            builder.call(copy, [place, source, size, ir.IntType(1)(0)])

    def _padded(self, builder: ir.IRBuilder, args: Any) -> Any:
        workspace = load_slot(builder, args, WORKSPACE_SLOT)
        return element_at(builder, workspace, constant(self.padded_at), self.element)

    # ---- multiplication

    def _kernel_of(self, tile: TileShape) -> ir.Function:
        return emit_window_kernel(self.module, tile, self.element)

    def _reserve_stack(self, builder: ir.IRBuilder) -> None:
        super()._reserve_stack(builder)
        rows = self.plan.unit_tiles * self.plan.tile.rows
        self.places = stack_memory(builder, ir.ArrayType(INDEX, rows), align=64)
        if self.copies:
            self.a = self._padded(builder, self.args)

    def _emit_prepare_rows(
        self, builder: ir.IRBuilder, a: Any, tiles: tuple[Any, Any], steps: tuple[Any, Any]
    ) -> None:
        """Find where each row's window begins, once for all blocks of k."""
        is_first = builder.icmp_signed("==", steps[0], constant(0))
        with (
            builder.if_then(is_first),
            counted_loop(builder, *tiles, name="tile_places") as tile,
        ):
            row, rows, _ = self._tile_place(builder, tile.index)
            local = builder.sub(tile.index, tiles[0])
            start = builder.mul(local, constant(self.plan.tile.rows))
            with counted_loop(builder, 0, rows, name="place") as line:
                window = self._window_place(builder, builder.add(row, line.index))
                place = element_at(builder, self.places, builder.add(start, line.index), INDEX)
                builder.store(window, place)

    def _window_place(self, builder: ir.IRBuilder, row: Any) -> Any:
        """The first element of a window."""
        windows = self.windows
        places = []
        for count in reversed(windows.counts):
            places.append(builder.urem(row, constant(count)))
            row = builder.udiv(row, constant(count))
        for axis, place in enumerate(reversed(places)):
            start = builder.mul(place, constant(windows.strides[axis]))
            start = builder.add(start, constant(max(-windows.low[axis], 0)))
            row = builder.add(builder.mul(row, constant(windows.padded[axis])), start)
        return builder.mul(row, constant(windows.channels))

    def _arguments(
        self,
        builder: ir.IRBuilder,
        a_operand: tuple[Any, Any],
        b_operand: tuple[Any, Any],
        rows: tuple[Any, Any],
        steps: tuple[Any, Any],
        out: Any,
    ) -> list[Any]:
        windows, run = self.windows, constant(self.windows.run)
        a, local_tile = a_operand
        b_here, b_stride = b_operand
        stride = 0
        if len(windows.taps) > 1:
            stride = windows.dilation[0] * windows.padded[1] * windows.channels
        first = builder.mul(builder.udiv(steps[0], run), constant(stride))
        start = builder.mul(local_tile, constant(self.plan.tile.rows))
        places = element_at(builder, self.places, start, INDEX)
        runs = builder.udiv(steps[1], run)
        return [
            self._offset(builder, a, first), b_here, out, places, runs, constant(stride), run,
            b_stride,
        ]  # fmt: skip
