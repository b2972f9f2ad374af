"""Runs a user's script in this process, as ``python SCRIPT ARGS`` would."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Sequence

from graphflow.cli.import_map import map_tensorflow


def run_script(path: str, arguments: Sequence[str]) -> int:
    """Run the script as ``__main__`` and return its exit status.

    ``import tensorflow`` gives graphflow in it. An error of the script is printed as Python prints
    it, without the frames of this package's command line.
    """
    if not os.path.exists(path):
        sys.stderr.write(f"graphflow: no script {path!r}\n")
        return 2
    map_tensorflow()
    before = sys.argv[:], sys.path[:]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as stop:
        return _status(stop.code)
    except BaseException as error:  # whatever the script raises is the script's result
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename != path:
            frames = frames.tb_next
        traceback.print_exception(type(error), error, frames or error.__traceback__)
        return 1
    finally:
        sys.argv, sys.path = before
    return 0


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    sys.stderr.write(f"{code}\n")
    return 1
