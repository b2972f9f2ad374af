"""A profile as plain data: what the table, the page and ``--json`` show."""

from __future__ import annotations

from typing import Any

from graphflow.runtime.profiler import Memory, Profiler, ProgramProfile, StepTotal
from graphflow.runtime.roofline import Limits


def profile_data(
    profiler: Profiler, limits: Limits, top: int | None = None, number: int | None = None
) -> dict[str, Any]:
    """All that is known of the runs.

    Parameters
    ----------
    top : so many steps of each Program, those that took longest; all when None.
    number : the Program that is shown; all when None.
    """
    chosen = [p for p in profiler.programs if p.runs and number in (None, p.number)]
    programs = [_program(p, limits, top) for p in chosen]
    return {
        "runs": profiler.runs,
        "seconds": profiler.run_nanoseconds / 1e9,
        "seconds_in_steps": sum(p["seconds_in_steps"] for p in programs),
        "compilation": {
            "programs": len(profiler.programs),
            "seconds": sum(profiler.stages.values()),
            "stages": dict(profiler.stages),
        },
        "limits": {
            "bytes_per_second": limits.memory,
            "cached_bytes_per_second": limits.cache,
            "flops_per_second": limits.flops,
        },
        "programs": programs,
    }


def _program(profile: ProgramProfile, limits: Limits, top: int | None) -> dict[str, Any]:
    steps = sorted(profile.steps.values(), key=lambda s: -s.nanoseconds)
    whole = profile.in_steps
    return {
        "number": profile.number,
        "title": profile.title,
        "runs": profile.runs,
        "seconds": profile.nanoseconds / 1e9,
        "seconds_in_steps": whole / 1e9,
        "steps": [_step(step, whole, limits) for step in steps[:top]],
        "steps_left_out": max(len(steps) - (len(steps) if top is None else top), 0),
        "memory": _memory(profile.memory),
    }


def _step(step: StepTotal, whole: int, limits: Limits) -> dict[str, Any]:
    seconds, calls = step.nanoseconds / 1e9, max(step.calls, 1)
    return {
        "name": step.name,
        "kind": step.kind,
        "operations": list(step.operations),
        "line": step.line,
        "calls": step.calls,
        "seconds": seconds,
        "mean_seconds": seconds / calls,
        "share": step.nanoseconds / whole if whole else 0.0,
        "bytes": step.bytes,
        "bytes_per_second": step.bytes / seconds if seconds else 0.0,
        "flops": step.flops,
        "flops_per_second": step.flops / seconds if seconds else 0.0,
        "share_of_limit": limits.share(step.bytes / calls, step.flops / calls, seconds / calls),
    }


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "bytes": memory.total,
        "parts": memory.parts,
        "fullest_at": memory.step,
        "fullest_bytes": memory.peak,
        "alive": [{"name": name, "bytes": nbytes} for name, nbytes in memory.alive],
    }
