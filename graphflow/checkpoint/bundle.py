"""Checkpoints, format V2: ``PREFIX.index``, a table of what there is, ``PREFIX.data-…``, the bytes.

Written to temporary files that take their names when they are complete, the index last. Where a
checkpoint of that name goes, a crash between the two names would leave the old index with new data:
so the new one waits beside it, and a reader takes it if it is that of the data. A crash thus leaves
the checkpoint that was there, or the new one. Format: tensorflow/core/util/tensor_bundle.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from graphflow.checkpoint.crc32c import crc32c, mask, masked_crc32c
from graphflow.checkpoint.table import read_table, read_varint, varint, write_table
from graphflow.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.protos import message
from graphflow.system_files import as_op_errors

Array = np.ndarray[Any, Any]
HEADER_KEY = b""
SETTLED_AT_ONCE = 16 << 20  # bytes after which the disk gets what there is


def index_path(prefix: str) -> str:
    """The index file of a checkpoint."""
    return f"{prefix}.index"


def pending_path(prefix: str) -> str:
    """An index that is to become the checkpoint's, as soon as its data have."""
    return f"{index_path(prefix)}.pending"


def data_path(prefix: str, shard: int = 0, shards: int = 1) -> str:
    """A data file of a checkpoint."""
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def checkpoint_exists(prefix: str) -> bool:
    """Whether there is a checkpoint of that prefix."""
    return os.path.exists(index_path(prefix))


def write_bundle(prefix: str, tensors: Mapping[str, Array]) -> None:
    """Write a checkpoint.

    Raises
    ------
    NotFoundError : the folder does not exist.
    InvalidArgumentError : an array of a type that checkpoints do not hold.
    ResourceExhaustedError : the disk is full; an older checkpoint of that name is as it was.
    """
    entries: dict[bytes, bytes] = {}
    header = message("BundleHeaderProto")(num_shards=1)
    header.version.producer = 1
    entries[HEADER_KEY] = header.SerializeToString()
    suffix = f".tempstate{uuid.uuid4().hex}"
    folder = os.path.dirname(prefix) or "."
    if not os.path.isdir(folder):
        raise NotFoundError(None, None, f"{prefix}; No such file or directory")
    data, index = data_path(prefix), index_path(prefix)
    try:
        with as_op_errors(prefix), open(data + suffix, "wb") as file, _DataFile(file) as written:
            for name in sorted(tensors):
                written.add(name, tensors[name])
            entries.update(written.finish())
        with as_op_errors(prefix):
            with open(index + suffix, "wb") as file:
                file.write(write_table(entries))
                _settle(file)
            # A crash leaves the index of the data, old or new, under one of two names.
            os.replace(index + suffix, pending_path(prefix))
            os.replace(data + suffix, data)
            os.replace(pending_path(prefix), index)
    finally:
        for path in (data + suffix, index + suffix):
            if os.path.exists(path):
                os.remove(path)


def _settle(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


class _DataFile:
    """A data file being written: checksums, and the way to the disk, go on beside the writing."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.pool = ThreadPoolExecutor(2)
        self.entries: list[tuple[str, Any, Future[int]]] = []
        self.settling: list[Future[None]] = []
        self.unsettled = 0

    def __enter__(self) -> _DataFile:
        return self

    def __exit__(self, *failure: Any) -> None:
        self.pool.shutdown(cancel_futures=True)

    def add(self, name: str, array: Array) -> None:
        """Write a tensor."""
        entry = message("BundleEntryProto")(offset=self.file.tell())
        array = np.asarray(array)
        dtype = as_dtype(array.dtype)
        if dtype.kind == "resource":
            text = f"{name}: a checkpoint cannot hold {array.dtype}"
            raise InvalidArgumentError(None, None, text)
        entry.dtype = dtype.as_datatype_enum
        for size in array.shape:
            entry.shape.dim.add(size=size)
        entry.shape.SetInParent()
        content: Any
        if dtype.kind == "string":
            content, checksum = _packed_texts(array)
            checked = self.pool.submit(lambda: checksum)
        else:
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
            checked = self.pool.submit(masked_crc32c, content)
        self.file.write(content)
        entry.size = len(content)
        self.entries.append((name, entry, checked))
        self.unsettled += len(content)
        if self.unsettled >= SETTLED_AT_ONCE:
            self.unsettled = 0
            self.file.flush()
            self.settling.append(self.pool.submit(os.fsync, self.file.fileno()))

    def finish(self) -> Iterator[tuple[bytes, bytes]]:
        """All entries of the index, when everything is on the disk."""
        for name, entry, checksum in self.entries:
            entry.crc32c = checksum.result()
            yield name.encode(), entry.SerializeToString()
        for settled in self.settling:
            settled.result()  # a disk that is full may say so there only
        _settle(self.file)


def _packed_texts(array: Array) -> tuple[bytes, int]:
    """Lengths, their checksum, then the texts; and the checksum of all of it."""
    texts = [t if isinstance(t, bytes) else str(t).encode() for t in array.ravel().tolist()]
    lengths = b"".join(varint(len(t)) for t in texts)
    crc = 0
    for text in texts:
        crc = crc32c(struct.pack("<I", len(text)), crc)
    checksum = struct.pack("<I", mask(crc))
    crc = crc32c(checksum, crc)
    joined = b"".join(texts)
    return lengths + checksum + joined, mask(crc32c(joined, crc))


class BundleReader:
    """Reads a checkpoint.

    Raises
    ------
    NotFoundError : there is none.
    DataLossError : its index is damaged.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        if not self._finds_pending():
            self._load(index_path(prefix))

    def _finds_pending(self) -> bool:
        """Whether an index that was left waiting is that of the data; it is loaded then."""
        path = pending_path(self.prefix)
        if not (os.path.exists(path) and checkpoint_exists(self.prefix)):
            return False
        try:
            self._load(path)
            for name in self.entries:
                self.read(name)
        except OpError:
            return False
        return True

    def _load(self, path: str) -> None:
        prefix = self.prefix
        try:
            with open(path, "rb") as file:
                table = read_table(file.read())
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(
                None, None,
                f"Unsuccessful TensorSliceReader constructor: Failed to find any matching files "
                f"for {prefix}",
            ) from None  # fmt: skip
        header = _parsed("BundleHeaderProto", table.pop(HEADER_KEY, b""))
        self.shards = max(header.num_shards, 1)
        if header.endianness != 0:
            raise DataLossError(None, None, f"{prefix} was written on a big-endian machine")
        self.entries = {
            name.decode(errors="surrogateescape"): _parsed("BundleEntryProto", value)
            for name, value in table.items()
        }

    def shape(self, name: str) -> list[int]:
        """A tensor's shape."""
        return [dim.size for dim in self.entry(name).shape.dim]

    def dtype(self, name: str) -> DType:
        """A tensor's element type."""
        return as_dtype(self.entry(name).dtype)

    def entry(self, name: str) -> Any:
        try:
            return self.entries[name]
        except KeyError:
            raise NotFoundError(None, None, f"Key {name} not found in checkpoint") from None

    def read(self, name: str) -> Array:
        """A tensor's value.

        Raises
        ------
        NotFoundError : the checkpoint does not have it.
        DataLossError : its bytes are damaged or missing.
        """
        entry, shape, dtype = self.entry(name), self.shape(name), self.dtype(name)
        with open(data_path(self.prefix, entry.shard_id, self.shards), "rb") as file:
            file.seek(0, os.SEEK_END)
            if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > file.tell():
                raise DataLossError(None, None, f"{name}: the data file is too short")
            file.seek(entry.offset)
            content = file.read(entry.size)
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if dtype.kind == "string":
            return _unpacked_texts(name, content, count, entry.crc32c).reshape(shape)
        if count < 0 or count * dtype.size != len(content):
            raise DataLossError(None, None, f"{name}: {len(content)} bytes for shape {shape}")
        if entry.crc32c != masked_crc32c(content):
            raise DataLossError(None, None, f"{name}: checksum does not match")
        return np.frombuffer(bytearray(content), dtype.numpy).reshape(shape)


def _parsed(name: str, data: bytes) -> Any:
    from google.protobuf.message import DecodeError

    found = message(name)()
    try:
        found.ParseFromString(data)
    except DecodeError as error:
        raise DataLossError(None, None, f"a damaged {name} in a checkpoint's index") from error
    return found


def _unpacked_texts(name: str, content: bytes, count: int, expected: int) -> Array:
    lengths, position, crc = [], 0, 0
    for _ in range(count):
        length, position = read_varint(content, position)
        lengths.append(length)
        crc = crc32c(struct.pack("<I", length), crc)
    stored = content[position : position + 4]
    if stored != struct.pack("<I", mask(crc)):
        raise DataLossError(None, None, f"{name}: the checksum of its lengths does not match")
    crc = crc32c(content[position:], crc32c(b"", crc)) if count else crc32c(stored, crc)
    position += 4
    if sum(lengths) != len(content) - position or mask(crc) != expected:
        raise DataLossError(None, None, f"{name}: checksum does not match")
    found = np.empty(count, object)
    for k, length in enumerate(lengths):
        found[k] = content[position : position + length]
        position += length
    return found
