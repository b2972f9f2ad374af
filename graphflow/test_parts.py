"""Parts of ``tf.test``: benchmarks, threads that report their errors, captured text."""

from __future__ import annotations

import functools
import threading
import time
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.runtime.session import Session


class Benchmark:
    """Measurements of a graph's runs; benchmarks derive from it and are called by hand."""

    def report_benchmark(
        self, iters: int | None = None, cpu_time: float | None = None,
        wall_time: float | None = None, throughput: float | None = None,
        extras: Any = None, name: str | None = None, metrics: Any = None,
    ) -> None:  # fmt: skip
        """Print a measurement."""
        parts = {
            "iters": iters, "cpu_time": cpu_time, "wall_time": wall_time,
            "throughput": throughput, **(extras or {}),
        }  # fmt: skip
        known = ", ".join(f"{key}: {value}" for key, value in parts.items() if value is not None)
        print(f"entry {name or type(self).__name__}: {known}")  # noqa: T201  # what it is for

    def run_op_benchmark(
        self, sess: Session, op_or_tensor: Any, feed_dict: Any = None, burn_iters: int = 2,
        min_iters: int = 10, store_trace: bool = False, store_memory_usage: bool = True,
        name: str | None = None, extras: Any = None, mbs: float = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Run something often, and report the median time of a run.

        Parameters
        ----------
        sess, op_or_tensor, feed_dict : what to run.
        burn_iters : runs before the measured ones.
        min_iters : measured runs.
        store_trace, store_memory_usage : taken and ignored.
        name, extras : for the report.
        mbs : megabytes that a run moves, for the throughput.

        Returns
        -------
        The report as a dictionary.
        """
        fetch = getattr(op_or_tensor, "op", op_or_tensor)  # results are not copied out
        for _ in range(burn_iters):
            sess.run(fetch, feed_dict)
        times = []
        for _ in range(min_iters):
            start = time.perf_counter()
            sess.run(fetch, feed_dict)
            times.append(time.perf_counter() - start)
        median = float(np.median(times)) if times else -1.0
        report: dict[str, Any] = {
            "iters": min_iters, "wall_time": median, "name": name, "extras": dict(extras or {}),
            "throughput": mbs / median if mbs and times else -1.0,
        }  # fmt: skip
        self.report_benchmark(min_iters, None, median, report["throughput"], extras, name)
        return report


class Captured:
    """The text that a stream was given while it wrote into a file."""

    def __init__(self, stream: Any, file: Any) -> None:
        self._stream, self._file = stream, file
        self._text: str | None = None

    def contents(self) -> str:
        """Return all that was written so far."""
        if self._text is not None:
            return self._text
        self._stream.flush()
        self._file.seek(0)
        return str(self._file.read().decode(errors="replace"))

    def close(self) -> None:
        """Keep what was written: the file goes."""
        self._text = self.contents()


class CheckedThread:
    """A thread of a test, which hands an error of its function to the test."""

    def __init__(
        self, case: unittest.TestCase, target: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        self._case, self._call = case, functools.partial(target, *args, **kwargs)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # raised again in `join`
            self._error = error

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end; an error of the function fails the test."""
        self._thread.join()
        if self._error is not None:
            self._case.fail(f"error in a checked thread: {self._error!r}")

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()
