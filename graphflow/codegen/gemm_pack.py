"""Packing: operands of a matrix product copied to where the micro-kernel reads them in order.

B becomes panels ``[panel][k][columns]``: a step of k reads one contiguous row, and a panel's rows
follow each other, whatever the user's row length. Columns past the matrix hold zeros, or copies of
its last column where B is transposed: nothing reads their products. A block of A's rows is
copied row by row (``[row][k]``), or as ``[k][row]`` when A is transposed, so that neither copy has
to transpose; the micro-kernel broadcasts single elements and does not mind.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, as_index, constant, counted_loop, minimum
from graphflow.codegen.gemm_micro import TileShape, intrinsic, intrinsic_suffix, splat
from graphflow.codegen.gemm_spec import element_at

PANELS_AT_ONCE = 4  # whole cache lines of a row of B, and few enough streams to write


def emit_pack_rows(
    builder: ir.IRBuilder,
    source: Any,
    destination: Any,
    panels: tuple[Any, Any],
    shape: tuple[Any, Any],
    tile: TileShape,
    element: Any,
    base: Any,
    steps: tuple[Any, Any] | None = None,
) -> None:
    """Pack panels ``[first, last)`` of B, given as ``[k][n]``; `shape` is ``(k, n)``.

    The destination begins with panel `base`. `shape` has Python integers or i64 values. Of k, only
    `steps` are packed, if given: the first one and how many, i64 values.
    """
    k, n = shape
    if steps is not None:
        start = builder.mul(steps[0], as_index(n))
        source, k = element_at(builder, source, start, element), steps[1]
    vector = ir.VectorType(element, tile.lanes)
    size = 4 if isinstance(element, ir.FloatType) else 8
    if isinstance(n, int):
        full_panels, ragged = n // tile.columns, n % tile.columns
    else:
        columns = constant(tile.columns)
        full_panels, ragged = builder.udiv(n, columns), builder.urem(n, columns)

    def copy_row(row: Any, panel: Any, valid: Any) -> None:
        from_row = element_at(
            builder,
            source,
            builder.add(builder.mul(row, as_index(n)), builder.mul(panel, constant(tile.columns))),
            element,
        )
        to_row = element_at(
            builder,
            destination,
            builder.mul(
                builder.add(builder.mul(builder.sub(panel, base), as_index(k)), row),
                constant(tile.columns),
            ),
            element,
        )
        for lane in range(tile.vectors):
            offset = lane * tile.lanes
            place = element_at(builder, from_row, offset, element)
            if not isinstance(valid, int):
                mask = first_lanes(builder, builder.sub(valid, constant(offset)), tile.lanes)
                value = masked_load(builder, place, vector, mask)
            elif valid - offset >= tile.lanes:
                value = builder.load(place, typ=vector, align=size)
            else:
                value = masked_load(builder, place, vector, max(valid - offset, 0))
            builder.store(value, element_at(builder, to_row, offset, element), align=size)

    first, last = panels
    last_full = minimum(builder, last, full_panels)
    with counted_loop(builder, first, last_full, PANELS_AT_ONCE, name="group") as group:
        end = minimum(builder, builder.add(group.index, constant(PANELS_AT_ONCE)), last_full)
        with (
            counted_loop(builder, 0, k, name="row") as row,
            counted_loop(builder, group.index, end, name="panel") as panel,
        ):
            copy_row(row.index, panel.index, tile.columns)
    if not isinstance(ragged, int) or ragged:
        is_ragged = builder.and_(
            builder.icmp_signed("<=", first, as_index(full_panels)),
            builder.icmp_signed(">", last, as_index(full_panels)),
        )
        with builder.if_then(is_ragged), counted_loop(builder, 0, k, name="row") as row:
            copy_row(row.index, as_index(full_panels), ragged)


def first_lanes(builder: ir.IRBuilder, count: Any, lanes: int) -> Any:
    """A mask of the first `count` lanes; an i64 that may be negative or larger than `lanes`."""
    numbers = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, splat(builder, count, lanes))


def masked_load(builder: ir.IRBuilder, place: Any, vector: Any, mask: Any) -> Any:
    """Load the lanes of `mask`, or the first ones if it is a number; zeros in the others."""
    zeros = ir.Constant(vector, None)
    bits = ir.VectorType(ir.IntType(1), vector.count)
    if isinstance(mask, int):
        if mask == 0:
            return zeros
        mask = ir.Constant(bits, [int(lane < mask) for lane in range(vector.count)])
    name = f"llvm.masked.load.{intrinsic_suffix(vector)}.p0"
    size = ir.IntType(32)
    function = intrinsic(builder.module, name, vector, [POINTER, size, bits, vector])
    alignment = size(4 if isinstance(vector.element, ir.FloatType) else 8)
    return builder.call(function, [place, alignment, mask, zeros])


def emit_pack_columns(
    builder: ir.IRBuilder,
    source: Any,
    destination: Any,
    panels: tuple[Any, Any],
    shape: tuple[Any, Any],
    tile: TileShape,
    element: Any,
    base: Any,
    steps: tuple[Any, Any] | None = None,
) -> None:
    """Pack panels ``[first, last)`` of B, given transposed as ``[n][k]``; `shape` is ``(k, n)``.

    The destination begins with panel `base`. Square blocks of ``lanes x lanes`` are transposed in
    registers. `shape` has Python integers or i64 values. Of k, only `steps` are packed, if given:
    the first one and how many, i64 values.
    """
    row_length, n = shape
    k = row_length
    if steps is not None:
        source, k = element_at(builder, source, steps[0], element), steps[1]
    lanes = tile.lanes
    vector = ir.VectorType(element, lanes)
    size = 4 if isinstance(element, ir.FloatType) else 8
    whole = builder.and_(as_index(k), constant(-lanes))
    last_column = builder.sub(as_index(n), constant(1))
    with (
        counted_loop(builder, *panels, name="panel") as panel,
        counted_loop(builder, 0, tile.vectors, name="lane") as lane,
    ):
        local_panel = builder.sub(panel.index, base)
        panel_start = builder.mul(local_panel, builder.mul(as_index(k), constant(tile.columns)))
        offset = builder.mul(lane.index, constant(lanes))
        to_panel = element_at(builder, destination, builder.add(panel_start, offset), element)
        column = builder.add(builder.mul(panel.index, constant(tile.columns)), offset)
        rows = []
        for ahead in range(lanes):
            index = minimum(builder, builder.add(column, constant(ahead)), last_column)
            start = builder.mul(index, as_index(row_length))
            rows.append(element_at(builder, source, start, element))

        def to_place(index: Any, to_panel: Any = to_panel) -> Any:
            return element_at(
                builder, to_panel, builder.mul(index, constant(tile.columns)), element
            )

        with counted_loop(builder, 0, whole, lanes, name="block") as block:
            loaded = [
                builder.load(element_at(builder, row, block.index, element), typ=vector, align=size)
                for row in rows
            ]
            for ahead, value in enumerate(transposed(builder, loaded)):
                place = to_place(builder.add(block.index, constant(ahead)))
                builder.store(value, place, align=size)
        if not isinstance(k, int) or k % lanes:
            with counted_loop(builder, whole, k, name="rest") as rest:
                value = ir.Constant(vector, ir.Undefined)
                for ahead, row in enumerate(rows):
                    scalar = builder.load(
                        element_at(builder, row, rest.index, element), typ=element
                    )
                    value = builder.insert_element(value, scalar, ir.IntType(32)(ahead))
                builder.store(value, to_place(rest.index), align=size)


def transposed(builder: ir.IRBuilder, rows: list[Any]) -> list[Any]:
    """Transpose a square block held in vectors: swap row and lane bit by bit."""
    lanes = len(rows)
    mask_type = ir.VectorType(ir.IntType(32), lanes)
    distance = lanes // 2
    while distance:
        result = list(rows)
        for row in range(lanes):
            if row & distance:
                continue
            low, high = rows[row], rows[row | distance]
            # Lanes without the bit come from `low`, those with it from `high` one block earlier.
            first = [j if not j & distance else lanes + (j ^ distance) for j in range(lanes)]
            second = [j | distance if not j & distance else lanes + j for j in range(lanes)]
            result[row] = builder.shuffle_vector(low, high, ir.Constant(mask_type, first))
            result[row | distance] = builder.shuffle_vector(
                low, high, ir.Constant(mask_type, second)
            )
        rows = result
        distance //= 2
    return rows


def emit_pack_a_tile(
    builder: ir.IRBuilder,
    source: Any,
    destination: Any,
    extents: tuple[Any, Any],
    strides: tuple[Any, Any],
    layout: tuple[bool, int],
    element: Any,
) -> None:
    """Copy one tile's rows of A, `k` steps long, to a block buffer.

    Parameters
    ----------
    extents : ``(rows, k)``; rows as a Python integer where they are known, for faster code.
    strides : of a row and of a step of k in the source, one of them 1.
    layout : whether A is transposed, and the stride between the copy's rows (or steps of k).
    """
    rows, k = extents
    row_stride, k_stride = strides
    is_transposed, copy_stride = layout
    size = constant(4 if isinstance(element, ir.FloatType) else 8)
    count, length, stride = (k, rows, k_stride) if is_transposed else (rows, k, row_stride)
    if not isinstance(length, int) and is_transposed:
        # A few elements each: a call of memcpy would cost more than the copy.
        with (
            counted_loop(builder, 0, count, name="copy") as line,
            counted_loop(builder, 0, length, name="element") as item,
        ):
            offset = builder.add(builder.mul(line.index, stride), item.index)
            value = builder.load(element_at(builder, source, offset, element), typ=element)
            offset = builder.add(builder.mul(line.index, constant(copy_stride)), item.index)
            builder.store(value, element_at(builder, destination, offset, element))
        return
    memcpy = intrinsic(
        builder.module,
        "llvm.memcpy.p0.p0.i64",
        ir.VoidType(),
        [POINTER, POINTER, INDEX, ir.IntType(1)],
    )
    amount = length if not isinstance(length, int) else constant(length)
    with counted_loop(builder, 0, count, name="copy") as line:
        from_place = element_at(builder, source, builder.mul(line.index, stride), element)
        to_offset = builder.mul(line.index, constant(copy_stride))
        to_place = element_at(builder, destination, to_offset, element)
        arguments = [to_place, from_place, builder.mul(amount, size), ir.IntType(1)(0)]
        builder.call(memcpy, arguments)
