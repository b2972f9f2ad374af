"""Moving averages of variables and tensors, which decay exponentially."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import (
    add_to_collection,
    colocate_with,
    get_default_graph,
    init_scope,
    name_scope,
)
from graphflow.graph.dtypes import bfloat16, float16, float32, float64
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import minimum
from graphflow.ops.elementwise import pow as power
from graphflow.ops.identity import group
from graphflow.ops.initializers import Zeros
from graphflow.ops.state import assign_add, assign_sub
from graphflow.ops.variable_lists import (
    global_variables,
    moving_average_variables,
    trainable_variables,
)
from graphflow.ops.variable_scope import get_variable, get_variable_scope, variable_scope
from graphflow.ops.variables import Variable
from graphflow.train.slots import create_slot, create_zeros_slot

__all__ = ["ExponentialMovingAverage", "assign_moving_average"]


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Tensor:
    """The variable after ``variable = decay * variable + (1 - decay) * value``.

    Parameters
    ----------
    zero_debias : whether the variable began at zero, and its average is to be corrected for that
        (Kingma & Ba, 2015, section 3), with two more variables.
    """
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rate = cast(convert_to_tensor(1.0 - decay, name="decay"), variable.dtype.base_dtype)
        with colocate_with(variable):
            if zero_debias:
                return assign_sub(variable, _corrected_step(variable, value, rate), name=scope)
            return assign_sub(variable, (variable - value) * rate, name=scope)


def _free_name(name: str) -> str:
    """The name, numbered if the scope has a variable of that name already."""
    scope = get_variable_scope()
    if scope.reuse:
        return name
    taken = {variable.op.name for variable in scope.global_variables()}
    if f"{scope.name}/{name}" not in taken:
        return name
    number = 1
    while f"{scope.name}/{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _corrected_step(variable: Any, value: Any, rate: Tensor) -> Tensor:
    """How far the variable is from the corrected average of all values."""
    with variable_scope(variable.op.name, values=[variable, value, rate]):
        options: dict[str, Any] = {"trainable": False, "dtype": variable.dtype.base_dtype}
        with init_scope():
            biased = get_variable(
                _free_name("biased"), shape=variable.shape, initializer=Zeros(), **options
            )
            steps = get_variable(_free_name("local_step"), shape=[], initializer=Zeros(), **options)
        moved = assign_sub(biased, (biased - value) * rate)
        count = assign_add(steps, 1)
        return variable - moved / (1 - power(1.0 - rate, count))


class ExponentialMovingAverage:
    """Keeps averages of variables, which often are better than the variables themselves.

    Parameters
    ----------
    decay : near one: the share of the average that is kept in each step.
    num_updates : with it, the decay is at most ``(1 + num_updates) / (10 + num_updates)``.
    zero_debias : correct averages of tensors, which begin at zero.
    name : of the averages: ``w/ExponentialMovingAverage``.
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:  # fmt: skip
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        """The name of the averages."""
        return self._name

    def _add(self, var: Any) -> None:
        if var.dtype.base_dtype not in (float16, bfloat16, float32, float64):
            raise TypeError(
                f"The variables must be half, float, or double: {var.name}"
            )  # fmt: skip
        if var in self._averages:
            raise ValueError(f"Moving average already computed for: {var.name}")
        with init_scope():
            if isinstance(var, Variable):
                average = create_slot(var, var.initialized_value(), self.name)
                # An average of a variable is restored with it; that of a tensor is not.
                add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
            else:
                average = create_zeros_slot(var, self.name)
        self._averages[var] = average

    def apply(self, var_list: Iterable[Any] | None = None) -> Operation:
        """The operation that updates the averages, which are made for variables that are new."""
        variables = list(trainable_variables() if var_list is None else var_list)
        corrected = set()
        for var in variables:
            if var not in self._averages:
                self._add(var)
                if self._zero_debias and not isinstance(var, Variable):
                    corrected.add(var)
        with name_scope(self.name) as scope:
            decay = convert_to_tensor(self._decay, name="decay")
            if self._num_updates is not None:
                updates = cast(self._num_updates, float32, name="num_updates")
                decay = minimum(decay, (1.0 + updates) / (10.0 + updates))
            steps = [
                assign_moving_average(self._averages[var], var, decay, zero_debias=var in corrected)
                for var in variables
            ]
            return group(*steps, name=scope)

    def average(self, var: Any) -> Any:
        """The variable that holds an average; None where there is none."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name of the average of a variable, even where there is none in this graph."""
        if var in self._averages:
            return self._averages[var].op.name
        name = f"{var.op.name}/{self.name}"
        return get_default_graph().unique_name(name, mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """The variables by the names under which a Saver finds their averages."""
        averaged = moving_avg_variables
        if averaged is None:
            averaged = [*trainable_variables(), *moving_average_variables()]
        averaged = list(dict.fromkeys(averaged))
        found = {self.average_name(var): var for var in averaged}
        names = {var.name for var in averaged}
        for var in global_variables():
            if var.name not in names and var.op.name not in found:
                found[var.op.name] = var
        return found
