"""`slim.prefetch_queue`: batches made ahead by a queue runner."""

from __future__ import annotations

from typing import Any

from graphflow import summary
from graphflow.data.coordinator import QueueRunner, add_queue_runner
from graphflow.data.queues import FIFOQueue, PaddingFIFOQueue
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.ops.casting import cast

__all__ = ["prefetch_queue"]


def prefetch_queue(
    tensors: Any, capacity: int = 8, num_threads: int = 1, dynamic_pad: bool = False,
    shared_name: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Return a queue of the values of tensors, a list or a dict, filled by threads.

    Parameters
    ----------
    capacity : how many wait.
    num_threads : how many fill it.
    dynamic_pad : values may differ in shape.
    """
    names = sorted(tensors) if isinstance(tensors, dict) else None
    listed = tensors if names is None else [tensors[key] for key in names]
    with name_scope(name, "prefetch_queue", list(listed)):
        parts = [convert_to_tensor(tensor) for tensor in listed]
        kind: Any = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        queue = kind(
            capacity, [p.dtype for p in parts], [p.shape for p in parts], names=names,
            shared_name=shared_name,
        )  # fmt: skip
        given = parts if names is None else dict(zip(names, parts, strict=True))
        add_queue_runner(QueueRunner(queue, [queue.enqueue(given)] * num_threads))
        share = cast(queue.size(), "float32") * (1.0 / capacity)
        summary.scalar(f"fraction_of_{capacity}_full", share)
        return queue
