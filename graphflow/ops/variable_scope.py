"""Variable scopes: `variable_scope`, `get_variable` and what they hand down.

A scope holds defaults (initializer, regularizer, reuse, ...) for the variables asked for inside it,
and a prefix for their names. It also opens a name scope for operations. The two part ways when a
scope is entered twice: variables stay ``a/...``, operations go to ``a_1/...``.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import (
    add_to_collection,
    get_collection,
    get_default_graph,
    get_name_scope,
    graph_from_inputs,
    name_scope,
)
from graphflow.ops.variable_store import AUTO_REUSE, VariableStore
from graphflow.ops.variables import VariableAggregation, VariableSynchronization

_STORE_KEY = ("__variable_store",)
_SCOPES_KEY = ("__varscope",)


class VariableScope:
    """What a `variable_scope` hands down to the variables asked for inside it.

    Attributes
    ----------
    name : prefix of the variables' names, without a slash at its end.
    original_name_scope : the name scope that was opened with it.
    reuse : False, True or `AUTO_REUSE`.
    initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource,
    constraint : defaults of the arguments of `get_variable`.
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = dtypes.float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        self._name = name
        self._reuse = reuse
        self._name_scope = name_scope
        self.initializer = initializer
        self.regularizer = regularizer
        self.caching_device = caching_device
        self.partitioner = partitioner
        self.custom_getter = custom_getter
        self.dtype = dtype
        self.use_resource = use_resource
        self.constraint = constraint

    @property
    def name(self) -> str:
        """The prefix of the variables' names."""
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened with this scope."""
        return self._name_scope

    @property
    def reuse(self) -> Any:
        """Whether variables must exist (True), must not (False), or may (`AUTO_REUSE`)."""
        return self._reuse

    def reuse_variables(self) -> None:
        """From now on, variables asked for in this scope must exist."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the default initializer."""
        self.initializer = initializer

    def set_dtype(self, dtype: Any) -> None:
        """Set the default element type."""
        self.dtype = dtype

    def set_use_resource(self, use_resource: bool | None) -> None:
        """Accepted for TensorFlow's sake: there is one kind of variable."""
        self.use_resource = use_resource

    def set_regularizer(self, regularizer: Any) -> None:
        """Set the default regularizer."""
        self.regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        """Set the default device to read variables on."""
        self.caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        """Set the default partitioner."""
        self.partitioner = partitioner

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Set the default custom getter."""
        self.custom_getter = custom_getter

    def get_collection(self, name: str) -> list[Any]:
        """Return the items of a collection whose names begin with this scope's."""
        return get_collection(name, f"{self._name}/" if self._name else "")

    def trainable_variables(self) -> list[Any]:
        """Return the trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """Return the global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """Return the local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def get_variable(
        self, store: VariableStore, name: str | None, dtype: Any = None, initializer: Any = None,
        regularizer: Any = None, reuse: Any = None, caching_device: Any = None,
        partitioner: Any = None, use_resource: bool | None = None, custom_getter: Any = None,
        constraint: Any = None, **others: Any,
    ) -> Any:  # fmt: skip
        """Return a variable from `store`, this scope's defaults in place of what is None.

        The other arguments are those of `get_variable`.
        """

        def default(value: Any, inherited: Any) -> Any:
            return inherited if value is None else value

        parts = [self._name, *([] if name is None else [name])]
        full_name = "/".join(parts if self._name else parts[1:])
        with name_scope(None):
            if dtype is not None and initializer is not None and not callable(initializer):
                given = convert_to_tensor(initializer).dtype.base_dtype
                if given != dtype:
                    raise ValueError(
                        f"Initializer type '{given}' and explicit dtype '{dtype}' don't match."
                    )
            return store.get_variable(
                full_name,
                dtype=default(dtype, self.dtype),
                initializer=default(initializer, self.initializer),
                regularizer=default(regularizer, self.regularizer),
                reuse=default(reuse, self._reuse),
                caching_device=default(caching_device, self.caching_device),
                partitioner=default(partitioner, self.partitioner),
                use_resource=default(use_resource, self.use_resource),
                custom_getter=default(custom_getter, self.custom_getter),
                constraint=default(constraint, self.constraint),
                **others,
            )

    def get_whole(self, **arguments: Any) -> Any:
        """Return the variable that has the scope's own name; arguments are `get_variable`'s."""
        return self.get_variable(default_variable_store(), None, **arguments)


class _OpenScopes(threading.local):
    """The scopes of a graph, for each thread."""

    def __init__(self) -> None:
        self.current = VariableScope(False)
        self.counts: dict[str, int] = {}

    def open(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def close_subscopes(self, name: str) -> None:
        for key in self.counts:
            if key.startswith(f"{name}/"):
                self.counts[key] = 0

    def unique(self, prefix: str) -> str:
        """Return `prefix`, numbered when the current scope has had a scope of that name."""
        name = f"{self.current.name}/{prefix}" if self.current.name else prefix
        if not self.counts.get(name):
            return prefix
        number = 1
        while self.counts.get(f"{name}_{number}"):
            number += 1
        return f"{prefix}_{number}"


def _of_graph(key: Any, make: Callable[[], Any]) -> Any:
    found = get_collection(key)
    if found:
        return found[0]
    made = make()
    add_to_collection(key, made)
    return made


def _open_scopes() -> _OpenScopes:
    return _of_graph(_SCOPES_KEY, _OpenScopes)


def default_variable_store() -> VariableStore:
    """Return the store of the default graph's variables."""
    return _of_graph(_STORE_KEY, VariableStore)


def get_variable_scope() -> VariableScope:
    """Return the current variable scope."""
    return _open_scopes().current


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = VariableSynchronization.AUTO,
    aggregation: Any = VariableAggregation.NONE,
) -> Any:
    """Return the variable of that name in the current scope, made when there is none.

    Parameters
    ----------
    shape : must be fully known, unless `initializer` is a value.
    dtype : element type; the scope's (float32) when None.
    initializer : an initializer, or a value; Glorot's uniform one for floats and zeros for
        integers when neither here nor in the scope is any.
    regularizer : function of the variable; its result goes to ``REGULARIZATION_LOSSES``.
    partitioner : function of shape and dtype that says into how many parts to split each axis.
    custom_getter : function called in place of the ordinary way, which it gets as its first
        argument ``getter``.
    trainable, collections, caching_device, validate_shape, use_resource, constraint,
    synchronization, aggregation : as in `Variable`.

    Raises
    ------
    ValueError : reuse is True and there is none, or False and there is one; shape or type differ
        from what the existing one has.
    """
    return get_variable_scope().get_variable(
        default_variable_store(),
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=collections,
        caching_device=caching_device,
        partitioner=partitioner,
        validate_shape=validate_shape,
        use_resource=use_resource,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def get_local_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None,
    regularizer: Any = None, trainable: bool = False, collections: Any = None, **others: Any,
) -> Any:  # fmt: skip
    """Return a variable that is not trained and not saved; arguments as in `get_variable`."""
    collections = [*(collections or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, shape, dtype, initializer, regularizer, False, collections, **others)


def no_regularizer(_: Any) -> None:
    """Regularize nothing: what a scope's regularizer is overridden with."""


def _chain_getters(inner: Any, outer: Any) -> Any:
    """Return a custom getter whose ordinary way is the scope's outer custom getter."""
    if outer is None:
        return inner

    def chained(getter: Any, *args: Any, **kwargs: Any) -> Any:
        return inner(functools.partial(outer, getter), *args, **kwargs)

    return chained


class _PureScope:
    """A variable scope without a name scope.

    Inside it, `current` is a new `VariableScope`: that of `name_or_scope`, or of the enclosing one
    with a longer name, with what `defaults` sets replaced.
    """

    def __init__(
        self, name_or_scope: Any, original_name_scope: str | None, reuse: Any,
        defaults: dict[str, Any],
    ) -> None:  # fmt: skip
        self._name_or_scope = name_or_scope
        self._original = original_name_scope
        self._reuse = reuse
        self._defaults = defaults
        self._scopes = _open_scopes()
        # A scope object is taken as it is now, a name as it is when the block is entered.
        self._cached = None if isinstance(name_or_scope, str) else self._from(name_or_scope)
        self._old = self._scopes.current
        self._old_counts: dict[str, int] = {}
        self._entered: VariableScope | None = None

    def _from(self, base: VariableScope) -> VariableScope:
        """Return a new scope with the defaults of `base`, but for those that are set here."""
        wanted = self._defaults
        scope = VariableScope(
            self._reuse or base.reuse,
            name=base.name,
            initializer=base.initializer,
            regularizer=base.regularizer,
            caching_device=base.caching_device,
            partitioner=base.partitioner,
            custom_getter=base.custom_getter,
            name_scope=base.original_name_scope,
            dtype=base.dtype,
            use_resource=base.use_resource,
            constraint=wanted["constraint"],
        )
        for key, value in wanted.items():
            if value is not None:
                inherited = getattr(base, key)
                is_getter = key == "custom_getter"
                setattr(scope, key, _chain_getters(value, inherited) if is_getter else value)
        return scope

    def __enter__(self) -> VariableScope:
        scopes = self._scopes
        self._old = scopes.current
        if self._cached is not None:
            scope = self._cached
            scopes.open(scope.name)
            self._old_counts = dict(scopes.counts)
        else:
            name = self._name_or_scope
            self._reuse = self._reuse or self._old.reuse  # inherited by all inner scopes
            scope = self._from(self._old)
            scope._name = f"{self._old.name}/{name}" if self._old.name else name
            scope._name_scope = name if self._original is None else self._original
            scopes.open(scope.name)
        scopes.current = self._entered = scope
        return scope

    def __exit__(self, *exception: Any) -> None:
        scopes = self._scopes
        if scopes.current is not self._entered:
            raise RuntimeError("Improper nesting of variable_scope.")
        if self._cached is not None:
            scopes.counts = self._old_counts
        else:
            scopes.close_subscopes(scopes.current.name)
        scopes.current = self._old


class variable_scope:  # TensorFlow's name
    """Context manager for a variable scope.

    Parameters
    ----------
    name_or_scope : a name, which is added to the enclosing scope's; or a `VariableScope`, which is
        entered again, with its defaults and whatever it is in.
    default_name : used, and made unique, when `name_or_scope` is None.
    values : tensors whose graph becomes the default one.
    reuse : True: variables must exist. `AUTO_REUSE`: they are made when they do not. None or
        False: as in the enclosing scope.
    auxiliary_name_scope : whether to open a name scope, too.
    initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource,
    constraint : defaults for `get_variable` inside; None leaves the enclosing scope's.

    Raises
    ------
    TypeError : neither name is given, or `name_or_scope` is neither name nor scope.
    ValueError : `reuse` is none of these, or is set without `name_or_scope`.
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Iterable[Any] | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if not (reuse in (True, False, None) or reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                "The auxiliary_name_scope must be `True` or `False`, "
                f"while get {auxiliary_name_scope}"
            )
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._reuse = reuse or None
        self._auxiliary_name_scope = auxiliary_name_scope
        self._defaults = {
            "initializer": initializer,
            "regularizer": regularizer,
            "caching_device": caching_device,
            "partitioner": partitioner,
            "custom_getter": custom_getter,
            "dtype": dtype,
            "use_resource": use_resource,
            "constraint": constraint,
        }
        self._graph = graph_from_inputs(values or ())
        self._pure: _PureScope | None = None
        self._name_scope: name_scope | None = None
        self._exits: list[contextlib.ExitStack] = []

    def __enter__(self) -> VariableScope:
        with contextlib.ExitStack() as stack:
            if not get_default_graph().building_function:
                stack.enter_context(self._graph.as_default())
            if self._pure is None:
                self._name_scope = self._make_name_scope()
                original = None
                if self._name_scope is not None:
                    original = stack.enter_context(self._name_scope)
                self._pure = self._make_pure_scope(original)
            elif self._name_scope is not None:  # entered again: the same variables
                stack.enter_context(self._name_scope)
            scope = stack.enter_context(self._pure)
            self._exits.append(stack.pop_all())
        return scope

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exits.pop().__exit__(exception_type, exception, traceback)

    def _make_name_scope(self) -> name_scope | None:
        """Return the name scope that goes with the variable scope; None for the empty name."""
        given = self._name_or_scope
        if given is not None and not isinstance(given, (VariableScope, str)):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        if given is None and self._reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        if not self._auxiliary_name_scope:
            current = get_name_scope()
            return name_scope(f"{current}/" if current else current)
        if given is None:
            return name_scope(self._default_name)
        last = given if isinstance(given, str) else given.name.split("/")[-1]
        return name_scope(last) if last else None

    def _make_pure_scope(self, original: str | None) -> _PureScope:
        given = self._name_or_scope
        if given is None:
            given = _open_scopes().unique(self._default_name or "")
        return _PureScope(given, original, self._reuse, self._defaults)


@contextlib.contextmanager
def variable_op_scope(
    values: Iterable[Any], name_or_scope: Any, default_name: str | None = None, **arguments: Any
) -> Iterator[VariableScope]:
    """Enter a `variable_scope`: the order of arguments before TensorFlow 1.0."""
    with variable_scope(name_or_scope, default_name, values, **arguments) as scope:
        yield scope


def variable_creator_scope(
    variable_creator: Callable[..., Any],
) -> contextlib.AbstractContextManager[None]:
    """Let ``variable_creator(next_creator, **arguments)`` make the variables asked for inside."""
    return get_default_graph()._variable_creator_scope(variable_creator)
