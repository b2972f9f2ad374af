"""Categorical columns: ids from vocabularies, hashes, integers, and crosses of other columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow import logging
from graphflow.data.examples import VarLenFeature
from graphflow.feature_column.base import (
    CategoricalColumn,
    Features,
    IdWeightPair,
    check_key,
    check_text_or_integer,
    to_sparse,
)
from graphflow.graph.default import control_dependencies
from graphflow.graph.dtypes import as_dtype, float32, int64, string
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.lookup_tables import index_table_from_file, index_table_from_tensor
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import greater_equal, less, logical_and, logical_or, where
from graphflow.ops.creation import fill
from graphflow.ops.identity import identity
from graphflow.ops.reductions import reduce_all
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.sparse_cross import sparse_cross_hashed
from graphflow.ops.strings import string_to_hash_bucket_fast
from graphflow.ops.text_conversions import as_string


def _same_places(sparse: SparseTensor, values: Any) -> SparseTensor:
    return SparseTensor(sparse.indices, values, sparse.dense_shape)


class _KeyedColumn(CategoricalColumn):
    """A categorical column of one feature."""

    key: str
    dtype: Any = int64

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """Any number of values."""
        return {self.key: VarLenFeature(self.dtype)}

    def _sparse(self, features: Features) -> SparseTensor:
        found = to_sparse(features.get(self.key))
        kind = found.dtype.base_dtype
        if self.dtype.is_integer != kind.is_integer:
            raise ValueError(
                "Column dtype and SparseTensors dtype must be compatible. "
                f"key: {self.key}, column dtype: {self.dtype}, tensor dtype: {kind}"
            )
        check_text_or_integer(kind, f"column_name: {self.key} input_tensor")
        return found


class HashedCategoricalColumn(_KeyedColumn):
    """Ids that are hashes of values."""

    fields = ("key", "hash_bucket_size", "dtype")
    hash_bucket_size: int

    @property
    def num_buckets(self) -> int:
        """The number of hashes."""
        return self.hash_bucket_size

    def transform(self, features: Features) -> SparseTensor:
        """Hash."""
        sparse = self._sparse(features)
        texts = sparse.values if self.dtype is string else as_string(sparse.values)
        return _same_places(
            sparse, string_to_hash_bucket_fast(texts, self.hash_bucket_size, name="lookup")
        )


class VocabularyFileCategoricalColumn(_KeyedColumn):
    """Ids that are the numbers of a file's lines."""

    fields = (
        "key", "vocabulary_file", "vocabulary_size", "num_oov_buckets", "dtype", "default_value",
    )  # fmt: skip
    vocabulary_file: str
    vocabulary_size: int
    num_oov_buckets: int
    default_value: int

    @property
    def num_buckets(self) -> int:
        """The number of lines, and of buckets for other values."""
        return self.vocabulary_size + self.num_oov_buckets

    def transform(self, features: Features) -> SparseTensor:
        """Look up."""
        sparse = self._sparse(features)
        values, key_dtype = sparse.values, self.dtype
        if key_dtype.is_integer:
            values, key_dtype = cast(values, int64), int64
        table = index_table_from_file(
            vocabulary_file=self.vocabulary_file, num_oov_buckets=self.num_oov_buckets,
            vocab_size=self.vocabulary_size, default_value=self.default_value,
            key_dtype=key_dtype, name=f"{self.key}_lookup",
        )  # fmt: skip
        return _same_places(sparse, table.lookup(values))


class VocabularyListCategoricalColumn(_KeyedColumn):
    """Ids that are places in a list."""

    fields = ("key", "vocabulary_list", "dtype", "default_value", "num_oov_buckets")
    vocabulary_list: tuple[Any, ...]
    default_value: int
    num_oov_buckets: int

    @property
    def num_buckets(self) -> int:
        """The list's length, and the number of buckets for other values."""
        return len(self.vocabulary_list) + self.num_oov_buckets

    def transform(self, features: Features) -> SparseTensor:
        """Look up."""
        sparse = self._sparse(features)
        values, key_dtype = sparse.values, self.dtype
        if key_dtype.is_integer:
            values, key_dtype = cast(values, int64), int64
        table = index_table_from_tensor(
            list(self.vocabulary_list), default_value=self.default_value,
            num_oov_buckets=self.num_oov_buckets, dtype=key_dtype, name=f"{self.key}_lookup",
        )  # fmt: skip
        return _same_places(sparse, table.lookup(values))


class IdentityCategoricalColumn(_KeyedColumn):
    """Ids that are the values."""

    fields = ("key", "number_buckets", "default_value")
    number_buckets: int
    default_value: int | None

    @property
    def num_buckets(self) -> int:
        """The number of ids."""
        return self.number_buckets

    def transform(self, features: Features) -> SparseTensor:
        """Check the range, or replace what is outside it."""
        sparse = to_sparse(features.get(self.key))
        if not sparse.dtype.is_integer:
            raise ValueError(f"Invalid input, not integer. key: {self.key} dtype: {sparse.dtype}")
        values, limit = cast(sparse.values, int64), np.int64(self.num_buckets)
        if self.default_value is None:
            inside = reduce_all(
                logical_and(greater_equal(values, np.int64(0)), less(values, limit))
            )
            check = Assert(inside, [f"Ids of {self.key} outside [0, {self.num_buckets})", values])
            with control_dependencies([check]):
                return _same_places(sparse, identity(values))
        outside = logical_or(less(values, np.int64(0)), greater_equal(values, limit))
        other = fill(shape_of(values), np.int64(self.default_value), name="default_values")
        return _same_places(sparse, where(outside, other, values))


class WeightedCategoricalColumn(CategoricalColumn):
    """A categorical column with a weight for each id."""

    fields = ("categorical_column", "weight_feature_key", "dtype")
    categorical_column: CategoricalColumn
    weight_feature_key: str
    dtype: Any

    @property
    def name(self) -> str:
        """The names of the column and of the weights."""
        return f"{self.categorical_column.name}_weighted_by_{self.weight_feature_key}"

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """The column's features, and as many weights."""
        spec = dict(self.categorical_column.parse_example_spec)
        if self.weight_feature_key in spec:
            raise ValueError(
                f"Parse config {spec[self.weight_feature_key]} already exists for "
                f"{self.weight_feature_key}."
            )
        spec[self.weight_feature_key] = VarLenFeature(self.dtype)
        return spec

    @property
    def num_buckets(self) -> int:
        """The column's."""
        return self.categorical_column.num_buckets

    def transform(self, features: Features) -> Any:
        """Weights as floats at the places of the ids."""
        weights = features.get(self.weight_feature_key)
        if self.dtype is not weights.dtype.base_dtype:
            raise ValueError(
                f"Bad dtype, expected {self.dtype}, but got {weights.dtype.base_dtype}."
            )
        # In dense weights 0 stands where there is no id.
        sparse = to_sparse(weights, ignored=0.0)
        if sparse.dtype is not float32:
            sparse = _same_places(sparse, cast(sparse.values, float32))
        return features.get(self.categorical_column), sparse

    def ids(self, features: Features) -> IdWeightPair:
        """The ids, and their weights."""
        return IdWeightPair(*features.get(self))


class CrossedColumn(CategoricalColumn):
    """Ids that are hashes of combinations of features."""

    fields = ("keys", "hash_bucket_size", "hash_key")
    keys: tuple[Any, ...]
    hash_bucket_size: int
    hash_key: int | None

    def _leaves(self) -> list[Any]:
        found: list[Any] = []
        for key in self.keys:
            found += key._leaves() if isinstance(key, CrossedColumn) else [key]
        return found

    @property
    def name(self) -> str:
        """The names of what is crossed, sorted."""
        names = [leaf if isinstance(leaf, str) else leaf.name for leaf in self._leaves()]
        return "_X_".join(sorted(names))

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """That of what is crossed; texts for features."""
        spec: dict[str, Any] = {}
        for key in self.keys:
            spec.update(
                {key: VarLenFeature(string)} if isinstance(key, str) else key.parse_example_spec
            )
        return spec

    @property
    def num_buckets(self) -> int:
        """The number of hashes."""
        return self.hash_bucket_size

    def transform(self, features: Features) -> SparseTensor:
        """Cross and hash."""
        given = []
        for leaf in self._leaves():
            if isinstance(leaf, str):
                given.append(features.get(leaf))
                continue
            pair = leaf.ids(features)
            if pair.weight_tensor is not None:
                raise ValueError(
                    "crossed_column does not support weight_tensor, but the given column "
                    f"populates weight_tensor. Given column: {leaf.name}"
                )
            given.append(pair.id_tensor)
        return sparse_cross_hashed(given, self.hash_bucket_size, self.hash_key)


# ---- what makes them


def categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = string
) -> HashedCategoricalColumn:
    """A column of values by their hashes.

    Parameters
    ----------
    key : the feature.
    hash_bucket_size : how many different hashes there are.
    dtype : the feature's type, string or an integer type.
    """
    if hash_bucket_size is None:
        raise ValueError(f"hash_bucket_size must be set. key: {key}")
    if hash_bucket_size < 1:
        raise ValueError(
            f"hash_bucket_size must be at least 1. hash_bucket_size: {hash_bucket_size}, key: {key}"
        )
    check_key(key)
    dtype = as_dtype(dtype)
    check_text_or_integer(dtype, f"column_name: {key}")
    return HashedCategoricalColumn(key=key, hash_bucket_size=hash_bucket_size, dtype=dtype)


def categorical_column_with_vocabulary_file(
    key: str, vocabulary_file: str, vocabulary_size: int | None = None, num_oov_buckets: int = 0,
    default_value: int | None = None, dtype: Any = string,
) -> VocabularyFileCategoricalColumn:  # fmt: skip
    """A column of values by their lines in a file.

    Parameters
    ----------
    key : the feature.
    vocabulary_file, vocabulary_size : the file, and how many of its lines are used; all when None.
    num_oov_buckets : how many more ids there are for other values, by their hashes.
    default_value : the id of other values; -1, which means nothing, when None.
    dtype : the feature's type, string or an integer type.
    """
    if not vocabulary_file:
        raise ValueError(f"Missing vocabulary_file in {key}.")
    if vocabulary_size is None:
        if not os.path.exists(vocabulary_file):
            raise ValueError(f"vocabulary_file in {key} does not exist.")
        with open(vocabulary_file, "rb") as file:
            vocabulary_size = sum(1 for _ in file)
        logging.info(
            "vocabulary_size = %d in %s is inferred from the number of elements in the "
            "vocabulary_file %s.", vocabulary_size, key, vocabulary_file,
        )  # fmt: skip
    if vocabulary_size < 1:
        raise ValueError(f"Invalid vocabulary_size in {key}.")
    _check_buckets(key, num_oov_buckets, default_value is not None)
    dtype = as_dtype(dtype)
    check_text_or_integer(dtype, f"column_name: {key}")
    check_key(key)
    return VocabularyFileCategoricalColumn(
        key=key, vocabulary_file=vocabulary_file, vocabulary_size=vocabulary_size,
        num_oov_buckets=num_oov_buckets or 0, dtype=dtype,
        default_value=-1 if default_value is None else default_value,
    )  # fmt: skip


def _check_buckets(key: str, num_oov_buckets: int, has_default: bool) -> None:
    if not num_oov_buckets:
        return
    if has_default:
        raise ValueError(f"Can't specify both num_oov_buckets and default_value in {key}.")
    if num_oov_buckets < 0:
        raise ValueError(f"Invalid num_oov_buckets {num_oov_buckets} in {key}.")


def categorical_column_with_vocabulary_list(
    key: str, vocabulary_list: Sequence[Any], dtype: Any = None, default_value: int = -1,
    num_oov_buckets: int = 0,
) -> VocabularyListCategoricalColumn:  # fmt: skip
    """A column of values by their places in a list.

    Parameters
    ----------
    key : the feature.
    vocabulary_list : texts or integers.
    dtype : the feature's type; the list's when None.
    default_value : the id of other values; -1 means nothing.
    num_oov_buckets : how many more ids there are for other values, by their hashes.
    """
    if vocabulary_list is None or len(vocabulary_list) < 1:
        raise ValueError(f"vocabulary_list {vocabulary_list} must be non-empty, column_name: {key}")
    if len(set(vocabulary_list)) != len(vocabulary_list):
        raise ValueError(f"Duplicate keys in vocabulary_list {vocabulary_list}, column_name: {key}")
    array = np.asarray(vocabulary_list)
    found = string if array.dtype.kind in "USO" else as_dtype(array.dtype)
    _check_buckets(key, num_oov_buckets, default_value != -1)
    check_text_or_integer(found, f"column_name: {key} vocabulary")
    dtype = found if dtype is None else as_dtype(dtype)
    if dtype.is_integer != found.is_integer:
        raise ValueError(
            f"dtype {dtype} and vocabulary dtype {found} do not match, column_name: {key}"
        )
    check_text_or_integer(dtype, f"column_name: {key}")
    check_key(key)
    return VocabularyListCategoricalColumn(
        key=key, vocabulary_list=tuple(vocabulary_list), dtype=dtype, default_value=default_value,
        num_oov_buckets=num_oov_buckets,
    )  # fmt: skip


def categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> IdentityCategoricalColumn:
    """A column of integers that are ids.

    Parameters
    ----------
    key : the feature.
    num_buckets : ids are below it.
    default_value : the id of other values; they fail in the run when None.
    """
    if num_buckets < 1:
        raise ValueError(f"num_buckets {num_buckets} < 1, column_name {key}")
    if default_value is not None and not 0 <= default_value < num_buckets:
        raise ValueError(
            f"default_value {default_value} not in range [0, {num_buckets}), column_name {key}"
        )
    check_key(key)
    return IdentityCategoricalColumn(
        key=key, number_buckets=num_buckets, default_value=default_value
    )


def weighted_categorical_column(
    categorical_column: CategoricalColumn, weight_feature_key: str, dtype: Any = float32
) -> WeightedCategoricalColumn:
    """A categorical column whose ids have weights, which are a feature."""
    if dtype is None or not (as_dtype(dtype).is_integer or as_dtype(dtype).is_floating):
        raise ValueError(f"dtype {dtype} is not convertible to float.")
    return WeightedCategoricalColumn(
        categorical_column=categorical_column, weight_feature_key=weight_feature_key,
        dtype=as_dtype(dtype),
    )  # fmt: skip


def crossed_column(
    keys: Sequence[Any], hash_bucket_size: int, hash_key: int | None = None
) -> CrossedColumn:
    """A column of combinations of features, by their hashes.

    Parameters
    ----------
    keys : features' keys, or categorical columns that do not hash.
    hash_bucket_size : how many different hashes there are.
    hash_key : begins the hash.
    """
    if not hash_bucket_size or hash_bucket_size < 1:
        raise ValueError(f"hash_bucket_size must be > 1. hash_bucket_size: {hash_bucket_size}")
    if not keys or len(keys) < 2:
        raise ValueError(f"keys must be a list with length > 1. Given: {keys}")
    for key in keys:
        if not isinstance(key, (str, CategoricalColumn)):
            raise ValueError(
                "Unsupported key type. All keys must be either string, or categorical column "
                f"except HashedCategoricalColumn. Given: {key}"
            )
        if isinstance(key, HashedCategoricalColumn):
            raise ValueError(
                "categorical_column_with_hash_bucket is not supported for crossing. Hashing "
                "before crossing will increase probability of collision. Instead, use the feature "
                f"name as a string. Given: {key}"
            )
    return CrossedColumn(keys=tuple(keys), hash_bucket_size=hash_bucket_size, hash_key=hash_key)


__all__ = [
    "categorical_column_with_hash_bucket", "categorical_column_with_identity",
    "categorical_column_with_vocabulary_file", "categorical_column_with_vocabulary_list",
    "crossed_column", "weighted_categorical_column",
]  # fmt: skip
