"""Clusters as far as one process has them: `ClusterSpec`, `Server`, `replica_device_setter`."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from graphflow import logging
from graphflow.errors import UnimplementedError
from graphflow.graph.devices import DeviceSpec
from graphflow.protos import message
from graphflow.runtime.servers import SCHEME, register, unregister

# What a parameter server holds.
STANDARD_PS_OPS = (
    "Variable", "VariableV2", "AutoReloadVariable", "MutableHashTable", "MutableHashTableV2",
    "MutableHashTableOfTensors", "MutableHashTableOfTensorsV2", "MutableDenseHashTable",
    "MutableDenseHashTableV2", "VarHandleOp", "BoostedTreesEnsembleResourceHandleOp",
)  # fmt: skip


def _tasks(job: str, tasks: Any) -> dict[int, str]:
    if isinstance(tasks, Mapping):
        numbered = dict(tasks)
    elif isinstance(tasks, (list, tuple)):
        numbered = dict(enumerate(tasks))
    else:
        raise TypeError(
            f"The tasks for job {job!r} must be a list or a dictionary from integers to strings."
        )
    for address in numbered.values():
        if not isinstance(address, (str, bytes)):
            raise TypeError(f"Task address {address!r} must be bytes or unicode")
    return {k: a.decode() if isinstance(a, bytes) else a for k, a in sorted(numbered.items())}


class ClusterSpec:
    """Jobs with the addresses of their tasks.

    Parameters
    ----------
    cluster : a dict from job names to lists, or to dicts from task numbers; a ClusterDef; a
        ClusterSpec.

    Raises
    ------
    TypeError : it is something else.
    """

    def __init__(self, cluster: Any) -> None:
        if isinstance(cluster, ClusterSpec):
            cluster = cluster._jobs
        elif hasattr(cluster, "job"):
            cluster = {job.name: dict(job.tasks) for job in cluster.job}
        if not isinstance(cluster, Mapping):
            raise TypeError(
                "`cluster` must be a dictionary mapping one or more job names to lists of network "
                "addresses, or a `ClusterDef` protocol buffer"
            )
        self._jobs: dict[str, dict[int, str]] = {}
        for job, tasks in cluster.items():
            if not isinstance(job, (str, bytes)):
                raise TypeError(f"Job name {job!r} must be bytes or unicode")
            name = job.decode() if isinstance(job, bytes) else job
            self._jobs[name] = _tasks(name, tasks)

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __eq__(self, other: object) -> bool:
        return self._jobs == (other._jobs if isinstance(other, ClusterSpec) else other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        parts = [f"{job!r}: {tasks!r}" for job, tasks in sorted(self.as_dict().items())]
        return f"ClusterSpec({{{', '.join(parts)}}})"

    def as_dict(self) -> dict[str, Any]:
        """Addresses by job: a list where tasks are numbered without gaps, else a dict."""
        return {
            job: list(tasks.values()) if list(tasks) == list(range(len(tasks))) and tasks else tasks
            for job, tasks in self._jobs.items()
        }

    def as_cluster_def(self) -> Any:
        """The same as a ClusterDef."""
        proto = message("ClusterDef")()
        for job, tasks in sorted(self._jobs.items()):
            made = proto.job.add(name=job)
            for number, address in tasks.items():
                made.tasks[number] = address
        return proto

    @property
    def jobs(self) -> list[str]:
        """The names of the jobs."""
        return list(self._jobs)

    def _job(self, job_name: str) -> dict[int, str]:
        if job_name not in self._jobs:
            raise ValueError(f"No such job in cluster: {job_name!r}")
        return self._jobs[job_name]

    def num_tasks(self, job_name: str) -> int:
        """How many tasks a job has."""
        return len(self._job(job_name))

    def task_indices(self, job_name: str) -> list[int]:
        """The numbers of a job's tasks."""
        return list(self._job(job_name))

    def task_address(self, job_name: str, task_index: int) -> str:
        """The address of a task."""
        tasks = self._job(job_name)
        if task_index not in tasks:
            raise ValueError(f"No task with index {task_index!r} in job {job_name!r}")
        return tasks[task_index]

    def job_tasks(self, job_name: str) -> list[str | None]:
        """The addresses of a job by number, None where there is none."""
        tasks = self._job(job_name)
        return [tasks.get(k) for k in range(max(tasks, default=-1) + 1)]


def _server_def(
    given: Any, job_name: str | None, task_index: int | None, protocol: str | None
) -> Any:
    """The ServerDef that a Server's arguments mean."""
    if hasattr(given, "cluster"):
        proto = message("ServerDef")()
        proto.ParseFromString(given.SerializeToString())
        named = {"job_name": job_name, "task_index": task_index, "protocol": protocol}
        for field, value in named.items():
            if value is not None:
                setattr(proto, field, value)
        return proto
    try:
        spec = ClusterSpec(given)
    except TypeError:
        raise TypeError(
            "Could not convert `server_or_cluster_def` to a `tf.train.ServerDef` or "
            "`tf.train.ClusterSpec`."
        ) from None
    if job_name is None:
        if len(spec.jobs) != 1:
            raise ValueError("Must specify an explicit `job_name`.")
        job_name = spec.jobs[0]
    if task_index is None:
        if spec.num_tasks(job_name) != 1:
            raise ValueError("Must specify an explicit `task_index`.")
        task_index = spec.task_indices(job_name)[0]
    return message("ServerDef")(
        cluster=spec.as_cluster_def(), job_name=job_name, task_index=task_index,
        protocol=protocol or "grpc",
    )  # fmt: skip


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server in this process: a cluster of one task, whose target sessions may have.

    Parameters
    ----------
    server_or_cluster_def : a ServerDef, or what `ClusterSpec` takes.
    job_name, task_index : which task this is; may be None where there is one.
    protocol, config, start : accepted.

    Raises
    ------
    errors.UnimplementedError : the cluster has more than one task.
    TypeError, ValueError : it is no cluster, or it is not clear which task this is.
    """

    def __init__(
        self, server_or_cluster_def: Any, job_name: str | None = None,
        task_index: int | None = None, protocol: str | None = None, config: Any = None,
        start: bool = True,
    ) -> None:  # fmt: skip
        self._target = ""
        self._def = _server_def(server_or_cluster_def, job_name, task_index, protocol)
        spec = ClusterSpec(self._def.cluster)
        count = sum(spec.num_tasks(job) for job in spec.jobs)
        if count != 1:
            raise UnimplementedError(
                None, None,
                f"expected a cluster of one task, got {count} tasks: {spec}. Graphs run in one "
                "process; there is no communication with others",
            )  # fmt: skip
        address = spec.task_address(self._def.job_name, self._def.task_index)
        host, _, port = address.rpartition(":")
        self._target = f"{SCHEME}{host}:{_free_port() if port == '0' else port}"
        if start:
            self.start()

    @staticmethod
    def create_local_server(config: Any = None, start: bool = True) -> Server:
        """A server for sessions of this process."""
        return Server({"local": ["localhost:0"]}, protocol="grpc", config=config, start=start)

    def start(self) -> None:
        """Let sessions have the server's target."""
        register(self._target)

    def join(self) -> None:
        """Wait for ever, as a parameter server does."""
        threading.Event().wait()

    @property
    def server_def(self) -> Any:
        """The server's ServerDef."""
        return self._def

    @property
    def target(self) -> str:
        """What to give to `Session`."""
        return self._target

    def __del__(self) -> None:
        unregister(self._target)


# ---- devices


class _RoundRobin:
    """Gives variables to the parameter servers in turn."""

    def __init__(self, num_tasks: int) -> None:
        self._num_tasks, self._next = num_tasks, 0

    def __call__(self, op: Any) -> int:
        task, self._next = self._next, (self._next + 1) % self._num_tasks
        return task


def replica_device_setter(
    ps_tasks: int = 0, ps_device: str = "/job:ps", worker_device: str = "/job:worker",
    merge_devices: bool = True, cluster: Any = None, ps_ops: Any = None,
    ps_strategy: Callable[[Any], int] | None = None,
) -> Callable[[Any], str] | None:  # fmt: skip
    """A device function: variables go to the parameter servers, the rest to a worker.

    Parameters
    ----------
    ps_tasks : how many parameter servers there are; with none, None is returned.
    merge_devices : complete what an operation asks for, instead of leaving it.
    cluster : what `ClusterSpec` takes; says how many there are.
    ps_ops : the op types that go to them.
    ps_strategy : chooses the server of an operation; in turn when None.

    Raises
    ------
    TypeError : `ps_strategy` is no function.
    """
    if cluster is not None:
        tasks = ClusterSpec(cluster).as_dict().get(DeviceSpec.from_string(ps_device).job or "")
        if tasks is None:
            return None
        ps_tasks = len(tasks)
    if ps_tasks == 0:
        return None
    if not merge_devices:
        logging.warning(
            "DEPRECATION: It is recommended to set merge_devices=true in replica_device_setter"
        )
    strategy = _RoundRobin(ps_tasks) if ps_strategy is None else ps_strategy
    if not callable(strategy):
        raise TypeError("ps_strategy must be callable")
    held = frozenset(STANDARD_PS_OPS if ps_ops is None else ps_ops)

    def device(op: Any) -> str:
        if not merge_devices and op.device:
            return str(op.device)
        current = DeviceSpec.from_string(op.device or "")
        wanted = DeviceSpec.from_string(worker_device or "")
        if ps_device and op.type in held:
            wanted = DeviceSpec.from_string(ps_device)
            if wanted.job and (not current.job or current.job == wanted.job):
                wanted = wanted.replace(task=strategy(op))
        return wanted.make_merged_spec(current).to_string()

    return device
