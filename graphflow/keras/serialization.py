"""Layers, functions and initializers as plain values, and back."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "CustomObjectScope", "custom_object_scope", "deserialize", "deserialize_keras_object",
    "get_custom_objects", "plain", "revived", "serialize", "serialize_keras_object",
]  # fmt: skip

_custom: dict[str, Any] = {}


def get_custom_objects() -> dict[str, Any]:
    """What was made known under names; a dictionary that may be changed."""
    return _custom


@contextmanager
def custom_object_scope(*objects: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Make functions and classes known under names, for a while."""
    before = dict(_custom)
    for named in objects:
        _custom.update(named)
    try:
        yield _custom
    finally:
        _custom.clear()
        _custom.update(before)


CustomObjectScope = custom_object_scope


def plain(value: Any) -> Any:
    """A value as JSON may hold it: objects as their class's name and arguments."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, type) or inspect.isfunction(value) or inspect.isbuiltin(value):
        return value.__name__
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": plain(value.get_config())}
    if hasattr(value, "name"):  # a type of numbers
        return value.name
    raise ValueError(f"Cannot serialize {value!r}: expected a value with get_config")


def revived(value: Any) -> Any:
    """What `plain` was given, as far as layers are concerned; other objects stay described.

    Functions know initializers, regularizers and constraints by their descriptions.
    """
    if isinstance(value, dict):
        from graphflow.keras import layers

        kind = value.get("class_name")
        is_layer = isinstance(getattr(layers, str(kind), _custom.get(str(kind))), type)
        if kind is not None and is_layer and "config" in value:
            return deserialize(value)
        return {key: revived(item) for key, item in value.items()}
    return [revived(item) for item in value] if isinstance(value, list) else value


def serialize(layer: Any) -> dict[str, Any]:
    """A layer's class and arguments."""
    return {"class_name": type(layer).__name__, "config": plain(layer.get_config())}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer that `serialize` described."""
    from graphflow.keras import layers, models

    known = {**vars(layers), "Model": models.Model, "Sequential": models.Sequential}
    with custom_object_scope(custom_objects or {}):
        return deserialize_keras_object(config, known, printable_module_name="layer")


def serialize_keras_object(instance: Any) -> Any:
    """An object's class and arguments, or a function's name."""
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return serialize(instance)
    if hasattr(instance, "__name__"):
        return instance.__name__
    raise ValueError(f"Cannot serialize {instance}")


def deserialize_keras_object(
    identifier: Any, module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None, printable_module_name: str = "object",
) -> Any:  # fmt: skip
    """What a name, or a class's name and its arguments, stand for.

    Parameters
    ----------
    module_objects : what is known by name; `custom_objects` and those of the scope come first.
    """
    known = {**(module_objects or {}), **_custom, **(custom_objects or {})}
    if isinstance(identifier, str):
        if identifier not in known:
            raise ValueError(f"Unknown {printable_module_name}:{identifier}")
        found = known[identifier]
        return found() if isinstance(found, type) else found
    if not isinstance(identifier, dict) or "class_name" not in identifier:
        raise ValueError(f"Improper config format: {identifier}")
    kind, config = identifier["class_name"], identifier.get("config", {})
    if kind not in known:
        raise ValueError(f"Unknown {printable_module_name}: {kind}")
    made = known[kind]
    return made.from_config(config) if hasattr(made, "from_config") else made(**config)
