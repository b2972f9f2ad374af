"""`scan` in both of its forms: TensorFlow's ``scan(fn, elems)`` and Theano's with ``sequences=``.

Theano's is a `while_loop` whose variables are the last values of each recurrent output, as many as
its taps reach back. Shared variables that the step updates are loop variables too: the step reads
the value of its round, and the last one is what `scan` gives as the update.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops import functional
from graphflow.ops.comparison import logical_and, logical_not
from graphflow.ops.conditionals import cond
from graphflow.ops.elementwise import minimum
from graphflow.ops.identity import stop_gradient
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import reverse
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.while_loops import while_loop

__all__ = ["scan", "until"]


class until:  # Theano's name
    """What a step returns to end the scan after it, where the condition holds."""

    def __init__(self, condition: Any) -> None:
        self.condition = condition


def scan(
    fn: Callable[..., Any], elems: Any = None, initializer: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
    infer_shape: bool = True, reverse: bool = False, name: str | None = None, **theano: Any,
) -> Any:  # fmt: skip
    """All results of a function that is applied again and again.

    With `elems`, TensorFlow's: ``fn(last result, element)`` along their first axis, from
    `initializer` or the first element on; returns the results, stacked.

    With ``sequences``, ``outputs_info``, ``non_sequences`` or ``n_steps``, Theano's: returns
    (outputs, updates). `fn` takes the sequences' elements, the outputs' last values and the
    non-sequences, and returns outputs, updates of shared variables, or both, and perhaps `until`.

    Parameters
    ----------
    reverse : go from the last element to the first.
    sequences : tensors, or dicts of ``input`` and ``taps``.
    outputs_info : for each output its first value, a dict of ``initial`` and ``taps``, or None
        where `fn` does not take it.
    n_steps : how many times; as far as the sequences go when None.
    truncate_gradient : through how many of the last steps gradients go; all when -1.
    go_backwards : take the sequences from their ends.
    return_list : return a list even of one output.
    """
    if theano or elems is None:
        return _scan_sequences(fn, name=name, **theano)
    return functional.scan(
        fn, elems, initializer, parallel_iterations, back_prop, swap_memory, infer_shape, reverse,
        name,
    )  # fmt: skip


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


@dataclass
class _Sequence:
    """A sequence, in the order in which it is gone through."""

    values: Tensor
    taps: list[int]

    @property
    def start(self) -> int:
        return max(0, -min(self.taps))

    @property
    def steps(self) -> Any:
        left = self.start + max(0, *self.taps, 0)
        known = self.values.shape.as_list()[0]
        return (known if known is not None else shape_of(self.values)[0]) - left


@dataclass
class _Output:
    """A recurrent output: its values before the first step, oldest first."""

    first: list[Tensor]
    taps: list[int]


def _sequence(given: Any, backwards: bool) -> _Sequence:
    taps = [0]
    if isinstance(given, dict):
        taps = _as_list(given.get("taps", [0]))
        given = given["input"]
    values = convert_to_tensor(given)
    return _Sequence(reverse(values, [0]) if backwards else values, taps)


def _output(given: Any) -> _Output | None:
    if given is None:
        return None
    taps = [-1]
    if isinstance(given, dict):
        if given.get("initial") is None:
            return None
        taps = sorted(_as_list(given.get("taps", [-1])))
        given = given["initial"]
    if any(tap >= 0 for tap in taps):
        raise ValueError(f"scan expected taps of outputs below 0, got {taps}")
    first = convert_to_tensor(given)
    if taps == [-1]:
        return _Output([first], taps)
    depth = -min(taps)
    return _Output([first[k] for k in range(depth)], taps)


@dataclass
class _Result:
    """What a step returned."""

    outputs: list[Any]
    updates: dict[Any, Any]
    stop: Any = None


def _sorted_result(made: Any) -> _Result:
    """Outputs, updates and the stopping condition, from whatever form the step returns."""
    parts = list(made) if isinstance(made, tuple) else [made]
    result = _Result([], {})
    for part in parts:
        if isinstance(part, until):
            result.stop = part.condition
        elif isinstance(part, dict):
            result.updates.update(part)
        elif isinstance(part, list) and part and all(_is_update(p) for p in part):
            result.updates.update(part)
        else:
            result.outputs += _as_list(part)
    return result


def _is_update(part: Any) -> bool:
    return isinstance(part, tuple) and len(part) == 2 and hasattr(part[0], "assign")


def _scan_sequences(
    fn: Callable[..., Any], sequences: Any = None, outputs_info: Any = None,
    non_sequences: Any = None, n_steps: Any = None, truncate_gradient: int = -1,
    go_backwards: bool = False, mode: Any = None, name: str | None = None, profile: bool = False,
    allow_gc: bool | None = None, strict: bool = False, return_list: bool = False,
) -> tuple[Any, OrderedDict[Any, Any]]:  # fmt: skip
    with name_scope(name, "scan"):
        loop = _Loop(
            fn, [_sequence(s, go_backwards) for s in _as_list(sequences)],
            [_output(o) for o in _as_list(outputs_info)], _as_list(non_sequences), n_steps,
            truncate_gradient,
        )  # fmt: skip
        outputs, updates = loop.run()
    if return_list:
        return outputs, updates
    if not outputs:
        return None, updates
    return (outputs[0] if len(outputs) == 1 else outputs), updates


class _Loop:
    """The loop of one scan."""

    def __init__(
        self, fn: Callable[..., Any], sequences: list[_Sequence], infos: list[_Output | None],
        others: list[Any], n_steps: Any, truncate: int,
    ) -> None:  # fmt: skip
        self.fn, self.sequences, self.infos, self.others = fn, sequences, infos, others
        steps = n_steps
        for sequence in sequences if n_steps is None else ():
            both_known = isinstance(steps, int) and isinstance(sequence.steps, int)
            if steps is None:
                steps = sequence.steps
            else:
                least = min if both_known else minimum
                steps = least(steps, sequence.steps)
        if steps is None:
            raise ValueError("scan expected sequences or n_steps, got neither")
        self.steps, self.truncate = steps, truncate

    def step(self, time: Any, histories: list[list[Tensor]]) -> _Result:
        """Call the user's function for one step."""
        arguments = []
        for sequence in self.sequences:
            arguments += [sequence.values[time + (sequence.start + t)] for t in sequence.taps]
        recurrent = [info for info in self.infos if info is not None]
        for info, history in zip(recurrent, histories, strict=True):
            arguments += [history[tap] for tap in info.taps]
        arguments += self.others
        if self.truncate >= 0:
            arguments = [self.truncated(time, value) for value in arguments]
        return _sorted_result(self.fn(*arguments))

    def truncated(self, time: Any, value: Any) -> Any:
        """A value through which gradients go in the last steps only."""
        value = convert_to_tensor(value)
        if not value.dtype.is_floating:
            return value
        is_early = convert_to_tensor(time) < self.steps - self.truncate
        made = cond(is_early, lambda: stop_gradient(value), lambda: value + 0)
        made.set_shape(value.shape)
        return made

    def run(self) -> tuple[list[Tensor], OrderedDict[Any, Any]]:
        """Make the loop; returns the outputs and the updates."""
        probed = self.probe()
        count = len(probed.outputs)
        infos = [*self.infos, *[None] * (count - len(self.infos))]
        self.infos = infos[:count] if len(self.infos) <= count else self.infos
        shared = list(probed.updates)
        stops = probed.stop is not None
        arrays = [
            TensorArray(
                convert_to_tensor(o).dtype.base_dtype, size=0 if stops else self.steps,
                dynamic_size=stops, element_shape=None,
            )
            for o in probed.outputs
        ]  # fmt: skip
        histories = [info.first for info in self.infos if info is not None]
        values = [convert_to_tensor(v.value()) for v in shared]
        flag = convert_to_tensor(True)

        def body(time: Tensor, go_on: Tensor, histories: Any, arrays: Any, values: Any) -> Any:
            context = get_default_graph()._get_control_flow_context()
            for variable, value in zip(shared, values, strict=True):
                for tensor in (variable.value(), variable._ref()):
                    context.external[tensor] = value
            made = self.step(time, histories)
            outputs = [convert_to_tensor(o) for o in made.outputs]
            recurrent = [o for o, i in zip(outputs, self.infos, strict=True) if i is not None]
            moved = []
            for output, history in zip(recurrent, histories, strict=True):
                output.set_shape(history[-1].shape)
                moved.append([*history[1:], output])
            written = [a.write(time, o) for a, o in zip(arrays, outputs, strict=True)]
            following = [made.updates[v] for v in shared]
            next_values = [
                convert_to_tensor(n, dtype=v.dtype.base_dtype)
                for n, v in zip(following, values, strict=True)
            ]
            more = go_on if made.stop is None else logical_not(convert_to_tensor(made.stop))
            return time + 1, more, moved, written, next_values

        _, _, _, filled, last = while_loop(
            lambda time, go_on, *_: logical_and(time < self.steps, go_on) if stops
            else time < self.steps,
            body, (convert_to_tensor(0), flag, histories, arrays, values),
        )  # fmt: skip
        outputs = [array.stack() for array in filled]
        return outputs, OrderedDict(zip(shared, last, strict=True))

    def probe(self) -> _Result:
        """What the step returns, found out in a loop of one round that nothing reads."""
        found: list[_Result] = []
        histories = [info.first for info in self.infos if info is not None]

        def body(time: Tensor) -> Tensor:
            found.append(self.step(time, histories))
            return time + 1

        with name_scope("probe"):
            while_loop(lambda time: time < 1, body, [convert_to_tensor(0)])
        return found[0]
