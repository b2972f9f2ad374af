"""Hooks that watch and stop a loop: steps, NaNs, logged tensors, feeds, a last evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from graphflow import errors, logging
from graphflow.graph.default import get_default_graph
from graphflow.graph.tensor import Tensor
from graphflow.train.global_step import read_global_step
from graphflow.train.hook_timers import NeverTriggerTimer, SecondOrStepTimer
from graphflow.train.session_run_hook import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)


def needed_global_step(hook: str) -> Tensor:
    """A tensor that reads the graph's global step.

    Raises
    ------
    RuntimeError : the graph has none; names the hook.
    """
    step = read_global_step()
    if step is None:
        raise RuntimeError(f"Global step should be created to use {hook}.")
    return step


def _graph_element(item: Any) -> Any:
    """A tensor of the default graph, given as one or by the name of it or of its operation."""
    graph = get_default_graph()
    if not isinstance(item, str):
        if getattr(item, "graph", None) is not graph:
            raise ValueError(
                f"Passed {item} should have graph attribute that is equal to current graph {graph}."
            )
        return item
    if ":" in item:
        return graph.as_graph_element(item)
    element = graph.as_graph_element(f"{item}:0")
    if len(element.op.outputs) > 1:
        raise ValueError(
            f"Name {item} is ambiguous, as this `Operation` has multiple outputs (at least 2)."
        )
    return element


class LoggingTensorHook(SessionRunHook):
    """Logs values of tensors, with severity INFO.

    Parameters
    ----------
    tensors : a dict from tags to tensors or names of tensors, or a list of these.
    every_n_iter, every_n_secs : how often; at most one of the two.
    at_end : log when the session ends.
    formatter : makes the text of a dict of values by tag.

    Raises
    ------
    ValueError : `every_n_iter` is not positive, or it is not clear when to log.
    """

    def __init__(
        self, tensors: Any, every_n_iter: int | None = None, every_n_secs: float | None = None,
        at_end: bool = False, formatter: Callable[[Mapping[Any, Any]], str] | None = None,
    ) -> None:  # fmt: skip
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not only_at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ValueError(
                "either at_end and/or exactly one of every_n_iter and every_n_secs must be "
                "provided."
            )
        if every_n_iter is not None and every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        named = isinstance(tensors, Mapping)
        self._tag_order: Iterable[Any] = sorted(tensors) if named else list(tensors)
        self._tensors = dict(tensors) if named else {item: item for item in self._tag_order}
        self._formatter, self._log_at_end = formatter, at_end
        self._timer: Any = NeverTriggerTimer()
        if not only_at_end:
            self._timer = SecondOrStepTimer(every_n_secs, every_n_iter)

    def begin(self) -> None:
        """Look up the tensors."""
        self._timer.reset()
        self._count = 0
        # Values come back in a list, since tags may be tensors and need not be sortable.
        self._fetches = [_graph_element(self._tensors[tag]) for tag in self._tag_order]

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Ask for the tensors when it is time."""
        self._due = self._timer.should_trigger_for_step(self._count)
        return SessionRunArgs(self._fetches) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Log."""
        if self._due:
            self._log(run_values.results)
        self._count += 1

    def end(self, session: Any) -> None:
        """Log, if that was asked for."""
        if self._log_at_end:
            self._log(session.run(self._fetches))

    def _log(self, results: list[Any]) -> None:
        seconds, _ = self._timer.update_last_triggered_step(self._count)
        values = dict(zip(self._tag_order, results, strict=True))
        with np.printoptions(suppress=True):
            if self._formatter is not None:
                logging.info(self._formatter(values))
                return
            text = ", ".join(f"{tag} = {value!s}" for tag, value in values.items())
        if seconds is None:
            logging.info("%s", text)
        else:
            logging.info("%s (%.3f sec)", text, seconds)


class StopAtStepHook(SessionRunHook):
    """Asks to stop after a number of steps, or when the global step has reached a number.

    Raises
    ------
    ValueError : not exactly one of the two is given.
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if num_steps is None and last_step is None:
            raise ValueError("One of num_steps or last_step must be specified.")
        if num_steps is not None and last_step is not None:
            raise ValueError("Only one of num_steps or last_step can be specified.")
        self._num_steps, self._last_step = num_steps, last_step

    def begin(self) -> None:
        """Look up the global step."""
        self._global_step = needed_global_step("StopAtStepHook")

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Count from the session's first step on."""
        if self._last_step is None:
            self._last_step = int(session.run(self._global_step)) + (self._num_steps or 0)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return SessionRunArgs(self._global_step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Stop if this was the last step; the run's own reading is from before it."""
        last = self._last_step or 0
        if run_values.results + 1 >= last and run_context.session.run(self._global_step) >= last:
            run_context.request_stop()


class NanLossDuringTrainingError(RuntimeError):
    """The loss is not a number."""

    def __str__(self) -> str:
        return "NaN loss during training."


class NanTensorHook(SessionRunHook):
    """Stops when a loss is NaN.

    Parameters
    ----------
    loss_tensor : a scalar.
    fail_on_nan_loss : raise NanLossDuringTrainingError instead of stopping.
    """

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss, self._fail = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the loss."""
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look at the loss."""
        if not np.isnan(run_values.results):
            return
        text = "Model diverged with loss = NaN."
        if self._fail:
            logging.error(text)
            raise NanLossDuringTrainingError
        logging.warning(text)
        run_context.request_stop()


class GlobalStepWaiterHook(SessionRunHook):
    """Lets the first run wait until the global step is `wait_until_step`."""

    def __init__(self, wait_until_step: int) -> None:
        self._wait_until_step = wait_until_step

    def begin(self) -> None:
        """Look up the global step."""
        self._started = self._wait_until_step <= 0
        self._global_step = needed_global_step("_GlobalStepWaiterHook")

    def before_run(self, run_context: SessionRunContext) -> None:
        """Wait."""
        if self._started:
            return
        text = "Waiting for global step %d before starting training."
        logging.info(text, self._wait_until_step)
        logged = 0
        while (step := run_context.session.run(self._global_step)) < self._wait_until_step:
            if step - logged > 1000:
                logging.info(f"{text} Current step is %d.", self._wait_until_step, step)
                logged = step
            time.sleep(0.5)
        self._started = True


class FinalOpsHook(SessionRunHook):
    """Runs something when the session ends, and keeps the result in `final_ops_values`."""

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._final_ops, self._feed_dict = final_ops, final_ops_feed_dict
        self._values: Any = None

    @property
    def final_ops_values(self) -> Any:
        """What the run gave; None before."""
        return self._values

    def end(self, session: Any) -> None:
        """Run."""
        if self._final_ops is None:
            return
        try:
            self._values = session.run(self._final_ops, feed_dict=self._feed_dict)
        except (errors.OutOfRangeError, StopIteration):
            logging.warning(
                "An OutOfRangeError or StopIteration exception is raised by the code in "
                "FinalOpsHook: what it runs should depend on variables only, not on the input."
            )
            raise


class FeedFnHook(SessionRunHook):
    """Feeds each run what a function returns: a dict from tensors to values."""

    def __init__(self, feed_fn: Callable[[], Mapping[Any, Any]]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask the function."""
        return SessionRunArgs(fetches=None, feed_dict=self.feed_fn())
