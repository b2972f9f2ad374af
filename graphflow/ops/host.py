"""Ops that NumPy computes between the native parts of a run.

Factorisations, sorts, sets and whatever has a size that depends on data are of this kind. An op's
function takes the inputs' arrays and gives those of the outputs. When all inputs are known while
the run is traced it is called then, so that shapes computed by such ops are known too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.opdef import OpDef, define_op
from graphflow.graph.operation import Operation
from graphflow.ir.builder import NeedsValue

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
KNOWN_LIMIT = 1 << 16  # elements up to which a function of constants is computed by the trace


@dataclass(frozen=True)
class Computed:
    """A function of arrays with its options, equal to another of the same meaning.

    A ValueError becomes TensorFlow's InvalidArgumentError of the operation.
    """

    function: Function
    options: tuple[tuple[str, Any], ...]
    operation: Operation = field(compare=False)

    def __call__(self, *arrays: Array) -> list[Array]:
        try:
            with np.errstate(all="ignore"):
                found = self.function(*arrays, **dict(self.options))
        except (ValueError, np.linalg.LinAlgError) as error:
            op = self.operation
            raise errors.InvalidArgumentError(op.node_def, op, str(error)) from None
        results = found if isinstance(found, (list, tuple)) else [found]
        pairs = zip(results, self.operation.outputs, strict=True)
        return [np.asarray(value, dtype=t.dtype.base_dtype.numpy) for value, t in pairs]


def compute(
    b: Any, op: Operation, function: Function, inputs: Sequence[Any],
    shapes: Sequence[Any] | None = None, **options: Any,
) -> Any:  # fmt: skip
    """The nodes of an op whose outputs `function` computes.

    Parameters
    ----------
    shapes : of the outputs; None for one that depends on data. When no list is given, what the
        graph knows.
    **options : keyword arguments of the function, hashable but for lists, which become tuples:
        attributes that come from a file are lists.
    """
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    call = Computed(function, tuple(sorted(given.items())), op)
    if shapes is None:
        known = [t.shape for t in op.outputs]
        shapes = [tuple(s.as_list()) if s.is_fully_defined() else None for s in known]
    arrays = [a for a in (_known(b, node) for node in inputs) if a is not None]
    if len(arrays) == len(inputs):
        made = call(*arrays)
        nodes = [b.const(v, t.dtype.base_dtype) for v, t in zip(made, op.outputs, strict=True)]
        return nodes[0] if len(nodes) == 1 else tuple(nodes)
    types = [(t.dtype.base_dtype, s) for t, s in zip(op.outputs, shapes, strict=True)]
    results = b.call_python(call, inputs, types, stateful=False)
    return results[0] if len(results) == 1 else results


def _known(b: Any, node: Any) -> Array | None:
    """The value of a small constant; None for what is not known, or known in symbols only."""
    try:
        value = b.static(node)
    except NeedsValue:
        return None
    wanted = node.dtype.kind == "string" or value.dtype != object
    return value if wanted and value.size <= KNOWN_LIMIT else None


def define_host_op(
    name: str,
    infer: Callable[[Operation], Sequence[Any]],
    function: Function,
    shapes: Callable[..., Sequence[Any]] | None = None,
    attrs: Sequence[str] = (),
    gradient: Callable[..., Any] | None = None,
    no_gradient: str = "",
) -> OpDef:
    """Define an op that `function` computes.

    Parameters
    ----------
    shapes : ``shapes(op, *nodes)`` gives the outputs' shapes from the inputs' nodes.
    attrs : the op's attributes that the function takes as keyword arguments.
    """

    def lower(b: Any, op: Operation, *nodes: Any) -> Any:
        options = {key: op.attrs[key] for key in attrs}
        found = None if shapes is None else shapes(op, *nodes)
        return compute(b, op, function, nodes, found, **options)

    return define_op(name, infer, lower, gradient, no_gradient)
