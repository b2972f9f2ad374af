"""Constants, and the values that are known while the graph is built.

The value of a ``Const`` is known here. Arithmetic on shapes is known to the op families, which
install an evaluator for it (`set_static_evaluator`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.arrays import make_array
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.shapes import TensorShape, shape_from_tuple, unknown_shape
from graphflow.graph.tensor import Tensor

StaticEvaluator = Callable[[Tensor, bool], "np.ndarray[Any, Any] | None"]
_evaluators: list[StaticEvaluator] = []


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """Return a tensor that always has this value.

    Parameters
    ----------
    value : a number, text, array, or nested lists of numbers or text.
    dtype : element type; found from `value` when None.
    shape : sizes; when there are fewer values than it asks for, the last one is repeated.
    name : the operation's name.
    verify_shape : require that `value` has `shape` already.

    Raises
    ------
    TypeError, ValueError : as `graphflow.graph.arrays.make_array`.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    array = make_array(value, wanted, shape, verify_shape)
    kind = wanted if wanted is not None and wanted.is_quantized else as_dtype(array.dtype)
    attrs = {"value": array, "dtype": kind}
    return get_default_graph().create_op("Const", (), attrs, name).outputs[0]


def is_constant(tensor_or_op: Any) -> bool:
    """Whether a tensor or an operation is a ``Const``."""
    op = tensor_or_op.op if isinstance(tensor_or_op, Tensor) else tensor_or_op
    return op.type == "Const"


def set_static_evaluator(evaluator: StaticEvaluator) -> None:
    """Install the function that knows values of operations other than ``Const``.

    ``evaluator(tensor, partial)`` returns an array or None. With `partial`, it may also return an
    object array in which None stands for elements that are not known.
    """
    _evaluators[:] = [evaluator]


def constant_value(tensor: Tensor, partial: bool = False) -> Any:
    """Return the value of `tensor` as far as it is known now, else None.

    Parameters
    ----------
    partial : accept an object array with None for the elements that are not known.
    """
    if not isinstance(tensor, Tensor):
        return None if hasattr(tensor, "_as_graph_element") else tensor
    value = tensor.op.attrs["value"] if tensor.op.type == "Const" else None
    if value is None and _evaluators:
        value = _evaluators[0](tensor, partial)
    if value is not None:
        # The caller may now build on this value, so a run must not feed another one.
        tensor.graph.prevent_feeding(tensor)
    return value


def constant_value_as_shape(tensor: Tensor) -> TensorShape:
    """Return the shape that an integer vector stands for, as far as it is known now.

    Elements that are unknown, or -1, give unknown sizes.

    Raises
    ------
    ValueError : a size below -1, or a tensor that is no vector.
    """
    shape = tensor.shape.with_rank(1)
    value = constant_value(tensor, partial=True)
    if value is None:
        return unknown_shape(rank=shape.extents[0])  # type: ignore[index]
    sizes = [None if size is None or size == -1 else int(size) for size in value]
    if any(size is not None and size < 0 for size in sizes):
        raise ValueError(f"Dimension {min(s for s in sizes if s is not None)} must be >= 0")
    return shape_from_tuple(tuple(sizes))
