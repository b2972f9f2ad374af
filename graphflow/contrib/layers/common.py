"""What contrib's layers share: variables of the model, under names of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from graphflow.contrib.framework.variables import model_variable
from graphflow.graph.default import add_to_collections
from graphflow.graph.tensor import Tensor
from graphflow.ops.partitioned_variables import PartitionedVariable
from graphflow.ops.variable_scope import variable_scope

__all__ = [
    "add_to_variable_collections",
    "collect_named_outputs",
    "collections_for",
    "layer_scope",
    "model_getter",
]


def _renaming_getter(
    getter: Callable[..., Any], name: str, rename: dict[str, str], shape: Any = None,
    dtype: Any = None, initializer: Any = None, regularizer: Any = None, trainable: bool = True,
    collections: Any = None, caching_device: Any = None, partitioner: Any = None, **_: Any,
) -> Any:  # fmt: skip
    """Make a variable of the model; `rename` gives the last part of its name."""
    scope, slash, last = name.rpartition("/")
    return model_variable(
        f"{scope}{slash}{rename.get(last, last)}", shape=shape, dtype=dtype,
        initializer=initializer, regularizer=regularizer, trainable=trainable,
        collections=collections, caching_device=caching_device, partitioner=partitioner,
        custom_getter=getter,
    )  # fmt: skip


def model_getter(rename: dict[str, str] | None = None) -> Callable[..., Any]:
    """A custom getter that makes variables of the model."""
    return functools.partial(_renaming_getter, rename=rename or {})


def layer_scope(
    scope: Any, default: str, inputs: Any, reuse: Any, rename: dict[str, str] | None = None
) -> variable_scope:
    """The variable scope of a layer."""
    getter = model_getter(rename)
    return variable_scope(scope, default, [inputs], reuse=reuse, custom_getter=getter)


def collections_for(variables_collections: Any, name: str) -> Any:
    """The collections for variables of this name."""
    if isinstance(variables_collections, dict):
        return variables_collections.get(name)
    return variables_collections


def add_to_variable_collections(variable: Any, collections: Any, name: str) -> None:
    """Add a layer's variable, where it has one, to the collections that the caller wants."""
    found = collections_for(collections, name) or []
    if variable is None:
        return
    parts = variable if isinstance(variable, PartitionedVariable) else [variable]
    for collection in [found] if isinstance(found, str) else found:
        for part in parts:
            known = part.graph.get_collection_ref(collection)
            if part not in known:
                known.append(part)


def collect_named_outputs(collections: Any, alias: str, outputs: Tensor) -> Tensor:
    """Add outputs to collections, under the name of their layer."""
    if collections:
        aliases = getattr(outputs, "aliases", [])
        outputs.aliases = [*aliases, alias.rstrip("/")]  # type: ignore[attr-defined]
        add_to_collections(collections, outputs)
    return outputs
