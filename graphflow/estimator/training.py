"""Training with evaluations in between: `train_and_evaluate`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from graphflow import logging
from graphflow.estimator.estimator import Estimator
from graphflow.estimator.exporters import Exporter
from graphflow.graph.collections import GraphKeys
from graphflow.train.saving_hooks import CheckpointSaverListener
from graphflow.train.session_run_hook import SessionRunHook


def _checked_hooks(hooks: Sequence[Any] | None) -> tuple[Any, ...]:
    found = tuple(hooks or ())
    for hook in found:
        if not isinstance(hook, SessionRunHook):
            raise TypeError(f"All hooks must be `SessionRunHook` instances, given: {hook}")
    return found


class _Train(NamedTuple):
    input_fn: Callable[..., Any]
    max_steps: int | None
    hooks: tuple[Any, ...]


class TrainSpec(_Train):
    """How to train: the input, the last step, further hooks."""

    __slots__ = ()

    def __new__(
        cls, input_fn: Callable[..., Any], max_steps: int | None = None,
        hooks: Sequence[Any] | None = None,
    ) -> TrainSpec:  # fmt: skip
        if max_steps is not None and max_steps <= 0:
            raise ValueError(f"Must specify max_steps > 0, given: {max_steps}")
        return super().__new__(cls, input_fn, max_steps, _checked_hooks(hooks))


class _Eval(NamedTuple):
    input_fn: Callable[..., Any]
    steps: int | None
    name: str | None
    hooks: tuple[Any, ...]
    exporters: tuple[Any, ...]
    start_delay_secs: float
    throttle_secs: float


class EvalSpec(_Eval):
    """How to evaluate.

    Parameters
    ----------
    input_fn, steps, name, hooks : see `Estimator.evaluate`.
    exporters : called after each evaluation.
    start_delay_secs : accepted; evaluation begins with the first checkpoint.
    throttle_secs : the least time between two evaluations.
    """

    __slots__ = ()

    def __new__(
        cls, input_fn: Callable[..., Any], steps: int | None = 100, name: str | None = None,
        hooks: Sequence[Any] | None = None, exporters: Any = None, start_delay_secs: float = 120,
        throttle_secs: float = 600,
    ) -> EvalSpec:  # fmt: skip
        if steps is not None and steps <= 0:
            raise ValueError(f"Must specify steps > 0, given: {steps}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"`name` must be string, given: {name}")
        made = (exporters,) if isinstance(exporters, Exporter) else tuple(exporters or ())
        names = [e.name for e in made if isinstance(e, Exporter)]
        if len(names) != len(made):
            raise TypeError(f"`exporters` must be a list of Exporters, given: {exporters}")
        if len(set(names)) != len(names):
            raise ValueError(f"`exporters` must have unique names. Given: {names}")
        if start_delay_secs < 0:
            raise ValueError(f"Must specify start_delay_secs >= 0, given: {start_delay_secs}")
        if throttle_secs < 0:
            raise ValueError(f"Must specify throttle_secs >= 0, given: {throttle_secs}")
        return super().__new__(
            cls, input_fn, steps, name, _checked_hooks(hooks), made, start_delay_secs,
            throttle_secs,
        )  # fmt: skip


class _Evaluator(CheckpointSaverListener):
    """Evaluates and exports when a checkpoint is saved, and at the end."""

    def __init__(self, estimator: Estimator, spec: EvalSpec, max_steps: int | None) -> None:
        from graphflow.train.hook_timers import SecondOrStepTimer

        self._estimator, self._spec, self._max_steps = estimator, spec, max_steps
        self._timer = SecondOrStepTimer(every_secs=spec.throttle_secs)
        self._seen: str | None = None
        self._is_first = True
        self.result: Any = None
        self.exported: list[Any] = []

    def begin(self) -> None:
        """Start the clock."""
        self._timer.reset()
        self._is_first = True

    def after_save(self, session: Any, global_step_value: int) -> None:
        """Evaluate when it is time; not what training began with."""
        if self._is_first:
            self._is_first = False
            self._timer.update_last_triggered_step(global_step_value)
            return
        if not self._timer.should_trigger_for_step(global_step_value):
            logging.info("Skip the current checkpoint eval due to throttle secs (%s secs).",
                         self._spec.throttle_secs)  # fmt: skip
            return
        self._timer.update_last_triggered_step(global_step_value)
        self.evaluate()

    def evaluate(self) -> None:
        """Evaluate the latest checkpoint, unless that is done."""
        path = self._estimator.latest_checkpoint()
        if path is None or path == self._seen:
            return
        spec = self._spec
        found = self._estimator.evaluate(
            spec.input_fn, steps=spec.steps, hooks=spec.hooks, checkpoint_path=path,
            name=spec.name,
        )  # fmt: skip
        self._seen, self.result = path, found
        done = self._max_steps is not None and found[GraphKeys.GLOBAL_STEP] >= self._max_steps
        folder = os.path.join(self._estimator.model_dir, "export")
        self.exported = [
            exporter.export(self._estimator, os.path.join(folder, exporter.name), path, found, done)
            for exporter in spec.exporters
        ]


def train_and_evaluate(
    estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[Any, list[Any]]:
    """Train, evaluate checkpoints as they are saved, and export.

    Returns
    -------
    The last evaluation's metrics, and what the exporters returned.

    Raises
    ------
    TypeError : a specification is of another type.
    ValueError : the configuration names a cluster, or training never saves.
    """
    if not isinstance(train_spec, TrainSpec):
        raise TypeError("`train_spec` must have type `tf.estimator.TrainSpec`. Got: "
                        f"{type(train_spec)}")  # fmt: skip
    if not isinstance(eval_spec, EvalSpec):
        raise TypeError("`eval_spec` must have type `tf.estimator.EvalSpec`. Got: "
                        f"{type(eval_spec)}")  # fmt: skip
    config = estimator.config
    if config.cluster_spec.as_dict():
        raise ValueError(
            f"expected a configuration for one machine, got the cluster {config.cluster_spec}"
        )
    if not (config.save_checkpoints_steps or config.save_checkpoints_secs):
        raise ValueError(
            "`save_checkpoints_steps` or `save_checkpoints_secs` should be set in the RunConfig."
        )
    evaluator = _Evaluator(estimator, eval_spec, train_spec.max_steps)
    estimator.train(
        train_spec.input_fn, max_steps=train_spec.max_steps, hooks=list(train_spec.hooks),
        saving_listeners=[evaluator],
    )  # fmt: skip
    evaluator.evaluate()
    return evaluator.result, evaluator.exported
