"""The process's compiled kernels, by structure: equal loop nests are compiled once.

What one plan needs and nobody has yet is compiled as one module, which is kept on disk under the
structural keys of its kernels, together with the description of its functions.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from graphflow.codegen.extent import Extent, dim_data, dim_from_data
from graphflow.codegen.jit import LoadedCode, assembly_text, compile_module, load_object
from graphflow.codegen.object_cache import cached_object
from graphflow.codegen.target import host_target
from graphflow.codegen.units import CodeUnit, Compiled, Phase

_lock = threading.RLock()
_compiled: dict[str, Compiled] = {}
_loaded: list[LoadedCode] = []  # code stays mapped: addresses are handed out


def compile_units(units: Sequence[CodeUnit]) -> list[Compiled]:
    """Every unit as code in memory, compiling those that are new to the process."""
    with _lock:
        missing = list({u.key: u for u in units if u.key not in _compiled}.values())
        if missing:
            _compile(missing)
        return [_compiled[u.key] for u in units]


def build_module(units: Sequence[CodeUnit]) -> tuple[ir.Module, list[Any]]:
    """One LLVM module with the functions of all units, and their description."""
    module = ir.Module("graphflow_kernels")
    described = [unit.emit(module, f"gf{number}") for number, unit in enumerate(units)]
    return module, described


def _compile(units: Sequence[CodeUnit]) -> None:
    target = host_target()

    def make() -> bytes:
        module, described = build_module(units)
        text = json.dumps(
            [[[_phase_data(p) for p in ps], dim_data(size)] for ps, size in described]
        )
        head = text.encode()
        return len(head).to_bytes(8, "little") + head + compile_module(module, target)

    data = cached_object("\n----\n".join(u.key for u in units), make)
    length = int.from_bytes(data[:8], "little")
    described = json.loads(data[8 : 8 + length])
    loaded = load_object(data[8 + length :], target)
    _loaded.append(loaded)
    for unit, (phases, workspace) in zip(units, described, strict=True):
        made = [_phase_of(p) for p in phases]
        addresses = [(p, loaded.address(p.name)) for p in made]
        _compiled[unit.key] = Compiled(addresses, dim_from_data(workspace))


def _phase_data(phase: Phase) -> list[Any]:
    return [phase.name, phase.extent.data(), phase.unit_work]


def _phase_of(data: list[Any]) -> Phase:
    name, extent, work = data
    return Phase(name, Extent.from_data(extent), work)


def llvm_text(units: Sequence[CodeUnit]) -> str:
    """The LLVM IR of the units as it is emitted, before LLVM's own passes."""
    return str(build_module(units)[0])


def machine_text(units: Sequence[CodeUnit]) -> str:
    """The assembly of the units."""
    return assembly_text(build_module(units)[0], host_target())


def forget_compiled() -> None:
    """Drop the table of compiled kernels, so that the next ones come from disk or the compiler."""
    with _lock:
        _compiled.clear()
