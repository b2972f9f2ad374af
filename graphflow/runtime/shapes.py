"""Which sizes of the feeds vary from run to run, and the compilations that serve them all.

The first sizes of a request are compiled as they are. When a feed comes again with the same rank
and other sizes (the last, smaller batch of an epoch), the dimensions that differ become symbols:
one compilation then serves every later size, and only memory is laid out anew. Dimensions that
were equal in all runs seen share a symbol, so that x and its labels have one batch. A size of 0 or
1 is compiled as it is: it decides what broadcasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphflow.compiler import CompiledProgram
from graphflow.ir.dims import Dim, Shape, SymDim, evaluate
from graphflow.ir.node import Program
from graphflow.ir.prims.control import regions
from graphflow.runtime.variables import VariableStore
from graphflow.trace.tracer import Traced

Sizes = tuple[int, ...]
ConcreteShapes = tuple[tuple[int, ...], ...]

RUNS_REMEMBERED = 16  # different sizes; enough to tell dimensions apart that are equal by accident
GENERAL_KEPT = 4  # compilations with symbols of one request: each covers more than the one before
INSTANCES_KEPT = 16  # tables and arenas of one request for sizes that share code


@dataclass(eq=False)
class General:
    """A request compiled with symbolic dimensions.

    Attributes
    ----------
    shapes : one for each feed of the request; a symbolic dimension is a symbol.
    types : the shapes of the variables that the Program reads.
    """

    shapes: tuple[Shape, ...]
    traced: Traced
    compiled: CompiledProgram
    types: dict[str, Shape] = field(default_factory=dict)
    derived: frozenset[SymDim] = frozenset()

    def __post_init__(self) -> None:
        program = self.traced.program
        variables = [i for i in program.inputs if i["source"] == "variable"]
        self.types = {v["name"]: v.shape for v in variables}
        self.derived = frozenset(_symbolic_dims(program))

    def covers(self, shapes: ConcreteShapes) -> dict[str, int] | None:
        """The symbols' values for feeds of these shapes, or None when they are others."""
        symbols: dict[str, int] = {}
        for pattern, shape in zip(self.shapes, shapes, strict=True):
            for dim, size in zip(pattern, shape, strict=True):
                if isinstance(dim, SymDim):
                    (name,) = dim.symbols()
                    if symbols.setdefault(name, size) != size:
                        return None
                elif dim != size:
                    return None
        return symbols

    def symbols_for(self, shapes: ConcreteShapes) -> dict[str, int] | None:
        """The symbols' values for these feeds, or None when the code does not serve them.

        All that was decided holds for sizes of 2 and more, of intermediate results too.
        """
        symbols = self.covers(shapes)
        if symbols is None or any(size < 2 for size in symbols.values()):
            return None
        return symbols if all(evaluate(d, symbols) >= 2 for d in self.derived) else None

    def still_holds(self, store: VariableStore) -> bool:
        """Whether the variables have values, and of the shapes, with which it was traced."""
        for name, initialized in self.traced.assumed.items():
            if store.is_initialized(name) != initialized:
                return False
        known = {name: store.type_of(name) for name in self.types}
        return all(t is not None and t[1] == self.types[name] for name, t in known.items())


@dataclass(eq=False)
class SizesSeen:
    """The sizes that a request was run with, for feeds of certain ranks.

    Attributes
    ----------
    fixed : for each feed whether its sizes stay numbers, as its value decides a shape.
    runs : the different sizes of all other feeds, oldest first.
    concrete : those that were compiled as they are.
    general : compilations with symbols, newest first.
    """

    fixed: tuple[bool, ...]
    runs: list[Sizes] = field(default_factory=list)
    concrete: set[Sizes] = field(default_factory=set)
    general: list[General] = field(default_factory=list)

    def sizes(self, shapes: ConcreteShapes) -> Sizes:
        """All sizes that may vary, feed after feed."""
        parts = (s for s, fixed in zip(shapes, self.fixed, strict=True) if not fixed)
        return tuple(size for shape in parts for size in shape)

    def note(self, shapes: ConcreteShapes, *, concrete: bool) -> None:
        """Remember a run that was compiled."""
        sizes = self.sizes(shapes)
        if concrete:
            self.concrete.add(sizes)
        if sizes not in self.runs:
            self.runs = [*self.runs, sizes][-RUNS_REMEMBERED:]

    def add(self, general: General) -> None:
        """Keep a compilation with symbols."""
        self.general = [general, *self.general][:GENERAL_KEPT]

    def fitting(
        self, shapes: ConcreteShapes, store: VariableStore
    ) -> tuple[General, Mapping[str, int]] | None:
        """A compilation with symbols that serves these shapes, and the symbols' values.

        None for sizes that have been compiled as they are.
        """
        self.general = [g for g in self.general if g.still_holds(store)]
        if self.sizes(shapes) in self.concrete:
            return None
        for general in self.general:
            symbols = general.symbols_for(shapes)
            if symbols is not None:
                return general, symbols
        return None

    def generalized(self, shapes: ConcreteShapes) -> tuple[Shape, ...] | None:
        """The shapes with symbols for what varies; None when they are to be compiled as they are.

        A symbol's typical size is the largest seen, as that is where time goes.
        """
        sizes = self.sizes(shapes)
        if sizes in self.concrete or any(g.covers(shapes) for g in self.general):
            return None
        runs = [run for run in self.runs if _differ_by_symbols(run, sizes)]
        if not runs:
            return None
        histories = list(zip(*runs, sizes, strict=True))
        symbols: dict[Sizes, SymDim] = {}
        for history in histories:
            if len(set(history)) > 1 and history not in symbols:
                symbols[history] = SymDim.symbol(f"n{len(symbols)}", max(history))
        dims = iter([symbols.get(history, history[-1]) for history in histories])
        return tuple(
            shape if fixed else _take(dims, len(shape))
            for shape, fixed in zip(shapes, self.fixed, strict=True)
        )


def _symbolic_dims(program: Program) -> Iterator[SymDim]:
    """The symbolic dimensions of all values, those in loops and branches included."""
    for node in program.nodes():
        yield from (d for d in node.shape if isinstance(d, SymDim))
        for region in regions(node):
            yield from _symbolic_dims(region)


def _take(dims: Iterator[Dim], count: int) -> Shape:
    return tuple(next(dims) for _ in range(count))


def _differ_by_symbols(run: Sizes, sizes: Sizes) -> bool:
    """Whether no size is 0 or 1 where the two runs differ."""
    return all(a == b or min(a, b) >= 2 for a, b in zip(run, sizes, strict=True))
