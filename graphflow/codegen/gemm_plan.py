"""How a matrix product is cut up: tile, blocks, packing, and units of work for the threads.

The numbers here were measured on a Zen 3 with 32 KiB of L1 and 512 KiB of L2, and on an Emerald
Rapids with 48 KiB and 2 MiB (groups of panels with several blocks of k on the latter only); they
are about the same for their contemporaries, and none changes what is computed but the blocks of k,
which group the terms of a sum. Extents that are known in the
run only are taken to be of their typical size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphflow.codegen.gemm_micro import TileShape, choose_tile, cut_rows, tile_cycles
from graphflow.codegen.gemm_spec import GemmSpec
from graphflow.codegen.target import Target
from graphflow.ir.dims import typical

# A panel of B up to this size is one block of k: it streams from L2 without loss, and its sums go
# straight to the epilogue. Longer ones are cut into blocks that stay in L1.
PANEL_BYTES = 64 << 10
BLOCK_BYTES = 24 << 10
# A unit's block of A, in L2, and its partial sums, which pass through it; both on the stack. Fewer
# sums would mean more units side by side, and each of them packs the same rows of A.
A_BLOCK_BYTES = 240 << 10
A_BLOCK_BYTES_IN_PLACE = 416 << 10
PARTIAL_BYTES = 768 << 10
# With k known in the run only, as a rule one block suffices and this memory is not touched.
PARTIAL_BYTES_IF_SYMBOLIC = 1536 << 10
# Panels of B that a unit packs for itself, in L2 beside a block of A, where A is passed over once
# for each such group, from L3.
GROUP_BYTES = 128 << 10
GROUP_A_BYTES = 4 << 20
GROUP_A_BYTES_IN_BLOCKS = 2 << 20  # with several blocks of k, and a part of A's rows in each
WIDE_L2 = 2  # processors with vectors of 512 bits have twice that L2 and more
# B is read in place up to this size: it stays in L1 from one row of tiles to the next.
DIRECT_B_BYTES = 16 << 10
# Below this many bytes between rows of A its rows do not fight for the sets of the caches.
DIRECT_A_STRIDE = 4096
# Transposed, every step of k is on another line, of which a tile uses a third.
DIRECT_A_STRIDE_TRANSPOSED = 1024
# Unrolling k by four gains some 2 % over two and costs 10 ms of compilation. For tiles that nearly
# fill the registers one step is enough, and with more LLVM loads B early and runs out of them.
LARGE_PRODUCT = 10_000_000
LARGE_TILE = 20  # accumulators
UNITS_PER_THREAD = 4
ROWS_TO_SPARE = 4
MIN_UNIT_CYCLES = 20_000  # of the order of what handing out a unit to a thread costs
MIN_ROWS_CYCLES = 5_000  # the same, of a unit of the rows that its thread has in other kernels too


@dataclass(frozen=True)
class GemmPlan:
    """How a product is cut up: everything the emitter does not decide.

    With a symbolic n there may be more or fewer panels than `panels` in a run.
    """

    tile: TileShape
    k_block: int
    pack_a: bool
    pack_b: bool
    unit_tiles: int
    unit_panels: int
    panels: int
    unroll: int
    # B is packed within the units, not in a phase before: each panel by itself, or all panels of a
    # unit, whose rows then come in blocks of `block_tiles` tiles, small enough for L2.
    pack_b_in_units: bool = False
    block_tiles: int = 0

    def __str__(self) -> str:
        packs = "+".join(name for name, on in (("A", self.pack_a), ("B", self.pack_b)) if on)
        where = " in units" if self.pack_b_in_units else ""
        where += f" by {self.block_tiles}" if self.block_tiles else ""
        return (
            f"tile {self.tile.rows}x{self.tile.columns}, k by {self.k_block}, "
            f"packs {packs or 'nothing'}{where}, "
            f"unit {self.unit_tiles}x{self.unit_panels} tiles"
        )


def plan_gemm(spec: GemmSpec, target: Target, threads: int, gathered_run: int = 0) -> GemmPlan:
    """Decide tiles, blocks, packing and units of a product.

    With `gathered_run` A lies nowhere as a matrix: it is always packed, in blocks of whole runs of
    so many steps of k.
    """
    lanes = target.vector_lanes(8 * spec.item_size)
    m, n, k, batch = (typical(extent) for extent in (spec.m, spec.n, spec.k, spec.batch))
    tile = choose_tile(target, lanes, m if isinstance(spec.m, int) else None, n)
    panels = -(-n // tile.columns)
    tiles = cut_rows(m, tile.rows).tiles
    b_bytes = n * k * spec.item_size
    b_in_place = not spec.trans_b and isinstance(spec.n, int) and spec.n % tile.columns == 0
    pack_b = not (b_in_place and (b_bytes <= DIRECT_B_BYTES or tiles <= 2))
    l2 = WIDE_L2 if target.vector_bits == 512 else 1
    k_block = _k_block(k, tile.columns * spec.item_size, l2)
    if gathered_run and k_block < k:
        k_block = max(k_block // gathered_run, 1) * gathered_run
    if not isinstance(spec.k, int):
        k_block = -(-k_block // 16) * 16
    a_row_bytes = (m if spec.trans_a else k) * spec.item_size
    stride_limit = DIRECT_A_STRIDE_TRANSPOSED if spec.trans_a else DIRECT_A_STRIDE
    pack_a = panels >= 4 and tiles >= 2 and a_row_bytes >= stride_limit
    pack_a = pack_a or gathered_run > 0
    unit_tiles, unit_panels = max(tiles, 1), max(panels, 1)
    a_block_bytes = A_BLOCK_BYTES if pack_a else A_BLOCK_BYTES_IN_PLACE
    most_tiles = _at_least_one(a_block_bytes, tile.rows * k_block, spec)
    unit_tiles = min(unit_tiles, most_tiles)
    if not is_one_block(spec, k_block):
        budget = PARTIAL_BYTES if isinstance(spec.k, int) else PARTIAL_BYTES_IF_SYMBOLIC
        limit = _at_least_one(budget, unit_tiles * tile.elements, spec)
        if limit < 4:  # rather fewer rows than columns so few that A is packed for little
            limit = 4
            unit_tiles = min(unit_tiles, _at_least_one(budget, 4 * tile.elements, spec))
        unit_panels = min(unit_panels, limit)
    is_large = batch * m * n * k >= LARGE_PRODUCT
    unroll = 1 if tile.rows * tile.vectors >= LARGE_TILE else 4 if is_large else 2
    plan = GemmPlan(tile, k_block, pack_a, pack_b, unit_tiles, unit_panels, panels, unroll)
    # One unit has all rows: a panel is used while it is still in L2, and by nobody else. A phase
    # for packing costs a small product more than a thread that has one panel to itself.
    packs_whole = pack_b and is_one_block(spec, k_block) and unit_tiles >= tiles
    if packs_whole and not gathered_run and _may_cut_rows(spec, threads):
        cut = _rows_apart(plan, spec, target, threads)
        if cut.unit_tiles * panels * tile_cycles(cut.tile) * k >= MIN_ROWS_CYCLES:
            return cut
    in_units = (
        packs_whole
        and (spec.batch == 1 or spec.b_batch_stride != 0)
        and (panels * batch >= 2 * threads or panels * batch % threads == 0)
    )
    panel_bytes = k_block * tile.columns * spec.item_size
    group = _group_panels(panels, panel_bytes, l2 * GROUP_BYTES, threads)
    a_limit, sums_bytes = 0 if pack_a else GROUP_A_BYTES, 0
    if not is_one_block(spec, k_block):
        a_limit = GROUP_A_BYTES_IN_BLOCKS
        sums_bytes = tiles * group * tile.elements * spec.item_size
    in_groups = (
        (pack_b and not in_units and not gathered_run and spec.batch == 1)
        and all(isinstance(extent, int) for extent in (spec.m, spec.n, spec.k))
        and (group >= 2 and m * a_row_bytes <= a_limit and sums_bytes <= PARTIAL_BYTES)
    )
    if in_groups:
        return replace(
            plan, pack_b_in_units=True, block_tiles=unit_tiles, unit_tiles=tiles, unit_panels=group
        )
    plan = _divide_units(replace(plan, pack_b_in_units=in_units), spec, tiles, threads)
    if in_units and not isinstance(spec.m, int):  # a few more rows should not be packed for again
        plan = replace(plan, unit_tiles=min(ROWS_TO_SPARE * max(tiles, 1), most_tiles))
    return plan


def _may_cut_rows(spec: GemmSpec, threads: int) -> bool:
    """Whether each thread may take rows of its own, and pack all of B for them.

    Kernels before and after a product divide its rows among the threads. A thread with the same
    rows then finds them in its own cache; with columns of its own it would read all rows, written
    by others, and write columns that others read, line by line from another processor's cache.
    """
    if threads == 1 or not all(isinstance(d, int) for d in (spec.m, spec.n, spec.k)):
        return False
    rows = int(spec.m) * (int(spec.n) + int(spec.k))  # elements of A and C
    return spec.batch == 1 and not spec.trans_a and rows >= int(spec.n) * int(spec.k)


def _rows_apart(plan: GemmPlan, spec: GemmSpec, target: Target, threads: int) -> GemmPlan:
    """One unit for each thread, of rows; the tile is that of so many rows."""
    m, n = typical(spec.m), typical(spec.n)
    tile = choose_tile(target, plan.tile.lanes, -(-m // threads), n)
    panels = -(-n // tile.columns)
    unit_tiles = -(-cut_rows(m, tile.rows).tiles // threads)
    unroll = 1 if tile.rows * tile.vectors >= LARGE_TILE else plan.unroll
    return replace(
        plan, tile=tile, panels=panels, unit_tiles=unit_tiles, unit_panels=panels,
        pack_b_in_units=True, unroll=unroll,
    )  # fmt: skip


def _group_panels(panels: int, panel_bytes: int, budget: int, threads: int) -> int:
    """How many panels a unit packs: as many as fit, if all threads then get about the same."""
    shares = {}
    for size in range(1, min(budget // max(panel_bytes, 1), panels // (2 * threads)) + 1):
        units = -(-panels // size)
        shares[size] = -(-units // threads) * size
    return max((size for size in shares if shares[size] <= 1.1 * min(shares.values())), default=0)


def is_one_block(spec: GemmSpec, k_block: int) -> bool:
    """Whether a block of k is sure to be all of it."""
    return isinstance(spec.k, int) and k_block >= spec.k


def _k_block(k: int, row_bytes: int, scale: int) -> int:
    """Return the steps of k of a block: all of them, or nearly equal parts in whole vectors."""
    if k * row_bytes <= scale * PANEL_BYTES:
        return max(k, 1)
    blocks = -(-k * row_bytes // (scale * BLOCK_BYTES))
    part = -(-k // blocks)
    return -(-part // 16) * 16


def _at_least_one(budget: int, elements: int, spec: GemmSpec) -> int:
    return max(budget // (elements * spec.item_size), 1)


def _divide_units(plan: GemmPlan, spec: GemmSpec, tiles: int, threads: int) -> GemmPlan:
    """Make units small enough that every thread gets several, but worth handing out."""
    unit_tiles, unit_panels = plan.unit_tiles, plan.unit_panels

    def count() -> int:
        return typical(spec.batch) * -(-tiles // unit_tiles) * -(-plan.panels // unit_panels)

    def cycles() -> float:
        return unit_tiles * unit_panels * tile_cycles(plan.tile) * typical(spec.k)

    while threads > 1 and count() < UNITS_PER_THREAD * threads and cycles() > 2 * MIN_UNIT_CYCLES:
        # Rows first: units in a row of units share the block of A, and may each pack it.
        may_cut_rows = not plan.pack_b_in_units
        if may_cut_rows and (unit_tiles >= 4 or (unit_tiles > 1 and unit_panels == 1)):
            unit_tiles = -(-unit_tiles // 2)
        elif unit_panels > 1:
            unit_panels = -(-unit_panels // 2)
        else:
            break
    # Even out: 86 tiles in units of 22 are 4 units, not 3 and a fraction.
    unit_tiles = -(-tiles // -(-tiles // unit_tiles)) if tiles else 1
    unit_panels = -(-plan.panels // -(-plan.panels // unit_panels)) if plan.panels else 1
    return replace(plan, unit_tiles=unit_tiles, unit_panels=unit_panels)
