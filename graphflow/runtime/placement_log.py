"""``log_device_placement``: where each operation of a run is computed, told once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from graphflow.trace.prune import needed_operations

if TYPE_CHECKING:
    from graphflow.runtime.engine import Request
    from graphflow.runtime.gpu.runtime import GpuRuntime

HOST_DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"


class PlacementLog:
    """Writes a line for each operation to the standard error, as TensorFlow does.

    Parameters
    ----------
    gpu : the session's GPU; None where it computes on the processor alone.
    """

    def __init__(self, gpu: GpuRuntime | None) -> None:
        self.gpu = gpu
        self.told: set[str] = set()

    def tell(self, request: Request, call: Any) -> None:
        """Tell of the operations of a request that are new; `call` is what runs it."""
        on_gpu: set[str] = set()
        gpu_device = HOST_DEVICE
        if self.gpu is not None:
            from graphflow.runtime.gpu.executable import GpuCall
            from graphflow.runtime.gpu.runtime import operations_on_gpu

            gpu_device = self.gpu.device_name
            on_gpu = operations_on_gpu(call) if isinstance(call, GpuCall) else set()
        targets = [*request.operations, *(t.op for t in request.tensors)]
        needed = needed_operations(targets, set(request.fed), request.done, dict(request.givens))
        for operation in sorted(needed, key=lambda op: op._id):
            if operation.name not in self.told:
                self.told.add(operation.name)
                device = gpu_device if operation.name in on_gpu else HOST_DEVICE
                sys.stderr.write(f"{operation.name}: ({operation.type}): {device}\n")
