"""A symbolic value: one output of an operation.

Operators (``+``, ``@``, ``[]``, ...) are not defined here: the op families install them through
`Tensor._override_operator`, so that the graph knows no op by name. ``==`` is identity and a tensor
is hashable, as in TensorFlow 1.x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from graphflow.errors import OperatorNotAllowedInGraphError
from graphflow.graph import session_stack
from graphflow.graph.dtypes import DType
from graphflow.graph.shapes import TensorShape, as_shape, merge_in_op

if TYPE_CHECKING:  # an Operation makes Tensors, so its module imports this one
    from graphflow.graph.graph import Graph
    from graphflow.graph.operation import Operation


class TensorReference:
    """A hashable stand-in for a tensor, from ``tensor.experimental_ref()``."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def deref(self) -> Any:
        """Return the tensor."""
        return self._tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorReference) and self._tensor is other._tensor

    def __hash__(self) -> int:
        return id(self._tensor)


class Tensor:
    """One output of an operation: a value that exists when the graph runs.

    Attributes
    ----------
    op : the `Operation` that computes it.
    value_index : its place among the outputs of `op`.
    dtype : its element type; a reference type for the output of a variable.
    shape : what is known of its shape.
    """

    OVERLOADABLE_OPERATORS = frozenset(
        f"__{name}__"
        for name in (
            "add radd sub rsub mul rmul div rdiv truediv rtruediv floordiv rfloordiv mod rmod lt "
            "le gt ge ne eq and rand or ror xor rxor getitem pow rpow invert neg abs matmul rmatmul"
        ).split()
    )
    # Makes ``ndarray + tensor`` call the tensor's operator rather than NumPy's.
    __array_priority__ = 100

    def __init__(self, op: Operation, value_index: int, dtype: DType, shape: TensorShape) -> None:
        self.op = op
        self.value_index = value_index
        self.dtype = dtype
        self._shape = shape
        self._consumers: list[Operation] = []

    @property
    def name(self) -> str:
        """The name of the operation and the place among its outputs: ``scope/add:0``."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self) -> Graph:
        """The graph that the tensor belongs to."""
        return self.op.graph

    @property
    def device(self) -> str:
        """The device that was asked for; empty when none was."""
        return self.op.device

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape."""
        return self._shape

    def get_shape(self) -> TensorShape:
        """Return what is known of the shape."""
        return self._shape

    def set_shape(self, shape: Any) -> None:
        """Add what is known of the shape; ValueError when it contradicts what was known."""
        self._shape = merge_in_op(self._shape, as_shape(shape))

    def consumers(self) -> list[Operation]:
        """Return the operations that take this tensor, once for each of its uses."""
        return list(self._consumers)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Compute the value in `session`, or in the default session."""
        return session_stack.evaluate(self, feed_dict, self.graph, session)

    def experimental_ref(self) -> TensorReference:
        """Return a stand-in that can be a key, whatever ``==`` means for tensors."""
        return TensorReference(self)

    def _shape_as_list(self) -> list[int | None] | None:
        return None if self._shape.extents is None else list(self._shape.extents)

    def _shape_tuple(self) -> tuple[int | None, ...] | None:
        return self._shape.extents

    def _rank(self) -> int | None:
        return self._shape.rank

    def _as_node_def_input(self) -> str:
        """Return the name as a NodeDef writes it: the first output has no number."""
        return self.name if self.value_index else self.op.name

    @staticmethod
    def _override_operator(operator: str, function: Callable[..., Any]) -> None:
        """Install what an operator of tensors does; each may be installed once."""
        # Only the class's own dictionary counts: `object` brings ``<`` and `type` brings ``|``.
        if operator in vars(Tensor):
            raise ValueError(f"operator {operator} cannot be overwritten again on class {Tensor}.")
        if operator not in Tensor.OVERLOADABLE_OPERATORS:
            raise ValueError(f"Overriding {operator} is disallowed")
        setattr(Tensor, operator, function)

    if TYPE_CHECKING:  # installed from the op families; here so that their types are known

        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...

    __hash__ = object.__hash__  # by identity, and in C: feeds are looked up by it at every run

    def __bool__(self) -> bool:
        raise OperatorNotAllowedInGraphError(
            "using a `tf.Tensor` as a Python `bool` is not allowed in Graph execution. Use Eager "
            "execution or decorate this function with @tf.function."
        )

    def __iter__(self) -> Iterator[Any]:
        raise OperatorNotAllowedInGraphError(
            "iterating over `tf.Tensor` is not allowed in Graph execution. Use Eager execution or "
            "decorate this function with @tf.function."
        )

    def __len__(self) -> int:
        raise TypeError(
            f"len is not well defined for symbolic Tensors. ({self.name}) Please call `x.shape` "
            "rather than `len(x)` for shape information."
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        raise NotImplementedError(
            f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array."
        )

    def __str__(self) -> str:
        shape = "" if self._shape.extents is None else f", shape={self._shape}"
        device = f", device={self.device}" if self.device else ""
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name}{device})'

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self._shape} dtype={self.dtype.name}>"
