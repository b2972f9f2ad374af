"""``graphflow debug``: a script's runs, looked at one by one."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from graphflow.cli.script import run_script
from graphflow.runtime.inspectors import inspecting
from graphflow.runtime.nan_search import NanSearch
from graphflow.runtime.verify import Verifier
from graphflow.runtime.watching import Watcher


def debug(
    script: str, arguments: Sequence[str], nan: bool, verify: bool, watch: Sequence[str]
) -> int:
    """Run a script under inspectors and report; the exit status.

    Parameters
    ----------
    nan : end it at the first operation that makes a NaN or an infinity.
    verify : compare each run with the interpreter.
    watch : names of tensors and variables to print at each run.
    """
    search, verifier, watcher = NanSearch(), Verifier(), Watcher(watch)
    with ExitStack() as stack:
        if verify:
            stack.enter_context(inspecting(verifier))
        if watch:
            stack.enter_context(inspecting(watcher))
        if nan:  # the last is the outermost: it ends the script when the others have told
            stack.enter_context(inspecting(search))
        status = run_script(script, arguments)
    if verify:
        status = report_verification(verifier, status)
    if nan:
        status = _report_search(search, status)
    if watch:
        status = _report_unseen(watcher, status)
    return status


def report_verification(verifier: Verifier, status: int) -> int:
    """Print what came of the comparison; the status to exit with."""
    if verifier.difference:
        sys.stderr.write(f"graphflow: verify: {verifier.difference}\n")
        return status or 1
    more = (
        f", {verifier.skipped} with other calls of Python not checked" if verifier.skipped else ""
    )
    sys.stderr.write(f"graphflow: verify: {verifier.checked} runs agree{more}\n")
    return status


def _report_search(search: NanSearch, status: int) -> int:
    for finding in search.findings:
        sys.stderr.write(f"graphflow: nan: {finding}\n")
    if search.findings:
        return status or 1
    more = f", {search.skipped} with other calls not looked at" if search.skipped else ""
    sys.stderr.write(f"graphflow: nan: nothing found in {search.runs} runs{more}\n")
    return status


def _report_unseen(watcher: Watcher, status: int) -> int:
    """Names that no run had are mistakes, unless the script failed before."""
    unseen = [name for name in watcher.wanted if name not in watcher.seen]
    for name in unseen:
        if watcher.wanted[name] in watcher.known:
            sys.stderr.write(
                f"graphflow: watch: {name!r} is in runs only that cannot be computed again: of "
                "those, what is fetched is shown\n"
            )
            continue
        close = difflib.get_close_matches(watcher.wanted[name], sorted(watcher.known), 3, 0.4)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        sys.stderr.write(f"graphflow: watch: no run computes {name!r}{hint}\n")
    return status or (2 if unseen else 0)
