"""``tf.python_io``: record files without a graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphflow.checkpoint.records import RecordWriter, read_records


class TFRecordCompressionType:
    """How a record file is compressed."""

    NONE, ZLIB, GZIP = 0, 1, 2


_NAMES = {0: "", 1: "ZLIB", 2: "GZIP", "": "", "ZLIB": "ZLIB", "GZIP": "GZIP", None: ""}


class TFRecordOptions:
    """Options of record files: the compression, by number or by name."""

    compression_type_map = {0: "", 1: "ZLIB", 2: "GZIP"}  # noqa: RUF012  # TensorFlow's attribute

    def __init__(self, compression_type: Any = None, **unused: Any) -> None:
        if compression_type not in _NAMES:
            raise ValueError(f"compression_type: {compression_type}")
        self.compression_type = compression_type

    @classmethod
    def get_compression_type_string(cls, options: Any) -> str:
        """The compression's name; empty for none."""
        return _NAMES[options.compression_type if isinstance(options, cls) else options]


class TFRecordWriter(RecordWriter):
    """Writes records into a new file."""

    def __init__(self, path: str, options: Any = None) -> None:
        super().__init__(path, TFRecordOptions.get_compression_type_string(options))


def tf_record_iterator(path: str, options: Any = None) -> Iterator[bytes]:
    """The records of a file."""
    return read_records(path, TFRecordOptions.get_compression_type_string(options))
