"""How examples with labels and weights are parsed."""

from __future__ import annotations

from typing import Any

from graphflow.data.examples import FixedLenFeature
from graphflow.feature_column import make_parse_example_spec, numeric_column


def _parse_spec(columns: Any, label_key: Any, label: Any, weight_column: Any) -> dict[str, Any]:
    if label_key is None:
        raise ValueError("Expected a name as label_key, got None")
    spec = make_parse_example_spec(columns)
    if label_key in spec:
        raise ValueError(
            f"label should not be used as feature. label_key: {label_key}, features: {list(spec)}"
        )
    spec[label_key] = label
    if weight_column is None:
        return spec
    column = numeric_column(weight_column) if isinstance(weight_column, str) else weight_column
    if not isinstance(column, type(numeric_column("x"))):
        raise ValueError(
            "weight_column should be an instance of tf.feature_column.numeric_column. "
            f"Given type: {type(column)} value: {column}"
        )
    if column.key in spec:
        raise ValueError(
            "weight_column should not be used as feature. "
            f"weight_column: {column.key}, features: {list(spec)}"
        )
    return {**spec, **make_parse_example_spec([column])}


def classifier_parse_example_spec(
    feature_columns: Any, label_key: str, label_dtype: Any = "int64", label_default: Any = None,
    weight_column: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """How a classifier's examples are parsed: columns, the label, and a weight.

    Raises
    ------
    ValueError : the label or the weight is a column already, or the weight is not a number.
    """
    label = FixedLenFeature((1,), label_dtype, label_default)
    return _parse_spec(feature_columns, label_key, label, weight_column)


def regressor_parse_example_spec(
    feature_columns: Any, label_key: str, label_dtype: Any = "float32", label_default: Any = None,
    label_dimension: int = 1, weight_column: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """How a regressor's examples are parsed; see `classifier_parse_example_spec`."""
    label = FixedLenFeature((label_dimension,), label_dtype, label_default)
    return _parse_spec(feature_columns, label_key, label, weight_column)
