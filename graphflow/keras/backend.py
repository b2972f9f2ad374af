"""Keras's backend: the session it runs in, its phase, and a small set of functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.gradients.reverse import gradients as gradients_op
from graphflow.graph.constants import constant as constant_op
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope, reset_default_graph
from graphflow.graph.session_stack import default_session
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_value
from graphflow.ops.conditionals import cond
from graphflow.ops.elementwise import pow as pow
from graphflow.ops.identity import placeholder as placeholder_op
from graphflow.ops.identity import placeholder_with_default
from graphflow.ops.joining import concat
from graphflow.ops.losses import sigmoid_cross_entropy_with_logits
from graphflow.ops.reductions import reduce_max, reduce_mean, reduce_sum
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape
from graphflow.ops.softmax import (
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from graphflow.ops.unary import abs as abs
from graphflow.ops.unary import log
from graphflow.ops.variables import Variable
from graphflow.runtime.session import Session

__all__ = [name for name in dir() if not name.startswith("_")]

_settings = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
_sessions: dict[Any, Any] = {}
_initialized: dict[Any, set[Any]] = {}
_PHASE = ("__keras_learning_phase",)


def floatx() -> str:
    """The default type of numbers."""
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Set the default type of numbers."""
    if value not in ("float16", "float32", "float64"):
        raise ValueError(f"Unknown floatx type: {value}")
    _settings["floatx"] = value


def epsilon() -> float:
    """A small number that keeps logarithms and quotients finite."""
    return float(_settings["epsilon"])  # type: ignore[arg-type]


def set_epsilon(value: float) -> None:
    """Set `epsilon`."""
    _settings["epsilon"] = value


def image_data_format() -> str:
    """The default layout of images."""
    return str(_settings["image_data_format"])


# ---- the session


def get_session() -> Any:
    """The session of the default graph, in which all its variables have values."""
    session = default_session()
    graph = get_default_graph()
    if session is None or session.graph is not graph:
        session = _sessions.get(graph)
        if session is None:
            session = _sessions[graph] = Session(graph=graph)
    known = _initialized.setdefault(session, set())
    fresh = [v for key in ("variables", "local_variables")
             for v in graph.get_collection(key) if v not in known]  # fmt: skip
    if fresh:
        from graphflow.ops.variable_lists import is_variable_initialized

        with graph.as_default():
            found = session.run([is_variable_initialized(v) for v in fresh])
        todo = [v.initializer for v, done in zip(fresh, found, strict=True) if not done]
        session.run(todo)
        known.update(fresh)
    return session


def set_session(session: Any) -> None:
    """Run in this session from now on."""
    _sessions[session.graph] = session


def clear_session() -> None:
    """Forget the default graph, and its session."""
    _sessions.pop(get_default_graph(), None)
    reset_default_graph()


def learning_phase() -> Tensor:
    """A bool that is true in training; one for each graph."""
    found = get_default_graph().get_collection_ref(_PHASE)
    if not found:
        with name_scope(""):
            found.append(placeholder_with_default(False, [], name="keras_learning_phase"))
    return found[0]


# ---- values


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A variable that starts at a value."""
    return Variable(np.asarray(value, dtype or floatx()), name=name, constraint=constraint)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """A constant."""
    return constant_op(value, dtype or floatx(), shape, name or "Const")


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, name: str | None = None
) -> Tensor:
    """A placeholder."""
    sizes = [None] * ndim if shape is None and ndim else shape
    return placeholder_op(dtype or floatx(), sizes, name=name)


def int_shape(x: Any) -> tuple[int | None, ...] | None:
    """The shape as far as it is known."""
    return None if x.shape.rank is None else tuple(x.shape.as_list())


def get_value(x: Any) -> Any:
    """The value of a variable."""
    return get_session().run(x)


def set_value(x: Any, value: Any) -> None:
    """Set the value of a variable."""
    get_session()
    x.load(np.asarray(value, x.dtype.base_dtype.as_numpy_dtype), get_session())


def batch_get_value(tensors: Sequence[Any]) -> list[Any]:
    """The values of variables."""
    return get_session().run(list(tensors)) if tensors else []


# ---- functions


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean along axes."""
    return reduce_mean(x, axis, keepdims)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum along axes."""
    return reduce_sum(x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The maximum along axes."""
    return reduce_max(x, axis, keepdims)


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """The values, none below and none above."""
    return clip_by_value(x, min_value, max_value)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Tensor:
    """The tensors, one after another along an axis."""
    return concat(list(tensors), axis)


def flatten(x: Any) -> Tensor:
    """All elements in a line."""
    return reshape(x, [-1])


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The gradients of a loss."""
    return gradients_op(loss, variables)


def hard_sigmoid(x: Any) -> Tensor:
    """``clip(0.2 x + 0.5, 0, 1)``."""
    return clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two, by a scalar."""
    one, other = (e if callable(e) else (lambda e=e: e) for e in (then_expression, else_expression))
    return cond(cast(condition, "bool"), one, other)


def _logits(output: Any, function: str) -> Any:
    """What a softmax or sigmoid was taken of; None if that is not known."""
    output = convert_to_tensor(output)
    return output.op.inputs[0] if output.op.type == function else None


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """The cross entropy of probabilities along the last axis."""
    logits = output if from_logits else _logits(output, "Softmax")
    if logits is not None:
        return softmax_cross_entropy_with_logits_v2(labels=target, logits=logits)
    output = output / reduce_sum(output, -1, True)
    output = clip_by_value(output, epsilon(), 1.0 - epsilon())
    return -reduce_sum(target * log(output), -1)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """The cross entropy of numbers of classes."""
    logits = output if from_logits else _logits(output, "Softmax")
    if logits is None:
        logits = log(clip_by_value(output, epsilon(), 1.0 - epsilon()))
    labels = cast(target, "int64")
    if labels.shape.rank is not None and labels.shape.rank == logits.shape.rank:
        labels = reshape(labels, shape(logits)[:-1])
    return sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """The cross entropy of each of independent classes."""
    logits = output if from_logits else _logits(output, "Sigmoid")
    if logits is not None:
        return sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    output = clip_by_value(output, epsilon(), 1.0 - epsilon())
    return -(target * log(output + epsilon()) + (1 - target) * log(1 - output + epsilon()))
