"""How a kernel of the loop IR is spread over the blocks and threads of a GPU.

Three ways, of which the first that fits is taken:

- *rows*: a block for each round of the parallel loop, whose threads share each vector loop inside;
  accumulators are combined over the block, in one fixed order. A kernel without a parallel loop is
  one row.
- *flat*: a thread for each round of the parallel loop and of the one vector loop inside it.
- *threads*: a thread for each round of the parallel loop; whatever is inside runs in it, in order.

Blocks and threads take several rounds where there are more of them than the grid has; which rounds
depends on the sizes alone, so results are the same from run to run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphflow.codegen.cuda.target import GpuTarget
from graphflow.ir.dims import Dim, evaluate, typical
from graphflow.ir.loops import (
    Accumulate,
    Buffer,
    Declare,
    Kernel,
    Loop,
    Statement,
    Store,
    statements,
)

WARP = 32
BLOCK = 256  # threads; enough to hide latency, few enough for any kernel's registers
SHORT_ROW = 32  # below this a row is one thread's
BLOCKS_PER_MULTIPROCESSOR = 8
WORKSPACE_BLOCKS = 1024  # of a grid whose scratch rows do not fit shared memory


@dataclass(frozen=True, eq=False)
class GpuSchedule:
    """A kernel with its place on the GPU.

    Attributes
    ----------
    kernel : what is computed.
    mode : ``rows``, ``flat`` or ``threads``.
    rounds : how many blocks (``rows``) or threads would take one round each.
    block : threads of a block.
    most_blocks : a grid's blocks at most.
    shared : scratch buffers in shared memory.
    global_scratch : scratch buffers that take a part of a workspace for each block.
    """

    kernel: Kernel
    mode: str
    rounds: Dim
    block: int
    most_blocks: int
    shared: tuple[Buffer, ...] = ()
    global_scratch: tuple[Buffer, ...] = ()

    @property
    def workspace_bytes(self) -> int:
        """Bytes of the workspace that the kernel's last argument points to; 0 without one."""
        return self.most_blocks * sum(_nbytes(b) for b in self.global_scratch)

    def count(self, symbols: Mapping[str, int]) -> int:
        """The number of rounds for the given sizes."""
        return evaluate(self.rounds, symbols)

    def blocks(self, rounds: int) -> int:
        """The grid's blocks for a number of rounds."""
        wanted = rounds if self.mode == "rows" else -(-rounds // self.block)
        return max(min(wanted, self.most_blocks), 1)

    def __str__(self) -> str:
        shared = sum(_nbytes(b) for b in self.shared)
        lines = [
            f"{self.kernel.name}: {self.mode} of {self.rounds}, block {self.block}, "
            f"grid at most {self.most_blocks}, shared {shared} bytes, "
            f"workspace {self.workspace_bytes} bytes"
        ]
        return "\n".join([*lines, str(self.kernel)])


def schedule_kernel(kernel: Kernel, target: GpuTarget) -> GpuSchedule:
    """Decide how a kernel is spread over a GPU."""
    first = kernel.body[0] if len(kernel.body) == 1 else None
    loop = first if isinstance(first, Loop) and first.kind.startswith("parallel") else None
    most = target.num_multiprocessors * BLOCKS_PER_MULTIPROCESSOR
    if loop is None:
        if _is_row(kernel.body) and _longest(kernel.body) >= SHORT_ROW:
            return _rows(kernel, 1, kernel.body, target, most)
        return GpuSchedule(kernel, "threads", 1, 1, 1)
    inner = loop.body[0] if len(loop.body) == 1 else None
    if isinstance(inner, Loop) and inner.kind == "vector" and not _accumulates_outside(inner):
        return GpuSchedule(kernel, "flat", loop.axis.extent * inner.axis.extent, BLOCK, most)
    if loop.kind == "parallel" and _is_row(loop.body) and _longest(loop.body) >= SHORT_ROW:
        return _rows(kernel, loop.axis.extent, loop.body, target, most)
    return GpuSchedule(kernel, "threads", loop.axis.extent, BLOCK, most)


def _rows(
    kernel: Kernel, rounds: Dim, body: Sequence[Statement], target: GpuTarget, most: int
) -> GpuSchedule:
    longest = _longest(body)
    block = WARP
    while block < BLOCK and block * 2 <= longest:
        block *= 2
    left = target.shared_bytes - 2 * 8 * BLOCK  # what combining accumulators takes
    shared: list[Buffer] = []
    elsewhere: list[Buffer] = []
    for buffer in kernel.scratch:
        size = _nbytes(buffer)
        fits = size <= left
        left -= size if fits else 0
        (shared if fits else elsewhere).append(buffer)
    if elsewhere:
        most = min(most, WORKSPACE_BLOCKS)
    return GpuSchedule(kernel, "rows", rounds, block, most, tuple(shared), tuple(elsewhere))


def _is_row(body: Sequence[Statement]) -> bool:
    """Whether all loops of a body are vector loops, and what they accumulate is declared outside.

    A serial loop's rounds depend on each other, so its threads could not share it.
    """
    loops = [s for s in body if isinstance(s, Loop)]
    return bool(loops) and all(s.kind == "vector" for s in loops)


def _accumulates_outside(loop: Loop) -> bool:
    """Whether a loop feeds an accumulator that was declared outside of it."""
    inside = {s.local for s in statements(loop.body) if isinstance(s, Declare)}
    return any(isinstance(s, Accumulate) and s.local not in inside for s in statements(loop.body))


def _longest(body: Sequence[Statement]) -> int:
    return max((typical(s.axis.extent) for s in _loops(body)), default=0)


def _loops(body: Sequence[Statement]) -> Iterator[Loop]:
    return (s for s in body if isinstance(s, Loop))


def writes_scratch(loop: Loop) -> bool:
    """Whether a loop stores anything that another thread may read later."""
    return any(isinstance(s, Store) for s in statements(loop.body))


def _nbytes(buffer: Buffer) -> int:
    size = buffer.type.nbytes
    assert isinstance(size, int)
    return size
