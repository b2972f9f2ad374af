"""Texts: joining, splitting, cutting, replacing, hashing. Python computes them, in the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import merge_in_op, shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ir.builder import broadcast_shapes
from graphflow.ops import sequences
from graphflow.ops.broadcasting import broadcast
from graphflow.ops.host import define_host_op
from graphflow.ops.kinds import INDEX
from graphflow.ops.regex_syntax import ESCAPE, compiled
from graphflow.ops.shape import one_of, rank
from graphflow.ops.shape_rules import Types, all_known_ints, output, with_rank
from graphflow.ops.text_hashes import fingerprint64, murmur64, siphash64

__all__ = [
    "reduce_join", "regex_replace", "string_join", "string_split", "string_strip",
    "string_to_hash_bucket", "string_to_hash_bucket_fast", "string_to_hash_bucket_strong",
    "substr",
]  # fmt: skip

_NONE = "texts have no gradient"
Array = np.ndarray[Any, Any]


def object_array(shape: Sequence[int], values: Any) -> Array:
    """An array of texts, or of whatever objects, from its elements in order."""
    found = np.empty(shape, dtype=object)
    flat = found.reshape(-1)
    for k, value in enumerate(values):
        flat[k] = value
    return found


def same_shape(dtype: dtypes.DType | None = None) -> Callable[[Operation], Types]:
    """The shape rule of an op whose output has the first input's shape."""
    return lambda op: output(op, op.inputs[0].shape.extents, dtype)


def _define_each(name: str, function: Callable[..., bytes], attrs: Sequence[str] = ()) -> Signature:
    """Define an op of each text; its attributes are the function's keywords."""

    def whole(x: Array, **options: Any) -> Array:
        return object_array(x.shape, (function(text, **options) for text in x.ravel()))

    define_host_op(
        name, same_shape(), whole, lambda op, x: [x.shape], attrs, no_gradient=_NONE
    )  # fmt: skip
    return Signature(name, "input: string")


# ---- each text by itself


def _cased(method: str) -> Callable[..., bytes]:
    def change(text: bytes, encoding: str) -> bytes:
        if encoding == "utf-8":
            return getattr(text.decode("utf-8", "replace"), method)().encode()
        return getattr(text, method)()

    return change


_STRIP = _define_each("StringStrip", lambda text: text.strip(b" \t\n\v\f\r"))
_LOWER = _define_each("StringLower", _cased("lower"), ("encoding",))
_UPPER = _define_each("StringUpper", _cased("upper"), ("encoding",))


def string_strip(input: Any, name: str | None = None) -> Tensor:
    """Return texts without white space at their ends."""
    return _STRIP(input, name=name).outputs[0]


def _check_encoding(encoding: str) -> str:
    if encoding not in ("", "utf-8"):
        raise ValueError(f"expected an encoding of '' or 'utf-8', got {encoding!r}")
    return encoding


def string_lower(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Return texts in small letters: ASCII's, or all of them with the encoding ``"utf-8"``."""
    return _LOWER(input, name=name, encoding=_check_encoding(encoding)).outputs[0]


def string_upper(input: Any, encoding: str = "", name: str | None = None) -> Tensor:
    """Return texts in capital letters: ASCII's, or all of them with the encoding ``"utf-8"``."""
    return _UPPER(input, name=name, encoding=_check_encoding(encoding)).outputs[0]


def _lengths(x: Array, unit: str) -> Array:
    def length(text: bytes) -> int:
        return len(text) if unit == "BYTE" else len(text.decode("utf-8", "replace"))

    return np.array([length(text) for text in x.ravel()], np.int32).reshape(x.shape)


define_host_op(
    "StringLength", same_shape(dtypes.int32), _lengths, lambda op, x: [x.shape], ("unit",),
    no_gradient=_NONE,
)  # fmt: skip
_LENGTH = Signature("StringLength", "input: string")


def _check_unit(unit: str) -> None:
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(
            f'Attr unit of "{unit}" must be in the list of allowed values "BYTE", "UTF8_CHAR"'
        )


def string_length(input: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """Return the lengths of texts, int32, in bytes or (``"UTF8_CHAR"``) characters."""
    _check_unit(unit)
    return _LENGTH(input, name=name, unit=unit).outputs[0]


# ---- parts


def _part(text: bytes, start: int, length: int, unit: str, place: int) -> bytes:
    whole: Any = text if unit == "BYTE" else text.decode("utf-8", "replace")
    if not -len(whole) <= start <= len(whole):
        shown = text.decode("utf-8", "replace")
        where = f" at index {place}" if place >= 0 else ""
        raise ValueError(f"pos {start} out of range for string b'{shown}'{where}")
    start = start + len(whole) if start < 0 else start
    found = whole[start : start + length]
    return found if unit == "BYTE" else found.encode()


def _parts(x: Array, starts: Array, lengths: Array, unit: str) -> Array:
    x, starts, lengths = np.broadcast_arrays(x, starts, lengths)
    rows = zip(x.ravel(), starts.ravel().tolist(), lengths.ravel().tolist(), strict=True)
    found = [_part(t, p, n, unit, k if x.ndim else -1) for k, (t, p, n) in enumerate(rows)]
    return object_array(x.shape, found)


def _infer_parts(op: Operation) -> Types:
    op.inputs[1].shape.assert_is_compatible_with(op.inputs[2].shape)
    return output(op, broadcast(op.inputs[0].shape, op.inputs[1].shape).extents)


define_host_op(
    "Substr", _infer_parts, _parts, lambda op, x, p, n: [broadcast_shapes(x.shape, p.shape)],
    ("unit",), no_gradient=_NONE,
)  # fmt: skip
_SUBSTR = Signature("Substr", "input: string", "pos: T", "len: T", T=INDEX)


def substr(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:
    """Return parts of texts: `len` bytes, or ``"UTF8_CHAR"``s, from `pos`, or fewer at the end.

    Parameters
    ----------
    pos, len : integers, of one shape, which broadcasts with that of `input`.
    """
    _check_unit(unit)
    return _SUBSTR(input, pos, len, name=name, unit=unit).outputs[0]


def _sparse_rows(rows: Sequence[Sequence[bytes]]) -> tuple[Array, Array, Array]:
    places = [(k, j) for k, row in enumerate(rows) for j in range(len(row))]
    values = [text for row in rows for text in row]
    longest = max((len(row) for row in rows), default=0)
    indices = np.array(places, np.int64).reshape(-1, 2)
    return indices, object_array((len(values),), values), np.array([len(rows), longest])


def _split(x: Array, delimiter: Array, skip_empty: bool) -> Any:
    """At each byte that is one of the delimiter's; every byte is apart when there is none."""
    marks = bytes(delimiter.item())
    pattern = re.compile(b"[" + re.escape(marks) + b"]") if marks else None
    rows = []
    for text in x:
        # An empty text has no parts, not one that is empty.
        row = (
            (pattern.split(text) if text else [])
            if pattern
            else [text[k : k + 1] for k in range(len(text))]
        )
        rows.append([part for part in row if part or not skip_empty])
    return _sparse_rows(rows)


def _split_v2(x: Array, sep: Array, maxsplit: int) -> Any:
    mark = bytes(sep.item()) or None
    return _sparse_rows([text.split(mark, maxsplit) for text in x])


def _infer_split(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 1)
    with_rank(op.inputs[1].shape, 0)
    kinds = [(dtypes.int64, (None, 2)), (dtypes.string, (None,)), (dtypes.int64, (2,))]
    return [(dtype, shape_from_tuple(s)) for dtype, s in kinds]


define_host_op("StringSplit", _infer_split, _split, None, ("skip_empty",), no_gradient=_NONE)
define_host_op("StringSplitV2", _infer_split, _split_v2, None, ("maxsplit",), no_gradient=_NONE)
_SPLIT = Signature("StringSplit", "input: string", "delimiter: string")
_SPLIT_V2 = Signature("StringSplitV2", "input: string", "sep: string")


def _check_result_type(result_type: str) -> None:
    if result_type == "RaggedTensor":
        raise NotImplementedError("expected result_type 'SparseTensor': there are no ragged ones")
    if result_type != "SparseTensor":
        raise ValueError("result_type must be 'RaggedTensor' or 'SparseTensor'.")


def string_split(
    source: Any, sep: Any = None, skip_empty: bool = True, delimiter: Any = None,
    result_type: str = "SparseTensor", name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """Return the parts of texts between delimiters.

    Parameters
    ----------
    source : a vector of texts.
    sep : a text; each of its bytes is a delimiter (a blank when None); `delimiter` is its old name.
    skip_empty : leave out parts of no length.

    Returns
    -------
    A `SparseTensor` with a row for each text.
    """
    _check_result_type(result_type)
    with name_scope(name, "StringSplit", [source]):
        sep = one_of("sep", sep, "delimiter", delimiter)
        mark = convert_to_tensor(" " if sep is None else sep, dtype=dtypes.string)
        texts = convert_to_tensor(source, dtype=dtypes.string)
        return SparseTensor(*_SPLIT(texts, mark, skip_empty=skip_empty).outputs)


def strings_split(
    input: Any = None, sep: Any = None, maxsplit: int = -1, result_type: str = "SparseTensor",
    source: Any = None, name: str | None = None,
) -> SparseTensor:  # fmt: skip
    """Return the parts of texts between separators, as Python's `str.split` finds them.

    Parameters
    ----------
    input : a vector of texts; `source` is its old name.
    sep : the separator; any white space when None.
    maxsplit : at how many separators to split; at all of them when negative.
    """
    _check_result_type(result_type)
    texts = convert_to_tensor(one_of("input", input, "source", source), dtype=dtypes.string)
    with name_scope(name, "StringSplit", [texts]):
        mark = convert_to_tensor("" if sep is None else sep, dtype=dtypes.string)
        return SparseTensor(*_SPLIT_V2(texts, mark, maxsplit=maxsplit).outputs)


# ---- joining


def _joined(*parts: Array, separator: str) -> Array:
    """Texts joined one by one; scalars go with each of the others."""
    parts = tuple(np.broadcast_arrays(*parts))
    mark = separator.encode()
    rows = zip(*[part.ravel() for part in parts], strict=True)
    return object_array(parts[0].shape, (mark.join(row) for row in rows))


def _infer_join(op: Operation) -> Types:
    shape = None
    for tensor in op.inputs:
        if tensor.shape.rank != 0:
            shape = tensor.shape if shape is None else merge_in_op(shape, tensor.shape)
    known = op.inputs[0].shape if shape is None else shape
    return output(op, known.extents)


define_host_op(
    "StringJoin", _infer_join, _joined,
    lambda op, *parts: [broadcast_shapes(*[p.shape for p in parts])], ("separator",),
    no_gradient=_NONE,
)  # fmt: skip
_JOIN = Signature("StringJoin", "inputs: N * string")


def string_join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """Return texts put one after the other, element by element, with a separator between them."""
    return _JOIN(inputs, name=name, separator=separator).outputs[0]


def _canonical_axes(axes: Any, rank: int) -> list[int]:
    """Axes counted from the front; ValueError for one that is not there, or twice."""
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(
                f"Invalid reduction dimension {axis} for input with {rank} dimensions."
            )
    found = [int(axis) % rank for axis in axes]
    if len(set(found)) < len(found):
        raise ValueError(f"Duplicate reduction dimension in {found}")
    return found


def _reduced(x: Array, axes: Array, keep_dims: bool, separator: str) -> Array:
    """Joined over axes, of which the first one given changes fastest."""
    places = _canonical_axes(axes.ravel(), x.ndim) if x.ndim else []
    kept = [k for k in range(x.ndim) if k not in places]
    size = int(np.prod([x.shape[k] for k in places], dtype=int))
    rows = x.transpose(kept + places[::-1]).reshape([x.shape[k] for k in kept] + [size])
    mark, lead = separator.encode(), rows.shape[:-1]
    flat = rows.reshape(int(np.prod(lead, dtype=int)), size)
    shape = [1 if k in places else d for k, d in enumerate(x.shape)] if keep_dims else lead
    return object_array(shape, (mark.join(row) for row in flat))


def _infer_reduced(op: Operation) -> Types:
    extents, axes = op.inputs[0].shape.extents, all_known_ints(op.inputs[1])
    if extents is None or axes is None:
        return output(op, None)
    places = _canonical_axes(axes, len(extents))
    if op.attrs["keep_dims"]:
        return output(op, tuple(1 if k in places else d for k, d in enumerate(extents)))
    return output(op, tuple(d for k, d in enumerate(extents) if k not in places))


define_host_op(
    "ReduceJoin", _infer_reduced, _reduced, None, ("keep_dims", "separator"), no_gradient=_NONE
)
_REDUCE = Signature("ReduceJoin", "inputs: string", "reduction_indices: int32")


def reduce_join(
    inputs: Any, axis: Any = None, keep_dims: bool | None = None, separator: str = "",
    name: str | None = None, reduction_indices: Any = None, keepdims: bool | None = None,
) -> Tensor:  # fmt: skip
    """Return the texts along axes joined; all of them, the last axis first, when none is given."""
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    axis = one_of("axis", axis, "reduction_indices", reduction_indices)
    with name_scope(None, "ReduceJoin", [inputs, axis]):
        texts = convert_to_tensor(inputs)
        if axis is None and texts.shape.rank is not None:
            axis = constant(np.arange(texts.shape.rank - 1, -1, -1), dtype=dtypes.int32)
        elif axis is None:
            axis = sequences.range(rank(texts) - 1, -1, -1)
        made = _REDUCE(texts, axis, keep_dims=keep, separator=separator, name=name)
        return made.outputs[0]


# ---- patterns


def _replaced(x: Array, pattern: Array, rewrite: Array, replace_global: bool) -> Array:
    matcher = compiled(bytes(pattern.item()))
    template = re.sub(r"\\(\d)", r"\\g<\1>", bytes(rewrite.item()).decode("utf-8", ESCAPE))
    count = 0 if replace_global else 1
    texts = (matcher.sub(template, text.decode("utf-8", ESCAPE), count) for text in x.ravel())
    return object_array(x.shape, (text.encode("utf-8", ESCAPE) for text in texts))


def _matched(x: Array, pattern: Array) -> Array:
    matcher = compiled(bytes(pattern.item()))
    found = [matcher.fullmatch(text.decode("utf-8", ESCAPE)) is not None for text in x.ravel()]
    return np.array(found, bool).reshape(x.shape)


def _scalars_after(dtype: dtypes.DType) -> Callable[[Operation], Types]:
    def infer(op: Operation) -> Types:
        for scalar in op.inputs[1:]:
            with_rank(scalar.shape, 0)
        return output(op, op.inputs[0].shape.extents, dtype)

    return infer


define_host_op(
    "RegexReplace", _scalars_after(dtypes.string), _replaced, lambda op, x, *_: [x.shape],
    ("replace_global",), no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "RegexFullMatch", _scalars_after(dtypes.bool_), _matched, lambda op, x, *_: [x.shape],
    no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "StaticRegexReplace", same_shape(),
    lambda x, pattern, rewrite, replace_global: _replaced(
        x, np.array(pattern.encode(), object), np.array(rewrite.encode(), object), replace_global
    ),
    lambda op, x: [x.shape], ("pattern", "rewrite", "replace_global"), no_gradient=_NONE,
)  # fmt: skip
define_host_op(
    "StaticRegexFullMatch", same_shape(dtypes.bool_),
    lambda x, pattern: _matched(x, np.array(pattern.encode(), object)),
    lambda op, x: [x.shape], ("pattern",), no_gradient=_NONE,
)  # fmt: skip
_REPLACE = Signature("RegexReplace", "input: string", "pattern: string", "rewrite: string")
_MATCH = Signature("RegexFullMatch", "input: string", "pattern: string")
_STATIC_REPLACE = Signature("StaticRegexReplace", "input: string")
_STATIC_MATCH = Signature("StaticRegexFullMatch", "input: string")


def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None
) -> Tensor:
    r"""Return texts with matches of a regular expression replaced.

    Parameters
    ----------
    pattern : a regular expression of RE2.
    rewrite : what to put in place of a match, with ``\1`` ... for its groups.
    replace_global : whether all matches are replaced or only the first.
    """
    if isinstance(pattern, str) and isinstance(rewrite, str):
        attrs: dict[str, Any] = {
            "pattern": pattern, "rewrite": rewrite, "replace_global": replace_global,
        }  # fmt: skip
        return _STATIC_REPLACE(input, name=name, **attrs).outputs[0]
    made = _REPLACE(input, pattern, rewrite, name=name, replace_global=replace_global)
    return made.outputs[0]


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Tensor:
    """Return whether a regular expression matches the whole of each text."""
    if isinstance(pattern, str):
        return _STATIC_MATCH(input, name=name, pattern=pattern).outputs[0]
    return _MATCH(input, pattern, name=name).outputs[0]


# ---- hashes


def _buckets(hashed: Callable[..., int]) -> Callable[..., Array]:
    def function(x: Array, num_buckets: int, key: Any = None) -> Array:
        if key is not None and len(key) != 2:
            raise ValueError(f"Key must have 2 elements, got {len(key)}")
        more = () if key is None else (tuple(key),)
        found = [hashed(text, *more) % num_buckets for text in x.ravel()]
        return np.array(found, np.int64).reshape(x.shape)

    return function


def _define_buckets(name: str, hashed: Callable[..., int], attrs: Sequence[str]) -> None:
    define_host_op(
        name, same_shape(dtypes.int64), _buckets(hashed), lambda op, x: [x.shape],
        ("num_buckets", *attrs), no_gradient=_NONE,
    )  # fmt: skip


_define_buckets("StringToHashBucket", murmur64, ())
_define_buckets("StringToHashBucketFast", fingerprint64, ())
_define_buckets("StringToHashBucketStrong", siphash64, ("key",))
_BUCKET = Signature("StringToHashBucket", "string_tensor: string")
_BUCKET_FAST = Signature("StringToHashBucketFast", "input: string")
_BUCKET_STRONG = Signature("StringToHashBucketStrong", "input: string")


def string_to_hash_bucket(
    string_tensor: Any = None, num_buckets: int | None = None, name: str | None = None,
    input: Any = None,
) -> Tensor:  # fmt: skip
    """Return numbers in ``[0, num_buckets)`` for texts, by a hash that is kept for old programs."""
    texts = one_of("input", input, "string_tensor", string_tensor)
    return _BUCKET(texts, name=name, num_buckets=num_buckets).outputs[0]


def string_to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Tensor:
    """Return numbers in ``[0, num_buckets)`` for texts, by FarmHash's fingerprint."""
    return _BUCKET_FAST(input, name=name, num_buckets=num_buckets).outputs[0]


def string_to_hash_bucket_strong(
    input: Any, num_buckets: int, key: Sequence[int], name: str | None = None
) -> Tensor:
    """Return numbers in ``[0, num_buckets)`` for texts, by SipHash with a key of two integers."""
    made = _BUCKET_STRONG(input, name=name, num_buckets=num_buckets, key=tuple(key))
    return made.outputs[0]
