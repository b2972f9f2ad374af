"""``graphflow profile``: where the time of a target's runs goes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from graphflow.cli.output import write_output
from graphflow.cli.runs import run_target
from graphflow.cli.script import run_script
from graphflow.cli.targets import is_model_file, load_target
from graphflow.runtime.pool import default_threads
from graphflow.runtime.profiler import Profiler, profiling
from graphflow.runtime.roofline import measure_limits
from graphflow.views.profile_data import profile_data
from graphflow.views.profile_table import profile_table


def profile(
    target: str, arguments: Sequence[str], html: str | None, trace: str | None, as_json: bool,
    top: int | None,
) -> int:  # fmt: skip
    """Run a target and print its profile; the exit status is the script's.

    Parameters
    ----------
    target : what `load_target` takes; a script is run with its own `arguments`, and what else is
        a graph some times, with drawn values for its placeholders.
    html, trace : files for a page and for a trace, whole or not at all.
    as_json : print data in place of the table.
    top : how many steps of each Program are shown.

    Raises
    ------
    TargetError : there is no such target, or nothing in it that runs.
    errors.OpError : a run of what is no script fails.
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
    if os.path.isfile(target) and not is_model_file(target):
        return run_script(target, arguments)
    run_target(load_target(target, until=None))
    return 0
