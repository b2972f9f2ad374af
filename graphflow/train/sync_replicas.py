"""`SyncReplicasOptimizer` in one process: gradients of several steps, averaged and applied once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow import logging
from graphflow.data.coordinator import Coordinator
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.dtypes import int64
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.comparison import equal
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import zeros
from graphflow.ops.identity import group, no_op
from graphflow.ops.state import assign, assign_add
from graphflow.ops.variable_lists import global_variables, report_uninitialized_variables
from graphflow.ops.variables import Variable
from graphflow.train.optimizer import Optimizer
from graphflow.train.session_manager import ready
from graphflow.train.session_run_hook import SessionRunHook

__all__ = ["SyncReplicasOptimizer"]


def _local(value: Any, name: str) -> Variable:
    return Variable(
        value, trainable=False, collections=[GraphKeys.LOCAL_VARIABLES], name=name
    )  # fmt: skip


class _NoQueueRunner:
    """Stands for the chief's queue runner, which one process does not need."""

    name = "sync_replicas"

    def create_threads(
        self, sess: Any, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[Any]:
        """No threads."""
        return []


class SyncReplicasOptimizer(Optimizer):
    """Applies the mean of the gradients of `replicas_to_aggregate` steps by another optimizer.

    There is one replica, this process: it computes all the gradients, one after the other.

    Parameters
    ----------
    opt : the optimizer that applies them.
    replicas_to_aggregate : how many gradients a step has.
    total_num_replicas : accepted.
    variable_averages, variables_to_average : an ExponentialMovingAverage to bring up to date.
    """

    def __init__(
        self, opt: Optimizer, replicas_to_aggregate: int, total_num_replicas: int | None = None,
        variable_averages: Any = None, variables_to_average: Any = None, use_locking: bool = False,
        name: str = "sync_replicas",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._total = replicas_to_aggregate if total_num_replicas is None else total_num_replicas
        logging.info(
            "SyncReplicasV2: replicas_to_aggregate=%s; total_num_replicas=%s",
            replicas_to_aggregate, self._total,
        )  # fmt: skip
        self._opt, self._count = opt, replicas_to_aggregate
        self._averages, self._averaged = variable_averages, variables_to_average
        self._applied = False
        self.local_step_init_op: Any = None
        self.chief_init_op: Any = None
        self.ready_for_local_init_op: Any = None

    def compute_gradients(self, *args: Any, **kwargs: Any) -> Any:
        """As the other optimizer does."""
        return self._opt.compute_gradients(*args, **kwargs)

    def apply_gradients(
        self, grads_and_vars: Iterable[Any], global_step: Any = None, name: str | None = None
    ) -> Operation:
        """The operation of one gradient; every `replicas_to_aggregate`-th updates the variables.

        Raises
        ------
        ValueError : there are no variables, or there is no global step.
        """
        pairs = list(grads_and_vars or ())
        if not pairs:
            raise ValueError("Must supply at least one variable")
        if global_step is None:
            raise ValueError("Global step is required to check staleness")
        step_type = global_step.dtype.base_dtype
        self._local_step = _local(
            zeros([], step_type), "sync_rep_local_step"
        )  # fmt: skip
        self.local_step_init_op = assign(self._local_step, global_step).op
        self.ready_for_local_init_op = report_uninitialized_variables(global_variables())
        with name_scope(None, self._name):
            if self._count == 1:
                update = self._apply(pairs, global_step)
            else:
                update = self._accumulated(pairs, global_step)
            with control_dependencies([update]):
                done = assign(self._local_step, global_step).op
        self.chief_init_op = group(self.local_step_init_op)
        self._applied = True
        return done

    def _apply(self, pairs: list[Any], global_step: Any) -> Operation:
        update = self._opt.apply_gradients(pairs, global_step)
        if self._averages is None:
            return update
        with control_dependencies([update]):
            return self._averages.apply(self._averaged)

    def _accumulated(self, pairs: list[Any], global_step: Any) -> Operation:
        """What adds gradients to sums, and applies their means when there are enough."""
        used = [(convert_to_tensor(g), v) for g, v in pairs if g is not None]
        self._opt._create_slots([v for _, v in used])
        sums = [_local(zeros(v.shape, g.dtype), f"{v.op.name}/grad_accum") for g, v in used]
        seen = _local(zeros([], int64), "grad_count")
        added = [assign_add(s, g).op for s, (g, _) in zip(sums, used, strict=True)]
        with control_dependencies(added):
            number = assign_add(seen, 1)

        def apply() -> Tensor:
            means = [
                (s.read_value() / float(self._count), v)
                for s, (_, v) in zip(sums, used, strict=True)
            ]  # fmt: skip
            with control_dependencies([self._apply(means, global_step)]):
                cleared = [assign(s, zeros(s.shape, s.dtype.base_dtype)).op for s in sums]
            with control_dependencies(cleared):
                return assign(seen, zeros([], int64)) + 0

        return cond(equal(number, self._count), apply, lambda: number + 0).op

    def _check_applied(self, method: str) -> None:
        if not self._applied:
            raise ValueError(f"{method} should be called after apply_gradients().")

    def get_chief_queue_runner(self) -> Any:
        """Something that starts no threads."""
        self._check_applied("get_chief_queue_runner()")
        return _NoQueueRunner()

    def get_init_tokens_op(self, num_tokens: int = -1) -> Operation:
        """An operation that does nothing.

        Raises
        ------
        ValueError : `apply_gradients` was not called; fewer tokens than a first step needs.
        """
        self._check_applied("get_init_tokens_op()")
        needed = self._count - self._total
        if num_tokens != -1 and num_tokens < needed:
            raise ValueError(
                f"Too few tokens to finish the first step: {num_tokens} (given) vs {needed} "
                "(needed)"
            )
        return no_op(name="no_init_tokens")

    def get_slot(self, *args: Any, **kwargs: Any) -> Any:
        """A slot of the other optimizer."""
        return self._opt.get_slot(*args, **kwargs)

    def get_slot_names(self, *args: Any, **kwargs: Any) -> list[str]:
        """The names of the other optimizer's slots."""
        return self._opt.get_slot_names(*args, **kwargs)

    def variables(self) -> list[Any]:
        """The other optimizer's variables."""
        return self._opt.variables()

    def make_session_run_hook(self, is_chief: bool, num_tokens: int = -1) -> SessionRunHook:
        """A hook that initialises what is local."""
        return _SyncReplicasHook(self, is_chief, num_tokens)


class _SyncReplicasHook(SessionRunHook):
    """Initialises the local step in each new session."""

    def __init__(self, optimizer: SyncReplicasOptimizer, is_chief: bool, num_tokens: int) -> None:
        self._optimizer, self._is_chief, self._num_tokens = optimizer, is_chief, num_tokens

    def begin(self) -> None:
        """Look up the operations."""
        if not self._optimizer._applied:
            raise ValueError(
                "SyncReplicasOptimizer.apply_gradient should be called before using the hook."
            )
        made = self._optimizer
        self._init_op = made.chief_init_op if self._is_chief else made.local_step_init_op
        if self._is_chief:
            made.get_init_tokens_op(self._num_tokens)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Initialise."""
        done, reason = ready(
            self._optimizer.ready_for_local_init_op, session,
            "Model is not ready for SyncReplicasOptimizer local init.",
        )  # fmt: skip
        if not done:
            raise RuntimeError(
                "Init operations did not make model ready for SyncReplicasOptimizer local_init. "
                f"Init op: {self._init_op.name}, error: {reason}"
            )
        session.run(self._init_op)
