"""Inspectors: whoever wants to see the runs of sessions, each with all that is known of it.

A session takes the inspectors that are active when it is made. They are put around each compiled
request, and every run then goes through Python; without inspectors nothing is slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from graphflow.ir.interpreter import Visit, run_program
from graphflow.ir.node import Program
from graphflow.ir.prims.effects import NotOnTape, Tape
from graphflow.runtime.executable import Instance
from graphflow.runtime.stepstats import Event
from graphflow.runtime.variables import VariableStore

if TYPE_CHECKING:  # the session loads the engine, and with it this module, when one is made
    from graphflow.runtime.session import BaseSession

Run = Callable[..., list[Any]]


@dataclass(frozen=True, eq=False)
class Watched:
    """A request compiled for one signature, as inspectors see it.

    Attributes
    ----------
    program : as traced, before rewriting.
    names, operations : of the fetched tensors, in the order of the results; what else runs.
    store : the session's variables.
    symbols : values of the sizes that are symbols.
    instance : the compiled Program in its memory.
    stepwise : runs it step by step; gives the results and when each step began and ended.
    """

    program: Program
    names: tuple[str, ...]
    operations: tuple[str, ...]
    store: VariableStore
    symbols: dict[str, int]
    instance: Instance
    stepwise: Callable[..., tuple[list[Any], list[Event]]]

    def inputs(self, arrays: Sequence[Any]) -> list[Any]:
        """The values of the Program's inputs: the feeds given, and the variables as they are."""
        feeds = iter(arrays)
        return [
            next(feeds) if i["source"] == "feed" else self.store.get(i["name"])
            for i in self.program.inputs
        ]

    def interpreted(
        self, inputs: Sequence[Any], tape: Tape, visit: Visit | None = None
    ) -> tuple[list[Any], dict[str, Any]] | None:
        """Compute a run once more by the interpreter: results, and variables' new values.

        Functions with effects, a data set's next element for one, are not called again: what they
        gave is on the tape of the run. None where that was computed by other calls.
        """
        try:
            with tape.replaying():
                return run_program(self.program, inputs, self.symbols, visit)
        except NotOnTape:
            return None


class Inspector(Protocol):
    """Sees the runs of sessions."""

    def wrap(self, watched: Watched, run: Run) -> Run:
        """Return what is called in place of `run`; it takes the Program's feeds in order."""


AnyInspector = TypeVar("AnyInspector", bound=Inspector)

_active: list[Inspector] = []


def active_inspectors() -> tuple[Inspector, ...]:
    """Return the inspectors that sessions made now report to."""
    return tuple(_active)


@contextmanager
def inspecting(inspector: AnyInspector) -> Iterator[AnyInspector]:
    """Let the inspector see the runs of all sessions that are made inside."""
    _active.append(inspector)
    try:
        yield inspector
    finally:
        _active.remove(inspector)


def inspect_session(session: BaseSession, inspector: Inspector) -> None:
    """Let the inspector see the runs of a session from now on."""
    engine = session._engine
    if inspector not in engine.inspectors:
        engine.inspectors += (inspector,)
        engine.plans.clear()
        session._forget_callables()
