"""The base class of optimizers: gradients of a loss, and the operation that applies them.

Its behaviour, names and errors are TensorFlow 1.15's. A subclass says which slots a variable needs
(`_create_slots`), turns its hyperparameters to tensors (`_prepare`), and updates one variable
(`_apply_dense`, `_apply_sparse`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, ValuesView
from typing import Any

from graphflow.gradients.reverse import gradients
from graphflow.graph import dtypes
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor_or_indexed_slices
from graphflow.graph.default import (
    colocate_with,
    control_dependencies,
    get_default_graph,
    name_scope,
)
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import group
from graphflow.ops.identity import tuple as tuple_op
from graphflow.ops.state import assign_add
from graphflow.ops.variable_lists import trainable_variables
from graphflow.ops.variables import Variable
from graphflow.train.slots import create_slot_with_initializer, create_zeros_slot

__all__ = ["Optimizer"]

GradientsAndVariables = list[tuple[Any, Any]]


def _key(variable: Any) -> tuple[Any, str]:
    return variable.op.graph, variable.op.name


def _reference(variable: Any) -> Tensor:
    """Return what a gradient is taken of."""
    if isinstance(variable, Variable):
        return variable._ref()
    if isinstance(variable, Tensor):
        return variable
    raise NotImplementedError("Trying to optimize unsupported type ", variable)


def _flatten(values: Any) -> Iterable[Any]:
    if isinstance(values, (list, tuple, ValuesView)):
        for value in values:
            yield from _flatten(value)
    else:
        yield values


class Optimizer:
    """Base of all optimizers; use one of the subclasses.

    Parameters
    ----------
    use_locking : accepted for compatibility; a run's updates never overlap.
    name : the name under which operations and slots are made.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Any, Any]] = {}
        self._non_slot_dict: dict[tuple[str, Any], Any] = {}

    def get_name(self) -> str:
        """Return the optimizer's name."""
        return self._name

    # ---- gradients and their application

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """Return the operation of a training step: `compute_gradients`, then `apply_gradients`.

        Parameters
        ----------
        loss : the tensor to minimize, or a function that makes it.
        global_step : a variable that the step increments.
        var_list : the variables to update; all trainable ones when None.
        gate_gradients, aggregation_method, colocate_gradients_with_ops : see `compute_gradients`.
        name : the operation's name.
        grad_loss : the gradient of the loss; ones when None.

        Raises
        ------
        ValueError : there are no variables, or none has a gradient.
        """
        found = self.compute_gradients(
            loss, var_list=var_list, gate_gradients=gate_gradients,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops, grad_loss=grad_loss,
        )  # fmt: skip
        if all(gradient is None for gradient, _ in found):  # also when there are no variables
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not "
                f"support gradients, between variables {[str(v) for _, v in found]} and loss "
                f"{loss}."
            )
        return self.apply_gradients(found, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> GradientsAndVariables:
        """Return (gradient, variable) for each variable; the gradient is None where there is none.

        Parameters
        ----------
        loss : a tensor, or a function that makes it: then the gradients are by the variables that
            the result depends on when `var_list` is None.
        gate_gradients : ``GATE_NONE``, ``GATE_OP`` or ``GATE_GRAPH``; the last waits for all
            gradients before any is used.
        aggregation_method : how gradients are summed; see `AggregationMethod`.

        Raises
        ------
        ValueError : no variables, a wrong gate, or a type that is not floating.
        """
        gates = (Optimizer.GATE_NONE, Optimizer.GATE_OP, Optimizer.GATE_GRAPH)
        if gate_gradients not in gates:
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH.  Not {gate_gradients}"
            )
        is_made = callable(loss)
        loss = loss() if is_made else loss
        var_list = var_list() if callable(var_list) else var_list
        self._assert_valid_dtypes([loss])
        if grad_loss is not None:
            self._assert_valid_dtypes([grad_loss])
        variables = trainable_variables() if var_list is None else list(_flatten(var_list))
        references = [_reference(variable) for variable in variables]
        if not variables:
            raise ValueError("No variables to optimize.")
        found = gradients(
            loss, references, grad_ys=grad_loss, gate_gradients=gate_gradients == self.GATE_OP,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )  # fmt: skip
        if is_made and var_list is None:
            used = [k for k, gradient in enumerate(found) if gradient is not None]
            found, variables = [found[k] for k in used], [variables[k] for k in used]
        if gate_gradients == Optimizer.GATE_GRAPH:
            found = tuple_op(found)
        pairs = list(zip(found, variables, strict=True))
        self._assert_valid_dtypes([v for g, v in pairs if g is not None])
        return pairs

    def apply_gradients(
        self, grads_and_vars: Iterable[Any], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """Return the operation that updates variables by their gradients.

        Parameters
        ----------
        grads_and_vars : (gradient, variable) pairs; those without gradient are left out.
        global_step : a variable that is incremented after the updates.
        name : the operation's name; the optimizer's when None.

        Raises
        ------
        ValueError : no pairs, or none with a gradient.
        TypeError : a gradient is no tensor.
        """
        pairs = [(_gradient(g), v) for g, v in grads_and_vars]
        if not pairs:
            raise ValueError("No variables provided.")
        for _, variable in pairs:
            _reference(variable)
        used = [(g, v) for g, v in pairs if g is not None]
        if not used:
            listed = ([str(v) for _, v in pairs],)
            raise ValueError(f"No gradients provided for any variable: {listed}.")
        graph = get_default_graph()
        with graph.control_dependencies(None):
            self._create_slots([v for _, v in used])
        with name_scope(name, self._name) as scope:
            self._prepare()
            updates = [self._update(gradient, variable) for gradient, variable in used]
            if global_step is None:
                step: Any = self._finish(updates, scope)
            else:
                with control_dependencies([self._finish(updates, "update")]):
                    with colocate_with(global_step):
                        step = assign_add(global_step, 1, name=scope)
        operation = step.op if isinstance(step, Tensor) else step
        steps = graph.get_collection_ref(GraphKeys.TRAIN_OP)
        if operation not in steps:
            steps.append(operation)
        return operation

    def _update(self, gradient: Any, variable: Any) -> Any:
        """Return what updates one variable."""
        if not isinstance(variable, Variable):
            raise NotImplementedError("Trying to update a Tensor ", variable)
        with name_scope(f"update_{variable.op.name}"), colocate_with(variable):
            if isinstance(gradient, IndexedSlices):
                if variable.constraint is not None:
                    raise RuntimeError("Cannot use a constraint function on a sparse variable.")
                return self._apply_sparse(gradient, variable)
            update = self._apply_dense(gradient, variable)
            if variable.constraint is None:
                return update
            with control_dependencies([update]):
                return variable.assign(variable.constraint(variable))

    # ---- slots and other variables

    def get_slot(self, var: Any, name: str) -> Any:
        """Return a slot of a variable; None when it has none of that name."""
        return self._slots.get(name, {}).get(_key(var))

    def get_slot_names(self) -> list[str]:
        """Return the names of the slots that were made."""
        return sorted(self._slots)

    def variables(self) -> list[Any]:
        """Return the optimizer's own variables in the default graph, by name."""
        graph = get_default_graph()
        own = list(self._non_slot_dict.values())
        for slots in self._slots.values():
            own += slots.values()
        return sorted((v for v in own if v.op.graph is graph), key=lambda v: v.name)

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any) -> Any:
        """Return a variable that belongs to the optimizer as a whole, made once per graph."""
        graph = colocate_with.graph
        if (name, graph) not in self._non_slot_dict:
            with graph.colocate_with(colocate_with):
                made = Variable(initial_value, name=name, trainable=False)
            self._non_slot_dict[name, graph] = made
        return self._non_slot_dict[name, graph]

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Any:
        return self._non_slot_dict.get((name, graph))

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        """Return a variable's slot, made of zeros when it is new."""
        slots = self._slots.setdefault(slot_name, {})
        if _key(var) not in slots:
            slots[_key(var)] = create_zeros_slot(var, op_name)
        return slots[_key(var)]

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Any:
        """Return a variable's slot, made with an initializer when it is new."""
        slots = self._slots.setdefault(slot_name, {})
        if _key(var) not in slots:
            slots[_key(var)] = create_slot_with_initializer(var, initializer, shape, dtype, op_name)
        return slots[_key(var)]

    def _assert_valid_dtypes(self, tensors: Sequence[Any]) -> None:
        valid = self._valid_dtypes()
        for tensor in tensors:
            dtype = tensor.dtype.base_dtype
            if dtype not in valid:
                raise ValueError(
                    f"Invalid type {dtype!r} for {tensor.name}, expected: {list(valid)}."
                )

    def _valid_dtypes(self) -> Sequence[Any]:
        return (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)

    # ---- what subclasses say

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        """Make the slots that these variables need."""

    def _prepare(self) -> None:
        """Turn the hyperparameters to tensors."""

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        """Return the operation that updates a variable."""
        raise NotImplementedError()

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        """Return the operation that updates rows; an index may occur several times."""
        raise NotImplementedError()

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Operation:
        """Return the operation that does all updates."""
        return group(*update_ops, name=name_scope)

    def _call_if_callable(self, parameter: Any | Callable[[], Any]) -> Any:
        """Return a hyperparameter, which may be given as a function."""
        return parameter() if callable(parameter) else parameter


def _gradient(value: Any) -> Any:
    """Return a gradient as a tensor or slices."""
    if value is None:
        return None
    try:
        return convert_to_tensor_or_indexed_slices(value)
    except TypeError:
        raise TypeError(
            f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {value}"
        ) from None
