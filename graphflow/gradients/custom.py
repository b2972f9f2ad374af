"""Functions with a gradient of the user's own: `custom_gradient`, `recompute_grad`."""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.opdef import register_gradient
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import identity_n
from graphflow.ops.variable_lists import trainable_variables

__all__ = ["custom_gradient", "recompute_grad"]

_logger = logging.getLogger("graphflow")
_numbers = itertools.count()


def _flatten(structure: Any) -> Iterator[Any]:
    if isinstance(structure, (list, tuple)):
        for part in structure:
            yield from _flatten(part)
    elif isinstance(structure, dict):
        for key in sorted(structure):
            yield from _flatten(structure[key])
    else:
        yield structure


def _pack(structure: Any, values: Iterator[Any]) -> Any:
    """Return `structure` with its leaves replaced by `values`, in order."""
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], values) for key in sorted(structure)}
        return type(structure)((key, packed[key]) for key in structure)
    if isinstance(structure, (list, tuple)):
        parts = [_pack(part, values) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return next(values)


def _read_variables(graph: Graph, first: int, arguments: list[Tensor]) -> list[Any]:
    """Return the trainable variables that the operations from number `first` on read."""
    made = graph.get_operations()[first:]
    read = {tensor.op for op in made for tensor in op.inputs if tensor.dtype._is_ref_dtype}
    read.update(
        tensor.op.inputs[0].op
        for op in made for tensor in op.inputs
        if tensor.op.type == "Identity" and tensor.op.inputs[0].dtype._is_ref_dtype
    )  # fmt: skip
    given = {tensor.op for tensor in arguments}
    given.update(op.inputs[0].op for op in list(given) if op.type == "Identity")
    return [v for v in trainable_variables() if v.op in read - given]


def _accepts_variables(function: Callable[..., Any]) -> bool:
    signature = inspect.getfullargspec(function)
    names = (*signature.args, *signature.kwonlyargs)
    return "variables" in names or signature.varkw is not None


def _input_gradients(
    grad_fn: Callable[..., Any], gradients: tuple[Any, ...], variables: list[Any]
) -> list[Any]:
    """Return the user's gradients for the arguments, then for the variables."""
    if not variables:
        return list(_flatten(grad_fn(*gradients)))
    for_inputs, for_variables = grad_fn(*gradients, variables=variables)
    if len(for_variables) != len(variables):
        raise ValueError("Must return gradient for each variable from @custom_gradient grad_fn.")
    return [*_flatten(for_inputs), *for_variables]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of tensors that brings its own gradient.

    Parameters
    ----------
    f : ``f(*x)`` returns ``(y, grad_fn)``. ``grad_fn(*dy)`` takes one gradient per tensor in `y`
        and returns one per argument. If `f` uses trainable variables, ``grad_fn(*dy, variables)``
        returns a pair: the arguments' gradients, and a list with one per variable.

    Returns
    -------
    A function of tensors that returns ``y``.

    Raises
    ------
    TypeError : `f` uses variables and `grad_fn` has no argument `variables`.
    ValueError : keyword arguments; a gradient is missing for a variable.
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise ValueError(
                "The custom_gradient decorator currently supports keywords arguments only when "
                "eager execution is enabled."
            )
        arguments = [convert_to_tensor(x) for x in args]
        graph = get_default_graph()
        first = len(graph.get_operations())
        result, grad_fn = f(*arguments)
        variables = _read_variables(graph, first, arguments)
        accepts = _accepts_variables(grad_fn)
        if variables and not accepts:
            raise TypeError(
                "If using @custom_gradient with a function that uses variables, then grad_fn must "
                "accept a 'variables' keyword argument."
            )
        if "variables" in inspect.getfullargspec(grad_fn).args and not variables:
            _logger.warning(
                "@custom_gradient grad_fn has 'variables' in signature, but no variables were used "
                "on the forward pass."
            )
        outputs = [convert_to_tensor(y) for y in _flatten(result)]

        def gradient(_: Any, *gradients: Any) -> list[Any]:
            # The results' own inputs get none: what computed them is replaced by `grad_fn`.
            found = _input_gradients(grad_fn, gradients[: len(outputs)], variables)
            return [None] * len(outputs) + found

        name = f"CustomGradient-{next(_numbers)}"
        register_gradient(name, gradient)
        reads = [variable.value() for variable in variables]
        with graph.gradient_override_map({"IdentityN": name}):
            through = identity_n([*outputs, *arguments, *reads])
        return _pack(result, iter(through[: len(outputs)]))

    return decorated


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return `f`: whether its values are kept for the gradient or computed again is compiled.

    TensorFlow's function of this name trades time for memory by hand. A compiled run keeps what its
    plan says, and equal computations are one.
    """
    return f


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function whose gradient is to be that of the identity."""

    def passed(*args: Any, **kwargs: Any) -> Any:
        @custom_gradient
        def inner(*xs: Any) -> Any:
            return f(*xs, **kwargs), lambda *upstream: upstream

        return inner(*args)

    return passed
