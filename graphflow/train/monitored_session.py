"""Sessions that call hooks: `MonitoredSession`, `MonitoredTrainingSession`, and their creators."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphflow import errors
from graphflow.data.coordinator import Coordinator, start_queue_runners
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_collection, get_default_graph
from graphflow.train.saving_hooks import CheckpointSaverHook, StepCounterHook, SummarySaverHook
from graphflow.train.scaffold import Scaffold
from graphflow.train.session_layers import (
    CoordinatedSession,
    HookedSession,
    RecoverableSession,
    StepContext,
)
from graphflow.train.session_manager import SessionManager
from graphflow.train.session_run_hook import SessionRunHook

USE_DEFAULT: Any = object()


class SessionCreator(abc.ABC):
    """Makes sessions."""

    @abc.abstractmethod
    def create_session(self) -> Any:
        """A new session."""


class _ScaffoldedCreator(SessionCreator):
    """Makes sessions by a SessionManager with the pieces of a Scaffold."""

    def __init__(self, scaffold: Scaffold | None, master: str, config: Any) -> None:
        self._scaffold = scaffold or Scaffold()
        self._master, self._config = master, config
        self._manager: SessionManager | None = None

    def _prepared(self) -> SessionManager:
        self._scaffold.finalize()
        if self._manager is None:
            self._manager = SessionManager(
                local_init_op=self._scaffold.local_init_op, ready_op=self._scaffold.ready_op,
                ready_for_local_init_op=self._scaffold.ready_for_local_init_op,
                graph=get_default_graph(),
            )  # fmt: skip
        return self._manager


class ChiefSessionCreator(_ScaffoldedCreator):
    """Makes sessions whose variables are restored or initialised.

    Parameters
    ----------
    scaffold : the operations to use; a new Scaffold when None.
    master, config : the target and the configuration of the sessions.
    checkpoint_dir, checkpoint_filename_with_path : what to restore, if there is one.
    """

    def __init__(
        self, scaffold: Scaffold | None = None, master: str = "", config: Any = None,
        checkpoint_dir: str | None = None, checkpoint_filename_with_path: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scaffold, master, config)
        self._checkpoint_dir, self._path = checkpoint_dir, checkpoint_filename_with_path

    def create_session(self) -> Any:
        """A session that is ready."""
        scaffold = self._scaffold
        return self._prepared().prepare_session(
            self._master, saver=scaffold.saver, checkpoint_dir=self._checkpoint_dir,
            checkpoint_filename_with_path=self._path, config=self._config,
            init_op=scaffold.init_op, init_feed_dict=scaffold.init_feed_dict,
            init_fn=scaffold.init_fn,
        )  # fmt: skip


class WorkerSessionCreator(_ScaffoldedCreator):
    """Makes sessions once somebody else has made the model ready."""

    def __init__(
        self, scaffold: Scaffold | None = None, master: str = "", config: Any = None,
        max_wait_secs: float = 30 * 60,
    ) -> None:  # fmt: skip
        super().__init__(scaffold, master, config)
        self._max_wait_secs = max_wait_secs

    def create_session(self) -> Any:
        """A session that is ready."""
        return self._prepared().wait_for_session(
            self._master, config=self._config, max_wait_secs=self._max_wait_secs
        )


class _CoordinatedCreator(SessionCreator):
    """Makes sessions with hooks, a coordinator, and running queue runners."""

    def __init__(
        self, creator: SessionCreator, hooks: Sequence[SessionRunHook], grace: float
    ) -> None:
        self._creator, self._hooks, self._grace = creator, hooks, grace
        self.coord: Coordinator | None = None
        self.tf_sess: Any = None

    def create_session(self) -> Any:
        """A session with its layers."""
        self.tf_sess = self._creator.create_session()
        self.coord = Coordinator(clean_stop_exception_types=[])
        if get_collection(GraphKeys.QUEUE_RUNNERS):
            start_queue_runners(sess=self.tf_sess, coord=self.coord)
        for hook in self._hooks:
            hook.after_create_session(self.tf_sess, self.coord)
        return CoordinatedSession(
            HookedSession(self.tf_sess, self._hooks), self.coord, self._grace
        )  # fmt: skip


class _MonitoredSession:
    """What `MonitoredSession` and `SingularMonitoredSession` share."""

    StepContext = StepContext

    def __init__(
        self, session_creator: SessionCreator | None, hooks: Iterable[SessionRunHook] | None,
        should_recover: bool, stop_grace_period_secs: float = 120,
    ) -> None:  # fmt: skip
        self._graph_was_finalized = get_default_graph().finalized
        self._hooks = list(hooks or ())
        for hook in self._hooks:
            hook.begin()
        self._creator = _CoordinatedCreator(
            session_creator or ChiefSessionCreator(), self._hooks, stop_grace_period_secs
        )
        self._sess: Any = None
        self._sess = (
            RecoverableSession(self._creator) if should_recover else self._creator.create_session()
        )

    @property
    def graph(self) -> Any:
        """The session's graph; None when it is closed."""
        session = self._tf_sess()
        return None if session is None else session.graph

    def _tf_sess(self) -> Any:
        return self._creator.tf_sess

    def _is_closed(self) -> bool:
        return self._creator.tf_sess is None

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Run as `Session.run` does, and call the hooks."""
        if self._sess is None:
            raise RuntimeError("Session is already closed.")
        return self._sess.run(
            fetches, feed_dict=feed_dict, options=options, run_metadata=run_metadata
        )

    def run_step_fn(self, step_fn: Callable[..., Any]) -> Any:
        """Call a function with a `StepContext`; returns what it returns.

        Raises
        ------
        StopIteration : the function asked to stop.
        ValueError : its argument is not named ``step_context``.
        """
        names = tuple(inspect.signature(step_fn).parameters)
        if names not in (("step_context",), ("self", "step_context")):
            raise ValueError(
                "`step_fn` may either have one `step_context` argument, or `self` and "
                f"`step_context` arguments if it's an instance method. Got {names} instead."
            )
        return self._sess.run_step_fn(step_fn, self._tf_sess(), run_with_hooks=None)

    def should_stop(self) -> bool:
        """Whether a hook or a thread asked to stop, or the session is closed."""
        return self._sess is None or self._sess.should_stop()

    def close(self) -> None:
        """End the hooks, stop the threads and close the session."""
        self._close()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        if kind in (errors.OutOfRangeError, StopIteration):
            kind = None  # the end of the input is the end of the loop
        self._close(failed=kind is not None)
        return kind is None

    def _close(self, failed: bool = False) -> None:
        try:
            if not failed:
                for hook in self._hooks:
                    hook.end(self._creator.tf_sess)
        finally:
            try:
                if self._sess is None:
                    raise RuntimeError("Session is already closed.")
                self._sess.close()
            finally:
                self._sess = self._creator.tf_sess = self._creator.coord = None
                if not self._graph_was_finalized:
                    get_default_graph()._unsafe_unfinalize()


class MonitoredSession(_MonitoredSession):
    """A session that calls hooks, ends with the input, and is made anew when it is lost.

    Parameters
    ----------
    session_creator : makes the session; a ChiefSessionCreator when None.
    hooks : SessionRunHooks.
    stop_grace_period_secs : how long threads have to stop.
    """

    def __init__(
        self, session_creator: SessionCreator | None = None,
        hooks: Iterable[SessionRunHook] | None = None, stop_grace_period_secs: float = 120,
    ) -> None:  # fmt: skip
        super().__init__(session_creator, hooks, True, stop_grace_period_secs)


class SingularMonitoredSession(_MonitoredSession):
    """A session that calls hooks, and is not made anew when it is lost."""

    def __init__(
        self, hooks: Iterable[SessionRunHook] | None = None, scaffold: Scaffold | None = None,
        master: str = "", config: Any = None, checkpoint_dir: str | None = None,
        stop_grace_period_secs: float = 120, checkpoint_filename_with_path: str | None = None,
    ) -> None:  # fmt: skip
        creator = ChiefSessionCreator(
            scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path
        )
        super().__init__(creator, hooks, False, stop_grace_period_secs)

    def raw_session(self) -> Any:
        """The session inside."""
        return self._tf_sess()


def _steps_and_seconds(steps: Any, seconds: Any, defaults: tuple[Any, Any]) -> tuple[Any, Any]:
    """How often: what is given, else the default; nothing for what is left out beside the other."""
    if steps is USE_DEFAULT and seconds is USE_DEFAULT:
        return defaults
    return None if steps is USE_DEFAULT else steps, None if seconds is USE_DEFAULT else seconds


def MonitoredTrainingSession(  # a function with a class's name, as in TensorFlow
    master: str = "", is_chief: bool = True, checkpoint_dir: str | None = None,
    scaffold: Scaffold | None = None, hooks: Iterable[SessionRunHook] | None = None,
    chief_only_hooks: Iterable[SessionRunHook] | None = None,
    save_checkpoint_secs: float | None = USE_DEFAULT,
    save_summaries_steps: int | None = USE_DEFAULT,
    save_summaries_secs: float | None = USE_DEFAULT, config: Any = None,
    stop_grace_period_secs: float = 120, log_step_count_steps: int | None = 100,
    max_wait_secs: float = 7200, save_checkpoint_steps: int | None = USE_DEFAULT,
    summary_dir: str | None = None,
) -> MonitoredSession:  # fmt: skip
    """A `MonitoredSession` for training, which restores, saves checkpoints and writes summaries.

    Parameters
    ----------
    master, config : the target and the configuration of the session.
    is_chief : initialise and save; otherwise wait for the one that does.
    checkpoint_dir : where checkpoints are restored from and saved.
    scaffold : the operations to use.
    hooks, chief_only_hooks : further hooks, and those for the chief.
    save_checkpoint_secs, save_checkpoint_steps : how often to save, 600 seconds by default.
    save_summaries_steps, save_summaries_secs : how often to write, 100 steps by default.
    log_step_count_steps : how often to log the steps per second.
    max_wait_secs : how long a worker waits for the chief.
    summary_dir : where summaries go; `checkpoint_dir` when None.
    """
    scaffold = scaffold or Scaffold()
    hooks = list(hooks or ())
    if not is_chief:
        worker = WorkerSessionCreator(scaffold, master, config, max_wait_secs)
        return MonitoredSession(worker, hooks, stop_grace_period_secs)
    summary_steps, summary_secs = _steps_and_seconds(
        save_summaries_steps, save_summaries_secs, (100, None)
    )
    checkpoint_steps, checkpoint_secs = _steps_and_seconds(
        save_checkpoint_steps, save_checkpoint_secs, (None, 600)
    )
    made: list[SessionRunHook] = list(chief_only_hooks or ())
    folder = summary_dir or checkpoint_dir
    if folder and (log_step_count_steps or 0) > 0:
        made.append(StepCounterHook(output_dir=folder, every_n_steps=log_step_count_steps))
    if folder and ((summary_steps or 0) > 0 or (summary_secs or 0) > 0):
        made.append(SummarySaverHook(summary_steps, summary_secs, folder, scaffold=scaffold))
    if checkpoint_dir and ((checkpoint_secs or 0) > 0 or (checkpoint_steps or 0) > 0):
        made.append(
            CheckpointSaverHook(
                checkpoint_dir, checkpoint_secs, checkpoint_steps, scaffold=scaffold
            )
        )
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    return MonitoredSession(creator, [*made, *hooks], stop_grace_period_secs)
