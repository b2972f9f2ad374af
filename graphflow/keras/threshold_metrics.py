"""Keras's metrics of how often predictions above thresholds are true and false."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.keras import backend as K
from graphflow.keras.metric_objects import Metric, weighted_values
from graphflow.ops.casting import cast
from graphflow.ops.comparison import greater, logical_and, logical_not, where
from graphflow.ops.creation import ones_like
from graphflow.ops.division import div_no_nan
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.gathering import gather
from graphflow.ops.identity import group
from graphflow.ops.reductions import argmin
from graphflow.ops.shape import reshape
from graphflow.ops.sorting import top_k
from graphflow.ops.state import assign_add

__all__ = [
    "AUC", "FalseNegatives", "FalsePositives", "Precision", "Recall", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "TrueNegatives", "TruePositives",
]  # fmt: skip

_LEAST = -1e10  # below all thresholds


class _Confusion(Metric):
    """Base of metrics of how often predictions above thresholds are true and false."""

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: Any = None,
        top_k: int | None = None, class_id: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, dtype)
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        given = (0.5 if top_k is None else _LEAST) if thresholds is None else thresholds
        self.limits = np.atleast_1d(np.asarray(given, np.float32))
        self.counts = {
            key: self.add_weight(name, self.limits.shape)
            for key, name in (("tp", "true_positives"), ("fp", "false_positives"),
                              ("fn", "false_negatives"), ("tn", "true_negatives"))
        }  # fmt: skip

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count labels and predictions."""
        y_true, y_pred = convert_to_tensor(y_true), cast(convert_to_tensor(y_pred), "float32")
        if self.top_k is not None:
            best = K.sum(K.one_hot(top_k(y_pred, self.top_k)[1], y_pred.shape.as_list()[-1]), -2)
            y_pred = y_pred * best + _LEAST * (1.0 - best)
        if self.class_id is not None:
            y_true, y_pred = y_true[..., self.class_id], y_pred[..., self.class_id]
        scores = reshape(y_pred, [1, -1])
        labels = reshape(cast(y_true, "bool"), [1, -1])
        weights: Any = 1.0
        if sample_weight is not None:
            _, weights = weighted_values(y_pred, sample_weight)
            weights = reshape(weights, [1, -1])
        above = greater(scores, self.limits[:, None])

        def counted(one: Any, other: Any) -> Any:
            return K.sum(cast(logical_and(one, other), "float32") * weights, 1)

        found = {
            "tp": counted(above, labels), "fp": counted(above, logical_not(labels)),
            "fn": counted(logical_not(above), labels),
            "tn": counted(logical_not(above), logical_not(labels)),
        }  # fmt: skip
        return group(*(assign_add(self.counts[key], value) for key, value in found.items()))

    def _said(self, values: Any) -> Any:
        return values if isinstance(self.thresholds, (list, tuple)) else values[0]

    def result(self) -> Any:
        """The number for each threshold."""
        return self._said(self.value(**self.counts))

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The metric of counts."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "thresholds": self.thresholds}


class TruePositives(_Confusion):
    """How many positive predictions are true."""

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The count."""
        return tp


class FalsePositives(_Confusion):
    """How many positive predictions are false."""

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The count."""
        return fp


class TrueNegatives(_Confusion):
    """How many negative predictions are true."""

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The count."""
        return tn


class FalseNegatives(_Confusion):
    """How many negative predictions are false."""

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The count."""
        return fn


class _OfClasses(_Confusion):
    """Base of metrics of the most probable classes, or of one class."""

    def __init__(
        self, thresholds: Any = None, top_k: int | None = None, class_id: int | None = None,
        name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(thresholds, name, dtype, top_k, class_id)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


class Precision(_OfClasses):
    """The part of the positive predictions that is true."""

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The quotient."""
        return div_no_nan(tp, tp + fp)


class Recall(_OfClasses):
    """The part of the positive labels that is found."""

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The quotient."""
        return div_no_nan(tp, tp + fn)


class AUC(_Confusion):
    """The area under a curve: true over false positives, or precision over recall.

    Parameters
    ----------
    curve : ``ROC`` or ``PR``.
    summation_method : ``interpolation``, for PR after Davis & Goadrich (2006); or rectangles under
        the smaller (``minoring``) or the greater (``majoring``) of two heights.
    """

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC",
        summation_method: str = "interpolation", name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if curve not in ("ROC", "PR"):
            raise ValueError(f"expected curve 'ROC' or 'PR', got {curve!r}")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(f"expected a known summation method, got {summation_method!r}")
        inner = [(k + 1) / (num_thresholds - 1) for k in range(num_thresholds - 2)]
        super().__init__([-1e-7, *inner, 1.0 + 1e-7], name, dtype)
        self.num_thresholds, self.curve = num_thresholds, curve
        self.summation_method = summation_method

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The area."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._interpolated(tp, fp, fn)
        found = div_no_nan(tp, tp + fn)
        x, y = div_no_nan(fp, fp + tn), found
        if self.curve == "PR":
            x, y = found, div_no_nan(tp, tp + fp)
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            heights = (minimum if self.summation_method == "minoring" else maximum)(y[:-1], y[1:])
        return K.sum((x[:-1] - x[1:]) * heights)

    def _interpolated(self, tp: Any, fp: Any, fn: Any) -> Any:
        said = tp + fp
        slope = div_no_nan(tp[:-1] - tp[1:], maximum(said[:-1] - said[1:], 0.0))
        start = tp[1:] - slope * said[1:]
        known = logical_and(greater(said[:-1], 0.0), greater(said[1:], 0.0))
        ratio = where(known, div_no_nan(said[:-1], maximum(said[1:], 0.0)), ones_like(start))
        parts = slope * (tp[:-1] - tp[1:] + start * K.log(ratio))
        return K.sum(div_no_nan(parts, maximum(tp[1:] + fn[1:], 0.0)))

    def result(self) -> Any:
        """The area."""
        return self.value(**self.counts)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**Metric.get_config(self), "num_thresholds": self.num_thresholds,
                "curve": self.curve, "summation_method": self.summation_method}  # fmt: skip


class _AtNearest(_Confusion):
    """Base of one rate at the threshold where another is nearest to a value."""

    def __init__(
        self, value: float, num_thresholds: int = 200, name: str | None = None, dtype: Any = None
    ) -> None:
        if not 0 <= value <= 1:
            raise ValueError(f"expected a value from 0 to 1, got {value}")
        if num_thresholds <= 0:
            raise ValueError(f"`num_thresholds` must be > 0, got {num_thresholds}")
        inner = [(k + 1) / (num_thresholds - 1) for k in range(num_thresholds - 2)]
        super().__init__([0.5] if num_thresholds == 1 else [0.0, *inner, 1.0], name, dtype)
        self.nearest_to, self.num_thresholds = value, num_thresholds

    def _at(self, rates: Any, wanted: Any) -> Any:
        return gather(wanted, argmin(K.abs(rates - self.nearest_to), 0))

    def result(self) -> Any:
        """The rate."""
        return self.value(**self.counts)


class SensitivityAtSpecificity(_AtNearest):
    """The sensitivity where the specificity is nearest to a value."""

    def __init__(
        self, specificity: float, num_thresholds: int = 200, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(specificity, num_thresholds, name, dtype)

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The rate."""
        return self._at(div_no_nan(tn, tn + fp), div_no_nan(tp, tp + fn))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**Metric.get_config(self), "num_thresholds": self.num_thresholds,
                "specificity": self.nearest_to}  # fmt: skip


class SpecificityAtSensitivity(_AtNearest):
    """The specificity where the sensitivity is nearest to a value."""

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(sensitivity, num_thresholds, name, dtype)

    def value(self, tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        """The rate."""
        return self._at(div_no_nan(tp, tp + fn), div_no_nan(tn, tn + fp))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**Metric.get_config(self), "num_thresholds": self.num_thresholds,
                "sensitivity": self.nearest_to}  # fmt: skip
