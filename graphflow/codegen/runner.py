"""The native function that runs a plan: one loop over the plan's steps.

``i32 graphflow_run(ptr table)`` reads ``table[0]``, the address of the program of steps, and
``table[1]``, memory for the arguments of one step. A program is an i64 count followed by records of
eight words:

    kind, function, argument count, address of argument slots (i64 each), n, chunks, code, extra

Kinds: 0 calls ``function(args, 0, n)``; 1 does the same over the pool in ``chunks`` pieces, the
pool's address being in ``extra``; 2
copies n bytes from the second slot to the first; 3 is a check:
where the byte in the first slot is zero, the run ends with status ``code``. 4 and 5 jump to record
n where that byte is zero, and where it is not; 6 jumps there in any case. 7 says that from here on
the run must not be stopped: variables are being written. The function is compiled once per machine;
a plan, with its loops and branches, is data to it.

Every few steps the function looks at the clock, and ends with `TIMED_OUT` after the deadline in
``table[DEADLINE]`` (nanoseconds of the monotonic clock, 0 for none). Some times a second it lets
Python look for signals; if a handler raises, the run ends with `INTERRUPTED` and the exception is
left in ``table[EXCEPTION]`` and the two words after it. What it needs for that is at the address in
``table[MONITOR]``: the clock, then four functions of Python's C interface.
"""

from __future__ import annotations

import time

from llvmlite import ir

from graphflow.codegen.control import indirect_call
from graphflow.codegen.types import I8, I32, I64, POINTER

RECORD_WORDS = 8
CALL, PARALLEL, COPY, CHECK, JUMP_UNLESS, JUMP_IF, JUMP, FINAL = range(8)
MONITOR, DEADLINE, NEXT_LOOK, EXCEPTION = 2, 3, 4, 5
FIRST_SLOT = 8  # of a plan's own entries in its table
TIMED_OUT, INTERRUPTED = -2, -3
STEPS_PER_LOOK = 16  # at the clock
LOOK_NANOSECONDS = 50_000_000  # between looks for signals
NAME = "graphflow_run"


def build_runner() -> ir.Module:
    """The module with the runner."""
    module = ir.Module("graphflow_runner")
    function = ir.Function(module, ir.FunctionType(I32, [POINTER]), NAME)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emitter = _Runner(module, function, builder)
    emitter.emit()
    return module


class _Runner:
    def __init__(self, module: ir.Module, function: ir.Function, builder: ir.IRBuilder) -> None:
        self.module, self.function, self.builder = module, function, builder
        self.table = function.args[0]

    def word(self, base: ir.Value, index: ir.Value | int, typ: ir.Type = I64) -> ir.Value:
        position = ir.Constant(I64, index) if isinstance(index, int) else index
        address = self.builder.gep(base, [position], source_etype=I64)
        return self.builder.load(address, typ=typ)

    def emit(self) -> None:
        builder = self.builder
        program, arguments = self.word(self.table, 0, POINTER), self.word(self.table, 1, POINTER)
        count = self.word(program, 0)
        head, more, step, done = (
            builder.append_basic_block(n) for n in ("head", "more", "step", "done")
        )
        self.steps = builder.alloca(I64, name="steps")
        self.stoppable = builder.alloca(I64, name="stoppable")
        self.times = builder.alloca(ir.ArrayType(I64, 2), name="times")
        builder.store(ir.Constant(I64, 0), self.steps)
        builder.store(ir.Constant(I64, 1), self.stoppable)
        following = builder.append_basic_block("next")
        entry = builder.block
        builder.branch(head)
        builder.position_at_end(head)
        number = builder.phi(I64, "number")
        number.add_incoming(ir.Constant(I64, 0), entry)
        builder.cbranch(builder.icmp_signed("<", number, count), more, done)
        builder.position_at_end(more)
        self.look_around(step)
        builder.position_at_end(done)
        builder.ret(ir.Constant(I32, 0))
        builder.position_at_end(following)
        number.add_incoming(builder.add(number, ir.Constant(I64, 1)), following)
        builder.branch(head)
        self.head, self.number = head, number
        builder.position_at_end(step)
        offset = builder.add(
            builder.mul(number, ir.Constant(I64, RECORD_WORDS)), ir.Constant(I64, 1)
        )
        record = builder.gep(program, [offset], source_etype=I64)
        self.gather_arguments(record, arguments)
        self.dispatch(record, arguments, following)

    def gather_arguments(self, record: ir.Value, arguments: ir.Value) -> None:
        """``arguments[k] = table[slots[k]]`` for every argument of the step."""
        builder = self.builder
        count, slots = self.word(record, 2), self.word(record, 3, POINTER)
        loop, leave = builder.append_basic_block("argument"), builder.append_basic_block("ready")
        before = builder.block
        builder.cbranch(builder.icmp_signed(">", count, ir.Constant(I64, 0)), loop, leave)
        builder.position_at_end(loop)
        k = builder.phi(I64, "k")
        k.add_incoming(ir.Constant(I64, 0), before)
        value = self.word(self.table, self.word(slots, k))
        builder.store(value, builder.gep(arguments, [k], source_etype=I64))
        following = builder.add(k, ir.Constant(I64, 1))
        k.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, leave)
        builder.position_at_end(leave)

    def dispatch(self, record: ir.Value, arguments: ir.Value, following: ir.Block) -> None:
        builder = self.builder
        kinds = ("call", "parallel", "copy", "check", "jump_unless", "jump_if", "jump", "final")
        blocks = [builder.append_basic_block(n) for n in kinds]
        wrong = builder.append_basic_block("wrong")
        switch = builder.switch(self.word(record, 0), wrong)
        for kind, block in enumerate(blocks):
            switch.add_case(ir.Constant(I64, kind), block)
        builder.position_at_end(wrong)
        builder.ret(ir.Constant(I32, -1))
        zero = ir.Constant(I64, 0)

        builder.position_at_end(blocks[CALL])
        kernel = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
        arguments_of_call = [arguments, zero, self.word(record, 4)]
        indirect_call(builder, self.word(record, 1, POINTER), kernel, arguments_of_call)
        builder.branch(following)

        builder.position_at_end(blocks[PARALLEL])
        pool = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, I64, I64])
        job = [self.word(record, 7, POINTER), self.word(record, 1, POINTER), arguments]
        job += [self.word(record, 4), self.word(record, 5)]
        indirect_call(builder, self.word(record, 6, POINTER), pool, job)
        builder.branch(following)

        builder.position_at_end(blocks[COPY])
        signature = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, ir.IntType(1)])
        move = ir.Function(self.module, signature, "llvm.memmove.p0.p0.i64")
        target, source = self.word(arguments, 0, POINTER), self.word(arguments, 1, POINTER)
        builder.call(move, [target, source, self.word(record, 4), ir.Constant(ir.IntType(1), 0)])
        builder.branch(following)

        builder.position_at_end(blocks[CHECK])
        flag = builder.load(self.word(arguments, 0, POINTER), typ=I8)
        failed = builder.append_basic_block("failed")
        good = builder.icmp_unsigned("!=", flag, ir.Constant(I8, 0))
        builder.cbranch(good, following, failed)
        builder.position_at_end(failed)
        builder.ret(builder.trunc(self.word(record, 6), I32))

        for kind in (JUMP_UNLESS, JUMP_IF, JUMP):
            builder.position_at_end(blocks[kind])
            self.number.add_incoming(self.word(record, 4), blocks[kind])
            if kind == JUMP:
                builder.branch(self.head)
                continue
            flag = builder.load(self.word(arguments, 0, POINTER), typ=I8)
            comparison = "==" if kind == JUMP_UNLESS else "!="
            jumps = builder.icmp_unsigned(comparison, flag, ir.Constant(I8, 0))
            builder.cbranch(jumps, self.head, following)

        builder.position_at_end(blocks[FINAL])
        builder.store(ir.Constant(I64, 0), self.stoppable)
        builder.branch(following)

    # ---- being stopped

    def look_around(self, step: ir.Block) -> None:
        """Every few steps: the deadline, then signals; goes on at `step`."""
        builder = self.builder
        names = ("count", "clock", "timed_out", "in_time", "signals", "raised")
        count, clock, timed_out, in_time, signals, raised = (
            builder.append_basic_block(name) for name in names
        )
        builder.branch(count)
        builder.position_at_end(count)
        steps = builder.add(builder.load(self.steps, typ=I64), ir.Constant(I64, 1))
        builder.store(steps, self.steps)
        rest = builder.urem(steps, ir.Constant(I64, STEPS_PER_LOOK))
        due = builder.icmp_unsigned("==", rest, ir.Constant(I64, 0))
        may = builder.icmp_unsigned("!=", builder.load(self.stoppable, typ=I64), _zero())
        watched = builder.icmp_unsigned("!=", self.word(self.table, MONITOR), _zero())
        builder.cbranch(builder.and_(builder.and_(due, may), watched), clock, step)

        builder.position_at_end(clock)
        monitor = self.word(self.table, MONITOR, POINTER)
        look = ir.FunctionType(I32, [I32, POINTER])
        arguments = [ir.Constant(I32, time.CLOCK_MONOTONIC), self.times]
        indirect_call(builder, self.word(monitor, 0, POINTER), look, arguments)
        seconds, rest = self.word(self.times, 0), self.word(self.times, 1)
        now = builder.add(builder.mul(seconds, ir.Constant(I64, 1_000_000_000)), rest)
        deadline = self.word(self.table, DEADLINE)
        late = builder.and_(
            builder.icmp_signed("!=", deadline, _zero()), builder.icmp_signed(">", now, deadline)
        )
        builder.cbranch(late, timed_out, in_time)
        builder.position_at_end(timed_out)
        builder.ret(ir.Constant(I32, TIMED_OUT))
        builder.position_at_end(in_time)
        early = builder.icmp_signed("<", now, self.word(self.table, NEXT_LOOK))
        builder.cbranch(early, step, signals)

        builder.position_at_end(signals)
        next_look = builder.gep(self.table, [ir.Constant(I64, NEXT_LOOK)], source_etype=I64)
        builder.store(builder.add(now, ir.Constant(I64, LOOK_NANOSECONDS)), next_look)
        plain = ir.FunctionType(I32, [])
        held = indirect_call(builder, self.word(monitor, 1, POINTER), plain, [])
        found = indirect_call(builder, self.word(monitor, 2, POINTER), plain, [])
        release = ir.FunctionType(ir.VoidType(), [I32])
        failed = builder.icmp_signed("!=", found, ir.Constant(I32, 0))
        with builder.if_then(failed):
            places = [
                builder.gep(self.table, [ir.Constant(I64, EXCEPTION + k)], source_etype=I64)
                for k in range(3)
            ]
            fetch = ir.FunctionType(ir.VoidType(), [POINTER] * 3)
            indirect_call(builder, self.word(monitor, 3, POINTER), fetch, places)
        indirect_call(builder, self.word(monitor, 4, POINTER), release, [held])
        builder.cbranch(failed, raised, step)
        builder.position_at_end(raised)
        builder.ret(ir.Constant(I32, INTERRUPTED))


def _zero() -> ir.Constant:
    return ir.Constant(I64, 0)
