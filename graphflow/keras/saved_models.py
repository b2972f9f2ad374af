"""Keras's models as SavedModels: graphs to serve and to train, and what the model was made of.

A folder holds a checkpoint of objects, a graph for each use, and the model's description: in
``assets/saved_model.json``, and where the whole model is saved, with how it is trained, in the
SavedModel's first object, as TensorFlow has it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.graph.graph import Graph
from graphflow.graph.tensor import Tensor
from graphflow.keras import backend
from graphflow.ops.identity import group
from graphflow.ops.variable_lists import global_variables, local_variables_initializer
from graphflow.runtime.session import Session
from graphflow.saved_model import constants, signature_constants, tag_constants
from graphflow.saved_model.builder import SavedModelBuilder
from graphflow.saved_model.loader import maybe_saved_model_directory, parse_saved_model
from graphflow.saved_model.signature_def_utils import (
    op_signature_def,
    predict_signature_def,
    supervised_eval_signature_def,
    supervised_train_signature_def,
)
from graphflow.saved_model.utils import get_assets_dir, get_variables_dir, get_variables_path
from graphflow.train.saver import Saver
from graphflow.train.trackable import ObjectGraph

__all__ = ["export_saved_model", "load_from_saved_model"]

_JSON = "saved_model.json"
_KINDS = {"Sequential": "_tf_keras_sequential", "Model": "_tf_keras_network"}
Make = Callable[[dict[str, Any]], Any]


def export_saved_model(
    model: Any, saved_model_path: Any, custom_objects: Any = None, as_text: bool = False,
    input_signature: Any = None, serving_only: bool = False,
) -> None:  # fmt: skip
    """Write a model as a SavedModel: one graph to serve and, if it is compiled, two to train.

    Parameters
    ----------
    saved_model_path : a folder that is new or empty.
    custom_objects : classes and functions by name, with which the model's copies are made.
    as_text : write the graphs in protobuf's text form.
    input_signature : not taken: models of layers know their inputs.
    serving_only : no graphs to train.

    Raises
    ------
    NotImplementedError : the model has a `call` of its own.
    AssertionError : the folder has something in it.
    """
    builder = SavedModelBuilder(os.fspath(saved_model_path))
    training = None if serving_only else model.training_config()
    _write(builder, model, os.fspath(saved_model_path), custom_objects, training)
    builder.save(as_text)


def load_from_saved_model(saved_model_path: Any, custom_objects: Any = None) -> Any:
    """Read a model that `export_saved_model` wrote, here or in TensorFlow; it is to be compiled.

    Raises
    ------
    OSError : there is no such file.
    """
    from graphflow.keras.configs import model_from_json

    folder = os.fspath(saved_model_path)
    with open(os.path.join(get_assets_dir(folder), _JSON), encoding="utf-8") as file:
        model = model_from_json(file.read(), custom_objects)
    model.load_weights(get_variables_path(folder))
    return model


def write_model(model: Any, path: str, include_optimizer: bool) -> None:
    """Write a whole model; what the folder has under the same names is replaced."""
    temporary = f"{path.rstrip(os.sep)}.tmp{uuid.uuid4().hex}"
    builder = SavedModelBuilder(temporary)
    try:
        _write(builder, model, temporary, None, None)
        described = json.loads(model.to_json())
        root = builder._saved_model.meta_graphs[0].object_graph_def.nodes.add().user_object
        root.identifier = _KINDS.get(described["class_name"], "_tf_keras_model")
        root.metadata = json.dumps({
            "class_name": described["class_name"], "name": model.name,
            "model_config": {key: described[key] for key in ("class_name", "config")},
            "training_config": model.training_config() if include_optimizer else None,
            "keras_version": described["keras_version"], "backend": described["backend"],
        })  # fmt: skip
        builder.save()
        os.makedirs(path, exist_ok=True)
        for name in os.listdir(temporary):
            target = os.path.join(path, name)
            if os.path.isdir(target):
                shutil.rmtree(target)
            os.replace(os.path.join(temporary, name), target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_model(path: str) -> bool:
    """Whether a folder is a SavedModel."""
    return maybe_saved_model_directory(path)


def read_model(path: str, make: Make) -> tuple[Any, Mapping[str, Any] | None, str]:
    """A model with its weights, how it was trained, and the checkpoint of it.

    Raises
    ------
    ValueError : the SavedModel is of something else.
    """
    weights = get_variables_path(path)
    for graph in parse_saved_model(path).meta_graphs:
        nodes = graph.object_graph_def.nodes
        if nodes and nodes[0].user_object.identifier.startswith("_tf_keras"):
            known = json.loads(nodes[0].user_object.metadata)
            if known.get("model_config") is None:
                raise ValueError(
                    f"The model in {path} has a `call` of its own and no configuration: expected a "
                    "model of layers. Make it from its class, and load its weights from "
                    f"{weights}."
                )
            model = make(known["model_config"])
            model.load_weights(weights)
            return model, known.get("training_config"), weights
    if os.path.exists(os.path.join(get_assets_dir(path), _JSON)):
        with open(os.path.join(get_assets_dir(path), _JSON), encoding="utf-8") as file:
            model = make(json.load(file))
        model.load_weights(weights)
        return model, None, weights
    raise ValueError(f"Expected a SavedModel of a Keras model in {path}, got one of something else")


# ---- graphs


def _write(
    builder: SavedModelBuilder, model: Any, folder: str, custom_objects: Any,
    training: Mapping[str, Any] | None,
) -> None:  # fmt: skip
    """Write the weights and the description, and add the graphs; those to train come first."""
    described = model.to_json()
    for made in (get_assets_dir(folder), get_variables_dir(folder)):
        os.makedirs(made, exist_ok=True)
    if training is not None:
        model.make_train_function()  # the graph to train needs all of the optimizer's variables
    model.save_weights(get_variables_path(folder), save_format="tf")
    with open(os.path.join(get_assets_dir(folder), _JSON), "w", encoding="utf-8") as file:
        file.write(described)
    for tag in (tag_constants.TRAINING, tag_constants.EVAL, tag_constants.SERVING):
        if training is not None or tag == tag_constants.SERVING:
            with Graph().as_default() as graph, Session(graph=graph):
                backend.set_learning_phase(int(tag == tag_constants.TRAINING))
                _add_graph(builder, tag, json.loads(described), custom_objects, training)


def _add_graph(
    builder: SavedModelBuilder, tag: str, described: Mapping[str, Any], custom_objects: Any,
    training: Mapping[str, Any] | None,
) -> None:  # fmt: skip
    """Add a copy of the model in the default graph, for one use."""
    from graphflow.keras.configs import model_from_config

    model = model_from_config(dict(described), custom_objects)
    is_served = tag == tag_constants.SERVING
    if not is_served:
        model.compile_from_config(training)
        if tag == tag_constants.TRAINING:
            model.make_train_function()
    signatures = _served(model) if is_served else _supervised(model, tag)
    variables = ObjectGraph.of(model).variables()
    saver = Saver(variables, sharded=True) if variables else Saver(allow_empty=True)
    rest = [v for v in global_variables() if all(v is not known for known in variables.values())]
    start = group(local_variables_initializer(), *(v.initializer for v in rest), name="init")
    key = constants.INIT_OP_SIGNATURE_KEY
    builder._add(saver, [tag], {**signatures, key: op_signature_def(start, key)}, False)


def _inputs(model: Any) -> dict[str, Tensor]:
    return dict(zip(model.input_names, model.inputs, strict=True))


def _outputs(model: Any) -> dict[str, Tensor]:
    return dict(zip(model.output_names, model.outputs, strict=True))


def _served(model: Any) -> dict[str, Any]:
    key = signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    return {key: predict_signature_def(_inputs(model), _outputs(model))}


def _supervised(model: Any, tag: str) -> dict[str, Any]:
    """The signatures of a graph with labels, a loss and metrics."""
    trainer, trains = model._trained(), tag == tag_constants.TRAINING
    labels = {f"{n}_target": t for n, t in zip(model.output_names, trainer.targets, strict=True)}
    metrics = {}
    for name, value in trainer._named:
        metrics[f"metrics/{name}/value"] = metrics[f"metrics/{name}/update_op"] = value
    for name, (_, update, value) in trainer.objects.items():
        metrics[f"metrics/{name}/value"] = value
        metrics[f"metrics/{name}/update_op"] = update
    make = supervised_train_signature_def if trains else supervised_eval_signature_def
    key = (
        signature_constants.DEFAULT_TRAIN_SIGNATURE_DEF_KEY
        if trains
        else signature_constants.DEFAULT_EVAL_SIGNATURE_DEF_KEY
    )
    named = {f"predictions/{name}": value for name, value in _outputs(model).items()}
    found = {key: make({**_inputs(model), **labels}, {"loss": trainer.loss}, named, metrics)}
    if trains:
        train_key = constants.TRAIN_OP_SIGNATURE_KEY
        found[train_key] = op_signature_def(group(*trainer.step, name="train_op"), train_key)
    return found
