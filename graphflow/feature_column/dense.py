"""Dense columns: numbers, buckets of numbers, indicators and embeddings of categorical columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.data.examples import FixedLenFeature
from graphflow.feature_column.base import (
    CategoricalColumn,
    DenseColumn,
    Features,
    IdWeightPair,
    check_key,
)
from graphflow.graph.default import add_to_collection, get_collection
from graphflow.graph.dtypes import as_dtype, float32, int64
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import multiply
from graphflow.ops.embedding import safe_embedding_lookup_sparse
from graphflow.ops.initializers import TruncatedNormal
from graphflow.ops.joining import stack
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.sequences import one_hot
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import tile
from graphflow.ops.sparse_cross import bucketize
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.transposing import transpose
from graphflow.ops.variable_scope import get_variable
from graphflow.train.warm_starting import init_from_checkpoint


class NumericColumn(DenseColumn):
    """A feature that is numbers."""

    fields = ("key", "shape", "default_value", "dtype", "normalizer_fn")
    key: str
    shape: tuple[int, ...]
    default_value: Any
    dtype: Any
    normalizer_fn: Callable[[Any], Any] | None

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def variable_shape(self) -> list[int]:
        """The feature's shape."""
        return list(self.shape)

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """So many numbers."""
        return {self.key: FixedLenFeature(self.shape, self.dtype, self.default_value)}

    def transform(self, features: Features) -> Tensor:
        """Normalise."""
        found = features.get(self.key)
        if isinstance(found, SparseTensor):
            raise ValueError(
                "The corresponding Tensor of numerical column must be a Tensor. SparseTensor is "
                f"not supported. key: {self.key}"
            )
        return cast(found if self.normalizer_fn is None else self.normalizer_fn(found), float32)

    def dense(self, features: Features, trainable: bool = True, collections: Any = None) -> Tensor:
        """The numbers."""
        return features.get(self)


class BucketizedColumn(DenseColumn, CategoricalColumn):
    """Which of the intervals between boundaries the numbers of a column are in."""

    fields = ("source_column", "boundaries")
    source_column: NumericColumn
    boundaries: tuple[float, ...]

    @property
    def name(self) -> str:
        """After the source."""
        return f"{self.source_column.name}_bucketized"

    @property
    def variable_shape(self) -> list[int]:
        """The source's shape, with an axis for the intervals."""
        return [*self.source_column.shape, len(self.boundaries) + 1]

    @property
    def num_buckets(self) -> int:
        """The number of intervals, for each of the source's numbers."""
        return (len(self.boundaries) + 1) * self.source_column.shape[0]

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """The source's."""
        return self.source_column.parse_example_spec

    def transform(self, features: Features) -> Tensor:
        """The intervals' numbers."""
        return bucketize(features.get(self.source_column), self.boundaries)

    def dense(self, features: Features, trainable: bool = True, collections: Any = None) -> Tensor:
        """A 1 for each number's interval."""
        return one_hot(cast(features.get(self), int64), len(self.boundaries) + 1, 1.0, 0.0)

    def ids(self, features: Features) -> IdWeightPair:
        """The intervals' numbers, those of the source's second number after the first's."""
        found = features.get(self)
        batch, count = shape_of(found)[0], self.source_column.shape[0]
        rows = reshape(tile(expand_dims(range_of(0, batch), 1), [1, count]), (-1,))
        places = tile(range_of(0, count), [batch])
        ids = reshape(found, (-1,)) + (len(self.boundaries) + 1) * places
        indices = cast(transpose(stack((rows, places))), int64)
        sizes = cast(stack([batch, count]), int64)
        return IdWeightPair(SparseTensor(indices, cast(ids, int64), sizes), None)


def _check_no_sequence(column: Any, kind: str) -> None:
    if column.categorical_column.is_sequence:
        raise ValueError(
            f"In {kind}: {column.name}. categorical_column must not be of type "
            "SequenceCategoricalColumn. Suggested fix A: If you wish to use DenseFeatures, use a "
            "non-sequence categorical_column_with_*. Suggested fix B: If you wish to create "
            "sequence input, use SequenceFeatures instead of DenseFeatures. Given: "
            f"{column.categorical_column}"
        )


class IndicatorColumn(DenseColumn):
    """How often each id of a categorical column is there."""

    fields = ("categorical_column",)
    categorical_column: CategoricalColumn

    @property
    def name(self) -> str:
        """After the categorical column."""
        return f"{self.categorical_column.name}_indicator"

    @property
    def variable_shape(self) -> list[int]:
        """One number for each id."""
        return [1, self.categorical_column.num_buckets]

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """The categorical column's."""
        return self.categorical_column.parse_example_spec

    def transform(self, features: Features) -> Tensor:
        """Count, or add the weights."""
        ids, weights = self.categorical_column.ids(features)
        count = self.categorical_column.num_buckets
        hot = one_hot(sparse_tensor_to_dense(ids, default_value=-1), count, 1.0, 0.0)
        if weights is not None:
            sparse = SparseTensor(ids.indices, weights.values, ids.dense_shape)
            hot = multiply(hot, expand_dims(sparse_tensor_to_dense(sparse), -1))
        return reduce_sum(hot, axis=[-2])

    def dense(self, features: Features, trainable: bool = True, collections: Any = None) -> Tensor:
        """The counts."""
        _check_no_sequence(self, "indicator_column")
        return features.get(self)

    def floats(self, features: Features, trainable: bool = True) -> Tensor:
        """The counts, of steps where the ids are of steps."""
        return features.get(self)


class EmbeddingColumn(DenseColumn):
    """The rows of a variable that the ids of a categorical column name, combined."""

    fields: tuple[str, ...] = (
        "categorical_column", "dimension", "combiner", "initializer", "ckpt_to_load_from",
        "tensor_name_in_ckpt", "max_norm", "trainable",
    )  # fmt: skip
    categorical_column: CategoricalColumn
    dimension: int
    combiner: str
    initializer: Any
    ckpt_to_load_from: str | None
    tensor_name_in_ckpt: str | None
    max_norm: float | None
    trainable: bool

    @property
    def name(self) -> str:
        """After the categorical column."""
        return f"{self.categorical_column.name}_embedding"

    @property
    def variable_shape(self) -> list[int]:
        """The rows' length."""
        return [self.dimension]

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """The categorical column's."""
        return self.categorical_column.parse_example_spec

    def transform(self, features: Features) -> IdWeightPair:
        """The ids."""
        return self.categorical_column.ids(features)

    def _weights(self, trainable: bool, collections: Any) -> Any:
        return get_variable(
            "embedding_weights", shape=(self.categorical_column.num_buckets, self.dimension),
            dtype=float32, initializer=self.initializer, trainable=self.trainable and trainable,
            collections=collections,
        )  # fmt: skip

    def dense(self, features: Features, trainable: bool = True, collections: Any = None) -> Tensor:
        """Look up and combine; makes the variable."""
        _check_no_sequence(self, "embedding_column")
        return self.floats(features, trainable, collections)

    def floats(self, features: Features, trainable: bool = True, collections: Any = None) -> Tensor:
        """The same, of steps where the ids are of steps."""
        ids, id_weights = features.get(self)
        weights = self._weights(trainable, collections)
        if self.ckpt_to_load_from is not None and self.tensor_name_in_ckpt is not None:
            restored = weights
            if hasattr(weights, "_get_variable_list"):
                restored = list(weights)
            init_from_checkpoint(self.ckpt_to_load_from, {self.tensor_name_in_ckpt: restored})
        return safe_embedding_lookup_sparse(
            weights, ids, sparse_weights=id_weights, combiner=self.combiner,
            name=f"{self.name}_weights", max_norm=self.max_norm,
        )  # fmt: skip


class SharedEmbeddingColumn(EmbeddingColumn):
    """An embedding whose variable several columns have in common."""

    fields = (*EmbeddingColumn.fields, "shared_embedding_collection_name")
    shared_embedding_collection_name: str

    @property
    def name(self) -> str:
        """After the categorical column."""
        return f"{self.categorical_column.name}_shared_embedding"

    @property
    def var_scope_name(self) -> str:
        """The common name."""
        return self.shared_embedding_collection_name

    def _weights(self, trainable: bool, collections: Any) -> Any:
        key = self.shared_embedding_collection_name
        shared = get_collection(key)
        if shared:
            return shared[0]
        made = super()._weights(trainable, collections)
        add_to_collection(key, made)
        return made


# ---- what makes them


def numeric_column(
    key: str, shape: Any = (1,), default_value: Any = None, dtype: Any = float32,
    normalizer_fn: Callable[[Any], Any] | None = None,
) -> NumericColumn:  # fmt: skip
    """A column of numbers.

    Parameters
    ----------
    key : the feature.
    shape : the shape of an example's numbers.
    default_value : what stands for a missing feature when examples are parsed.
    dtype : how they are parsed.
    normalizer_fn : applied to the feature's tensor.
    """
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    for size in sizes:
        if not isinstance(size, (int, np.integer)):
            raise TypeError(f"shape dimensions must be integer. shape: {shape}, key: {key}")
        if size < 1:
            raise ValueError(f"shape dimensions must be greater than 0. shape: {shape}, key: {key}")
    dtype = as_dtype(dtype)
    if not (dtype.is_integer or dtype.is_floating):
        raise ValueError(f"dtype must be convertible to float. dtype: {dtype}, key: {key}")
    if normalizer_fn is not None and not callable(normalizer_fn):
        raise TypeError(f"normalizer_fn must be a callable. Given: {normalizer_fn}")
    check_key(key)
    return NumericColumn(
        key=key, shape=sizes, default_value=_default(sizes, default_value, dtype, key),
        dtype=dtype, normalizer_fn=normalizer_fn,
    )  # fmt: skip


def _default(shape: tuple[int, ...], value: Any, dtype: Any, key: str) -> Any:
    """The default as nested tuples of the shape."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim and array.shape != shape:
        raise ValueError(
            f"The shape of default_value must be equal to given shape. default_value: {value}, "
            f"shape: {shape}, key: {key}"
        )
    if dtype.is_integer and array.dtype.kind == "f":
        raise TypeError(
            f"default_value must be compatible with dtype. default_value: {value}, dtype: "
            f"{dtype}, key: {key}"
        )

    def nested(part: Any) -> Any:
        return tuple(map(nested, part)) if isinstance(part, list) else part

    return nested(np.broadcast_to(array.astype(dtype.numpy), shape).tolist())


def bucketized_column(
    source_column: NumericColumn, boundaries: Sequence[float]
) -> BucketizedColumn:
    """A column of the intervals that numbers are in.

    Parameters
    ----------
    source_column : a numeric column with one axis.
    boundaries : sorted numbers; an interval has its left boundary.
    """
    if not isinstance(source_column, NumericColumn):
        raise ValueError(
            "source_column must be a column generated with numeric_column(). Given: "
            f"{source_column}"
        )
    if len(source_column.shape) > 1:
        raise ValueError(f"source_column must be one-dimensional column. Given: {source_column}")
    if len(boundaries) == 0:
        raise ValueError("boundaries must not be empty.")
    if not isinstance(boundaries, (list, tuple)) or any(
        a >= b for a, b in itertools.pairwise(boundaries)
    ):
        raise ValueError("boundaries must be a sorted list.")
    return BucketizedColumn(source_column=source_column, boundaries=tuple(boundaries))


def indicator_column(categorical_column: CategoricalColumn) -> IndicatorColumn:
    """A dense column of how often each id is there."""
    return IndicatorColumn(categorical_column=categorical_column)


def _checked_initializer(
    dimension: int, initializer: Any, path: str | None, tensor: str | None, name: str
) -> Any:
    if dimension is None or dimension < 1:
        raise ValueError(f"Invalid dimension {dimension}.")
    if (path is None) != (tensor is None):
        raise ValueError(
            "Must specify both `ckpt_to_load_from` and `tensor_name_in_ckpt` or none of them."
        )
    if initializer is not None and not callable(initializer):
        raise ValueError(
            f"initializer must be callable if specified. Embedding of column_name: {name}"
        )
    return initializer or TruncatedNormal(mean=0.0, stddev=1 / math.sqrt(dimension))


def embedding_column(
    categorical_column: CategoricalColumn, dimension: int, combiner: str = "mean",
    initializer: Any = None, ckpt_to_load_from: str | None = None,
    tensor_name_in_ckpt: str | None = None, max_norm: float | None = None, trainable: bool = True,
) -> EmbeddingColumn:  # fmt: skip
    """A dense column of trained vectors, one for each id.

    Parameters
    ----------
    categorical_column : gives the ids.
    dimension : the vectors' length.
    combiner : how several vectors become one: mean, sqrtn or sum.
    initializer : a truncated normal one, of variance 1 / `dimension`, when None.
    ckpt_to_load_from, tensor_name_in_ckpt : where the vectors begin.
    max_norm : longer vectors are shortened to it.
    """
    initializer = _checked_initializer(
        dimension, initializer, ckpt_to_load_from, tensor_name_in_ckpt, categorical_column.name
    )
    return EmbeddingColumn(
        categorical_column=categorical_column, dimension=dimension, combiner=combiner,
        initializer=initializer, ckpt_to_load_from=ckpt_to_load_from,
        tensor_name_in_ckpt=tensor_name_in_ckpt, max_norm=max_norm, trainable=trainable,
    )  # fmt: skip


def shared_embedding_columns(
    categorical_columns: Sequence[CategoricalColumn], dimension: int, combiner: str = "mean",
    initializer: Any = None, shared_embedding_collection_name: str | None = None,
    ckpt_to_load_from: str | None = None, tensor_name_in_ckpt: str | None = None,
    max_norm: float | None = None, trainable: bool = True,
) -> list[SharedEmbeddingColumn]:  # fmt: skip
    """Embeddings that share their vectors; see `embedding_column`.

    Parameters
    ----------
    categorical_columns : of one kind, with the same number of ids.
    shared_embedding_collection_name : the variable's scope; made of the columns' names when None.
    """
    ordered = sorted(categorical_columns, key=lambda column: column.name)
    names = ", ".join(column.name for column in ordered)
    initializer = _checked_initializer(
        dimension, initializer, ckpt_to_load_from, tensor_name_in_ckpt, names
    )
    kinds = [getattr(column, "categorical_column", column) for column in ordered]
    for column in kinds:
        if not isinstance(column, CategoricalColumn):
            raise ValueError(
                "All categorical_columns must be subclasses of _CategoricalColumn. Given: "
                f"{column}, of type: {type(column)}"
            )
        if type(column) is not type(kinds[0]):
            raise ValueError(
                "To use shared_embedding_column, all categorical_columns must have the same type, "
                f"or be weighted_categorical_column of the same type. Given column: {kinds[0]} of "
                f"type: {type(kinds[0])} does not match given column: {column} of type: "
                f"{type(column)}"
            )
        if column.num_buckets != kinds[0].num_buckets:
            raise ValueError(
                "To use shared_embedding_column, all categorical_columns must have the same number "
                f"of buckets. Given column: {kinds[0]} with buckets: {kinds[0].num_buckets} does  "
                f"not match column: {column} with buckets: {column.num_buckets}"
            )
    shared = shared_embedding_collection_name
    if not shared:
        shared = "_".join(column.name for column in ordered) + "_shared_embedding"
    return [
        SharedEmbeddingColumn(
            categorical_column=column, dimension=dimension, combiner=combiner,
            initializer=initializer, ckpt_to_load_from=ckpt_to_load_from,
            tensor_name_in_ckpt=tensor_name_in_ckpt, max_norm=max_norm, trainable=trainable,
            shared_embedding_collection_name=shared,
        )
        for column in categorical_columns
    ]  # fmt: skip


__all__ = [
    "bucketized_column", "embedding_column", "indicator_column", "numeric_column",
    "shared_embedding_columns",
]  # fmt: skip
