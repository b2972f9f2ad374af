"""`theano.scan` and what is made of it: `map`, `reduce`, `foldl`, `foldr`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import graphflow as gf
from graphflow.ops import theano_scan
from graphflow.theano.sharing import TensorSharedVariable
from graphflow.theano.tensor.var import (
    Apply,
    Op,
    TensorVariable,
    Variable,
    as_tensor_variable,
    as_type,
)
from graphflow.theano.world import building


class OrderedUpdates(OrderedDict[Any, Any]):
    """Updates of shared variables, in order."""

    def __add__(self, other: Mapping[Any, Any]) -> OrderedUpdates:
        made = OrderedUpdates(self)
        made.update(other)
        return made


class until:  # Theano's name
    """What a step returns to end the scan after it, where the condition holds."""

    def __init__(self, condition: Any) -> None:
        self.condition = as_tensor_variable(condition)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


class _Step:
    """The user's step, as `graphflow.scan` calls it: with tensors, to return tensors."""

    def __init__(self, fn: Callable[..., Any], infos: list[Any], others: list[Any]) -> None:
        self.fn, self.others = fn, others
        self.initials = [_initial(info) for info in infos]
        self.shared: dict[Any, TensorSharedVariable] = {}

    def __call__(self, *tensors: Any) -> Any:
        made = self.fn(*[TensorVariable(t) for t in tensors], *self.others)
        parts = list(made) if isinstance(made, tuple) else [made]
        if isinstance(made, list) and any(_is_special(p) or isinstance(p, list) for p in made):
            parts = list(made)
        outputs: list[Any] = []
        updates: dict[Any, Any] = {}
        stop: Any = None
        for part in parts:
            if isinstance(part, until):
                stop = theano_scan.until(gf.cast(part.condition.tensor, gf.bool))
            elif isinstance(part, Mapping) or _is_updates(part):
                updates.update(part)
            elif part is not None:
                outputs += _as_list(part)
        tensors_out = [self._output(k, o) for k, o in enumerate(outputs)]
        changed = {v.variable: as_type(as_tensor_variable(e), v.dtype) for v, e in updates.items()}
        self.shared.update({v.variable: v for v in updates})
        return (tensors_out, changed) if stop is None else (tensors_out, changed, stop)

    def _output(self, place: int, value: Any) -> Any:
        variable = as_tensor_variable(value)
        initial = self.initials[place] if place < len(self.initials) else None
        return variable.tensor if initial is None else as_type(variable, initial.dtype)


def _is_updates(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and all(
        isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], TensorSharedVariable)
        for p in part
    )  # fmt: skip


def _is_special(part: Any) -> bool:
    return isinstance(part, (Mapping, until)) or _is_updates(part)


def _initial(info: Any) -> TensorVariable | None:
    value = info.get("initial") if isinstance(info, dict) else info
    return None if value is None else as_tensor_variable(value)


def _info(info: Any, initial: TensorVariable | None) -> Any:
    if initial is None:
        return None
    if isinstance(info, dict):
        return {"initial": initial.tensor, "taps": info.get("taps") or [-1]}
    return initial.tensor


def _sequence(given: Any) -> Any:
    if isinstance(given, dict):
        taps = given.get("taps")
        return {
            "input": as_tensor_variable(given["input"]).tensor,
            "taps": [0] if taps is None else taps,
        }
    return as_tensor_variable(given).tensor


def _steps(n_steps: Any) -> Any:
    if n_steps is None:
        return None
    value = as_tensor_variable(n_steps)
    data = getattr(value, "data", None)
    return gf.cast(value.tensor, gf.int32) if data is None else int(data)


def scan(
    fn: Callable[..., Any],
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: Any = False,
    allow_gc: Any = None,
    strict: bool = False,
    return_list: bool = False,
) -> tuple[Any, OrderedUpdates]:
    """Return what `fn` gives when it is called again and again, and updates of shared variables.

    Parameters
    ----------
    fn : takes elements of the sequences, the outputs' last values and the non-sequences; returns
        outputs, updates and perhaps `until`.
    sequences : variables, or dicts of ``input`` and ``taps``.
    outputs_info : for each output its first value, a dict of ``initial`` and ``taps``, or None.
    non_sequences : further arguments.
    n_steps : how many times; as far as the sequences go when None.
    truncate_gradient : through how many steps gradients go; all when -1.
    go_backwards : take the sequences from their ends.
    return_list : return a list even of one output.
    mode, profile, allow_gc, strict : accepted for Theano's sake.
    """
    infos, others = _as_list(outputs_info), [as_tensor_variable(v) for v in _as_list(non_sequences)]
    step = _Step(fn, infos, others)
    with building():
        outputs, updates = theano_scan.scan(
            step,
            sequences=[_sequence(s) for s in _as_list(sequences)],
            outputs_info=[_info(i, v) for i, v in zip(infos, step.initials, strict=True)],
            n_steps=_steps(n_steps), truncate_gradient=truncate_gradient,
            go_backwards=go_backwards, return_list=True,
        )  # fmt: skip
    inputs = [
        as_tensor_variable(s["input"] if isinstance(s, dict) else s) for s in _as_list(sequences)
    ]
    inputs += [v for v in step.initials if v is not None] + others
    node = Apply(Op("scan", _not_again), list(inputs))
    node.outputs = [TensorVariable(t, None, node) for t in outputs]
    changed = OrderedUpdates((step.shared[v], TensorVariable(t)) for v, t in updates.items())
    made: Any = list(node.outputs)
    if not return_list and len(made) < 2:
        made = made[0] if made else None
    return made, changed


def _not_again(*tensors: Any) -> Any:
    raise NotImplementedError("clone cannot build a scan again with other inputs; make it anew")


def map(
    fn: Callable[..., Any], sequences: Any, non_sequences: Any = None,
    truncate_gradient: int = -1, go_backwards: bool = False, mode: Any = None,
    name: str | None = None,
) -> tuple[Any, OrderedUpdates]:  # fmt: skip
    """Return `fn` of each element, stacked."""
    return scan(fn, sequences, None, non_sequences, None, truncate_gradient, go_backwards)


def reduce(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None,
    go_backwards: bool = False, mode: Any = None, name: str | None = None,
) -> tuple[Any, OrderedUpdates]:  # fmt: skip
    """Return the last of the results of a scan."""
    made, updates = scan(
        fn, sequences, outputs_info, non_sequences, go_backwards=go_backwards, return_list=True
    )
    last: list[Variable] = [m[-1] for m in made]
    return (last if len(last) > 1 else last[0]), updates


def foldl(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None,
    mode: Any = None, name: str | None = None,
) -> tuple[Any, OrderedUpdates]:  # fmt: skip
    """Return `reduce` from the first element on."""
    return reduce(fn, sequences, outputs_info, non_sequences)


def foldr(
    fn: Callable[..., Any], sequences: Any, outputs_info: Any, non_sequences: Any = None,
    mode: Any = None, name: str | None = None,
) -> tuple[Any, OrderedUpdates]:  # fmt: skip
    """Return `reduce` from the last element on."""
    return reduce(fn, sequences, outputs_info, non_sequences, go_backwards=True)
