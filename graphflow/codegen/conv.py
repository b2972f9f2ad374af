"""Convolutions as matrix products whose rows are windows, read in place or gathered while packed.

The product of (windows) by (taps and channels) by (filters) goes through the loops of `gemm`; only
what becomes of A differs: see `conv_in_place` for windows that are not packed. Blocks of the sum
hold whole runs of the windows (see `conv_windows`).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from graphflow.codegen.control import constant, counted_loop
from graphflow.codegen.conv_in_place import InPlaceEmitter, WindowEmitter, plan_in_place
from graphflow.codegen.conv_windows import WindowCopier, WindowSpec
from graphflow.codegen.gemm_plan import plan_gemm
from graphflow.codegen.gemm_spec import Epilogue, GemmCode, GemmSpec
from graphflow.codegen.target import Target


def emit_conv(
    module: ir.Module,
    name: str,
    windows: WindowSpec,
    spec: GemmSpec,
    target: Target,
    threads: int,
    epilogue: Epilogue,
) -> GemmCode:
    """Emit a convolution's kernels into `module`; see `gemm.emit_gemm`.

    The rows of the product `spec`, and of the epilogue, are windows in the order of the result; its
    columns are filters.
    """
    plan = plan_gemm(spec, target, threads, gathered_run=windows.run)
    in_place = plan_in_place(windows, spec, plan)
    if in_place is not None:
        return InPlaceEmitter(module, name, spec, in_place, epilogue, windows).emit_phases()
    return _PackingEmitter(module, name, spec, plan, epilogue, windows).emit_phases()


class _PackingEmitter(WindowEmitter):
    """Emits products with windows that are copied while A is packed."""

    def _emit_pack_a(
        self, builder: ir.IRBuilder, a: Any, tiles: tuple[Any, Any], steps: tuple[Any, Any]
    ) -> None:
        run = constant(self.windows.run)
        first = builder.udiv(steps[0], run)
        runs = first, builder.add(first, builder.udiv(steps[1], run))
        copier = WindowCopier(self.windows, self.element, self.plan.tile.lanes, a)
        row_elements = constant(self._packed_a_strides()[0])
        with counted_loop(builder, *tiles, name="pack_a") as tile:
            row, rows, _ = self._tile_place(builder, tile.index)
            place = builder.mul(builder.sub(tile.index, tiles[0]), constant(self.a_tile_elements))
            with counted_loop(builder, 0, rows, name="window") as line:
                offset = builder.add(place, builder.mul(line.index, row_elements))
                to = self._offset(builder, self.a_block, offset)
                copier.emit_row(builder, builder.add(row, line.index), to, runs)
