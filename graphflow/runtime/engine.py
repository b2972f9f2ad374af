"""The engine behind a session: from what is asked for to a callable, with every cache in between.

A *request* is the tensors and operations of a run with its fed tensors. For each request the engine
keeps one compiled instance per signature (types and shapes of the feeds, and values where shapes
depend on them); instances for several sizes share code (`runtime.shapes`). Where tracing must stop
for data, the run is cut: the first part runs as a request of its own, and the rest is traced with
its results fed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow import errors, observe
from graphflow.codegen.runner import DEADLINE
from graphflow.compiler import CompiledProgram, Options, compile_program
from graphflow.graph.arrays import as_array
from graphflow.graph.dtypes import DType, as_dtype, float32, resource, uint64
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import Shape, UndecidableDim, is_static
from graphflow.ir.types import TensorType
from graphflow.runtime.context import running
from graphflow.runtime.executable import Instance, is_object, with_after
from graphflow.runtime.fetches import FetchPlan
from graphflow.runtime.host_loops import run_loop
from graphflow.runtime.inspectors import Watched, active_inspectors
from graphflow.runtime.interrupts import check_deadline
from graphflow.runtime.prepared import Prepared
from graphflow.runtime.protos import RunMetadata
from graphflow.runtime.requests import Cut, Division, Request, divided, is_made_again
from graphflow.runtime.shapes import (
    CONCRETE_KEPT,
    SHARED_KEPT,
    General,
    Pattern,
    Sizes,
    SizesSeen,
)
from graphflow.runtime.stepstats import fill_metadata
from graphflow.runtime.variables import VariableStore
from graphflow.trace.arrays import WITHOUT_ELEMENTS
from graphflow.trace.tracer import Feed, Split, Traced, trace

if TYPE_CHECKING:  # loaded where there is a GPU
    from graphflow.runtime.gpu.runtime import GpuRuntime
    from graphflow.runtime.placement_log import PlacementLog

Array = np.ndarray[Any, Any]
SIZES_IN_A_VALUE = 8  # elements of a feed whose values may be symbols
VALUE_LIMIT = 1024  # elements; a larger value that decides a shape is an error of the program


@dataclass(eq=False)
class Plan:
    """What is known of one request.

    Attributes
    ----------
    statics : fed tensors whose values tracing reads, as those that decide shapes.
    prepared : its instances by signature, the latest used last.
    seen : the sizes of its feeds, by their ranks and by the values that decide shapes.
    is_concrete : whether it cannot be compiled with symbolic dimensions.
    has_fixed_values : whether `statics` cannot be compiled as symbols.
    splits : where it is cut, by the values of the predicates among `statics`: what lies in a branch
        that is not taken cannot be asked for.
    """

    statics: set[Tensor] = field(default_factory=set)
    seen: dict[Any, SizesSeen] = field(default_factory=dict)
    is_concrete: bool = False
    has_fixed_values: bool = False
    prepared: dict[Any, Prepared] = field(default_factory=dict)
    latest: Prepared | None = None
    splits: dict[Any, Split | Division] = field(default_factory=dict)


class _Limits(threading.local):
    """When the current thread's run must end, by the monotonic clock in ns; 0 for never."""

    deadline = 0


class Engine:
    """Compiles and runs requests over one set of variables."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.store = VariableStore()
        self.plans: dict[Request, Plan] = {}
        self.lock = threading.RLock()
        self.limits = _Limits()
        self.inspectors = active_inspectors()
        self.listener: Callable[[CompiledProgram], None] | None = None
        self.gpu: GpuRuntime | None = None
        self.placement_log: PlacementLog | None = None

    @contextmanager
    def limited(self, milliseconds: int) -> Iterator[None]:
        """Runs of this thread inside the block end after that time, unless it is 0."""
        before = self.limits.deadline, running.deadline
        if milliseconds > 0:
            self.limits.deadline = time.monotonic_ns() + milliseconds * 1_000_000
            running.deadline = self.limits.deadline
        try:
            yield
        finally:
            self.limits.deadline, running.deadline = before

    @contextmanager
    def deadline_of(self, instance: Instance) -> Iterator[None]:
        """Let native runs of the instance inside the block end at this thread's deadline."""
        deadline = self.limits.deadline
        if not deadline:
            yield
            return
        check_deadline(deadline)
        instance.table[DEADLINE] = deadline
        try:
            yield
        finally:
            instance.table[DEADLINE] = 0

    def run(
        self, request: Request, values: Sequence[Array], metadata: RunMetadata | None = None
    ) -> list[Any]:
        """Run a request; returns the values of its tensors.

        `metadata`, where given, gets the step statistics too, after those that it has.

        Raises
        ------
        errors.OpError : the run failed. Variables are as they were before the part that failed.
        """
        running.store = self.store
        for _ in range(len(request.tensors) + len(request.operations) + 1000):
            with self.lock:
                plan = self.plans.setdefault(request, Plan())
            case = _case(request, plan, values)
            if case in plan.splits:
                cut = plan.splits[case]
                if isinstance(cut, Split):
                    request, values = self.count_first(request, values, cut)
                else:
                    request, values = self.run_first_part(request, values, cut, metadata)
                continue
            try:
                prepared = self.prepare(request, plan, values)
            except Split as split:
                fresh = [t for t in split.tensors if t in request.fed and t not in plan.statics]
                if fresh:
                    plan.statics.update(fresh)
                else:
                    plan.splits[case] = split if split.is_count else divided(request, Cut.at(split))
                continue
            arguments = [values[k] for k in prepared.arguments]
            try:
                with self.deadline_of(prepared.instance):
                    if metadata is not None:
                        self.leave_gpu()
                        results, events = prepared.stepwise(*arguments)
                        fill_metadata(metadata, events, prepared.instance)
                    else:
                        results = prepared.run(*arguments)
                for place, array in prepared.arrays.items():
                    results[place] = array
                return results
            except errors.SpeculationError:
                request = replace(request, is_exact=True)
        raise errors.InternalError(None, None, "a run was cut without end")

    # ---- preparing

    def signature(self, request: Request, plan: Plan, values: Sequence[Array]) -> Any:
        parts: list[Any] = [a.shape for a in values]
        for tensor, array in zip(request.fed, values, strict=True):
            if tensor in plan.statics:
                if array.size > VALUE_LIMIT and not _is_text(tensor, array):
                    raise errors.InvalidArgumentError(
                        None,
                        tensor.op,
                        f"{tensor.name} decides a shape and has {array.size} values",
                    )
                parts.append(_content(array))
        return tuple(parts)

    def prepare(self, request: Request, plan: Plan, values: Sequence[Array]) -> Prepared:
        """The request compiled for these values' signature, from the cache if it still holds."""
        key = self.signature(request, plan, values)
        with self.lock:
            known = plan.prepared.pop(key, None)
            if known is None or not self.still_holds(known):
                known = self.compile(request, plan, values)
                known.fed = [(a.dtype, a.shape) for a in values]
                _drop_oldest(plan.prepared, known.is_shared)
            plan.prepared[key] = plan.latest = known
            return known

    def still_holds(self, prepared: Prepared) -> bool:
        """Whether what was assumed about the variables is so: which have values, and where."""
        if prepared.layout == self.store.layout:
            return True
        for name, initialized in prepared.assumed.items():
            if self.store.is_initialized(name) != initialized:
                return False
        if not prepared.instance.variables_unchanged():
            return False
        prepared.layout = self.store.layout
        return True

    def traced(
        self, request: Request, plan: Plan, values: Sequence[Array], pattern: Pattern
    ) -> Traced:
        """The request's Program for feeds of these sizes, which may be symbols."""
        feeds = {}
        for tensor, array, dims in zip(request.fed, values, pattern, strict=True):
            shape: Shape = array.shape if tensor in plan.statics else dims
            known = array if tensor in plan.statics else None
            if known is not None and not is_static(dims):
                known = np.array(dims, dtype=object).reshape(array.shape)
            feeds[tensor] = Feed(TensorType(_type_of(tensor, array), shape), known)
        with observe.timed("trace"):
            return trace(
                request.tensors,
                request.operations,
                feeds,
                set(request.done),
                self.store.type_of,
                dict(request.givens),
                dict(request.arrays),
                not request.is_exact,
                request.is_part,
            )

    def compile(self, request: Request, plan: Plan, values: Sequence[Array]) -> Prepared:
        """Compile for the sizes given, or for several at once where they have been others before.

        Where that cannot be decided, the request is compiled for each of its sizes from then on.
        """
        sizes, seen = self.sizes_seen(request, plan, values)
        fitting = seen.fitting(sizes, self.store)
        pattern = None if plan.is_concrete or fitting else seen.generalized(sizes)
        refused = False
        if pattern is not None:
            try:
                traced = self.traced(request, plan, values, pattern)
                seen.add(General(pattern, traced, self.compiled(traced)))
                fitting = seen.fitting(sizes, self.store)
            except (UndecidableDim, Split, TypeError, errors.OpError):
                # TypeError: something computes with plain integers. That the request refuses
                # symbols is known once its sizes themselves are found to be no error.
                refused = True
        if fitting is not None:
            general, symbols = fitting
            prepared = self.bind(request, general.traced, general.compiled, symbols)
            prepared.is_shared = True
        else:
            traced = self.traced(request, plan, values, sizes)
            prepared = self.bind(request, traced, self.compiled(traced), {})
        if refused and pattern is not None:
            rows = zip(request.fed, values, pattern, strict=True)
            of_values = any(t in plan.statics and not is_static(dims) for t, _, dims in rows)
            plan.has_fixed_values |= of_values
            plan.is_concrete |= not of_values
        seen.note(sizes, concrete=fitting is None)
        return prepared

    def sizes_seen(
        self, request: Request, plan: Plan, values: Sequence[Array]
    ) -> tuple[Sizes, SizesSeen]:
        """A run's sizes, and the record of the sizes of all runs with feeds of the same ranks."""
        sizes: list[tuple[int, ...]] = []
        key: list[Any] = [plan.has_fixed_values]
        for tensor, array in zip(request.fed, values, strict=True):
            may_vary = tensor.dtype.is_integer and not plan.has_fixed_values
            if tensor not in plan.statics:
                sizes.append(array.shape)
                key.append(array.ndim)
            elif may_vary and array.size <= SIZES_IN_A_VALUE:
                sizes.append(tuple(array.ravel().tolist()))
                key.append(array.shape)
            else:
                sizes.append(())
                key.append((array.shape, _content(array)))
        return tuple(sizes), plan.seen.setdefault(tuple(key), SizesSeen())

    def compiled(self, traced: Traced) -> CompiledProgram:
        """Compile what was traced, and give its random operations their first states."""
        compiled = compile_program(traced.program, self.options)
        for name, value in traced.hidden.items():
            self.store.set(name, value, uint64)
        if self.listener is not None:
            self.listener(compiled)
        return compiled

    def bind(
        self, request: Request, traced: Traced, compiled: CompiledProgram,
        symbols: Mapping[str, int],
    ) -> Prepared:  # fmt: skip
        """Bind compiled code to the session's variables, for the given sizes."""
        uses_gpu = self.gpu is not None and not self.inspectors
        instance = Instance(compiled, self.store, symbols, is_sparse=uses_gpu)
        initializes = [
            name for name, _ in compiled.memory.updated if not self.store.is_initialized(name)
        ]
        places = {t: k for k, t in enumerate(request.fed)}
        prepared = Prepared(
            [places[t] for t in traced.feeds], instance, traced.assumed, _nothing, initializes,
            self.store.layout,
            arrays={k: a.sized(symbols) for k, a in traced.arrays.items()},
        )  # fmt: skip

        def after() -> None:
            instance.commit()
            self.store.mark_initialized(initializes)
            prepared.layout = self.store.layout

        prepared.after = after
        objects = any(is_object(u.value) for u in compiled.program.updates)
        needs_commit = bool(initializes or instance.pending or objects)
        if self.gpu is not None and not self.inspectors:
            asked = [*(t.graph for t in request.tensors), *(o.graph for o in request.operations)]
            graph = asked[0] if asked else None
            prepared.run = self.gpu.callable(instance, graph)
            prepared.on_gpu = True
            if self.placement_log is not None:
                self.placement_log.tell(request, prepared.run)
            prepared.run = with_after(prepared.run, after if needs_commit else None)
        else:
            self.leave_gpu()
            if self.placement_log is not None:
                self.placement_log.tell(request, None)
            prepared.run = instance.callable(
                instance.feeds(), list(range(len(request.tensors))), "list", None,
                after if needs_commit else None,
            )  # fmt: skip
        watched = Watched(
            traced.program, tuple(t.name for t in request.tensors),
            tuple(op.name for op in request.operations), self.store, dict(symbols), instance,
            prepared.stepwise,
        )  # fmt: skip
        for inspector in self.inspectors:
            prepared.run = inspector.wrap(watched, prepared.run)
        return prepared

    def leave_gpu(self) -> None:
        """Bring the variables to the host, for a run that is looked at step by step there."""
        if self.gpu is not None:
            self.gpu.surrender()

    def direct(
        self, request: Request, fetch_plan: FetchPlan, fallback: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """The newest compilation of a request as a callable of its feeds, native where it can be.

        None when the request cannot be called directly: it is cut in parts, depends on values, has
        just initialised variables, or is inspected.
        """
        known = self.plans.get(request)
        if self.inspectors or known is None or known.latest is None:
            return None
        if known.splits or known.statics:
            return None
        prepared, instance = known.latest, known.latest.instance
        if prepared.initializes or prepared.arrays or prepared.layout != self.store.layout:
            return None
        is_plain = len(instance.segments) == 1 and not instance.has_objects
        is_plain = is_plain and not any(dtype.hasobject for dtype, _ in prepared.fed)
        if prepared.on_gpu or not is_plain or fetch_plan.form is None:
            return prepared.bound_in_python(request.fed, fetch_plan, fallback)
        return prepared.bound(fetch_plan, fallback)

    # ---- runs that are cut

    def run_first_part(
        self, request: Request, values: Sequence[Array], division: Division,
        metadata: RunMetadata | None,
    ) -> tuple[Request, list[Array]]:  # fmt: skip
        """Run what comes before the operation at which tracing stopped; returns the rest.

        Everything that the rest reads of the first part is fed to it, so that nothing runs twice.
        """
        cut, ask = division.cut, division.first.tensors
        results = dict(zip(ask, self.run(division.first, values, metadata), strict=True))
        results.update(zip(request.fed, values, strict=True))
        more = {t: _result(results[t]) for t in ask if not is_made_again(t.op)}
        more.update(self.run_cut(cut, results, request.givens, metadata))
        arrays = tuple((t, a) for t, a in more.items() if isinstance(a, WITHOUT_ELEMENTS))
        plain = {t: a for t, a in more.items() if not isinstance(a, WITHOUT_ELEMENTS)}
        joined = {**dict(zip(request.fed, values, strict=True)), **plain}
        following = replace(
            request, fed=tuple(joined), done=division.done, arrays=(*request.arrays, *arrays)
        )
        with self.lock:
            plan = self.plans.setdefault(following, Plan())
        if not cut.operations:
            plan.statics.update(cut.inputs)
        return following, list(joined.values())

    def run_cut(
        self, cut: Cut, results: dict[Tensor, Any], givens: Any, metadata: RunMetadata | None
    ) -> dict[Tensor, Any]:
        """Run what Python must run between the parts; the values that it gives."""
        if cut.loop is not None:
            values = {t: as_array(results[t]) for t in cut.inputs}
            done = frozenset(cut.loop.own_operations())

            def run(tensors: Any, operations: Any, fed: Any, arrays: Any) -> list[Any]:
                pairs = list(zip(fed, arrays, strict=True))
                plain = {t: a for t, a in pairs if isinstance(a, np.ndarray)}
                request = Request(
                    tuple(tensors), tuple(operations), tuple(plain), done, givens,
                    tuple((t, a) for t, a in pairs if t not in plain), is_part=True,
                )  # fmt: skip
                return [_result(a) for a in self.run(request, list(plain.values()), metadata)]

            return run_loop(cut.loop, values, run)
        if cut.function is None:
            return {}
        (operation,) = cut.operations
        outputs = cut.function(*[as_array(results[t]) for t in cut.inputs])
        pairs = zip(operation.outputs, outputs, strict=True)
        return {t: as_array(v) for t, v in pairs}

    def count_first(
        self, request: Request, values: Sequence[Array], split: Split
    ) -> tuple[Request, list[Array]]:
        """Find out how many rounds a loop has; nothing else of that run is kept."""
        part = replace(request, tensors=split.tensors, operations=())
        states = self.store.generator_states()
        counts = [as_array(c) for c in self.run(part, values)]
        self.store.restore_generators(states)
        fed = (*request.fed, *split.tensors)
        following = replace(request, fed=fed)
        with self.lock:
            plan = self.plans.setdefault(following, Plan())
        plan.statics.update(split.tensors)
        return following, [*values, *counts]


def _result(value: Any) -> Any:
    """A result of a part of a run: an array, or what stands for an array without elements."""
    return value if isinstance(value, WITHOUT_ELEMENTS) else as_array(value)


def _case(request: Request, plan: Plan, values: Sequence[Array]) -> tuple[Any, ...]:
    """The values of the predicates that decide what a request needs."""
    if not plan.statics:
        return ()
    pairs = zip(request.fed, values, strict=True)
    chosen = [(t, a) for t, a in pairs if a.dtype == np.bool_ and t in plan.statics]
    return tuple((t.name, _content(a)) for t, a in chosen)


def _is_text(tensor: Tensor, array: Array) -> bool:
    return tensor.dtype.kind == "string" or _type_of(tensor, array).kind == "string"


def _type_of(tensor: Tensor, array: Array) -> DType:
    """A fed tensor's type; what an array of tensors, or a handle, is in a run may differ."""
    dtype = tensor.dtype.base_dtype
    if dtype is resource or (dtype is float32 and array.dtype != np.float32):
        return as_dtype(array.dtype)
    return dtype


def _content(array: Array) -> Any:
    return tuple(array.ravel().tolist()) if array.dtype == object else array.tobytes()


def _drop_oldest(prepared: dict[Any, Prepared], is_shared: bool) -> None:
    """Make room for one more instance of its kind."""
    kept = SHARED_KEPT if is_shared else CONCRETE_KEPT
    same = [key for key, known in prepared.items() if known.is_shared == is_shared]
    for key in same[: max(len(same) + 1 - kept, 0)]:
        del prepared[key]


def _nothing(*arrays: Array) -> list[Any]:
    raise AssertionError("a request is run before it is prepared")
