"""Loops for hand-written kernels: SSA form with the phi nodes kept out of sight.

llvmlite's builder has `if_then` and `if_else` but no loops. The loops here are context managers, so
that the indentation of an emitter is the loop nest of the kernel, and they carry values (such as a
tile of accumulators) from one iteration to the next without going through memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

POINTER = ir.PointerType()
INDEX = ir.IntType(64)


def constant(value: int) -> ir.Constant:
    """Return an i64 constant."""
    return ir.Constant(INDEX, value)


def as_index(value: Any) -> Any:
    """Return `value` as an i64: Python integers become constants, IR values pass."""
    return constant(value) if isinstance(value, int) else value


def stack_memory(builder: ir.IRBuilder, typ: Any, count: Any = None, align: int = 0) -> Any:
    """Reserve stack memory in the current block; returns an untyped pointer."""
    memory = builder.alloca(typ, count)
    if align:
        memory.align = align
    # llvmlite still gives it a typed pointer, into which nothing else may be stored.
    memory.type = POINTER
    return memory


class CountedLoop:
    """The state of a `counted_loop` while its body is emitted, and its results after it.

    Attributes
    ----------
    index : the loop variable.
    values : the carried values; inside the body those at the start of an iteration, after the loop
        the final ones. The body assigns what the next iteration starts with.
    """

    def __init__(self, index: Any, values: list[Any]) -> None:
        self.index = index
        self.values = values


@contextmanager
def counted_loop(
    builder: ir.IRBuilder,
    begin: Any,
    end: Any,
    step: Any = 1,
    carried: Sequence[Any] = (),
    name: str = "loop",
) -> Iterator[CountedLoop]:
    """Emit ``for index in range(begin, end, step)`` for a positive step.

    Parameters
    ----------
    begin, end, step : i64 values or Python integers.
    carried : initial values of what is carried around the loop; see `CountedLoop.values`.
    """
    entry = builder.block
    header = builder.append_basic_block(name)
    body = builder.append_basic_block(name + ".body")
    leave = builder.append_basic_block(name + ".end")
    builder.branch(header)

    builder.position_at_end(header)
    index = builder.phi(INDEX, name + ".i")
    index.add_incoming(as_index(begin), entry)
    phis = []
    for value in carried:
        phi = builder.phi(value.type)
        phi.add_incoming(value, entry)
        phis.append(phi)
    builder.cbranch(builder.icmp_signed("<", index, as_index(end)), body, leave)

    builder.position_at_end(body)
    loop = CountedLoop(index, list(phis))
    yield loop
    following = builder.add(index, as_index(step), flags=("nsw",))
    index.add_incoming(following, builder.block)
    for phi, value in zip(phis, loop.values, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(header)

    builder.position_at_end(leave)
    loop.values = list(phis)


@contextmanager
def forever(builder: ir.IRBuilder, name: str = "forever") -> Iterator[ir.Block]:
    """Emit an endless loop; yields the block after it, to which the body branches to leave."""
    head = builder.append_basic_block(name)
    leave = builder.append_basic_block(name + ".end")
    builder.branch(head)
    builder.position_at_end(head)
    yield leave
    builder.branch(head)
    builder.position_at_end(leave)


def leave_if(builder: ir.IRBuilder, condition: Any, destination: ir.Block) -> None:
    """Branch to `destination` when `condition` holds, and go on in a new block when not."""
    following = builder.append_basic_block()
    builder.cbranch(condition, destination, following)
    builder.position_at_end(following)


def minimum(builder: ir.IRBuilder, left: Any, right: Any) -> Any:
    """Return the smaller of two signed i64 values (or Python integers)."""
    left, right = as_index(left), as_index(right)
    return builder.select(builder.icmp_signed("<", left, right), left, right)


def maximum(builder: ir.IRBuilder, left: Any, right: Any) -> Any:
    """Return the larger of two signed i64 values (or Python integers)."""
    left, right = as_index(left), as_index(right)
    return builder.select(builder.icmp_signed(">", left, right), left, right)


def ceil_div(builder: ir.IRBuilder, value: Any, size: int) -> Any:
    """Return the quotient of a nonnegative i64, rounded up."""
    return builder.sdiv(builder.add(value, constant(size - 1)), constant(size))


class _Callee:
    """A pointer with the function type that llvmlite asks its callees for."""

    def __init__(self, address: Any, function_type: ir.FunctionType) -> None:
        self.type = address.type
        self.function_type = function_type
        self.get_reference = address.get_reference


def indirect_call(
    builder: ir.IRBuilder, address: Any, function_type: ir.FunctionType, arguments: Sequence[Any]
) -> Any:
    """Call the function of type `function_type` at the pointer `address`."""
    return builder.call(_Callee(address, function_type), arguments)
