"""The inner kernel of a matrix product: one tile of C in registers, over a range of k.

A tile is `rows` x `vectors` vector accumulators. One step of k loads `vectors` vectors of a row of
B, broadcasts `rows` elements of a column of A, and does ``rows * vectors`` multiply-adds: an outer
product, as in Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS
34(3), 2008. Operands are addressed by strides, so that they may lie packed or as the user has them.

The finished tile goes to C where that is all, else to memory (a few hundred bytes that stay in L1),
where the epilogue reads it in a loop. That costs one store and one load per vector and keeps the
epilogue's code, which may be long, from being repeated for each accumulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, constant, counted_loop, minimum
from graphflow.codegen.target import Target


@dataclass(frozen=True)
class TileShape:
    """A tile of `rows` rows and ``vectors * lanes`` columns."""

    rows: int
    vectors: int
    lanes: int

    @property
    def columns(self) -> int:
        """Columns of the tile: the width of a panel of B."""
        return self.vectors * self.lanes

    @property
    def elements(self) -> int:
        """Elements of the tile."""
        return self.rows * self.columns


@dataclass(frozen=True)
class RowCut:
    """How the rows of C are cut into tiles.

    Attributes
    ----------
    tiles : how many there are.
    height : rows of a tile.
    taller : this many tiles, the first ones, have a row more.
    overlaps : all tiles have `height` rows, and the last begins early so as to end with the matrix;
        the rows that it shares with the tile before are computed twice and consumed once.
    """

    tiles: int
    height: int
    taller: int = 0
    overlaps: bool = False

    @property
    def heights(self) -> list[int]:
        """The heights that occur, the smaller first."""
        return [self.height, self.height + 1] if self.taller else [self.height]


MAX_OVERLAP = 0.04  # of all rows; a second height costs some 20 ms to compile


def cut_rows(m: int, rows: int) -> RowCut:
    """Cut `m` rows into as few tiles of at most `rows` rows as possible."""
    if m == 0:
        return RowCut(0, 0)
    tiles = -(-m // rows)
    height, taller = divmod(m, tiles)
    tallest = height + (taller > 0)
    if taller and m >= tallest and tiles * tallest - m <= MAX_OVERLAP * m:
        return RowCut(tiles, tallest, overlaps=True)
    return RowCut(tiles, height, taller)


def candidate_tiles(target: Target, lanes: int) -> list[TileShape]:
    """Return the tiles whose accumulators, B vectors and one A vector fit the registers."""
    registers = target.num_vector_registers
    tiles = []
    for vectors in (1, 2, 3, 4):
        rows = (registers - 1 - vectors) // vectors
        # A tall tile of one vector needs as many broadcasts as multiply-adds; taller gains nothing.
        for height in range(1, min(rows, 14) + 1):
            tiles.append(TileShape(height, vectors, lanes))
    # A single row, for vector times matrix: B comes straight from memory.
    tiles.append(TileShape(1, 8, lanes))
    return tiles


def tile_cycles(tile: TileShape) -> float:
    """Estimate the cycles for one step of k on one tile.

    Two multiply-adds a cycle with a latency of four, so fewer than eight accumulators leave the
    units idle: true of the x86 processors since Haswell and of recent ARMs. Loads run beside them,
    but not for nothing: 4x16 tiles were measured 10 to 20 % slower per row than 6x16 tiles.
    """
    operations = tile.rows * tile.vectors
    return max(operations / 2, 4.0) + 0.15 * tile.rows + 0.3 * tile.vectors


def choose_tile(target: Target, lanes: int, m: int | None, n: int) -> TileShape:
    """Choose the tile that covers ``m x n`` in the fewest cycles, padded columns included."""
    best: tuple[float, int] | None = None
    chosen = TileShape(1, 1, lanes)
    for tile in candidate_tiles(target, lanes):
        panels = -(-n // tile.columns)
        if m is None:
            cycles = tile_cycles(tile) * panels / tile.rows
        else:
            cut = cut_rows(m, tile.rows)
            short = TileShape(cut.height, tile.vectors, lanes)
            tall = TileShape(cut.height + 1, tile.vectors, lanes)
            step = tile_cycles(short) * (cut.tiles - cut.taller) + tile_cycles(tall) * cut.taller
            cycles = panels * step
        # Among equals the larger tile: it reads each element of A and B less often.
        rank = (round(cycles, 6), -tile.rows * tile.columns)
        if best is None or rank < best:
            best, chosen = rank, tile
    if not m:
        return chosen
    return TileShape(cut_rows(m, chosen.rows).heights[-1], chosen.vectors, lanes)


MICRO_TYPE = ir.FunctionType(
    ir.VoidType(), [POINTER, POINTER, POINTER, *[INDEX] * 6, ir.IntType(1)]
)


def multiply_add(builder: ir.IRBuilder, left: Any, right: Any, total: Any) -> Any:
    """Return ``left * right + total``, fused where the target has the instruction."""
    suffix = intrinsic_suffix(left.type)
    function = intrinsic(builder.module, f"llvm.fmuladd.{suffix}", left.type, [left.type] * 3)
    return builder.call(function, [left, right, total])


def intrinsic_suffix(typ: Any) -> str:
    """Return LLVM's suffix for a float type or a vector of floats."""
    if isinstance(typ, ir.VectorType):
        return f"v{typ.count}{intrinsic_suffix(typ.element)}"
    return "f32" if isinstance(typ, ir.FloatType) else "f64"


def intrinsic(module: ir.Module, name: str, result: Any, arguments: list[Any]) -> ir.Function:
    """Declare an LLVM intrinsic once per module."""
    if name in module.globals:
        return module.globals[name]
    return ir.Function(module, ir.FunctionType(result, arguments), name)


def splat(builder: ir.IRBuilder, scalar: Any, lanes: int) -> Any:
    """Return a vector with `scalar` in every lane."""
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def emit_micro_kernel(
    module: ir.Module, tile: TileShape, element: Any, clamped: bool, unroll: int
) -> ir.Function:
    """Emit ``micro(a, b, tile, k, rows, a_row_stride, a_k_stride, b_k_stride, row_stride, keep)``.

    ``tile (+)= a[0:rows, 0:k] @ b[0:k, 0:columns]``, strides in elements. `keep` adds to what the
    tile holds, whose rows are `row_stride` apart. With `clamped` only `rows` rows of A exist, and
    the last stands in for the others; else all of the tile's rows exist. `unroll` is
    the steps of k per iteration. Products of one module share the kernel of a tile: LLVM takes
    some 20 ms for each.
    """
    kind = f"{tile.rows}x{tile.vectors}x{tile.lanes}_{element}_{unroll}"
    name = f"micro_{kind}_clamped" if clamped else f"micro_{kind}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, MICRO_TYPE, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    a, b, out, k, rows, a_row_stride, a_k_stride, b_k_stride, out_stride, keep = function.args
    for pointer in (a, b, out):
        pointer.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    vector = ir.VectorType(element, tile.lanes)
    places = [(row, lane) for row in range(tile.rows) for lane in range(tile.vectors)]

    def out_place(row: int, lane: int) -> Any:
        offset = builder.add(builder.mul(constant(row), out_stride), constant(lane * tile.lanes))
        return builder.gep(out, [offset], inbounds=True, source_etype=element)

    row_offsets = []
    for row in range(tile.rows):
        index = constant(row)
        if clamped:
            index = minimum(builder, index, builder.sub(rows, constant(1)))
        row_offsets.append(builder.mul(index, a_row_stride))

    align = 4 if isinstance(element, ir.FloatType) else 8
    entry = builder.block
    load_block = builder.append_basic_block("load")
    start = builder.append_basic_block("start")
    builder.cbranch(keep, load_block, start)
    builder.position_at_end(load_block)
    kept = [builder.load(out_place(*place), typ=vector, align=align) for place in places]
    builder.branch(start)
    builder.position_at_end(start)
    sums = []
    for value in kept:
        phi = builder.phi(vector)
        phi.add_incoming(ir.Constant(vector, None), entry)
        phi.add_incoming(value, load_block)
        sums.append(phi)

    def step(sums: list[Any], a_here: Any, b_here: Any) -> list[Any]:
        b_row = [
            builder.load(
                builder.gep(
                    b_here, [constant(lane * tile.lanes)], inbounds=True, source_etype=element
                ),
                typ=vector,
                align=align,
            )
            for lane in range(tile.vectors)
        ]
        result = list(sums)
        for row in range(tile.rows):
            place = builder.gep(a_here, [row_offsets[row]], inbounds=True, source_etype=element)
            factor = splat(builder, builder.load(place, typ=element), tile.lanes)
            for lane in range(tile.vectors):
                at = row * tile.vectors + lane
                result[at] = multiply_add(builder, factor, b_row[lane], sums[at])
        return result

    def at_k(pointer: Any, index: Any, stride: Any) -> Any:
        offset = builder.mul(index, stride)
        return builder.gep(pointer, [offset], inbounds=True, source_etype=element)

    whole = builder.and_(k, constant(-unroll))
    with counted_loop(builder, 0, whole, unroll, sums, name="k") as loop:
        for ahead in range(unroll):
            index = builder.add(loop.index, constant(ahead))
            loop.values = step(loop.values, at_k(a, index, a_k_stride), at_k(b, index, b_k_stride))
    sums = loop.values
    if unroll > 1:
        with counted_loop(builder, whole, k, 1, sums, name="k_rest") as rest:
            a_here, b_here = at_k(a, rest.index, a_k_stride), at_k(b, rest.index, b_k_stride)
            rest.values = step(rest.values, a_here, b_here)
        sums = rest.values
    for place, value in zip(places, sums, strict=True):
        builder.store(value, out_place(*place), align=align)
    builder.ret_void()
    return function
