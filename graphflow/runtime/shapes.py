"""Which sizes of the feeds vary from run to run, and the compilations that serve them all.

The first sizes of a request are compiled as they are. When a feed comes again with the same rank
and other sizes (the last, smaller batch of an epoch), the dimensions that differ become symbols:
one compilation then serves every later size, and only memory is laid out anew. Dimensions that
were equal in all runs seen share a symbol, so that x and its labels have one batch. A size of 0 or
1 is compiled as it is: it decides what broadcasts.

A feed whose value decides shapes (a placeholder for the batch size) counts with its values in place
of its sizes. The *sizes* of a run are a tuple of integers for each feed.
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

Sizes = tuple[tuple[int, ...], ...]
Pattern = tuple[tuple[Dim, ...], ...]

RUNS_REMEMBERED = 16  # different sizes; enough to tell dimensions apart that are equal by accident
GENERAL_KEPT = 4  # compilations with symbols of one request: each covers more than the one before
# Tables and arenas of one request: for sizes that share code, and those that took a compilation.
SHARED_KEPT = 16
CONCRETE_KEPT = 256


@dataclass(eq=False)
class General:
    """A request compiled with symbolic dimensions.

    Attributes
    ----------
    pattern : the sizes of each feed of the request; those that vary are symbols.
    types : the shapes of the variables that the Program reads.
    """

    pattern: Pattern
    traced: Traced
    compiled: CompiledProgram
    types: dict[str, Shape] = field(default_factory=dict)
    derived: frozenset[SymDim] = frozenset()

    def __post_init__(self) -> None:
        program = self.traced.program
        variables = [i for i in program.inputs if i["source"] == "variable"]
        self.types = {v["name"]: v.shape for v in variables}
        self.derived = frozenset(_symbolic_dims(program))

    def covers(self, sizes: Sizes) -> dict[str, int] | None:
        """The symbols' values for feeds of these sizes, or None when they are others."""
        symbols: dict[str, int] = {}
        for dims, own in zip(self.pattern, sizes, strict=True):
            for dim, size in zip(dims, own, strict=True):
                if isinstance(dim, SymDim):
                    (name,) = dim.symbols()
                    if symbols.setdefault(name, size) != size:
                        return None
                elif dim != size:
                    return None
        return symbols

    def symbols_for(self, sizes: Sizes) -> dict[str, int] | None:
        """The symbols' values for these feeds, or None when the code does not serve them.

        All that was decided holds for sizes of 2 and more, of intermediate results too.
        """
        symbols = self.covers(sizes)
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
    runs : the different sizes of the feeds, oldest first.
    concrete : those that were compiled as they are.
    general : compilations with symbols, newest first.
    """

    runs: list[Sizes] = field(default_factory=list)
    concrete: set[Sizes] = field(default_factory=set)
    general: list[General] = field(default_factory=list)

    def note(self, sizes: Sizes, *, concrete: bool) -> None:
        """Remember a run that was compiled."""
        if concrete:
            self.concrete.add(sizes)
        if sizes not in self.runs:
            self.runs = [*self.runs, sizes][-RUNS_REMEMBERED:]

    def add(self, general: General) -> None:
        """Keep a compilation with symbols."""
        self.general = [general, *self.general][:GENERAL_KEPT]

    def fitting(
        self, sizes: Sizes, store: VariableStore
    ) -> tuple[General, Mapping[str, int]] | None:
        """A compilation with symbols that serves these sizes, and the symbols' values.

        None for sizes that have been compiled as they are.
        """
        self.general = [g for g in self.general if g.still_holds(store)]
        if sizes in self.concrete:
            return None
        for general in self.general:
            symbols = general.symbols_for(sizes)
            if symbols is not None:
                return general, symbols
        return None

    def generalized(self, sizes: Sizes) -> Pattern | None:
        """The sizes with symbols for what varies; None when they are to be compiled as they are.

        A symbol's typical size is the largest seen, as that is where time goes.
        """
        if sizes in self.concrete or any(g.covers(sizes) for g in self.general):
            return None
        runs = [_flat(run) for run in self.runs if _differ_by_symbols(run, sizes)]
        if not runs:
            return None
        histories = list(zip(*runs, _flat(sizes), strict=True))
        symbols: dict[tuple[int, ...], SymDim] = {}
        for history in histories:
            if len(set(history)) > 1 and history not in symbols:
                symbols[history] = SymDim.symbol(f"n{len(symbols)}", max(history))
        dims = iter([symbols.get(history, history[-1]) for history in histories])
        return tuple(tuple(next(dims) for _ in own) for own in sizes)


def _symbolic_dims(program: Program) -> Iterator[SymDim]:
    """The symbolic dimensions of all values, those in loops and branches included."""
    for node in program.nodes():
        yield from (d for d in node.shape if isinstance(d, SymDim))
        for region in regions(node):
            yield from _symbolic_dims(region)


def _flat(sizes: Sizes) -> tuple[int, ...]:
    return tuple(size for own in sizes for size in own)


def _differ_by_symbols(run: Sizes, sizes: Sizes) -> bool:
    """Whether no size is 0 or 1 where the two runs differ."""
    pairs = zip(_flat(run), _flat(sizes), strict=True)
    return all(a == b or min(a, b) >= 2 for a, b in pairs)
