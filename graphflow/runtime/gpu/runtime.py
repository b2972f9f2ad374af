"""A session's GPU, as the engine sees it."""

from __future__ import annotations

from typing import Any

from graphflow.graph.devices import DeviceSpec
from graphflow.graph.graph import Graph
from graphflow.runtime.executable import Instance
from graphflow.runtime.gpu.executable import GpuCall
from graphflow.runtime.gpu.memory import DeviceVariables, GpuSpace
from graphflow.runtime.gpu.plan import GpuPlan
from graphflow.runtime.gpu.selection import Gpu, select_gpu
from graphflow.runtime.records import Step
from graphflow.runtime.variables import VariableStore
from graphflow.schedule.plan import Task


class GpuRuntime:
    """What a session computes with where it has a GPU.

    Parameters
    ----------
    gpu : the GPU.
    store : the session's variables; their newest values may be on the GPU from now on.
    fraction : the share of the GPU's memory that the session may take; 0 for all.
    """

    def __init__(self, gpu: Gpu, store: VariableStore, fraction: float = 0.0) -> None:
        self.gpu, self.store = gpu, store
        self.space = GpuSpace(gpu, int(fraction * gpu.facts.memory_bytes))
        self.variables = DeviceVariables(self.space, store)
        store.mirror = self.variables

    @property
    def device_name(self) -> str:
        """TensorFlow's name of the GPU."""
        return self.gpu.name

    def callable(self, instance: Instance, graph: Graph | None) -> GpuCall:
        """A function of the fed arrays that runs the plan and returns the Program's outputs."""

        def on_host(task: Task) -> bool:
            # What is computed on the way to a stored value may as well be computed beside it.
            sources = instance.compiled.program.sources
            names = [name for node in task.writes for name in sources.names.get(node, ())]
            return bool(names) and all(_wants_host(graph, name) for name in names)

        plan = GpuPlan(self.space, self.variables, instance, on_host)
        call = instance.callable(instance.feeds(), [], "list", None, kind=GpuCall)
        assert isinstance(call, GpuCall)
        call.plan = plan
        return call

    def surrender(self) -> None:
        """Bring all variables to the host, for runs that do without the GPU."""
        if not self.gpu.is_lost:
            self.variables.surrender()

    def close(self) -> None:
        """Give back all that the session has on the GPU."""
        self.store.mirror = None
        self.space.close()


def operations_on_gpu(call: GpuCall) -> set[str]:
    """The user's operations that kernels compute."""
    found: set[str] = set()
    for step in call.plan.placement.steps:
        if step.kind == "launch":
            assert step.scope is not None
            names, _ = Step(step.name, step.task, step.scope.compiled, True).operations()
            found.update(names)
    return found


def _wants_host(graph: Graph | None, name: str) -> bool:
    """Whether the user placed an operation on the processor."""
    if graph is None:
        return False
    try:
        operation = graph.get_operation_by_name(name)
    except KeyError:  # of a function that the graph calls
        return False
    return bool(operation.device) and DeviceSpec.from_string(operation.device).device_type == "CPU"


def open_runtime(config: Any, store: VariableStore) -> GpuRuntime | None:
    """The runtime for a session with this ConfigProto (or None); None where it has no GPU."""
    gpu = select_gpu(config)
    if gpu is None or gpu.is_lost:
        return None
    fraction = 0.0 if config is None else config.gpu_options.per_process_gpu_memory_fraction
    return GpuRuntime(gpu, store, fraction)
