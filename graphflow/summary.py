"""``tf.summary``: what TensorBoard shows."""

from typing import Any

from graphflow.ops.summaries import (
    audio,
    histogram,
    image,
    merge,
    merge_all,
    scalar,
    tensor_summary,
    text,
)
from graphflow.train.events import FileWriter, FileWriterCache

_MESSAGES = ("Event", "SessionLog", "Summary", "TaggedRunMetadata")


def initialize(graph: Any = None, session: Any = None) -> None:
    """Do nothing: there is no writer that runs in the graph."""


def get_summary_description(node_def: Any) -> Any:
    """The description of a tensor summary's node."""
    from graphflow.protos import message

    if node_def.op not in ("TensorSummary", "TensorSummaryV2"):
        raise ValueError(f"Can't get_summary_description on {node_def.op}")
    return message("SummaryMetadata")()


def __getattr__(name: str) -> Any:
    if name in _MESSAGES:
        from graphflow.protos import message

        return message(name)
    raise AttributeError(f"module 'graphflow.summary' has no attribute {name!r}")


__all__ = [
    "FileWriter", "FileWriterCache", "audio", "get_summary_description", "histogram", "image",
    "initialize", "merge", "merge_all", "scalar", "tensor_summary", "text",
]  # fmt: skip
