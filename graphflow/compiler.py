"""The pipeline, from a traced Program to code: one function, one line a stage.

    Program --rewrite--> Program --group--> groups --lower--> kernels --compile--> addresses
            --plan--> memory plan

Every stage's product prints as text, and is handed to the observers (verify, time, dump).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from graphflow import observe
from graphflow.codegen.kernels import compile_units
from graphflow.codegen.units import CodeUnit, Compiled, unit_of
from graphflow.ir.node import Program
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
    """A Program with everything made from it."""

    program: Program  # after rewriting
    tasks: list[Task]
    memory: MemoryPlan
    code: dict[Task, Compiled]
    options: Options
    symbols: list[str] = field(default_factory=list)

    def units(self) -> list[CodeUnit]:
        """What was compiled, for dumps of LLVM IR and assembly."""
        return [u for t in self.tasks if (u := unit_of(t, self.options.threads)) is not None]


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
    if options.level > 0:
        program = split_reductions(program)
    groups, overwritten = order_for_updates(program, group_program(program, options.level))
    watch("groups", groups)
    tasks = lower_tasks(program, groups)
    watch("kernels", tasks)
    units = {t: unit_of(t, options.threads) for t in tasks}
    compiled = compile_units([u for u in units.values() if u is not None])
    results = iter(compiled)
    code = {t: next(results) for t, u in units.items() if u is not None}
    watch("code", code)
    for task, made in code.items():
        task.private = made.workspace
    memory = plan_memory(program, tasks, overwritten)
    watch("plan", memory)
    symbols = sorted({s for t in tasks if t.kernel is not None for s in t.kernel.symbols})
    return CompiledProgram(program, tasks, memory, code, options, symbols)
