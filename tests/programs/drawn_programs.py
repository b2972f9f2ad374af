"""Small Programs that Hypothesis draws: compiled code must compute what the interpreter does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.dims import SymDim, UndecidableDim, product, typical
from graphflow.ir.node import Node, Program, Update
from graphflow.ir.types import TensorType

UNARY = ("neg", "abs", "tanh", "exp", "sigmoid", "sin", "sqrt_abs", "square", "sign", "floor")
BINARY = ("add", "sub", "mul", "max", "min", "safe_div")
EXTENTS = (3, 1, 2, 5, 8, 9, 16, 17, 0)
INTEGERS = ("add", "sub", "mul", "floordiv", "truncmod", "max", "xor", "shr")


class ProgramMaker:
    """Grows a Program step by step, as `draw` decides."""

    least_inputs, least_rank = 1, 0

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.draw = draw
        self.b = Builder()
        self.inputs: list[Node] = []
        self.pool: list[Node] = []

    def pick(self, options):
        return self.draw(st.sampled_from(list(options)))

    def integer(self, low, high):
        """An integer from `low` to just below `high`."""
        return self.draw(st.integers(low, high - 1))

    def order(self, count):
        return self.draw(st.permutations(range(count)))

    def extent(self):
        return int(self.pick(EXTENTS))

    def make(self, steps: int) -> Program:
        for number in range(self.integer(self.least_inputs, 4)):
            rank = self.integer(self.least_rank, 4)
            shape = tuple(self.extent() for _ in range(rank))
            source = "variable" if number == 0 else "feed"
            node = self.b.input(f"in{number}", source, TensorType(dtypes.float32, shape))
            self.inputs.append(node)
            self.pool.append(node)
        for _ in range(steps):
            made = self.step()
            if made is not None and typical(made.type.size) <= 20_000:
                self.pool.append(made)
        count = self.integer(1, 4)
        outputs = tuple(self.pick(self.pool[-6:]) for _ in range(count))
        updates = []
        variable = self.inputs[0]
        same = [n for n in self.pool if n.shape == variable.shape and n is not variable]
        if same:
            updates.append(Update("in0", self.pick(same)))
        return Program(tuple(self.inputs), outputs, tuple(updates))

    def step(self):
        return getattr(self, self.pick(STEPS))()

    def unary(self):
        x, name = self.pick(self.pool), self.pick(UNARY)
        b = self.b
        if name == "sqrt_abs":
            return b.pointwise("sqrt", b.pointwise("abs", x))
        if name == "square":
            return b.square(x)
        if name == "exp":
            return b.pointwise("exp", b.pointwise("min", x, 3.0))
        return b.pointwise(name, x)

    def binary(self):
        x, y, name = self.pick(self.pool), self.pick(self.pool), self.pick(BINARY)
        try:
            if name == "safe_div":
                return self.b.div(x, self.b.add(self.b.abs(y), 1.0))
            return self.b.pointwise(name, x, y)
        except ValueError:
            return None

    def scalar(self):
        return self.b.pointwise(
            self.pick(BINARY[:5]), self.pick(self.pool), self.pick((0.25, -1.5, -0.5, 1.0, 2.0))
        )

    def compare(self):
        x = self.pick(self.pool)
        return self.b.select(self.b.gt(x, 0.1), x, self.b.mul(x, 0.5))

    def reduce(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        count = self.integer(1, x.rank + 1)
        axes = self.order(x.rank)[:count]
        kind = self.pick(("sum", "max", "min", "sum"))
        return self.b.reduce(kind, x, axes, self.pick((False, True)))

    def softmax(self):
        x, b = self.pick(self.pool), self.b
        if x.rank == 0:
            return None
        axis = [self.integer(0, x.rank)]
        e = b.exp(b.sub(x, b.reduce("max", x, axis, True)))
        return b.div(e, b.reduce("sum", e, axis, True))

    def transpose(self):
        x = self.pick(self.pool)
        return self.b.transpose(x, self.order(x.rank))

    def reshape(self):
        x = self.pick(self.pool)
        size = x.type.size
        if size == 0:
            return self.b.reshape(x, (0, self.integer(0, 4)))
        divisors = [d for d in range(1, size + 1) if size % d == 0][:12]
        first = int(self.pick(divisors))
        return self.b.reshape(x, (first, size // first))

    def broadcast(self):
        x = self.pick(self.pool)
        return self.b.broadcast_to(x, (int(self.pick((2, 3, 9))), *x.shape)) if x.rank < 3 else None

    def slice(self):
        x = self.pick(self.pool)
        start, size, stride = [], [], []
        for dim in x.shape:
            step = int(self.pick((1, 1, 2, -1)))
            count = self.integer(min(dim, 1), max(dim // abs(step), min(dim, 1)) + 1)
            if count == 0:
                start, size, stride = [*start, 0], [*size, 0], [*stride, 1]
                continue
            span = (count - 1) * abs(step)
            low = self.integer(0, dim - span)
            start.append(low if step > 0 else low + span)
            size.append(count)
            stride.append(step)
        return self.b.slice(x, start, size, stride)

    def pad(self):
        x = self.pick(self.pool)
        low = [self.integer(0, 3) for _ in range(x.rank)]
        high = [self.integer(0, 3) for _ in range(x.rank)]
        interior = [int(self.pick((0, 0, 1))) for _ in range(x.rank)]
        return self.b.pad(x, low, high, float(self.pick((0.0, 1.5))), interior)

    def concat(self):
        x = self.pick(self.pool)
        same = [n for n in self.pool if n.shape == x.shape]
        if x.rank == 0:
            return None
        parts = [self.pick(same) for _ in range(self.integer(2, 4))]
        return self.b.concat(parts, self.integer(0, x.rank))

    def matmul(self):
        x = self.pick(self.pool)
        if x.rank < 2:
            return None
        flags = self.pick((False, True)), self.pick((False, True))
        y = self.b.transpose(x, (*range(x.rank - 2), x.rank - 1, x.rank - 2))
        other = x if flags[0] != flags[1] else y
        product = self.b.matmul(x, other, *flags)
        return self.b.mul(self.b.tanh(self.damped(product)), 0.5)

    def images(self):
        """A value as sequences with channels, and how to lay windows over them."""
        x = self.pick(self.pool)
        if x.rank < 2:
            return None
        x = self.b.expand_dims(x, 0) if x.rank == 2 else x
        if x.rank != 3 or not isinstance(x.shape[1], int):
            return None
        padding = [(self.integer(0, 3), self.integer(0, 3))]
        return x, ([int(self.pick((1, 1, 2)))], padding, [int(self.pick((1, 1, 2)))])

    def conv(self):
        drawn = self.images()
        if drawn is None:
            return None
        x, layout = drawn
        shape = (int(self.pick((1, 2, 3))), x.shape[2], int(self.pick((3, 8))))
        if not isinstance(shape[1], int):
            return None
        kernel = self.b.const(self.values(shape))
        made = self.b.conv(x, kernel, *layout)
        return self.b.tanh(self.b.mul(made, 0.1)) if 0 not in made.shape else None

    def conv_filter(self):
        drawn = self.images()
        if drawn is None or not isinstance(drawn[0].shape[2], int):
            return None
        x, layout = drawn
        kernel = self.b.full((2, x.shape[2], 5), 0.01, dtypes.float32)
        out = self.b.conv(x, kernel, *layout)
        if 0 in out.shape:
            return None
        made = self.b.conv_filter(x, self.b.mul(out, 0.01), [2], *layout)
        return self.b.tanh(self.b.mul(made, 0.1))

    def interleave(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        same = self.pick([n for n in self.pool if n.shape == x.shape])
        ones = (1,) * (x.rank - 1)
        places = [((first, *(0,) * (x.rank - 1)), (2, *ones)) for first in (1, 0)]
        return self.b.interleave([x, same], (x.shape[0] * 2, *x.shape[1:]), places)

    def damped(self, x):
        return x

    def values(self, shape):
        return np.random.default_rng(self.integer(0, 99)).standard_normal(shape).astype(np.float32)

    def index(self, extent, count):
        return self.b.const(np.array([self.integer(0, extent) for _ in range(count)], np.int32))

    def gather(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        axis = self.integer(0, x.rank)
        if x.shape[axis] == 0:
            return None
        vectors = [n for n in self.pool if n.rank == 1]
        if vectors and self.pick((False, True)):
            index = self.b.cast(self.b.mul(self.pick(vectors), 3.0), dtypes.int32)
        else:
            index = self.index(x.shape[axis], 4)
        return self.b.gather(x, index, axis)

    def scatter(self):
        x = self.pick(self.pool)
        if x.rank == 0 or x.shape[0] == 0:
            return None
        index = self.index(x.shape[0], 3)
        rows = self.b.gather(self.b.mul(x, 0.25), index)
        return self.b.scatter(self.pick(("add", "max", "set")), x, index, rows)

    def argmax(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        name, axis = self.pick(("argmax", "argmin")), self.integer(0, x.rank)
        if x.shape[axis] == 0:
            return None
        place = self.b.make(name, x, axis=axis, dtype=dtypes.int32)
        return self.b.mul(self.b.cast(place, dtypes.float32), 0.1)

    def scan(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        axis = self.integer(0, x.rank)
        x = self.b.mul(x, 0.5)
        made = self.b.make("scan", x, mode="add", axis=axis, reverse=self.pick((False, True)))
        return self.b.tanh(self.damped(made))

    def integers(self):
        """A step in another type, and back."""
        x, name = self.pick(self.pool), self.pick(INTEGERS)
        dtype = self.pick((dtypes.int32, dtypes.int64, dtypes.int8, dtypes.uint8, dtypes.uint32))
        low = 0.0 if dtype.is_unsigned else -50.0
        whole = self.b.pointwise("min", self.b.pointwise("max", self.b.mul(x, 4.0), low), 50.0)
        y = self.b.cast(whole, dtype)
        made = self.b.pointwise(name, y, self.b.const(dtype.as_numpy_dtype(3)))
        return self.b.mul(self.b.cast(made, dtypes.float32), 0.125)


class SymbolicMaker(ProgramMaker):
    """Makes Programs in which some extents are symbols; a variable's are not."""

    least_inputs, least_rank = 3, 1
    symbols = (SymDim.symbol("n", 12), SymDim.symbol("m", 5))

    def extent(self):
        if not self.inputs:
            return super().extent()
        return self.pick((*self.symbols, self.symbols[0], super().extent()))

    def step(self):
        try:
            return super().step()
        except UndecidableDim:
            return None

    def reshape(self):
        x = self.pick(self.pool)
        if x.rank < 2:
            return self.b.reshape(x, (1, x.type.size))
        cut = self.integer(1, x.rank)
        return self.b.reshape(x, (product(x.shape[:cut]), product(x.shape[cut:])))

    def slice(self):
        x = self.pick(self.pool)
        start, size, stride = [], [], []
        for dim in x.shape:
            off, step = int(self.pick((0, 0, 1))), int(self.pick((1, 1, -1)))
            off = off if dim >= 2 else 0
            start.append(off if step > 0 else dim - 1)
            size.append(dim - off)
            stride.append(step)
        return self.b.slice(x, start, size, stride)

    def damped(self, x):
        """Long sums would all be one or minus one, and argmax a matter of the last bit."""
        return self.b.mul(x, 0.02)

    def index(self, extent, count):
        return super().index(extent if isinstance(extent, int) else 2, count)


STEPS = (
    "unary", "unary", "unary", "binary", "binary", "binary", "scalar", "compare", "reduce",
    "reduce", "softmax", "transpose", "reshape", "broadcast", "slice", "pad", "concat", "matmul",
    "gather", "scatter", "argmax", "conv", "conv_filter", "interleave", "scan", "integers",
)  # fmt: skip


@st.composite
def programs(draw, maker=ProgramMaker, most_steps=20):
    """A Program of up to `most_steps` steps."""
    return maker(draw).make(draw(st.integers(1, most_steps)))
