"""Theano's variables: a tensor of the graph with a name, a type and what it was made of.

Every operation is made by `apply`, which keeps the function that builds it: so an expression can be
walked, printed, and built again with other inputs (`theano.clone`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow.graph.constants import constant as make_constant
from graphflow.graph.convert import register_tensor_conversion_function
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast as cast_tensor
from graphflow.ops.identity import placeholder
from graphflow.theano.settings import config
from graphflow.theano.world import building

_NAMES = {0: "scalar", 1: "vector", 2: "matrix"}
_numbers = itertools.count()


class TensorType:
    """An element type and, for each axis, whether its size is 1 and it broadcasts.

    Parameters
    ----------
    dtype : name of the element type; ``floatX`` is the setting's.
    broadcastable : a flag per axis.
    """

    def __init__(self, dtype: Any, broadcastable: Sequence[Any], name: str | None = None) -> None:
        self.dtype = config.floatX if dtype == "floatX" else str(np.dtype(dtype))
        self.broadcastable = tuple(bool(flag) for flag in broadcastable)
        self.ndim, self.name = len(self.broadcastable), name
        self.numpy_dtype = np.dtype(self.dtype)

    def __call__(self, name: str | None = None) -> TensorVariable:
        """Return a new variable of this type, an input of functions."""
        with building():
            made = placeholder(
                as_dtype(self.dtype), [1 if flag else None for flag in self.broadcastable]
            )
        return TensorVariable(made, name)

    make_variable = __call__

    def clone(self, dtype: Any = None, broadcastable: Any = None) -> TensorType:
        """Return this type with another element type or pattern."""
        return TensorType(
            self.dtype if dtype is None else dtype,
            self.broadcastable if broadcastable is None else broadcastable,
        )

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Return `data` as an array of this type.

        Raises
        ------
        TypeError : its elements do not fit the type, or its rank is another.
        """
        array = np.asarray(data)
        if array.dtype != self.numpy_dtype:
            array = self._converted(data, array, strict, allow_downcast)
        if array.ndim != self.ndim:
            raise TypeError(
                f"Wrong number of dimensions: expected {self.ndim}, got {array.ndim} "
                f"with shape {array.shape}."
            )
        if any(f and size != 1 for f, size in zip(self.broadcastable, array.shape, strict=True)):
            raise TypeError(
                f"Non-unit value on shape on a broadcastable dimension: {array.shape}, "
                f"{self.broadcastable}"
            )
        return array

    def _converted(self, data: Any, array: Any, strict: bool, allow_downcast: bool | None) -> Any:
        made = array.astype(self.numpy_dtype)
        if allow_downcast or array.size == 0:
            return made
        if not strict:
            if np.promote_types(array.dtype, self.numpy_dtype) == self.numpy_dtype:
                return made
            is_number = allow_downcast is None and type(data) is float
            if is_number and self.dtype == config.floatX:
                return made
            is_array = isinstance(data, (np.ndarray, np.generic))
            if not is_array and np.array_equal(made, array):
                return made
        raise TypeError(
            f"{self} cannot store a value of dtype {array.dtype} without risking loss of "
            f"precision. If you do not mind this loss, you can: 1) explicitly cast your data to "
            f'{self.dtype}, or 2) set "allow_input_downcast=True" when calling "function".'
        )

    def __eq__(self, other: object) -> bool:
        key = (self.dtype, self.broadcastable)
        return isinstance(other, TensorType) and key == (other.dtype, other.broadcastable)

    def __hash__(self) -> int:
        return hash((self.dtype, self.broadcastable))

    def __repr__(self) -> str:
        kind = _NAMES.get(self.ndim) if not any(self.broadcastable) else None
        if self.broadcastable in ((True, False), (False, True)):
            kind = "row" if self.broadcastable[0] else "col"
        return f"TensorType({self.dtype}, {kind or f'{self.ndim}D'})"


class Op:
    """What an expression's node computes: its name, and how it is built."""

    def __init__(self, name: str, build: Callable[..., Any] | None = None) -> None:
        self.name, self.build = name, build

    def __str__(self) -> str:
        return self.name


class Elemwise(Op):
    """An operation that treats all elements alike."""


class Apply:
    """A node of an expression: an operation, its inputs and its outputs."""

    def __init__(self, op: Op, inputs: list[Variable], outputs: list[Any] | None = None) -> None:
        self.op, self.inputs, self.outputs = op, inputs, outputs or []
        self.tag = SimpleNamespace()

    @property
    def nin(self) -> int:
        """How many inputs there are."""
        return len(self.inputs)

    def __str__(self) -> str:
        return f"{self.op}({', '.join(str(i) for i in self.inputs)})"


class Variable:
    """Base of all symbolic variables."""

    def __init__(self, name: str | None = None, owner: Apply | None = None) -> None:
        self.name, self.owner = name, owner
        self.auto_name = f"auto_{next(_numbers)}"
        self.tag = SimpleNamespace()


class TensorVariable(Variable):
    """A tensor; its methods and operators are NumPy's (`methods`)."""

    __array_priority__ = 1000
    __array_ufunc__ = None
    tensor: Tensor

    if TYPE_CHECKING:  # `methods` puts these in place

        def __getattr__(self, name: str) -> Any: ...

        def __getitem__(self, index: Any) -> Any: ...

    def __init__(self, tensor: Tensor, name: str | None = None, owner: Apply | None = None) -> None:
        super().__init__(name, owner)
        self.tensor = tensor

    @property
    def dtype(self) -> str:
        """The element type's name."""
        return str(self.tensor.dtype.base_dtype.name)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        rank = self.tensor.shape.ndims
        if rank is None:
            raise TypeError(f"expected a variable of known rank, got {self!r}")
        return int(rank)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """For each axis whether its size is known to be 1."""
        return tuple(size == 1 for size in self.tensor.shape.as_list())

    @property
    def type(self) -> TensorType:
        """The type."""
        return TensorType(self.dtype, self.broadcastable)

    @property
    def index(self) -> int | None:
        """Which of its node's outputs it is."""
        return None if self.owner is None else self.owner.outputs.index(self)

    def clone(self) -> TensorVariable:
        """Return a variable of the same value without a node."""
        return TensorVariable(self.tensor, self.name)

    def get_parents(self) -> list[Apply]:
        """Return the node that it is an output of, if there is one."""
        return [] if self.owner is None else [self.owner]

    def eval(self, inputs_to_values: Any = None) -> Any:
        """Compute the value, given values of what it depends on."""
        from graphflow.theano.calling import function

        given = dict(inputs_to_values or {})
        compiled = function(list(given), self, on_unused_input="ignore")
        return compiled(*given.values())

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        return f"{self.owner.op}.{self.index}" if self.owner else f"<{self.type}>"

    def __repr__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        # As in Theano: a variable is true, so that `if bias:` asks whether there is one.
        if self.owner is not None and self.owner.op.name in ("lt", "le", "gt", "ge"):
            raise TypeError("Variables do not support boolean operations.")
        return True

    def __iter__(self) -> Any:
        size = self.tensor.shape.as_list()[0] if self.ndim else None
        if size is None:
            raise TypeError(
                "TensorType does not support iteration. Maybe you are using builtin sum instead of "
                "theano.tensor.sum? (Maybe .max?)"
            )
        return (self[k] for k in range(size))


class TensorConstant(TensorVariable):
    """A variable whose value is known."""

    def __init__(self, data: Any, name: str | None = None) -> None:
        self.data = np.asarray(data)
        with building():
            super().__init__(make_constant(self.data), name)

    @property
    def value(self) -> Any:
        """The value."""
        return self.data

    def __str__(self) -> str:
        return self.name if self.name is not None else f"TensorConstant{{{self.data}}}"


# ---- conversions


def autocast(number: Any) -> Any:
    """Return a Python number as a NumPy scalar of the type that Theano gives it.

    Floats are `floatX`, or in float64 the smallest type that holds them; so are integers.
    """
    if isinstance(number, (bool, np.bool_)):
        return np.asarray(number)
    candidates: tuple[str, ...]
    if isinstance(number, float):
        if config.floatX != "float64":
            return np.asarray(number, config.floatX)
        candidates = ("float32", "float64")
    else:
        candidates = ("int8", "int16", "int32", "int64")
        bounds = [np.iinfo(name) for name in candidates]
        fitting = [b.dtype for b in bounds if b.min <= number <= b.max]
        return np.asarray(number, fitting[0] if fitting else "uint64")
    for name in candidates:
        made = np.asarray(number, name)
        if made == number or name == candidates[-1] or np.isnan(number):
            return made
    return made


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> Any:
    """Return `x` as a variable: an array or number as a constant, a list of variables stacked."""
    if isinstance(x, (list, tuple)) and any(isinstance(e, (Variable, list, tuple)) for e in x):
        if any(isinstance(leaf, Variable) for leaf in _leaves(x)):
            from graphflow.theano.tensor.joining import stack

            x = stack(list(x))
    if isinstance(x, TensorVariable):
        made: TensorVariable = x
    elif isinstance(x, Tensor):
        made = TensorVariable(x, name)
    elif hasattr(x, "as_tensor_variable"):
        made = x.as_tensor_variable()
    elif isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
        made = TensorConstant(autocast(x), name)
    else:
        array = np.asarray(x)
        if array.dtype == object:
            raise TypeError(f"expected a number, an array or a variable, got {x!r}")
        made = TensorConstant(array, name)
    if ndim is not None and made.ndim != ndim:
        if made.ndim > ndim:
            raise ValueError(f"expected a variable of rank {ndim}, got one of rank {made.ndim}")
        from graphflow.theano.tensor.shaping import shape_padleft

        made = shape_padleft(made, ndim - made.ndim)
    return made


def _leaves(items: Any) -> Any:
    for item in items:
        yield from _leaves(item) if isinstance(item, (list, tuple)) else [item]


def as_type(variable: TensorVariable, dtype: str) -> Tensor:
    """Return a variable's tensor, converted to `dtype`."""
    if variable.dtype == dtype:
        return variable.tensor
    with building():
        if isinstance(variable, TensorConstant):
            return make_constant(variable.data.astype(dtype))
        return cast_tensor(variable.tensor, as_dtype(dtype))


def upcast(*dtypes: str) -> str:
    """Return the name of the smallest type that holds all of `dtypes`, as NumPy has it."""
    return str(np.result_type(*[np.dtype(d) for d in dtypes]))


def upgraded_to_float(dtype: str) -> str:
    """Return the type of a function of real numbers for an argument of type `dtype`."""
    if np.dtype(dtype).kind in "fc":
        return dtype
    return "float32" if np.dtype(dtype).itemsize <= 2 else "float64"


def apply(
    name: str, build: Callable[..., Tensor], *inputs: Any, kind: type[Op] = Op
) -> TensorVariable:
    """Return a variable that `build` makes of the inputs' tensors."""
    return apply_many(name, lambda *tensors: [build(*tensors)], *inputs, kind=kind)[0]


def apply_many(
    name: str, build: Callable[..., Any], *inputs: Any, kind: type[Op] = Op
) -> list[TensorVariable]:
    """Return the variables that `build` makes, a list of tensors of the inputs' tensors."""
    variables = [as_tensor_variable(i) for i in inputs]
    with building():
        tensors = build(*[v.tensor for v in variables])
    node = Apply(kind(name, build), variables)
    node.outputs = [TensorVariable(t, None, node) for t in tensors]
    return node.outputs


register_tensor_conversion_function(
    TensorVariable,
    lambda value, dtype=None, name=None, as_ref=False: value.tensor,
)
