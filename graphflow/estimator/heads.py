"""Heads: what a model's logits mean, with their loss, predictions, metrics and exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphflow import metrics
from graphflow.estimator.export_output import (
    ClassificationOutput,
    PredictOutput,
    RegressionOutput,
)
from graphflow.estimator.model_fn import EstimatorSpec, ModeKeys
from graphflow.feature_column.base import Features
from graphflow.feature_column.dense import NumericColumn, numeric_column
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_collection, name_scope
from graphflow.graph.dtypes import float32, string
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.lookup_tables import index_table_from_tensor, index_to_string_table_from_tensor
from graphflow.losses import (
    Reduction,
    compute_weighted_loss,
    mean_squared_error,
    sparse_softmax_cross_entropy,
)
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import equal, greater_equal, less, logical_and
from graphflow.ops.creation import zeros_like
from graphflow.ops.elementwise import add_n, maximum
from graphflow.ops.identity import group, identity
from graphflow.ops.joining import concat
from graphflow.ops.losses import sigmoid_cross_entropy_with_logits
from graphflow.ops.reductions import argmax, reduce_all, reduce_sum
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, squeeze
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import tile
from graphflow.ops.softmax import softmax
from graphflow.ops.summaries import scalar
from graphflow.ops.text_conversions import as_string
from graphflow.ops.unary import sigmoid
from graphflow.ops.weights import broadcast_weights
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.train.global_step import get_global_step


class LossSpec(NamedTuple):
    """A loss, and what it was computed from."""

    training_loss: Tensor
    unreduced_loss: Tensor
    weights: Any
    processed_labels: Tensor


class Head:
    """What logits mean. Subclasses give predictions, losses by example, metrics and exports.

    Parameters
    ----------
    logits_dimension : how many logits an example has.
    weight_column : the feature, or the numeric column, of the examples' weights.
    loss_reduction : how the examples' losses become one.
    loss_fn : ``loss_fn(labels, logits)`` in place of the head's own loss.
    name : is added to the names of metrics.
    """

    labels_dimension = 1
    allows_weights_by_logit = False

    def __init__(
        self, logits_dimension: int, weight_column: Any, loss_reduction: str,
        loss_fn: Callable[..., Any] | None, name: str | None,
    ) -> None:  # fmt: skip
        if loss_reduction not in Reduction.all() or loss_reduction == Reduction.NONE:
            raise ValueError(f"Invalid loss_reduction: {loss_reduction}")
        self.logits_dimension, self.name = logits_dimension, name
        self._weight_column, self._reduction = weight_column, loss_reduction
        self._loss_fn = loss_fn

    # ---- what kinds of heads differ in

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        """The predictions by name."""
        raise NotImplementedError

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """The outputs for serving by name."""
        raise NotImplementedError

    def processed_labels(self, labels: Tensor) -> Tensor:
        """Labels as the loss takes them."""
        raise NotImplementedError

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """A loss for each example."""
        raise NotImplementedError

    def metric_ops(self, spec: LossSpec, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """The metrics by name, beside the loss's mean."""
        raise NotImplementedError

    # ---- what they share

    def create_loss(self, features: Any, mode: str, logits: Any, labels: Any) -> LossSpec:
        """The loss of a batch."""
        logits = convert_to_tensor(logits)
        ready = self.processed_labels(_shaped_labels(labels, logits, self.labels_dimension))
        if self._loss_fn is None:
            losses = self.losses(ready, logits)
        else:
            losses = self._loss_fn(labels=ready, logits=logits)
        weights = self._weights(features, logits)
        total = compute_weighted_loss(losses, weights, reduction=self._reduction)
        return LossSpec(total, losses, weights, ready)

    def create_estimator_spec(
        self, features: Any, mode: str, logits: Any, labels: Any = None, optimizer: Any = None,
        train_op_fn: Callable[[Tensor], Any] | None = None, regularization_losses: Any = None,
    ) -> EstimatorSpec:  # fmt: skip
        """The operations of a model with these logits.

        Raises
        ------
        ValueError : to train, neither or both of `optimizer` and `train_op_fn` are given.
        """
        with name_scope(self.name, "head"):
            logits = _checked_logits(logits, self.logits_dimension)
            with name_scope(None, "predictions", [logits]):
                predictions = self.predictions(logits)
            if mode == ModeKeys.PREDICT:
                return EstimatorSpec(
                    mode, predictions=predictions, export_outputs=self.exports(predictions)
                )
            spec = self.create_loss(features, mode, logits, labels)
            penalty = add_n(regularization_losses) if regularization_losses else None
            loss = spec.training_loss
            if penalty is not None:
                loss = add_n([loss, penalty])
            if mode == ModeKeys.EVAL:
                with name_scope(None, "metrics"):
                    found = self._metrics(spec, predictions, penalty)
                return EstimatorSpec(
                    mode, predictions=predictions, loss=loss, eval_metric_ops=found
                )
            if (optimizer is None) == (train_op_fn is None):
                both = "None" if optimizer is None else "set"
                raise ValueError(f"train_op_fn and optimizer cannot both be {both}.")
            if optimizer is not None:
                train_op = optimizer.minimize(loss, global_step=get_global_step())
            else:
                assert train_op_fn is not None
                train_op = train_op_fn(loss)
            updates = get_collection(GraphKeys.UPDATE_OPS)
            if updates:
                train_op = group(train_op, *updates)
        self._summarise(spec, loss, penalty)
        return EstimatorSpec(mode, predictions=predictions, loss=loss, train_op=train_op)

    def _metrics(
        self, spec: LossSpec, predictions: Mapping[str, Tensor], penalty: Any
    ) -> dict[str, Any]:
        found = {
            "average_loss": metrics.mean(
                spec.unreduced_loss, weights=spec.weights, name="average_loss"
            ),
            **self.metric_ops(spec, predictions),
        }
        if penalty is not None:
            found["regularization_loss"] = metrics.mean(penalty, name="regularization_loss")
        return {self._key(key): value for key, value in found.items()}

    def _key(self, key: str) -> str:
        return f"{key}/{self.name}" if self.name else key

    def _summarise(self, spec: LossSpec, loss: Tensor, penalty: Any) -> None:
        mean_loss = None
        if self._reduction == Reduction.SUM:
            weights = broadcast_weights(spec.weights, spec.unreduced_loss)
            mean_loss = spec.training_loss / reduce_sum(cast(weights, float32))
        with name_scope(""):
            scalar(self._key("loss"), loss)
            if mean_loss is not None:
                scalar(self._key("average_loss"), mean_loss)
            if penalty is not None:
                scalar(self._key("regularization_loss"), penalty)

    def _weights(self, features: Any, logits: Tensor) -> Any:
        """The examples' weights as [batch, 1]; 1 without a weight column."""
        if self._weight_column is None:
            return 1.0
        column = self._weight_column
        if isinstance(column, str):
            column = numeric_column(column, shape=(1,))
        if not isinstance(column, NumericColumn):
            raise TypeError(
                "Weight column must be either a string or _NumericColumn. Given type: "
                f"{type(column)}."
            )
        with name_scope(None, "weights"):
            weights = column.dense(Features(features))
            if weights.shape.rank == (logits.shape.rank or 0) - 1:
                weights = expand_dims(weights, -1)
            wanted = logits.shape.as_list()[-1] if self.allows_weights_by_logit else 1
            if weights.shape.as_list()[-1] not in (None, 1, wanted):
                raise ValueError(
                    "weights shape must be [D0, D1, ... DN] or [D0, D1, ... DN, 1], got "
                    f"{weights.shape}"
                )
            return weights


def _shaped_labels(labels: Any, logits: Tensor, dimension: int) -> Tensor:
    """Labels with as many axes as the logits, `dimension` for each example."""
    if labels is None:
        raise ValueError(
            "You must provide a labels Tensor. Given: None. Suggested troubleshooting steps: Check "
            "that your data contain your label feature. Check that your input_fn properly parses "
            "and returns labels."
        )
    with name_scope(None, "labels"):
        if isinstance(labels, SparseTensor):
            raise ValueError(
                "SparseTensor labels are not supported. labels must be a Tensor of shape "
                f"[D0, D1, ..., DN, {dimension}], e.g. [batch_size, {dimension}]."
            )
        found = convert_to_tensor(labels)
        rank = found.shape.rank
        if rank is not None and rank == (logits.shape.rank or 0) - 1:
            found = expand_dims(found, -1)
        if rank is not None and found.shape.as_list()[-1] not in (None, dimension):
            raise ValueError(
                f"Mismatched label shape. Expected labels dimension={dimension}.  Received "
                f"{found.shape.as_list()[-1]}. Suggested Fix:If your classifier expects one-hot "
                "encoding label,check your n_classes argument to the estimator and/or the shape "
                "of your label. Otherwise, check the shape of your label."
            )
        wanted = concat([shape_of(logits)[:-1], [dimension]], 0)
        check = Assert(
            reduce_all(equal(wanted, shape_of(found))),
            [f"labels shape must be [D0, D1, ... DN, {dimension}]", wanted, shape_of(found)],
        )
        with control_dependencies([check]):
            return identity(found)


def _checked_logits(logits: Any, dimension: int) -> Tensor:
    with name_scope(None, "logits"):
        found: Tensor = cast(convert_to_tensor(logits), float32)
        last = found.shape.as_list()[-1] if found.shape.rank else None
        if last not in (None, dimension):
            raise ValueError(
                "logits shape must be [D0, D1, ... DN, logits_dimension], got "
                f"{tuple(found.shape.as_list())}."
            )
        return found


def _in_range(labels: Tensor, n_classes: int) -> Tensor:
    with name_scope(None, "assert_range"):
        zero, count = cast(0, labels.dtype), cast(n_classes, labels.dtype)
        inside = reduce_all(logical_and(greater_equal(labels, zero), less(labels, count)))
        if labels.dtype.is_floating:
            inside = reduce_all(
                logical_and(greater_equal(labels, zero), greater_equal(count - 1, labels))
            )
        check = Assert(inside, [f"Labels must be in [0, {n_classes - 1}]", labels])
        with control_dependencies([check]):
            return identity(labels)


class _Classifier(Head):
    """What heads of classifiers share: classes by number and by name."""

    def __init__(self, n_classes: int, label_vocabulary: Sequence[Any] | None, *rest: Any) -> None:
        if label_vocabulary is not None and not isinstance(label_vocabulary, (list, tuple)):
            raise TypeError(
                f"label_vocabulary should be a list or tuple. Given type: {type(label_vocabulary)}"
            )
        super().__init__(*rest)
        self._n_classes, self._vocabulary = n_classes, label_vocabulary

    def _numbered(self, labels: Tensor) -> Tensor:
        table = index_table_from_tensor(list(self._vocabulary or ()), name="class_id_lookup")
        found: Tensor = table.lookup(labels)
        return found

    def _class_names(self) -> Any:
        if self._vocabulary:
            return convert_to_tensor(list(self._vocabulary))
        return as_string(range_of(self._n_classes))

    def _classes(self, class_ids: Tensor) -> Tensor:
        if not self._vocabulary:
            return as_string(class_ids, name="str_classes")
        table = index_to_string_table_from_tensor(
            list(self._vocabulary), name="class_string_lookup"
        )
        found: Tensor = table.lookup(class_ids)
        return found

    def _for_all(self, row: Any, logits: Tensor) -> Tensor:
        """A row for every example."""
        return tile(expand_dims(row, 0), [shape_of(logits)[0], 1])

    def _of_classes(self, class_ids: Tensor, logits: Tensor) -> dict[str, Tensor]:
        return {
            "class_ids": class_ids,
            "classes": self._classes(class_ids),
            "all_class_ids": self._for_all(range_of(self._n_classes), logits),
            "all_classes": self._for_all(self._class_names(), logits),
        }

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """Classification by default."""
        scores = predictions["probabilities"]
        made = ClassificationOutput(scores, self._for_all(self._class_names(), scores))
        return {
            DEFAULT_SERVING_SIGNATURE_DEF_KEY: made, "classification": made,
            "predict": PredictOutput(predictions),
        }  # fmt: skip


class MultiClassHead(_Classifier):
    """One of several classes, with the softmax's cross entropy."""

    def __init__(
        self, n_classes: int, weight_column: Any = None, label_vocabulary: Any = None,
        loss_reduction: str = Reduction.SUM, loss_fn: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        if n_classes is None or n_classes <= 2:
            raise ValueError(f"n_classes must be > 2: {n_classes}.")
        super().__init__(
            n_classes, label_vocabulary, n_classes, weight_column, loss_reduction, loss_fn, name
        )

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        """Probabilities, and the likeliest class."""
        class_ids = expand_dims(argmax(logits, axis=-1, name="class_ids"), -1)
        return {
            "logits": logits, "probabilities": softmax(logits, name="probabilities"),
            **self._of_classes(class_ids, logits),
        }  # fmt: skip

    def processed_labels(self, labels: Tensor) -> Tensor:
        """Numbers of classes."""
        if self._vocabulary is None:
            if not labels.dtype.is_integer:
                raise ValueError(f"Labels dtype should be integer. Instead got {labels.dtype}.")
        else:
            if labels.dtype.base_dtype is not string:
                raise ValueError(
                    "Labels dtype should be string if there is a vocabulary. Instead got "
                    f"{labels.dtype}"
                )
            labels = self._numbered(labels)
        return _in_range(labels, self._n_classes)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Cross entropy."""
        made = sparse_softmax_cross_entropy(labels, logits, reduction=Reduction.NONE)
        return expand_dims(made, -1)

    def metric_ops(self, spec: LossSpec, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """Accuracy."""
        made = metrics.accuracy(
            spec.processed_labels, predictions["class_ids"], weights=spec.weights, name="accuracy"
        )
        return {"accuracy": made}


class BinaryClassHead(_Classifier):
    """One of two classes by one logit, with the sigmoid's cross entropy."""

    def __init__(
        self, weight_column: Any = None, thresholds: Sequence[float] | None = None,
        label_vocabulary: Any = None, loss_reduction: str = Reduction.SUM, loss_fn: Any = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self._thresholds = tuple(thresholds or ())
        for threshold in self._thresholds:
            if not 0.0 < threshold < 1.0:
                raise ValueError(f"thresholds not in (0, 1): {self._thresholds}.")
        super().__init__(2, label_vocabulary, 1, weight_column, loss_reduction, loss_fn, name)

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        """Probabilities, and the likelier class."""
        both = concat([zeros_like(logits), logits], -1, name="two_class_logits")
        class_ids = expand_dims(argmax(both, axis=-1, name="class_ids"), -1)
        return {
            "logits": logits, "logistic": sigmoid(logits, name="logistic"),
            "probabilities": softmax(both, name="probabilities"),
            **self._of_classes(class_ids, logits),
        }  # fmt: skip

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """Classification by default; regression gives the probability."""
        return {
            **super().exports(predictions),
            "regression": RegressionOutput(predictions["logistic"]),
        }

    def processed_labels(self, labels: Tensor) -> Tensor:
        """Floats from 0 to 1."""
        numbers = labels if self._vocabulary is None else self._numbered(labels)
        return _in_range(cast(numbers, float32), 2)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Cross entropy."""
        return sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)

    def metric_ops(self, spec: LossSpec, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """Accuracy, precision, recall, areas under curves, means."""
        labels, weights = spec.processed_labels, spec.weights
        classes, logistic = predictions["class_ids"], predictions["logistic"]
        mean_label = metrics.mean(labels, weights=broadcast_weights(weights, labels))
        found = {
            "accuracy": metrics.accuracy(labels, classes, weights=weights, name="accuracy"),
            "precision": metrics.precision(labels, classes, weights=weights, name="precision"),
            "recall": metrics.recall(labels, classes, weights=weights, name="recall"),
            "prediction/mean": metrics.mean(logistic, weights=broadcast_weights(weights, logistic)),
            "label/mean": mean_label,
            "accuracy_baseline": tuple(maximum(v, 1 - v) for v in mean_label),
        }
        wide = broadcast_weights(weights, logistic)
        found["auc"] = metrics.auc(labels, logistic, weights=wide)
        found["auc_precision_recall"] = metrics.auc(labels, logistic, weights=wide, curve="PR")
        for threshold in self._thresholds:
            suffix = f"positive_threshold_{threshold:g}"
            above = cast(greater_equal(logistic, threshold), float32)
            found[f"accuracy/{suffix}"] = metrics.accuracy(labels, above, weights=weights)
            for kind, make in (
                ("precision", metrics.precision_at_thresholds),
                ("recall", metrics.recall_at_thresholds),
            ):
                made = make(labels, logistic, (threshold,), weights=weights)
                found[f"{kind}/{suffix}"] = tuple(squeeze(v) for v in made)
        return found


class RegressionHead(Head):
    """Numbers, with the squared error."""

    allows_weights_by_logit = True

    def __init__(
        self, label_dimension: int = 1, weight_column: Any = None,
        loss_reduction: str = Reduction.SUM, loss_fn: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        if label_dimension < 1:
            raise ValueError(f"Invalid label_dimension {label_dimension}.")
        super().__init__(label_dimension, weight_column, loss_reduction, loss_fn, name)
        self.labels_dimension = label_dimension

    def predictions(self, logits: Tensor) -> dict[str, Tensor]:
        """The logits."""
        return {"predictions": logits}

    def exports(self, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """Regression by default."""
        made = RegressionOutput(predictions["predictions"])
        return {
            DEFAULT_SERVING_SIGNATURE_DEF_KEY: made, "regression": made,
            "predict": PredictOutput(predictions),
        }  # fmt: skip

    def processed_labels(self, labels: Tensor) -> Tensor:
        """Floats."""
        return cast(labels, float32)

    def losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Squared errors."""
        return mean_squared_error(labels, logits, reduction=Reduction.NONE)

    def metric_ops(self, spec: LossSpec, predictions: Mapping[str, Tensor]) -> dict[str, Any]:
        """Means."""
        value = predictions["predictions"]
        return {
            "prediction/mean": metrics.mean(value, weights=broadcast_weights(spec.weights, value)),
            "label/mean": metrics.mean(spec.processed_labels, weights=spec.weights),
        }


def classifier_head(
    n_classes: int, weight_column: Any, label_vocabulary: Any, loss_reduction: str
) -> Head:
    """A head for so many classes."""
    if n_classes == 2:
        return BinaryClassHead(weight_column, None, label_vocabulary, loss_reduction)
    return MultiClassHead(n_classes, weight_column, label_vocabulary, loss_reduction)
