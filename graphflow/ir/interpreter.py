"""Runs a Program node by node through the primitives' NumPy references.

Slow and obvious: it is the meaning of a Program. Generated code must agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.arrays import as_array
from graphflow.ir.dims import SymDim, evaluate
from graphflow.ir.node import Node, Program
from graphflow.ir.prims.effects import call_function

Array = np.ndarray[Any, Any]
Visit = Callable[[Program, Node, list[Any], Any], None]


def run_program(
    program: Program, inputs: Sequence[Any], symbols: Mapping[str, int] | None = None,
    visit: Visit | None = None,
) -> tuple[list[Array], dict[str, Array]]:  # fmt: skip
    """Evaluate a Program.

    Parameters
    ----------
    program : the Program.
    inputs : one array for each of its inputs.
    symbols : values of the symbolic dimensions; taken from the inputs' shapes when None.
    visit : called with each node that was computed: ``visit(program, node, operands, value)``, for
        those of loops' bodies and branches with that Program, in the order of the computation.

    Returns
    -------
    The outputs, and the new values of the updated variables by name.

    Raises
    ------
    errors.OpError : a check of the Program failed.
    """
    symbols = dict(bind_symbols(program, inputs) if symbols is None else symbols)
    values: dict[Node, Any] = {}
    for node, array in zip(program.inputs, inputs, strict=True):
        values[node] = np.asarray(array, dtype=node.dtype.numpy)
    for node in program.nodes():
        if node not in values:
            operands = [values[i] for i in node.inputs]
            values[node] = evaluate_node(node, operands, symbols, visit)
            if visit is not None:
                visit(program, node, operands, values[node])
    outputs = [values[n] for n in program.outputs]
    return outputs, {u.variable: values[u.value] for u in program.updates}


def bind_symbols(program: Program, inputs: Sequence[Any]) -> dict[str, int]:
    """The values of the size symbols, read off the inputs' shapes."""
    symbols: dict[str, int] = {}
    for node, array in zip(program.inputs, inputs, strict=True):
        for dim, size in zip(node.shape, np.shape(array), strict=True):
            if isinstance(dim, SymDim) and len(dim.symbols()) == 1:
                (name,) = dim.symbols()
                if dim == SymDim.symbol(name):
                    symbols[name] = size
    return symbols


def evaluate_node(
    node: Node, operands: list[Any], symbols: Mapping[str, int], visit: Visit | None = None
) -> Any:
    """One node's value from its operands' values."""
    if node.op in ("host_call", "effect_call"):
        return [as_array(v) for v in call_function(node, operands)]
    if node.op == "while":
        return _run_while(node, operands, symbols, visit)
    if node.op == "cond":
        branch = node["then"] if operands[0] else node["otherwise"]
        return run_program(branch, operands[1:], symbols, visit)[0]
    if node.op == "result":
        return operands[0][node["index"]]
    if node.op == "dim_value":
        return np.asarray(evaluate(node["dim"], symbols), dtype=node.dtype.numpy)
    if node.op == "check":
        if not operands[0]:
            raise getattr(errors, node["error"])(None, None, node["describe"](*operands[1:]))
        return None
    attrs = {k: _concrete(v, symbols) for k, v in node.attrs.items()}
    reference = node.prim.reference
    if reference is None:
        raise errors.CompilerError(f"{node.op} has no reference to interpret it by")
    if node.op == "const" and attrs["value"].array.dtype == object and node.dtype.is_integer:
        flat = [_concrete(v, symbols) for v in attrs["value"].array.flat]
        return np.array(flat, dtype=node.dtype.numpy).reshape(node.shape)
    return as_array(reference(attrs, *operands))


def _run_while(
    node: Node, operands: list[Any], symbols: Mapping[str, int], visit: Visit | None
) -> list[Any]:
    body, carried = node["body"], node["carried"]
    more, *values = operands
    while more:
        (more,), updates = run_program(body, values, symbols, visit)
        for k, variable in enumerate(body.inputs[:carried]):
            values[k] = updates.get(variable["name"], values[k])
    return values[:carried]


def _concrete(value: Any, symbols: Mapping[str, int]) -> Any:
    if isinstance(value, SymDim):
        return value.evaluate(symbols)
    if isinstance(value, tuple):
        return tuple(_concrete(v, symbols) for v in value)
    return value
