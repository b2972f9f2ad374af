"""What a task becomes on a GPU: its schedule, and the code for a machine."""

from __future__ import annotations

from typing import Union

from llvmlite import ir

from graphflow.codegen.cuda.draws import DrawSchedule, emit_gpu_draw, schedule_draw
from graphflow.codegen.cuda.emitter import emit_gpu_kernel
from graphflow.codegen.cuda.machines import Machine
from graphflow.codegen.cuda.products import ProductSchedule, emit_gpu_product, schedule_product
from graphflow.codegen.cuda.schedule import GpuSchedule, schedule_kernel
from graphflow.codegen.cuda.target import GpuTarget
from graphflow.codegen.units import conv_spec, product_spec, window_spec
from graphflow.ir.structure import kernel_key
from graphflow.schedule.plan import Task

Schedule = Union[GpuSchedule, ProductSchedule, DrawSchedule]  # noqa: UP007  # evaluated at import


def schedule_task(task: Task, target: GpuTarget) -> Schedule | None:
    """A task's place on the GPU; None when it is no kernel."""
    kernel, node = task.kernel, task.node
    if kernel is None:
        return None
    if task.kind in ("loops", "scatter"):
        return schedule_kernel(kernel, target)
    assert node is not None
    if task.kind == "random":
        return schedule_draw(kernel, node["kind"], target)
    if task.kind != "gemm":
        return None
    if node.op == "matmul":
        return schedule_product(product_spec(node, kernel, task.axes), kernel, task.axes, target)
    windows = window_spec(node)
    spec = conv_spec(node, windows, kernel, task.axes)
    return schedule_product(spec, kernel, task.axes, target, windows)


def emit_scheduled(
    machine: Machine, schedule: Schedule, target: GpuTarget, name: str
) -> ir.Function:
    """Emit what was scheduled into the machine's module as a function called `name`."""
    if isinstance(schedule, GpuSchedule):
        return emit_gpu_kernel(machine, schedule, target, name)
    if isinstance(schedule, ProductSchedule):
        return emit_gpu_product(machine, schedule, name)
    return emit_gpu_draw(machine, schedule, name)


def schedule_key(schedule: Schedule) -> str:
    """What decides a kernel's code on a GPU, as text: schedules with equal keys have equal code."""
    parts = [type(schedule).__name__, str(schedule.block), str(schedule.most_blocks)]
    if isinstance(schedule, GpuSchedule):
        places = [b.name for b in (*schedule.shared, *schedule.global_scratch)]
        parts += [schedule.mode, str(len(schedule.shared)), *places]
    elif isinstance(schedule, ProductSchedule):
        parts += [str(schedule.spec), str(schedule.windows)]
    else:
        parts.append(schedule.kind)
    return kernel_key(schedule.kernel, " ".join(parts))


def argument_count(schedule: Schedule) -> int:
    """How many words a kernel takes: buffers, of a product its operands, workspace, sizes."""
    operands = 2 if isinstance(schedule, ProductSchedule) else 0
    kernel = schedule.kernel
    has_workspace = schedule.workspace_bytes > 0
    return operands + len(kernel.buffers) + has_workspace + len(kernel.symbols)
