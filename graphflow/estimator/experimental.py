"""TensorFlow's `tf.estimator.experimental`: hooks that stop training when a metric says so."""

from __future__ import annotations

import glob
import operator
import os
from collections.abc import Callable
from typing import Any

from graphflow import errors, logging
from graphflow.train.control_hooks import needed_global_step
from graphflow.train.events import summary_iterator
from graphflow.train.hook_timers import SecondOrStepTimer
from graphflow.train.session_run_hook import SessionRunArgs, SessionRunHook

__all__ = [
    "make_early_stopping_hook",
    "stop_if_higher_hook",
    "stop_if_lower_hook",
    "stop_if_no_decrease_hook",
    "stop_if_no_increase_hook",
]


def read_eval_metrics(eval_dir: str) -> dict[int, dict[str, float]]:
    """The metrics that evaluations wrote into a folder, by global step, in the steps' order."""
    found: dict[int, dict[str, float]] = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(eval_dir), "*.tfevents.*"))):
        try:
            for event in summary_iterator(path):
                values = {v.tag: v.simple_value for v in event.summary.value
                          if v.HasField("simple_value")}  # fmt: skip
                if values:
                    found.setdefault(event.step, {}).update(values)
        except errors.DataLossError:  # a file that is being written
            continue
    return dict(sorted(found.items()))


class _StopHook(SessionRunHook):
    """Asks from time to time whether to stop.

    TensorFlow keeps the answer in a variable for other workers, without which a checkpoint from
    before the hook could not be restored; there is one worker here, so nothing is kept.
    """

    def __init__(
        self, should_stop_fn: Callable[[], bool], run_every_secs: Any, run_every_steps: Any
    ) -> None:
        if not callable(should_stop_fn):
            raise TypeError(f"`should_stop_fn` must be callable, got {should_stop_fn!r}")
        self._should_stop = should_stop_fn
        self._timer = SecondOrStepTimer(every_secs=run_every_secs, every_steps=run_every_steps)

    def begin(self) -> None:
        self._step = needed_global_step("the early stopping hook")

    def before_run(self, run_context: Any) -> SessionRunArgs:
        return SessionRunArgs(self._step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        step = run_values.results
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._should_stop():
                logging.info("Requesting early stopping at global step %d", step)
                run_context.request_stop()


def make_early_stopping_hook(
    estimator: Any, should_stop_fn: Callable[[], bool], run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> SessionRunHook:  # fmt: skip
    """A hook that stops training when a function says so, which is asked from time to time.

    Raises
    ------
    ValueError : both seconds and steps are given.
    """
    if run_every_secs is not None and run_every_steps is not None:
        raise ValueError("Only one of `run_every_secs` and `run_every_steps` must be set.")
    return _StopHook(should_stop_fn, run_every_secs, run_every_steps)


def _steps_of(estimator: Any, eval_dir: str | None, metric_name: str, min_steps: int) -> Any:
    folder = estimator.eval_dir() if eval_dir is None else eval_dir
    for step, values in read_eval_metrics(folder).items():
        if step >= min_steps:
            yield step, values[metric_name]


def _crossing(better: Callable[[Any, Any], bool], said: str) -> Callable[..., SessionRunHook]:
    def hook(
        estimator: Any, metric_name: str, threshold: float, eval_dir: str | None = None,
        min_steps: int = 0, run_every_secs: float | None = 60, run_every_steps: int | None = None,
    ) -> SessionRunHook:  # fmt: skip
        """A hook that stops training when a metric of the evaluations crosses a threshold."""

        def crossed() -> bool:
            for step, value in _steps_of(estimator, eval_dir, metric_name, min_steps):
                if better(value, threshold):
                    logging.info('At step %s, metric "%s" has value %s which is %s the configured '
                                 "threshold (%s) for early stopping.", step, metric_name, value,
                                 said, threshold)  # fmt: skip
                    return True
            return False

        return make_early_stopping_hook(estimator, crossed, run_every_secs, run_every_steps)

    return hook


def _resting(better: Callable[[Any, Any], bool], said: str) -> Callable[..., SessionRunHook]:
    def hook(
        estimator: Any, metric_name: str, most_steps: int, eval_dir: str | None,
        min_steps: int, run_every_secs: float | None, run_every_steps: int | None,
    ) -> SessionRunHook:  # fmt: skip
        def rested() -> bool:
            best: Any = None
            best_step = 0
            for step, value in _steps_of(estimator, eval_dir, metric_name, min_steps):
                if best is None or better(value, best):
                    best, best_step = value, step
                if step - best_step >= most_steps:
                    logging.info('No %s in metric "%s" for %s steps, which is greater than or '
                                 "equal to max steps (%s) configured for early stopping.", said,
                                 metric_name, step - best_step, most_steps)  # fmt: skip
                    return True
            return False

        return make_early_stopping_hook(estimator, rested, run_every_secs, run_every_steps)

    return hook


stop_if_higher_hook = _crossing(operator.gt, "greater than")
stop_if_lower_hook = _crossing(operator.lt, "less than")
_no_increase = _resting(operator.gt, "increase")
_no_decrease = _resting(operator.lt, "decrease")


def stop_if_no_increase_hook(
    estimator: Any, metric_name: str, max_steps_without_increase: int, eval_dir: str | None = None,
    min_steps: int = 0, run_every_secs: float | None = 60, run_every_steps: int | None = None,
) -> SessionRunHook:  # fmt: skip
    """A hook that stops training when a metric has not grown for so many steps."""
    return _no_increase(estimator, metric_name, max_steps_without_increase, eval_dir, min_steps,
                        run_every_secs, run_every_steps)  # fmt: skip


def stop_if_no_decrease_hook(
    estimator: Any, metric_name: str, max_steps_without_decrease: int, eval_dir: str | None = None,
    min_steps: int = 0, run_every_secs: float | None = 60, run_every_steps: int | None = None,
) -> SessionRunHook:  # fmt: skip
    """A hook that stops training when a metric has not fallen for so many steps."""
    return _no_decrease(estimator, metric_name, max_steps_without_decrease, eval_dir, min_steps,
                        run_every_secs, run_every_steps)  # fmt: skip
