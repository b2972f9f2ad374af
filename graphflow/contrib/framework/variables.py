"""Variables by scope, suffix and pattern, and their values from elsewhere."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphflow.contrib.framework.arg_scope import add_arg_scope
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import add_to_collection, get_collection
from graphflow.graph.default import device as device_scope
from graphflow.graph.dtypes import float32
from graphflow.ops.identity import group, placeholder
from graphflow.ops.variable_scope import VariableScope, get_variable, get_variable_scope
from graphflow.ops.variables import Variable

__all__ = [
    "add_model_variable",
    "assign_from_checkpoint",
    "assign_from_checkpoint_fn",
    "assign_from_values",
    "assign_from_values_fn",
    "filter_variables",
    "get_local_variables",
    "get_model_variables",
    "get_trainable_variables",
    "get_unique_variable",
    "get_variable_full_name",
    "get_variables",
    "get_variables_by_name",
    "get_variables_by_suffix",
    "get_variables_to_restore",
    "global_variable",
    "local_variable",
    "model_variable",
    "variable",
]

_logger = logging.getLogger("graphflow")


def local_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None,
    use_resource: bool | None = None,
) -> Any:  # fmt: skip
    """A variable that is neither trained nor saved."""
    return Variable(
        initial_value, trainable=False, collections=[GraphKeys.LOCAL_VARIABLES],
        validate_shape=validate_shape, name=name,
    )  # fmt: skip


def global_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None,
    use_resource: bool | None = None,
) -> Any:  # fmt: skip
    """A variable that is saved and not trained."""
    return Variable(
        initial_value, trainable=False, collections=[GraphKeys.GLOBAL_VARIABLES],
        validate_shape=validate_shape, name=name,
    )  # fmt: skip


@add_arg_scope
def variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None,
    regularizer: Any = None, trainable: bool = True, collections: Any = None,
    caching_device: Any = None, device: Any = None, partitioner: Any = None,
    custom_getter: Any = None, use_resource: bool | None = None, **others: Any,
) -> Any:  # fmt: skip
    """The variable of that name; arguments as in `get_variable`, and a device."""
    given = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
    getter: Any = get_variable
    if custom_getter is not None:
        getter = functools.partial(custom_getter, reuse=get_variable_scope().reuse)
    with device_scope(device or ""):
        return getter(
            name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer,
            trainable=trainable, collections=list(dict.fromkeys(given)),
            caching_device=caching_device, partitioner=partitioner, use_resource=use_resource,
            **others,
        )  # fmt: skip


@add_arg_scope
def model_variable(
    name: str, shape: Any = None, dtype: Any = float32, initializer: Any = None,
    regularizer: Any = None, trainable: bool = True, collections: Any = None,
    caching_device: Any = None, device: Any = None, partitioner: Any = None,
    custom_getter: Any = None, use_resource: bool | None = None, **others: Any,
) -> Any:  # fmt: skip
    """The variable of that name, which belongs to the model; see `variable`."""
    own = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    return variable(
        name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer,
        trainable=trainable, collections=[*(collections or []), *own],
        caching_device=caching_device, device=device, partitioner=partitioner,
        custom_getter=custom_getter, use_resource=use_resource, **others,
    )  # fmt: skip


def add_model_variable(var: Any) -> None:
    """Add a variable to those of the model."""
    if var not in get_collection(GraphKeys.MODEL_VARIABLES):
        add_to_collection(GraphKeys.MODEL_VARIABLES, var)


# ---- finding variables


def get_variables(
    scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES
) -> list[Any]:
    """The variables whose names begin with a scope's and end with a suffix."""
    scope = scope.name if isinstance(scope, VariableScope) else scope
    if suffix is not None:
        scope = f"{scope or ''}.*{suffix if ':' in suffix else suffix + ':'}"
    return get_collection(collection, scope)


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The model's variables; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The local variables; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The trainable variables; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_suffix(suffix: str, scope: Any = None) -> list[Any]:
    """The variables whose names end with a suffix."""
    return get_variables(scope=scope, suffix=suffix)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The variables that have this name in whatever scope."""
    suffix = f"/{given_name}:|^{given_name}:"
    return get_variables(scope=scope, suffix=suffix)


def get_unique_variable(var_op_name: str) -> Any:
    """The variable of that name.

    Raises
    ------
    ValueError : there is none.
    """
    found = get_variables(scope=var_op_name)
    if not found:
        raise ValueError(f"Couldn't find variable {var_op_name}")
    for candidate in found:
        if candidate.op.name == var_op_name:
            return candidate
    raise ValueError(f"Variable {var_op_name} does not uniquely identify a variable")


def get_variables_to_restore(
    include: Sequence[str] | None = None, exclude: Sequence[str] | None = None
) -> list[Any]:
    """The variables of some scopes, all when None, without those of others."""
    if include is not None and not isinstance(include, (list, tuple)):
        raise TypeError("include is provided but is not a list or a tuple.")
    if exclude is not None and not isinstance(exclude, (list, tuple)):
        raise TypeError("exclude is provided but is not a list or a tuple.")
    found = [v for s in include for v in get_variables(s)] if include else get_variables()
    left_out = {v for scope in exclude or () for v in get_variables(scope)}
    return [v for v in found if v not in left_out]


def filter_variables(
    var_list: Iterable[Any], include_patterns: Sequence[str] | None = None,
    exclude_patterns: Sequence[str] | None = None, reg_search: bool = True,
) -> list[Any]:  # fmt: skip
    """The variables whose names match a pattern of the first, and none of the second."""
    matches = re.search if reg_search else re.match

    def any_of(patterns: Sequence[str], var: Any) -> bool:
        return any(matches(pattern, var.name) for pattern in patterns)

    found = [v for v in var_list if include_patterns is None or any_of(include_patterns, v)]
    return [v for v in found if exclude_patterns is None or not any_of(exclude_patterns, v)]


def get_variable_full_name(var: Any) -> str:
    """The name of a variable, that of the whole one for a part."""
    info = getattr(var, "_save_slice_info", None)
    return info.full_name if info else var.op.name


# ---- values from elsewhere


def assign_from_values(var_names_to_values: dict[str, Any]) -> tuple[Any, dict[Any, Any]]:
    """An operation that assigns values to variables, and what to feed it."""
    feed, assignments = {}, []
    for name, value in var_names_to_values.items():
        candidates = get_variables(name)
        exact = [v for v in candidates if v.op.name == name]
        if not candidates:
            raise ValueError(f"Variable {name} wasn't found")
        if len(candidates) > 1 and not exact:
            raise ValueError(f"Variable {name} doesn't uniquely identify a variable")
        var = exact[0] if exact else candidates[0]
        fed = placeholder(var.dtype.base_dtype, var.shape, name=f"placeholder/{var.op.name}")
        assignments.append(var.assign(fed))
        feed[fed] = value.reshape(var.shape.as_list())
    return group(*assignments), feed


def assign_from_values_fn(var_names_to_values: dict[str, Any]) -> Callable[[Any], Any]:
    """A function of a session that assigns values to variables."""
    assign, feed = assign_from_values(var_names_to_values)
    return lambda session: session.run(assign, feed)


def _by_name(var_list: Any) -> dict[str, list[Any]]:
    if isinstance(var_list, (list, tuple)):
        grouped: dict[str, list[Any]] = {}
        for var in var_list:
            grouped.setdefault(get_variable_full_name(var), []).append(var)
        return grouped
    return {k: list(v) if isinstance(v, (list, tuple)) else [v] for k, v in var_list.items()}


def assign_from_checkpoint(
    model_path: str, var_list: Any, ignore_missing_vars: bool = False
) -> tuple[Any, dict[Any, Any]]:
    """An operation that assigns a checkpoint's values to variables, and what to feed it.

    Parameters
    ----------
    var_list : variables, or a dict of them by their names in the checkpoint.
    ignore_missing_vars : leave out variables that are not in it.
    """
    from graphflow.checkpoint.bundle import BundleReader

    reader = BundleReader(model_path)
    feed, assignments = {}, []
    for name, variables in _by_name(var_list).items():
        if name not in reader.entries:
            text = f"Checkpoint is missing variable [{name}]"
            if not ignore_missing_vars:
                raise ValueError(text)
            _logger.warning(text)
            continue
        value = reader.read(name)
        for var in variables:
            info = getattr(var, "_save_slice_info", None)
            if info:
                pairs = zip(info.var_offset, info.var_shape, strict=True)
                value = value[tuple(slice(start, start + size) for start, size in pairs)]
            if tuple(var.shape.as_list()) != value.shape:
                raise ValueError(
                    f"Total size of new array must be unchanged for {name} lh_shape: "
                    f"[{value.shape}], rh_shape: [{var.shape}]"
                )
            fed = placeholder(var.dtype.base_dtype, var.shape, name=f"placeholder/{var.op.name}")
            assignments.append(var.assign(fed))
            feed[fed] = value
    return group(*assignments), feed


def assign_from_checkpoint_fn(
    model_path: str, var_list: Any, ignore_missing_vars: bool = False,
    reshape_variables: bool = False,
) -> Callable[[Any], None] | None:  # fmt: skip
    """A function of a session that restores variables from a checkpoint."""
    from graphflow.train.saver import Saver

    if not var_list:
        raise ValueError("var_list cannot be empty")
    if ignore_missing_vars:
        from graphflow.checkpoint.bundle import BundleReader

        names = set(BundleReader(model_path).entries)
        given = var_list if isinstance(var_list, dict) else {v.op.name: v for v in var_list}
        for name in given.keys() - names:
            _logger.warning("Variable %s missing in checkpoint %s", name, model_path)
        var_list = {name: var for name, var in given.items() if name in names}
    if not var_list:
        _logger.warning("No Variables to restore")
        return None
    saver = Saver(var_list, reshape=reshape_variables)
    return lambda session: saver.restore(session, model_path)
