"""The pipeline, from a traced Program to code: one function, one line a stage.

    Program --rewrite--> Program --group--> groups --lower--> kernels --compile--> addresses
            --plan--> memory plan

Every stage's product prints as text, and is handed to the observers (verify, time, dump).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from graphflow import observe
from graphflow.codegen.kernels import compile_units
from graphflow.codegen.units import CodeUnit, Compiled, units_of
from graphflow.ir.node import Program
from graphflow.ir.prims.control import regions
from graphflow.lowering.row_writes import join_row_writes
from graphflow.lowering.tasks import lower_tasks
from graphflow.rewrite.pipeline import rewrite_program
from graphflow.schedule.grouping import group_program
from graphflow.schedule.plan import MemoryPlan, Task, order_for_updates, plan_memory
from graphflow.schedule.split import split_reductions


@dataclass(frozen=True)
class Options:
    """What may differ between two compilations of one Program.

    Attributes
    ----------
    level : 0 uses no rewrite and no fusion; 1 is the default.
    threads : how many threads share a parallel kernel.
    """

    level: int = 1
    threads: int = 1


@dataclass(eq=False)
class CompiledProgram:
    """A Program with everything made from it.

    Attributes
    ----------
    program : after rewriting.
    regions : for a step that is a loop or a choice, its sub-Programs, compiled.
    symbols : the sizes that kernels ask for at run time, those of regions among them.
    numbers : what kernels that serve several steps are told.
    """

    program: Program
    tasks: list[Task]
    overwritten: set[str]
    options: Options
    regions: dict[Task, list[CompiledProgram]] = field(default_factory=dict)
    code: dict[Task, Compiled] = field(default_factory=dict)
    memory: MemoryPlan = field(default_factory=MemoryPlan)
    symbols: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def all_tasks(self) -> list[Task]:
        """The steps, with those of each region after the step that owns it."""
        found = []
        for task in self.tasks:
            found.append(task)
            for region in self.regions.get(task, ()):
                found += region.all_tasks()
        return found

    def units(self) -> list[CodeUnit]:
        """What was compiled, for dumps of LLVM IR and assembly."""
        found = units_of(self.all_tasks(), self.options.threads).values()
        return list(dict.fromkeys(unit for unit, _ in found))


def compile_program(program: Program, options: Options) -> CompiledProgram:
    """Compile a Program: rewrite, group, lower, compile kernels, plan memory.

    Raises
    ------
    CompilerError : a stage broke an invariant; the text names it.
    """
    watch = observe.stages(program)
    watch("program", program)
    program = rewrite_program(program, options.level)
    watch("rewritten", program)
    compiled = _schedule(program, options)
    tasks = compiled.all_tasks()
    watch("groups", [t.group for t in tasks])
    watch("kernels", tasks)
    units = units_of(tasks, options.threads)
    made = compile_units([unit for unit, _ in units.values()])
    code = {
        task: replace(found, numbers=numbers)
        for (task, (_, numbers)), found in zip(units.items(), made, strict=True)
    }
    watch("code", compiled)
    compiled.numbers = sorted({number for found in code.values() for number in found.numbers})
    _place(compiled, code)
    watch("plan", compiled.memory)
    return compiled


def _schedule(program: Program, options: Options) -> CompiledProgram:
    """Group and lower a Program and its regions."""
    if options.level > 0:
        program = split_reductions(program)
    groups, overwritten = order_for_updates(program, group_program(program, options.level))
    tasks = lower_tasks(program, groups)
    if options.level > 0:
        tasks = join_row_writes(program, tasks)
    found = CompiledProgram(program, tasks, overwritten, options)
    for task in tasks:
        if task.kind == "control":
            assert task.node is not None
            found.regions[task] = [_schedule(r, options) for r in regions(task.node)]
    symbols = {s for t in found.all_tasks() if t.kernel is not None for s in t.kernel.symbols}
    found.symbols = sorted(symbols)
    return found


def _place(compiled: CompiledProgram, code: dict[Task, Compiled]) -> None:
    """Plan the memory of a Program and of its regions, now that workspaces are known."""
    for task in compiled.tasks:
        if task in code:
            compiled.code[task] = code[task]
            task.private = code[task].workspace
        for region in compiled.regions.get(task, ()):
            _place(region, code)
    compiled.memory = plan_memory(compiled.program, compiled.tasks, compiled.overwritten)
