"""`theano.function`: inputs with names and defaults, checks of types, and updates."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from graphflow.runtime import function as runtime_function
from graphflow.theano.errors import MissingInputError, UnusedInputError
from graphflow.theano.sharing import SharedVariable, TensorSharedVariable
from graphflow.theano.tensor.var import TensorVariable, Variable, as_tensor_variable, as_type
from graphflow.theano.walking import io_toposort
from graphflow.theano.world import building, session
from graphflow.trace.prune import needed_operations


class In:
    """An input of a function, perhaps with a default and an update of that.

    Parameters
    ----------
    variable : the input.
    name : its name in calls; that of the variable when None.
    value : the default.
    update : an expression whose value becomes the default after a call.
    """

    def __init__(
        self, variable: Any, name: str | None = None, value: Any = None, update: Any = None,
        mutable: Any = None, strict: bool = False, allow_downcast: bool | None = None,
        autoname: bool = True, implicit: Any = None, borrow: Any = None, shared: bool = False,
    ) -> None:  # fmt: skip
        self.variable, self.value, self.update = variable, value, update
        self.name = name or getattr(variable, "name", None)
        self.strict, self.allow_downcast = strict, allow_downcast


class Param(In):
    """`In` under its old name, with the default first."""

    def __init__(self, variable: Any, default: Any = None, name: str | None = None, **kw: Any):
        super().__init__(variable, name=name, value=default, **kw)


class Out:
    """An output of a function."""

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = variable


class Function:
    """What `function` returns: call it with one value for each input that has no default."""

    def __init__(
        self, compiled: Any, inputs: list[In], form: Any, name: str | None, graph: Any
    ) -> None:
        self._compiled, self.inputs, self._form, self.name = compiled, inputs, form, name
        self.maker = SimpleNamespace(fgraph=graph, inputs=inputs, outputs=graph.outputs, mode=None)
        self.trust_input, self.profile = False, None
        self._defaults = [i.value for i in inputs]
        self._types = [i.variable.type for i in inputs]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, then apply the updates.

        Raises
        ------
        TypeError : a value is missing or of the wrong type or rank, or there are too many.
        """
        kwargs.pop("output_subset", None)
        results = self._compiled(*self._values(args, kwargs))
        arrays = [np.asarray(r) for r in results]
        for k, place in self._form.defaults.items():
            self._defaults[k] = arrays[place]
        return self._form.shaped(arrays)

    def _values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        if len(args) > len(self.inputs):
            raise TypeError(
                f"Too many parameter passed to theano function: expected {len(self.inputs)}, got "
                f"{len(args)}"
            )
        values: list[Any] = list(args) + self._defaults[len(args) :]
        for name, value in kwargs.items():
            places = [k for k, i in enumerate(self.inputs) if i.name == name]
            if not places:
                raise TypeError(f"Unknown input or state: {name!r}")
            values[places[0]] = value
        return [self._checked(k, value) for k, value in enumerate(values)]

    def _checked(self, place: int, value: Any) -> Any:
        given, wanted = self.inputs[place], self._types[place]
        if value is None:
            raise TypeError(f"Missing required input: {given.name or given.variable}")
        if isinstance(value, SharedVariable):
            value = value.get_value()  # type: ignore[attr-defined]
        try:
            return wanted.filter(value, given.strict, given.allow_downcast)
        except TypeError as error:
            label = f' with name "{self.name}"' if self.name else ""
            raise TypeError(
                f"Bad input argument to theano function{label} at index {place} (0-based).  {error}"
            ) from error

    def get_shared(self) -> list[Any]:
        """Return the shared variables that it depends on."""
        return [v for v in self.maker.fgraph.variables if isinstance(v, SharedVariable)]

    def copy(self, share_memory: bool = False, name: str | None = None, **_: Any) -> Function:
        """Return a function that computes the same, with defaults of its own."""
        graph = self.maker.fgraph
        return Function(self._compiled, self.inputs, self._form, name or self.name, graph)

    def free(self) -> None:
        """Accepted: memory between calls belongs to the compiled code."""

    def __repr__(self) -> str:
        return f"<theano function {self.name or ''}>"


class _Form:
    """How outputs are returned, and which results are defaults of the next call."""

    def __init__(self, outputs: Any) -> None:
        self.keys = list(outputs) if isinstance(outputs, Mapping) else None
        if isinstance(outputs, Mapping):
            outputs = [outputs[k] for k in self.keys or ()]
        self.is_list = isinstance(outputs, (list, tuple))
        self.is_none = outputs is None
        items = [] if outputs is None else list(outputs) if self.is_list else [outputs]
        items = [i.variable if isinstance(i, Out) else i for i in items]
        self.variables = [as_tensor_variable(i) for i in items]
        self.defaults: dict[int, int] = {}

    def shaped(self, arrays: list[Any]) -> Any:
        """Return the outputs in the form in which they were asked for."""
        arrays = arrays[: len(self.variables)]
        if self.keys is not None:
            return dict(zip(self.keys, arrays, strict=True))
        if self.is_none:
            return []
        return arrays if self.is_list else arrays[0]


def function(
    inputs: Any = (),
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Function:
    """Compile a function of variables.

    Parameters
    ----------
    inputs : variables or `In`s.
    outputs : a variable, a list or dict of them, or None.
    updates : pairs of a shared variable and its new value.
    givens : pairs of a variable and what is read in its place.
    no_default_updates : True, or the shared variables whose own updates are left out.
    allow_input_downcast : whether values are converted to smaller types; None allows it for
        Python's floats only.
    on_unused_input : ``raise``, ``warn`` or ``ignore`` an input that nothing depends on.
    mode, profile, accept_inplace, rebuild_strict : accepted for Theano's sake.

    Raises
    ------
    UnusedInputError : nothing depends on an input.
    MissingInputError : an output depends on a variable that is no input.
    TypeError, ValueError : an argument is not what it should be.
    """
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(f"Input variables of a Theano function should be in a list, got {inputs!r}")
    given_inputs = [_input(i, allow_input_downcast) for i in inputs]
    form = _Form(outputs)
    changes = _changes(updates)
    replaced = [(k, as_tensor_variable(v)) for k, v in _pairs(givens)]
    substitutes = [(k.tensor, _as(v, k)) for k, v in replaced]
    roots = [*form.variables, *changes.values(), *(v for _, v in replaced)]
    _add_default_updates(changes, roots, substitutes, no_default_updates)
    results = list(form.variables)
    for place, item in enumerate(given_inputs):
        if item.update is not None:
            form.defaults[place] = len(results)
            results.append(as_tensor_variable(item.update))
    tensors = [i.variable.tensor for i in given_inputs]
    targets = [r.tensor for r in results] + [e.tensor for e in changes.values()]
    _check_inputs(given_inputs, targets, dict(substitutes), on_unused_input or "raise")
    with building():
        compiled = runtime_function.function(
            tensors, [r.tensor for r in results],
            updates=[(v.variable, as_type(e, v.dtype)) for v, e in changes.items()],
            givens=substitutes, on_unused_input="ignore", session=session(),
        )  # fmt: skip
    graph = _graph(given_inputs, results, changes)
    return Function(compiled, given_inputs, form, name, graph)


def _input(item: Any, allow_downcast: bool | None) -> In:
    if isinstance(item, (list, tuple)) and item:
        item = In(item[0], value=item[1] if len(item) > 1 else None)
    made = item if isinstance(item, In) else In(item)
    if isinstance(made.variable, SharedVariable):
        raise TypeError(
            f"Cannot use a shared variable ({made.variable}) as explicit input. "
            "Consider substituting a non-shared variable via the `givens` parameter"
        )
    if not isinstance(made.variable, TensorVariable):
        raise TypeError(f"Unknown parameter type: {type(made.variable)}")
    if made.allow_downcast is None:
        made.allow_downcast = allow_downcast
    return made


def _pairs(items: Any) -> list[tuple[Any, Any]]:
    if items is None:
        return []
    return list(items.items()) if isinstance(items, Mapping) else [(a, b) for a, b in items]


def _changes(updates: Any) -> OrderedDict[Any, Any]:
    changes: OrderedDict[Any, Any] = OrderedDict()
    for variable, expression in _pairs(updates):
        if not isinstance(variable, TensorSharedVariable):
            raise TypeError(f"update target must be a SharedVariable, got {variable!r}")
        if variable in changes:
            raise ValueError(f"this shared variable already has an update expression: {variable}")
        value = as_tensor_variable(expression)
        if value.ndim != variable.ndim:
            raise TypeError(
                f"An update must have the same type as the original shared variable "
                f"(shared_var={variable}, shared_var.type={variable.type}, "
                f"update_val={value}, update_val.type={value.type})."
            )
        changes[variable] = value
    return changes


def _as(value: TensorVariable, like: TensorVariable) -> Any:
    return as_type(value, like.dtype)


def _add_default_updates(
    changes: OrderedDict[Any, Any], roots: list[Any], substitutes: list[Any], excluded: Any
) -> None:
    """Add the updates that shared variables bring along, where the function uses them."""
    if excluded is True or not TensorSharedVariable.with_default_update:
        return
    left_out = excluded if isinstance(excluded, (list, tuple)) else []
    needed = needed_operations([r.tensor.op for r in roots], (), (), dict(substitutes))
    for variable in TensorSharedVariable.with_default_update:
        is_used = variable.tensor.op in needed and variable.default_update is not None
        if is_used and variable not in changes and variable not in left_out:
            changes[variable] = as_tensor_variable(variable.default_update)


def _check_inputs(
    inputs: list[In], targets: list[Any], givens: dict[Any, Any], on_unused: str
) -> None:
    tensors = {i.variable.tensor for i in inputs}
    wanted = [givens.get(t, t) for t in targets]
    needed = needed_operations([t.op for t in wanted if t not in tensors], tensors, (), givens)
    read = {t for op in needed for t in (givens.get(i, i) for i in op.inputs)} | set(wanted)
    for op in needed:
        if op.type == "Placeholder" and op.outputs[0] not in tensors:
            raise MissingInputError(
                f"Input {op.name} of the graph was not provided and not given a value. Use the "
                "Theano flag exception_verbosity='high', for more information on this error."
            )
    for place, item in enumerate(inputs):
        if item.variable.tensor in read or on_unused == "ignore":
            continue
        text = (
            f"theano.function was asked to create a function computing outputs given certain "
            f"inputs, but the provided input variable at index {place} is not part of the "
            f"computational graph needed to compute the outputs: {item.name}.\n"
            "To make this error into a warning, you can pass the parameter "
            "on_unused_input='warn' to theano.function. To disable it completely, use "
            "on_unused_input='ignore'."
        )
        if on_unused == "raise":
            raise UnusedInputError(text)
        warnings.warn(text, stacklevel=3)


def _graph(inputs: list[In], results: list[Any], changes: Mapping[Any, Any]) -> Any:
    """What scripts look at in ``f.maker.fgraph``."""
    outputs: list[Variable] = [*results, *changes.values()]
    nodes, variables = io_toposort(outputs)
    return SimpleNamespace(
        inputs=[i.variable for i in inputs], outputs=outputs, variables=variables,
        apply_nodes=set(nodes), toposort=lambda: nodes,
    )  # fmt: skip
