"""Checkpoints, format V2: ``PREFIX.index``, a table of what there is, ``PREFIX.data-…``, the bytes.

Written to temporary files that take their names when they are complete, the index last: so a crash
leaves the checkpoint that was there, or the new one. Format: tensorflow/core/util/tensor_bundle.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphflow.checkpoint.crc32c import crc32c, mask, masked_crc32c
from graphflow.checkpoint.table import read_table, read_varint, varint, write_table
from graphflow.errors import DataLossError, InvalidArgumentError, NotFoundError
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.protos import message

Array = np.ndarray[Any, Any]
HEADER_KEY = b""


def index_path(prefix: str) -> str:
    """The index file of a checkpoint."""
    return f"{prefix}.index"


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
        with open(data + suffix, "wb") as file:
            for name in sorted(tensors):
                entry = _write_tensor(file, name, tensors[name])
                entries[name.encode()] = entry.SerializeToString()
            _settle(file)
        with open(index + suffix, "wb") as file:
            file.write(write_table(entries))
            _settle(file)
        if os.path.exists(index):
            os.remove(index)  # of an older checkpoint of that name, whose data goes now
        os.replace(data + suffix, data)
        os.replace(index + suffix, index)
    finally:
        for path in (data + suffix, index + suffix):
            if os.path.exists(path):
                os.remove(path)


def _settle(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_tensor(file: Any, name: str, array: Array) -> Any:
    entry = message("BundleEntryProto")(offset=file.tell())
    array = np.asarray(array)
    dtype = as_dtype(array.dtype)
    if dtype.kind == "resource":
        raise InvalidArgumentError(None, None, f"{name}: a checkpoint cannot hold {array.dtype}")
    entry.dtype = dtype.as_datatype_enum
    for size in array.shape:
        entry.shape.dim.add(size=size)
    entry.shape.SetInParent()
    content: Any
    if dtype.kind == "string":
        content, checksum = _packed_texts(array)
    else:
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        checksum = masked_crc32c(np.frombuffer(content, np.uint8)) if array.size else mask(0)
    file.write(content)
    entry.size = len(content)
    entry.crc32c = checksum
    return entry


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
        try:
            with open(index_path(prefix), "rb") as file:
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
