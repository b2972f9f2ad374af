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
from graphflow.ops.text_conversions import (
    decode_base64,
    decode_csv,
    decode_raw,
    encode_base64,
    parse_tensor,
    serialize_tensor,
)

__all__ = [
    "decode_and_crop_jpeg", "decode_base64", "decode_bmp", "decode_csv", "decode_gif",
    "decode_image", "decode_jpeg", "decode_png", "decode_raw", "encode_base64", "encode_jpeg",
    "encode_png", "extract_jpeg_shape", "gfile", "is_jpeg", "matching_files",
    "parse_tensor", "read_file", "serialize_tensor", "write_file",
]  # fmt: skip
