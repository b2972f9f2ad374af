"""What a hook is: code that a `MonitoredSession` calls around each of its runs."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow.runtime.protos import RunMetadata, RunOptions


class SessionRunArgs(NamedTuple):
    """What is to be run: fetches, values to feed, and the run's options."""

    fetches: Any
    feed_dict: Any = None
    options: RunOptions | None = None


class SessionRunValues(NamedTuple):
    """What a run gave for a hook's fetches, with the run's options and metadata."""

    results: Any
    options: RunOptions | None = None
    run_metadata: RunMetadata | None = None


class SessionRunContext:
    """What a hook knows about the run it is called for, and its way to end the loop."""

    def __init__(self, original_args: SessionRunArgs, session: Any) -> None:
        self._original_args, self._session = original_args, session
        self._stop_requested = False

    @property
    def original_args(self) -> SessionRunArgs:
        """What the caller asked `run` for."""
        return self._original_args

    @property
    def session(self) -> Any:
        """The session; what runs in it calls no hooks."""
        return self._session

    @property
    def stop_requested(self) -> bool:
        """Whether a hook asked to stop."""
        return self._stop_requested

    def request_stop(self) -> None:
        """Let the session's `should_stop` be true after this run."""
        self._stop_requested = True


class SessionRunHook:
    """Base of hooks; each method does nothing."""

    def begin(self) -> None:
        """Called once, before the session is made; the graph may still grow."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Called when a session was made, also after a failure; the graph is final.

        Parameters
        ----------
        session : the new session, its variables initialised or restored.
        coord : the Coordinator of its threads.
        """

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Called before each run; what it returns is run along with what the caller wants."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Called after each run that did not fail."""

    def end(self, session: Any) -> None:
        """Called when the session is about to close after a loop without failure."""
