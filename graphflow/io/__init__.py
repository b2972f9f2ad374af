"""Reading and decoding: TensorFlow's `tf.io`."""

from graphflow.io import gfile
from graphflow.ops.files import matching_files, read_file, write_file
from graphflow.ops.image_coding import (
    decode_and_crop_jpeg,
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
    extract_jpeg_shape,
    is_jpeg,
)
from graphflow.ops.sparse_serialization import (
    deserialize_many_sparse,
    serialize_many_sparse,
    serialize_sparse,
)
from graphflow.ops.text_conversions import (
    decode_base64,
    decode_csv,
    decode_raw,
    encode_base64,
    parse_tensor,
    serialize_tensor,
)
from graphflow.ops.text_decoding import decode_compressed, decode_json_example

_RECORDS = ("TFRecordCompressionType", "TFRecordOptions", "TFRecordWriter", "tf_record_iterator")
_SEQUENCES = ("parse_sequence_example", "parse_single_sequence_example")
_QUEUES = ("QueueBase", "FIFOQueue", "PaddingFIFOQueue", "PriorityQueue", "RandomShuffleQueue")
_EXAMPLES = (
    "FixedLenFeature", "FixedLenSequenceFeature", "SparseFeature", "VarLenFeature", "parse_example",
    "parse_single_example",
)  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _EXAMPLES:
        from graphflow.data import examples  # most programs read none

        return getattr(examples, name)
    if name in _SEQUENCES:
        from graphflow.data import sequence_examples

        return getattr(sequence_examples, name)
    if name in _RECORDS:
        from graphflow import python_io

        return getattr(python_io, name)
    if name in _QUEUES:
        from graphflow.data import queues

        return getattr(queues, name)
    if name == "match_filenames_once":
        from graphflow.data.producers import match_filenames_once

        return match_filenames_once
    if name == "write_graph":
        from graphflow.train.meta_graph import write_graph

        return write_graph
    raise AttributeError(f"module 'graphflow.io' has no attribute {name!r}")


__all__ = [
    "decode_and_crop_jpeg", "decode_base64", "decode_bmp", "decode_compressed",
    "decode_csv", "decode_gif", "decode_image", "decode_jpeg", "decode_json_example", "decode_png",
    "decode_raw", "deserialize_many_sparse",
    "encode_base64", "encode_jpeg", "encode_png", "extract_jpeg_shape", "gfile", "is_jpeg",
    "matching_files", "parse_tensor", "read_file", "serialize_many_sparse", "serialize_sparse",
    "serialize_tensor", "write_file",
]  # fmt: skip
