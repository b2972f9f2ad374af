"""Columns of sequences: an axis of steps between the batch and a step's floats.

A sparse feature's second axis is that of steps. Dense columns give floats of all steps, and how
many steps each example has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from graphflow.data.examples import VarLenFeature
from graphflow.feature_column.base import (
    CategoricalColumn,
    FeatureColumn,
    Features,
    IdWeightPair,
    normalized,
)
from graphflow.feature_column.categorical import (
    categorical_column_with_hash_bucket,
    categorical_column_with_identity,
    categorical_column_with_vocabulary_file,
    categorical_column_with_vocabulary_list,
)
from graphflow.feature_column.dense import EmbeddingColumn, IndicatorColumn, numeric_column
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.dtypes import float32, int64, string
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.assertions import assert_equal
from graphflow.ops.casting import cast
from graphflow.ops.creation import zeros
from graphflow.ops.division import floordiv
from graphflow.ops.identity import identity
from graphflow.ops.joining import concat
from graphflow.ops.segment_reductions import segment_max
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.sparse_values import sparse_reshape
from graphflow.ops.variable_scope import variable_scope

__all__ = [
    "sequence_categorical_column_with_hash_bucket", "sequence_categorical_column_with_identity",
    "sequence_categorical_column_with_vocabulary_file",
    "sequence_categorical_column_with_vocabulary_list", "sequence_numeric_column",
]  # fmt: skip


def _lengths(sparse: SparseTensor, per_step: int = 1) -> Tensor:
    """How many steps each row has, of so many values each; as int64."""
    with name_scope(None, "sequence_length"):
        rows, ends = sparse.indices[:, 0], sparse.indices[:, 1] + 1
        found = segment_max(floordiv(ends + (per_step - 1), per_step), rows)
        missing = sparse.dense_shape[:1] - shape_of(found, out_type=int64)
        return concat([found, zeros(missing, int64)], 0, name="sequence_length")


class SequenceCategoricalColumn(CategoricalColumn):
    """The ids of a categorical column, step by step."""

    fields = ("categorical_column",)
    categorical_column: CategoricalColumn
    is_sequence = True

    @property
    def name(self) -> str:
        """The inner column's."""
        return self.categorical_column.name

    @property
    def num_buckets(self) -> int:
        """The inner column's."""
        return self.categorical_column.num_buckets

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """The inner column's."""
        return self.categorical_column.parse_example_spec

    def transform(self, features: Features) -> Any:
        """The inner column's ids."""
        return features.get(self.categorical_column)

    def ids(self, features: Features) -> IdWeightPair:
        """The ids, with axes for the batch, steps and a step's ids."""
        found, weights = self.categorical_column.ids(features)
        sizes = shape_of(found)

        def stepwise(sparse: SparseTensor) -> SparseTensor:
            return sparse_reshape(sparse, concat([sizes[:2], [-1]], 0))

        return IdWeightPair(stepwise(found), None if weights is None else stepwise(weights))


class SequenceNumericColumn(FeatureColumn):
    """Numbers, step by step; in an input layer of sequences only."""

    fields = ("key", "shape", "default_value", "dtype", "normalizer_fn")
    key: str
    shape: tuple[int, ...]
    default_value: float
    dtype: Any
    normalizer_fn: Callable[[Any], Any] | None

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def num_elements(self) -> int:
        """How many numbers a step has."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """Any number of values."""
        return {self.key: VarLenFeature(self.dtype)}

    def transform(self, features: Features) -> Any:
        """Normalise."""
        found = features.get(self.key)
        return found if self.normalizer_fn is None else self.normalizer_fn(found)

    def steps(self, features: Features) -> tuple[Tensor, Tensor]:
        """The numbers of all steps, and how many steps there are."""
        found = features.get(self)
        if not isinstance(found, SparseTensor):
            raise TypeError(
                "sequence_input must be a SparseTensor of all steps' numbers, got "
                f"{found} for key {self.key}"
            )
        numbers = sparse_tensor_to_dense(found, default_value=self.default_value)
        numbers = cast(numbers, float32)
        numbers = reshape(numbers, concat([shape_of(numbers)[:1], [-1], list(self.shape)], 0))
        flat = found.shape.rank in (None, 2)
        return numbers, _lengths(found, self.num_elements if flat else 1)


def _is_of_sequences(column: Any) -> bool:
    return isinstance(column, SequenceNumericColumn) or (
        isinstance(column, (EmbeddingColumn, IndicatorColumn))
        and isinstance(column.categorical_column, SequenceCategoricalColumn)
    )


def _steps(column: Any, features: Features, trainable: bool) -> tuple[Tensor, Tensor]:
    if isinstance(column, SequenceNumericColumn):
        return column.steps(features)
    made = column.floats(features, trainable)
    ids = column.categorical_column.ids(features).id_tensor
    return made, _lengths(ids)


def sequence_columns(feature_columns: Any) -> list[Any]:
    """Columns of sequences that floats can be had of, sorted by name.

    Raises
    ------
    ValueError : one is something else.
    """
    columns = normalized(feature_columns)
    for column in columns:
        if not _is_of_sequences(column):
            raise ValueError(
                "All feature_columns must be of type SequenceDenseColumn. You can wrap a "
                "sequence_categorical_column with an embedding_column or indicator_column. Given "
                f"(type {type(column)}): {column}"
            )
    return columns


def joined_steps(
    features: Any, columns: Iterable[Any], trainable: bool = True
) -> tuple[Tensor, Tensor]:
    """The floats of all steps, [batch, steps, floats], and the numbers of steps, int64 [batch].

    The columns' numbers of steps are checked in the run to be the same.
    """
    builder, parts, lengths = Features(features), [], []
    for column in columns:
        with variable_scope(None, default_name=column.var_scope_name):
            made, length = _steps(column, builder, trainable)
            sizes = shape_of(made)
            parts.append(reshape(made, concat([sizes[:2], [_width(column)]], 0)))
            lengths.append(length)
    checks = [
        assert_equal(lengths[0], other, message="Sequences of columns differ in length")
        for other in lengths[1:]
    ]
    with control_dependencies(checks):
        return concat(parts, -1), identity(lengths[0])


def _width(column: Any) -> int:
    width: int = column.num_elements
    return width


def sequence_input_layer(
    features: Any, feature_columns: Any, weight_collections: Any = None, trainable: bool = True
) -> tuple[Tensor, Tensor]:
    """Return the floats of all steps, and how many steps each example has.

    Parameters
    ----------
    features : tensors by name; sparse ones, whose second axis is that of steps.
    feature_columns : embedding or indicator columns of sequences' ids, and numbers of sequences.
    weight_collections : not taken but None.
    trainable : whether variables are trained.

    Returns
    -------
    (floats, float32 [batch, steps, floats]; numbers of steps, int64 [batch])

    Raises
    ------
    ValueError : a column is not of sequences.
    """
    if weight_collections:
        raise ValueError(f"expected no weight_collections, got {weight_collections}")
    columns = sequence_columns(feature_columns)
    with variable_scope(None, default_name="sequence_input_layer", values=features.values()):
        return joined_steps(features, columns, trainable)


# ---- what makes them


def sequence_categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> SequenceCategoricalColumn:
    """Return a column of integers, step by step; see `categorical_column_with_identity`."""
    return SequenceCategoricalColumn(
        categorical_column=categorical_column_with_identity(key, num_buckets, default_value)
    )


def sequence_categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = string
) -> SequenceCategoricalColumn:
    """Return a column of hashes, step by step; see `categorical_column_with_hash_bucket`."""
    return SequenceCategoricalColumn(
        categorical_column=categorical_column_with_hash_bucket(key, hash_bucket_size, dtype)
    )


def sequence_categorical_column_with_vocabulary_file(
    key: str, vocabulary_file: Any, vocabulary_size: int | None = None, num_oov_buckets: int = 0,
    default_value: int | None = None, dtype: Any = string,
) -> SequenceCategoricalColumn:  # fmt: skip
    """Return ids of words, step by step; see `categorical_column_with_vocabulary_file`."""
    return SequenceCategoricalColumn(
        categorical_column=categorical_column_with_vocabulary_file(
            key, vocabulary_file, vocabulary_size, num_oov_buckets=num_oov_buckets,
            default_value=default_value, dtype=dtype,
        )
    )  # fmt: skip


def sequence_categorical_column_with_vocabulary_list(
    key: str, vocabulary_list: Any, dtype: Any = None, default_value: int = -1,
    num_oov_buckets: int = 0,
) -> SequenceCategoricalColumn:  # fmt: skip
    """Return ids of words, step by step; see `categorical_column_with_vocabulary_list`."""
    return SequenceCategoricalColumn(
        categorical_column=categorical_column_with_vocabulary_list(
            key, vocabulary_list, dtype=dtype, default_value=default_value,
            num_oov_buckets=num_oov_buckets,
        )
    )  # fmt: skip


def sequence_numeric_column(
    key: str, shape: Any = (1,), default_value: float = 0.0, dtype: Any = float32,
    normalizer_fn: Callable[[Any], Any] | None = None,
) -> SequenceNumericColumn:  # fmt: skip
    """Return a column of numbers, step by step.

    Parameters
    ----------
    key : the feature, sparse.
    shape : the shape of a step's numbers.
    default_value : what stands where there is none.
    dtype : how they are parsed.
    normalizer_fn : applied to the sparse feature.

    Raises
    ------
    ValueError, TypeError : as in `numeric_column`.
    """
    plain = numeric_column(key, shape, None, dtype, normalizer_fn)
    return SequenceNumericColumn(
        key=key, shape=plain.shape, default_value=default_value, dtype=plain.dtype,
        normalizer_fn=normalizer_fn,
    )  # fmt: skip
