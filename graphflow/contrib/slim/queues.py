"""`slim.queues`: threads of queue runners for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphflow.data.coordinator import Coordinator, start_queue_runners
from graphflow.graph.default import get_default_graph
from graphflow.ops.variable_lists import local_variables_initializer

__all__ = ["NestedQueueRunnerError", "QueueRunners"]


class NestedQueueRunnerError(Exception):
    """Threads were started in a block that has threads already."""


_STARTED = ("__slim_queue_runners",)


@contextmanager
def QueueRunners(session: Any) -> Iterator[None]:  # TensorFlow's name
    """Start the graph's queue runners in a session, and stop them at the end.

    Raises
    ------
    NestedQueueRunnerError : this is inside of such a block.
    """
    started = get_default_graph().get_collection_ref(_STARTED)
    if started:
        raise NestedQueueRunnerError("Queue runners were started already")
    started.append(True)
    coordinator = Coordinator()
    try:
        session.run(local_variables_initializer())
        threads = start_queue_runners(session, coordinator)
        yield
    finally:
        started.clear()
    coordinator.request_stop()
    coordinator.join(threads, stop_grace_period_secs=120)
