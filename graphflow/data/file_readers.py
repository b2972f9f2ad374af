"""Readers: operations that give the records of files whose names come from a queue.

A reader's place in its files is kept by session, as the content of a queue is.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.checkpoint.records import read_records
from graphflow.data.queue_contents import state_of
from graphflow.data.queues import QueueBase, define_call, define_handle, handle_shape
from graphflow.data.readers import opened
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import int64, resource, string
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.strings import object_array
from graphflow.protos import message

Array = np.ndarray[Any, Any]
Record = tuple[bytes, bytes]  # a key, which says where it is from, and the content
Walk = Callable[[str], Iterator[Record]]
_SCALAR = TensorShape([])
_RECORD_OVERHEAD = 16  # bytes of a record file beside a record's content


# ---- files, by kind of reader


def _lines(maker: Operation) -> Walk:
    skipped = int(maker.attrs.get("skip_header_lines", 0))

    def walk(name: str) -> Iterator[Record]:
        with opened(name, None) as file:
            for number, line in enumerate(file, start=1):
                if number > skipped:
                    yield f"{name}:{number}".encode(), line.rstrip(b"\n").removesuffix(b"\r")

    return walk


def _whole(maker: Operation) -> Walk:
    def walk(name: str) -> Iterator[Record]:
        with opened(name, None) as file:
            yield name.encode(), file.read()

    return walk


def _names(maker: Operation) -> Walk:
    return lambda name: iter([(name.encode(), name.encode())])


def _records(maker: Operation) -> Walk:
    kind = maker.attrs.get("compression_type", "")

    def walk(name: str) -> Iterator[Record]:
        offset = 0
        for record in read_records(name, kind):
            yield f"{name}:{offset}".encode(), record
            offset += len(record) + _RECORD_OVERHEAD

    return walk


def _parts(maker: Operation) -> Walk:
    attrs = maker.attrs
    size = int(attrs["record_bytes"])
    head, foot = int(attrs.get("header_bytes", 0)), int(attrs.get("footer_bytes", 0))
    hop = int(attrs.get("hop_bytes", 0)) or size

    def walk(name: str) -> Iterator[Record]:
        with opened(name, attrs.get("encoding", "")) as file:
            data = file.read()
        for number, start in enumerate(range(head, len(data) - foot - size + 1, hop)):
            yield f"{name}:{number}".encode(), data[start : start + size]

    return walk


_KINDS: dict[str, Callable[[Operation], Walk]] = {
    "TextLineReader": _lines,
    "WholeFileReader": _whole,
    "IdentityReader": _names,
    "TFRecordReader": _records,
    "FixedLengthRecordReader": _parts,
}
_ONE_RECORD = ("WholeFileReader", "IdentityReader")  # a file is over with its first


# ---- what a reader has come to


class _Place:
    """Where a reader is, in one session."""

    def __init__(self, maker: Operation) -> None:
        self.kind = maker.type.removesuffix("V2")
        self.requests: dict[str, Any] = {}
        self.walk = _KINDS[self.kind](maker)
        self.lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Forget all that was read."""
        self.current: Iterator[Record] | None = None
        self.name = ""
        self.started = self.finished = self.produced = 0

    def read(self, count: int, op: Operation) -> list[Record]:
        """The next records, of one file; the next file's name is waited for."""
        with self.lock:
            while True:
                if self.current is None:
                    ((name,),) = state_of(op, 1).here().take(1, op)
                    self.name = np.asarray(name, object).item().decode()
                    self.current = self.walk(self.name)
                    self.started += 1
                found = list(itertools.islice(self.current, count))
                self.produced += len(found)
                if len(found) < count or self.kind in _ONE_RECORD:
                    self.current, self.finished = None, self.finished + 1
                if found:
                    return found

    def state(self, op: Operation) -> Any:
        """The place as a message; an UnimplementedError for readers that are within a file."""
        if self.kind != "IdentityReader":
            raise errors.UnimplementedError(None, op, "Reader SerializeState")
        return message("ReaderBaseState")(
            work_started=self.started, work_finished=self.finished,
            num_records_produced=self.produced, current_work=self.name.encode(),
        )  # fmt: skip

    def restore(self, data: bytes, op: Operation) -> None:
        """Go to a place that `state` gave."""
        from google.protobuf.message import DecodeError

        if self.kind != "IdentityReader":
            raise errors.UnimplementedError(None, op, "Reader RestoreState")
        state = message("ReaderBaseState")()
        try:
            state.ParseFromString(data)
            known = state.SerializeToString() == data
        except DecodeError:
            known = False
        counts = (state.work_started, state.work_finished, state.num_records_produced)
        if not known or min(counts) < 0 or state.work_started < state.work_finished:
            text = f"Could not parse state for {op.inputs[0].op.name}: {data!r}"
            raise errors.InvalidArgumentError(None, op, text)
        self.started, self.finished, self.produced = counts
        self.name = state.current_work.decode()
        self.current = self.walk(self.name) if self.started > self.finished else None


def _place(op: Operation) -> _Place:
    found: _Place = state_of(op).here()
    return found


def _read(op: Operation, queue: Array) -> list[Array]:
    ((key, value),) = _place(op).read(1, op)
    return [object_array((), [key]), object_array((), [value])]


def _read_up_to(op: Operation, queue: Array, count: Array) -> list[Array]:
    if count < 1:
        raise errors.InvalidArgumentError(None, op, f"num_records must be positive, got {count}")
    found = _place(op).read(int(count), op)
    return [object_array((len(found),), column) for column in zip(*found, strict=True)]


def _produced(op: Operation) -> list[Array]:
    return [np.asarray(_place(op).produced, np.int64)]


def _finished(op: Operation) -> list[Array]:
    return [np.asarray(_place(op).finished, np.int64)]


def _serialize(op: Operation) -> list[Array]:
    return [object_array((), [_place(op).state(op).SerializeToString()])]


def _restore(op: Operation, state: Array) -> list[Array]:
    if state.ndim:
        text = f"Reader state must be scalar, but had shape: {list(state.shape)}"
        raise errors.InvalidArgumentError(None, op, text)
    place = _place(op)
    with place.lock:
        place.restore(np.asarray(state, object).item(), op)
    return []


def _reset(op: Operation) -> list[Array]:
    place = _place(op)
    with place.lock:
        place.begin()
    return []


def _define(version: str, handle: Any) -> None:
    """Define the operations of one version; they differ in the type of the handle only."""
    for kind in _KINDS:
        define_handle(f"{kind}{version}", _Place, handle, handle_shape(handle))
    define_call(f"ReaderRead{version}", _read, [(string, _SCALAR)] * 2)
    define_call(f"ReaderReadUpTo{version}", _read_up_to, [(string, TensorShape([None]))] * 2)
    define_call(f"ReaderNumRecordsProduced{version}", _produced, [(int64, _SCALAR)])
    define_call(f"ReaderNumWorkUnitsCompleted{version}", _finished, [(int64, _SCALAR)])
    define_call(f"ReaderSerializeState{version}", _serialize, [(string, _SCALAR)])
    define_call(f"ReaderRestoreState{version}", _restore)
    define_call(f"ReaderReset{version}", _reset)


_define("V2", resource)
_define("", string)  # of graphs that programs before TensorFlow 1.1 wrote

_READER, _QUEUE = "reader_handle: resource", "queue_handle: resource"
_READ = Signature("ReaderReadV2", _READER, _QUEUE)
_READ_UP_TO = Signature("ReaderReadUpToV2", _READER, _QUEUE, "num_records: int64")
_PRODUCED = Signature("ReaderNumRecordsProducedV2", _READER)
_FINISHED = Signature("ReaderNumWorkUnitsCompletedV2", _READER)
_SERIALIZE = Signature("ReaderSerializeStateV2", _READER)
_RESTORE = Signature("ReaderRestoreStateV2", _READER, "state: string")
_RESET = Signature("ReaderResetV2", _READER)


# ---- the classes


class ReaderBase:
    """Reads records of the files whose names a queue gives.

    Attributes
    ----------
    reader_ref : the handle.
    supports_serialize : whether its place can be written down.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/ReaderBase
    """

    def __init__(self, reader_ref: Tensor, supports_serialize: bool = False) -> None:
        self.reader_ref, self.supports_serialize = reader_ref, supports_serialize

    def read(self, queue: QueueBase | Tensor, name: str | None = None) -> tuple[Tensor, Tensor]:
        """The next record's key and content."""
        key, value = _READ(self.reader_ref, _handle(queue), name=name).outputs
        return key, value

    def read_up_to(
        self, queue: QueueBase | Tensor, num_records: Any, name: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next records' keys and contents: so many, fewer where a file ends."""
        made = _READ_UP_TO(self.reader_ref, _handle(queue), num_records, name=name)
        keys, values = made.outputs
        return keys, values

    def num_records_produced(self, name: str | None = None) -> Tensor:
        """How many records were read."""
        return _PRODUCED(self.reader_ref, name=name).outputs[0]

    def num_work_units_completed(self, name: str | None = None) -> Tensor:
        """How many files were read to their end."""
        return _FINISHED(self.reader_ref, name=name).outputs[0]

    def serialize_state(self, name: str | None = None) -> Tensor:
        """The reader's place as text; an IdentityReader has one only."""
        return _SERIALIZE(self.reader_ref, name=name).outputs[0]

    def restore_state(self, state: Any, name: str | None = None) -> Operation:
        """An operation that goes to a place which `serialize_state` gave."""
        state = convert_to_tensor(state, dtype=string)
        if state.shape.rank:
            raise ValueError(f"Shape must be rank 0 but is rank {state.shape.rank}")
        return _RESTORE(self.reader_ref, state, name=name)

    def reset(self, name: str | None = None) -> Operation:
        """An operation that begins anew with the next file."""
        return _RESET(self.reader_ref, name=name)


def _handle(queue: QueueBase | Tensor) -> Tensor:
    return queue if isinstance(queue, Tensor) else queue.queue_ref


def _made(kind: str, name: str | None, **attrs: Any) -> Tensor:
    attrs |= {"container": "", "shared_name": ""}
    return Signature(f"{kind}V2")(name=name or f"{kind}V2", **attrs).outputs[0]


class TextLineReader(ReaderBase):
    """Lines of files, without their ends."""

    def __init__(self, skip_header_lines: int | None = None, name: str | None = None) -> None:
        skipped = skip_header_lines or 0
        super().__init__(_made("TextLineReader", name, skip_header_lines=skipped))


class WholeFileReader(ReaderBase):
    """Files as a whole."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(_made("WholeFileReader", name), True)


class IdentityReader(ReaderBase):
    """The names themselves, as keys and contents."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(_made("IdentityReader", name), True)


class TFRecordReader(ReaderBase):
    """Records of record files."""

    def __init__(self, name: str | None = None, options: Any = None) -> None:
        from graphflow.python_io import TFRecordOptions

        kind = TFRecordOptions.get_compression_type_string(options)
        super().__init__(_made("TFRecordReader", name, compression_type=kind))


class FixedLengthRecordReader(ReaderBase):
    """Records of one length, each `hop_bytes` after the one before; its own length when zero."""

    def __init__(
        self, record_bytes: int, header_bytes: int | None = None, footer_bytes: int | None = None,
        hop_bytes: int | None = None, name: str | None = None, encoding: Any = None,
    ) -> None:  # fmt: skip
        made = _made(
            "FixedLengthRecordReader", name, record_bytes=record_bytes,
            header_bytes=header_bytes or 0, footer_bytes=footer_bytes or 0,
            hop_bytes=hop_bytes or 0, encoding=encoding or "",
        )  # fmt: skip
        super().__init__(made)
