"""`RunConfig`: where an Estimator saves, how often, and with which session configuration."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

from graphflow.train.cluster import ClusterSpec

_DEFAULT: Any = object()
_REPLACEABLE = (
    "model_dir", "tf_random_seed", "save_summary_steps", "save_checkpoints_steps",
    "save_checkpoints_secs", "session_config", "keep_checkpoint_max",
    "keep_checkpoint_every_n_hours", "log_step_count_steps", "train_distribute", "device_fn",
    "protocol", "eval_distribute", "experimental_distribute",
    "experimental_max_worker_delay_secs", "session_creation_timeout_secs",
)  # fmt: skip


class TaskType:
    """The roles of a cluster's tasks."""

    MASTER = "master"
    PS = "ps"
    WORKER = "worker"
    CHIEF = "chief"
    EVALUATOR = "evaluator"


def _counted(name: str, value: Any, least: int) -> Any:
    if value is not None and value < least:
        raise ValueError(f"{name} should be >= {least}, given: {value}")
    return value


class RunConfig:
    """The configuration of an Estimator's runs.

    Parameters
    ----------
    model_dir : the folder of checkpoints and summaries.
    tf_random_seed : the graph's seed.
    save_summary_steps : how often summaries are written.
    save_checkpoints_steps, save_checkpoints_secs : how often to save, every 600 seconds unless
        given; at most one of the two; never when both are None.
    session_config : the sessions' `ConfigProto`.
    keep_checkpoint_max, keep_checkpoint_every_n_hours : see `Saver`.
    log_step_count_steps : how often loss and steps per second are logged.
    device_fn : a device function for the graphs.
    train_distribute, eval_distribute, experimental_distribute, protocol : accepted; training is
        on one machine.

    Raises
    ------
    ValueError : both ways of saving are given, or a number is out of range.
    """

    def __init__(
        self, model_dir: Any = None, tf_random_seed: int | None = None,
        save_summary_steps: int | None = 100, save_checkpoints_steps: int | None = _DEFAULT,
        save_checkpoints_secs: float | None = _DEFAULT, session_config: Any = None,
        keep_checkpoint_max: int | None = 5, keep_checkpoint_every_n_hours: float = 10000,
        log_step_count_steps: int | None = 100, train_distribute: Any = None,
        device_fn: Any = None, protocol: str | None = None, eval_distribute: Any = None,
        experimental_distribute: Any = None,
        experimental_max_worker_delay_secs: float | None = None,
        session_creation_timeout_secs: float = 7200,
    ) -> None:  # fmt: skip
        steps, seconds = save_checkpoints_steps, save_checkpoints_secs
        if steps is _DEFAULT and seconds is _DEFAULT:
            steps, seconds = None, 600
        elif steps is _DEFAULT or seconds is _DEFAULT:
            steps = None if steps is _DEFAULT else steps
            seconds = None if seconds is _DEFAULT else seconds
        elif steps is not None and seconds is not None:
            raise ValueError(
                "`save_checkpoints_steps` and `save_checkpoints_secs` cannot be both set."
            )
        if model_dir == "":
            raise ValueError("model_dir should be non-empty")
        task = _task_of_environment()
        self.model_dir = None if model_dir is None else os.fspath(model_dir)
        self.tf_random_seed = tf_random_seed
        self.save_summary_steps = _counted("save_summary_steps", save_summary_steps, 0)
        self.save_checkpoints_steps = _counted("save_checkpoints_steps", steps, 0)
        self.save_checkpoints_secs = _counted("save_checkpoints_secs", seconds, 0)
        self.session_config = session_config
        self.keep_checkpoint_max = _counted("keep_checkpoint_max", keep_checkpoint_max, 0)
        self.keep_checkpoint_every_n_hours = keep_checkpoint_every_n_hours
        self.log_step_count_steps = _counted("log_step_count_steps", log_step_count_steps, 1)
        self.train_distribute, self.eval_distribute = train_distribute, eval_distribute
        self.experimental_distribute = experimental_distribute
        self.device_fn, self.protocol = device_fn, protocol
        self.experimental_max_worker_delay_secs = experimental_max_worker_delay_secs
        self.session_creation_timeout_secs = session_creation_timeout_secs
        self.cluster_spec = ClusterSpec(task.get("cluster", {}))
        role = task.get("task", {})
        self.task_type = str(role.get("type", TaskType.WORKER))
        self.task_id = int(role.get("index", 0))
        jobs = self.cluster_spec.as_dict()
        self.is_chief = not jobs or self.task_type in (TaskType.CHIEF, TaskType.MASTER)
        self.master = self.evaluation_master = ""
        self.num_ps_replicas = len(jobs.get(TaskType.PS, ()))
        workers = sum(
            len(jobs.get(kind, ())) for kind in (TaskType.WORKER, TaskType.CHIEF, TaskType.MASTER)
        )
        self.num_worker_replicas = workers or 1
        self.global_id_in_cluster = 0 if self.is_chief else self.task_id
        self.service = task.get("service")

    def replace(self, **kwargs: Any) -> RunConfig:
        """A copy with some settings changed.

        Raises
        ------
        ValueError : a name is not among those that may change; both ways of saving are given.
        """
        changed = copy.copy(self)
        for name in kwargs:
            if name not in _REPLACEABLE:
                raise ValueError(
                    f"Replacing {name} is not supported. Allowed properties are "
                    f"{list(_REPLACEABLE)}."
                )
        if {"save_checkpoints_steps", "save_checkpoints_secs"} <= set(kwargs):
            if None not in (kwargs["save_checkpoints_steps"], kwargs["save_checkpoints_secs"]):
                raise ValueError(
                    "`save_checkpoints_steps` and `save_checkpoints_secs` cannot be both set."
                )
        elif "save_checkpoints_steps" in kwargs:
            changed.save_checkpoints_secs = None
        elif "save_checkpoints_secs" in kwargs:
            changed.save_checkpoints_steps = None
        for name, value in kwargs.items():
            setattr(changed, name, value)
        return changed

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _REPLACEABLE)
        return f"{type(self).__name__}({shown})"


def _task_of_environment() -> dict[str, Any]:
    found = json.loads(os.environ.get("TF_CONFIG") or "{}")
    return dict(found)
