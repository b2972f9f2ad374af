"""``graphflow dump``: what was compiled for each run of a target, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from graphflow.cli.explain import closest, explanation, known_names, pass_differences, task_data
from graphflow.cli.targets import Target
from graphflow.inspection import Compilation
from graphflow.runtime.statistics import statistics_text, type_text
from graphflow.views.plan_view import plan_data, plan_text

STAGES = ("graph", "program", "rewritten", "groups", "kernels", "plan", "llvm", "asm", "ptx")
FORMATS = ("text", "json", "dot")
GPUS = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
_FROM_KERNELS = ("llvm", "asm", "ptx")


def needed_stage(stage: str, why: str | None, diff: bool) -> str | None:
    """How far a target has to be compiled for what is asked; None for not at all."""
    if why is not None:
        return "kernels"
    if diff:
        return "rewritten"
    if stage == "graph":
        return None
    return stage if stage in ("program", "rewritten", "plan") else "kernels"


class DumpError(Exception):
    """What was asked for is not there; the text says what is."""


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
    from graphflow.codegen.units import units_of
    from graphflow.runtime.pool import default_threads

    found = units_of(tasks, default_threads()).values()
    units = list({unit.key: unit for unit, _ in found}.values())
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


def stage_text(compilation: Compilation, stage: str, gpu: str = "sm_80") -> str:
    """One stage's product as text."""
    product = compilation.products.get("kernels" if stage in _FROM_KERNELS else stage)
    if product is None:
        return "# the compilation did not come as far\n"
    if stage == "groups":
        return _groups_text(product)
    if stage == "kernels":
        return _kernels_text(product)
    if stage == "plan":
        return plan_text(compilation.products["code"])
    if stage == "ptx":
        return _ptx_text(product, gpu)
    if stage in _FROM_KERNELS:
        return _code_text(stage, product)
    return str(product)


def _network(target: Target, compilation: Compilation | None, stage: str) -> Any:
    if compilation is None:
        assert target.graph is not None
        return target.graph.to_networkx()
    if stage not in ("program", "rewritten"):
        raise DumpError(f"stage {stage} is no graph: dot is for graph, program and rewritten")
    return compilation.products[stage].to_networkx()


def _json_data(target: Target, compilation: Compilation | None, stage: str) -> Any:
    if compilation is None or stage in ("program", "rewritten"):
        network = _network(target, compilation, stage)
        edges = [{"source": a, "target": b, **data} for a, b, data in network.edges(data=True)]
        nodes = [{"id": name, **data} for name, data in network.nodes(data=True)]
        return {"nodes": nodes, "edges": edges}
    product = compilation.products.get("kernels" if stage in _FROM_KERNELS else stage, ())
    if stage == "kernels":
        return [task_data(task) for task in product]
    if stage == "plan" and product:
        return plan_data(compilation.products["code"])
    return {"text": stage_text(compilation, stage)}


def dot_text(network: Any) -> str:
    """A network for Graphviz."""
    lines = ["digraph {", "  rankdir=TB; node [shape=box, fontname=Helvetica];"]
    for name, data in network.nodes(data=True):
        kind = data.get("type") if "op" not in data else data["op"]
        lines.append(f"  {json.dumps(name)} [label={json.dumps(f'{name}: {kind}')}];")
    for source, to, data in network.edges(data=True):
        label = data.get("shape", "")
        style = ", style=dashed" if data.get("control") else ""
        lines.append(
            f"  {json.dumps(source)} -> {json.dumps(to)} [label={json.dumps(label)}{style}];"
        )
    return "\n".join([*lines, "}"]) + "\n"


def _rendered(
    target: Target, compilation: Compilation | None, stage: str, form: str, gpu: str
) -> str:
    if form == "json":
        return json.dumps(_json_data(target, compilation, stage), indent=1) + "\n"
    if form == "dot":
        return dot_text(_network(target, compilation, stage))
    if compilation is None:
        return graph_text(target.graph)
    return stage_text(compilation, stage, gpu)


def checkpoint_text(target: Target) -> str:
    """The variables of a checkpoint with their types, shapes and statistics."""
    import numpy as np

    reader = target.variables
    shapes = reader.get_variable_to_shape_map()
    rows = []
    for name in sorted(shapes):
        value = np.asarray(reader.get_tensor(name))
        text = f"{name}: {type_text(value)}"
        text += f"  {statistics_text(value)}".rstrip()
        rows.append(text)
    return "\n".join(rows) + "\n"


def dump(
    target: Target,
    stage: str = "kernels",
    number: int | None = None,
    form: str = "text",
    why: str | None = None,
    diff: bool = False,
    gpu: str = "sm_80",
) -> str:
    """What `graphflow dump` prints.

    Parameters
    ----------
    number : that compilation only, counted from 1; all when None.
    form : text, json or dot.
    why : the name of a node or operation whose story is told in place of a stage.
    diff : what each pass changed, in place of a stage.
    gpu : the GPU for which PTX is made.

    Raises
    ------
    DumpError : there is no such run or name, or the stage has no such form.
    """
    if target.variables is not None:
        return checkpoint_text(target)
    if stage == "graph" and why is None and not diff:
        return _rendered(target, None, stage, form, gpu)
    if target.failure is not None:
        raise target.failure
    chosen = list(enumerate(target.compilations, start=1))
    if number is not None:
        chosen = [(k, c) for k, c in chosen if k == number]
        if not chosen:
            raise DumpError(f"--run {number}, but {len(target.compilations)} runs were compiled")
    if why is not None:
        return _reasons(chosen, why)
    if form == "json":
        data = [_json_data(target, c, stage) for _, c in chosen]
        return json.dumps({"stage": stage, "runs": data}, indent=1) + "\n"
    total = len(target.compilations)
    parts = []
    for k, compilation in chosen:
        mark = "//" if form == "dot" else "#"
        text = pass_differences(compilation) if diff else None
        text = text or _rendered(target, compilation, stage, form, gpu)
        parts.append(f"{mark} run {k} of {total}: {'passes' if diff else stage}\n{text}\n")
    return "".join(parts)


def _reasons(chosen: Sequence[tuple[int, Compilation]], name: str) -> str:
    parts = []
    for k, compilation in chosen:
        text = explanation(compilation, name)
        if text is not None:
            parts.append(f"# run {k}\n{text}")
    if parts:
        return "".join(parts)
    names = set().union(*(known_names(c) for _, c in chosen))
    close = closest(name, names)
    raise DumpError(
        f"no run computes {name!r}" + (f"; did you mean {', '.join(close)}?" if close else "")
    )
