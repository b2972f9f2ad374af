"""One evaluation of a checkpoint: a session that updates metrics, then reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow import logging
from graphflow.train.control_hooks import FinalOpsHook
from graphflow.train.monitored_session import ChiefSessionCreator, MonitoredSession
from graphflow.train.session_run_hook import (
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)


class StopAfterNEvalsHook(SessionRunHook):
    """Ends an evaluation after so many runs; never by itself when None."""

    def __init__(self, num_evals: int | None, log_progress: bool = True) -> None:
        self._num_evals, self._log_progress, self._done = num_evals, log_progress, 0

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Count."""
        self._done += 1
        if self._num_evals is None:
            return
        often = self._num_evals // 10 or 1
        if self._log_progress and (self._done % often == 0 or self._done == self._num_evals):
            logging.info("Evaluation [%d/%d]", self._done, self._num_evals)
        if self._done >= self._num_evals:
            run_context.request_stop()


def evaluate_once(
    checkpoint_path: str | None, master: str = "", scaffold: Any = None, eval_ops: Any = None,
    final_ops: Any = None, hooks: Sequence[Any] = (), config: Any = None,
) -> Any:  # fmt: skip
    """Run `eval_ops` until a hook or the input ends it, then `final_ops`; returns their values."""
    creator = ChiefSessionCreator(
        scaffold, master, config, checkpoint_filename_with_path=checkpoint_path
    )
    final = FinalOpsHook(final_ops)
    with MonitoredSession(creator, [*hooks, final]) as session:
        while eval_ops is not None and not session.should_stop():
            session.run(eval_ops)
    return final.final_ops_values
