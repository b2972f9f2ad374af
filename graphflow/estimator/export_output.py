"""What a model exports: outputs of the kinds that serving knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.graph.dtypes import string
from graphflow.graph.tensor import Tensor
from graphflow.saved_model.signature_def_utils import (
    classification_signature_def,
    predict_signature_def,
    regression_signature_def,
)


class ExportOutput:
    """An output of an exported model."""

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """The signature from the given inputs to this output."""
        raise NotImplementedError


def _only(receiver_tensors: Mapping[str, Any], kind: str) -> Any:
    if len(receiver_tensors) != 1:
        raise ValueError(
            f"{kind} input must be a single string Tensor; got {dict(receiver_tensors)}"
        )
    (examples,) = receiver_tensors.values()
    if not isinstance(examples, Tensor) or examples.dtype is not string:
        raise ValueError(
            f"{kind} input must be a single string Tensor; got {dict(receiver_tensors)}"
        )
    return examples


class ClassificationOutput(ExportOutput):
    """Scores (floating) and classes (texts) of a classifier; at least one of them.

    Raises
    ------
    ValueError : neither is given, or one has another type.
    """

    def __init__(self, scores: Any = None, classes: Any = None) -> None:
        if scores is not None and not scores.dtype.is_floating:
            raise ValueError(f"Classification scores must be a float32 Tensor; got {scores}")
        if classes is not None and classes.dtype is not string:
            raise ValueError(f"Classification classes must be a string Tensor; got {classes}")
        if scores is None and classes is None:
            raise ValueError("At least one of scores and classes must be set.")
        self.scores, self.classes = scores, classes

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """A classify signature; ValueError unless there is one text as input."""
        examples = _only(receiver_tensors, "Classification")
        return classification_signature_def(examples, self.classes, self.scores)


class RegressionOutput(ExportOutput):
    """The value of a regression, floating."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, Tensor) or not value.dtype.is_floating:
            raise ValueError(f"Regression output value must be a float32 Tensor; got {value}")
        self.value = value

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """A regress signature; ValueError unless there is one text as input."""
        return regression_signature_def(_only(receiver_tensors, "Regression"), self.value)


class PredictOutput(ExportOutput):
    """Any tensors, by name; a single tensor is named ``output``."""

    def __init__(self, outputs: Any) -> None:
        self.outputs = dict(outputs) if isinstance(outputs, Mapping) else {"output": outputs}
        for key, value in self.outputs.items():
            if not isinstance(key, str):
                raise ValueError(f"Prediction output key must be a string; got {key}")
            if not isinstance(value, Tensor):
                raise ValueError(f"Prediction output value must be a Tensor; got {value}")

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """A predict signature."""
        return predict_signature_def(receiver_tensors, self.outputs)
