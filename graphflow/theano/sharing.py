"""Shared variables: values that functions read and update, outside any session of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import graphflow as gf
from graphflow.graph.dtypes import as_dtype
from graphflow.theano.tensor.var import TensorType, TensorVariable, Variable
from graphflow.theano.world import building, store


class SharedVariable(Variable):
    """Base of shared variables."""


class TensorSharedVariable(SharedVariable, TensorVariable):
    """A shared tensor. Its shape may change from one value to the next; rank and type do not.

    Parameters
    ----------
    value : the first value, an array.
    broadcastable : a flag per axis; those axes are known to have size 1.
    """

    with_default_update: ClassVar[set[TensorSharedVariable]] = set()

    def __init__(
        self, value: Any, name: str | None = None, broadcastable: Any = None,
        allow_downcast: bool | None = None,
    ) -> None:  # fmt: skip
        pattern = (False,) * value.ndim if broadcastable is None else tuple(broadcastable)
        self._declared = TensorType(value.dtype, pattern)
        self._allow_downcast = allow_downcast
        with building():
            initial = gf.placeholder(
                as_dtype(value.dtype.name), [1 if flag else None for flag in pattern]
            )
            self.variable = gf.Variable(
                initial, trainable=False, collections=[], validate_shape=False, name="shared",
                shape=initial.shape,
            )  # fmt: skip
            tensor = self.variable.value()
            tensor.set_shape(initial.shape)
        TensorVariable.__init__(self, tensor, name)
        self.set_value(value)
        self._default_update: Any = None

    @property
    def default_update(self) -> Any:
        """The value that it gets from functions which use it and have no other update of it."""
        return self._default_update

    @default_update.setter
    def default_update(self, expression: Any) -> None:
        self._default_update = expression
        self.with_default_update.add(self)

    @property
    def type(self) -> TensorType:
        """The type, with the pattern that it was declared with."""
        return self._declared

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """The pattern that it was declared with."""
        return self._declared.broadcastable

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """Return a copy of the value."""
        return store().get(self.variable.op.name)

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Give it a new value, of the same type and rank."""
        array = self._declared.filter(new_value, allow_downcast=self._allow_downcast)
        store().set(self.variable.op.name, array, self.variable.dtype.base_dtype)

    def zero(self, borrow: bool = False) -> None:
        """Set all elements to 0."""
        self.set_value(np.zeros_like(self.get_value()))

    def clone(self) -> TensorSharedVariable:
        """Return itself: the value is shared."""
        return self

    def __str__(self) -> str:
        return self.name if self.name is not None else f"<{self._declared}>"

    def __reduce__(self) -> Any:
        return _restored, (self.get_value(), self.name, self._declared.broadcastable)

    def __deepcopy__(self, memo: Any) -> TensorSharedVariable:
        return _restored(self.get_value(), self.name, self._declared.broadcastable)


class ScalarSharedVariable(TensorSharedVariable):
    """A shared scalar."""


def _restored(value: Any, name: str | None, broadcastable: Any) -> TensorSharedVariable:
    kind = ScalarSharedVariable if value.ndim == 0 else TensorSharedVariable
    return kind(value, name, broadcastable)


def shared(
    value: Any, name: str | None = None, strict: bool = False, allow_downcast: bool | None = None,
    **kwargs: Any,
) -> TensorSharedVariable:  # fmt: skip
    """Return a shared variable with a copy of `value`, an array or a number.

    Parameters
    ----------
    borrow, target : accepted; the value is always copied.
    broadcastable : a flag per axis; none broadcasts when not given.

    Raises
    ------
    TypeError : `value` is symbolic, or no array of numbers.
    """
    if isinstance(value, Variable):
        raise TypeError(
            "Shared variable constructor needs numeric values and not symbolic variables."
        )
    if not isinstance(value, (np.ndarray, np.generic, bool, int, float, complex)):
        if not hasattr(value, "__array__"):
            raise TypeError(
                f"No suitable SharedVariable constructor could be found: expected an array or a "
                f"number, got {type(value).__name__}"
            )
    array = np.array(value)
    kind = ScalarSharedVariable if array.ndim == 0 else TensorSharedVariable
    return kind(array, name, kwargs.get("broadcastable"), allow_downcast)


def shared_constructor(function: Callable[..., Any], remove: bool = False) -> Callable[..., Any]:
    """Accepted: there is one kind of shared variable."""
    return function
