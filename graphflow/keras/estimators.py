"""`tf.keras.estimator`: a compiled model as an Estimator."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from graphflow import metrics
from graphflow.checkpoint.bundle import write_bundle
from graphflow.estimator.estimator import Estimator
from graphflow.estimator.export_output import PredictOutput
from graphflow.estimator.model_fn import EstimatorSpec, ModeKeys
from graphflow.estimator.run_config import RunConfig
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.graph import Graph
from graphflow.keras import backend, optimizers
from graphflow.keras.configs import clone_model, load_model
from graphflow.keras.serialization import custom_object_scope
from graphflow.ops.casting import cast
from graphflow.ops.identity import group
from graphflow.ops.shape import shape
from graphflow.saved_model.signature_constants import DEFAULT_SERVING_SIGNATURE_DEF_KEY
from graphflow.train.global_step import get_global_step

__all__ = ["model_to_estimator"]


def model_to_estimator(
    keras_model: Any = None, keras_model_path: Any = None, custom_objects: Any = None,
    model_dir: str | None = None, config: Any = None, checkpoint_format: str = "saver",
) -> Estimator:  # fmt: skip
    """Return an Estimator that trains copies of a compiled model, from its weights on.

    Parameters
    ----------
    keras_model : a compiled model of layers.
    keras_model_path : the file of one instead.
    custom_objects : classes and functions by name, with which copies are made.
    model_dir, config : see `Estimator`.
    checkpoint_format : ``"saver"``; checkpoints have the names of variables.

    Raises
    ------
    ValueError : both or neither of model and path; the model is not compiled, or has a `call` of
        its own; another format.
    """
    if (keras_model is None) == (keras_model_path is None):
        both = "one" if keras_model is None else "only one"
        raise ValueError(f"Either `keras_model` or `keras_model_path` needs to be provided: {both}")
    if checkpoint_format not in (None, "saver"):
        raise ValueError(f"expected checkpoint_format 'saver', got {checkpoint_format!r}")
    if keras_model is None:
        keras_model = load_model(keras_model_path, custom_objects)
    if keras_model.optimizer is None:
        raise ValueError(
            "The given keras model has not been compiled yet. Please compile the model with "
            "`model.compile()` before calling `model_to_estimator()`."
        )
    config = config or RunConfig()
    folder = model_dir or config.model_dir or tempfile.mkdtemp()
    make = _ModelFunction(keras_model, custom_objects or {})
    return Estimator(make, folder, config, warm_start_from=make.write_weights(folder))


class _ModelFunction:
    """A model function around copies of a model."""

    def __init__(self, model: Any, custom_objects: Mapping[str, Any]) -> None:
        self._model, self._custom_objects = model, custom_objects

    def _copy(self, inputs: Sequence[Any] | None) -> Any:
        with custom_object_scope(dict(self._custom_objects)):
            return clone_model(self._model, inputs)

    def write_weights(self, folder: str) -> str:
        """Write the model's weights under the names that copies give them; returns the prefix."""
        prefix = os.path.join(folder, "keras", "keras_model.ckpt")
        with Graph().as_default():
            names = [variable.op.name for variable in self._copy(None).weights]
        os.makedirs(os.path.dirname(prefix), exist_ok=True)
        write_bundle(prefix, dict(zip(names, self._model.get_weights(), strict=True)))
        return prefix

    def __call__(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """The operations of a mode."""
        backend.set_learning_phase(int(mode == ModeKeys.TRAIN))
        model = self._copy(_ordered("features", features, self._model.input_names))
        predictions = dict(zip(model.output_names, model.outputs, strict=True))
        if mode == ModeKeys.PREDICT:
            exports = {DEFAULT_SERVING_SIGNATURE_DEF_KEY: PredictOutput(predictions)}
            return EstimatorSpec(mode, predictions=predictions, export_outputs=exports)
        with custom_object_scope(dict(self._custom_objects)):
            trainer = self._compiled(model, labels)
        if mode == ModeKeys.EVAL:
            return EstimatorSpec(
                mode, predictions=predictions, loss=trainer.loss,
                eval_metric_ops=_metrics(model, trainer),
            )  # fmt: skip
        trainer.prepare()
        updates = [update for _, update, _ in trainer.objects.values()]
        train_op = group(*trainer.step, *updates)
        return EstimatorSpec(mode, predictions=predictions, loss=trainer.loss, train_op=train_op)

    def _compiled(self, model: Any, labels: Any) -> Any:
        """What trains a copy as the model was to be trained, on labels that are tensors."""
        given, optimizer = dict(self._model._compiled), self._model.optimizer
        if isinstance(optimizer, optimizers.TFOptimizer):
            optimizer = optimizers.TFOptimizer(optimizer.optimizer)
        else:
            optimizer = optimizers.deserialize(optimizers.serialize(optimizer))
        names = model.output_names
        targets = [convert_to_tensor(label) for label in _ordered("labels", labels, names)]
        model.compile(optimizer, **{**given, "target_tensors": [
            cast(t, o.dtype) if t.dtype.is_integer and _is_dense(t, o) else t
            for t, o in zip(targets, model.outputs, strict=True)
        ]})  # fmt: skip
        optimizer.iterations = get_global_step()
        return model._trained()


def _is_dense(label: Any, output: Any) -> bool:
    return label.shape.rank == output.shape.rank and label.shape[-1:] == output.shape[-1:]


def _ordered(what: str, given: Any, names: Sequence[str]) -> list[Any]:
    """Tensors by the names of a model's inputs or outputs, in their order.

    Raises
    ------
    KeyError : a name is missing, or there are other names.
    ValueError : there are more or fewer than names.
    """
    if isinstance(given, Mapping):
        if set(names) - set(given):
            raise KeyError(
                f"The dictionary passed into {what} does not have the expected keys defined in the "
                f"keras model.\n\tExpected keys: {set(names)}\n\t{what} keys: {set(given)}\n\t"
                f"Difference: {set(names) ^ set(given)}"
            )
        return [given[name] for name in names]
    listed = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(listed) != len(names):
        raise ValueError(f"Expected {len(names)} {what}, one for each of {names}: {given}")
    return listed


def _metrics(model: Any, trainer: Any) -> dict[str, Any]:
    """A value and an update for each metric; means over examples."""
    rows = cast(shape(model.outputs[0])[0], "float32")
    found: dict[str, Any] = {
        name: metrics.mean(value, weights=rows) for name, value in trainer._named
    }
    for name, (_, update, value) in trainer.objects.items():
        found[name] = (value, update)
    return found
