"""Walks over expressions, and rebuilding them with other inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.theano.tensor.var import (
    Apply,
    TensorVariable,
    Variable,
    apply_many,
    as_tensor_variable,
    as_type,
)


def io_toposort(outputs: Iterable[Any]) -> tuple[list[Apply], list[Variable]]:
    """Return the nodes that outputs are made by, inputs first, and all variables on the way."""
    nodes: list[Apply] = []
    variables: dict[Variable, None] = {}
    done: set[Apply] = set()
    pending: list[tuple[Any, bool]] = [(v, False) for v in reversed(list(outputs))]
    while pending:
        variable, is_ready = pending.pop()
        variables.setdefault(variable)
        node = variable.owner
        if node is None or node in done:
            continue
        if is_ready:
            done.add(node)
            nodes.append(node)
        else:
            pending.append((variable, True))
            pending += [(v, False) for v in reversed(node.inputs)]
    return nodes, list(variables)


def ancestors(variables: Iterable[Any], blockers: Any = None) -> list[Variable]:
    """Return all variables that the given ones depend on, themselves among them."""
    return io_toposort(variables)[1]


def inputs(variables: Iterable[Any], blockers: Any = None) -> list[Variable]:
    """Return the variables that the given ones depend on and that nothing makes."""
    return [v for v in ancestors(variables) if v.owner is None]


def clone(
    output: Any, replace: Any = None, strict: bool = True, share_inputs: bool = True,
    copy_inputs: Any = None,
) -> Any:  # fmt: skip
    """Return expressions built again, with some of their variables replaced.

    Parameters
    ----------
    output : a variable or a list of them.
    replace : pairs of a variable and what takes its place.
    """
    pairs = replace.items() if isinstance(replace, Mapping) else (replace or ())
    known: dict[Any, Any] = {old: _alike(new, old) for old, new in pairs}
    wanted = output if isinstance(output, (list, tuple)) else [output]
    for node in io_toposort(wanted)[0]:
        given = [known.get(v, v) for v in node.inputs]
        if all(a is b for a, b in zip(given, node.inputs, strict=True)):
            continue
        made = apply_many(node.op.name, node.op.build, *given, kind=type(node.op))  # type: ignore[arg-type]
        vars(made[0].owner.op).update({k: v for k, v in vars(node.op).items() if k != "build"})  # type: ignore[union-attr]
        for old, new in zip(node.outputs, made, strict=True):
            new.name = old.name
            known.setdefault(old, new)
    made_list = [known.get(v, v) for v in wanted]
    return made_list if isinstance(output, (list, tuple)) else made_list[0]


def _alike(new: Any, old: Any) -> Any:
    value = as_tensor_variable(new)
    if value.dtype == old.dtype:
        return value
    return TensorVariable(as_type(value, old.dtype), value.name)
