"""Data sets that read files: lines of text, records, records of one length."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.checkpoint.records import read_records
from graphflow.data.counts import counted
from graphflow.data.dataset import Dataset
from graphflow.data.functions import TensorSpec
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import int64, string
from graphflow.ops.strings import object_array
from graphflow.system_files import as_op_errors

Array = np.ndarray[Any, Any]


def _text(data: bytes) -> tuple[Array]:
    return (object_array((), [data]),)


def _of_files(filenames: Any, read: Callable[[str], Iterator[bytes]], extra: Any = ()) -> Dataset:
    names = convert_to_tensor(filenames, dtype=string, name="filenames")

    def walk(values: Any) -> Iterator[tuple[Array]]:
        for name in np.asarray(values[names], object).ravel():
            for record in read(name.decode()):
                yield _text(record)

    return Dataset(TensorSpec(string, []), [names, *extra], walk)


def opened(name: str, compression: Any) -> Any:
    """A file of bytes, uncompressed; NotFoundError when there is none."""
    kind = compression if compression in ("GZIP", "ZLIB") else ""
    with as_op_errors(name):
        if kind == "GZIP":
            return gzip.open(name, "rb")
        file = open(name, "rb")  # closed by the reader
    if kind == "ZLIB":
        import io

        with file:
            return io.BytesIO(zlib.decompress(file.read()))
    return file


@counted(4)
def TextLineDataset(
    filenames: Any, compression_type: Any = None, buffer_size: Any = None,
    num_parallel_reads: Any = None,
) -> Dataset:  # fmt: skip
    """The lines of files, without their ends."""

    def read(name: str) -> Iterator[bytes]:
        with opened(name, compression_type) as file:
            for line in file:
                yield line.removesuffix(b"\n").removesuffix(b"\r")

    return _of_files(filenames, read)


@counted(4)
def TFRecordDataset(
    filenames: Any, compression_type: Any = None, buffer_size: Any = None,
    num_parallel_reads: Any = None,
) -> Dataset:  # fmt: skip
    """The records of record files."""
    kind = compression_type if isinstance(compression_type, str) else ""
    return _of_files(filenames, lambda name: read_records(name, kind))


@counted(1)
def FixedLengthRecordDataset(
    filenames: Any, record_bytes: Any, header_bytes: Any = None, footer_bytes: Any = None,
    buffer_size: Any = None, compression_type: Any = None, num_parallel_reads: Any = None,
) -> Dataset:  # fmt: skip
    """Records of so many bytes each, between a header and a footer."""
    sizes = [convert_to_tensor(s or 0, dtype=int64)
             for s in (record_bytes, header_bytes, footer_bytes)]  # fmt: skip
    names = convert_to_tensor(filenames, dtype=string, name="filenames")

    def walk(values: Any) -> Iterator[tuple[Array]]:
        size, head, foot = (int(values[s]) for s in sizes)
        for name in np.asarray(values[names], object).ravel():
            with opened(name.decode(), compression_type) as file:
                data = file.read()
            body = data[head : len(data) - foot]
            if size < 1 or len(body) % size:
                raise errors.InvalidArgumentError(
                    None, None, f"{name.decode()}: {len(body)} bytes are no records of {size}"
                )
            for start in range(0, len(body), size):
                yield _text(body[start : start + size])

    return Dataset(TensorSpec(string, []), [names, *sizes], walk)
