"""Models and weights in HDF5 files, as Keras arranges them; needs the package h5py.

A layer's weights are a group of its name, whose attribute `weight_names` says their order. A file
of a whole model has them below `model_weights`, its description in attributes, and the optimizer's
below `optimizer_weights`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.keras import backend

SUFFIXES = (".h5", ".hdf5", ".keras")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_VERSION = "2.2.4-tf"
_CHUNK = 64512  # the most that an attribute may hold, in bytes


def library() -> Any:
    """The package h5py.

    Raises
    ------
    ImportError : it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("Expected the package h5py for HDF5 files, which is missing") from error
    return h5py


def has_library() -> bool:
    """Whether h5py is installed."""
    from importlib.util import find_spec

    return find_spec("h5py") is not None


def is_hdf5(path: str) -> bool:
    """Whether a file is an HDF5 file."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except (FileNotFoundError, IsADirectoryError):
        return False


def _set_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    """Write names into an attribute, or into several where they are too long for one."""
    texts = np.array([name.encode() for name in names])
    count = 1
    while any(part.nbytes > _CHUNK for part in np.array_split(texts, count)):
        count += 1
    for k, part in enumerate(np.array_split(texts, count)):
        group.attrs[attribute if count == 1 else f"{attribute}{k}"] = part


def _names(group: Any, attribute: str) -> list[str]:
    if attribute in group.attrs:
        return [_text(name) for name in group.attrs[attribute]]
    found: list[str] = []
    while f"{attribute}{len(found)}" in group.attrs:
        found += [_text(name) for name in group.attrs[f"{attribute}{len(found)}"]]
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _write_variables(group: Any, variables: Sequence[Any]) -> None:
    values = backend.batch_get_value(list(variables))
    names = [variable.name for variable in variables]
    _set_names(group, "weight_names", names)
    for name, value in zip(names, values, strict=True):
        group.create_dataset(name, data=value)


def write_weights(group: Any, layers: Sequence[Any]) -> None:
    """Write the weights of layers into a file or a group."""
    _set_names(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = _VERSION.encode()
    for layer in layers:
        _write_variables(group.create_group(layer.name), _ordered(layer))


def _ordered(layer: Any) -> list[Any]:
    trained = list(layer.trainable_weights)
    others = [weight for weight in layer.weights if all(weight is not t for t in trained)]
    return trained + others


def _saved(group: Any, name: str) -> list[Any]:
    return [np.asarray(group[name][weight]) for weight in _names(group[name], "weight_names")]


def read_weights(group: Any, layers: Sequence[Any], by_name: bool = False) -> None:
    """Give layers the weights of a file or a group, by their order or by their names.

    Raises
    ------
    ValueError : layers or weights are more, fewer, or of other shapes than in the file; nothing is
        changed then.
    """
    group = group["model_weights"] if "model_weights" in group else group
    saved = {name: _saved(group, name) for name in _names(group, "layer_names")}
    saved = {name: values for name, values in saved.items() if values}
    own = [layer for layer in layers if layer.weights]
    if by_name or {layer.name for layer in own} == set(saved):
        pairs = [(layer, saved[layer.name]) for layer in own if layer.name in saved]
    elif len(own) != len(saved):
        raise ValueError(
            f"You are trying to load a weight file containing {len(saved)} layers into a model "
            f"with {len(own)} layers."
        )
    else:
        pairs = list(zip(own, saved.values(), strict=True))
    _assign([(layer.name, _ordered(layer), values) for layer, values in pairs])


def _assign(parts: Sequence[tuple[str, list[Any], list[Any]]]) -> None:
    for name, variables, values in parts:
        shapes = [variable.shape.as_list() for variable in variables]
        found = [list(value.shape) for value in values]
        if shapes != found:
            raise ValueError(f"Layer {name} expects weights of shapes {shapes}, got {found}")
    for _, variables, values in parts:
        for variable, value in zip(variables, values, strict=True):
            backend.set_value(variable, value)


def write_model(model: Any, path: str, include_optimizer: bool) -> None:
    """Write a model: what it is, its weights, and how it is trained."""
    described = json.loads(model.to_json())
    config = {name: described[name] for name in ("class_name", "config")}
    with library().File(path, "w") as file:
        file.attrs["keras_version"] = _VERSION.encode()
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        write_weights(file.create_group("model_weights"), model.layers)
        training = model.training_config() if include_optimizer else None
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
            if model.optimizer.weights:
                _write_variables(file.create_group("optimizer_weights"), model.optimizer.weights)


def read_model(path: str, make: Any) -> tuple[Any, Mapping[str, Any] | None, list[Any]]:
    """A model with its weights, how it was trained, and the optimizer's weights.

    Raises
    ------
    ValueError : the file has weights only.
    """
    with library().File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise ValueError(f"No model found in config file {path}: it has weights only.")
        model = make(json.loads(_text(file.attrs["model_config"])))
        read_weights(file["model_weights"], model.layers)
        training = file.attrs.get("training_config")
        state = []
        if "optimizer_weights" in file:
            group = file["optimizer_weights"]
            state = [np.asarray(group[name]) for name in _names(group, "weight_names")]
        return model, None if training is None else json.loads(_text(training)), state
