"""TensorFlow's `tf.raw_ops`: every op type as a function, called with its inputs and attributes.

Which parameters a function takes is read from `protos/raw_ops.json`, recorded from TensorFlow
1.15.5. TensorFlow's private modules ``gen_array_ops`` and so on have the same functions in small
letters.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.op_table import default_of, op_table
from graphflow.graph.opdef import is_defined
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[str, str]]:
    text = resources.files("graphflow.protos").joinpath("raw_ops.json").read_text("utf-8")
    table: dict[str, tuple[str, str]] = json.loads(text)
    return table


@lru_cache(maxsize=1)
def _small_names() -> dict[str, str]:
    return {_in_small_letters(name): name for name in _table()}


def _in_small_letters(name: str) -> str:
    """``ConcatV2 -> concat_v2``, as TensorFlow names the functions of its op types."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()


def function_named(name: str) -> Callable[..., Any] | None:
    """Return the function that TensorFlow calls ``gen_…_ops.<name>``; None for no op type here."""
    op_type = name if name in _table() else _small_names().get(name.lstrip("_"))
    return _function(op_type) if op_type is not None and is_defined(op_type) else None


@cache
def _function(op_type: str) -> Callable[..., Any]:
    parameters, results = (text.split() for text in _table()[op_type])
    names = [re.split("[:=]", text)[0] for text in parameters]
    signature = _signature(op_type, parameters)

    def call(*values: Any, **named: Any) -> Any:
        name = named.pop("name", None)
        if len(values) == len(names) + 1:
            *values, name = values  # type: ignore[assignment]  # a list from here on
        given = _bound(op_type, names, values, named)
        places = {key: int(text.split(":")[1].rstrip("r"))
                  for key, text in zip(names, parameters, strict=True) if ":" in text}  # fmt: skip
        _check_given(op_type, list(places), given)
        inputs = {place: given[key] for key, place in places.items()}
        attrs = _attrs(op_type, [text for text in parameters if ":" not in text], given)
        operation = signature(*(inputs[k] for k in range(len(inputs))), name=name, **attrs)
        return _results(operation, results)

    call.__name__ = call.__qualname__ = op_type
    call.__doc__ = f"Make an operation of type {op_type}; it takes {', '.join(names)}."
    return call


def _signature(op_type: str, parameters: Sequence[str]) -> Signature:
    kinds, declared = op_table()[op_type]
    names: dict[int, tuple[str, bool]] = {}
    for text in parameters:
        if ":" in text:
            name, _, place = text.partition(":")
            names[int(place.rstrip("r"))] = name, place.endswith("r")
    inputs = []
    for number, kind in enumerate(kinds):
        name, is_ref = names[number]
        count, _, kind = kind.rpartition("*")
        if kind.startswith("DT_"):
            kind = as_dtype(_TYPE_NAMES.get(kind, kind[3:].lower())).name
        default = declared[kind][1] if kind in declared and declared[kind][0] == "type" else None
        text = f"{name}: {count + ' * ' if count else ''}{f'Ref({kind})' if is_ref else kind}"
        inputs.append(text + (f" = {default_of(default).name}" if default else ""))
    return Signature(op_type, *inputs)


_TYPE_NAMES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}


def _bound(
    op_type: str, names: Sequence[str], values: Sequence[Any], named: dict[str, Any]
) -> dict[str, Any]:
    """Return what each parameter was given."""
    if len(values) > len(names):
        raise TypeError(f"{op_type} takes {len(names)} arguments, got {len(values)}")
    given = dict(zip(names, values, strict=False))
    for key, value in named.items():
        if key not in names or key in given:
            raise TypeError(f"{op_type} got an unexpected argument {key!r}")
        given[key] = value
    return given


def _check_given(op_type: str, wanted: Sequence[str], given: Mapping[str, Any]) -> None:
    missing = [name for name in wanted if name not in given]
    if missing:
        raise TypeError(f"{op_type} is missing arguments: {', '.join(missing)}")


def _attrs(op_type: str, parameters: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    """Return an op's attributes, those that were not given with their defaults."""
    _, declared = op_table()[op_type]
    attrs = {}
    for text in parameters:
        parameter, _, attr = text.partition("=")
        attr = attr or parameter
        kind, default = declared[attr]
        value = given.get(parameter)
        if value is None:
            if default is None:
                raise TypeError(f"{op_type} expects the argument {parameter!r}")
            value = default_of(default)
        elif kind == "type":
            value = as_dtype(value)
        elif kind == "shape":
            value = TensorShape(value)
        elif kind.startswith("list("):
            change = {"type": as_dtype, "shape": TensorShape}.get(kind[5:-1], lambda item: item)
            value = [change(item) for item in value]
        attrs[attr] = value
    return attrs


def _results(operation: Operation, results: Sequence[str]) -> Any:
    """Return an operation's outputs as TensorFlow's functions do."""
    if not results:
        return operation
    outputs = list(operation.outputs)
    found: list[Any] = []
    for text in results:
        _, _, length = text.partition("*")
        if not length:
            found.append(outputs.pop(0))
            continue
        count = operation.attrs.get(length, len(outputs))
        count = count if isinstance(count, int) else len(count)
        found.append(outputs[:count])
        del outputs[:count]
    return found[0] if len(found) == 1 else _named(operation.type, tuple(results))(*found)


@cache
def _named(op_type: str, results: tuple[str, ...]) -> Any:
    names = [text.partition("*")[0] for text in results]
    return namedtuple(op_type, names, rename=True)


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in _table():
        raise AttributeError(f"module 'graphflow.raw_ops' has no attribute {name!r}")
    return _function(name)


def __dir__() -> list[str]:
    return sorted(_table())
