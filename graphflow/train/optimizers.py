"""Gradient descent, momentum, RMSProp and Adam.

Each update is one op (`graphflow.ops.training`), so a training step reads and writes a variable and
its slots once. A hyperparameter may be a number, a tensor, or a function without arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import colocate_with, control_dependencies, get_default_graph
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import training
from graphflow.ops.casting import cast
from graphflow.ops.creation import ones_like
from graphflow.ops.elementwise import multiply
from graphflow.ops.identity import group
from graphflow.ops.initializers import Ones
from graphflow.ops.scatter import scatter_sub
from graphflow.train.optimizer import Optimizer

__all__ = [
    "AdamOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "RMSPropOptimizer",
]


class WithParameters(Optimizer):
    """An optimizer whose hyperparameters become tensors named after them."""

    def _tensors(self, **parameters: Any) -> None:
        self._parameters = {
            name: convert_to_tensor(self._call_if_callable(value), name=name)
            for name, value in parameters.items()
        }

    def _parameter(self, name: str, var: Any) -> Tensor:
        return cast(self._parameters[name], var.dtype.base_dtype)

    def _apply(self, signature: Signature, *inputs: Any, **attrs: Any) -> Operation:
        return signature(*inputs, use_locking=self._use_locking, **attrs)


class GradientDescentOptimizer(WithParameters):
    """``w -= learning_rate * gradient``."""

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self) -> None:
        self._tensors(learning_rate=self._learning_rate)

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        rate = self._parameter("learning_rate", var)
        return self._apply(training.APPLY_GRADIENT_DESCENT, var, rate, grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        rate = self._parameter("learning_rate", var)
        step = multiply(grad.values, rate, name="mul")
        return scatter_sub(var, grad.indices, step, use_locking=self._use_locking).op


class MomentumOptimizer(WithParameters):
    """``a = momentum * a + gradient; w -= learning_rate * a``.

    Parameters
    ----------
    use_nesterov : use the gradient at the point where the momentum leads (Sutskever et al., 2013).
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            self._zeros_slot(var, "momentum", self._name)

    def _prepare(self) -> None:
        self._tensors(learning_rate=self._learning_rate, momentum=self._momentum)

    def _operands(self, var: Any) -> tuple[Any, Any, Any]:
        slot = self.get_slot(var, "momentum")
        return slot, self._parameter("learning_rate", var), self._parameter("momentum", var)

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        slot, rate, momentum = self._operands(var)
        attrs = {"use_nesterov": self._use_nesterov}
        return self._apply(training.APPLY_MOMENTUM, var, slot, rate, grad, momentum, **attrs)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        slot, rate, momentum = self._operands(var)
        return self._apply(
            training.SPARSE_APPLY_MOMENTUM, var, slot, rate, grad.values, grad.indices, momentum,
            use_nesterov=self._use_nesterov,
        )  # fmt: skip


class RMSPropOptimizer(WithParameters):
    """Steps divided by a running root mean square of the gradient (Tieleman & Hinton, 2012).

    Parameters
    ----------
    decay : of the running mean.
    momentum : of the steps.
    epsilon : added under the root.
    centered : divide by the gradient's running deviation instead, without its mean.
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._decay = decay
        self._momentum = momentum
        self._epsilon = epsilon
        self._centered = centered

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            dtype, shape = var.dtype.base_dtype, var.get_shape()
            start = Ones(dtype) if shape.is_fully_defined() else ones_like(var)
            self._get_or_make_slot_with_initializer(var, start, shape, dtype, "rms", self._name)
            if self._centered:
                self._zeros_slot(var, "mg", self._name)
            self._zeros_slot(var, "momentum", self._name)

    def _prepare(self) -> None:
        self._tensors(
            learning_rate=self._learning_rate, decay=self._decay, momentum=self._momentum,
            epsilon=self._epsilon,
        )  # fmt: skip

    def _operands(self, var: Any) -> list[Any]:
        names = ["mg", "rms", "momentum"] if self._centered else ["rms", "momentum"]
        slots = [self.get_slot(var, name) for name in names]
        parameters = ("learning_rate", "decay", "momentum", "epsilon")
        return slots + [self._parameter(name, var) for name in parameters]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        centered, plain = training.APPLY_CENTERED_RMS_PROP, training.APPLY_RMS_PROP
        signature = centered if self._centered else plain
        return self._apply(signature, var, *self._operands(var), grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        centered, plain = training.SPARSE_APPLY_CENTERED_RMS_PROP, training.SPARSE_APPLY_RMS_PROP
        signature = centered if self._centered else plain
        return self._apply(signature, var, *self._operands(var), grad.values, grad.indices)


class AdamOptimizer(WithParameters):
    """Adam (Kingma & Ba, 2015), with epsilon as in the formula before their section 2.1.

    Parameters
    ----------
    beta1, beta2 : decay of the running mean of the gradient and of its square.
    epsilon : added to the root of the second.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        graph = get_default_graph()
        return (
            self._get_non_slot_variable("beta1_power", graph),
            self._get_non_slot_variable("beta2_power", graph),
        )

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        # Where the powers lie must not depend on the order of the variables.
        first = min(var_list, key=lambda var: var.name)
        self._create_non_slot_variable(self._call_if_callable(self._beta1), "beta1_power", first)
        self._create_non_slot_variable(self._call_if_callable(self._beta2), "beta2_power", first)
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _prepare(self) -> None:
        self._tensors(
            learning_rate=self._lr, beta1=self._beta1, beta2=self._beta2, epsilon=self._epsilon
        )

    def _operands(self, var: Any) -> list[Any]:
        slots = [self.get_slot(var, name) for name in ("m", "v")]
        powers = [cast(power, var.dtype.base_dtype) for power in self._get_beta_accumulators()]
        names = ("learning_rate", "beta1", "beta2", "epsilon")
        return [*slots, *powers, *(self._parameter(name, var) for name in names)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        operands = [*self._operands(var), grad]
        return self._apply(training.APPLY_ADAM, var, *operands, use_nesterov=False)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        operands = [*self._operands(var), grad.values, grad.indices]
        return self._apply(training.SPARSE_APPLY_ADAM, var, *operands, use_nesterov=False)

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Operation:
        """Return the operation that does all updates and then the powers'."""
        power1, power2 = self._get_beta_accumulators()
        with control_dependencies(update_ops), colocate_with(power1):
            updates = [
                power.assign(power * self._parameters[name], use_locking=self._use_locking)
                for power, name in ((power1, "beta1"), (power2, "beta2"))
            ]
        return group(*update_ops, *updates, name=name_scope)
