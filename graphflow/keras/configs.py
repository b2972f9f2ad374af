"""Keras's models as plain values, and models made of them again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from graphflow.graph import nest
from graphflow.keras import hdf5_files, saved_models
from graphflow.keras.core import Input, InputLayer
from graphflow.keras.serialization import custom_object_scope, deserialize, serialize

__all__ = [
    "clone_model", "functional_config", "load_model", "model_from_config", "model_from_json",
    "model_from_yaml", "save_model",
]  # fmt: skip


def functional_config(model: Any) -> dict[str, Any]:
    """The layers of a model of tensors, and for each the tensors that it is called on.

    A tensor is the name of its layer, the number of the call, and its number among the outputs.
    """

    def named(tensor: Any) -> list[Any]:
        layer = tensor._keras_history[0]
        if isinstance(layer, InputLayer):
            return [layer.name, 0, 0]
        calls = [nest.flatten(made) for _, made in layer._inbound]
        for number, outputs in enumerate(calls):
            for place, output in enumerate(outputs):
                if output is tensor:
                    return [layer.name, number, place]
        raise ValueError(f"expected a tensor that a layer of the model made, got {tensor}")

    layers = []
    for layer in model.layers:
        calls = [] if isinstance(layer, InputLayer) else [
            [[*named(t), {}] for t in nest.flatten(inputs)] for inputs, _ in layer._inbound
        ]  # fmt: skip
        layers.append({**serialize(layer), "name": layer.name, "inbound_nodes": calls})
    return {
        "name": model.name, "layers": layers, "input_layers": [named(t) for t in model.inputs],
        "output_layers": [named(t) for t in model.outputs],
    }  # fmt: skip


def functional_tensors(
    config: dict[str, Any], inputs: Sequence[Any] | None = None, make: Any = deserialize
) -> tuple[list[Any], list[Any]]:
    """Inputs and outputs, made of what `functional_config` gave.

    Parameters
    ----------
    inputs : tensors that the layers are called on; new inputs when None.
    make : gives a layer from its description.
    """
    made: dict[tuple[Any, ...], Any] = {}
    given_inputs = {t[0]: k for k, t in enumerate(config["input_layers"])}
    waiting: list[tuple[Any, int, list[Any]]] = []
    for described in config["layers"]:
        name = described["name"]
        if described["class_name"] == "InputLayer":
            given = described["config"]
            if inputs is not None and name in given_inputs:
                made[name, 0, 0] = Input(tensor=inputs[given_inputs[name]], name=name)
                continue
            made[name, 0, 0] = Input(
                batch_shape=given["batch_input_shape"], dtype=given["dtype"], name=given["name"]
            )
            continue
        layer = make(described)
        waiting += [(layer, k, call) for k, call in enumerate(described["inbound_nodes"])]
    while waiting:
        ready = [w for w in waiting if all(tuple(t[:3]) in made for t in w[2])]
        if not ready:
            break  # what is left was called on tensors outside of the model
        for layer, number, call in ready:
            read = [made[tuple(t[:3])] for t in call]
            options = call[0][3] if len(call[0]) > 3 else {}
            outputs = layer(read if len(read) > 1 else read[0], **options)
            for place, output in enumerate(nest.flatten(outputs)):
                made[layer.name, number, place] = output
        waiting = [w for w in waiting if w not in ready]
    first, last = (
        [made[tuple(t[:3])] for t in config[key]] for key in ("input_layers", "output_layers")
    )
    return first, last


def model_from_config(config: dict[str, Any], custom_objects: Any = None) -> Any:
    """The model of a class's name and its configuration."""
    return deserialize(config, custom_objects)


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """The model that `to_json` described."""
    return model_from_config(json.loads(json_string), custom_objects)


def yaml_library() -> Any:
    """The package PyYAML.

    Raises
    ------
    ImportError : it is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImportError("Requires yaml module installed (`pip install pyyaml`).") from error
    return yaml


def model_from_yaml(yaml_string: str, custom_objects: Any = None) -> Any:
    """The model that `to_yaml` described; needs the package PyYAML, and makes plain values only."""
    return model_from_config(yaml_library().safe_load(yaml_string), custom_objects)


def clone_model(model: Any, input_tensors: Any = None, clone_function: Any = None) -> Any:
    """A model like this one, with variables of its own.

    Parameters
    ----------
    input_tensors : tensors that are the new model's inputs; new inputs when None.
    clone_function : gives a layer for each of the model's; copies by their arguments when None.

    Raises
    ------
    ValueError : the model has a `call` of its own.
    """
    try:
        config = model.get_config()
    except NotImplementedError:
        raise ValueError(
            "Expected `model` argument to be a functional `Model` instance, but got a subclass "
            f"model instead: {model}"
        ) from None
    inputs = None if input_tensors is None else nest.flatten(input_tensors)

    def make(described: dict[str, Any]) -> Any:
        if clone_function is None:
            return deserialize(described)
        return clone_function(model.get_layer(described["config"]["name"]))

    with custom_object_scope({type(layer).__name__: type(layer) for layer in model.layers}):
        if "input_layers" in config:
            return type(model)(*functional_tensors(config, inputs, make), name=config["name"])
        if inputs is None and clone_function is None:
            return type(model).from_config(config)
        return type(model).from_layers(config, inputs, make)


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True,
    save_format: str | None = None, signatures: Any = None,
) -> None:  # fmt: skip
    """Write a model with its weights, and its optimizer's.

    Parameters
    ----------
    save_format : ``h5`` for one HDF5 file, the default where h5py is installed; ``tf`` for a
        SavedModel, a folder.

    Raises
    ------
    ValueError : the file is there, and is not to be overwritten; the format is another one.
    ImportError : an HDF5 file is wanted, and h5py is not installed.
    """
    path = str(filepath)
    if save_format not in (None, "h5", "hdf5", "keras", "tf", "tensorflow"):
        raise ValueError(f"expected save_format 'h5' or 'tf', got {save_format!r}")
    in_one = path.endswith(hdf5_files.SUFFIXES) or save_format in ("h5", "hdf5", "keras")
    if save_format is None and not in_one:
        in_one = hdf5_files.has_library()
    if os.path.exists(path if in_one else os.path.join(path, "saved_model.pb")) and not overwrite:
        raise ValueError(f"{path} exists, and overwrite=False was given")
    if in_one:
        hdf5_files.write_model(model, path, include_optimizer)
    else:
        saved_models.write_model(model, path, include_optimizer)


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True) -> Any:
    """Read what `save_model` wrote, here or in TensorFlow.

    Parameters
    ----------
    compile : whether the model is to be trained on as it was; else it is to be compiled again.

    Raises
    ------
    OSError : there is no such model.
    """
    path = str(filepath)

    def make(described: dict[str, Any]) -> Any:
        return model_from_config(described, custom_objects)

    state: list[Any] = []
    weights = ""
    if hdf5_files.is_hdf5(path):
        model, training, state = hdf5_files.read_model(path, make)
    elif saved_models.is_model(path):
        model, training, weights = saved_models.read_model(path, make)
    else:
        raise OSError(f"SavedModel file does not exist at: {path}, nor an HDF5 file")
    if compile and training is not None:
        with custom_object_scope(custom_objects or {}):
            model.compile_from_config(training)
        if state:
            model.make_train_function()
            model.optimizer.set_weights(state)
        elif weights:
            model.make_train_function()
            model.load_weights(weights)
    return model
