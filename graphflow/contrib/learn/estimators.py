"""The estimators of `tf.contrib.learn`: those of `tf.estimator`, with arrays as inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from graphflow.estimator import deep, linear
from graphflow.estimator import estimator as core
from graphflow.estimator.inputs import numpy_input_fn
from graphflow.estimator.model_fn import EstimatorSpec
from graphflow.estimator.model_fn import ModeKeys as _ModeKeys
from graphflow.estimator.run_config import RunConfig as _RunConfig
from graphflow.feature_column.dense import numeric_column
from graphflow.graph.graph import Graph
from graphflow.nn import relu
from graphflow.runtime.protos import ConfigProto


class ModeKeys(_ModeKeys):
    """What a model is built for."""

    INFER = "infer"


class RunConfig(_RunConfig):
    """A `tf.estimator.RunConfig` with the arguments of `tf.contrib.learn`.

    Parameters
    ----------
    num_cores : how many threads compute; chosen when 0.
    save_checkpoints_secs, save_checkpoints_steps : every 600 seconds when both are left out.
    master, log_device_placement, gpu_memory_fraction, evaluation_master : accepted.
    """

    def __init__(
        self, master: str | None = None, num_cores: int = 0, log_device_placement: bool = False,
        gpu_memory_fraction: float = 1, tf_random_seed: int | None = None,
        save_summary_steps: int | None = 100, save_checkpoints_secs: float | None = 600,
        save_checkpoints_steps: int | None = None, keep_checkpoint_max: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000, log_step_count_steps: int | None = 100,
        protocol: str | None = None, evaluation_master: str = "", model_dir: Any = None,
        session_config: Any = None, session_creation_timeout_secs: float = 7200,
    ) -> None:  # fmt: skip
        if session_config is None and num_cores:
            session_config = ConfigProto(intra_op_parallelism_threads=num_cores)
        super().__init__(
            model_dir=model_dir, tf_random_seed=tf_random_seed,
            save_summary_steps=save_summary_steps, save_checkpoints_steps=save_checkpoints_steps,
            save_checkpoints_secs=None if save_checkpoints_steps else save_checkpoints_secs,
            session_config=session_config, keep_checkpoint_max=keep_checkpoint_max,
            keep_checkpoint_every_n_hours=keep_checkpoint_every_n_hours,
            log_step_count_steps=log_step_count_steps, protocol=protocol,
            session_creation_timeout_secs=session_creation_timeout_secs,
        )  # fmt: skip


class ModelFnOps(NamedTuple):
    """What a model function of `tf.contrib.learn` returns."""

    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metric_ops: Any = None
    output_alternatives: Any = None
    training_chief_hooks: Any = None
    training_hooks: Any = None
    scaffold: Any = None


def _spec_of(made: Any, mode: str) -> EstimatorSpec:
    """An EstimatorSpec from what a model function returned."""
    if isinstance(made, EstimatorSpec):
        return made
    if isinstance(made, ModelFnOps):
        return EstimatorSpec(
            mode, made.predictions, made.loss, made.train_op, made.eval_metric_ops,
            training_chief_hooks=made.training_chief_hooks, training_hooks=made.training_hooks,
            scaffold=made.scaffold,
        )  # fmt: skip
    predictions, loss, train_op = made
    return EstimatorSpec(mode, predictions, loss, train_op)


def _as_input(
    x: Any, y: Any, input_fn: Any, batch_size: int | None, epochs: Any, shuffle: bool
) -> Any:
    """An input function from arrays, unless one is given; the features are named ``""``."""
    if input_fn is not None:
        return input_fn
    given = dict(x) if isinstance(x, Mapping) else {"": np.asarray(x)}
    first = next(iter(given.values()))
    labels = y if y is None or isinstance(y, Mapping) else np.asarray(y)
    return numpy_input_fn(
        {key: np.asarray(value) for key, value in given.items()}, labels,
        batch_size=batch_size or len(first), num_epochs=epochs, shuffle=shuffle,
    )  # fmt: skip


class _WithArrays:
    """Methods that take arrays in place of an input function."""

    def fit(
        self: Any, x: Any = None, y: Any = None, input_fn: Any = None, steps: int | None = None,
        batch_size: int | None = None, monitors: Iterable[Any] | None = None,
        max_steps: int | None = None,
    ) -> Any:  # fmt: skip
        """Train; returns the estimator."""
        chosen = _as_input(x, y, input_fn, batch_size, None, True)
        return self.train(chosen, hooks=list(monitors or ()), steps=steps, max_steps=max_steps)

    partial_fit = fit

    def evaluate(
        self: Any, x: Any = None, y: Any = None, input_fn: Any = None, feed_fn: Any = None,
        batch_size: int | None = None, steps: int | None = None, metrics: Any = None,
        name: str | None = None, checkpoint_path: str | None = None, hooks: Any = None,
        log_progress: bool = True,
    ) -> dict[str, Any]:  # fmt: skip
        """The metrics over the input."""
        if callable(x) and input_fn is None:
            x, input_fn = None, x
        chosen = _as_input(x, y, input_fn, batch_size, 1, False)
        return core.Estimator.evaluate(self, chosen, steps, hooks, checkpoint_path, name)

    def predict(
        self: Any, x: Any = None, input_fn: Any = None, batch_size: int | None = None,
        outputs: Any = None, as_iterable: bool = True,
    ) -> Any:  # fmt: skip
        """The predictions: an iterator, or an array (a dict of arrays)."""
        if callable(x) and input_fn is None:
            x, input_fn = None, x
        chosen = _as_input(x, None, input_fn, batch_size, 1, False)
        found = core.Estimator.predict(self, chosen, predict_keys=outputs)
        if as_iterable:
            return found
        rows = list(found)
        if rows and isinstance(rows[0], Mapping):
            return {key: np.array([row[key] for row in rows]) for key in rows[0]}
        return np.array(rows)


class Estimator(_WithArrays, core.Estimator):  # type: ignore[misc]
    """Trains and uses the model that a function builds.

    Parameters
    ----------
    model_fn : returns `ModelFnOps`, or predictions, loss and train operation.
    feature_engineering_fn : gets features and labels, and returns them as the model takes them.
    """

    def __init__(
        self, model_fn: Any = None, model_dir: Any = None, config: Any = None, params: Any = None,
        feature_engineering_fn: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model_fn, model_dir, config, params)
        self._engineering = feature_engineering_fn

    def _call_model_fn(self, features: Any, labels: Any, mode: str, config: Any) -> EstimatorSpec:
        if isinstance(features, Mapping) and set(features) == {""}:
            features = features[""]
        if self._engineering is not None:
            features, labels = self._engineering(features, labels)
        known = {"labels": labels, "mode": mode, "params": self.params, "config": config}
        given = {k: v for k, v in known.items() if k in self._arguments}
        # The models of this interface take features and labels by position, whatever their names.
        labels = given.pop("labels", None)
        return _spec_of(self._model_fn(features, labels, **given), mode)


class LinearClassifier(_WithArrays, linear.LinearClassifier):  # type: ignore[misc]
    """A linear classifier."""

    def __init__(
        self, feature_columns: Any, model_dir: Any = None, n_classes: int = 2,
        weight_column_name: str | None = None, optimizer: Any = None, config: Any = None,
        label_keys: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            feature_columns, model_dir, n_classes, weight_column_name, label_keys, optimizer,
            config, loss_reduction="weighted_mean",
        )  # fmt: skip


class LinearRegressor(_WithArrays, linear.LinearRegressor):  # type: ignore[misc]
    """A linear regression."""

    def __init__(
        self, feature_columns: Any, model_dir: Any = None, weight_column_name: str | None = None,
        optimizer: Any = None, label_dimension: int = 1, config: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            feature_columns, model_dir, label_dimension, weight_column_name, optimizer, config,
            loss_reduction="weighted_mean",
        )  # fmt: skip


class DNNClassifier(_WithArrays, deep.DNNClassifier):  # type: ignore[misc]
    """A deep classifier."""

    def __init__(
        self, hidden_units: Any, feature_columns: Any, model_dir: Any = None, n_classes: int = 2,
        weight_column_name: str | None = None, optimizer: Any = None, activation_fn: Any = relu,
        dropout: float | None = None, config: Any = None, label_keys: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            hidden_units, feature_columns, model_dir, n_classes, weight_column_name, label_keys,
            optimizer or "Adagrad", activation_fn, dropout, config=config,
            loss_reduction="weighted_mean",
        )  # fmt: skip


class DNNRegressor(_WithArrays, deep.DNNRegressor):  # type: ignore[misc]
    """A deep regression."""

    def __init__(
        self, hidden_units: Any, feature_columns: Any, model_dir: Any = None,
        weight_column_name: str | None = None, optimizer: Any = None, activation_fn: Any = relu,
        dropout: float | None = None, config: Any = None, label_dimension: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(
            hidden_units, feature_columns, model_dir, label_dimension, weight_column_name,
            optimizer or "Adagrad", activation_fn, dropout, config=config,
            loss_reduction="weighted_mean",
        )  # fmt: skip


class SKCompat:
    """An estimator with scikit-learn's methods: `fit`, `predict` and `score` of arrays."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def fit(
        self, x: Any, y: Any, batch_size: int = 128, steps: int | None = None,
        max_steps: int | None = None, monitors: Any = None,
    ) -> SKCompat:  # fmt: skip
        """Train."""
        self._estimator.fit(
            x, y, steps=steps, batch_size=batch_size, max_steps=max_steps, monitors=monitors
        )
        return self

    def score(
        self, x: Any, y: Any, batch_size: int = 128, steps: int | None = None,
        metrics: Any = None, name: str | None = None,
    ) -> Any:  # fmt: skip
        """The metrics."""
        return self._estimator.evaluate(x, y, batch_size=batch_size, steps=steps, name=name)

    def predict(self, x: Any, batch_size: int = 128, outputs: Any = None) -> Any:
        """The predictions as arrays."""
        return self._estimator.predict(x, batch_size=batch_size, outputs=outputs, as_iterable=False)


def infer_real_valued_columns_from_input(x: Any) -> list[Any]:
    """A numeric column for arrays of numbers, or one for each of a dict of them."""
    if isinstance(x, Mapping):
        return [numeric_column(key, np.shape(v)[1:] or (1,)) for key, v in sorted(x.items())]
    return [numeric_column("", np.shape(x)[1:] or (1,))]


def infer_real_valued_columns_from_input_fn(input_fn: Callable[[], Any]) -> list[Any]:
    """Numeric columns for what an input function gives."""
    with Graph().as_default():
        features, _ = input_fn()
        if not isinstance(features, Mapping):
            features = {"": features}
        return [
            numeric_column(key, tuple(t.shape.as_list()[1:]) or (1,))
            for key, t in sorted(features.items())
        ]
