"""Event files, which TensorBoard reads."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

from graphflow.graph.graph import Graph
from graphflow.graph.graph_def import graph_to_proto
from graphflow.protos import message

FILE_VERSION = "brain.Event:2"


class EventFileWriter:
    """Appends `Event` messages to a new file of a folder.

    Parameters
    ----------
    logdir : the folder, made if need be.
    flush_secs : the longest time that an event waits to be written.
    filename_suffix : added to the file's name.
    """

    def __init__(self, logdir: str, max_queue: int = 10, flush_secs: float = 120,
                 filename_suffix: str | None = None) -> None:  # fmt: skip
        self._logdir = os.fspath(logdir)
        self._suffix, self._flush_secs = filename_suffix or "", flush_secs
        self._max_queue = max_queue
        self._writer: Any = None
        self._open()

    def _open(self) -> None:
        from graphflow.checkpoint.records import RecordWriter

        os.makedirs(self._logdir, exist_ok=True)
        stamp = f"{int(time.time()):010d}.{socket.gethostname()}"
        path = os.path.join(self._logdir, f"events.out.tfevents.{stamp}{self._suffix}")
        if os.path.exists(path):
            path += f".{uuid.uuid4().hex[:8]}"
        self._writer = RecordWriter(path)
        self._last_flush, self._waiting = time.monotonic(), 0
        self.add_event(message("Event")(wall_time=time.time(), file_version=FILE_VERSION))
        self.flush()

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def add_event(self, event: Any) -> None:
        """Append an event."""
        if self._writer is None:
            raise RuntimeError("an event is added to a writer that is closed")
        self._writer.write(event.SerializeToString())
        self._waiting += 1
        late = time.monotonic() - self._last_flush > self._flush_secs
        if late or self._waiting >= self._max_queue:
            self.flush()

    def flush(self) -> None:
        """Bring everything to the file."""
        if self._writer is not None:
            self._writer.flush()
            self._last_flush, self._waiting = time.monotonic(), 0

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def reopen(self) -> None:
        """Begin another file after `close`."""
        if self._writer is None:
            self._open()


class FileWriter:
    """Writes summaries, graphs and run metadata to event files (``tf.summary.FileWriter``).

    Parameters
    ----------
    logdir : the folder.
    graph : a Graph to write at once.
    flush_secs, max_queue, filename_suffix : see `EventFileWriter`.
    """

    def __init__(self, logdir: str, graph: Graph | None = None, max_queue: int = 10,
                 flush_secs: float = 120, graph_def: Any = None, filename_suffix: str | None = None,
                 session: Any = None) -> None:  # fmt: skip
        self.event_writer = EventFileWriter(logdir, max_queue, flush_secs, filename_suffix)
        self._seen: set[str] = set()
        if graph is not None or graph_def is not None:
            self.add_graph(graph if graph is not None else graph_def)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def _add(self, global_step: Any, **what: Any) -> None:
        event = message("Event")(wall_time=time.time(), **what)
        if global_step is not None:
            event.step = int(global_step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Append a Summary, or the bytes of one.

        A tag's metadata (which plugin shows it) is written with its first value only.
        """
        proto = message("Summary")()
        if isinstance(summary, bytes):
            proto.ParseFromString(summary)
        else:
            proto.CopyFrom(summary)
        for value in proto.value:
            if not value.HasField("metadata"):
                continue
            if value.tag in self._seen:
                value.ClearField("metadata")
            self._seen.add(value.tag)
        self._add(global_step, summary=proto)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Append a Graph or a GraphDef.

        Raises
        ------
        TypeError : it is neither.
        """
        graph = graph if graph is not None else graph_def
        if isinstance(graph, Graph):
            graph = graph_to_proto(graph, add_shapes=True)
        if not hasattr(graph, "SerializeToString"):
            raise TypeError(
                "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"
            )
        self._add(global_step, graph_def=graph.SerializeToString())

    def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Append a MetaGraphDef."""
        self._add(global_step, meta_graph_def=meta_graph_def.SerializeToString())

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Append a SessionLog."""
        self._add(global_step, session_log=session_log)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Append a run's metadata under a tag, once for each tag."""
        if tag in self._seen:
            raise ValueError(f"The provided tag was already used for this event type: {tag}")
        self._seen.add(tag)
        tagged = message("TaggedRunMetadata")(tag=tag)
        tagged.run_metadata = run_metadata.SerializeToString()
        self._add(global_step, tagged_run_metadata=tagged)

    def add_event(self, event: Any) -> None:
        """Append an Event."""
        self.event_writer.add_event(event)

    def flush(self) -> None:
        """Bring everything to the file."""
        self.event_writer.flush()

    def close(self) -> None:
        """End the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Begin another file after `close`."""
        self.event_writer.reopen()


def summary_iterator(path: str) -> Iterator[Any]:
    """Yield the Events of an event file.

    Raises
    ------
    errors.NotFoundError, errors.DataLossError : there is no such file, or it is damaged.
    """
    from graphflow.checkpoint.records import read_records

    for record in read_records(path):
        event = message("Event")()
        event.ParseFromString(record)
        yield event


_writers: dict[str, FileWriter] = {}


class FileWriterCache:
    """One writer a folder."""

    @staticmethod
    def get(logdir: str) -> FileWriter:
        """The folder's writer."""
        if logdir not in _writers:
            from graphflow.graph.default import get_default_graph

            _writers[logdir] = FileWriter(logdir, graph=get_default_graph())
        return _writers[logdir]

    @staticmethod
    def clear() -> None:
        """Close all."""
        for writer in _writers.values():
            writer.close()
        _writers.clear()
