"""TensorFlow's `tf.contrib.distribute`: strategies for one device, under their earlier names."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow import distribute
from graphflow.distribute import (
    CrossDeviceOps,
    OneDeviceStrategy,
    ReplicaContext,
    get_loss_reduction,
    get_replica_context,
    get_strategy,
    has_strategy,
    in_cross_replica_context,
)

__all__ = [
    "AllReduceCrossDeviceOps", "CollectiveAllReduceStrategy", "CrossDeviceOps", "DistributeConfig",
    "DistributionStrategy", "MirroredStrategy", "MultiWorkerAllReduce", "OneDeviceStrategy",
    "ParameterServerStrategy", "ReplicaContext", "get_cross_replica_context",
    "get_distribution_strategy", "get_loss_reduction", "get_replica_context", "get_strategy",
    "has_distribution_strategy", "has_strategy", "in_cross_replica_context",
]  # fmt: skip

DistributionStrategy = distribute.Strategy
get_distribution_strategy, has_distribution_strategy = get_strategy, has_strategy


class AllReduceCrossDeviceOps(CrossDeviceOps):
    """See `CrossDeviceOps`."""


class MultiWorkerAllReduce(CrossDeviceOps):
    """See `CrossDeviceOps`."""


class DistributeConfig(NamedTuple):
    """Strategies to train and to evaluate with, and the cluster."""

    train_distribute: Any = None
    eval_distribute: Any = None
    remote_cluster: Any = None


class _OfGpus(distribute.Strategy):
    """A strategy that takes a number of devices, one at most."""

    def __init__(
        self, devices: Any = None, num_gpus: int | None = None,
        num_gpus_per_worker: int | None = None, **_: Any,
    ) -> None:  # fmt: skip
        count = num_gpus or num_gpus_per_worker or 0
        if count > 1:
            raise ValueError(f"expected one device, got {count}: replicas on several are not made")
        super().__init__(devices)


class MirroredStrategy(_OfGpus):
    """Variables on every device, of which there is one."""


class CollectiveAllReduceStrategy(_OfGpus):
    """Variables on every machine, of which there is one."""


class ParameterServerStrategy(_OfGpus):
    """Variables on servers, of which this process is the only one."""


def get_cross_replica_context() -> Any:
    """Return the strategy in whose scope this is; None in a replica's function."""
    return get_strategy() if in_cross_replica_context() else None
