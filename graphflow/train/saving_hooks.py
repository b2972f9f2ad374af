"""Hooks that write: checkpoints, summaries, the speed of training, profiles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphflow import logging
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_collection, get_default_graph
from graphflow.graph.graph_def import graph_to_proto
from graphflow.protos import message
from graphflow.runtime.chrome_trace import step_stats_trace
from graphflow.runtime.protos import RunOptions, StepStats
from graphflow.train.control_hooks import needed_global_step
from graphflow.train.events import FileWriterCache
from graphflow.train.global_step import get_global_step
from graphflow.train.hook_timers import SecondOrStepTimer
from graphflow.train.meta_graph import export_meta_graph, write_graph
from graphflow.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)

START, STOP, CHECKPOINT = 1, 2, 3  # SessionLog.SessionStatus


def session_log(status: int, checkpoint_path: str = "") -> Any:
    """A SessionLog: a session began or stopped, or a checkpoint was written."""
    return message("SessionLog")(status=status, checkpoint_path=checkpoint_path)


def rate_summary(tag: str, rate: float) -> Any:
    """A Summary with one number."""
    found = message("Summary")()
    found.value.add(tag=tag, simple_value=rate)
    return found


class CheckpointSaverListener:
    """Base of what is told when a `CheckpointSaverHook` saves; each method does nothing."""

    def begin(self) -> None:
        """Called before the session is made."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Called before a checkpoint is written."""

    def after_save(self, session: Any, global_step_value: int) -> Any:
        """Called after a checkpoint was written; training stops when it returns true."""

    def end(self, session: Any, global_step_value: int) -> None:
        """Called when the session ends."""


class CheckpointSaverHook(SessionRunHook):
    """Saves checkpoints: when a session begins, every N steps or seconds, and when it ends.

    Parameters
    ----------
    checkpoint_dir : the folder.
    save_secs, save_steps : how often; exactly one of the two.
    saver, scaffold : what saves; the one Saver of the collection ``SAVERS`` when both are None.
    checkpoint_basename : the beginning of the files' names.
    listeners : what is told about it.

    Raises
    ------
    ValueError : both `saver` and `scaffold` are given; it is not clear when to save.
    """

    def __init__(
        self, checkpoint_dir: str, save_secs: float | None = None, save_steps: int | None = None,
        saver: Any = None, checkpoint_basename: str = "model.ckpt", scaffold: Any = None,
        listeners: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        logging.info("Create CheckpointSaverHook.")
        if saver is not None and scaffold is not None:
            raise ValueError("You cannot provide both saver and scaffold.")
        self._saver, self._scaffold = saver, scaffold
        self._checkpoint_dir = os.fspath(checkpoint_dir)
        self._save_path = os.path.join(checkpoint_dir, checkpoint_basename)
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._listeners = list(listeners or ())
        self._steps_per_run = 1

    def _set_steps_per_run(self, steps_per_run: int) -> None:
        self._steps_per_run = steps_per_run

    def begin(self) -> None:
        """Open the event file."""
        self._summary_writer = FileWriterCache.get(self._checkpoint_dir)
        self._global_step = needed_global_step("CheckpointSaverHook")
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Write the graph, and the variables as they are at the beginning."""
        step = int(session.run(self._global_step))
        graph = get_default_graph()
        graph_def = graph_to_proto(graph, add_shapes=True)
        write_graph(graph_def, self._checkpoint_dir, "graph.pbtxt")
        saver = self._get_saver()
        self._summary_writer.add_graph(graph)
        self._summary_writer.add_meta_graph(
            export_meta_graph(
                graph_def=graph_def, saver_def=saver.saver_def if saver else None,
                collection_list=[],
            )
        )  # fmt: skip
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Save when it is time; the run's own reading of the step is from before it."""
        if not self._timer.should_trigger_for_step(run_values.results + self._steps_per_run):
            return
        step = int(run_context.session.run(self._global_step))
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: Any) -> None:
        """Save the last step, unless that is done."""
        step = int(session.run(self._global_step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(self, session: Any, step: int) -> bool:
        """Save; whether a listener wants to stop."""
        logging.info("Saving checkpoints for %d into %s.", step, self._save_path)
        for listener in self._listeners:
            listener.before_save(session, step)
        self._get_saver().save(session, self._save_path, global_step=step)
        self._summary_writer.add_session_log(session_log(CHECKPOINT, self._save_path), step)
        stop = False
        for listener in self._listeners:
            if listener.after_save(session, step):
                logging.info(
                    "A CheckpointSaverListener requested that training be stopped. listener: "
                    f"{listener}"
                )
                stop = True
        return stop

    def _get_saver(self) -> Any:
        if self._saver is None and self._scaffold is not None:
            return self._scaffold.saver
        if self._saver is None:
            savers = get_collection(GraphKeys.SAVERS)
            if not savers:
                raise RuntimeError(
                    f"No items in collection {GraphKeys.SAVERS}. Please add a saver to the "
                    "collection or provide a saver or scaffold."
                )
            if len(savers) > 1:
                raise RuntimeError(
                    f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which "
                    "one to use by passing it to the constructor."
                )
            self._saver = savers[0]
        return self._saver


class StepCounterHook(SessionRunHook):
    """Logs and records steps per second.

    Parameters
    ----------
    every_n_steps, every_n_secs : how often; exactly one of the two.
    output_dir : where a summary goes; nowhere when it and `summary_writer` are None.
    """

    def __init__(
        self, every_n_steps: int | None = 100, every_n_secs: float | None = None,
        output_dir: str | None = None, summary_writer: Any = None,
    ) -> None:  # fmt: skip
        if (every_n_steps is None) == (every_n_secs is None):
            raise ValueError("exactly one of every_n_steps and every_n_secs should be provided.")
        self._timer = SecondOrStepTimer(every_n_secs, every_n_steps)
        self._summary_writer, self._output_dir = summary_writer, output_dir
        self._last_global_step: int | None = None
        self._steps_per_run = 1

    def _set_steps_per_run(self, steps_per_run: int) -> None:
        self._steps_per_run = steps_per_run

    def begin(self) -> None:
        """Open the event file."""
        if self._summary_writer is None and self._output_dir:
            self._summary_writer = FileWriterCache.get(self._output_dir)
        self._global_step = needed_global_step("StepCounterHook")
        self._summary_tag = f"{get_global_step().op.name}/sec"

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Log when it is time; warn of a global step that does not move."""
        stale = run_values.results
        if self._timer.should_trigger_for_step(stale + self._steps_per_run):
            step = int(run_context.session.run(self._global_step))
            if self._timer.should_trigger_for_step(step):
                seconds, steps = self._timer.update_last_triggered_step(step)
                if seconds is not None and steps is not None:
                    self._log_and_record(steps, seconds, step)
        if stale == self._last_global_step:
            logging.log_first_n(
                logging.WARN,
                "It seems that global step (tf.train.get_global_step) has not been increased. "
                "Current value (could be stable): %s vs previous value: %s. You could increase "
                "the global step by passing tf.train.get_global_step() to "
                "Optimizer.apply_gradients or Optimizer.minimize.",
                5, stale, self._last_global_step,
            )  # fmt: skip
        self._last_global_step = stale

    def _log_and_record(self, elapsed_steps: int, elapsed_time: float, global_step: int) -> None:
        rate = elapsed_steps / elapsed_time
        if self._summary_writer is not None:
            self._summary_writer.add_summary(rate_summary(self._summary_tag, rate), global_step)
        logging.info("%s: %g", self._summary_tag, rate)


class SummarySaverHook(SessionRunHook):
    """Writes summaries at the first step, and then every N steps or seconds.

    Parameters
    ----------
    save_steps, save_secs : how often; exactly one of the two.
    output_dir, summary_writer : where to; nowhere when both are None.
    scaffold, summary_op : what; exactly one of the two.
    """

    def __init__(
        self, save_steps: int | None = None, save_secs: float | None = None,
        output_dir: str | None = None, summary_writer: Any = None, scaffold: Any = None,
        summary_op: Any = None,
    ) -> None:  # fmt: skip
        if (scaffold is None) == (summary_op is None):
            raise ValueError("Exactly one of scaffold or summary_op must be provided.")
        self._summary_op, self._scaffold = summary_op, scaffold
        self._summary_writer, self._output_dir = summary_writer, output_dir
        self._timer = SecondOrStepTimer(save_secs, save_steps)

    def begin(self) -> None:
        """Open the event file."""
        if self._summary_writer is None and self._output_dir:
            self._summary_writer = FileWriterCache.get(self._output_dir)
        self._next_step: int | None = None
        self._global_step = needed_global_step("SummarySaverHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step, and for the summaries when it is time."""
        self._due = self._next_step is None or self._timer.should_trigger_for_step(self._next_step)
        requests: dict[str, Any] = {"global_step": self._global_step}
        summaries = self._summaries() if self._due else None
        if summaries is not None:
            requests["summary"] = summaries
        return SessionRunArgs(requests)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Write."""
        if not self._summary_writer:
            return
        step = int(run_values.results["global_step"]) + 1
        if self._due:
            step = int(run_context.session.run(self._global_step))
        if self._next_step is None:
            self._summary_writer.add_session_log(session_log(START), step)
        if self._due:
            self._timer.update_last_triggered_step(step)
            for summary in run_values.results.get("summary", ()):
                self._summary_writer.add_summary(summary, step)
        self._next_step = step + 1

    def end(self, session: Any = None) -> None:
        """Bring all to the file."""
        if self._summary_writer:
            self._summary_writer.flush()

    def _summaries(self) -> list[Any] | None:
        found = self._scaffold.summary_op if self._summary_op is None else self._summary_op
        return found if found is None or isinstance(found, list) else [found]


class ProfilerHook(SessionRunHook):
    """Writes the times of a run's steps every N steps or seconds, as ``timeline-STEP.json``.

    Parameters
    ----------
    save_steps, save_secs : how often; exactly one of the two.
    output_dir : the folder.
    show_dataflow, show_memory : accepted; kernels are not single operations.
    """

    def __init__(
        self, save_steps: int | None = None, save_secs: float | None = None, output_dir: str = "",
        show_dataflow: bool = True, show_memory: bool = False,
    ) -> None:  # fmt: skip
        self._output_dir = output_dir
        self._timer = SecondOrStepTimer(save_secs, save_steps)

    def begin(self) -> None:
        """Look up the global step."""
        self._next_step: int | None = None
        self._global_step = needed_global_step("ProfilerHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step, and for a trace when it is time."""
        due = self._next_step is not None and self._timer.should_trigger_for_step(self._next_step)
        self._due = due
        options = RunOptions(trace_level=RunOptions.FULL_TRACE) if due else None
        return SessionRunArgs({"global_step": self._global_step}, options=options)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Write the trace."""
        stale = int(run_values.results["global_step"])
        if self._next_step is None:
            self._timer.update_last_triggered_step(stale)
        step = stale + 1
        if self._due and run_values.run_metadata is not None:
            step = int(run_context.session.run(self._global_step))
            self._timer.update_last_triggered_step(step)
            self._save(step, run_values.run_metadata.step_stats)
        self._next_step = step + 1

    def _save(self, step: int, step_stats: StepStats) -> None:
        path = os.path.join(self._output_dir, f"timeline-{step}.json")
        logging.info("Saving timeline for %d into '%s'.", step, path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(step_stats_trace(step_stats).text())
