"""Deep models: networks of dense layers over feature columns, alone and with a linear model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.estimator.estimator import Estimator
from graphflow.estimator.heads import Head, RegressionHead, classifier_head
from graphflow.estimator.logits import (
    LARGE_SLICE,
    checked_features,
    deep_logits,
    linear_logits,
    partitioner,
)
from graphflow.estimator.optimizers import optimizer_of
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import control_dependencies, get_collection
from graphflow.graph.tensor import Tensor
from graphflow.losses import Reduction
from graphflow.nn import relu
from graphflow.ops.identity import group
from graphflow.ops.nn import zero_fraction
from graphflow.ops.state import assign_add
from graphflow.ops.summaries import histogram, scalar
from graphflow.ops.variable_scope import variable_scope
from graphflow.train.global_step import get_global_step
from graphflow.train.sync_replicas import SyncReplicasOptimizer

_RATE, _DEEP_RATE_COMBINED, _LINEAR_RATE_COMBINED = 0.05, 0.001, 0.005


class DNNEstimator(Estimator):
    """A network of dense layers with a head.

    Parameters
    ----------
    head : what the logits mean.
    hidden_units : the layers' sizes.
    feature_columns : the model's inputs, dense columns.
    optimizer : an optimiser, its name, or a function that makes one.
    activation_fn : after each layer.
    dropout : the share of values that are dropped in training; none when None.
    input_layer_partitioner : how the embeddings are split.
    batch_norm : normalise batches after each layer.
    """

    def __init__(
        self, head: Head, hidden_units: Sequence[int], feature_columns: Any,
        model_dir: Any = None, optimizer: Any = "Adagrad",
        activation_fn: Callable[..., Any] | None = relu, dropout: float | None = None,
        input_layer_partitioner: Any = None, config: Any = None, warm_start_from: Any = None,
        batch_norm: bool = False,
    ) -> None:  # fmt: skip
        columns = list(feature_columns or ())

        def model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
            chosen = optimizer_of(optimizer, _RATE)
            values = list(checked_features(features).values())
            with variable_scope("dnn", values=values, partitioner=partitioner(config)):
                logits = deep_logits(
                    features, columns, head.logits_dimension, hidden_units, activation_fn,
                    dropout, batch_norm, mode,
                    input_layer_partitioner or partitioner(config, LARGE_SLICE),
                )  # fmt: skip
                return head.create_estimator_spec(
                    features=features, mode=mode, labels=labels, optimizer=chosen, logits=logits
                )

        super().__init__(model_fn, model_dir, config, warm_start_from=warm_start_from)


class DNNClassifier(DNNEstimator):
    """A deep classifier; see `DNNEstimator` and `LinearClassifier`."""

    def __init__(
        self, hidden_units: Sequence[int], feature_columns: Any, model_dir: Any = None,
        n_classes: int = 2, weight_column: Any = None, label_vocabulary: Any = None,
        optimizer: Any = "Adagrad", activation_fn: Callable[..., Any] | None = relu,
        dropout: float | None = None, input_layer_partitioner: Any = None, config: Any = None,
        warm_start_from: Any = None, loss_reduction: str = Reduction.SUM,
        batch_norm: bool = False,
    ) -> None:  # fmt: skip
        head = classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(
            head, hidden_units, feature_columns, model_dir, optimizer, activation_fn, dropout,
            input_layer_partitioner, config, warm_start_from, batch_norm,
        )  # fmt: skip


class DNNRegressor(DNNEstimator):
    """A deep regression of `label_dimension` numbers; see `DNNEstimator`."""

    def __init__(
        self, hidden_units: Sequence[int], feature_columns: Any, model_dir: Any = None,
        label_dimension: int = 1, weight_column: Any = None, optimizer: Any = "Adagrad",
        activation_fn: Callable[..., Any] | None = relu, dropout: float | None = None,
        input_layer_partitioner: Any = None, config: Any = None, warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM, batch_norm: bool = False,
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(
            head, hidden_units, feature_columns, model_dir, optimizer, activation_fn, dropout,
            input_layer_partitioner, config, warm_start_from, batch_norm,
        )  # fmt: skip


class DNNLinearCombinedEstimator(Estimator):
    """The sum of a deep and a linear model, each with its optimiser; either may be left out.

    Parameters
    ----------
    head : what the logits mean.
    linear_feature_columns, linear_optimizer, linear_sparse_combiner : see `LinearEstimator`.
    dnn_feature_columns, dnn_optimizer, dnn_hidden_units, dnn_activation_fn, dnn_dropout,
    input_layer_partitioner, batch_norm : see `DNNEstimator`.
    """

    def __init__(
        self, head: Head, model_dir: Any = None, linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl", dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad", dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable[..., Any] | None = relu, dnn_dropout: float | None = None,
        input_layer_partitioner: Any = None, config: Any = None, batch_norm: bool = False,
        linear_sparse_combiner: str = "sum", warm_start_from: Any = None,
    ) -> None:  # fmt: skip
        wide, deep = list(linear_feature_columns or ()), list(dnn_feature_columns or ())
        if not wide and not deep:
            raise ValueError(
                "Either linear_feature_columns or dnn_feature_columns must be defined."
            )
        if deep and not dnn_hidden_units:
            raise ValueError(
                "dnn_hidden_units must be defined when dnn_feature_columns is specified."
            )

        def model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
            values = list(checked_features(features).values())
            splitting = input_layer_partitioner or partitioner(config, LARGE_SLICE)
            parts: list[tuple[Tensor, Any, str]] = []
            if deep:
                chosen = _checked(optimizer_of(dnn_optimizer, _DEEP_RATE_COMBINED))
                with variable_scope("dnn", values=values, partitioner=partitioner(config)) as scope:
                    logits = deep_logits(
                        features, deep, head.logits_dimension, dnn_hidden_units or (),
                        dnn_activation_fn, dnn_dropout, batch_norm, mode, splitting,
                    )  # fmt: skip
                parts.append((logits, chosen, scope.name))
            if wide:
                rate = min(_LINEAR_RATE_COMBINED, 1.0 / math.sqrt(len(wide)))
                chosen = _checked(optimizer_of(linear_optimizer, rate))
                with variable_scope("linear", values=values, partitioner=splitting) as scope:
                    logits = linear_logits(
                        features, wide, head.logits_dimension, linear_sparse_combiner
                    )
                    scalar(f"{scope.name}/fraction_of_zero_values", zero_fraction(logits))
                    histogram(f"{scope.name}/activation", logits)
                parts.append((logits, chosen, scope.name))
            total = parts[0][0] if len(parts) == 1 else parts[0][0] + parts[1][0]
            return head.create_estimator_spec(
                features=features, mode=mode, labels=labels, logits=total,
                train_op_fn=lambda loss: _train_op(loss, parts),
            )  # fmt: skip

        super().__init__(model_fn, model_dir, config, warm_start_from=warm_start_from)


def _checked(optimizer: Any) -> Any:
    if isinstance(optimizer, SyncReplicasOptimizer):
        raise ValueError(
            "SyncReplicasOptimizer does not support multi optimizers case. Therefore, it is not "
            "supported in DNNLinearCombined model. If you want to use this optimizer, please use "
            "either DNN or Linear model."
        )
    return optimizer


def _train_op(loss: Tensor, parts: Sequence[tuple[Tensor, Any, str]]) -> Any:
    """One step of each model's optimiser."""
    steps = []
    for _, optimizer, scope in parts:
        variables = get_collection(GraphKeys.TRAINABLE_VARIABLES, scope=scope)
        steps.append(optimizer.minimize(loss, var_list=variables))
    with control_dependencies([group(*steps)]):
        return assign_add(get_global_step(), 1).op


class DNNLinearCombinedClassifier(DNNLinearCombinedEstimator):
    """A classifier that is deep and wide."""

    def __init__(
        self, model_dir: Any = None, linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl", dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad", dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable[..., Any] | None = relu, dnn_dropout: float | None = None,
        n_classes: int = 2, weight_column: Any = None, label_vocabulary: Any = None,
        input_layer_partitioner: Any = None, config: Any = None, warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM, batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(
            head, model_dir, linear_feature_columns, linear_optimizer, dnn_feature_columns,
            dnn_optimizer, dnn_hidden_units, dnn_activation_fn, dnn_dropout,
            input_layer_partitioner, config, batch_norm, linear_sparse_combiner, warm_start_from,
        )  # fmt: skip


class DNNLinearCombinedRegressor(DNNLinearCombinedEstimator):
    """A regression that is deep and wide."""

    def __init__(
        self, model_dir: Any = None, linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl", dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad", dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Callable[..., Any] | None = relu, dnn_dropout: float | None = None,
        label_dimension: int = 1, weight_column: Any = None, input_layer_partitioner: Any = None,
        config: Any = None, warm_start_from: Any = None, loss_reduction: str = Reduction.SUM,
        batch_norm: bool = False, linear_sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(
            head, model_dir, linear_feature_columns, linear_optimizer, dnn_feature_columns,
            dnn_optimizer, dnn_hidden_units, dnn_activation_fn, dnn_dropout,
            input_layer_partitioner, config, batch_norm, linear_sparse_combiner, warm_start_from,
        )  # fmt: skip
