"""``graphflow profile``: where the time of a target's runs goes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout

from graphflow.cli.output import write_output
from graphflow.cli.runs import run_target
from graphflow.cli.script import run_script
from graphflow.cli.targets import TargetError, is_model_file, load_target
from graphflow.runtime.profiler import Profiler
from graphflow.views.profile_table import profile_table
from graphflow.views.profiling import profiling


def profile(
    name: str, arguments: Sequence[str], html: str | None, trace: str | None, as_json: bool,
    top: int | None, number: int | None, feeds: Mapping[str, str],
) -> int:  # fmt: skip
    """Run a target and print its profile; the exit status is the script's.

    Parameters
    ----------
    name : what `load_target` takes; a script is run with its own `arguments`, and what else is
        a graph some times, with drawn values for its placeholders.
    html, trace : files for a page and for a trace, whole or not at all.
    as_json : print data in place of the table.
    top : how many steps of each Program are shown.
    number : the compiled Program that is shown, counted from 1; all when None.
    feeds : of what is no script: the files of placeholders' values, by the placeholders' names.

    Raises
    ------
    TargetError : there is no such target, nothing in it that runs, or no such placeholder.
    errors.OpError : a run of what is no script fails.
    ValueError : there is no such Program.
    OSError : a file cannot be read or written.
    """
    with profiling(name) as found, redirect_stdout(sys.stderr):
        status = _run(name, arguments, feeds)
    if number is not None:
        found.choose(number)
    if html is not None:
        write_output(found.html(), html)
    if trace is not None:
        write_output(found.trace(), trace)
    _report_dropped(found.profiler, html or trace)
    data = found.data(top)
    write_output(json.dumps(data, indent=1) + "\n" if as_json else profile_table(data), None)
    return status


def _report_dropped(profiler: Profiler, file: str | None) -> None:
    if profiler.dropped and file is not None:
        sys.stderr.write(
            f"graphflow profile: the trace ends after {len(profiler.spans)} spans, "
            f"{profiler.dropped} are left out; all are in the totals\n"
        )


def _run(name: str, arguments: Sequence[str], feeds: Mapping[str, str]) -> int:
    if os.path.isfile(name) and not is_model_file(name):
        if feeds:
            raise TargetError("--feed is for graphs that are no scripts: a script feeds its own")
        return run_script(name, arguments)
    run_target(load_target(name, until=None), feeds)
    return 0
