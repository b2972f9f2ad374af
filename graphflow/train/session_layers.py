"""The layers that a monitored session puts around a session.

From the inside: hooks are called around each run, failures reach the coordinator of the threads,
and a session that was lost is made anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow import errors, logging
from graphflow.graph import nest
from graphflow.runtime.protos import RunMetadata, RunOptions
from graphflow.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)

LOST = (errors.AbortedError, errors.UnavailableError)
_LOST_TEXT = (
    "An error was raised. This may be due to a preemption in a connected worker or parameter "
    "server. The current session will be closed and a new session will be created. Error: %s"
)


class StepContext:
    """What a function given to `run_step_fn` gets: the session, with and without hooks."""

    def __init__(self, session: Any, run_with_hooks_fn: Callable[..., Any]) -> None:
        self._session, self._run_with_hooks = session, run_with_hooks_fn

    @property
    def session(self) -> Any:
        """The session; what runs in it calls no hooks."""
        return self._session

    def run_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """Run as `MonitoredSession.run` does."""
        return self._run_with_hooks(*args, **kwargs)

    def request_stop(self) -> None:
        """End the loop; raises StopIteration."""
        raise StopIteration("step_fn has requested the iterations to stop.")


class WrappedSession:
    """A layer that does nothing of its own."""

    def __init__(self, session: Any) -> None:
        self._sess = session

    @property
    def graph(self) -> Any:
        """The session's graph."""
        return self._sess.graph

    @property
    def sess_str(self) -> str:
        """The session's target."""
        return str(self._sess.sess_str)

    def should_stop(self) -> bool:
        """Whether a layer wants to stop, or the session is closed."""
        if self.check_stop() or self._sess is None:
            return True
        return isinstance(self._sess, WrappedSession) and self._sess.should_stop()

    def check_stop(self) -> bool:
        """Whether this layer wants to stop."""
        return False

    def close(self) -> None:
        """Close the session; a lost one counts as closed."""
        if self._sess is None:
            return
        try:
            self._sess.close()
        except LOST as error:
            logging.warning(
                "An error occurred when attempting to close the session. This may be due to a "
                "preemption in a connected worker or parameter server. Error: %s", error,
            )  # fmt: skip
        finally:
            self._sess = None

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run."""
        return self._sess.run(*args, **kwargs)

    def run_step_fn(self, step_fn: Any, raw_session: Any, run_with_hooks: Any) -> Any:
        """Call a function with a StepContext."""
        return step_fn(StepContext(raw_session, run_with_hooks or self.run))


class HookedSession(WrappedSession):
    """Calls hooks before and after each run."""

    def __init__(self, session: Any, hooks: Sequence[SessionRunHook]) -> None:
        super().__init__(session)
        self._hooks, self._stop = hooks, False

    def check_stop(self) -> bool:
        """Whether a hook asked to stop."""
        return self._stop

    def run(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None,
        options: RunOptions | None = None, run_metadata: RunMetadata | None = None,
    ) -> Any:  # fmt: skip
        """Run what the caller and the hooks want, in one run.

        Raises
        ------
        RuntimeError : a stop was asked for; a tensor is fed twice.
        """
        if self.should_stop():
            raise RuntimeError("Run called even after should_stop requested.")
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict), self._sess)
        merged = RunOptions()
        if options is not None:
            merged.CopyFrom(options)
        wanted: list[Any] = [fetches]
        owners: list[SessionRunHook] = []
        feeds: dict[Any, Any] = {}
        for hook in self._hooks:
            request = hook.before_run(context)
            if request is None:
                continue
            if request.fetches is not None:
                owners.append(hook)
                wanted.append(request.fetches)
            if request.feed_dict:
                _check_disjoint(feeds, request.feed_dict, "Same tensor is fed by two hooks.")
                feeds.update(request.feed_dict)
            if request.options is not None:
                _merge_options(merged, request.options)
        if feeds and feed_dict:
            _check_disjoint(
                feed_dict, feeds, "Same tensor is fed by a SessionRunHook and user."
            )  # fmt: skip
        feeds.update(feed_dict or {})
        metadata = run_metadata if run_metadata is not None else RunMetadata()
        first, *others = self._run_all(wanted, feeds, merged, metadata)
        results = dict(zip(map(id, owners), others, strict=True))
        for hook in self._hooks:
            values = SessionRunValues(results.get(id(hook)), merged, metadata)
            hook.after_run(context, values)
        self._stop = self._stop or context.stop_requested
        return first

    def _run_all(
        self, wanted: list[Any], feeds: dict[Any, Any], options: RunOptions, metadata: RunMetadata
    ) -> Any:
        """The values of nested fetches, by one run of a flat list, which sessions do fastest."""
        if options == RunOptions():
            flat = self._sess.run(nest.flatten(wanted), feed_dict=feeds or None)
        else:
            flat = self._sess.run(nest.flatten(wanted), feeds or None, options, metadata)
        return nest.pack_sequence_as(wanted, flat)


def _check_disjoint(some: Mapping[Any, Any], others: Mapping[Any, Any], text: str) -> None:
    both = set(some) & set(others)
    if both:
        raise RuntimeError(f"{text} Conflict(s): {list(both)}")


def _merge_options(options: RunOptions, more: RunOptions) -> None:
    for name in RunOptions._fields:
        setattr(options, name, max(getattr(options, name), getattr(more, name)))


class CoordinatedSession(WrappedSession):
    """Raises what went wrong in a thread, and waits for the threads when it closes."""

    def __init__(self, session: Any, coord: Any, stop_grace_period_secs: float) -> None:
        super().__init__(session)
        self._coord, self._grace = coord, stop_grace_period_secs

    def check_stop(self) -> bool:
        """Whether the coordinator was asked to stop; raises what it was told."""
        self._coord.raise_requested_exception()
        return bool(self._coord.should_stop())

    def close(self) -> None:
        """Stop and join the threads, then close."""
        self._coord.request_stop()
        try:
            self._coord.join(stop_grace_period_secs=self._grace, ignore_live_threads=True)
        finally:
            # The reason for closing is what the user should see.
            with contextlib.suppress(errors.OpError, RuntimeError):
                super().close()

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run; a lost session that a thread noticed first counts as lost."""
        try:
            return self._sess.run(*args, **kwargs)
        except LOST:
            raise
        except Exception:  # whatever failed, a lost session is the reason that counts
            self._raise_if_lost()
            raise

    def _raise_if_lost(self) -> None:
        try:
            self._coord.raise_requested_exception()
        except LOST:
            raise
        except Exception as error:  # the run's own failure is raised
            logging.debug("a thread failed before: %s", error)


class RecoverableSession(WrappedSession):
    """Makes a new session when one is lost: when a run raises AbortedError or UnavailableError."""

    def __init__(self, creator: Any) -> None:
        self._creator = creator
        super().__init__(self._created())

    def _created(self) -> Any:
        while True:
            try:
                return self._creator.create_session()
            except LOST as error:
                logging.info(_LOST_TEXT, error)

    def check_stop(self) -> bool:
        """Whether the session wants to stop; failures of its threads come up in `run`."""
        if self._sess is None:
            return True
        try:
            return bool(self._sess.check_stop())
        except LOST as error:
            logging.info(_LOST_TEXT, error)
            self.close()
            self._sess = self._created()
            return False
        except Exception as error:  # it is raised when the session is closed
            logging.debug("the session stops: %s", error)
            return True

    def _until_done(self, call: Callable[[Any], Any]) -> Any:
        while True:
            try:
                if self._sess is None:
                    self._sess = self._created()
                return call(self._sess)
            except LOST as error:
                logging.info(_LOST_TEXT, error)
                self.close()

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run, again in a new session if need be."""
        return self._until_done(lambda session: session.run(*args, **kwargs))

    def run_step_fn(self, step_fn: Any, raw_session: Any, run_with_hooks: Any) -> Any:
        """Call a function, again in a new session if need be."""
        return self._until_done(
            lambda session: session.run_step_fn(step_fn, raw_session, session.run)
        )
