"""Windows of an array as rows of a matrix, copied where a product wants them and nowhere kept.

A convolution is a product whose matrix A has a row for each window and a column for each (tap,
channel). Its elements are runs of the array: of an array ``[batch, spatial..., channels]`` those
under a whole row of a filter lie side by side. So a row of A is copied run by run, and what lies in
the padding is set to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphflow.codegen.control import INDEX, POINTER, constant, counted_loop, maximum, minimum
from graphflow.codegen.gemm_micro import intrinsic
from graphflow.codegen.gemm_pack import masked_load
from graphflow.codegen.gemm_spec import element_at
from graphflow.ir.dims import Dim

LONGEST_RUN = 512  # elements; longer ones are cut, so that blocks of a sum hold whole runs
UNROLLED_VECTORS = 8


@dataclass(frozen=True)
class WindowSpec:
    """The windows of a convolution.

    Parameters
    ----------
    batch, sizes, channels : the array's shape.
    taps : the filter's spatial sizes.
    counts : windows along each spatial axis.
    strides, low, dilation : per spatial axis; `low` is the padding before the first element.
    """

    batch: Dim
    sizes: tuple[int, ...]
    channels: int
    taps: tuple[int, ...]
    counts: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def rows(self) -> Dim:
        """The number of windows."""
        return self.batch * math.prod(self.counts)

    @property
    def columns(self) -> int:
        """The elements of a window."""
        return math.prod(self.taps) * self.channels

    @property
    def joins_taps(self) -> bool:
        """Whether a run holds all taps along the last axis."""
        return self.dilation[-1] == 1 and self.taps[-1] * self.channels <= LONGEST_RUN

    @property
    def run(self) -> int:
        """The elements of a run; a divisor of a window's."""
        if self.joins_taps:
            return self.taps[-1] * self.channels
        pieces = next(p for p in range(1, self.channels + 1)
                      if self.channels % p == 0 and self.channels // p <= LONGEST_RUN)  # fmt: skip
        return self.channels // pieces

    @property
    def padded(self) -> tuple[int, ...]:
        """The array's spatial sizes with so much padding that all windows lie inside."""
        found = []
        for axis, size in enumerate(self.sizes):
            last = (self.counts[axis] - 1) * self.strides[axis] - self.low[axis]
            end = last + (self.taps[axis] - 1) * self.dilation[axis] + 1
            found.append(max(self.low[axis], 0) + max(end, size))
        return tuple(found)

    def is_inside(self, axis: int) -> bool:
        """Whether no window reaches into the padding along an axis."""
        last = (self.counts[axis] - 1) * self.strides[axis] - self.low[axis]
        last += (self.taps[axis] - 1) * self.dilation[axis]
        return self.low[axis] <= 0 and last < self.sizes[axis]


class WindowCopier:
    """Emits the copying of windows, of an array at `source`."""

    def __init__(self, spec: WindowSpec, element: Any, lanes: int, source: Any) -> None:
        self.spec = spec
        self.element = element
        self.vector = ir.VectorType(element, lanes)
        self.align = 4 if isinstance(element, ir.FloatType) else 8
        self.source = source

    def emit_row(
        self, builder: ir.IRBuilder, row: Any, destination: Any, runs: tuple[Any, Any]
    ) -> None:
        """Copy the runs ``[first, last)`` of window `row` to `destination`.

        Up to a vector less an element behind the last run is overwritten.
        """
        spec = self.spec
        places: list[Any] = []
        for count in reversed(spec.counts):
            places.append(builder.urem(row, constant(count)))
            row = builder.udiv(row, constant(count))
        origins = [
            builder.sub(builder.mul(place, constant(stride)), constant(low))
            for place, stride, low in zip(reversed(places), spec.strides, spec.low, strict=True)
        ]
        if spec.joins_taps and math.prod(spec.taps[:-1]) == 1:
            self._emit_run(builder, (row, origins), constant(0), destination)
            return
        first, last = runs
        with counted_loop(builder, first, last, name="run") as run:
            offset = builder.mul(builder.sub(run.index, first), constant(spec.run))
            place = element_at(builder, destination, offset, self.element)
            self._emit_run(builder, (row, origins), run.index, place)

    def _emit_run(
        self, builder: ir.IRBuilder, window: tuple[Any, list[Any]], run: Any, destination: Any
    ) -> None:
        """Copy one run of a window, given by its number in the batch and its origins."""
        spec = self.spec
        offset, origins = window
        piece: Any = None
        extents = list(spec.taps[:-1])
        if not spec.joins_taps:
            pieces = spec.channels // spec.run
            piece, run = builder.urem(run, constant(pieces)), builder.udiv(run, constant(pieces))
            extents.append(spec.taps[-1])
        digits: list[Any] = []
        for extent in reversed(extents):
            digits.append(builder.urem(run, constant(extent)))
            run = builder.udiv(run, constant(extent))
        digits.reverse()
        inside: Any = None
        for axis, digit in enumerate(digits):
            step = builder.mul(digit, constant(spec.dilation[axis]))
            place = builder.add(origins[axis], step)
            if not spec.is_inside(axis):
                fits = builder.icmp_unsigned("<", place, constant(spec.sizes[axis]))
                inside = fits if inside is None else builder.and_(inside, fits)
            offset = builder.add(builder.mul(offset, constant(spec.sizes[axis])), place)
        if spec.joins_taps:
            offset = builder.add(builder.mul(offset, constant(spec.sizes[-1])), origins[-1])
        offset = builder.mul(offset, constant(spec.channels))
        if piece is not None:
            offset = builder.add(offset, builder.mul(piece, constant(spec.run)))
        source = element_at(builder, self.source, offset, self.element)
        if inside is None:
            self._emit_along(builder, origins[-1], source, destination)
            return
        with builder.if_else(inside) as (then, otherwise):
            with then:
                self._emit_along(builder, origins[-1], source, destination)
            with otherwise:
                self._fill(builder, destination)

    def _emit_along(self, builder: ir.IRBuilder, origin: Any, source: Any, to: Any) -> None:
        """Copy a run whose other axes are inside; the last one may yet reach into the padding."""
        spec = self.spec
        last = len(spec.sizes) - 1
        if not spec.joins_taps or spec.is_inside(last):
            self._copy(builder, source, to)
            return
        size, taps = spec.sizes[-1], spec.taps[-1]
        room = size - taps
        # One unsigned comparison says that the window is inside: a negative origin is huge.
        fits = (
            builder.icmp_unsigned("<=", origin, constant(room))
            if room >= 0
            else ir.IntType(1)(0)
        )  # fmt: skip
        with builder.if_else(fits) as (then, otherwise):
            with then:
                self._copy(builder, source, to)
            with otherwise:
                self._fill(builder, to)
                first = maximum(builder, builder.neg(origin), 0)
                stop = minimum(builder, builder.sub(constant(size), origin), taps)
                start = builder.mul(first, constant(spec.channels))
                count = builder.mul(builder.sub(stop, first), constant(spec.channels))
                count = maximum(builder, count, 0)
                self._copy_some(
                    builder,
                    element_at(builder, source, start, self.element),
                    element_at(builder, to, start, self.element),
                    count,
                )

    def _copy(self, builder: ir.IRBuilder, source: Any, to: Any) -> None:
        """Copy a whole run, in vectors."""
        length, lanes = self.spec.run, self.vector.count

        def move(offset: Any) -> None:
            value = builder.load(
                element_at(builder, source, offset, self.element), typ=self.vector, align=self.align
            )
            place = element_at(builder, to, offset, self.element)
            builder.store(value, place, align=self.align)

        if length < lanes:
            value = masked_load(builder, source, self.vector, length)
            builder.store(value, to, align=self.align)
            return
        whole = length - length % lanes
        if whole <= UNROLLED_VECTORS * lanes:
            for offset in range(0, whole, lanes):
                move(offset)
        else:
            unrolled = whole - whole % (4 * lanes)
            with counted_loop(builder, 0, unrolled, 4 * lanes, name="copy") as loop:
                for ahead in range(4):
                    move(builder.add(loop.index, constant(ahead * lanes)))
            for offset in range(unrolled, whole, lanes):
                move(offset)
        if whole < length:
            move(length - lanes)

    def _fill(self, builder: ir.IRBuilder, to: Any) -> None:
        """Set a run to zero."""
        zeros, lanes = ir.Constant(self.vector, None), self.vector.count
        if self.spec.run <= UNROLLED_VECTORS * lanes:
            for offset in range(0, self.spec.run, lanes):
                place = element_at(builder, to, offset, self.element)
                builder.store(zeros, place, align=self.align)
            return
        with counted_loop(builder, 0, self.spec.run, lanes, name="fill") as loop:
            place = element_at(builder, to, loop.index, self.element)
            builder.store(zeros, place, align=self.align)

    def _copy_some(self, builder: ir.IRBuilder, source: Any, to: Any, count: Any) -> None:
        if self.spec.run < 4 * self.vector.count:
            with counted_loop(builder, 0, count, name="some") as loop:
                place = element_at(builder, source, loop.index, self.element)
                value = builder.load(place, typ=self.element)
                builder.store(value, element_at(builder, to, loop.index, self.element))
            return
        memcpy = intrinsic(
            builder.module,
            "llvm.memcpy.p0.p0.i64",
            ir.VoidType(),
            [POINTER, POINTER, INDEX, ir.IntType(1)],
        )
        size = builder.mul(count, constant(self.align))
        builder.call(memcpy, [to, source, size, ir.IntType(1)(0)])
