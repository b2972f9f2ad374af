"""TensorFlow's `tf.distribute` for one device: strategies whose only replica is the whole program.

What a strategy does then is what a graph without one does. Programs that are written for several
devices run unchanged on one; more than one is refused.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import device
from graphflow.ops.identity import group
from graphflow.ops.reductions import reduce_mean, reduce_sum

__all__ = [
    "CrossDeviceOps", "HierarchicalCopyAllReduce", "InputContext", "InputReplicationMode",
    "MirroredStrategy", "NcclAllReduce", "OneDeviceStrategy", "ReduceOp", "ReductionToOneDevice",
    "ReplicaContext", "Strategy", "StrategyExtended", "experimental_set_strategy",
    "get_loss_reduction", "get_replica_context", "get_strategy", "has_strategy",
    "in_cross_replica_context",
]  # fmt: skip

_DEVICE = "/device:CPU:0"


class ReduceOp(enum.Enum):
    """How values of replicas become one."""

    SUM = "SUM"
    MEAN = "MEAN"


class InputReplicationMode(enum.Enum):
    """How many pipelines of input there are."""

    PER_WORKER = "PER_WORKER"


class CrossDeviceOps:
    """How devices exchange values: with one device, not at all."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass


class HierarchicalCopyAllReduce(CrossDeviceOps):
    """See `CrossDeviceOps`."""


class NcclAllReduce(CrossDeviceOps):
    """See `CrossDeviceOps`."""


class ReductionToOneDevice(CrossDeviceOps):
    """See `CrossDeviceOps`."""


class InputContext:
    """What an input function is told of the replicas.

    Parameters
    ----------
    num_input_pipelines, input_pipeline_id, num_replicas_in_sync : the counts, and its number.
    """

    def __init__(
        self, num_input_pipelines: int = 1, input_pipeline_id: int = 0,
        num_replicas_in_sync: int = 1,
    ) -> None:  # fmt: skip
        self.num_input_pipelines = num_input_pipelines
        self.input_pipeline_id = input_pipeline_id
        self.num_replicas_in_sync = num_replicas_in_sync

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The examples of a batch that each replica gets.

        Raises
        ------
        ValueError : they cannot be shared out evenly.
        """
        if global_batch_size % self.num_replicas_in_sync:
            raise ValueError(
                f"The `global_batch_size` {global_batch_size} is not divisible by "
                f"`num_replicas_in_sync` {self.num_replicas_in_sync} "
            )
        return global_batch_size // self.num_replicas_in_sync


# ---- which strategy holds


class _Here(threading.local):
    """The strategy of the current scope, and whether a replica's function is running."""

    strategy: Strategy | None = None
    in_replica: bool = False


_here = _Here()


def get_strategy() -> Strategy:
    """Return the strategy of the scope; the default one outside of scopes."""
    return _here.strategy or _default


def has_strategy() -> bool:
    """Whether there is a strategy other than the default one."""
    return _here.strategy is not None


def in_cross_replica_context() -> bool:
    """Whether this is a strategy's scope, and not a replica's function."""
    return has_strategy() and not _here.in_replica


def get_replica_context() -> ReplicaContext | None:
    """Return the replica that runs; None in a strategy's scope."""
    return None if in_cross_replica_context() else ReplicaContext(get_strategy())


def experimental_set_strategy(strategy: Strategy | None) -> None:
    """Let a strategy hold from here on; None ends that."""
    _here.strategy = strategy


def get_loss_reduction() -> ReduceOp:
    """How losses of replicas become one."""
    return ReduceOp.MEAN


@contextmanager
def _replica(strategy: Strategy) -> Iterator[None]:
    before = _here.strategy, _here.in_replica
    _here.strategy, _here.in_replica = strategy, True
    try:
        yield
    finally:
        _here.strategy, _here.in_replica = before


class ReplicaContext:
    """What a replica's function may ask."""

    def __init__(self, strategy: Strategy, replica_id_in_sync_group: int = 0) -> None:
        self.strategy = strategy
        self.replica_id_in_sync_group = convert_to_tensor(replica_id_in_sync_group)

    @property
    def num_replicas_in_sync(self) -> int:
        """How many replicas there are."""
        return 1

    @property
    def devices(self) -> tuple[str, ...]:
        """The replica's devices."""
        return self.strategy.extended.worker_devices

    def merge_call(
        self, merge_fn: Callable[..., Any], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call a function of the strategy and all replicas' values."""
        before, _here.in_replica = _here.in_replica, False
        try:
            return merge_fn(self.strategy, *args, **(kwargs or {}))
        finally:
            _here.in_replica = before

    def all_reduce(self, reduce_op: Any, value: Any) -> Any:
        """The sum or mean over replicas: the value."""
        return nest.map_structure(convert_to_tensor, value)


# ---- strategies


class StrategyExtended:
    """A strategy's further methods, for libraries."""

    def __init__(self, strategy: Strategy, on: str) -> None:
        self._strategy = strategy
        self.worker_devices = self.parameter_devices = (on,)
        self.experimental_between_graph = False
        self.experimental_should_init = self.should_checkpoint = self.should_save_summary = True
        self.experimental_require_static_shapes = False

    def call_for_each_replica(
        self, fn: Callable[..., Any], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call a function once, as the only replica."""
        with _replica(self._strategy):
            return fn(*args, **(kwargs or {}))

    def reduce_to(self, reduce_op: Any, value: Any, destinations: Any) -> Any:
        """The value, which is all replicas'."""
        return value

    def batch_reduce_to(self, reduce_op: Any, value_destination_pairs: Any) -> list[Any]:
        """The values of pairs."""
        return [value for value, _ in value_destination_pairs]

    def broadcast_to(self, tensor: Any, destinations: Any) -> Any:
        """The value on all devices."""
        return tensor

    def update(
        self, var: Any, fn: Callable[..., Any], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None, group: bool = True,
    ) -> Any:  # fmt: skip
        """Call a function of a variable."""
        return _grouped(fn(var, *args, **(kwargs or {})), group)

    def update_non_slot(
        self, colocate_with: Any, fn: Callable[..., Any], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None, group: bool = True,
    ) -> Any:  # fmt: skip
        """Call a function of what belongs to no variable."""
        return _grouped(fn(*args, **(kwargs or {})), group)

    def colocate_vars_with(self, colocate_with_variable: Any) -> Any:
        """A context manager for variables beside another."""
        return device(None)

    def variable_created_in_scope(self, v: Any) -> bool:
        """Whether a variable is this strategy's."""
        return True

    def non_slot_devices(self, var_list: Any) -> Any:
        """Where what belongs to no variable lies."""
        return self.worker_devices[0]

    def read_var(self, v: Any) -> Any:
        """A variable's value."""
        return convert_to_tensor(v)

    def value_container(self, value: Any) -> Any:
        """What a replica's value is a part of."""
        return value


def _grouped(made: Any, is_group: bool) -> Any:
    return group(made) if is_group else made


class Strategy:
    """Runs a program as the only replica of itself.

    Parameters
    ----------
    devices : names of devices, one at most.

    Raises
    ------
    ValueError : there are several.
    """

    def __init__(self, devices: Any = None) -> None:
        names = [devices] if isinstance(devices, str) else list(devices or [])
        if len(names) > 1:
            raise ValueError(f"expected one device, got {names}: replicas on several are not made")
        self.extended = StrategyExtended(self, names[0] if names else _DEVICE)

    @property
    def num_replicas_in_sync(self) -> int:
        """How many replicas there are."""
        return 1

    @contextmanager
    def scope(self) -> Iterator[Strategy]:
        """A context in which this strategy holds."""
        before = _here.strategy, _here.in_replica
        _here.strategy, _here.in_replica = self, False
        try:
            yield self
        finally:
            _here.strategy, _here.in_replica = before

    def experimental_run_v2(
        self, fn: Callable[..., Any], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call a function on each replica; gives what it returns."""
        return self.extended.call_for_each_replica(fn, args, kwargs)

    def experimental_run(self, fn: Callable[..., Any], input_iterator: Any = None) -> Any:
        """Call a function on each replica, on the iterator's next element."""
        args = () if input_iterator is None else (input_iterator.get_next(),)
        return self.experimental_run_v2(fn, args)

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """The sum or mean over replicas, and over an axis if one is named."""
        if axis is None:
            return nest.map_structure(convert_to_tensor, value)
        reduce = reduce_sum if ReduceOp(reduce_op) is ReduceOp.SUM else reduce_mean
        return nest.map_structure(lambda v: reduce(v, axis), value)

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The values of this machine's replicas."""
        return (value,)

    unwrap = experimental_local_results

    def group(self, value: Any, name: str | None = None) -> Any:
        """An operation that is done when all replicas' values are there."""
        return group(value, name=name)

    def experimental_distribute_dataset(self, dataset: Any) -> Any:
        """The data set whose batches replicas share."""
        return dataset

    def experimental_distribute_datasets_from_function(self, dataset_fn: Any) -> Any:
        """The data set that a function of an `InputContext` makes."""
        return dataset_fn(InputContext())

    def experimental_make_numpy_dataset(self, numpy_input: Any, session: Any = None) -> Any:
        """A data set of arrays' rows."""
        from graphflow.data.dataset import Dataset

        return Dataset.from_tensor_slices(numpy_input)

    def make_dataset_iterator(self, dataset: Any) -> Any:
        """An iterator, whose `initialize` is to be run first."""
        return _started(dataset)

    def make_input_fn_iterator(
        self, input_fn: Any, replication_mode: Any = InputReplicationMode.PER_WORKER
    ) -> Any:
        """An iterator over what a function of an `InputContext` makes."""
        return _started(input_fn(InputContext()))

    def configure(self, *_: Any, **__: Any) -> None:
        """Do nothing: there is one process."""

    def update_config_proto(self, config_proto: Any) -> Any:
        """The configuration of sessions, as it is."""
        return config_proto

    def colocate_vars_with(self, colocate_with_variable: Any) -> Any:
        """See `StrategyExtended`."""
        return self.extended.colocate_vars_with(colocate_with_variable)


def _started(dataset: Any) -> Any:
    iterator = dataset.make_initializable_iterator()
    iterator.initialize = lambda: iterator.initializer
    return iterator


class MirroredStrategy(Strategy):
    """Variables on every device, of which there is one.

    Parameters
    ----------
    devices : names of devices, one at most.
    cross_device_ops : accepted.
    """

    def __init__(self, devices: Any = None, cross_device_ops: Any = None) -> None:
        super().__init__(devices)


class OneDeviceStrategy(Strategy):
    """All on one device.

    Parameters
    ----------
    device : its name.
    """

    def __init__(self, device: str) -> None:
        super().__init__([device])
        self._on = device

    @contextmanager
    def scope(self) -> Iterator[Strategy]:
        """A context in which this strategy holds, and operations are asked for on the device."""
        with super().scope(), device(self._on):
            yield self


class _OnThisMachine(Strategy):
    """A strategy for several machines, of which there is one; arguments are accepted."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()


_default = Strategy()


class experimental:  # TensorFlow's name
    """Strategies for several machines."""

    class CollectiveCommunication(enum.Enum):
        """How machines exchange values."""

        AUTO = "AUTO"
        RING = "RING"
        NCCL = "NCCL"

    class MultiWorkerMirroredStrategy(_OnThisMachine):
        """See `MirroredStrategy`."""

    class CentralStorageStrategy(_OnThisMachine):
        """Variables on one device."""

    class ParameterServerStrategy(_OnThisMachine):
        """Variables on servers, of which this process is the only one."""
