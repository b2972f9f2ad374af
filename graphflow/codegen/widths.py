"""How wide a kernel's vector loops are: lanes, vectors at once, and what is left over.

A vector loop becomes loops over steps of whole vectors, the longest step first, and a loop over the
single elements that remain. A step is one vector; several with a partial result each where a short
reduction would wait for its additions; or one of several registers where math functions are the
work: each is a long chain of dependent instructions, and chains side by side fill the processor's
units and share their constants.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from graphflow.codegen.extent import Extent
from graphflow.codegen.mathlib import FLOAT_FUNCTIONS
from graphflow.codegen.target import Target
from graphflow.ir.loops import Accumulate, Kernel, Loop
from graphflow.ir.walk import expressions

SHORT_BODY = 12.0  # a reduction body below this weight gets several vectors of partial results
PARTIALS = 4
INLINED_AT_MOST = 24  # occurrences of one math function in a kernel
COLUMN_VECTORS = 4  # vectors side by side in a reduction over rows: whole cache lines of a row

# Vectors at once in a body of up to so many math functions: what it costs is code. Those that are
# an instruction do not count, those that are several others count for more.
_AT_ONCE = ((4, 8), (2, 16))
_INSTRUCTIONS = frozenset({"sqrt", "floor", "ceil", "trunc", "rint"})
_LONG_FUNCTIONS = {"lgamma": 16, "digamma": 16, "pow": 2}


class Step(NamedTuple):
    """One step of a loop over whole vectors: `copies` of a body for `lanes` elements each."""

    lanes: int
    copies: int = 1
    partial: int = 0  # the first of the partial results that the copies feed, one each

    @property
    def size(self) -> int:
        """Elements of a step."""
        return self.lanes * self.copies

    @property
    def partials(self) -> range:
        """The numbers of the partial results."""
        return range(self.partial, self.partial + self.copies)


def steps(loop: Loop, target: Target) -> list[Step]:
    """The loops over whole vectors that a vector loop becomes, the longest step first."""
    width, size = vector_width(loop, target), block_size(loop, target)
    if wants_partials(loop):
        return [Step(width, PARTIALS), Step(width)]
    return [Step(size), Step(width, partial=1)] if size > width else [Step(width)]


def block_size(loop: Loop, target: Target) -> int:
    """The elements that a unit of a parallel vector loop has."""
    return vector_width(loop, target) * vectors_at_once(loop, target)


def wants_partials(loop: Loop) -> bool:
    """Whether a loop is a reduction so short that its additions would wait for each other."""
    if any(not isinstance(s, Accumulate) for s in loop.body):
        return False
    if any(s.position is not None for s in loop.body if isinstance(s, Accumulate)):
        return False
    weight = sum(s.value.weight for s in loop.body if isinstance(s, Accumulate))
    extent = loop.axis.extent
    return weight < SHORT_BODY and (not isinstance(extent, int) or extent >= 64)


def vector_width(loop: Loop, target: Target) -> int:
    """Lanes of a vector loop: one register of the widest common element, not beyond the extent.

    A loop that holds reduction loops (a reduction over rows) takes several registers, so that each
    row is read in whole cache lines.
    """
    lanes = target.vector_lanes(32)
    if any(isinstance(s, Loop) for s in loop.body):
        lanes *= COLUMN_VECTORS
    extent = loop.axis.extent
    while isinstance(extent, int) and lanes > max(extent, 1):
        lanes //= 2
    return lanes


def vectors_at_once(loop: Loop, target: Target) -> int:
    """How many vectors a step takes: several where math functions are the work."""
    functions = [e for e in expressions(loop.body) if e.name in FLOAT_FUNCTIONS - _INSTRUCTIONS]
    reduces = any(
        isinstance(s, Loop) or (isinstance(s, Accumulate) and s.position is not None)
        for s in loop.body
    )
    if not functions or reduces:
        return 1
    work = sum(
        _LONG_FUNCTIONS.get(e.name, 1) * max(e.args[0].dtype.size // 4, 1) for e in functions
    )
    count = next((n for n, most in _AT_ONCE if work <= most), 1)
    width, extent = vector_width(loop, target), loop.axis.extent
    while isinstance(extent, int) and count > 1 and extent < width * count:
        count //= 2
    return count


def parallel_extent(kernel: Kernel, target: Target) -> Extent:
    """How many units the range of the kernel's parallel axis has; 1 when it has no such axis."""
    axis = kernel.parallel_axis
    first = kernel.body[0] if kernel.body else None
    if axis is not None:
        return Extent(axis.extent)
    if isinstance(first, Loop) and first.kind == "parallel vector" and len(kernel.body) == 1:
        return Extent(1, ((first.axis.extent, block_size(first, target)),))
    return Extent(1)


def outlined_functions(kernel: Kernel) -> frozenset[str]:
    """Math functions that a kernel uses so often that inlining them costs more than calling.

    A chain of thousands of sines would be a hundred thousand instructions, and seconds of LLVM.
    """
    counts = Counter(e.name for e in expressions(kernel.body) if e.name in FLOAT_FUNCTIONS)
    return frozenset(name for name, count in counts.items() if count > INLINED_AT_MOST)
