"""The SavedModel of an Estimator: its graphs, their signatures, its folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

from graphflow import errors, logging
from graphflow.estimator.export_output import ExportOutput
from graphflow.estimator.model_fn import EstimatorSpec, ModeKeys
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_collection
from graphflow.runtime.session import Session
from graphflow.saved_model import signature_constants, tag_constants
from graphflow.saved_model.builder import SavedModelBuilder
from graphflow.saved_model.signature_def_utils import (
    supervised_eval_signature_def,
    supervised_train_signature_def,
)
from graphflow.train.saver import Saver
from graphflow.train.scaffold import Scaffold

_TAGS = {
    ModeKeys.PREDICT: [tag_constants.SERVING], ModeKeys.TRAIN: [tag_constants.TRAINING],
    ModeKeys.EVAL: [tag_constants.EVAL],
}  # fmt: skip


class _Supervised(ExportOutput):
    """Loss, predictions and metrics of a graph for training or evaluation."""

    def __init__(self, spec: EstimatorSpec) -> None:
        self._spec = spec

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """A signature for training or evaluation."""
        spec, outputs = self._spec, {"loss": self._spec.loss}
        predictions = spec.predictions
        if not isinstance(predictions, Mapping):
            predictions = {"output": predictions}
        metrics = {}
        for key, (value, update) in spec.eval_metric_ops.items():
            metrics[f"metrics/{key}/value"] = value
            metrics[f"metrics/{key}/update_op"] = update
        named = {f"predictions/{key}": value for key, value in predictions.items()}
        make = (
            supervised_train_signature_def
            if spec.mode == ModeKeys.TRAIN
            else supervised_eval_signature_def
        )
        return make(receiver_tensors, outputs, named, metrics)


def signatures(receiver: Any, spec: EstimatorSpec) -> dict[str, Any]:
    """The signatures of a graph by name; those that the inputs do not fit are left out."""
    if spec.mode == ModeKeys.PREDICT:
        outputs = spec.export_outputs
    elif spec.mode == ModeKeys.TRAIN:
        outputs = {signature_constants.DEFAULT_TRAIN_SIGNATURE_DEF_KEY: _Supervised(spec)}
    else:
        outputs = {signature_constants.DEFAULT_EVAL_SIGNATURE_DEF_KEY: _Supervised(spec)}
    given = receiver.receiver_tensors
    ways = {"": given, **(getattr(receiver, "receiver_tensors_alternatives", None) or {})}
    found = {}
    for prefix, tensors in ways.items():
        for key, output in outputs.items():
            name = f"{prefix}:{key}" if prefix else str(key or "None")
            try:
                found[name] = output.as_signature_def(tensors)
            except ValueError as error:
                logging.info("Export excludes %s because it cannot be served: %s", name, error)
    return found


def export_model(
    new_graph: Callable[[], Any], call_model_fn: Callable[..., EstimatorSpec], folder: str,
    receivers: Mapping[str, Callable[[], Any]], assets_extra: Mapping[str, str] | None,
    as_text: bool, checkpoint_path: str, session_config: Any,
) -> bytes:  # fmt: skip
    """Write one SavedModel with a graph for each mode; returns its folder's path.

    Raises
    ------
    ValueError : the checkpoint lacks a variable of the model; there is no known mode.
    """
    target = _new_folder(folder)
    temporary = os.path.join(os.path.dirname(target), f"temp-{os.path.basename(target)}")
    builder = SavedModelBuilder(temporary)
    # Training first: its graph has all variables, and the first graph's are written.
    modes = [m for m in (ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT) if receivers.get(m)]
    if not modes:
        raise ValueError(f"No valid modes for exporting found. Got {list(receivers)}.")
    for number, mode in enumerate(modes):
        with new_graph():
            receiver = receivers[mode]()
            spec = call_model_fn(receiver.features, getattr(receiver, "labels", None), mode)
            _add_graph(builder, receiver, spec, checkpoint_path, session_config, number == 0)
    builder.save(as_text)
    for name, source in (assets_extra or {}).items():
        path = os.path.join(temporary, "assets.extra", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path)
    os.rename(temporary, target)
    return os.fsencode(target)


def _add_graph(
    builder: SavedModelBuilder, receiver: Any, spec: EstimatorSpec, checkpoint_path: str,
    config: Any, first: bool,
) -> None:  # fmt: skip
    with Session(config=config) as session:
        main_op = spec.scaffold.local_init_op or Scaffold.default_local_init_op()
        saver = spec.scaffold.saver or Saver(sharded=True)
        try:
            saver.restore(session, checkpoint_path)
        except errors.NotFoundError as error:
            raise ValueError(
                "Could not load all requested variables from checkpoint. Please make sure your "
                "model_fn does not expect variables that were not saved in the checkpoint.\n\n"
                f"Encountered error with mode `{spec.mode}` while restoring checkpoint from: "
                f"`{checkpoint_path}`. {error}"
            ) from error
        given: dict[str, Any] = {
            "tags": _TAGS[spec.mode], "signature_def_map": signatures(receiver, spec),
            "assets_collection": get_collection(GraphKeys.ASSET_FILEPATHS), "main_op": main_op,
            "saver": saver,
        }  # fmt: skip
        if first:
            builder.add_meta_graph_and_variables(session, **given)
        else:
            builder.add_meta_graph(**given)


def _new_folder(base: str) -> str:
    """A path in the folder that is the time in seconds, and does not exist."""
    stamp = int(time.time())
    while os.path.exists(os.path.join(os.fspath(base), str(stamp))):
        stamp += 1
    return os.path.join(os.fspath(base), str(stamp))
