"""TensorFlow's `tf.contrib.training`: `HParams`, and training loops that are elsewhere, too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from graphflow.contrib.slim.training_loops import create_train_op
from graphflow.estimator.evaluation import StopAfterNEvalsHook, evaluate_once
from graphflow.train.checkpoints import checkpoints_iterator

__all__ = [
    "HParams", "StopAfterNEvalsHook", "checkpoints_iterator", "create_train_op", "evaluate_once",
    "parse_values",
]  # fmt: skip

# name, or name[index], with a value that is a list in brackets or goes on to the next comma
_ASSIGNMENT = re.compile(
    r"(?P<name>[a-zA-Z][\w\.]*)(\[\s*(?P<index>\d+)\s*\])?\s*=\s*"
    r"((?P<list>\[[^\]]*\])|(?P<value>[^,\[]*))\s*($|,\s*)"
)


def _typed(name: str, kind: type, text: str) -> Any:
    """A value of a type from its text."""
    try:
        if kind is bool:
            if text not in ("true", "True", "false", "False", "1", "0"):
                raise ValueError(text)
            return text in ("true", "True", "1")
        return kind(text)
    except ValueError as error:
        raise ValueError(
            f"Could not parse hparam '{name}' of type '{kind.__name__}' with value '{text}'"
        ) from error


def parse_values(values: str, type_map: Mapping[str, Any], ignore_unknown: bool = False) -> Any:
    """Hyperparameters from a text such as ``"a=1,b[0]=2,c=[3,4]"``.

    Parameters
    ----------
    type_map : the values' types by name.
    ignore_unknown : leave out other names.

    Raises
    ------
    ValueError : the text is not of this form, or has another name.
    """
    found: dict[str, Any] = {}
    place = 0
    while place < len(values):
        match = _ASSIGNMENT.match(values, place)
        if match is None:
            raise ValueError(f"Malformed hyperparameter value: {values[place:]}")
        place, name = match.end(), match["name"]
        if name not in type_map:
            if ignore_unknown:
                continue
            raise ValueError(f"Unknown hyperparameter type for {name}")
        kind = type_map[name]
        if match["list"] is not None:
            parts = [p.strip() for p in match["list"][1:-1].split(",") if p.strip()]
            found[name] = [_typed(name, kind, p) for p in parts]
        elif match["index"] is not None:
            found.setdefault(name, {})[int(match["index"])] = _typed(name, kind, match["value"])
        elif name in found:
            raise ValueError(f"Multiple assignments to variable '{name}' in {values}")
        else:
            found[name] = _typed(name, kind, match["value"].strip())
    return found


class HParams:
    """Hyperparameters, as attributes.

    Parameters
    ----------
    **kwargs : the names and the first values, which give the types.
    """

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **kwargs: Any) -> None:
        self._hparam_types: dict[str, tuple[type, bool]] = {}
        self._model_structure = model_structure
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Add one; ValueError when the name is taken, or a list is empty."""
        if getattr(self, name, None) is not None:
            raise ValueError(f"Hyperparameter name is reserved: {name}")
        if isinstance(value, (list, tuple)):
            if not value:
                raise ValueError(f"Multi-valued hyperparameters cannot be empty: {name}")
            self._hparam_types[name] = (type(value[0]), True)
        else:
            self._hparam_types[name] = (type(value), False)
        setattr(self, name, value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Change one; ValueError when it is a list and the value is none, or the reverse."""
        kind, is_list = self._hparam_types[name]
        if is_list != isinstance(value, (list, tuple)):
            wanted = "multi" if is_list else "single"
            raise ValueError(f"Must pass a {wanted}-valued parameter for {name}: {value}")
        converted = [self._as(name, kind, v) for v in value] if is_list else None
        setattr(self, name, converted if is_list else self._as(name, kind, value))

    @staticmethod
    def _as(name: str, kind: type, value: Any) -> Any:
        if value is None or isinstance(value, kind) or kind is type(None):
            return value
        if isinstance(value, str) or kind in (bool, str) or isinstance(value, bool):
            raise ValueError(
                f"Could not cast hparam '{name}' of type '{kind}' from value {value!r}"
            )
        if kind is int and value != int(value):
            raise ValueError(
                f"Could not cast hparam '{name}' of type '{kind}' from value {value!r}"
            )
        return kind(value)

    def del_hparam(self, name: str) -> None:
        """Remove one, if it is there."""
        if name in self._hparam_types:
            delattr(self, name)
            del self._hparam_types[name]

    def parse(self, values: str) -> HParams:
        """Change those that a text names; see `parse_values`."""
        kinds = {name: kind for name, (kind, _) in self._hparam_types.items()}
        for name, value in parse_values(values, kinds).items():
            if isinstance(value, dict):
                changed = list(getattr(self, name))
                for k, item in value.items():
                    changed[k] = item
                value = changed
            self.set_hparam(name, value)
        return self

    def override_from_dict(self, values_dict: Mapping[str, Any]) -> HParams:
        """Change those that a dict names."""
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def parse_json(self, values_json: str) -> HParams:
        """Change those that an object in JSON names."""
        return self.override_from_dict(json.loads(values_json))

    def values(self) -> dict[str, Any]:
        """All of them by name."""
        return {name: getattr(self, name) for name in self._hparam_types}

    def to_json(self, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        """All of them in JSON."""
        return json.dumps(self.values(), indent=indent, separators=separators, sort_keys=sort_keys)

    def get(self, key: str, default: Any = None) -> Any:
        """One of them, or the default."""
        return getattr(self, key) if key in self._hparam_types else default

    def set_model_structure(self, model_structure: Any) -> None:
        """Keep a description of the model."""
        self._model_structure = model_structure

    def get_model_structure(self) -> Any:
        """The description of the model."""
        return self._model_structure

    def __contains__(self, key: str) -> bool:
        return key in self._hparam_types

    def __str__(self) -> str:
        return str(sorted(self.values().items()))

    def __repr__(self) -> str:
        return f"HParams({self})"
