"""Record files (TFRecord): length, its checksum, data, its checksum, one record after the other.

Event files and datasets of examples are such files. They may be compressed as a whole.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from graphflow.checkpoint.crc32c import masked_crc32c
from graphflow.errors import DataLossError
from graphflow.system_files import as_op_errors

COMPRESSIONS = ("", "GZIP", "ZLIB")


class RecordWriter:
    """Appends records to a new file.

    Parameters
    ----------
    path : the file; what was there is replaced.
    compression : "", "GZIP" or "ZLIB".
    """

    def __init__(self, path: str, compression: str = "") -> None:
        if compression not in COMPRESSIONS:
            raise ValueError(f"expected a compression of {COMPRESSIONS}, got {compression!r}")
        self._path = os.fspath(path)
        with as_op_errors(path):
            self._raw: Any = open(self._path, "wb")  # closed by `close`
        self._file: Any = gzip.GzipFile(fileobj=self._raw) if compression == "GZIP" else self._raw
        self._deflate = zlib.compressobj() if compression == "ZLIB" else None

    def write(self, record: bytes) -> None:
        """Append a record."""
        length = struct.pack("<Q", len(record))
        parts = (length, struct.pack("<I", masked_crc32c(length)), record,
                 struct.pack("<I", masked_crc32c(record)))  # fmt: skip
        data = b"".join(parts)
        with as_op_errors(self._path):
            self._file.write(data if self._deflate is None else self._deflate.compress(data))

    def flush(self) -> None:
        """Bring everything written so far to the file."""
        with as_op_errors(self._path):
            if self._deflate is not None:
                self._file.write(self._deflate.flush(zlib.Z_SYNC_FLUSH))
            self._file.flush()
            self._raw.flush()

    def close(self) -> None:
        """End the file."""
        if self._raw.closed:
            return
        with as_op_errors(self._path), self._raw:
            if self._deflate is not None:
                self._file.write(self._deflate.flush())
            self._file.close()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_records(path: str, compression: str = "") -> Iterator[bytes]:
    """The records of a file, one after the other.

    Raises
    ------
    NotFoundError : there is no such file.
    DataLossError : it is damaged or cut off.
    """
    with as_op_errors(path):
        file: Any = open(os.fspath(path), "rb")  # closed below
    with file:
        if compression == "GZIP":
            file = gzip.GzipFile(fileobj=file)
        elif compression == "ZLIB":
            file = _Inflated(file)
        yield from _records(file, path)


class _Inflated:
    """A file's content, decompressed as it is read."""

    def __init__(self, file: Any) -> None:
        self.file, self.inflate, self.ready = file, zlib.decompressobj(), b""

    def read(self, size: int) -> bytes:
        while len(self.ready) < size:
            chunk = self.file.read(1 << 16)
            if not chunk:
                break
            self.ready += self.inflate.decompress(chunk)
        found, self.ready = self.ready[:size], self.ready[size:]
        return found


def _records(file: Any, path: str) -> Iterator[bytes]:
    offset = 0
    while True:
        try:
            header = file.read(12)
        except (OSError, EOFError, zlib.error) as error:
            raise DataLossError(None, None, f"{path}: {error}") from error
        if not header:
            return
        if len(header) < 12 or struct.unpack("<I", header[8:])[0] != masked_crc32c(header[:8]):
            raise DataLossError(None, None, f"corrupted record at {offset}")
        (length,) = struct.unpack("<Q", header[:8])
        data = file.read(length)
        tail = file.read(4)
        if len(data) < length or len(tail) < 4:
            raise DataLossError(None, None, f"truncated record at {offset}")
        if struct.unpack("<I", tail)[0] != masked_crc32c(data):
            raise DataLossError(None, None, f"corrupted record at {offset}")
        yield data
        offset += length + 16
