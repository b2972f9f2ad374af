"""Texts that hold others: compressed ones, and Examples as JSON."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import string
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.strings import object_array, same_shape

__all__ = ["decode_compressed", "decode_json_example"]

Array = np.ndarray[Any, Any]
_NONE = "texts have no gradient"
_WINDOWS = {"ZLIB": zlib.MAX_WBITS, "GZIP": zlib.MAX_WBITS | 16}


def _decompressed(x: Array, compression_type: str) -> Array:
    if not compression_type:
        return x
    try:
        texts = [zlib.decompress(text, _WINDOWS[compression_type]) for text in x.ravel()]
    except zlib.error as error:
        raise ValueError(f"Failed to decompress: {error}") from None
    return object_array(x.shape, texts)


def _examples(x: Array) -> Array:
    from google.protobuf import json_format  # a heavy package

    from graphflow.protos import message

    texts = []
    for k, text in enumerate(x.ravel()):
        try:
            made = json_format.Parse(text, message("Example")())
        except json_format.ParseError:
            raise ValueError(f"Error while parsing JSON for example {k}") from None
        texts.append(made.SerializeToString())
    return object_array(x.shape, texts)


define_host_op(
    "DecodeCompressed", same_shape(string), _decompressed, lambda op, x: [x.shape],
    ("compression_type",), no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "DecodeJSONExample", same_shape(string), _examples, lambda op, x: [x.shape], no_gradient=_NONE
)
_DECOMPRESS = Signature("DecodeCompressed", "bytes: string")
_EXAMPLES = Signature("DecodeJSONExample", "json_examples: string")


def decode_compressed(bytes: Any, compression_type: str = "", name: str | None = None) -> Tensor:
    """Return texts decompressed.

    Parameters
    ----------
    compression_type : ``"ZLIB"``, ``"GZIP"``, or empty for texts that are not compressed.
    """
    if compression_type not in ("", *_WINDOWS):
        raise ValueError(f"expected compression_type ZLIB, GZIP or none, got {compression_type!r}")
    return _DECOMPRESS(bytes, name=name, compression_type=compression_type).outputs[0]


def decode_json_example(json_examples: Any, name: str | None = None) -> Tensor:
    """Return Examples in JSON as serialised Examples."""
    return _EXAMPLES(json_examples, name=name).outputs[0]
