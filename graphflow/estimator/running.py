"""The sessions of an Estimator: for training, for evaluation, for prediction."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.data.dataset import Dataset
from graphflow.estimator.evaluation import StopAfterNEvalsHook, evaluate_once
from graphflow.estimator.model_fn import LOSS_METRIC_KEY, EstimatorSpec
from graphflow.estimator.run_config import RunConfig
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import add_to_collection, get_collection
from graphflow.graph.graph_def import tensor_proto
from graphflow.metrics import mean
from graphflow.ops.identity import group
from graphflow.ops.summaries import scalar
from graphflow.protos import message
from graphflow.train.control_hooks import LoggingTensorHook, NanTensorHook
from graphflow.train.events import FileWriterCache
from graphflow.train.global_step import get_global_step
from graphflow.train.monitored_session import (
    ChiefSessionCreator,
    MonitoredSession,
    MonitoredTrainingSession,
)
from graphflow.train.saver import Saver
from graphflow.train.saving_hooks import CheckpointSaverHook
from graphflow.train.session_run_hook import SessionRunHook
from graphflow.train.warm_starting import warm_start


class _Initialize(SessionRunHook):
    """Begins an iterator when a session does."""

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator

    def begin(self) -> None:
        """Look up the operation."""
        self._initializer = self._iterator.initializer

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Run it."""
        session.run(self._initializer)


def inputs(
    call: Callable[..., Any], input_fn: Callable[..., Any], mode: str
) -> tuple[Any, Any, list[SessionRunHook]]:
    """The features and the labels of a batch, and the hooks that they need."""
    found = call(input_fn, mode)
    hooks: list[SessionRunHook] = []
    if isinstance(found, Dataset):
        iterator = found.make_initializable_iterator()
        hooks.append(_Initialize(iterator))
        found = iterator.get_next()
    if isinstance(found, (list, tuple)):
        if len(found) != 2:
            raise ValueError("input_fn should return (features, labels) as a len 2 tuple.")
        return found[0], found[1], hooks
    return found, None, hooks


def warm_start_from(settings: Any) -> None:
    """Let the graph's variables begin as the settings say."""
    logging.info("Warm-starting with WarmStartSettings: %s", settings)
    warm_start(*settings)


def train(
    spec: EstimatorSpec, config: RunConfig, hooks: Sequence[Any], listeners: Sequence[Any],
    warm_start_settings: Any,
) -> Any:  # fmt: skip
    """Make steps until a hook or the input ends it; returns the last loss."""
    if warm_start_settings:
        warm_start_from(warm_start_settings)
    if not any(s.op.name == "loss" for s in get_collection(GraphKeys.SUMMARIES)):
        scalar("loss", spec.loss)
    add_to_collection(GraphKeys.LOSSES, spec.loss)
    every = [*hooks, NanTensorHook(spec.loss)]
    if config.log_step_count_steps is not None:
        shown = {"loss": spec.loss, "step": get_global_step()}
        every.append(LoggingTensorHook(shown, every_n_iter=config.log_step_count_steps))
    every += spec.training_hooks
    if not (spec.scaffold.saver or get_collection(GraphKeys.SAVERS)):
        saver = Saver(
            sharded=True, max_to_keep=config.keep_checkpoint_max, defer_build=True,
            keep_checkpoint_every_n_hours=config.keep_checkpoint_every_n_hours,
            save_relative_paths=True,
        )  # fmt: skip
        add_to_collection(GraphKeys.SAVERS, saver)
    saving = _saving_hooks(spec, config, every, listeners)
    session = MonitoredTrainingSession(
        master=config.master, is_chief=config.is_chief, checkpoint_dir=config.model_dir,
        scaffold=spec.scaffold, hooks=every,
        chief_only_hooks=[*saving, *spec.training_chief_hooks], save_checkpoint_secs=0,
        save_summaries_steps=config.save_summary_steps, config=config.session_config,
        max_wait_secs=config.session_creation_timeout_secs,
        log_step_count_steps=config.log_step_count_steps,
    )  # fmt: skip
    loss = None
    with session:
        while not session.should_stop():
            _, loss = session.run([spec.train_op, spec.loss])
    if loss is None:
        logging.warning(
            "Training with estimator made no steps. Perhaps input is empty or misspecified."
        )
    return loss


def _saving_hooks(
    spec: EstimatorSpec, config: RunConfig, hooks: Sequence[Any], listeners: Sequence[Any]
) -> list[CheckpointSaverHook]:
    """The hook that saves, unless there is one; the listeners are told by the first of them."""
    there = [h for h in (*hooks, *spec.training_chief_hooks) if isinstance(h, CheckpointSaverHook)]
    made = []
    if not there and (config.save_checkpoints_secs or config.save_checkpoints_steps):
        made = [
            CheckpointSaverHook(
                str(config.model_dir), config.save_checkpoints_secs, config.save_checkpoints_steps,
                scaffold=spec.scaffold,
            )
        ]  # fmt: skip
    if listeners:
        if not (there or made):
            raise ValueError(
                "There should be a CheckpointSaverHook to use saving_listeners. Please set one of "
                "the RunConfig.save_checkpoints_steps or RunConfig.save_checkpoints_secs."
            )
        known = (there or made)[0]._listeners
        known += [listener for listener in listeners if listener not in known]
    return made


def evaluate(
    spec: EstimatorSpec, config: RunConfig, hooks: Sequence[Any], steps: int | None,
    checkpoint_path: str | None, output_dir: str,
) -> dict[str, Any]:  # fmt: skip
    """The metrics over the input; they are written as summaries, too."""
    metrics = dict(spec.eval_metric_ops)
    if LOSS_METRIC_KEY in metrics:
        raise ValueError(
            f'Metric with name "{LOSS_METRIC_KEY}" is not allowed, because Estimator always adds '
            "a metric with the same name."
        )
    metrics[LOSS_METRIC_KEY] = mean(spec.loss)
    if GraphKeys.GLOBAL_STEP in metrics:
        raise ValueError("Metric with name `global_step` is not allowed, because Estimator already "
                         "defines a default metric with the same name.")  # fmt: skip
    values = {key: metrics[key][0] for key in sorted(metrics)}
    values[GraphKeys.GLOBAL_STEP] = get_global_step()
    updates = group(*[update for _, update in metrics.values()])
    every = [*hooks, *spec.evaluation_hooks, StopAfterNEvalsHook(steps)]
    found = evaluate_once(
        checkpoint_path, config.master, spec.scaffold, updates, values, hooks=every,
        config=config.session_config,
    )  # fmt: skip
    step = int(found[GraphKeys.GLOBAL_STEP])
    shown = ", ".join(f"{key} = {found[key]}" for key in sorted(found))
    logging.info("Saving dict for global step %d: %s", step, shown)
    _write_summary(output_dir, found, step)
    return found


def _write_summary(folder: str, found: dict[str, Any], step: int) -> None:
    summary = message("Summary")()
    for key, value in found.items():
        if key == GraphKeys.GLOBAL_STEP or value is None:
            continue
        if np.ndim(value) == 0 and isinstance(value, (float, int, np.number)):
            summary.value.add(tag=key, simple_value=float(value))
        elif isinstance(value, bytes):
            made = message("Summary")()
            made.ParseFromString(value)
            for number, item in enumerate(made.value):
                item.tag = f"{key}/{number}"
            summary.value.extend(made.value)
        elif isinstance(value, np.ndarray):
            item = summary.value.add(tag=key, node_name=key)
            item.tensor.CopyFrom(tensor_proto(value))
        else:
            logging.warning("Skipping summary for %s: %s is no number.", key, type(value))
    os.makedirs(folder, exist_ok=True)
    writer = FileWriterCache.get(folder)
    writer.add_summary(summary, step)
    writer.flush()


def prediction_session(
    spec: EstimatorSpec, config: RunConfig, hooks: Sequence[Any], checkpoint_path: str | None
) -> MonitoredSession:
    """A session with the trained model."""
    creator = ChiefSessionCreator(
        spec.scaffold, config.master, config.session_config,
        checkpoint_filename_with_path=checkpoint_path,
    )  # fmt: skip
    return MonitoredSession(creator, [*hooks, *spec.prediction_hooks])
