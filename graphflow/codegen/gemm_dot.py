"""Matrix times vector, where rows of the matrix and the vector lie along k: dot products.

A broadcast per multiply-add, as in the general kernel, would read a vector register's worth of
padding for each element; here vectors run along k, and several rows share each load of the vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import (
    constant,
    counted_loop,
    minimum,
    stack_memory,
)
from graphflow.codegen.extent import Extent
from graphflow.codegen.gemm_micro import multiply_add
from graphflow.codegen.gemm_spec import (
    A_SLOT,
    B_SLOT,
    KERNEL_TYPE,
    Epilogue,
    GemmCode,
    GemmSpec,
    Phase,
    Sizes,
    element_at,
    element_type,
    load_slot,
)
from graphflow.codegen.target import Target
from graphflow.ir.dims import typical

ROWS = 4  # dot products at once, each in two vectors: eight chains of multiply-adds
CHAINS = 2
MIN_UNIT_CYCLES = 10_000


def is_dot_product(spec: GemmSpec) -> bool:
    """Whether one operand is a vector and the other's rows lie along k."""
    return (spec.m == 1 and spec.trans_b) or (spec.n == 1 and not spec.trans_a)


@dataclass(frozen=True)
class DotPlan:
    """How a product of matrix and vector is cut up."""

    lanes: int
    groups: int  # of rows, in one unit

    def __str__(self) -> str:
        return f"dot products, {ROWS} rows x {CHAINS * self.lanes} steps, unit {self.groups} groups"


def emit_dot_product(
    module: ir.Module, name: str, spec: GemmSpec, target: Target, threads: int, epilogue: Epilogue
) -> GemmCode:
    """Emit the single phase of a product of a matrix and a vector; see `emit_gemm`."""
    lanes = target.vector_lanes(8 * spec.item_size)
    is_row = spec.m == 1 and spec.trans_b
    rows = spec.n if is_row else spec.m
    group_cycles = ROWS * (typical(spec.k) / lanes + 8)
    groups = max(int(MIN_UNIT_CYCLES / group_cycles), 1)
    if threads == 1:
        groups = max(-(-typical(rows) // ROWS), 1)
    plan = DotPlan(lanes, groups)
    function = ir.Function(module, KERNEL_TYPE, f"{name}_multiply")
    _DotEmitter(function, spec, plan, epilogue, is_row).emit()
    rows_per_unit = groups * ROWS
    cost = groups * group_cycles
    extent = Extent(spec.batch, ((rows, rows_per_unit),))
    return GemmCode([Phase(function, extent, cost)], 0, plan)


class _DotEmitter:
    """Emits the kernel; `is_row` when C is a row, so that B is the matrix."""

    def __init__(
        self, function: ir.Function, spec: GemmSpec, plan: DotPlan, epilogue: Epilogue, is_row: bool
    ) -> None:
        self.function = function
        self.spec = spec
        self.plan = plan
        self.epilogue = epilogue
        self.is_row = is_row
        self.element = element_type(spec)
        self.vector = ir.VectorType(self.element, plan.lanes)
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))

    def emit(self) -> None:
        builder, spec, plan = self.builder, self.spec, self.plan
        args, begin, end = self.function.args
        matrix = load_slot(builder, args, B_SLOT if self.is_row else A_SLOT)
        factor = load_slot(builder, args, A_SLOT if self.is_row else B_SLOT)
        strides = (spec.b_batch_stride, spec.a_batch_stride)
        matrix_stride, factor_stride = strides if self.is_row else strides[::-1]
        sizes = Sizes(builder, args, spec.slots)
        rows, self.k = sizes(spec.n if self.is_row else spec.m), sizes(spec.k)
        matrix_step, factor_step = sizes(matrix_stride), sizes(factor_stride)
        tile = stack_memory(builder, ir.ArrayType(self.element, ROWS))
        unit_rows = constant(plan.groups * ROWS)
        units = builder.sdiv(builder.add(rows, constant(plan.groups * ROWS - 1)), unit_rows)
        with counted_loop(builder, begin, end, name="unit") as unit:
            batch = builder.sdiv(unit.index, units)
            first = builder.mul(builder.srem(unit.index, units), unit_rows)
            last = minimum(builder, builder.add(first, unit_rows), rows)
            here = self._at(matrix, builder.mul(batch, matrix_step))
            factor_here = self._at(factor, builder.mul(batch, factor_step))
            with counted_loop(builder, first, last, ROWS, name="group") as group:
                places = []
                for ahead in range(ROWS):
                    index = builder.add(group.index, constant(ahead))
                    # Rows past the end repeat the last one; their sums are not consumed.
                    index = minimum(builder, index, builder.sub(rows, constant(1)))
                    places.append(self._at(here, builder.mul(index, self.k)))
                sums = self._dot_products(places, factor_here)
                count = minimum(builder, builder.sub(rows, group.index), ROWS)
                self._consume(args, batch, group.index, count, sums, tile)
        builder.ret_void()

    def _at(self, base: Any, offset: Any) -> Any:
        return element_at(self.builder, base, offset, self.element)

    def _load(self, base: Any, offset: Any, typ: Any) -> Any:
        return self.builder.load(self._at(base, offset), typ=typ, align=self.spec.item_size)

    def _dot_products(self, rows: list[Any], factor: Any) -> list[Any]:
        """Dot products of several rows with the vector, as scalars."""
        builder, spec, lanes = self.builder, self.spec, self.plan.lanes
        step = CHAINS * lanes
        whole = builder.and_(self.k, constant(-step))
        zeros = [ir.Constant(self.vector, None)] * (len(rows) * CHAINS)
        with counted_loop(builder, 0, whole, step, zeros, name="k") as loop:
            sums = list(loop.values)
            for chain in range(CHAINS):
                at = builder.add(loop.index, constant(chain * lanes))
                shared = self._load(factor, at, self.vector)
                for row, place in enumerate(rows):
                    which = row * CHAINS + chain
                    own = self._load(place, at, self.vector)
                    sums[which] = multiply_add(builder, own, shared, sums[which])
            loop.values = sums
        totals = []
        for row in range(len(rows)):
            chains = loop.values[row * CHAINS : (row + 1) * CHAINS]
            totals.append(self._add_lanes(builder.fadd(*chains)))
        if not isinstance(spec.k, int) or spec.k % step:
            with counted_loop(builder, whole, self.k, 1, totals, name="k_rest") as rest:
                shared = self._load(factor, rest.index, self.element)
                rest.values = [
                    multiply_add(
                        builder, self._load(place, rest.index, self.element), shared, total
                    )
                    for place, total in zip(rows, rest.values, strict=True)
                ]
            totals = rest.values
        return totals

    def _add_lanes(self, vector: Any) -> Any:
        """Sum of a vector's lanes, by halves."""
        builder = self.builder
        lanes = self.plan.lanes
        while lanes > 1:
            lanes //= 2
            mask_type = ir.VectorType(ir.IntType(32), lanes)
            low, high = (
                builder.shuffle_vector(
                    vector, vector, ir.Constant(mask_type, list(range(start, start + lanes)))
                )
                for start in (0, lanes)
            )
            vector = builder.fadd(low, high)
        return builder.extract_element(vector, ir.IntType(32)(0))

    def _consume(
        self, args: Any, batch: Any, first: Any, count: Any, sums: list[Any], tile: Any
    ) -> None:
        """Hand the sums of a group to the epilogue, a loop so that its code is emitted once."""
        builder, zero = self.builder, constant(0)
        for ahead, value in enumerate(sums):
            builder.store(value, self._at(tile, ahead), align=self.spec.item_size)
        with counted_loop(builder, 0, count, name="consume") as loop:
            value = self._load(tile, loop.index, self.element)
            index = builder.add(first, loop.index)
            row, column = (zero, index) if self.is_row else (index, zero)
            self.epilogue(builder, args, batch, row, column, value)
