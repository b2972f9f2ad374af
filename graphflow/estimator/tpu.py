"""TensorFlow's `tf.estimator.tpu` for programs that run without one (`use_tpu=False`).

Such programs give a batch size for each mode, which their functions find in their parameters, and
metrics as a function of tensors. The rest is an `Estimator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphflow.estimator import run_config
from graphflow.estimator.estimator import Estimator
from graphflow.estimator.model_fn import EstimatorSpec, ModeKeys
from graphflow.train.session_run_hook import SessionRunArgs, SessionRunHook

__all__ = ["InputPipelineConfig", "RunConfig", "TPUConfig", "TPUEstimator", "TPUEstimatorSpec"]


class InputPipelineConfig:
    """How input functions are called on the hosts of a TPU."""

    PER_SHARD_V1 = 1
    PER_HOST_V1 = 2
    PER_HOST_V2 = 3
    BROADCAST = 4
    SLICED = 5


class TPUConfig(NamedTuple):
    """Settings of a TPU, kept and not used."""

    iterations_per_loop: Any = 2
    num_shards: int | None = None
    num_cores_per_replica: int | None = None
    per_host_input_for_training: Any = True
    tpu_job_name: str | None = None
    initial_infeed_sleep_secs: int | None = None
    input_partition_dims: Any = None
    eval_training_input_configuration: int = InputPipelineConfig.PER_HOST_V1
    experimental_host_call_every_n_steps: int = 1


class RunConfig(run_config.RunConfig):
    """A `tf.estimator.RunConfig` with a `TPUConfig`; a cluster of TPUs is an error."""

    def __init__(
        self, tpu_config: TPUConfig | None = None, evaluation_master: str | None = None,
        master: str | None = None, cluster: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if cluster is not None:
            raise ValueError(f"Expected cluster=None, as there are no TPUs here, got {cluster!r}")
        super().__init__(**kwargs)
        self.tpu_config = tpu_config or TPUConfig()
        self.cluster = None
        self.master = master or ""
        self.evaluation_master = evaluation_master or self.master


class _HostCallHook(SessionRunHook):
    """Runs what a host call gave, in every step."""

    def __init__(self, fetches: Any) -> None:
        self._fetches = fetches

    def before_run(self, run_context: Any) -> SessionRunArgs:
        return SessionRunArgs(self._fetches)


def _called(name: str, pair: Any) -> Any:
    """What a pair of a function and its tensors gives."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"{name} should be tuple or list of 2 entries, got {pair!r}")
    function, tensors = pair
    if not callable(function) or not isinstance(tensors, (tuple, list, Mapping)):
        raise TypeError(
            f"{name} should be a function and a list, tuple or dict of tensors, got {pair!r}"
        )
    return function(**tensors) if isinstance(tensors, Mapping) else function(*tensors)


class TPUEstimatorSpec(NamedTuple):
    """The operations of a model in one mode; see `EstimatorSpec`.

    Attributes
    ----------
    eval_metrics : a function that gives metrics, and its tensors.
    scaffold_fn : makes a `Scaffold`.
    host_call : a function whose tensors are run in every step, and its tensors.
    """

    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metrics: Any = None
    export_outputs: Any = None
    scaffold_fn: Callable[[], Any] | None = None
    host_call: Any = None
    training_hooks: Any = None
    evaluation_hooks: Any = None
    prediction_hooks: Any = None

    def as_estimator_spec(self) -> EstimatorSpec:
        """The same as an `EstimatorSpec`."""
        metrics = self.eval_metrics and _called("eval_metrics", self.eval_metrics)
        more: list[Any] = []
        if self.host_call is not None:
            more.append(_HostCallHook(_called("host_call", self.host_call)))
        return EstimatorSpec(
            self.mode, self.predictions, self.loss, self.train_op, metrics, self.export_outputs,
            scaffold=self.scaffold_fn() if self.scaffold_fn else None,
            training_hooks=[*(self.training_hooks or ()), *more],
            evaluation_hooks=[*(self.evaluation_hooks or ()), *more],
            prediction_hooks=[*(self.prediction_hooks or ()), *more],
        )  # fmt: skip


class TPUEstimator(Estimator):
    """An `Estimator` that hands each mode's batch size on, as ``params["batch_size"]``.

    Parameters
    ----------
    use_tpu : must be False.
    train_batch_size, eval_batch_size, predict_batch_size : for each mode.
    batch_axis, eval_on_tpu, export_to_tpu, export_to_cpu, embedding_config_spec,
    export_saved_model_api_version : kept for programs that give them; for TPUs.

    Raises
    ------
    ValueError : a TPU is asked for, or `params` have a batch size already.
    """

    def __init__(
        self, model_fn: Any = None, model_dir: Any = None, config: Any = None, params: Any = None,
        use_tpu: bool = True, train_batch_size: int | None = None,
        eval_batch_size: int | None = None, predict_batch_size: int | None = None,
        batch_axis: Any = None, eval_on_tpu: bool = True, export_to_tpu: bool = True,
        export_to_cpu: bool = True, warm_start_from: Any = None,
        embedding_config_spec: Any = None, export_saved_model_api_version: Any = None,
    ) -> None:  # fmt: skip
        if use_tpu:
            raise ValueError("Expected use_tpu=False, as there are no TPUs here, got use_tpu=True")
        if params is not None and "batch_size" in params:
            raise ValueError(f"{{'batch_size'}} are reserved keys but existed in params {params}.")
        super().__init__(model_fn, model_dir, config, params or {}, warm_start_from)
        self._sizes = {ModeKeys.TRAIN: train_batch_size, ModeKeys.EVAL: eval_batch_size,
                       ModeKeys.PREDICT: predict_batch_size}  # fmt: skip

    def _params_in(self, mode: str) -> Any:
        params = self.params
        size = self._sizes.get(mode)
        if size is not None and hasattr(params, "add_hparam"):
            params.add_hparam("batch_size", size)
        elif size is not None:
            params["batch_size"] = size
        return params

    def _spec_of(self, made: Any) -> Any:
        return made.as_estimator_spec() if isinstance(made, TPUEstimatorSpec) else made
