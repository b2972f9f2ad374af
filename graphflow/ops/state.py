"""The ops on variables' state: VariableV2, Assign, AssignAdd, AssignSub, ...

A variable is a ``VariableV2`` operation; its output is a reference (``float32_ref``). An op that
writes takes that reference and gives it back, so that assignments can be chained. Reading is an
Identity of the reference. The trace turns all this into values: `Program`s have no references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.dtypes import NUMERIC, as_dtype
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import SCALAR, TensorShape, as_shape, merge_in_op
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import Types, no_outputs


def variable_of(reference: Tensor) -> Operation:
    """Return the operation, a ``VariableV2`` mostly, that a reference belongs to."""
    op = reference.op
    while op.inputs:
        op = op.inputs[0].op
    return op


def _target(op: Operation) -> Operation:
    return variable_of(op.inputs[0])


def _names_without_value(names: Sequence[bytes]) -> Callable[..., Any]:
    def select(*has_value: Any) -> Any:
        missing = [name for name, known in zip(names, has_value, strict=True) if not known]
        return [np.array(missing, dtype=object)]

    return select


def _lower_assert_initialized(b: Any, op: Operation, _: Any) -> Any:
    message = f"Attempting to use uninitialized value {_target(op).name}"
    b.check(b.is_initialized(_target(op)), "FailedPreconditionError", message, ())
    return ()


def _infer_assign(op: Operation) -> Types:
    reference, value = op.inputs
    if not op.attrs["validate_shape"]:
        return [(reference.dtype, value.shape)]
    return [(reference.dtype, merge_in_op(reference.shape, value.shape))]


def _infer_update(op: Operation) -> Types:
    reference, value = op.inputs
    return [(reference.dtype, merge_in_op(reference.shape, value.shape))]


def _lower_assign(b: Any, op: Operation, _: Any, value: Any) -> Any:
    """Raises ValueError for a value of another shape than the variable has for good."""
    known = op.inputs[0].shape
    if op.attrs["validate_shape"] and known.is_fully_defined():
        wanted, got = known.as_list(), list(value.shape)
        pairs = zip(wanted, got, strict=False)
        if len(wanted) != len(got) or any(isinstance(g, int) and g != w for w, g in pairs):
            raise ValueError(
                "Assign requires shapes of both tensors to match. lhs shape= "
                f"{_shape_text(wanted)} rhs shape= {_shape_text(got)}"
            )
    return b.write_variable(_target(op), value)


def _shape_text(shape: Sequence[Any]) -> str:
    return f"[{','.join(str(s) for s in shape)}]"


define_op(
    name="VariableV2",
    infer=lambda op: [(op.attrs["dtype"]._as_ref, op.attrs["shape"])],
    lower=lambda b, op: b.read_variable(op),
    no_gradient="it has no inputs",
    stateful=True,
)
# TensorFlow's has memory for as long as a run; its value is what was assigned in that run.
define_op(
    name="TemporaryVariable",
    infer=lambda op: [(op.attrs["dtype"]._as_ref, op.attrs["shape"])],
    lower=lambda b, op: b.read_variable(op),
    no_gradient="it has no inputs",
    stateful=True,
)
define_op(
    name="DestroyTemporaryVariable",
    infer=lambda op: [(op.inputs[0].dtype.base_dtype, op.inputs[0].shape)],
    lower=lambda b, op, value: value,
    no_gradient="a reference has none",
    stateful=True,
)
define_op(
    name="Assign",
    infer=_infer_assign,
    lower=_lower_assign,
    no_gradient="an assignment",
    stateful=True,
    takes_reference=True,
)
define_op(
    name="AssignAdd",
    infer=_infer_update,
    lower=lambda b, op, _, value: b.write_variable(
        _target(op), b.add(b.read_variable(_target(op)), value)
    ),
    no_gradient="an assignment",
    stateful=True,
    takes_reference=True,
)
define_op(
    name="AssignSub",
    infer=_infer_update,
    lower=lambda b, op, _, value: b.write_variable(
        _target(op), b.sub(b.read_variable(_target(op)), value)
    ),
    no_gradient="an assignment",
    stateful=True,
    takes_reference=True,
)
define_op(
    name="IsVariableInitialized",
    infer=lambda op: [(dtypes.bool_, SCALAR)],
    lower=lambda b, op, _: b.is_initialized(_target(op)),
    no_gradient="boolean output",
    stateful=True,
    takes_reference=True,
)
# TensorFlow builds a `cond` for this; here it is one op, because the trace knows which variables
# have a value and takes one of the two inputs without a branch.
define_op(
    name="InitializedValue",
    infer=lambda op: [(op.inputs[1].dtype, op.inputs[1].shape)],
    lower=lambda b, op, _, initial: b.read_variable_or(_target(op), initial),
    gradient=lambda op, gradient: [gradient, None],
    stateful=True,
    takes_reference=True,
)

define_op(
    name="AssertInitialized",
    infer=no_outputs,
    lower=_lower_assert_initialized,
    no_gradient="it has no outputs",
    stateful=True,
    takes_reference=True,
)
define_op(
    name="UninitializedNames",
    infer=lambda op: [(dtypes.string, TensorShape([None]))],
    lower=lambda b, op, *has_value: b.call_python(
        _names_without_value(op.attrs["names"]), has_value, ((dtypes.string, None),)
    ),
    no_gradient="string output",
)


def _lower_count(b: Any, op: Operation, _: Any) -> Any:
    """The value as it was; the run fails once it is the limit."""
    limit, value = op.attrs["limit"], b.read_variable(_target(op))
    inside = b.lt(value, limit)
    b.check(inside, "OutOfRangeError", f"Reached limit of {limit}")
    b.write_variable(_target(op), b.add(value, 1))
    return value


def _infer_count(op: Operation) -> Any:
    if op.inputs[0].shape.rank not in (None, 0):
        raise ValueError(f"Shape must be rank 0 but is rank {op.inputs[0].shape.rank}")
    return [(op.inputs[0].dtype.base_dtype, TensorShape([]))]


define_op(
    name="CountUpTo",
    infer=_infer_count,
    lower=_lower_count,
    no_gradient="an assignment",
    stateful=True,
    takes_reference=True,
)
_COUNT = Signature("CountUpTo", "ref: Ref(T)", T=(dtypes.int32, dtypes.int64))
_VARIABLE = Signature("VariableV2")
_ASSIGN = Signature("Assign", "ref: Ref(T)", "value: T")
_ASSIGN_ADD = Signature("AssignAdd", "ref: Ref(T)", "value: T", T=NUMERIC)
_ASSIGN_SUB = Signature("AssignSub", "ref: Ref(T)", "value: T", T=NUMERIC)
_IS_INITIALIZED = Signature("IsVariableInitialized", "ref: Ref(dtype)")
_INITIALIZED_VALUE = Signature("InitializedValue", "ref: Ref(T)", "value: T")
_ASSERT_INITIALIZED = Signature("AssertInitialized", "ref: Ref(T)")
_UNINITIALIZED_NAMES = Signature("UninitializedNames", "has_value: N * bool")


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Add 1 to a variable; return its value before.

    Raises
    ------
    OutOfRangeError : in a run, when the value is `limit`.
    """
    return _COUNT(ref, name=name, limit=limit).outputs[0]


def variable_op_v2(
    shape: Any, dtype: Any, name: str = "Variable", container: str = "", shared_name: str = ""
) -> Tensor:
    """Return the reference of a new variable without a value.

    Parameters
    ----------
    shape : as far as it is known.
    dtype : element type.
    """
    attrs = {"shape": as_shape(shape), "dtype": as_dtype(dtype).base_dtype}
    attrs |= {"container": container, "shared_name": shared_name}
    return _VARIABLE(name=name, **attrs).outputs[0]


def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """Give a variable a value.

    Parameters
    ----------
    ref : a variable or its reference.
    value : of the variable's type.
    validate_shape : require the variable's shape, True when None. Otherwise the variable takes the
        shape of the value.

    Returns
    -------
    The reference, as it is after the assignment.
    """
    if not ref.dtype._is_ref_dtype:
        return ref.assign(value, name=name)
    attrs = {
        "validate_shape": True if validate_shape is None else validate_shape,
        "use_locking": True if use_locking is None else use_locking,
    }
    return _ASSIGN(ref, value, name=name, **attrs).outputs[0]


def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Add `value` to a variable; return the reference as it is then. Shapes must be equal."""
    if not ref.dtype._is_ref_dtype:
        return ref.assign_add(value)
    return _ASSIGN_ADD(ref, value, name=name, use_locking=bool(use_locking)).outputs[0]


def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Subtract `value` from a variable; return the reference as it is then."""
    if not ref.dtype._is_ref_dtype:
        return ref.assign_sub(value)
    return _ASSIGN_SUB(ref, value, name=name, use_locking=bool(use_locking)).outputs[0]


def is_variable_initialized(ref: Any, name: str | None = None) -> Tensor:
    """Return a boolean tensor: whether the variable has a value."""
    return _IS_INITIALIZED(ref, name=name).outputs[0]


def initialized_value(ref: Any, initial_value: Tensor) -> Tensor:
    """Return a variable's value, or `initial_value` for as long as it has none."""
    is_variable_initialized(ref)
    graph = ref.graph
    with graph.name_scope("cond") as scope:
        # The operations that TensorFlow's `cond` has beside the one made here are counted, since
        # the seeds of random operations made later depend on the count.
        graph._skip_ids(7)
        return _INITIALIZED_VALUE(ref, initial_value, name=f"{scope}Merge/").outputs[0]


def assert_initialized(ref: Any) -> Operation:
    """Return an operation that fails with FailedPreconditionError while `ref` has no value."""
    return _ASSERT_INITIALIZED(ref)


def uninitialized_names(references: Sequence[Any], names: Sequence[str]) -> Tensor:
    """Return the names, a vector of text, of the variables that have no value."""
    has_value = [is_variable_initialized(reference) for reference in references]
    encoded = [name.encode() for name in names]
    # TensorFlow masks a vector of names, with 30 operations: counted, see `_skip_ids`.
    has_value[0].graph._skip_ids(29)
    return _UNINITIALIZED_NAMES(has_value, names=encoded, name="names").outputs[0]
