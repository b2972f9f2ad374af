"""The registry of operations: what each op type is, said once.

An `OpDef` says how to infer the types and shapes of an op's outputs, how to lower it to the
compiler's Program, and what its gradient is. Graphs, gradients and the trace all ask here.
Gradients that a user registers under a name of their own (``tf.RegisterGradient``) are kept
beside the definitions, and `gradient_override_map` points ops to them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # an OpDef names these types but needs none of them
    from graphflow.graph.dtypes import DType
    from graphflow.graph.operation import Operation
    from graphflow.graph.shapes import TensorShape


@dataclass(frozen=True, eq=False)
class OpDef:
    """The definition of an op type.

    Attributes
    ----------
    name : TensorFlow's op type: ``MatMul``, ``AddV2``.
    infer : ``infer(op)`` gives (dtype, shape) for each output. It sees `op.inputs` and `op.attrs`
        and raises ValueError or TypeError in TensorFlow's words; which op, which inputs and which
        line are added by the graph.
    lower : ``lower(b, op, *nodes)`` builds the Program's nodes: one, or a tuple of them for an op
        with several outputs. `b` is the compiler's builder.
    gradient : ``gradient(op, *output_gradients)`` gives one Tensor, IndexedSlices or None per
        input. None when the op has no gradient.
    no_gradient : why mathematics gives no gradient ("integer output"); the gradient is then zero
        everywhere and the sweep stops here. Empty, with `gradient` None: asking is an error.
    stateful : the op has an effect or a state, so it is never merged, folded, or dropped when it
        is reached.
    takes_reference : the first input is the reference of a variable, not its value. The trace must
        not read the variable for it, and gives `lower` None in its place. Everywhere else, a
        reference stands for the value at the moment when the op runs.
    """

    name: str
    infer: Callable[[Operation], Sequence[tuple[DType, TensorShape]]]
    lower: Callable[..., Any]
    gradient: Callable[..., Any] | None = None
    no_gradient: str = ""
    stateful: bool = False
    takes_reference: bool = False


_definitions: dict[str, OpDef] = {}
_late: list[Callable[[], None]] = []
_user_gradients: dict[str, tuple[Callable[..., Any] | None, str]] = {}


def define_op(
    name: str,
    infer: Callable[[Operation], Sequence[tuple[DType, TensorShape]]],
    lower: Callable[..., Any],
    gradient: Callable[..., Any] | None = None,
    no_gradient: str = "",
    stateful: bool = False,
    takes_reference: bool = False,
) -> OpDef:
    """Register an op type and return its definition; ValueError when the name is taken."""
    if name in _definitions:
        raise ValueError(f"define_op: an op named {name!r} is defined already")
    definition = OpDef(name, infer, lower, gradient, no_gradient, stateful, takes_reference)
    _definitions[name] = definition
    return definition


def define_more(load: Callable[[], None]) -> None:
    """Let `load` be called, once, when an op type is asked for that is not defined so far.

    So op families that few programs use are imported when one does, perhaps by name in a GraphDef.
    """
    _late.append(load)


def _find(name: str) -> OpDef | None:
    while name not in _definitions and _late:
        _late.pop()()
    return _definitions.get(name)


def is_defined(name: str) -> bool:
    """Whether there is an op type of this name."""
    return _find(name) is not None


def get_opdef(name: str) -> OpDef:
    """Return the definition of an op type; ValueError when there is none."""
    definition = _find(name)
    if definition is None:
        raise ValueError(f"Op type not registered '{name}' in graphflow")
    return definition


def all_opdefs() -> list[OpDef]:
    """Return every definition, in order of registration."""
    while _late:
        _late.pop()()
    return list(_definitions.values())


def register_gradient(op_type: str, function: Callable[..., Any] | None) -> None:
    """Register a gradient under a name; None says that the op has none.

    Raises
    ------
    KeyError : the name has a gradient already.
    """
    known = _find(op_type)
    previous = _user_gradients.get(op_type)
    if previous is None and known is not None and (known.gradient or known.no_gradient):
        previous = known.gradient, "graphflow"
    if previous is not None:
        raise KeyError(
            f"Registering two gradient with name '{op_type}'! "
            f"(Previous registration was in {previous[1]})"
        )
    caller = sys._getframe(2).f_code
    where = f"{caller.co_name} {os.path.basename(caller.co_filename)}"
    _user_gradients[op_type] = function, where


class RegisterGradient:
    """Decorator: the function is the gradient of an op type, or one to override it with.

    The function takes the op and one gradient per output and returns one per input.
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        register_gradient(self._op_type, function)
        return function


def no_gradient(op_type: str) -> None:
    """Say that ops of this type have no gradient, so that asking for it gives None."""
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    register_gradient(op_type, None)


def get_gradient_function(op: Operation) -> Callable[..., Any] | None:
    """Return the gradient of an operation; None when it has none by mathematics or no inputs.

    Raises
    ------
    LookupError : nobody wrote a gradient for this type of operation.
    """
    if not op.inputs:
        return None
    name = op.attrs.get("_gradient_op_type", op.type)
    if isinstance(name, bytes):
        name = name.decode()
    if name in _user_gradients:
        return _user_gradients[name][0]
    definition = _definitions.get(name)
    if definition is not None and definition.gradient is not None:
        return definition.gradient
    if definition is not None and definition.no_gradient:
        return None
    raise LookupError(f"gradient registry has no entry for: {name}")
