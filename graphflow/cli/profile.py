"""``graphflow profile``: where the time of a target's runs goes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from graphflow.cli.output import write_output
from graphflow.cli.script import run_script
from graphflow.cli.targets import TargetError, build_function, is_function, no_target
from graphflow.graph.tensor import Tensor
from graphflow.inspection import ASSUMED_SIZE
from graphflow.ops.variable_lists import global_variables_initializer
from graphflow.runtime.pool import default_threads
from graphflow.runtime.profiler import Profiler, profiling
from graphflow.runtime.roofline import measure_limits
from graphflow.runtime.session import Session
from graphflow.views.profile_data import profile_data
from graphflow.views.profile_table import profile_table

FUNCTION_RUNS = 10  # of what a function builds


def profile(
    target: str, arguments: Sequence[str], html: str | None, trace: str | None, as_json: bool,
    top: int | None,
) -> int:  # fmt: skip
    """Run a target and print its profile; the exit status is the script's.

    Parameters
    ----------
    target : a script, or ``module:function``; `arguments` are a script's own.
    html, trace : files for a page and for a trace, whole or not at all.
    as_json : print data in place of the table.
    top : how many steps of each Program are shown.

    Raises
    ------
    TargetError : there is no such target.
    OSError : a file cannot be written.
    """
    limits = measure_limits(default_threads())
    with profiling() as profiler, redirect_stdout(sys.stderr):
        status = _run(target, arguments)
    data = profile_data(profiler, limits, top)
    if html is not None:
        from graphflow.views.profile_page import profile_page

        whole = profile_data(profiler, limits)
        write_output(profile_page(whole, profiler.spans, target), html)
    if trace is not None:
        write_output(profiler.trace().text(), trace)
    _report_dropped(profiler, html or trace)
    write_output(json.dumps(data, indent=1) + "\n" if as_json else profile_table(data), None)
    return status


def _report_dropped(profiler: Profiler, file: str | None) -> None:
    if profiler.dropped and file is not None:
        sys.stderr.write(
            f"graphflow profile: the trace ends after {len(profiler.spans)} spans, "
            f"{profiler.dropped} are left out; all are in the totals\n"
        )


def _run(target: str, arguments: Sequence[str]) -> int:
    if os.path.isfile(target):
        return run_script(target, arguments)
    if not is_function(target):
        raise no_target(target)
    graph, fetches = build_function(target)
    feeds = {
        op.outputs[0]: _ones(op.outputs[0])
        for op in graph.get_operations()
        if op.type == "Placeholder"
    }
    with graph.as_default(), Session(graph=graph) as session:
        session.run(global_variables_initializer())
        for _ in range(FUNCTION_RUNS):
            session.run(fetches, feeds)
    return 0


def _ones(tensor: Tensor) -> Any:
    """A value to feed: ones, with a common size for what is open."""
    if tensor.shape.rank is None:
        raise TargetError(
            f"placeholder {tensor.op.name!r} has no rank: profile a script feeding it"
        )
    sizes = [ASSUMED_SIZE if d is None else d for d in tensor.shape.as_list()]
    return np.ones(sizes, tensor.dtype.as_numpy_dtype)
