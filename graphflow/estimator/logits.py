"""What canned models compute: logits of a linear model, of a deep one, of none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow.estimator.model_fn import ModeKeys
from graphflow.feature_column.model import input_layer, linear_model
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.layers import batch_normalization, dense, dropout
from graphflow.ops.creation import ones
from graphflow.ops.initializers import GlorotUniform, Zeros
from graphflow.ops.nn import zero_fraction
from graphflow.ops.partitioned_variables import min_max_variable_partitioner
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.summaries import histogram, scalar
from graphflow.ops.variable_scope import get_variable, variable_scope

LARGE_SLICE = 64 << 20  # bytes: smaller variables are not split


def checked_features(features: Any) -> Mapping[str, Any]:
    """ValueError unless features are a dict."""
    if not isinstance(features, Mapping):
        raise ValueError(
            f"features should be a dictionary of `Tensor`s. Given type: {type(features)}"
        )
    return features


def partitioner(config: Any, min_slice_size: int = 256 << 10) -> Any:
    """Variables in one part, under the names of parts, as TensorFlow's canned models have them."""
    return min_max_variable_partitioner(
        max_partitions=config.num_ps_replicas if config else 0, min_slice_size=min_slice_size
    )


def linear_logits(
    features: Mapping[str, Any], columns: Any, units: int, sparse_combiner: str
) -> Tensor:
    """The logits of a linear model, in the current scope."""
    noted: dict[Any, Any] = {}
    logits = linear_model(
        features, columns, units=units, sparse_combiner=sparse_combiner, cols_to_vars=noted
    )
    bias = noted.pop("bias")
    if units > 1:
        histogram("bias", bias[0])
    else:
        scalar("bias", bias[0][0])
    return logits


def deep_logits(
    features: Mapping[str, Any], columns: Any, units: int, hidden_units: Sequence[int],
    activation_fn: Callable[..., Any] | None, rate: float | None, batch_norm: bool, mode: str,
    input_layer_partitioner: Any,
) -> Tensor:  # fmt: skip
    """The logits of a network of dense layers, in the current scope."""
    is_training = mode == ModeKeys.TRAIN
    with variable_scope("input_from_feature_columns", partitioner=input_layer_partitioner):
        net = input_layer(features, columns)
    for number, count in enumerate(hidden_units):
        with variable_scope(f"hiddenlayer_{number}") as scope:
            net = dense(
                net, count, activation=activation_fn, kernel_initializer=GlorotUniform(),
                name=scope,
            )  # fmt: skip
            if rate is not None and is_training:
                net = dropout(net, rate=rate, training=True)
            if batch_norm:
                # A momentum of 0.99 makes the averages of short trainings useless or worse.
                net = batch_normalization(
                    net, momentum=0.999, training=is_training, name=f"batchnorm_{number}"
                )
        _summarise(net, scope.name)
    with variable_scope("logits") as scope:
        logits = dense(net, units, kernel_initializer=GlorotUniform(), name=scope)
    _summarise(logits, scope.name)
    return logits


def _summarise(value: Tensor, tag: str) -> None:
    scalar(f"{tag}/fraction_of_zero_values", zero_fraction(value))
    histogram(f"{tag}/activation", value)


def baseline_logits(features: Any, units: int) -> Tensor:
    """A bias for each example."""
    given = list(features.values()) if isinstance(features, Mapping) else [features]
    if not given:
        raise ValueError("features must not be empty")
    first = given[0]
    rows = first.dense_shape[0] if isinstance(first, SparseTensor) else shape_of(first)[0]
    with variable_scope("baseline"):
        bias = get_variable("bias", shape=[units], initializer=Zeros())
        return bias * ones([rows, units])
