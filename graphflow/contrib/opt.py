"""More optimizers: TensorFlow's `tf.contrib.opt`, as far as one process can use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import colocate_with, control_dependencies, get_default_graph
from graphflow.graph.indexed_slices import IndexedSlices
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import training
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_norm
from graphflow.ops.elementwise import maximum
from graphflow.ops.gathering import gather
from graphflow.ops.identity import group
from graphflow.ops.scatter import scatter_update
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.state import assign, assign_sub
from graphflow.ops.training_proximal import APPLY_ADA_MAX
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import sqrt, square
from graphflow.train.moving_averages import ExponentialMovingAverage
from graphflow.train.optimizer import Optimizer
from graphflow.train.optimizers import AdamOptimizer, MomentumOptimizer
from graphflow.train.proximal import FtrlOptimizer, ProximalAdagradOptimizer

__all__ = [
    "AdaMaxOptimizer",
    "AdamWOptimizer",
    "DecoupledWeightDecayExtension",
    "FtrlOptimizer",
    "LazyAdamOptimizer",
    "MomentumWOptimizer",
    "MovingAverageOptimizer",
    "NadamOptimizer",
    "ProximalAdagradOptimizer",
    "clip_gradients_by_norm",
    "extend_with_decoupled_weight_decay",
]


class DecoupledWeightDecayExtension:
    """Decays weights by themselves, apart from the gradient (Loshchilov & Hutter, 2019).

    Inherit from this first and then from an optimizer.

    Parameters
    ----------
    weight_decay : what a step takes away from a weight, as a share of it.
    """

    def __init__(self, weight_decay: Any, **kwargs: Any) -> None:
        self._decay_var_list: set[Any] | None = None
        self._weight_decay = weight_decay
        self._weight_decay_tensor: Any = None
        super().__init__(**kwargs)

    def minimize(self, loss: Any, *args: Any, decay_var_list: Any = None, **kwargs: Any) -> Any:
        """As `Optimizer.minimize`; only the variables in `decay_var_list`, where given, decay."""
        self._decay_var_list = set(decay_var_list) if decay_var_list else None
        return super().minimize(loss, *args, **kwargs)  # type: ignore[misc]

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None,
        decay_var_list: Any = None,
    ) -> Any:  # fmt: skip
        """As `Optimizer.apply_gradients`; `decay_var_list` as in `minimize`."""
        if decay_var_list:
            self._decay_var_list = set(decay_var_list)
        return super().apply_gradients(  # type: ignore[misc]
            grads_and_vars, global_step=global_step, name=name
        )

    def _prepare(self) -> None:
        decay = self._weight_decay() if callable(self._weight_decay) else self._weight_decay
        self._weight_decay_tensor = convert_to_tensor(decay, name="weight_decay")
        super()._prepare()  # type: ignore[misc]

    def _decay(self, var: Any) -> list[Any]:
        """What is to be done before the step."""
        if self._decay_var_list is not None and var not in self._decay_var_list:
            return []
        rate = cast(self._weight_decay_tensor, var.dtype.base_dtype)
        return [assign_sub(var, rate * var)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Any:
        with control_dependencies(self._decay(var)):
            return super()._apply_dense(grad, var)  # type: ignore[misc]

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Any:
        with control_dependencies(self._decay(var)):
            return super()._apply_sparse(grad, var)  # type: ignore[misc]


def extend_with_decoupled_weight_decay(base_optimizer: type[Optimizer]) -> type[Optimizer]:
    """A class of optimizers that decays weights and takes steps as another."""
    base: Any = base_optimizer

    class OptimizerWithDecoupledWeightDecay(DecoupledWeightDecayExtension, base):
        """The optimizer, with `weight_decay` as first argument."""

        def __init__(self, weight_decay: Any, *args: Any, **kwargs: Any) -> None:
            self._decay_var_list = None
            self._weight_decay = weight_decay
            base_optimizer.__init__(self, *args, **kwargs)

    return OptimizerWithDecoupledWeightDecay


class MomentumWOptimizer(DecoupledWeightDecayExtension, MomentumOptimizer):
    """Momentum with decoupled weight decay."""

    def __init__(
        self, weight_decay: Any, learning_rate: Any, momentum: Any, use_locking: bool = False,
        name: str = "MomentumW", use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            weight_decay, learning_rate=learning_rate, momentum=momentum, use_locking=use_locking,
            name=name, use_nesterov=use_nesterov,
        )  # fmt: skip


class AdamWOptimizer(DecoupledWeightDecayExtension, AdamOptimizer):
    """Adam with decoupled weight decay."""

    def __init__(
        self, weight_decay: Any, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999,
        epsilon: Any = 1e-8, use_locking: bool = False, name: str = "AdamW",
    ) -> None:  # fmt: skip
        super().__init__(
            weight_decay, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon,
            use_locking=use_locking, name=name,
        )  # fmt: skip


def _summed(grad: IndexedSlices, var: Any) -> Tensor:
    """A sparse gradient as a dense one: rows that occur several times are added up.

    Rows are written, not added to, afterwards, so that those named twice move once.
    """
    return unsorted_segment_sum(grad.values, grad.indices, shape_op(var)[0])


class NadamOptimizer(AdamOptimizer):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        operands = [*self._operands(var), grad]
        return self._apply(training.APPLY_ADAM, var, *operands, use_nesterov=True)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        """All moments decay, and the rows that the gradient names move."""
        m, v, power1, power2, rate, beta1, beta2, epsilon = self._operands(var)
        rate = rate * sqrt(1 - power2) / (1 - power1)
        rows, total = grad.indices, _summed(grad, var)
        new_m = assign(m, m * beta1 + total * (1 - beta1), use_locking=self._use_locking)
        new_v = assign(v, v * beta2 + square(total) * (1 - beta2), use_locking=self._use_locking)
        ahead = (1 - beta1) * gather(total, rows) + beta1 * gather(new_m, rows)
        step = rate * ahead / (sqrt(gather(new_v, rows)) + epsilon)
        return group(scatter_update(var, rows, gather(var, rows) - step), new_m, new_v)


class LazyAdamOptimizer(AdamOptimizer):
    """Adam that moves only the rows that a sparse gradient names, and their moments."""

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        m, v, power1, power2, rate, beta1, beta2, epsilon = self._operands(var)
        rate = rate * sqrt(1 - power2) / (1 - power1)
        rows = grad.indices
        values = gather(_summed(grad, var), rows)
        new_m = scatter_update(m, rows, beta1 * gather(m, rows) + (1 - beta1) * values)
        new_v = scatter_update(v, rows, beta2 * gather(v, rows) + (1 - beta2) * square(values))
        step = rate * gather(new_m, rows) / (sqrt(gather(new_v, rows)) + epsilon)
        return group(scatter_update(var, rows, gather(var, rows) - step), new_m, new_v)


class AdaMaxOptimizer(AdamOptimizer):
    """Adam with the largest gradient in place of a mean of squares (Kingma & Ba, section 7)."""

    def __init__(
        self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999,
        epsilon: Any = 1e-8, use_locking: bool = False, name: str = "AdaMax",
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)

    def _get_beta_accumulators(self) -> Any:
        return self._get_non_slot_variable("beta1_power", get_default_graph())

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        first = min(var_list, key=lambda var: var.name)
        self._create_non_slot_variable(self._call_if_callable(self._beta1), "beta1_power", first)
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _operands(self, var: Any) -> list[Any]:
        slots = [self.get_slot(var, name) for name in ("m", "v")]
        power = cast(self._get_beta_accumulators(), var.dtype.base_dtype)
        names = ("learning_rate", "beta1", "beta2", "epsilon")
        return [*slots, power, *(self._parameter(name, var) for name in names)]

    def _apply_dense(self, grad: Tensor, var: Any) -> Operation:
        return self._apply(APPLY_ADA_MAX, var, *self._operands(var), grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Operation:
        m, v, power, rate, beta1, beta2, epsilon = self._operands(var)
        rows = grad.indices
        values = gather(_summed(grad, var), rows)
        m_rows = beta1 * gather(m, rows) + (1 - beta1) * values
        v_rows = maximum(beta2 * gather(v, rows), absolute(values))
        step = rate / (1 - power) * (m_rows / (v_rows + epsilon))
        moved = scatter_update(var, rows, gather(var, rows) - step)
        return group(moved, scatter_update(m, rows, m_rows), scatter_update(v, rows, v_rows))

    def _finish(self, update_ops: Sequence[Any], name_scope: str) -> Operation:
        """Return the operation that does all updates and then that of the power."""
        power = self._get_beta_accumulators()
        with control_dependencies(update_ops), colocate_with(power):
            update = power.assign(power * self._parameters["beta1"])
        return group(*update_ops, update, name=name_scope)


class MovingAverageOptimizer(Optimizer):
    """Takes steps as another optimizer, and keeps moving averages of the variables.

    Parameters
    ----------
    opt : the optimizer.
    average_decay, num_updates : as in `ExponentialMovingAverage`.
    sequential_update : whether the averages see the variables after the step.
    """

    def __init__(
        self, opt: Optimizer, average_decay: Any = 0.9999, num_updates: Any = None,
        sequential_update: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(False, "MovingAverageOptimizer")
        self._optimizer = opt
        self._ema = ExponentialMovingAverage(average_decay, num_updates=num_updates)
        self._sequential_update = sequential_update

    def compute_gradients(self, *args: Any, **kwargs: Any) -> Any:
        """As the optimizer does."""
        return self._optimizer.compute_gradients(*args, **kwargs)

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None
    ) -> Operation:
        """As the optimizer does, and move the averages."""
        pairs = list(grads_and_vars)
        step = self._optimizer.apply_gradients(pairs, global_step=global_step, name=name)
        with control_dependencies([step] if self._sequential_update else []):
            return group(step, self._ema.apply([var for _, var in pairs]))

    def swapping_saver(self, var_list: Any = None, **kwargs: Any) -> Any:
        """A Saver that writes the averages in place of the variables."""
        from graphflow.ops.variable_lists import global_variables
        from graphflow.train.saver import Saver

        names = {}
        for var in global_variables() if var_list is None else var_list:
            average = self._ema.average(var)
            names[var.op.name] = var if average is None else average
            if average is not None:
                names[average.op.name] = var
        return Saver(names, **kwargs)


def clip_gradients_by_norm(norm: float) -> Callable[[Any], list[tuple[Any, Any]]]:
    """A function of (gradient, variable) pairs that clips each gradient to a norm."""
    return lambda pairs: [(None if g is None else clip_by_norm(g, norm), v) for g, v in pairs]
