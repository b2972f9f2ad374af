"""What feature columns are: dense ones, categorical ones, and the features they read.

A dense column gives a matrix of floats, a row for each example. A categorical column gives ids, any
number for each example, as a sparse matrix, and may give a weight for each id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int64, string
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import not_equal, where
from graphflow.ops.gathering import gather_nd
from graphflow.ops.shape import expand_dims
from graphflow.ops.shape import shape as shape_of


class IdWeightPair(NamedTuple):
    """The ids of a categorical column, and their weights or None."""

    id_tensor: SparseTensor
    weight_tensor: SparseTensor | None


class FeatureColumn:
    """Something that a model makes of features; `name` is unique in a model.

    Columns are equal when they are made from equal arguments.
    """

    fields: tuple[str, ...] = ()
    _is_v2_column = True

    def __init__(self, **arguments: Any) -> None:
        for name in self.fields:
            setattr(self, name, arguments.pop(name))
        if arguments:
            raise TypeError(f"unexpected arguments {sorted(arguments)}")

    @property
    def name(self) -> str:
        """The column's name."""
        raise NotImplementedError

    @property
    def var_scope_name(self) -> str:
        """The scope of its variables."""
        return self.name

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """How the features are parsed, for `parse_example`."""
        raise NotImplementedError

    def transform(self, features: Features) -> Any:
        """The features as this column needs them; asked for through `Features.get`."""
        raise NotImplementedError

    @property
    def _arguments(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.fields)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._arguments == other._arguments

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._arguments))

    def __lt__(self, other: FeatureColumn) -> bool:
        return str(self) < str(other)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields)
        return f"{type(self).__name__}({shown})"


class DenseColumn(FeatureColumn):
    """A column that gives floats."""

    @property
    def variable_shape(self) -> list[int]:
        """The shape of an example's floats."""
        raise NotImplementedError

    @property
    def num_elements(self) -> int:
        """How many floats an example has."""
        count = 1
        for size in self.variable_shape:
            count *= size
        return count

    def dense(self, features: Features, trainable: bool = True, collections: Any = None) -> Tensor:
        """The floats of all examples; makes variables in the current scope."""
        raise NotImplementedError


class CategoricalColumn(FeatureColumn):
    """A column that gives ids below `num_buckets`."""

    is_sequence = False

    @property
    def num_buckets(self) -> int:
        """One more than the largest id."""
        raise NotImplementedError

    def ids(self, features: Features) -> IdWeightPair:
        """The ids, and weights or None."""
        return IdWeightPair(features.get(self), None)


class Features:
    """The features of a batch, and what columns have made of them."""

    def __init__(self, features: Mapping[str, Any]) -> None:
        self._features = features
        self._made: dict[Any, Any] = {}

    def get(self, key: Any) -> Any:
        """A feature by its name, a column's transformed features by the column.

        Raises
        ------
        ValueError : there is no such feature.
        TypeError : the key is neither a name nor a column.
        """
        if key in self._made:
            return self._made[key]
        if isinstance(key, str):
            if key not in self._features:
                raise ValueError(f"Feature {key} is not in features dictionary.")
            made = _with_columns(self._features[key], key)
        elif isinstance(key, FeatureColumn):
            made = key.transform(self)
        else:
            raise TypeError(f'"key" must be either a "str" or "FeatureColumn". Provided: {key}')
        self._made[key] = made
        return made


def _with_columns(feature: Any, key: str) -> Any:
    """A feature with two axes at least."""
    if isinstance(feature, SparseTensor):
        return feature
    tensor = convert_to_tensor(feature)
    if tensor.shape.rank == 0:
        raise ValueError(f"Feature (key: {key}) cannot have rank 0. Given: {tensor}")
    return expand_dims(tensor, -1) if tensor.shape.rank == 1 else tensor


def to_sparse(feature: Any, ignored: Any = None) -> SparseTensor:
    """A feature as a sparse tensor, without the values that stand for nothing ("" and -1)."""
    if isinstance(feature, SparseTensor):
        return feature
    with name_scope(None, "to_sparse_input", [feature]):
        if ignored is None:
            ignored = "" if feature.dtype.base_dtype is string else -1
        empty = cast(ignored, feature.dtype) if not isinstance(ignored, str) else ignored
        indices = where(not_equal(feature, empty), name="indices")
        values = gather_nd(feature, indices, name="values")
        sizes = shape_of(feature, out_type=int64, name="dense_shape")
        return SparseTensor(indices, values, sizes)


def check_key(key: Any) -> None:
    """ValueError unless a feature's key is a string."""
    if not isinstance(key, str):
        raise ValueError(f"key must be a string. Got: type {type(key)}. Given: {key}")


def check_text_or_integer(dtype: Any, prefix: str) -> None:
    """ValueError unless a type is string or an integer type."""
    if dtype is not string and not dtype.is_integer:
        raise ValueError(f"{prefix} dtype must be string or integer. dtype: {dtype}.")


def normalized(columns: Any) -> list[FeatureColumn]:
    """A list of columns whose names differ, in the order of the names.

    Raises
    ------
    ValueError : there is none, one is no column, or two have one name.
    """
    if isinstance(columns, FeatureColumn):
        columns = [columns]
    if isinstance(columns, Mapping):
        raise ValueError("Expected feature_columns to be iterable, found dict.")
    found: list[Any] = list(columns) if isinstance(columns, Iterable) else [columns]
    if not found:
        raise ValueError("feature_columns must not be empty.")
    named: dict[str, FeatureColumn] = {}
    for column in found:
        if not isinstance(column, FeatureColumn):
            raise ValueError(
                "Items of feature_columns must be a FeatureColumn. Given (type "
                f"{type(column)}): {column}."
            )
        if column.name in named:
            raise ValueError(
                f"Duplicate feature column name found for columns: {column} and "
                f"{named[column.name]}. This usually means that these columns refer to same base "
                "feature. Either one must be discarded or a duplicated but renamed item must be "
                "inserted in features dict."
            )
        named[column.name] = column
    return sorted(found, key=lambda column: column.name)
