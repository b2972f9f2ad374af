"""Random small Programs: what the compiled code must compute as the interpreter does."""

from __future__ import annotations

import numpy as np

from graphflow.graph import dtypes
from graphflow.ir.builder import Builder
from graphflow.ir.dims import SymDim, UndecidableDim, product, typical
from graphflow.ir.node import Node, Program, Update
from graphflow.ir.types import TensorType

UNARY = ("neg", "abs", "tanh", "exp", "sigmoid", "sin", "sqrt_abs", "square", "sign", "floor")
BINARY = ("add", "sub", "mul", "max", "min", "safe_div")
EXTENTS = (1, 2, 3, 5, 8, 9, 16, 17)


class ProgramMaker:
    """Grows a Program by random steps from a seed."""

    least_inputs, least_rank = 1, 0

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.b = Builder()
        self.inputs: list[Node] = []
        self.pool: list[Node] = []

    def pick(self, options):
        return options[int(self.random.integers(len(options)))]

    def extent(self):
        return int(self.pick(EXTENTS))

    def make(self, steps: int) -> Program:
        for number in range(int(self.random.integers(self.least_inputs, 4))):
            rank = int(self.random.integers(self.least_rank, 4))
            shape = tuple(self.extent() for _ in range(rank))
            source = "variable" if number == 0 else "feed"
            node = self.b.input(f"in{number}", source, TensorType(dtypes.float32, shape))
            self.inputs.append(node)
            self.pool.append(node)
        for _ in range(steps):
            made = self.step()
            if made is not None and typical(made.type.size) <= 20_000:
                self.pool.append(made)
        count = int(self.random.integers(1, 4))
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
            self.pick(BINARY[:5]), self.pick(self.pool), float(self.random.normal())
        )

    def compare(self):
        x = self.pick(self.pool)
        return self.b.select(self.b.gt(x, 0.1), x, self.b.mul(x, 0.5))

    def reduce(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        count = int(self.random.integers(1, x.rank + 1))
        axes = self.random.choice(x.rank, count, replace=False).tolist()
        kind = self.pick(("sum", "max", "min", "sum"))
        return self.b.reduce(kind, x, axes, bool(self.random.integers(2)))

    def softmax(self):
        x, b = self.pick(self.pool), self.b
        if x.rank == 0:
            return None
        axis = [int(self.random.integers(x.rank))]
        e = b.exp(b.sub(x, b.reduce("max", x, axis, True)))
        return b.div(e, b.reduce("sum", e, axis, True))

    def transpose(self):
        x = self.pick(self.pool)
        return self.b.transpose(x, self.random.permutation(x.rank).tolist())

    def reshape(self):
        x = self.pick(self.pool)
        size = x.type.size
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
            count = int(self.random.integers(1, max(dim // abs(step), 1) + 1))
            span = (count - 1) * abs(step)
            low = int(self.random.integers(0, dim - span))
            start.append(low if step > 0 else low + span)
            size.append(count)
            stride.append(step)
        return self.b.slice(x, start, size, stride)

    def pad(self):
        x = self.pick(self.pool)
        low = self.random.integers(0, 3, x.rank).tolist()
        high = self.random.integers(0, 3, x.rank).tolist()
        interior = [int(self.pick((0, 0, 1))) for _ in range(x.rank)]
        return self.b.pad(x, low, high, float(self.pick((0.0, 1.5))), interior)

    def concat(self):
        x = self.pick(self.pool)
        same = [n for n in self.pool if n.shape == x.shape]
        if x.rank == 0:
            return None
        parts = [self.pick(same) for _ in range(int(self.random.integers(2, 4)))]
        return self.b.concat(parts, int(self.random.integers(x.rank)))

    def matmul(self):
        x = self.pick(self.pool)
        if x.rank < 2:
            return None
        flags = bool(self.random.integers(2)), bool(self.random.integers(2))
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
        padding = [tuple(int(p) for p in self.random.integers(0, 3, 2))]
        return x, ([int(self.pick((1, 1, 2)))], padding, [int(self.pick((1, 1, 2)))])

    def conv(self):
        drawn = self.images()
        if drawn is None:
            return None
        x, layout = drawn
        shape = (int(self.pick((1, 2, 3))), x.shape[2], int(self.pick((3, 8))))
        if not isinstance(shape[1], int):
            return None
        kernel = self.b.const(self.random.standard_normal(shape).astype(np.float32))
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

    def index(self, extent, count):
        return self.b.const(self.random.integers(0, extent, (count,)).astype(np.int32))

    def gather(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        axis = int(self.random.integers(x.rank))
        index = self.index(x.shape[axis], 4)
        return self.b.gather(x, index, axis)

    def scatter(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        index = self.index(x.shape[0], 3)
        rows = self.b.gather(self.b.mul(x, 0.25), index)
        return self.b.scatter(self.pick(("add", "max", "set")), x, index, rows)

    def argmax(self):
        x = self.pick(self.pool)
        if x.rank == 0:
            return None
        name = self.pick(("argmax", "argmin"))
        place = self.b.make(name, x, axis=int(self.random.integers(x.rank)), dtype=dtypes.int32)
        return self.b.mul(self.b.cast(place, dtypes.float32), 0.1)


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
        cut = int(self.random.integers(1, x.rank))
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
    "gather", "scatter", "argmax", "conv", "conv_filter", "interleave",
)  # fmt: skip
