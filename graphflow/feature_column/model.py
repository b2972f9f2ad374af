"""What models make of feature columns: an input layer, a linear model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.feature_column.base import (
    CategoricalColumn,
    DenseColumn,
    FeatureColumn,
    Features,
    normalized,
)
from graphflow.graph.collections import GraphKeys
from graphflow.graph.dtypes import float32
from graphflow.graph.tensor import Tensor
from graphflow.ops.elementwise import add_n
from graphflow.ops.embedding import safe_embedding_lookup_sparse
from graphflow.ops.initializers import Zeros
from graphflow.ops.joining import concat
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.variable_lists import global_variables
from graphflow.ops.variable_scope import get_variable, variable_scope


def _checked_features(features: Any) -> Mapping[str, Any]:
    if not isinstance(features, Mapping):
        raise ValueError(f"We expected a dictionary here. Instead we got: {features}")
    return features


def _collections(given: Any) -> list[str]:
    found = list(given or [])
    return (
        [*found, GraphKeys.GLOBAL_VARIABLES] if GraphKeys.GLOBAL_VARIABLES not in found else found
    )


def _noted(column: FeatureColumn, start: int, cols_to_vars: dict[Any, Any] | None) -> None:
    """Note the variables that were made since, those of the open scope."""
    if cols_to_vars is None:
        return
    cols_to_vars[column] = global_variables()[start:]


def _count() -> int:
    return len(global_variables())


def input_layer(
    features: Mapping[str, Any], feature_columns: Any, weight_collections: Any = None,
    trainable: bool = True, cols_to_vars: dict[Any, Any] | None = None,
    cols_to_output_tensors: dict[Any, Any] | None = None,
) -> Tensor:  # fmt: skip
    """The floats of dense columns side by side, a row for each example.

    Parameters
    ----------
    features : from names to tensors.
    feature_columns : dense columns; they are taken in the order of their names.
    weight_collections, trainable : for the embeddings' variables.
    cols_to_vars, cols_to_output_tensors : are filled with each column's variables and floats.

    Raises
    ------
    ValueError : a column is categorical, two have one name, a feature is missing.
    """
    columns = dense_columns(feature_columns)
    values = [v for v in _checked_features(features).values() if isinstance(v, Tensor)]
    with variable_scope(None, default_name="input_layer", values=values):
        return joined_floats(
            features, columns, weight_collections, trainable, cols_to_vars, cols_to_output_tensors
        )


def dense_columns(feature_columns: Any) -> list[Any]:
    """Columns by their names; all of them dense.

    Raises
    ------
    ValueError : a column is categorical, or two have one name.
    """
    columns: list[Any] = normalized(feature_columns)
    for column in columns:
        if not isinstance(column, DenseColumn):
            raise ValueError(
                "Items of feature_columns must be a _DenseColumn. You can wrap a categorical "
                f"column with an embedding_column or indicator_column. Given: {column}"
            )
    return columns


def joined_floats(
    features: Mapping[str, Any], columns: list[Any], weight_collections: Any = None,
    trainable: bool = True, cols_to_vars: dict[Any, Any] | None = None,
    cols_to_output_tensors: dict[Any, Any] | None = None,
) -> Tensor:  # fmt: skip
    """The floats of dense columns side by side, in the variable scope that there is."""
    builder, parts = Features(_checked_features(features)), []
    for column in columns:
        with variable_scope(None, default_name=column.var_scope_name):
            start = _count()
            made = column.dense(builder, trainable, _collections(weight_collections))
            rows = shape_of(made)[0]
            part = reshape(made, [rows, column.num_elements])
            _noted(column, start, cols_to_vars)
        parts.append(part)
        if cols_to_output_tensors is not None:
            cols_to_output_tensors[column] = part
    _check_batch(parts)
    return concat(parts, 1)


def _check_batch(parts: list[Tensor]) -> None:
    sizes = {part.shape.as_list()[0] for part in parts} - {None}
    if len(sizes) > 1:
        raise ValueError(f"Batch size (first dimension) of each feature must be same: {sizes}")


def linear_model(
    features: Mapping[str, Any], feature_columns: Any, units: int = 1, sparse_combiner: str = "sum",
    weight_collections: Any = None, trainable: bool = True,
    cols_to_vars: dict[Any, Any] | None = None,
) -> Tensor:  # fmt: skip
    """A weighted sum of columns, and a bias.

    Parameters
    ----------
    features : from names to tensors.
    feature_columns : dense or categorical columns.
    units : how many sums.
    sparse_combiner : how the weights of several ids become one: sum, mean or sqrtn.
    weight_collections, trainable : for the variables.
    cols_to_vars : is filled with each column's variables, and those of ``"bias"``.

    Returns
    -------
    Tensor [batch, units]
    """
    columns = normalized(feature_columns)
    for column in columns:
        if not isinstance(column, (DenseColumn, CategoricalColumn)):
            raise ValueError(
                "Items of feature_columns must be either a DenseColumn or CategoricalColumn. "
                f"Given: {column}"
            )
    values = [v for v in _checked_features(features).values() if isinstance(v, Tensor)]
    collections = _collections(weight_collections)
    with variable_scope(None, default_name="linear_model", values=values):
        builder, sums = Features(features), []
        for column in columns:
            with variable_scope(None, default_name=column.var_scope_name):
                start = _count()
                sums.append(
                    _weighted(column, builder, units, sparse_combiner, trainable, collections)
                )
                _noted(column, start, cols_to_vars)
        _check_batch(sums)
        total = add_n(sums, name="weighted_sum_no_bias") if len(sums) > 1 else sums[0]
        start = _count()
        bias = get_variable(
            "bias_weights", shape=[units], initializer=Zeros(), trainable=trainable,
            collections=collections,
        )  # fmt: skip
        if cols_to_vars is not None:
            _noted("bias", start, cols_to_vars)  # type: ignore[arg-type]
        return bias_add(total, bias, name="weighted_sum")


def _weighted(
    column: FeatureColumn, features: Features, units: int, combiner: str, trainable: bool,
    collections: Any,
) -> Tensor:  # fmt: skip
    def weights(count: int) -> Any:
        return get_variable(
            "weights", shape=(count, units), dtype=float32, initializer=Zeros(),
            trainable=trainable, collections=collections,
        )  # fmt: skip

    if isinstance(column, CategoricalColumn):
        ids, id_weights = column.ids(features)
        return safe_embedding_lookup_sparse(
            weights(column.num_buckets), ids, sparse_weights=id_weights, combiner=combiner,
            name="weighted_sum",
        )  # fmt: skip
    assert isinstance(column, DenseColumn)
    factors = weights(column.num_elements)
    made = column.dense(features, trainable, collections)
    rows = reshape(made, [shape_of(made)[0], column.num_elements])
    return matmul(rows, factors, name="weighted_sum")


def make_parse_example_spec(feature_columns: Iterable[FeatureColumn]) -> dict[str, Any]:
    """How the columns' features are parsed, for `parse_example`.

    Raises
    ------
    ValueError : something is no column, or two columns parse one feature differently.
    """
    found: dict[str, Any] = {}
    for column in feature_columns:
        if not isinstance(column, FeatureColumn):
            raise ValueError(
                f"All feature_columns must be FeatureColumn instances. Given: {column}"
            )
        for key, value in column.parse_example_spec.items():
            if found.setdefault(key, value) != value:
                raise ValueError(
                    f"feature_columns contain different parse_spec for key {key}. Given {value} "
                    f"and {found[key]}"
                )
    return found


__all__ = ["input_layer", "linear_model", "make_parse_example_spec"]
