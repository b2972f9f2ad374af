"""Keras's metrics: functions of labels and predictions, and objects that keep their means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.keras import backend as K
from graphflow.keras import functions, losses
from graphflow.keras.losses import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    cosine,
    cosine_proximity,
    hinge,
    kld,
    kullback_leibler_divergence,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from graphflow.keras.metric_objects import Mean, MeanOf, MeanTensor, Metric, Sum
from graphflow.keras.serialization import deserialize_keras_object, serialize_keras_object
from graphflow.keras.threshold_metrics import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, greater, not_equal
from graphflow.ops.diagonals import diag_part
from graphflow.ops.division import div_no_nan
from graphflow.ops.linear import matmul
from graphflow.ops.reductions import argmax
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.sorting import in_top_k
from graphflow.ops.state import assign_add

__all__ = [
    "AUC", "KLD", "MAE", "MAPE", "MSE", "MSLE", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy",
    "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "CosineSimilarity",
    "FalseNegatives", "FalsePositives", "Hinge", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanRelativeError",
    "MeanSquaredError", "MeanSquaredLogarithmicError", "MeanTensor", "Metric", "Poisson",
    "Precision", "Recall", "RootMeanSquaredError", "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy", "TrueNegatives",
    "TruePositives", "accuracy", "binary_accuracy", "binary_crossentropy", "categorical_accuracy",
    "categorical_crossentropy", "cosine", "cosine_proximity", "deserialize", "get", "hinge", "kld",
    "kullback_leibler_divergence", "mae", "mape", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
    "mse", "msle", "poisson", "serialize", "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy", "squared_hinge",
    "top_k_categorical_accuracy",
]  # fmt: skip


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """How often both are equal."""
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    return cast(equal(cast(y_true, y_pred.dtype), y_pred), "float32")


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """How often the prediction is on the label's side."""
    y_pred = convert_to_tensor(y_pred)
    y_true = cast(convert_to_tensor(y_true), y_pred.dtype)
    return K.mean(equal(y_true, cast(greater(y_pred, threshold), y_pred.dtype)), -1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """How often the most probable class is the label's."""
    return cast(equal(argmax(y_true, -1), argmax(y_pred, -1)), "float32")


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """How often the most probable class is the label."""
    labels = cast(convert_to_tensor(y_true), "int64")
    found = argmax(y_pred, -1)
    if labels.shape.rank != found.shape.rank:
        labels = reshape(labels, shape_op(found))
    return cast(equal(labels, found), "float32")


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """How often the label's class is among the most probable."""
    return cast(in_top_k(y_pred, argmax(y_true, -1), k), "float32")


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """How often the label is among the most probable classes."""
    labels = cast(reshape(convert_to_tensor(y_true), [-1]), "int32")
    return cast(in_top_k(y_pred, labels, k), "float32")


# ---- objects


def _class(name: str, function: Callable[..., Any], short: str, *options: Any) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        names = ["name", "dtype", *(key for key, _ in options)]
        if options and options[0][0] in ("k",):
            names = ["k", "name", "dtype"]
        given = {"name": short, **dict(options), **dict(zip(names, args, strict=False)), **kwargs}
        MeanOf.__init__(self, function, **given)

    def get_config(self: Any) -> dict[str, Any]:
        return {**Metric.get_config(self), **self.options}

    members = {"__init__": __init__, "get_config": get_config, "__doc__": function.__doc__}
    return type(name, (MeanOf,), {**members, "__module__": __name__})


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


_logits, _smooth = ("from_logits", False), ("label_smoothing", 0)
Accuracy = _class("Accuracy", accuracy, "accuracy")
BinaryAccuracy = _class("BinaryAccuracy", binary_accuracy, "binary_accuracy", ("threshold", 0.5))
CategoricalAccuracy = _class("CategoricalAccuracy", categorical_accuracy, "categorical_accuracy")
SparseCategoricalAccuracy = _class(
    "SparseCategoricalAccuracy", sparse_categorical_accuracy, "sparse_categorical_accuracy"
)
TopKCategoricalAccuracy = _class(
    "TopKCategoricalAccuracy", top_k_categorical_accuracy, "top_k_categorical_accuracy", ("k", 5)
)
SparseTopKCategoricalAccuracy = _class(
    "SparseTopKCategoricalAccuracy", sparse_top_k_categorical_accuracy,
    "sparse_top_k_categorical_accuracy", ("k", 5),
)  # fmt: skip
MeanSquaredError = _class("MeanSquaredError", mse, "mean_squared_error")
MeanAbsoluteError = _class("MeanAbsoluteError", mae, "mean_absolute_error")
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", mape, "mean_absolute_percentage_error"
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", msle, "mean_squared_logarithmic_error"
)
Hinge = _class("Hinge", hinge, "hinge")
SquaredHinge = _class("SquaredHinge", squared_hinge, "squared_hinge")
CategoricalHinge = _class("CategoricalHinge", losses.categorical_hinge, "categorical_hinge")
Poisson = _class("Poisson", poisson, "poisson")
LogCoshError = _class("LogCoshError", losses.logcosh, "logcosh")
KLDivergence = _class("KLDivergence", kld, "kullback_leibler_divergence")
CosineSimilarity = _class("CosineSimilarity", _cosine, "cosine_similarity", ("axis", -1))
BinaryCrossentropy = _class(
    "BinaryCrossentropy", binary_crossentropy, "binary_crossentropy", _logits, _smooth
)
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy", categorical_crossentropy, "categorical_crossentropy", _logits,
    _smooth,
)  # fmt: skip
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy", sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy", _logits,
)  # fmt: skip


class RootMeanSquaredError(Mean):
    """The root of the mean of squared differences."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        """Count labels and predictions."""
        y_pred = convert_to_tensor(y_pred)
        error = K.square(y_pred - cast(convert_to_tensor(y_true), y_pred.dtype))
        return self._counted(error, sample_weight)

    def result(self) -> Any:
        """The root."""
        return K.sqrt(super().result())


class MeanRelativeError(Mean):
    """The mean of the error over a normalizer."""

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.normalizer = normalizer

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        """Count labels and predictions."""
        y_pred = convert_to_tensor(y_pred)
        error = K.abs(y_pred - cast(convert_to_tensor(y_true), y_pred.dtype))
        return self._counted(div_no_nan(error, self.normalizer), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "normalizer": np.asarray(self.normalizer).tolist()}


class MeanIoU(Metric):
    """The mean over classes of intersection over union."""

    def __init__(self, num_classes: int, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.num_classes = num_classes
        self.matrix = self.add_weight("total_confusion_matrix", (num_classes, num_classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count labels and predictions."""
        labels, found = (reshape(cast(convert_to_tensor(y), "int32"), [-1])
                         for y in (y_true, y_pred))  # fmt: skip
        made = [K.one_hot(y, self.num_classes) for y in (labels, found)]
        first = made[0]
        if sample_weight is not None:
            first *= reshape(cast(convert_to_tensor(sample_weight), "float32"), [-1, 1])
        return assign_add(self.matrix, matmul(first, made[1], transpose_a=True)).op

    def result(self) -> Any:
        """The mean over the classes that occur."""
        hits = diag_part(self.matrix)
        union = K.sum(self.matrix, 0) + K.sum(self.matrix, 1) - hits
        count = K.sum(cast(not_equal(union, 0.0), "float32"))
        return div_no_nan(K.sum(div_no_nan(hits, union)), count)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}


TABLE: dict[str, Any] = {
    **losses.TABLE,
    **{
        name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")
    },
}
_find = functions.named(TABLE, "metric function", make=False)


def get(identifier: Any) -> Any:
    """The metric of a name; anything else is itself."""
    found = _find(identifier)
    return found() if isinstance(found, type) else found


def serialize(metric: Any) -> Any:
    """A metric's name, or class and arguments."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that `serialize` described."""
    return deserialize_keras_object(config, TABLE, custom_objects, "metric function")
