"""Profiles: how often each step of each compiled Program ran and how long it took.

While a `Profiler` is active, sessions run step by step. Times are those of the native steps alone;
what Python adds in between is part of the runs' times and of no step's.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphflow import observe
from graphflow.compiler import CompiledProgram
from graphflow.ir.dims import evaluate
from graphflow.ir.node import Node
from graphflow.runtime.chrome_trace import ChromeTrace
from graphflow.runtime.inspectors import Run, Watched, inspecting
from graphflow.runtime.records import Step
from graphflow.runtime.stepstats import Event
from graphflow.schedule.traffic import Traffic, memory_peak, task_traffic

EVENTS_KEPT = 200_000  # single spans of time, for traces; totals go on beyond
LANES = ("runs", "compilation", "rounds", "steps")  # of the spans
_PARTS = {"variable": "variables", "constant": "constants", "feed": "feeds", "output": "outputs"}


@dataclass(eq=False)
class StepTotal:
    """One step in all its runs.

    Attributes
    ----------
    name, kind : of the step; a plan's copies at the end, and those before a loop, are of kind copy.
    is_rounds : whether it is a loop: its calls are rounds, and its time that of the steps in them.
    operations, line : the user's operations that it computes; where the first of them was made.
    calls, nanoseconds : how often it ran, and how long that took in all.
    bytes, flops : estimates of what was moved and computed, in all.
    """

    name: str
    kind: str
    operations: tuple[str, ...]
    line: str
    calls: int = 0
    nanoseconds: int = 0
    bytes: int = 0
    flops: int = 0

    @property
    def is_rounds(self) -> bool:
        return self.kind == "control"


@dataclass(eq=False)
class Memory:
    """What a Program keeps in memory, in bytes.

    Attributes
    ----------
    parts : by what it is for: variables, constants, feeds, outputs, arena.
    step : the name of the step at which most of the arena is alive.
    alive : what is alive there, with its bytes, largest first.
    """

    parts: dict[str, int]
    step: str
    peak: int
    alive: list[tuple[str, int]]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.parts.values())


@dataclass(eq=False)
class ProgramProfile:
    """A compiled Program in all its runs.

    Attributes
    ----------
    title : what it computes: names of fetches, or of operations that run.
    memory : of its largest instance.
    """

    number: int
    title: str
    memory: Memory
    runs: int = 0
    nanoseconds: int = 0
    steps: dict[Any, StepTotal] = field(default_factory=dict)

    @property
    def in_steps(self) -> int:
        """The time of all steps together, in ns."""
        return sum(s.nanoseconds for s in self.steps.values() if not s.is_rounds)


@dataclass(frozen=True)
class Span:
    """Something that took time, for traces: when it began and how long it took, in ns."""

    lane: str
    name: str
    began: int
    length: int
    operations: tuple[str, ...] = ()


class Profiler:
    """Adds up the times of runs.

    Attributes
    ----------
    programs : in the order in which they were compiled.
    spans : the first of all times, one by one; `dropped` are no longer kept.
    stages : seconds of compilation by stage, tracing first.
    runs, run_nanoseconds : calls of sessions, and their time with all that is done in Python.
    """

    def __init__(self) -> None:
        self.programs: list[ProgramProfile] = []
        self.spans: list[Span] = []
        self.dropped = 0
        self.stages: dict[str, float] = {}
        self.runs = 0
        self.run_nanoseconds = 0
        self._by_program: dict[CompiledProgram, ProgramProfile] = {}

    # ---- what is told

    def wrap(self, watched: Watched, run: Run) -> Run:
        """Run the request step by step from now on, and add up."""
        profile = self._profile(watched)
        symbols = watched.symbols

        def profiled(*arrays: Any) -> list[Any]:
            results, events = watched.stepwise(*arrays)
            self.add(profile, events, symbols)
            return results

        return profiled

    def _profile(self, watched: Watched) -> ProgramProfile:
        compiled = watched.instance.compiled
        memory = memory_of(compiled, watched.symbols)
        found = self._by_program.get(compiled)
        if found is None:
            title = ", ".join(watched.names or watched.operations) or "nothing"
            found = ProgramProfile(len(self.programs) + 1, title, memory)
            self.programs.append(found)
            self._by_program[compiled] = found
        elif memory.total > found.memory.total:
            found.memory = memory
        return found

    def add(self, profile: ProgramProfile, events: list[Event], symbols: dict[str, int]) -> None:
        """Add the events of one run of a Program."""
        profile.runs += 1
        costs: dict[Any, Traffic] = {}
        starts: list[int] = []
        spent = [0]  # in steps, and the time in all those before
        for step, began, ended in events:
            is_copy = step.task is None or (step.task.kind == "control" and not step.is_round())
            key = (step.compiled, step.name) if is_copy else step.task
            total = profile.steps.get(key)
            if total is None:
                total = profile.steps[key] = _new_total(step, is_copy)
            if step.is_round():
                total.calls += 1
                total.nanoseconds += spent[-1] - spent[bisect_left(starts, began)]
                self._keep("rounds", total.name, began, ended, total.operations)
                continue
            starts.append(began)
            spent.append(spent[-1] + ended - began)
            total.nanoseconds += ended - began
            if step.is_first or is_copy:
                total.calls += 1
                if key not in costs:
                    costs[key] = _traffic(step, symbols)
                total.bytes += costs[key].bytes
                total.flops += costs[key].flops
            self._keep("steps", total.name, began, ended, total.operations)
        if events:
            profile.nanoseconds += events[-1][2] - events[0][1]

    def listen(self, event: str, *details: Any) -> None:
        """Take the times of sessions' runs and of tracing from the pipeline's notes."""
        if event in ("run", "trace"):
            began, ended = details
            self._keep("runs" if event == "run" else "compilation", event, began, ended)
            if event == "run":
                self.runs += 1
                self.run_nanoseconds += ended - began
            else:
                self._add_stage("trace", (ended - began) / 1e9)

    def observe(self, run: Any, stage: str, product: Any, seconds: float) -> None:
        """Take the times of the compiler's stages."""
        if stage != "program":  # what was traced is handed over: no work
            self._add_stage(stage, seconds)
            ended = time.perf_counter_ns()
            self._keep("compilation", stage, ended - int(seconds * 1e9), ended)

    def _add_stage(self, stage: str, seconds: float) -> None:
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    def _keep(
        self, lane: str, name: str, began: int, ended: int, operations: tuple[str, ...] = ()
    ) -> None:
        if len(self.spans) < EVENTS_KEPT:
            self.spans.append(Span(lane, name, began, ended - began, operations))
        else:
            self.dropped += 1

    # ---- what comes of it

    def trace(self) -> ChromeTrace:
        """The single times, as a trace of one process."""
        trace = ChromeTrace()
        trace.process(0, "graphflow")
        for number, name in enumerate(LANES):
            trace.lane(0, number, name)
        for span in self.spans:
            trace.span(
                span.name, span.lane, (0, LANES.index(span.lane)), span.began / 1000,
                span.length / 1000, {"operations": ", ".join(span.operations)},
            )  # fmt: skip
        return trace


@contextmanager
def profiling() -> Iterator[Profiler]:
    """Profile the runs of all sessions that are made inside."""
    profiler = Profiler()
    with (
        inspecting(profiler),
        observe.observing(profiler.observe),
        observe.listening(profiler.listen),
    ):
        yield profiler


def _new_total(step: Step, is_copy: bool) -> StepTotal:
    if step.task is None or is_copy:
        return StepTotal(step.name, "copy", (), "")
    operations, line = step.operations()
    return StepTotal(step.task.name, step.task.kind, operations, line)


def _traffic(step: Step, symbols: dict[str, int]) -> Traffic:
    """What a step, or a copy at the end of a plan, moves and computes."""
    if step.task is not None:
        return task_traffic(step.task, symbols)
    for target, source in step.compiled.memory.copies:
        if step.name == f"copy_{target.name or target.number}":
            return Traffic(2 * int(evaluate(source.type.nbytes, symbols)), 0)
    return Traffic(0, 0)


def memory_of(compiled: CompiledProgram, symbols: dict[str, int]) -> Memory:
    """What a compiled Program keeps in memory for these sizes, and what makes its peak."""
    parts = dict.fromkeys((*_PARTS.values(), "arena"), 0)
    for slot in compiled.memory.slots:
        if slot.home() is slot and slot.kind in _PARTS:
            parts[_PARTS[slot.kind]] += int(evaluate(slot.type.nbytes, symbols))
    peak = memory_peak(compiled.memory, symbols)
    inside = [memory_of(r, symbols) for regions in compiled.regions.values() for r in regions]
    parts["arena"] = peak.bytes + sum(m.parts["arena"] + m.parts["outputs"] for m in inside)
    tasks = compiled.tasks
    step = tasks[peak.position].name if peak.position < len(tasks) else "the copies at the end"
    names = [(_slot_name(slot.node, compiled), nbytes) for slot, nbytes in peak.slots]
    return Memory(parts, step if peak.bytes else "", peak.bytes, names)


def _slot_name(node: Node | None, compiled: CompiledProgram) -> str:
    if node is None:
        return "workspace"
    names = compiled.program.sources.names.get(node, ())
    return f"{names[0] if names else node.op} {node.type}"
