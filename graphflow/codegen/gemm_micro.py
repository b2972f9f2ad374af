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


class _TileCode:
    """The parts of a kernel of one tile: its sums, in registers, from and to memory, and a step."""

    def __init__(self, builder: ir.IRBuilder, tile: TileShape, element: Any, out: Any) -> None:
        self.builder, self.tile, self.element = builder, tile, element
        self.out, self.out_stride = out
        self.vector = ir.VectorType(element, tile.lanes)
        self.align = 4 if isinstance(element, ir.FloatType) else 8
        self.places = [(row, lane) for row in range(tile.rows) for lane in range(tile.vectors)]

    def at(self, base: Any, offset: Any) -> Any:
        return self.builder.gep(base, [offset], inbounds=True, source_etype=self.element)

    def _out_place(self, row: int, lane: int) -> Any:
        offset = self.builder.mul(constant(row), self.out_stride)
        return self.at(self.out, self.builder.add(offset, constant(lane * self.tile.lanes)))

    def sums(self, keep: Any) -> list[Any]:
        """The sums to begin with: what the tile holds if `keep`, else zeros."""
        builder = self.builder
        entry = builder.block
        load_block = builder.append_basic_block("load")
        start = builder.append_basic_block("start")
        builder.cbranch(keep, load_block, start)
        builder.position_at_end(load_block)
        kept = [
            builder.load(self._out_place(*place), typ=self.vector, align=self.align)
            for place in self.places
        ]
        builder.branch(start)
        builder.position_at_end(start)
        found = []
        for value in kept:
            phi = builder.phi(self.vector)
            phi.add_incoming(ir.Constant(self.vector, None), entry)
            phi.add_incoming(value, load_block)
            found.append(phi)
        return found

    def store(self, sums: list[Any]) -> None:
        """Put the sums into the tile's memory."""
        for place, value in zip(self.places, sums, strict=True):
            self.builder.store(value, self._out_place(*place), align=self.align)

    def step(self, sums: list[Any], a_rows: list[Any], b_here: Any) -> list[Any]:
        """One step of k: elements of A, by their addresses, times a row of B."""
        builder, tile = self.builder, self.tile
        b_row = [
            builder.load(
                self.at(b_here, constant(lane * tile.lanes)), typ=self.vector, align=self.align
            )
            for lane in range(tile.vectors)
        ]
        result = list(sums)
        for row, place in enumerate(a_rows):
            factor = splat(builder, builder.load(place, typ=self.element), tile.lanes)
            for lane in range(tile.vectors):
                at = row * tile.vectors + lane
                result[at] = multiply_add(builder, factor, b_row[lane], sums[at])
        return result


def _new_kernel(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    for pointer in function.args[:3]:
        pointer.add_attribute("noalias")
    return function


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
    function = _new_kernel(module, name, MICRO_TYPE)
    a, b, out, k, rows, a_row_stride, a_k_stride, b_k_stride, out_stride, keep = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    code = _TileCode(builder, tile, element, (out, out_stride))
    row_offsets = []
    for row in range(tile.rows):
        index = constant(row)
        if clamped:
            index = minimum(builder, index, builder.sub(rows, constant(1)))
        row_offsets.append(builder.mul(index, a_row_stride))
    sums = code.sums(keep)

    def step(sums: list[Any], index: Any) -> list[Any]:
        a_here = code.at(a, builder.mul(index, a_k_stride))
        b_here = code.at(b, builder.mul(index, b_k_stride))
        return code.step(sums, [code.at(a_here, offset) for offset in row_offsets], b_here)

    whole = builder.and_(k, constant(-unroll))
    with counted_loop(builder, 0, whole, unroll, sums, name="k") as loop:
        for ahead in range(unroll):
            loop.values = step(loop.values, builder.add(loop.index, constant(ahead)))
    sums = loop.values
    if unroll > 1:
        with counted_loop(builder, whole, k, 1, sums, name="k_rest") as rest:
            rest.values = step(rest.values, rest.index)
        sums = rest.values
    code.store(sums)
    builder.ret_void()
    return function


WINDOW_TYPE = ir.FunctionType(
    ir.VoidType(), [POINTER, POINTER, POINTER, POINTER, *[INDEX] * 5, ir.IntType(1)]
)


def emit_window_kernel(module: ir.Module, tile: TileShape, element: Any) -> ir.Function:
    """Emit ``windows(a, b, tile, rows, runs, run_stride, run, b_k_stride, row_stride, keep)``.

    As `emit_micro_kernel`, for rows of A that are made of `runs` runs of `run` elements, each
    `run_stride` behind the one before. ``rows`` are the places of the first of them in `a`, an i64
    for each row of the tile.
    """
    name = f"windows_{tile.rows}x{tile.vectors}x{tile.lanes}_{element}"
    if name in module.globals:
        return module.globals[name]
    function = _new_kernel(module, name, WINDOW_TYPE)
    a, b, out, rows, runs, run_stride, run, b_k_stride, out_stride, keep = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    code = _TileCode(builder, tile, element, (out, out_stride))
    places = []
    for row in range(tile.rows):
        place = builder.gep(rows, [constant(row)], inbounds=True, source_etype=INDEX)
        places.append(builder.load(place, typ=INDEX))
    with counted_loop(builder, 0, runs, 1, code.sums(keep), name="run") as outer:
        a_run = code.at(a, builder.mul(outer.index, run_stride))
        b_run = code.at(b, builder.mul(builder.mul(outer.index, run), b_k_stride))
        with counted_loop(builder, 0, run, 1, outer.values, name="k") as loop:
            a_here = code.at(a_run, loop.index)
            b_here = code.at(b_run, builder.mul(loop.index, b_k_stride))
            loop.values = code.step(loop.values, [code.at(a_here, p) for p in places], b_here)
        outer.values = loop.values
    code.store(outer.values)
    builder.ret_void()
    return function
