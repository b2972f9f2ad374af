"""Linear models, and the baselines that look at no feature."""

from __future__ import annotations

import math
from typing import Any

from graphflow.estimator.estimator import Estimator
from graphflow.estimator.heads import Head, RegressionHead, classifier_head
from graphflow.estimator.logits import (
    LARGE_SLICE,
    baseline_logits,
    checked_features,
    linear_logits,
    partitioner,
)
from graphflow.estimator.optimizers import optimizer_of
from graphflow.losses import Reduction
from graphflow.ops.variable_scope import variable_scope
from graphflow.train import FtrlOptimizer
from graphflow.train.global_step import get_global_step

_RATE, _BASELINE_RATE = 0.2, 0.3


class LinearEstimator(Estimator):
    """A linear model with a head.

    Parameters
    ----------
    head : what the logits mean.
    feature_columns : the model's inputs.
    optimizer : an optimiser, its name, or a function that makes one.
    partitioner : how variables are split.
    sparse_combiner : how the weights of several ids become one: sum, mean or sqrtn.
    """

    def __init__(
        self, head: Head, feature_columns: Any, model_dir: Any = None, optimizer: Any = "Ftrl",
        config: Any = None, partitioner: Any = None, sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:  # fmt: skip
        columns = list(feature_columns or ())

        def model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
            return _linear_spec(
                features, labels, mode, head, columns, optimizer, partitioner, config,
                sparse_combiner,
            )  # fmt: skip

        super().__init__(model_fn, model_dir, config, warm_start_from=warm_start_from)


def _linear_spec(
    features: Any, labels: Any, mode: str, head: Head, columns: list[Any], optimizer: Any,
    splitting: Any, config: Any, sparse_combiner: str,
) -> Any:  # fmt: skip
    splitting = splitting or partitioner(config, LARGE_SLICE)
    values = list(checked_features(features).values())
    # The train operation is made in this scope, too: TensorFlow's slots are named so.
    with variable_scope("linear", values=values, partitioner=splitting):
        logits = linear_logits(features, columns, head.logits_dimension, sparse_combiner)
        if optimizer is None:
            chosen: Any = FtrlOptimizer(min(_RATE, 1.0 / math.sqrt(len(columns))))
        else:
            chosen = optimizer_of(optimizer, _RATE)
        return head.create_estimator_spec(
            features=features, mode=mode, labels=labels, optimizer=chosen, logits=logits
        )


class LinearClassifier(LinearEstimator):
    """A linear classifier.

    Parameters
    ----------
    n_classes : how many classes there are.
    weight_column : the feature of the examples' weights.
    label_vocabulary : the classes' names, where labels are texts.
    loss_reduction : how the examples' losses become one.
    """

    def __init__(
        self, feature_columns: Any, model_dir: Any = None, n_classes: int = 2,
        weight_column: Any = None, label_vocabulary: Any = None, optimizer: Any = "Ftrl",
        config: Any = None, partitioner: Any = None, warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM, sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(
            head, feature_columns, model_dir, optimizer, config, partitioner, sparse_combiner,
            warm_start_from,
        )  # fmt: skip


class LinearRegressor(LinearEstimator):
    """A linear regression of `label_dimension` numbers."""

    def __init__(
        self, feature_columns: Any, model_dir: Any = None, label_dimension: int = 1,
        weight_column: Any = None, optimizer: Any = "Ftrl", config: Any = None,
        partitioner: Any = None, warm_start_from: Any = None,
        loss_reduction: str = Reduction.SUM, sparse_combiner: str = "sum",
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(
            head, feature_columns, model_dir, optimizer, config, partitioner, sparse_combiner,
            warm_start_from,
        )  # fmt: skip


class BaselineEstimator(Estimator):
    """A model that predicts the same for every example."""

    def __init__(
        self, head: Head, model_dir: Any = None, optimizer: Any = "Ftrl", config: Any = None
    ) -> None:
        def model_fn(features: Any, labels: Any, mode: str, config: Any) -> Any:
            logits = baseline_logits(features, head.logits_dimension)

            def train_op_fn(loss: Any) -> Any:
                chosen = optimizer_of(optimizer, _BASELINE_RATE)
                return chosen.minimize(loss, global_step=get_global_step())

            return head.create_estimator_spec(
                features=features, mode=mode, logits=logits, labels=labels,
                train_op_fn=train_op_fn,
            )  # fmt: skip

        super().__init__(model_fn, model_dir, config)


class BaselineClassifier(BaselineEstimator):
    """A classifier that learns how frequent the classes are."""

    def __init__(
        self, model_dir: Any = None, n_classes: int = 2, weight_column: Any = None,
        label_vocabulary: Any = None, optimizer: Any = "Ftrl", config: Any = None,
        loss_reduction: str = Reduction.SUM,
    ) -> None:  # fmt: skip
        head = classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(head, model_dir, optimizer, config)


class BaselineRegressor(BaselineEstimator):
    """A regression that learns the labels' mean."""

    def __init__(
        self, model_dir: Any = None, label_dimension: int = 1, weight_column: Any = None,
        optimizer: Any = "Ftrl", config: Any = None, loss_reduction: str = Reduction.SUM,
    ) -> None:  # fmt: skip
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(head, model_dir, optimizer, config)
