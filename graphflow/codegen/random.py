"""Emission of random draws: ``void draw(args, begin, end)`` over units of one vector of groups.

A group is one block of the generator: four elements, or two where an element takes 64 bits. The
lanes of a vector are the groups of one unit; the words come out one vector per place in the group
and are interleaved before they are stored. What a group gives depends on its number alone, so
neither the split over threads nor the width of a vector changes a result. `graphflow.ir.philox`
defines the numbers.

A truncated normal draws until its elements are accepted. All groups of a unit take their first
block together; those in which an element was refused (17 in 100) start again out of line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from graphflow.codegen.expressions import ExprEmitter, Level
from graphflow.codegen.extent import Extent
from graphflow.codegen.mathlib import philox
from graphflow.codegen.mathlib.core import Lanes, absolute
from graphflow.codegen.target import Target
from graphflow.codegen.types import (
    F32,
    F64,
    I1,
    I32,
    I64,
    POINTER,
    compute_type,
    lane_numbers,
    memory_type,
    splat_value,
    to_memory,
)
from graphflow.graph.dtypes import DType
from graphflow.ir.dims import Dim
from graphflow.ir.loops import Kernel
from graphflow.ir.philox import RESERVED_PER_OUTPUT, TRUNCATION

GROUP_CYCLES = {"uniform": 12.0, "uniform_int": 60.0, "normal": 40.0, "truncated_normal": 140.0}
_MANTISSA = {"float16": 10, "bfloat16": 7}


def group_size(dtype: DType) -> int:
    """Elements of one group."""
    return 2 if dtype.size == 8 else 4


def unit_size(dtype: DType, target: Target) -> int:
    """Elements of one unit of the kernel's range."""
    return group_size(dtype) * target.vector_lanes(32)


def unit_count(elements: Dim, dtype: DType, target: Target) -> Extent:
    """The extent of the kernel's range."""
    return Extent(1, ((elements, unit_size(dtype, target)),))


def unit_cycles(kind: str, target: Target) -> float:
    """Estimated cycles of one unit."""
    return GROUP_CYCLES[kind] * target.vector_lanes(32)


def emit_random(
    module: ir.Module, kernel: Kernel, kind: str, target: Target, name: str
) -> ir.Function:
    """Emit a draw; the kernel's buffers are the state, the bounds if any, and the result."""
    return _RandomEmitter(module, kernel, kind, target, name).emit()


class _RandomEmitter(ExprEmitter):
    def __init__(
        self, module: ir.Module, kernel: Kernel, kind: str, target: Target, name: str
    ) -> None:
        signature = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
        self.function = ir.Function(module, signature, name)
        super().__init__(ir.IRBuilder(self.function.append_basic_block("entry")))
        self.module, self.kernel, self.kind = module, kernel, kind
        self.width = target.vector_lanes(32)
        self.dtype = kernel.buffers[-1].type.dtype
        self.group = group_size(self.dtype)
        self.element = memory_type(self.dtype)

    def emit(self) -> ir.Function:
        builder, kernel = self.builder, self.kernel
        args, begin, end = self.function.args
        self.levels.append(Level({}))
        self.load_arguments(args, kernel.buffers, kernel.symbols)
        self.load_operands()
        out = self.pointers[kernel.buffers[-1]]
        total = self.dim(kernel.buffers[-1].type.size)
        unit = self.group * self.width
        scratch = self.memory_on_stack(self.element, unit)
        # A last unit that is not whole is drawn into scratch memory and copied as far as it goes.
        units = builder.udiv(builder.add(total, ir.Constant(I64, unit - 1)), ir.Constant(I64, unit))
        with self.counting(begin, self.least(end, units)) as number:
            first = builder.mul(number, ir.Constant(I64, unit))
            rest = builder.sub(total, first)
            is_whole = builder.icmp_signed(">=", rest, ir.Constant(I64, unit))
            place = builder.gep(out, [first], source_etype=self.element)
            self.emit_unit(number, builder.select(is_whole, place, scratch))
            copied = builder.select(is_whole, ir.Constant(I64, 0), rest)
            with self.counting(ir.Constant(I64, 0), copied) as index:
                source = builder.gep(scratch, [index], source_etype=self.element)
                target = builder.gep(place, [index], source_etype=self.element)
                builder.store(builder.load(source, typ=self.element), target)
        builder.ret_void()
        return self.function

    def load_operands(self) -> None:
        """Key, counter and bounds, once."""
        builder, buffers = self.builder, self.kernel.buffers
        state = self.pointers[buffers[0]]
        words = [
            builder.load(builder.gep(state, [ir.Constant(I64, k)], source_etype=I64), typ=I64)
            for k in (0, 2, 3)
        ]
        self.key, self.low, self.high = words
        bounds = [
            builder.load(self.pointers[b], typ=memory_type(b.type.dtype)) for b in buffers[1:-1]
        ]
        if bounds:
            low, high = bounds
            self.bounds = [
                splat_value(builder, v, self.width) for v in (low, builder.sub(high, low))
            ]

    def least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.builder.select(self.builder.icmp_signed("<", x, y), x, y)

    def memory_on_stack(self, element: ir.Type, count: int) -> ir.Value:
        memory = self.builder.alloca(ir.ArrayType(element, count))
        memory.align = 64
        memory.type = POINTER  # llvmlite types it by its array; every other address is opaque
        return memory

    def counting(self, start: ir.Value, stop: ir.Value) -> _Counting:
        return _Counting(self.builder, start, stop)

    # ---- one unit

    def emit_unit(self, number: ir.Value, out: ir.Value) -> None:
        """Draw the groups of unit `number` and store them at `out`."""
        builder, width = self.builder, self.width
        first = builder.mul(number, ir.Constant(I64, width))
        groups = builder.add(splat_value(builder, first, width), lane_numbers(width))
        stride = 1
        if self.kind == "truncated_normal":
            stride = self.group * RESERVED_PER_OUTPUT // 4
        vector = groups.type
        steps = builder.mul(groups, ir.Constant(vector, [stride] * width))
        low, high = (splat_value(builder, v, width) for v in (self.low, self.high))
        counter = philox.counter_words(builder, low, high, steps)
        narrow = [
            builder.trunc(self.key, I32),
            builder.trunc(builder.lshr(self.key, ir.Constant(I64, 32)), I32),
        ]
        key = [splat_value(builder, k, width) for k in narrow]
        places = self.distribution(philox.philox_4x32_10(builder, counter, key))
        self.store_groups(places, out)
        if self.kind == "truncated_normal":
            self.redraw(places, steps, out)

    def distribution(self, words: Sequence[ir.Value]) -> list[ir.Value]:
        """One vector for each place in a group."""
        builder, wide = self.builder, self.dtype.size == 8
        if self.kind == "uniform_int":
            pairs = [words[k : k + 2] for k in (0, 2)] if wide else [[w] for w in words]
            emit: Callable[..., ir.Value] = philox.uniform_i64 if wide else philox.uniform_i32
            return [emit(builder, *pair, *self.bounds) for pair in pairs]
        if self.kind == "uniform":
            if wide:
                return [philox.uniform_f64(builder, *words[k : k + 2]) for k in (0, 2)]
            if self.dtype.size == 2:
                digits = _MANTISSA[self.dtype.name]
                return [philox.uniform_16bit(builder, word, digits) for word in words]
            return [philox.uniform_f32(builder, word) for word in words]
        return philox.normal_block(builder, words, F64 if wide else F32)

    def store_groups(self, places: Sequence[ir.Value], out: ir.Value) -> None:
        """Interleave the places of a group and store the unit."""
        values = [to_memory(self.builder, place, self.dtype) for place in places]
        while len(values) > 1:  # 0 1 2 3 -> 02 13 -> 0123, so that pairs interleave in order
            half = len(values) // 2
            values = [self.interleave(values[k], values[k + half]) for k in range(half)]
        store = self.builder.store(values[0], out)
        store.align = self.dtype.size

    def interleave(self, even: ir.Value, odd: ir.Value) -> ir.Value:
        count = even.type.count
        mask = [ir.Constant(I32, k // 2 + (k % 2) * count) for k in range(2 * count)]
        return self.builder.shuffle_vector(
            even, odd, ir.Constant(ir.VectorType(I32, 2 * count), mask)
        )

    # ---- truncated normals

    def redraw(self, places: Sequence[ir.Value], steps: ir.Value, out: ir.Value) -> None:
        """Draw the groups again in which an element was refused."""
        builder, width = self.builder, self.width
        accepted = None
        for place in places:
            inside = (absolute(Lanes(builder, place)) < TRUNCATION).value
            accepted = inside if accepted is None else builder.and_(accepted, inside)
        mask_type = ir.IntType(width)
        refused = builder.bitcast(
            builder.xor(accepted, ir.Constant(ir.VectorType(I1, width), [1] * width)), mask_type
        )
        function = self.redraw_function()
        again = self.function.append_basic_block("again")
        leave = self.function.append_basic_block("accepted")
        zero = ir.Constant(mask_type, 0)
        before = builder.block
        builder.cbranch(builder.icmp_unsigned("!=", refused, zero), again, leave)
        builder.position_at_end(again)
        rest = builder.phi(mask_type)
        rest.add_incoming(refused, before)
        lane = builder.cttz(rest, ir.Constant(I1, 1))
        lane = builder.zext(lane, I64) if width < 64 else lane
        step = builder.extract_element(steps, lane)
        low = builder.add(self.low, step)
        carry = builder.zext(builder.icmp_unsigned("<", low, step), I64)
        offset = builder.mul(lane, ir.Constant(I64, self.group))
        target = builder.gep(out, [offset], source_etype=self.element)
        builder.call(function, [target, low, builder.add(self.high, carry), self.key])
        following = builder.and_(rest, builder.sub(rest, ir.Constant(mask_type, 1)))
        rest.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_unsigned("!=", following, zero), again, leave)
        builder.position_at_end(leave)

    def redraw_function(self) -> ir.Function:
        """``void (ptr out, i64 low, i64 high, i64 key)``: one whole group, as it is stored."""
        name = f"graphflow.truncated_group.{self.dtype.name}"
        if name in self.module.globals:
            return self.module.globals[name]
        element = compute_type(self.dtype)
        draw = philox.truncated_normal_function(self.module, element)
        signature = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64])
        function = ir.Function(self.module, signature, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        out, low, high, key = function.args
        group = ir.Constant(I64, self.group)
        drawn = builder.alloca(element, size=self.group)
        drawn.type = POINTER
        builder.call(draw, [drawn, group, low, high, key])
        for k in range(self.group):
            at = [ir.Constant(I64, k)]
            value = builder.load(builder.gep(drawn, at, source_etype=element), typ=element)
            value = to_memory(builder, value, self.dtype)
            builder.store(value, builder.gep(out, at, source_etype=self.element))
        builder.ret_void()
        return function


class _Counting:
    """``for number in range(start, stop)``; code emitted inside is the loop's body."""

    def __init__(self, builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> None:
        self.builder, self.start, self.stop = builder, start, stop

    def __enter__(self) -> ir.Value:
        builder = self.builder
        before = builder.block
        self.body, self.leave = (builder.append_basic_block(n) for n in ("body", "done"))
        builder.cbranch(builder.icmp_signed("<", self.start, self.stop), self.body, self.leave)
        builder.position_at_end(self.body)
        self.number = builder.phi(I64)
        self.number.add_incoming(self.start, before)
        return self.number

    def __exit__(self, *exception: object) -> None:
        builder = self.builder
        following = builder.add(self.number, ir.Constant(I64, 1))
        self.number.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, self.stop), self.body, self.leave)
        builder.position_at_end(self.leave)
