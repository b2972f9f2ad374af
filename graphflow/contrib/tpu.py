"""TensorFlow's `tf.contrib.tpu`, as far as programs use it when they run without a TPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphflow.estimator.tpu import *
from graphflow.ops.identity import identity
from graphflow.ops.variable_scope import variable_scope
from graphflow.train.optimizer import Optimizer


class CrossShardOptimizer(Optimizer):
    """An optimizer that sums the gradients of a TPU's shards; of the only one here."""

    def __init__(
        self, opt: Any, reduction: Any = None, name: str = "CrossShardOptimizer",
        group_assignment: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(False, name)
        self._inner = opt

    def compute_gradients(self, *args: Any, **kwargs: Any) -> Any:
        """The gradients of the inner optimizer."""
        return self._inner.compute_gradients(*args, **kwargs)

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None
    ) -> Any:
        """A step of the inner optimizer."""
        return self._inner.apply_gradients(grads_and_vars, global_step, name)

    def get_slot(self, *args: Any, **kwargs: Any) -> Any:
        """A slot of the inner optimizer."""
        return self._inner.get_slot(*args, **kwargs)

    def get_slot_names(self, *args: Any, **kwargs: Any) -> list[str]:
        """The slots of the inner optimizer."""
        return list(self._inner.get_slot_names(*args, **kwargs))

    def variables(self) -> list[Any]:
        """The variables of the inner optimizer."""
        return list(self._inner.variables())


def cross_replica_sum(x: Any, group_assignment: Any = None, name: str | None = None) -> Any:
    """The sum over the shards of a TPU: of the only one here."""
    return identity(x, name)


@contextmanager
def bfloat16_scope() -> Iterator[Any]:
    """Enter a variable scope; variables keep their types."""
    with variable_scope("") as scope:
        yield scope
