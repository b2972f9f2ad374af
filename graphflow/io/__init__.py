"""Reading and decoding: TensorFlow's `tf.io`."""

from graphflow.io import gfile
from graphflow.ops.files import matching_files, read_file, write_file
from graphflow.ops.text_conversions import (
    decode_base64,
    decode_csv,
    decode_raw,
    encode_base64,
    parse_tensor,
    serialize_tensor,
)

__all__ = [
    "decode_base64", "decode_csv", "decode_raw", "encode_base64", "gfile", "matching_files",
    "parse_tensor", "read_file", "serialize_tensor", "write_file",
]  # fmt: skip
