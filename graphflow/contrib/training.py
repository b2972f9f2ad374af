"""``tf.contrib.training``: hyperparameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_ASSIGNMENT = re.compile(
    r"\s*(?P<name>[a-zA-Z][\w.]*)(\[(?P<index>\d+)\])?\s*=\s*((?P<value>[^,\[]*)|\[(?P<values>[^\]]*)\])($|,\s*)"
)


class HParams:
    """Named values of fixed types, settable by a text such as ``rate=0.1,layers=[64,32]``.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/contrib/training/HParams
    """

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **kwargs: Any) -> None:
        self._types: dict[str, tuple[type, bool]] = {}
        self._model_structure = model_structure
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Add a value; its type, or that of a list's elements, stays.

        Raises
        ------
        ValueError : the name is taken, or a list is empty.
        """
        if getattr(self, name, None) is not None:
            raise ValueError(f"Hyperparameter name is reserved: {name}")
        is_list = isinstance(value, (list, tuple))
        if is_list and not value:
            raise ValueError(f"Multi-valued hyperparameters cannot be empty: {name}")
        self._types[name] = (type(value[0]) if is_list else type(value), is_list)
        setattr(self, name, list(value) if is_list else value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Give a value of the right type; a list takes the place of a list.

        Raises
        ------
        KeyError : there is no such hyperparameter.
        ValueError : a list where there is none, or the other way.
        """
        kind, is_list = self._types[name]
        if isinstance(value, (list, tuple)) != is_list:
            wanted = "a list" if is_list else "a single value"
            raise ValueError(f"hyperparameter {name} expected {wanted}, got {value!r}")
        cast = [_cast(name, kind, v) for v in value] if is_list else _cast(name, kind, value)
        setattr(self, name, cast)

    def del_hparam(self, name: str) -> None:
        """Remove a hyperparameter if it is there."""
        if self._types.pop(name, None) is not None:
            delattr(self, name)

    def parse(self, values: str) -> HParams:
        """Set values from ``name=value`` pairs with commas between them.

        Raises
        ------
        ValueError : the text cannot be read, or names an unknown hyperparameter.
        """
        place = 0
        while place < len(values):
            found = _ASSIGNMENT.match(values, place)
            if found is None:
                raise ValueError(f"Malformed hyperparameter value: {values[place:]}")
            place = found.end()
            self._assign(found)
        return self

    def _assign(self, found: re.Match[str]) -> None:
        name = found["name"]
        if name not in self._types:
            raise ValueError(f"Unknown hyperparameter type for {name}")
        kind, is_list = self._types[name]
        if found["values"] is not None:
            parts = [p.strip() for p in found["values"].split(",") if p.strip()]
            self.set_hparam(name, [_read(name, kind, p) for p in parts])
        elif found["index"] is not None:
            getattr(self, name)[int(found["index"])] = _read(name, kind, found["value"])
        elif is_list:
            self.set_hparam(name, [_read(name, kind, found["value"])])
        else:
            self.set_hparam(name, _read(name, kind, found["value"]))

    def override_from_dict(self, values_dict: Mapping[str, Any]) -> HParams:
        """Set values from a dict."""
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def parse_json(self, values_json: str) -> HParams:
        """Set values from a JSON object."""
        return self.override_from_dict(json.loads(values_json))

    def values(self) -> dict[str, Any]:
        """All values by name."""
        return {name: getattr(self, name) for name in self._types}

    def to_json(self, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        """All values as a JSON object."""
        return json.dumps(self.values(), indent=indent, separators=separators, sort_keys=sort_keys)

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or the default where there is no such hyperparameter."""
        return getattr(self, key) if key in self._types else default

    def set_model_structure(self, model_structure: Any) -> None:
        """Keep an object with the values."""
        self._model_structure = model_structure

    def get_model_structure(self) -> Any:
        """The object that `set_model_structure` was given."""
        return self._model_structure

    def __contains__(self, key: str) -> bool:
        return key in self._types

    def __str__(self) -> str:
        return str(sorted(self.values().items()))

    def __repr__(self) -> str:
        return f"HParams({self})"


def _read(name: str, kind: type, text: str) -> Any:
    text = text.strip()
    if kind is bool:
        known = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}
        if text not in known:
            raise ValueError(f"Could not parse hparam of type 'bool' in {name}={text}")
        return known[text]
    try:
        return kind(text)
    except ValueError:
        raise ValueError(
            f"Could not parse hparam of type '{kind.__name__}' in {name}={text}"
        ) from None


def _cast(name: str, kind: type, value: Any) -> Any:
    """A value as a hyperparameter's type; what would lose something is refused."""
    if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is type(None):
        return value
    text = f"Could not cast hparam '{name}' of type '{kind.__name__}' from value {value!r}"
    if isinstance(value, str) or kind is str or isinstance(value, bool) or kind is bool:
        raise ValueError(text)
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError(text)
    return kind(value)


__all__ = ["HParams"]
