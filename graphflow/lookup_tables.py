"""Tables of words and their numbers, made from lists and files."""

from __future__ import annotations

from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.tensor import Tensor
from graphflow.lookup import (
    DenseHashTable,
    FastHashSpec,
    HasherSpec,
    HashTable,
    IdTableWithHashBuckets,
    KeyValueTensorInitializer,
    MutableHashTable,
    StaticHashTable,
    StrongHashSpec,
    TextFileIndex,
    TextFileInitializer,
)
from graphflow.ops.casting import cast
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import size

__all__ = [
    "FastHashSpec", "HashTable", "HasherSpec", "IdTableWithHashBuckets",
    "KeyValueTensorInitializer", "MutableDenseHashTable", "MutableHashTable", "StrongHashSpec",
    "TextFileIdTableInitializer",
    "TextFileIndex", "TextFileInitializer", "TextFileStringTableInitializer",
    "index_table_from_file", "index_table_from_tensor", "index_to_string_table_from_file",
    "index_to_string_table_from_tensor", "string_to_index_table_from_file",
    "string_to_index_table_from_tensor",
]  # fmt: skip


class TextFileIdTableInitializer(TextFileInitializer):
    """The numbers of a file's lines by the lines."""

    def __init__(
        self, filename: Any, key_column_index: int = TextFileIndex.WHOLE_LINE,
        value_column_index: int = TextFileIndex.LINE_NUMBER, vocab_size: int | None = None,
        delimiter: str = "\t", name: str = "text_file_id_table_init",
        key_dtype: Any = dtypes.string,
    ) -> None:  # fmt: skip
        super().__init__(
            filename, key_dtype, key_column_index, dtypes.int64, value_column_index, vocab_size,
            delimiter, name,
        )  # fmt: skip


class TextFileStringTableInitializer(TextFileInitializer):
    """A file's lines by their numbers."""

    def __init__(
        self, filename: Any, key_column_index: int = TextFileIndex.LINE_NUMBER,
        value_column_index: int = TextFileIndex.WHOLE_LINE, vocab_size: int | None = None,
        delimiter: str = "\t", name: str = "text_file_string_table_init",
    ) -> None:  # fmt: skip
        super().__init__(
            filename, dtypes.int64, key_column_index, dtypes.string, value_column_index,
            vocab_size, delimiter, name,
        )  # fmt: skip


def _check_file(vocabulary_file: Any, vocab_size: int | None) -> None:
    if vocabulary_file is None or (isinstance(vocabulary_file, str) and not vocabulary_file):
        raise ValueError("vocabulary_file must be specified and must not be empty.")
    if vocab_size is not None and vocab_size < 1:
        raise ValueError(f"vocab_size must be greater than 0, got {vocab_size}.")


def _check_keys(key_dtype: Any, num_oov_buckets: int) -> None:
    if num_oov_buckets < 0:
        raise ValueError(f"num_oov_buckets must be greater or equal than 0, got {num_oov_buckets}.")
    if not key_dtype.is_integer and key_dtype != dtypes.string:
        raise TypeError("Only integer and string keys are supported.")


def _with_buckets(table: Any, count: int, spec: HasherSpec, key_dtype: Any) -> Any:
    if not count:
        return table
    return IdTableWithHashBuckets(table, count, spec, key_dtype=key_dtype)


def index_table_from_file(
    vocabulary_file: Any = None, num_oov_buckets: int = 0, vocab_size: int | None = None,
    default_value: int = -1, hasher_spec: HasherSpec = FastHashSpec,
    key_dtype: Any = dtypes.string, name: str | None = None,
    key_column_index: int = TextFileIndex.WHOLE_LINE,
    value_column_index: int = TextFileIndex.LINE_NUMBER, delimiter: str = "\t",
) -> Any:  # fmt: skip
    """Return a table from the lines of a file to their numbers.

    Parameters
    ----------
    vocabulary_file : its path.
    num_oov_buckets : how many more numbers there are for other words, by `hasher_spec`.
    vocab_size : how many lines are read; all when None.
    default_value : the number of other words without `num_oov_buckets`.
    key_dtype : string or an integer type.
    """
    _check_file(vocabulary_file, vocab_size)
    key_dtype = as_dtype(key_dtype)
    _check_keys(key_dtype, num_oov_buckets)
    wide = dtypes.int64 if key_dtype.is_integer else key_dtype
    with name_scope(name, "string_to_index"):
        with name_scope(None, "hash_table"):
            init = TextFileIdTableInitializer(
                vocabulary_file, key_column_index, value_column_index, vocab_size, delimiter,
                "table_init", wide,
            )  # fmt: skip
            table = StaticHashTable(init, default_value)
        return _with_buckets(table, num_oov_buckets, hasher_spec, key_dtype)


def index_table_from_tensor(
    mapping: Any, num_oov_buckets: int = 0, default_value: int = -1,
    hasher_spec: HasherSpec = FastHashSpec, dtype: Any = dtypes.string, name: str | None = None,
) -> Any:  # fmt: skip
    """Return a table from the elements of a vector to their places; as `index_table_from_file`."""
    if mapping is None:
        raise ValueError("mapping must be specified.")
    dtype = as_dtype(dtype)
    _check_keys(dtype, num_oov_buckets)
    with name_scope(name, "string_to_index"):
        keys = convert_to_tensor(mapping)
        if keys.dtype.is_integer != dtype.is_integer:
            wanted = "integer" if dtype.is_integer else "non-integer"
            raise ValueError(f"Expected {wanted}, got {keys.dtype}.")
        if not dtype.is_integer and keys.dtype.base_dtype != dtype:
            raise ValueError(f"Expected {dtype}, got {keys.dtype}.")
        places = _places(keys)
        with name_scope(None, "hash_table"):
            keys = cast(keys, dtypes.int64) if dtype.is_integer else keys
            init = KeyValueTensorInitializer(
                keys, places, keys.dtype, dtypes.int64, name="table_init"
            )
            table = StaticHashTable(init, default_value)
        return _with_buckets(table, num_oov_buckets, hasher_spec, dtype)


def _places(items: Tensor) -> Tensor:
    """The places of a vector's elements, as int64."""
    return cast(range_of(size(items)), dtypes.int64)


def index_to_string_table_from_file(
    vocabulary_file: Any, vocab_size: int | None = None, default_value: str = "UNK",
    name: str | None = None, key_column_index: int = TextFileIndex.LINE_NUMBER,
    value_column_index: int = TextFileIndex.WHOLE_LINE, delimiter: str = "\t",
) -> StaticHashTable:  # fmt: skip
    """Return a table from the numbers of a file's lines to the lines."""
    _check_file(vocabulary_file, vocab_size)
    with name_scope(name, "index_to_string"):
        init = TextFileStringTableInitializer(
            vocabulary_file, key_column_index, value_column_index, vocab_size, delimiter,
            "table_init",
        )  # fmt: skip
        return StaticHashTable(init, default_value)


def index_to_string_table_from_tensor(
    mapping: Any, default_value: str = "UNK", name: str | None = None
) -> StaticHashTable:
    """Return a table from places in a vector of texts to the texts."""
    if mapping is None:
        raise ValueError("mapping must be specified.")
    with name_scope(name, "index_to_string"):
        texts = convert_to_tensor(mapping, dtypes.string)
        init = KeyValueTensorInitializer(
            _places(texts), texts, dtypes.int64, dtypes.string, name="table_init"
        )
        return StaticHashTable(init, default_value)


MutableDenseHashTable = DenseHashTable
string_to_index_table_from_file = index_table_from_file
string_to_index_table_from_tensor = index_table_from_tensor
