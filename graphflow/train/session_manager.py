"""`SessionManager`: sessions whose variables are restored or initialised."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.errors import DeadlineExceededError, FailedPreconditionError
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.runtime.session import Session
from graphflow.train.checkpoints import get_checkpoint_state

Ready = tuple[bool, str | None]


def ready(operation: Any, session: Any, failure: str) -> Ready:
    """Whether an operation that names unready variables names none; else what is not ready."""
    if operation is None:
        return True, None
    try:
        names = session.run(operation)
    except FailedPreconditionError as error:
        if "uninitialized" not in str(error):
            logging.warning("%s : error [%s]", failure, str(error))
            raise
        return False, str(error)
    if names is None or names.dtype == np.int32 or names.size == 0:
        return True, None
    text = ", ".join(n.decode() if isinstance(n, bytes) else str(n) for n in names)
    return False, f"Variables not initialized: {text}"


def _name(item: Any) -> str:
    if item is None:
        return "None"
    return str(getattr(item, "name", f"<no name for {type(item)}>"))


class SessionManager:
    """Makes sessions that are ready to be used.

    Parameters
    ----------
    local_init_op : run in each new session, once `ready_for_local_init_op` names no variable.
    ready_op, ready_for_local_init_op : give the names of variables without a value.
    graph : the sessions' graph; the default graph when None.
    recovery_wait_secs : the time between two looks at whether a model is ready.
    local_init_run_options : the RunOptions of `local_init_op`.

    Raises
    ------
    ValueError : `ready_for_local_init_op` without `local_init_op`.
    """

    def __init__(
        self, local_init_op: Any = None, ready_op: Any = None, ready_for_local_init_op: Any = None,
        graph: Graph | None = None, recovery_wait_secs: float = 30,
        local_init_run_options: Any = None,
    ) -> None:  # fmt: skip
        if ready_for_local_init_op is not None and local_init_op is None:
            raise ValueError(
                "If you pass a ready_for_local_init_op you must also pass a local_init_op , "
                f"ready_for_local_init_op [{ready_for_local_init_op}]"
            )
        self._local_init_op, self._ready_op = local_init_op, ready_op
        self._ready_for_local_init_op = ready_for_local_init_op
        self._graph = graph if graph is not None else get_default_graph()
        self._recovery_wait_secs = recovery_wait_secs
        self._local_init_run_options = local_init_run_options

    def _restored(
        self, master: str, saver: Any, checkpoint_dir: str | None, path: str | None, wait: bool,
        max_wait_secs: float, config: Any,
    ) -> tuple[Session, bool]:  # fmt: skip
        """A new session, and whether its variables come from a checkpoint."""
        session = Session(master, graph=self._graph, config=config)
        if checkpoint_dir and path:
            raise ValueError(
                "Can not provide both checkpoint_dir and checkpoint_filename_with_path."
            )
        if not saver or not (checkpoint_dir or path):
            return session, False
        if path:
            saver.restore(session, path)
            return session, True
        waited = 0.0
        while (state := get_checkpoint_state(checkpoint_dir or "")) is None:
            if not wait or waited >= max_wait_secs:
                return session, False
            logging.info("Waiting for checkpoint to be available.")
            time.sleep(self._recovery_wait_secs)
            waited += self._recovery_wait_secs
        saver.restore(session, state.model_checkpoint_path)
        saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
        return session, True

    def prepare_session(
        self, master: str, init_op: Any = None, saver: Any = None,
        checkpoint_dir: str | None = None, checkpoint_filename_with_path: str | None = None,
        wait_for_checkpoint: bool = False, max_wait_secs: float = 7200, config: Any = None,
        init_feed_dict: Any = None, init_fn: Callable[[Any], Any] | None = None,
    ) -> Session:  # fmt: skip
        """A session whose variables are restored, or initialised if there is no checkpoint.

        Parameters
        ----------
        master : the target of the session.
        init_op, init_feed_dict, init_fn : how to initialise.
        saver : restores the latest checkpoint of `checkpoint_dir`, or the one with the given path.
        wait_for_checkpoint : wait for the first checkpoint, for `max_wait_secs` at most.

        Raises
        ------
        RuntimeError : the model is not ready afterwards, or there is no way to initialise it.
        ValueError : both a folder and a path are given.
        """
        session, restored = self._restored(
            master, saver, checkpoint_dir, checkpoint_filename_with_path, wait_for_checkpoint,
            max_wait_secs, config,
        )  # fmt: skip
        if not restored:
            if init_op is None and not init_fn and self._local_init_op is None:
                raise RuntimeError(
                    "Model is not initialized and no init_op or init_fn or local_init_op was given"
                )
            if init_op is not None:
                session.run(init_op, feed_dict=init_feed_dict)
            if init_fn:
                init_fn(session)
        done, reason = self._run_local_init_op(session)
        if not done:
            raise RuntimeError(
                "Init operations did not make model ready for local_init.  "
                f"Init op: {_name(init_op)}, init fn: {init_fn}, error: {reason}"
            )
        done, reason = self._model_ready(session)
        if not done:
            raise RuntimeError(
                f"Init operations did not make model ready.  Init op: {_name(init_op)}, init fn: "
                f"{init_fn}, local_init_op: {self._local_init_op}, error: {reason}"
            )
        return session

    def recover_session(
        self, master: str, saver: Any = None, checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None, wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200, config: Any = None,
    ) -> tuple[Session, bool]:  # fmt: skip
        """A session, and whether its variables could be restored and the model is ready."""
        session, restored = self._restored(
            master, saver, checkpoint_dir, checkpoint_filename_with_path, wait_for_checkpoint,
            max_wait_secs, config,
        )  # fmt: skip
        done, reason = self._run_local_init_op(session)
        if not restored:
            return session, False
        source = checkpoint_dir or checkpoint_filename_with_path
        text = "Restoring model from %s did not make model ready%s: %s"
        if not done:
            logging.info(text, source, " for local init", reason)
            return session, False
        done, reason = self._model_ready(session)
        if not done:
            logging.info(text, source, "", reason)
            return session, False
        logging.info("Restored model from %s", source)
        return session, True

    def wait_for_session(
        self, master: str, config: Any = None, max_wait_secs: float | None = math.inf
    ) -> Session:
        """A session on a target where another one makes the model ready; waits until it is.

        Raises
        ------
        errors.DeadlineExceededError : the model is not ready after `max_wait_secs`.
        """
        limit = math.inf if max_wait_secs is None else max_wait_secs
        began = time.monotonic()
        while True:
            session = Session(master, graph=self._graph, config=config)
            done, local_reason = self._run_local_init_op(session)
            reason = None
            if done:
                done, reason = self._model_ready(session)
            if done:
                return session
            session.close()
            if limit - (time.monotonic() - began) < self._recovery_wait_secs:
                raise DeadlineExceededError(
                    None, None, f"Session was not ready after waiting {limit:g} secs."
                )
            logging.info(
                "Waiting for model to be ready.  Ready_for_local_init_op:  %s, ready: %s",
                local_reason, reason,
            )  # fmt: skip
            time.sleep(self._recovery_wait_secs)

    def _model_ready(self, session: Any) -> Ready:
        return ready(self._ready_op, session, "Model not ready")

    def _run_local_init_op(self, session: Any) -> Ready:
        """Initialise what is local if the rest is ready; whether that was done."""
        if self._local_init_op is None:
            return True, None
        possible, reason = ready(
            self._ready_for_local_init_op, session, "Model not ready for local init"
        )
        if not possible:
            return False, reason
        logging.info("Running local_init_op.")
        session.run(self._local_init_op, options=self._local_init_run_options)
        logging.info("Done running local_init_op.")
        return True, None
