"""PTX of kernels, through LLVM's NVPTX back end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphflow.codegen.cuda.machines import Ptx
from graphflow.codegen.cuda.target import TRIPLE, GpuTarget
from graphflow.codegen.cuda.units import Schedule, emit_scheduled
from graphflow.codegen.jit import LIGHT_PASSES, llvm_lock


@lru_cache(maxsize=8)
def _target_machine(target: GpuTarget) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3
    )


def ptx_text(schedules: Sequence[Schedule], target: GpuTarget) -> str:
    """One PTX module with a kernel for each schedule, called by the names of their kernels.

    Raises
    ------
    RuntimeError : LLVM refuses the code, which is a fault of this package.
    """
    module = ir.Module("graphflow_cuda")
    for schedule in schedules:
        name = module.get_unique_name(schedule.kernel.name)
        emit_scheduled(Ptx(module), schedule, target, name)
    with llvm_lock:
        machine = _target_machine(target)
        parsed = llvm.parse_assembly(str(module))
        parsed.triple = TRIPLE
        parsed.data_layout = str(machine.target_data)
        parsed.verify()
        passes = llvm.create_new_module_pass_manager()
        for name in LIGHT_PASSES:
            getattr(passes, f"add_{name}_pass")()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        passes.run(parsed, llvm.create_pass_builder(machine, options))
        return str(machine.emit_assembly(parsed))
