"""`Defun`: functions with types and, if wished, a gradient of their own.

TensorFlow makes a function of the graph of it, which calls refer to. Here a call makes the
function's operations where it stands, in a name scope; what runs, and its gradient, is the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from graphflow.gradients.custom import custom_gradient
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import identity

__all__ = ["Defun"]


class _Call(NamedTuple):
    """What a `python_grad_func` sees of the operation of a call."""

    name: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]


class Defun:
    """Decorator of a function of tensors of known types.

    Parameters
    ----------
    *input_types : of the arguments; when there are none, arguments keep the types that they have.
    func_name : the name of the scope of a call; the function's when None.
    grad_func : ``grad_func(*inputs, *gradients)``, the gradients by the inputs.
    python_grad_func : ``python_grad_func(op, *gradients)``, where `op` has `inputs` and `outputs`.
    out_names : of the outputs.
    **unused : what TensorFlow takes and nothing here needs, such as ``noinline``.
    """

    def __init__(
        self, *input_types: Any, func_name: str | None = None,
        grad_func: Callable[..., Any] | None = None,
        python_grad_func: Callable[..., Any] | None = None,
        out_names: Sequence[str] | None = None, **unused: Any,
    ) -> None:  # fmt: skip
        self._types = [as_dtype(t) for t in input_types]
        self._name, self._out_names = func_name, out_names
        self._grad_func, self._python_grad_func = grad_func, python_grad_func
        if grad_func is not None and python_grad_func is not None:
            raise ValueError("Gradient defined twice: by grad_func and by python_grad_func")

    def __call__(self, func: Callable[..., Any]) -> DefinedFunction:
        """Decorate a function.

        Raises
        ------
        ValueError : it does not take as many arguments as there are types.
        """
        if not callable(func):
            raise ValueError(f"function {func} must be callable")
        taken = inspect.getfullargspec(func)
        least, most = len(taken.args) - len(taken.defaults or ()), len(taken.args)
        if inspect.ismethod(func):
            least, most = least - 1, most - 1
        count = len(self._types)
        if count and (count < least or (count > most and taken.varargs is None)):
            raise ValueError(
                f"The function has {'fewer' if count > most else 'more'} arguments than the number "
                f"of specified input types: {most} and {count}"
            )
        return DefinedFunction(
            func, self._types, self._name or func.__name__, self._grad_func, self._python_grad_func
        )


class DefinedFunction:
    """What `Defun` makes of a function.

    Attributes
    ----------
    name : of the scopes of its calls.
    declared_input_types : of its arguments.
    """

    def __init__(
        self, function: Callable[..., Any], types: Sequence[DType], name: str,
        grad_func: Callable[..., Any] | None, python_grad_func: Callable[..., Any] | None,
    ) -> None:  # fmt: skip
        self._function, self.declared_input_types, self.name = function, list(types), name
        self._grad_func, self._python_grad_func = grad_func, python_grad_func

    @property
    def python_grad_func(self) -> Callable[..., Any] | None:
        """The gradient as a function of an operation."""
        return self._python_grad_func

    def __call__(self, *args: Any, name: str | None = None, **unused: Any) -> Any:
        """Make the function's operations for arguments.

        Raises
        ------
        ValueError : there are more arguments than types, or fewer.
        """
        types = self.declared_input_types
        if types and len(args) != len(types):
            raise ValueError(f"Expected number of arguments: {len(types)}, received: {len(args)}")
        with name_scope(name or self.name) as scope:
            wanted: Sequence[DType | None] = types or [None] * len(args)
            inputs = [
                identity(convert_to_tensor(arg, dtype=dtype))
                for arg, dtype in zip(args, wanted, strict=True)
            ]
            if self._grad_func is None and self._python_grad_func is None:
                return self._outputs(inputs)
            return custom_gradient(lambda *x: self._with_gradient(scope, *x))(*inputs)

    def _outputs(self, inputs: Sequence[Tensor]) -> Any:
        found = self._function(*inputs)
        if isinstance(found, (list, tuple)):
            return tuple(convert_to_tensor(value) for value in found)
        return None if found is None else convert_to_tensor(found)

    def _with_gradient(self, scope: str, *inputs: Tensor) -> Any:
        outputs = self._outputs(inputs)
        listed = outputs if isinstance(outputs, tuple) else (outputs,)

        def gradient(*gradients: Tensor) -> Any:
            if self._grad_func is not None:
                return self._grad_func(*inputs, *gradients)
            assert self._python_grad_func is not None
            return self._python_grad_func(_Call(scope, inputs, listed), *gradients)

        return outputs, gradient
