"""Templates: functions whose variables are made at the first call and shared by later ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from graphflow.ops.variable_lists import global_variables, local_variables, trainable_variables
from graphflow.ops.variable_scope import variable_scope

__all__ = ["Template", "make_template"]


def make_template(
    name_: str,
    func_: Callable[..., Any],
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Any = None,
    **kwargs: Any,
) -> Template:
    """Return a function that calls `func_`, with the same variables at every call.

    Parameters
    ----------
    name_ : scope of the variables, made unique.
    create_scope_now_ : whether the scope is entered now and not at the first call.
    unique_name_ : the scope's name in place of `name_`, not made unique.
    custom_getter_ : of the variable scope.
    kwargs : arguments of `func_` that are fixed.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/make_template

    Raises
    ------
    ValueError : `name_` is None.
    """
    if name_ is None:
        raise ValueError("name cannot be None.")
    function = functools.partial(func_, **kwargs) if kwargs else func_
    return Template(name_, function, create_scope_now_, unique_name_, custom_getter_)


class Template:
    """What `make_template` returns."""

    def __init__(
        self, name: str, function: Callable[..., Any], create_now: bool, unique_name: str | None,
        custom_getter: Any,
    ) -> None:  # fmt: skip
        self._name, self._function = name, function
        self._unique_name, self._custom_getter = unique_name, custom_getter
        self._calls = 0
        self._scope: Any = None
        if create_now:
            with self._new_scope() as scope:
                self._scope = scope

    def _new_scope(self) -> Any:
        return variable_scope(
            self._unique_name, None if self._unique_name else self._name,
            custom_getter=self._custom_getter,
        )  # fmt: skip

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function.

        Raises
        ------
        ValueError : a call after the first wants a variable that is not there.
        """
        first = self._calls == 0
        self._calls += 1
        if self._scope is None:
            with self._new_scope() as scope:
                self._scope = scope
                return self._function(*args, **kwargs)
        with variable_scope(self._scope, reuse=None if first else True):
            return self._function(*args, **kwargs)

    @property
    def name(self) -> str:
        """The name that was asked for."""
        return self._name

    @property
    def variable_scope(self) -> Any:
        """The scope of the variables; None before the first call."""
        return self._scope

    @property
    def variable_scope_name(self) -> str | None:
        """The scope's name."""
        if self._scope is None:
            return None
        name: str = self._scope.name
        return name.removesuffix("/")

    @property
    def var_scope(self) -> Any:
        """`variable_scope` under its old name."""
        return self._scope

    @property
    def variables(self) -> list[Any]:
        """All variables of the scope."""
        return global_variables(self._prefix) if self._scope is not None else []

    @property
    def global_variables(self) -> list[Any]:
        """`variables`."""
        return self.variables

    @property
    def trainable_variables(self) -> list[Any]:
        """The trainable variables of the scope."""
        return trainable_variables(self._prefix) if self._scope is not None else []

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The variables of the scope that are not trainable."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def local_variables(self) -> list[Any]:
        """The local variables of the scope."""
        return local_variables(self._prefix) if self._scope is not None else []

    @property
    def weights(self) -> list[Any]:
        """`variables`."""
        return self.variables

    @property
    def trainable_weights(self) -> list[Any]:
        """`trainable_variables`."""
        return self.trainable_variables

    @property
    def _prefix(self) -> str:
        return f"{self.variable_scope_name}/"
