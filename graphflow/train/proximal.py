"""Adagrad and its kin, FTRL, and proximal gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import int64
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import training_proximal as training
from graphflow.ops.casting import cast
from graphflow.ops.identity import identity
from graphflow.ops.initializers import Constant
from graphflow.train.optimizers import WithParameters

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "AdagradOptimizer",
    "FtrlOptimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
]


class _Filled(WithParameters):
    """An optimizer with slots that start at a number."""

    def _filled_slot(self, var: Any, value: float, slot_name: str, op_name: str) -> Any:
        dtype, start = var.dtype.base_dtype, Constant(value)
        return self._get_or_make_slot_with_initializer(
            var, start, var.get_shape(), dtype, slot_name, op_name
        )


class AdagradOptimizer(_Filled):
    """Steps divided by the root of the sum of squared gradients (Duchi et al., 2011)."""

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1,
        use_locking: bool = False, name: str = "Adagrad",
    ) -> None:  # fmt: skip
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._filled_slot(var, self._initial_accumulator_value, "accumulator", self._name)

    def _prepare(self) -> None:
        self._tensors(learning_rate=self._learning_rate)

    def _operands(self, var: Any) -> tuple[Any, Any]:
        return self.get_slot(var, "accumulator"), self._parameter("learning_rate", var)

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        operands = self._operands(var)
        return self._apply(training.APPLY_ADAGRAD, var, *operands, grad, update_slots=True)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply(
            training.SPARSE_APPLY_ADAGRAD, var, *self._operands(var), grad.values, grad.indices,
            update_slots=True,
        )  # fmt: skip


class AdadeltaOptimizer(WithParameters):
    """Steps scaled by running means of squared steps and gradients (Zeiler, 2012)."""

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8,
        use_locking: bool = False, name: str = "Adadelta",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._lr, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._zeros_slot(var, "accum", self._name)
            self._zeros_slot(var, "accum_update", self._name)

    def _prepare(self) -> None:
        self._tensors(lr=self._lr, rho=self._rho, epsilon=self._epsilon)

    def _operands(self, var: Any) -> list[Any]:
        slots = [self.get_slot(var, name) for name in ("accum", "accum_update")]
        return slots + [self._parameter(name, var) for name in ("lr", "rho", "epsilon")]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply(training.APPLY_ADADELTA, var, *self._operands(var), grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        operands = [*self._operands(var), grad.values, grad.indices]
        return self._apply(training.SPARSE_APPLY_ADADELTA, var, *operands)


class AdagradDAOptimizer(_Filled):
    """Adagrad by dual averaging, for sparse linear models (Duchi et al., 2011).

    Parameters
    ----------
    global_step : the number of steps so far.
    """

    def __init__(
        self, learning_rate: Any, global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
        use_locking: bool = False, name: str = "AdagradDA",
    ) -> None:  # fmt: skip
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._start = initial_gradient_squared_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._global_step = global_step

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._filled_slot(var, 0.0, "gradient_accumulator", self._name)
            self._filled_slot(var, self._start, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        self._tensors(learning_rate=self._learning_rate)

    def _operands(self, var: Any, grad: list[Any]) -> list[Any]:
        names = ("gradient_accumulator", "gradient_squared_accumulator")
        slots = [self.get_slot(var, name) for name in names]
        # Steps count from one: this is the step that is being made.
        step = cast(identity(self._global_step), int64) + 1
        dtype = var.dtype.base_dtype
        norms = [cast(convert_to_tensor(value), dtype) for value in (self._l1, self._l2)]
        return [*slots, *grad, self._parameter("learning_rate", var), *norms, step]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply(training.APPLY_ADAGRAD_DA, var, *self._operands(var, [grad]))

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        operands = self._operands(var, [grad.values, grad.indices])
        return self._apply(training.SPARSE_APPLY_ADAGRAD_DA, var, *operands)


class FtrlOptimizer(_Filled):
    """Follow the regularised leader (McMahan et al., 2013).

    Parameters
    ----------
    learning_rate_power : at most 0; 0 for a constant rate.
    l1_regularization_strength, l2_regularization_strength : of the variable's norms.
    l2_shrinkage_regularization_strength : of a penalty that the gradient alone sees.
    accum_name, linear_name : of the slots.
    """

    def __init__(
        self, learning_rate: Any, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, use_locking: bool = False, name: str = "Ftrl",
        accum_name: str | None = None, linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        if initial_accumulator_value < 0.0:
            raise ValueError(
                f"initial_accumulator_value {initial_accumulator_value:f} needs to be positive "
                "or zero"
            )
        if learning_rate_power > 0.0:
            raise ValueError(
                f"learning_rate_power {learning_rate_power:f} needs to be negative or zero"
            )
        for what, value in (
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0.0:
                raise ValueError(f"{what} {value:f} needs to be positive or zero")
        self._learning_rate = learning_rate
        self._learning_rate_power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._shrinkage = l2_shrinkage_regularization_strength
        self._accum_name, self._linear_name = accum_name, linear_name

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            name = self._accum_name or self._name
            self._filled_slot(var, self._initial_accumulator_value, "accum", name)
            self._zeros_slot(var, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        self._tensors(
            learning_rate=self._learning_rate, l1_regularization_strength=self._l1,
            l2_regularization_strength=self._l2, learning_rate_power=self._learning_rate_power,
        )  # fmt: skip
        if self._shrinkage > 0:
            name = "l2_shrinkage_regularization_strength"
            self._parameters[name] = convert_to_tensor(self._shrinkage, name=name)

    def _operands(self, var: Any, grad: list[Any]) -> list[Any]:
        names = ["learning_rate", "l1_regularization_strength", "l2_regularization_strength"]
        if self._shrinkage > 0:
            names.append("l2_shrinkage_regularization_strength")
        slots = [self.get_slot(var, name) for name in ("accum", "linear")]
        names.append("learning_rate_power")
        return [*slots, *grad, *(self._parameter(name, var) for name in names)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        signature = training.APPLY_FTRL_V2 if self._shrinkage > 0 else training.APPLY_FTRL
        return self._apply(signature, var, *self._operands(var, [grad]))

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        dual, plain = training.SPARSE_APPLY_FTRL_V2, training.SPARSE_APPLY_FTRL
        operands = self._operands(var, [grad.values, grad.indices])
        return self._apply(dual if self._shrinkage > 0 else plain, var, *operands)


class ProximalGradientDescentOptimizer(WithParameters):
    """Gradient descent with proximal steps for L1 and L2 penalties (Duchi & Singer, 2009)."""

    def __init__(
        self, learning_rate: Any, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _prepare(self) -> None:
        self._tensors(
            learning_rate=self._learning_rate, l1_regularization_strength=self._l1,
            l2_regularization_strength=self._l2,
        )  # fmt: skip

    def _operands(self, var: Any) -> list[Any]:
        names = ("learning_rate", "l1_regularization_strength", "l2_regularization_strength")
        return [self._parameter(name, var) for name in names]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply(training.APPLY_PROXIMAL_DESCENT, var, *self._operands(var), grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        operands = [*self._operands(var), grad.values, grad.indices]
        return self._apply(training.SPARSE_APPLY_PROXIMAL_DESCENT, var, *operands)


class ProximalAdagradOptimizer(_Filled):
    """Adagrad with proximal steps for L1 and L2 penalties (Duchi & Singer, 2009)."""

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
        use_locking: bool = False, name: str = "ProximalAdagrad",
    ) -> None:  # fmt: skip
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._filled_slot(var, self._initial_accumulator_value, "accumulator", self._name)

    def _prepare(self) -> None:
        self._tensors(
            learning_rate=self._learning_rate, l1_regularization_strength=self._l1,
            l2_regularization_strength=self._l2,
        )  # fmt: skip

    def _operands(self, var: Any) -> list[Any]:
        names = ("learning_rate", "l1_regularization_strength", "l2_regularization_strength")
        slot = self.get_slot(var, "accumulator")
        return [slot, *(self._parameter(name, var) for name in names)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply(training.APPLY_PROXIMAL_ADAGRAD, var, *self._operands(var), grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        operands = [*self._operands(var), grad.values, grad.indices]
        return self._apply(training.SPARSE_APPLY_PROXIMAL_ADAGRAD, var, *operands)
