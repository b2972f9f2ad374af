"""LLVM IR to object code, and object code to addresses.

`compile_module` is a pure function of the IR text, the target and the level, so its result can be
kept on disk; `load_object` maps such an object into the process. Between the two lies nothing that
depends on this process: external functions are named, never baked in as addresses.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphflow.codegen.target import Target

# llvmlite shares one LLVM context among all modules, and LLVM contexts are not thread-safe.
llvm_lock = threading.RLock()


@lru_cache(maxsize=8)
def _target_machine(target: Target, level: int) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # Position-independent code of the small model reaches its constants by one relative address;
    # MCJIT's default, the large model, spends an instruction and a register on each.
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel="small"
    )


# What is left to do for code that is vectors and loops already: propagate constants into helper
# functions, tidy instructions, put the loops' tests at their ends. On a matrix product these
# take 7 ms and -O2 takes 38, for code of the same speed. `alwaysinline` is honoured.
LIGHT_PASSES = (
    "always_inliner",
    "ipsccp",
    "dead_arg_elimination",
    "sroa",
    "instruction_combine",
    "simplify_cfg",
    "loop_rotate",
    "instruction_combine",
    "simplify_cfg",
    "global_dead_code_eliminate",
)


def compile_module(
    module: ir.Module | str, target: Target, opt_level: int = 2, vectorize: bool = False
) -> bytes:
    """Compile LLVM IR to a relocatable object for `target`.

    Parameters
    ----------
    module : an llvmlite module, or the text of one.
    opt_level : 2 runs the few passes that explicit vector code gains from (`LIGHT_PASSES`); 3 runs
        LLVM's ``-O3``, for code that wants its loads hoisted and its calls inlined. 0 and 1 run
        none. Instruction selection works at the level given.
    vectorize : run LLVM's whole pipeline with its loop and SLP vectorisers, at either level.

    Raises
    ------
    RuntimeError : LLVM's parser or verifier refuses the IR.
    """
    with llvm_lock:
        return _target_machine(target, opt_level).emit_object(
            _optimized(module, target, opt_level, vectorize)
        )


def assembly_text(
    module: ir.Module | str, target: Target, opt_level: int = 2, vectorize: bool = False
) -> str:
    """Return the assembly of what `compile_module` makes, for dumps and tests."""
    with llvm_lock:
        return _target_machine(target, opt_level).emit_assembly(
            _optimized(module, target, opt_level, vectorize)
        )


def _optimized(module: ir.Module | str, target: Target, opt_level: int, vectorize: bool) -> Any:
    machine = _target_machine(target, opt_level)
    parsed = llvm.parse_assembly(str(module))
    parsed.triple = target.triple
    parsed.data_layout = str(machine.target_data)
    parsed.verify()
    if opt_level < 2:
        return parsed
    options = llvm.create_pipeline_tuning_options(speed_level=opt_level)
    options.loop_vectorization = vectorize
    options.slp_vectorization = vectorize
    builder = llvm.create_pass_builder(machine, options)
    if opt_level == 2 and not vectorize:
        passes = llvm.create_new_module_pass_manager()
        for name in LIGHT_PASSES:
            getattr(passes, f"add_{name}_pass")()
    else:
        passes = builder.getModulePassManager()
    passes.run(parsed, builder)
    return parsed


class LoadedCode:
    """Object code mapped into this process; the addresses hold while this object lives."""

    def __init__(self, object_code: bytes, target: Target) -> None:
        with llvm_lock:
            # An execution engine wants a module to begin with, even when all code comes as objects.
            empty = llvm.parse_assembly("")
            empty.triple = target.triple
            machine = llvm.Target.from_triple(target.triple).create_target_machine(
                cpu=target.cpu, features=target.features, reloc="pic", codemodel="small", jit=True
            )
            self._engine = llvm.create_mcjit_compiler(empty, machine)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(object_code))
            self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Address of the function `name`.

        Raises
        ------
        KeyError : the object defines no such function.
        """
        with llvm_lock:
            address = int(self._engine.get_function_address(name))
        if address == 0:
            raise KeyError(f"expected a function {name!r} in the object, got none")
        return address

    def keep_forever(self) -> None:
        """Leave the code mapped until the process ends; `address` cannot be asked after this.

        For code that other threads may be executing while the interpreter shuts down.
        """
        self._engine.detach()


def load_object(object_code: bytes, target: Target) -> LoadedCode:
    """Map an object that `compile_module` made for this machine into the process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return LoadedCode(object_code, target)
