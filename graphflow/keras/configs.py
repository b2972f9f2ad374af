"""Keras's models as plain values, and models made of them again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphflow.graph import nest
from graphflow.keras.core import Input, InputLayer
from graphflow.keras.serialization import custom_object_scope, deserialize, serialize

__all__ = [
    "clone_model", "functional_config", "load_model", "model_from_config", "model_from_json",
    "save_model",
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
            [named(t) for t in nest.flatten(inputs)] for inputs, _ in layer._inbound
        ]  # fmt: skip
        layers.append({**serialize(layer), "name": layer.name, "inbound_nodes": calls})
    return {
        "name": model.name, "layers": layers, "input_layers": [named(t) for t in model.inputs],
        "output_layers": [named(t) for t in model.outputs],
    }  # fmt: skip


def functional_tensors(config: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Inputs and outputs, made of what `functional_config` gave."""
    made: dict[tuple[Any, ...], Any] = {}
    waiting: list[tuple[Any, int, list[Any]]] = []
    for described in config["layers"]:
        name = described["name"]
        if described["class_name"] == "InputLayer":
            given = described["config"]
            made[name, 0, 0] = Input(
                batch_shape=given["batch_input_shape"], dtype=given["dtype"], name=given["name"]
            )
            continue
        layer = deserialize(described)
        waiting += [(layer, k, call) for k, call in enumerate(described["inbound_nodes"])]
    while waiting:
        ready = [w for w in waiting if all(tuple(t) in made for t in w[2])]
        if not ready:
            break  # what is left was called on tensors outside of the model
        for layer, number, call in ready:
            inputs = [made[tuple(t)] for t in call]
            outputs = layer(inputs if len(inputs) > 1 else inputs[0])
            for place, output in enumerate(nest.flatten(outputs)):
                made[layer.name, number, place] = output
        waiting = [w for w in waiting if w not in ready]
    ends = ([made[tuple(t)] for t in config[key]] for key in ("input_layers", "output_layers"))
    inputs, outputs = ends
    return inputs, outputs


def model_from_config(config: dict[str, Any], custom_objects: Any = None) -> Any:
    """The model of a class's name and its configuration."""
    return deserialize(config, custom_objects)


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """The model that `to_json` described."""
    return model_from_config(json.loads(json_string), custom_objects)


def clone_model(model: Any, input_tensors: Any = None, clone_function: Any = None) -> Any:
    """A model like this one, with variables of its own.

    Parameters
    ----------
    input_tensors : what the new model is applied to; new inputs when None.
    """
    if clone_function is not None:
        raise ValueError("expected clone_function=None: layers are copied by their arguments")
    with custom_object_scope({type(layer).__name__: type(layer) for layer in model.layers}):
        made = type(model).from_config(model.get_config())
    if input_tensors is not None:
        made(input_tensors)
    return made


def _checked_path(filepath: Any) -> str:
    path = str(filepath)
    if path.endswith((".h5", ".hdf5", ".keras")):
        raise ValueError(
            f"expected a path for a description and a checkpoint, got {path}: HDF5 is not known"
        )
    return path


def save_model(model: Any, filepath: Any, overwrite: bool = True, **_: Any) -> None:
    """Write a model's description, to ``filepath.json``, and its variables, to a checkpoint.

    Raises
    ------
    ValueError : the path is that of an HDF5 file.
    """
    path = _checked_path(filepath)
    described = Path(f"{path}.json")
    if described.exists() and not overwrite:
        raise ValueError(f"{described} exists, and overwrite=False was given")
    names = [weight.op.name for weight in model.weights]
    described.write_text(json.dumps({**json.loads(model.to_json()), "weight_names": names}))
    model.save_weights(path)


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True) -> Any:
    """Read what `save_model` wrote; the model is to be compiled again."""
    from graphflow.train import NewCheckpointReader

    path = _checked_path(filepath)
    described = json.loads(Path(f"{path}.json").read_text())
    model = model_from_config(described, custom_objects)
    # In a graph with other models the names are numbered: the order says what is whose.
    reader = NewCheckpointReader(path)
    model.set_weights([reader.get_tensor(name) for name in described["weight_names"]])
    return model
