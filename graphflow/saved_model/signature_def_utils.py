"""Signatures: what a model can be asked, with the tensors that are fed and fetched for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.graph.dtypes import as_dtype, float32, string
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.protos import message
from graphflow.saved_model import signature_constants as names
from graphflow.saved_model.utils import build_tensor_info, build_tensor_info_from_op

__all__ = [
    "build_signature_def", "classification_signature_def", "is_valid_signature",
    "op_signature_def", "predict_signature_def", "regression_signature_def",
    "supervised_eval_signature_def", "supervised_train_signature_def",
]  # fmt: skip


def build_signature_def(
    inputs: Mapping[str, Any] | None = None, outputs: Mapping[str, Any] | None = None,
    method_name: str | None = None,
) -> Any:  # fmt: skip
    """A SignatureDef with TensorInfos by name."""
    signature = message("SignatureDef")()
    for target, infos in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for key, info in (infos or {}).items():
            target[key].CopyFrom(info)
    if method_name is not None:
        signature.method_name = method_name
    return signature


def _infos(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {key: build_tensor_info(tensor) for key, tensor in tensors.items()}


def _info_of(tensor: Any, dtype: Any, what: str) -> Any:
    """A TensorInfo; ValueError when the tensor is of another type."""
    info = build_tensor_info(tensor)
    if as_dtype(info.dtype).base_dtype is not dtype:
        kind = "string" if dtype is string else "float"
        raise ValueError(f"{what} must be a {kind} Tensor.")
    return info


def _examples(examples: Any, task: str) -> Any:
    if examples is None:
        raise ValueError(f"{task} examples cannot be None.")
    if not isinstance(examples, Tensor):
        raise ValueError(f"{task} examples must be a string Tensor.")
    return _info_of(examples, string, f"{task} examples")


def regression_signature_def(examples: Any, predictions: Any) -> Any:
    """The signature of a regression: serialized examples to numbers.

    Raises
    ------
    ValueError : one is None or of the wrong type.
    """
    given = _examples(examples, "Regression")
    if predictions is None:
        raise ValueError("Regression predictions cannot be None.")
    outputs = {names.REGRESS_OUTPUTS: _info_of(predictions, float32, "Regression output")}
    return build_signature_def({names.REGRESS_INPUTS: given}, outputs, names.REGRESS_METHOD_NAME)


def classification_signature_def(examples: Any, classes: Any, scores: Any) -> Any:
    """The signature of a classification: serialized examples to classes, scores or both.

    Raises
    ------
    ValueError : all outputs are None, or one is of the wrong type.
    """
    given = _examples(examples, "Classification")
    if classes is None and scores is None:
        raise ValueError("Classification classes and scores cannot both be None.")
    outputs = {}
    if classes is not None:
        info = _info_of(classes, string, "Classification classes")
        outputs[names.CLASSIFY_OUTPUT_CLASSES] = info
    if scores is not None:
        info = _info_of(scores, float32, "Classification scores")
        outputs[names.CLASSIFY_OUTPUT_SCORES] = info
    return build_signature_def({names.CLASSIFY_INPUTS: given}, outputs, names.CLASSIFY_METHOD_NAME)


def predict_signature_def(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """The signature of a prediction: any tensors to any tensors, by names.

    Raises
    ------
    ValueError : there are no inputs or no outputs.
    """
    if not inputs:
        raise ValueError("Prediction inputs cannot be None or empty.")
    if not outputs:
        raise ValueError("Prediction outputs cannot be None or empty.")
    return build_signature_def(_infos(inputs), _infos(outputs), names.PREDICT_METHOD_NAME)


def _supervised(method: str, inputs: Any, *outputs: Mapping[str, Any] | None) -> Any:
    if not inputs:
        raise ValueError(f"{method} inputs cannot be None or empty.")
    merged: dict[str, Any] = {}
    for tensors in outputs:
        merged.update(_infos(tensors or {}))
    return build_signature_def(_infos(inputs), merged, method)


def supervised_train_signature_def(
    inputs: Mapping[str, Any], loss: Mapping[str, Any] | None,
    predictions: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None,
) -> Any:  # fmt: skip
    """The signature of a step of training."""
    return _supervised(names.SUPERVISED_TRAIN_METHOD_NAME, inputs, loss, predictions, metrics)


def supervised_eval_signature_def(
    inputs: Mapping[str, Any], loss: Mapping[str, Any] | None,
    predictions: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None,
) -> Any:  # fmt: skip
    """The signature of an evaluation."""
    return _supervised(names.SUPERVISED_EVAL_METHOD_NAME, inputs, loss, predictions, metrics)


def op_signature_def(op: Operation, key: str) -> Any:
    """A signature whose one output names an operation."""
    return build_signature_def(outputs={key: build_tensor_info_from_op(op)})


def is_valid_signature(signature_def: Any) -> bool:
    """Whether a signature is one that a server can answer."""
    if signature_def is None or not signature_def.inputs or not signature_def.outputs:
        return False
    method = signature_def.method_name
    if method == names.PREDICT_METHOD_NAME:
        return True
    outputs = {key: as_dtype(info.dtype or 1) for key, info in signature_def.outputs.items()}
    given = {key: as_dtype(info.dtype or 1) for key, info in signature_def.inputs.items()}
    if method == names.REGRESS_METHOD_NAME:
        expected = {names.REGRESS_OUTPUTS: float32}
        return given == {names.REGRESS_INPUTS: string} and outputs == expected
    if method != names.CLASSIFY_METHOD_NAME or given != {names.CLASSIFY_INPUTS: string}:
        return False
    kinds = {names.CLASSIFY_OUTPUT_CLASSES: string, names.CLASSIFY_OUTPUT_SCORES: float32}
    return all(kinds.get(key) == dtype for key, dtype in outputs.items())
