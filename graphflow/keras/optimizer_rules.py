"""Updates that Keras makes otherwise than `tf.train`: RMSprop, Nadam, and Adam with AMSGrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_default_graph
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import maximum, pow
from graphflow.ops.identity import group
from graphflow.ops.unary import sqrt, square
from graphflow.train.optimizer import Optimizer


class _Dense(Optimizer):
    """An optimizer whose slots start at zero and move also where a sparse gradient is zero.

    Parameters
    ----------
    iterations : the variable that counts the steps made.
    """

    def __init__(self, rate: Any, iterations: Any, name: str, slots: Sequence[str]) -> None:
        super().__init__(False, name)
        self._rate, self._iterations, self._slot_names = rate, iterations, slots

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for var in var_list:
            for name in self._slot_names:
                self._zeros_slot(var, name, self._name)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        return self._apply_dense(convert_to_tensor(grad), var)

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        slots = [self.get_slot(var, name) for name in self._slot_names]
        values, change = self._moved(grad, var, [slot.read_value() for slot in slots])
        made = [slot.assign(value) for slot, value in zip(slots, values, strict=True)]
        return group(*(m.op for m in made), var.assign_sub(change).op)

    def _moved(self, grad: Tensor, var: Any, slots: list[Tensor]) -> tuple[list[Any], Any]:
        """The slots' next values, and what is subtracted from a variable."""
        raise NotImplementedError

    def _step(self, var: Any) -> Tensor:
        return cast(self._iterations.read_value() + 1, var.dtype.base_dtype)


class RMSprop(_Dense):
    """RMSprop: slots start at zero; epsilon is outside of the root where there is no momentum."""

    def __init__(
        self, rate: Any, iterations: Any, rho: float, momentum: float, epsilon: float,
        centered: bool,
    ) -> None:  # fmt: skip
        slots = ["rms", *(["momentum"] if momentum else []), *(["mg"] if centered else [])]
        super().__init__(rate, iterations, "RMSprop", slots)
        self._rho, self._momentum = rho, momentum
        self._epsilon, self._centered = epsilon, centered

    def _moved(self, grad: Tensor, var: Any, slots: list[Tensor]) -> tuple[list[Any], Any]:
        known = dict(zip(self._slot_names, slots, strict=True))
        known["rms"] = self._rho * known["rms"] + (1.0 - self._rho) * square(grad)
        variance = known["rms"]
        if self._centered:
            known["mg"] = self._rho * known["mg"] + (1.0 - self._rho) * grad
            variance = variance - square(known["mg"])
        if self._momentum:
            step = self._rate * grad / sqrt(variance + self._epsilon)
            change = known["momentum"] = self._momentum * known["momentum"] + step
        else:
            change = self._rate * grad / (sqrt(variance) + self._epsilon)
        return list(known.values()), change


class AMSGrad(_Dense):
    """Adam whose second moment never falls (Reddi et al., 2018)."""

    def __init__(
        self, rate: Any, iterations: Any, beta_1: float, beta_2: float, epsilon: float
    ) -> None:
        super().__init__(rate, iterations, "Adam", ["m", "v", "vhat"])
        self._beta_1, self._beta_2, self._epsilon = beta_1, beta_2, epsilon

    def _moved(self, grad: Tensor, var: Any, slots: list[Tensor]) -> tuple[list[Any], Any]:
        step = self._step(var)
        m = self._beta_1 * slots[0] + (1.0 - self._beta_1) * grad
        v = self._beta_2 * slots[1] + (1.0 - self._beta_2) * square(grad)
        most = maximum(slots[2], v)
        rate = self._rate * sqrt(1.0 - pow(self._beta_2, step)) / (1.0 - pow(self._beta_1, step))
        return [m, v, most], rate * m / (sqrt(most) + self._epsilon)


class Nadam(_Dense):
    """Adam with Nesterov's momentum, which grows by a schedule (Dozat, 2015).

    Parameters
    ----------
    decay : how fast the schedule moves.
    """

    def __init__(
        self, rate: Any, iterations: Any, beta_1: float, beta_2: float, epsilon: float,
        decay: float,
    ) -> None:  # fmt: skip
        super().__init__(rate, iterations, "Nadam", ["m", "v"])
        self._beta_1, self._beta_2, self._epsilon = beta_1, beta_2, epsilon
        self._decay = decay

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        first = min(var_list, key=lambda var: var.name)
        self._create_non_slot_variable(1.0, "momentum_cache", first)
        super()._create_slots(var_list)

    def cache(self) -> Any:
        """The product of the momenta so far, a variable."""
        return self._get_non_slot_variable("momentum_cache", get_default_graph())

    def _momentum_at(self, step: Any) -> Any:
        return self._beta_1 * (1.0 - 0.5 * pow(0.96, self._decay * step))

    def _moved(self, grad: Tensor, var: Any, slots: list[Tensor]) -> tuple[list[Any], Any]:
        step = self._step(var)
        now, then = self._momentum_at(step), self._momentum_at(step + 1.0)
        product = cast(self.cache().read_value(), step.dtype) * now
        m = self._beta_1 * slots[0] + (1.0 - self._beta_1) * grad
        v = self._beta_2 * slots[1] + (1.0 - self._beta_2) * square(grad)
        mean = (1.0 - now) * grad / (1.0 - product) + then * m / (1.0 - product * then)
        spread = sqrt(v / (1.0 - pow(self._beta_2, step))) + self._epsilon
        return [m, v], self._rate * mean / spread

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Operation:
        """Return the operation that does all updates and then the product's."""
        cache = self.cache()
        step = cast(self._iterations.read_value() + 1, cache.dtype.base_dtype)
        with control_dependencies(update_ops):
            kept = cache.assign(cache * self._momentum_at(step))
        return group(*update_ops, kept.op, name=name_scope)
