"""Traces as Chrome's viewer (chrome://tracing) and Perfetto read them: the package's one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphflow.runtime.protos import StepStats


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

    def data(self) -> dict[str, Any]:
        """The trace as plain data."""
        return {"traceEvents": self.events}

    def text(self) -> str:
        """The trace as JSON."""
        return json.dumps(self.data())


def step_stats_trace(step_stats: StepStats) -> ChromeTrace:
    """The trace of a run's step statistics: one process for each device."""
    trace = ChromeTrace()
    for number, device in enumerate(step_stats.dev_stats):
        trace.process(number, device.device)
        for node in device.node_stats:
            trace.span(
                node.node_name, "Op", (number, node.thread_id), node.all_start_micros,
                node.op_end_rel_micros, {"name": node.node_name, "op": node.timeline_label},
            )  # fmt: skip
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
        """The trace as JSON; what the flags ask for is not kept, as kernels are not single ops."""
        return step_stats_trace(self._step_stats).text()
