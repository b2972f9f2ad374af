"""What Keras's backend keeps: its settings, the session it runs in, its phase, and variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphflow.graph.constants import constant as constant_op
from graphflow.graph.default import get_default_graph, name_scope, reset_default_graph
from graphflow.graph.session_stack import default_session
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.checks import Print
from graphflow.ops.conditionals import smart_cond
from graphflow.ops.identity import identity, placeholder_with_default
from graphflow.ops.identity import placeholder as placeholder_op
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.state import assign, assign_add, assign_sub
from graphflow.ops.variables import Variable
from graphflow.runtime.session import Session

__all__ = [
    "batch_get_value", "batch_set_value", "cast_to_floatx", "clear_session", "constant",
    "count_params", "dtype", "epsilon", "eval", "floatx", "function", "get_session", "get_uid",
    "get_value", "image_data_format", "in_test_phase", "in_train_phase", "int_shape", "is_sparse",
    "learning_phase", "learning_phase_scope", "manual_variable_initialization",
    "moving_average_update", "name_scope", "ndim", "placeholder", "print_tensor",
    "reset_uids", "set_epsilon", "set_floatx", "set_image_data_format", "set_learning_phase",
    "set_session", "set_value", "to_dense", "update", "update_add", "update_sub", "variable",
]  # fmt: skip

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


def set_image_data_format(data_format: str) -> None:
    """Set the default layout of images."""
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"Unknown data_format: {data_format}")
    _settings["image_data_format"] = data_format


def cast_to_floatx(x: Any) -> Any:
    """An array or a tensor in the default type of numbers."""
    return cast(x, floatx()) if isinstance(x, Tensor) else np.asarray(x, floatx())


def manual_variable_initialization(value: bool) -> None:
    """Say whether `get_session` leaves variables alone that have no values yet."""
    _settings["manual"] = bool(value)


_UIDS = ("__keras_uids",)


def get_uid(prefix: str = "") -> int:
    """A number, one higher for each time that it is asked for with this prefix."""
    found = get_default_graph().get_collection_ref(_UIDS)
    if not found:
        found.append({})
    found[0][prefix] = found[0].get(prefix, 0) + 1
    return int(found[0][prefix])


def reset_uids() -> None:
    """Let `get_uid` count from one again."""
    get_default_graph().get_collection_ref(_UIDS).clear()


# ---- the session


def get_session() -> Any:
    """The session of the default graph, in which all its variables have values."""
    session = default_session()
    graph = get_default_graph()
    if session is None or session.graph is not graph:
        session = _sessions.get(graph)
        if session is None:
            session = _sessions[graph] = Session(graph=graph)
    if _settings.get("manual"):
        return session
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


def learning_phase() -> Any:
    """A bool that is true in training, one for each graph; or what was set for this graph."""
    found = get_default_graph().get_collection_ref(_PHASE)
    if not found:
        with name_scope(""):
            found.append(placeholder_with_default(False, [], name="keras_learning_phase"))
    return found[0]


def set_learning_phase(value: int) -> None:
    """Say for the rest of the graph whether it is for training."""
    if value not in (0, 1):
        raise ValueError("Expected learning phase to be 0 or 1.")
    get_default_graph().get_collection_ref(_PHASE)[:] = [bool(value)]


@contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    """Say for a while whether the graph is for training."""
    found = get_default_graph().get_collection_ref(_PHASE)
    before = list(found)
    set_learning_phase(value)
    try:
        yield
    finally:
        found[:] = before


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """One of two, tensors or functions, by whether the graph trains."""
    training = learning_phase() if training is None else training
    one, other = (e if callable(e) else (lambda e=e: identity(e)) for e in (x, alt))
    is_fixed = isinstance(training, (bool, int))
    return smart_cond(bool(training) if is_fixed else cast(training, "bool"), one, other)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """One of two, by whether the graph does not train."""
    return in_train_phase(alt, x, training)


# ---- values


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A variable that starts at a value."""
    return Variable(
        np.asarray(value, dtype or floatx()), name=name, constraint=constraint, use_resource=True
    )


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


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    """Set the values of variables."""
    for one, value in tuples:
        set_value(one, value)


def eval(x: Any) -> Any:
    """The value of a tensor."""
    return get_value(to_dense(x))


def count_params(x: Any) -> int:
    """How many numbers a variable holds."""
    return int(np.prod(x.shape.as_list()))


def dtype(x: Any) -> str:
    """The name of a tensor's type."""
    return str(x.dtype.base_dtype.name)


def ndim(x: Any) -> int | None:
    """The rank as far as it is known."""
    return x.shape.rank


def is_sparse(tensor: Any) -> bool:
    """Whether it is a `SparseTensor`."""
    return isinstance(tensor, SparseTensor)


def to_dense(tensor: Any) -> Any:
    """A sparse tensor as a dense one; another as it is."""
    return sparse_tensor_to_dense(tensor) if is_sparse(tensor) else tensor


def print_tensor(x: Any, message: str = "") -> Tensor:
    """The tensor, which is printed when it is computed."""
    return Print(x, [x], message)


def update(x: Any, new_x: Any) -> Any:
    """Set a variable in a run."""
    return assign(x, new_x)


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable in a run."""
    return assign_add(x, increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtract from a variable in a run."""
    return assign_sub(x, decrement)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Move a variable towards a value in a run."""
    return assign_sub(x, (x - value) * (1.0 - momentum))


def function(
    inputs: Sequence[Any], outputs: Any, updates: Any = None, name: str | None = None, **_: Any
) -> Callable[..., Any]:
    """A function of arrays that runs the graph from inputs to outputs, and updates."""
    todo = [assign(*u) if isinstance(u, tuple) else u for u in updates or []]

    def run(values: Any) -> Any:
        listed = values if isinstance(values, (list, tuple)) else [values]
        given = {t: v for t, v in zip(list(inputs), listed, strict=True) if isinstance(t, Tensor)}
        return get_session().run([outputs, todo], given)[0]

    return run
