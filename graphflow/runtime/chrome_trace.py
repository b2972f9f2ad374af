"""Traces as Chrome's viewer (chrome://tracing) and Perfetto read them: the package's one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphflow.runtime.protos import ALLOCATOR, StepStats


class ChromeTrace:
    """Spans of time in named lanes; a process of the viewer is a group of lanes."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def process(self, number: int, name: str) -> None:
        """Name a group of lanes."""
        self.events.append(
            {"name": "process_name", "ph": "M", "pid": number, "args": {"name": name}}
        )

    def lane(self, process: int, number: int, name: str) -> None:
        """Name a lane."""
        self.events.append(
            {"name": "thread_name", "ph": "M", "pid": process, "tid": number,
             "args": {"name": name}}
        )  # fmt: skip

    def span(
        self, name: str, category: str, place: tuple[int, int], began: float, length: float,
        arguments: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Add something that took time.

        Parameters
        ----------
        place : the process and the lane.
        began, length : in microseconds.
        arguments : what the viewer shows of it when it is chosen.
        """
        process, lane = place
        self.events.append(
            {
                "ph": "X", "cat": category, "pid": process, "tid": lane, "name": name,
                "ts": began, "dur": length, "args": dict(arguments),
            }
        )  # fmt: skip

    def counter(self, name: str, process: int, at: float, values: Mapping[str, float]) -> None:
        """Add the values of something that is counted, from a moment in microseconds on."""
        self.events.append(
            {
                "ph": "C", "cat": "Memory", "pid": process, "tid": 0, "name": name, "ts": at,
                "args": dict(values),
            }
        )  # fmt: skip

    def data(self) -> dict[str, Any]:
        """The trace as plain data."""
        return {"traceEvents": self.events}

    def text(self) -> str:
        """The trace as JSON."""
        return json.dumps(self.data())


def step_stats_trace(step_stats: StepStats, shows_memory: bool = False) -> ChromeTrace:
    """The trace of a run's step statistics: one process for each device, and its memory."""
    trace = ChromeTrace()
    for number, device in enumerate(step_stats.dev_stats):
        trace.process(number, device.device)
        for node in device.node_stats:
            began = node.all_start_nanos / 1000 or node.all_start_micros
            length = node.op_end_rel_nanos / 1000 or node.op_end_rel_micros
            trace.span(
                node.node_name, "Op", (number, node.thread_id), began, length,
                {"name": node.node_name, "op": node.timeline_label},
            )  # fmt: skip
            if shows_memory:
                used = {m.allocator_name: m.allocator_bytes_in_use for m in node.memory}
                trace.counter("bytes in use", number, began, used or {ALLOCATOR: 0})
    return trace


class Timeline:
    """Step statistics as a trace: TensorFlow's `timeline.Timeline`.

    Parameters
    ----------
    step_stats : a run's, from its RunMetadata.
    graph : accepted; the statistics say all that is shown.
    """

    def __init__(self, step_stats: StepStats, graph: Any = None) -> None:
        self._step_stats = step_stats

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False
    ) -> str:
        """The trace as JSON, with the arena's bytes in use at each step if memory is asked for.

        Which data flows from where is not in the statistics, as kernels are not single operations.
        """
        return step_stats_trace(self._step_stats, show_memory).text()
