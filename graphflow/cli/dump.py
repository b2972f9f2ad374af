"""``graphflow dump``: what was compiled for each run of a script, stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from graphflow import observe
from graphflow.cli.script import run_script
from graphflow.graph.default import get_default_graph

STAGES = ("graph", "program", "rewritten", "groups", "kernels", "plan", "llvm", "asm", "ptx")
GPUS = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
_FROM_KERNELS = ("llvm", "asm", "ptx")


def graph_text(graph: Any) -> str:
    """One line an operation: name, type, inputs, outputs, where it was made."""
    lines = []
    for op in graph.get_operations():
        inputs = ", ".join(t.name for t in op.inputs)
        waits = "".join(f" ^{other.name}" for other in op.control_inputs)
        outputs = ", ".join(f"{t.dtype.name}{t.shape}" for t in op.outputs)
        place = f"  # {op.location.place}" if op.location is not None else ""
        lines.append(f"{op.name}: {outputs or 'no output'} = {op.type}({inputs}){waits}{place}")
    return "\n".join(lines) + "\n"


def _groups_text(groups: Sequence[Any]) -> str:
    lines = []
    for group in groups:
        axes = ", ".join(f"{axis.name} < {axis.extent}" for axis in group.axes)
        lines.append(f"{group} [{axes}]: {' '.join(node.op for node in group.members)}")
        lines += [f"  {reason}" for reason in group.why]
    return "\n".join(lines) + "\n"


def _kernels_text(tasks: Sequence[Any]) -> str:
    parts = []
    for task in tasks:
        is_nest = task.kernel is not None and task.kernel.body
        parts.append(str(task.kernel) if is_nest else f"{task.kind} {task.name}\n")
    return "\n".join(parts)


def _code_text(stage: str, tasks: Sequence[Any]) -> str:
    from graphflow.codegen.kernels import llvm_text, machine_text
    from graphflow.codegen.units import unit_of
    from graphflow.runtime.pool import default_threads

    found = [unit for task in tasks if (unit := unit_of(task, default_threads())) is not None]
    units = list({unit.key: unit for unit in found}.values())
    if not units:
        return "; no native code\n"
    return llvm_text(units) if stage == "llvm" else machine_text(units)


def _ptx_text(tasks: Sequence[Any], gpu: str) -> str:
    """How each kernel is spread over a GPU, as comments, and its code. Needs no GPU."""
    from graphflow.codegen.cuda.ptx import ptx_text
    from graphflow.codegen.cuda.target import GpuTarget
    from graphflow.codegen.cuda.units import schedule_task

    target = GpuTarget.of_name(gpu)
    found = [(task, schedule_task(task, target)) for task in tasks]
    schedules = [schedule for _, schedule in found if schedule is not None]
    lines = [f"// {schedule}".partition("\n")[0] for schedule in schedules]
    lines += [f"// {t.name}: {t.kind}, on the host" for t, schedule in found if schedule is None]
    return "\n".join(lines) + "\n" + (ptx_text(schedules, target) if schedules else "")


class Recorder:
    """Keeps the products of one stage, for every compilation."""

    def __init__(self, stage: str, gpu: str = "sm_80") -> None:
        self.stage, self.gpu = stage, gpu
        self.wanted = "kernels" if stage in _FROM_KERNELS else stage
        self.texts: list[str] = []

    def __call__(self, run: Any, stage: str, product: Any, seconds: float) -> None:
        """Observe one stage of one compilation."""
        if stage != self.wanted:
            return
        self.texts.append(self.text(product))

    def text(self, product: Any) -> str:
        """Return a product's text."""
        if self.stage == "groups":
            return _groups_text(product)
        if self.stage == "kernels":
            return _kernels_text(product)
        if self.stage == "ptx":
            return _ptx_text(product, self.gpu)
        if self.stage in _FROM_KERNELS:
            return _code_text(self.stage, product)
        return str(product)


def dump(
    path: str, arguments: Sequence[str], stage: str, number: int | None, gpu: str = "sm_80"
) -> int:
    """Run a script and print a stage's products; the script's own output goes to stderr.

    What was compiled before the script failed is printed all the same.

    Parameters
    ----------
    number : print that compilation only, counted from 1; all when None.
    gpu : the GPU for which PTX is made.
    """
    recorder = Recorder(stage, gpu)
    with observe.observing(recorder), redirect_stdout(sys.stderr):
        status = run_script(path, arguments)
    if stage == "graph":
        sys.stdout.write(graph_text(get_default_graph()))
        return status
    texts = recorder.texts
    if number is not None and not 1 <= number <= len(texts):
        sys.stderr.write(f"graphflow dump: --run {number}, but {len(texts)} runs were compiled\n")
        return status or 2
    for k, text in enumerate(texts, start=1):
        if number in (None, k):
            sys.stdout.write(f"# run {k} of {len(texts)}: {stage}\n{text}\n")
    return status
