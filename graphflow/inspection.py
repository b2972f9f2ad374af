"""Compiling without running: what would become of some fetches, stage by stage.

For views and tools. Placeholders need no values and variables no initial ones: sizes that the graph
leaves open are symbols, and where a size must be known after all, they are `ASSUMED_SIZE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graphflow import errors, observe
from graphflow.compiler import CompiledProgram, Options, compile_program
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Dim, SymDim, UndecidableDim
from graphflow.ir.types import TensorType
from graphflow.shown import Shown
from graphflow.trace.prune import needed_operations
from graphflow.trace.tracer import Feed, Split, Traced, trace

ASSUMED_SIZE = 8
STAGES = ("program", "rewritten", "groups", "kernels", "code", "plan")


@dataclass(eq=False)
class Compilation(Shown):
    """The products of one compilation, the seconds that each stage took, and the notes made.

    `measured` is what a profile says of the steps that ran, by step; empty without one.
    """

    products: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[tuple[Any, ...]] = field(default_factory=list)
    measured: dict[Any, Any] = field(default_factory=dict)


class FarEnough(Exception):
    """The stage that a `Collector` was to see last is there."""


class Collector:
    """Observes compilations: `compilations` has them in the order in which they began.

    Parameters
    ----------
    last : the stage after which a compilation is stopped by `FarEnough`; never when None.
    """

    def __init__(self, last: str | None = None) -> None:
        self.compilations: list[Compilation] = []
        self._last = last
        self._by_run: dict[Any, Compilation] = {}

    def listen(self, event: str, *details: Any) -> None:
        """Keep a note with the compilation that is under way."""
        if self.compilations:
            self.compilations[-1].notes.append((event, *details))

    def __call__(self, run: Any, stage: str, product: Any, seconds: float) -> None:
        """Keep one stage's product."""
        if run not in self._by_run:
            self._by_run[run] = Compilation()
            self.compilations.append(self._by_run[run])
        self._by_run[run].products[stage] = product
        self._by_run[run].seconds[stage] = seconds
        if stage == self._last:
            raise FarEnough


def compile_fetches(
    fetches: Iterable[Tensor | Operation],
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    options: Options | None = None,
) -> tuple[CompiledProgram, Compilation]:
    """Compile fetches of one graph as a run would.

    Parameters
    ----------
    fetches : tensors to compute and operations to run.
    shapes : shapes of placeholders, by their operations' names, in place of the graph's.
    options : of the compiler; one thread when None.

    Raises
    ------
    ValueError : a placeholder's rank is not known and no shape is given.
    errors.UnimplementedError : what is compiled depends on values that only a run has.
    """
    collector = Collector()
    compiled = _compile(list(fetches), shapes or {}, options or Options(), collector)
    return compiled, collector.compilations[-1]


def compile_until(fetches: Iterable[Tensor | Operation], stage: str) -> Compilation:
    """The products of a compilation as far as one of `STAGES`.

    Raises
    ------
    ValueError, errors.UnimplementedError : as for `compile_fetches`.
    """
    collector = Collector(stage)
    with suppress(FarEnough):
        _compile(list(fetches), {}, Options(), collector)
    return collector.compilations[-1]


def _compile(
    elements: list[Any],
    shapes: Mapping[str, tuple[int, ...]],
    options: Options,
    collector: Collector,
) -> CompiledProgram:
    """Trace and compile with symbols for open sizes if that can be, else with assumed sizes."""
    try:
        traced = _traced(elements, shapes, symbolic=True)
    except UndecidableDim:
        traced = _traced(elements, shapes, symbolic=False)
    with observe.observing(collector), observe.listening(collector.listen):
        try:
            return compile_program(traced.program, options)
        except UndecidableDim:
            traced = _traced(elements, shapes, symbolic=False)
            return compile_program(traced.program, options)


def _traced(
    elements: list[Any], shapes: Mapping[str, tuple[int, ...]], *, symbolic: bool
) -> Traced:
    tensors = [e for e in elements if isinstance(e, Tensor)]
    operations = [e for e in elements if not isinstance(e, Tensor)]
    needed = needed_operations([*operations, *(t.op for t in tensors)], ())
    feeds: dict[Tensor, Feed] = {}
    for op in sorted(needed, key=lambda op: op._id):
        if op.type == "Placeholder":
            shape = shapes.get(op.name) or _open_shape(op, len(feeds), symbolic)
            feeds[op.outputs[0]] = Feed(TensorType(op.outputs[0].dtype.base_dtype, shape))
    graph = elements[0].graph
    variables = {op.name: op for op in graph.get_operations() if op.type == "VariableV2"}

    def variable_type(name: str) -> Any:
        if name not in variables:
            return None
        shape = variables[name].outputs[0].shape.as_list()
        size = [ASSUMED_SIZE if d is None else d for d in shape]
        return variables[name].attrs["dtype"].as_numpy_dtype, tuple(size)

    try:
        return trace(tensors, operations, feeds, set(), variable_type, {})
    except Split as split:
        raise errors.UnimplementedError(
            None,
            split.operation,
            f"{split.operation.name} cuts the run: what follows is compiled when its values are "
            "known. Give a script that runs it",
        ) from None


def _open_shape(op: Operation, number: int, symbolic: bool) -> tuple[Dim, ...]:
    """A placeholder's shape with symbols, or assumed sizes, for what is open.

    Leading dimensions that are open share one symbol: they are the batch, as a rule.
    """
    shape = op.outputs[0].shape
    if shape.rank is None:
        raise ValueError(f"placeholder {op.name!r} has no rank: give its shape")
    dims: list[Dim] = []
    for axis, size in enumerate(shape.as_list()):
        if size is not None:
            dims.append(size)
        elif not symbolic:
            dims.append(ASSUMED_SIZE)
        else:
            name = "batch" if axis == 0 else f"n{number}_{axis}"
            dims.append(SymDim.symbol(name, 64))
    return tuple(dims)
