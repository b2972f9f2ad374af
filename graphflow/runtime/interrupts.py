"""Stopping a run from outside: deadlines, and signals such as Ctrl-C.

Native code does not come back to the interpreter while a plan runs, so Python's signal handlers
would wait for its end, which an endless loop never has. The runner therefore calls these functions
itself; see `codegen.runner`. A run that is stopped has not changed any variable.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.codegen import runner

_monitor: list[np.ndarray[Any, Any]] = []


def monitor_address() -> int:
    """The address of what the runner needs to be stopped; 0 where the system has no such clock."""
    if not _monitor:
        clock = getattr(ctypes.CDLL(None), "clock_gettime", None)
        if clock is None:
            return 0
        api = ctypes.pythonapi
        functions = (
            clock, api.PyGILState_Ensure, api.PyErr_CheckSignals, api.PyErr_Fetch,
            api.PyGILState_Release,
        )  # fmt: skip
        addresses = [ctypes.cast(f, ctypes.c_void_p).value for f in functions]
        _monitor.append(np.array(addresses, np.int64))
    return int(_monitor[0].ctypes.data)


def check_deadline(deadline: int) -> None:
    """Raise DeadlineExceededError if the deadline, not 0, has passed."""
    if deadline and time.monotonic_ns() > deadline:
        raise_timed_out()


def raise_timed_out() -> None:
    """Raise TensorFlow's error for a run that took too long."""
    raise errors.DeadlineExceededError(None, None, "Timed out waiting for notification")


def raise_stopped(status: int, table: np.ndarray[Any, Any]) -> None:
    """Raise what ended the run: DeadlineExceededError, or what a signal's handler raised."""
    if status == runner.TIMED_OUT:
        raise_timed_out()
    first = runner.EXCEPTION
    parts = [ctypes.c_void_p(int(word)) for word in table[first : first + 3]]
    ctypes.pythonapi.PyErr_Restore.restype = None
    ctypes.pythonapi.PyErr_Restore(*parts)
