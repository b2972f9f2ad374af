"""The gradient of a loop: a loop that runs the rounds backwards.

Its variables are the gradients of the forward loop's variables, and a sum for each value from
outside that the body reads. Its body is the gradient of the forward body. What that needs of the
forward values of a round, the forward loop stores in arrays (`ops.loop_arrays`), one element a
round; this adds variables to the forward loop, whose operations stay as they are. As the arrays are
tensors and the backward loop is a loop like any other, it can be differentiated again.

Source: Yu et al., "Dynamic control flow in large-scale machine learning", EuroSys 2018, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph.branches import Branches, State, canonical
from graphflow.graph.contexts import LoopVariable, WhileContext
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import int32
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.control_flow_ops import merge, switch
from graphflow.ops.creation import zeros, zeros_like
from graphflow.ops.loop_arrays import loop_array, no_element, read_element, write_element
from graphflow.ops.while_loops import add_loop_variable, build_loop, count_rounds, made_in

Gradient = Any
Sweep = Callable[[list[Tensor], list[Any], list[Tensor]], list[Gradient]]


def loop_gradients(
    loop: WhileContext, variables: Sequence[LoopVariable], constants: Sequence[Operation],
    exits: dict[LoopVariable, Gradient], sweep: Sweep,
) -> dict[Operation, Gradient]:  # fmt: skip
    """The gradients of what goes into a loop, by the Enter that it goes in through.

    Parameters
    ----------
    loop : the loop.
    variables : its differentiable variables that are on the way.
    constants : Enters of differentiable values that do not change.
    exits : the gradients of the variables' last values, as far as there are any.
    sweep : ``sweep(ys, grad_ys, xs)`` differentiates the body of `loop`.
    """
    graph = get_default_graph()
    counter = count_rounds(loop)
    assert counter.exit is not None
    backward = WhileContext(graph, "while_context")
    backward.forward = loop
    starts: list[Any] = [counter.exit.outputs[0] - 1]
    for variable in variables:
        assert variable.exit is not None
        given = exits.get(variable)
        last = variable.exit.outputs[0]
        starts.append(
            zeros_like(last, optimize=False) if given is None else convert_to_tensor(given)
        )
    starts += [zeros_like(enter.inputs[0], optimize=False) for enter in constants]
    shapes = [v.merge.outputs[0].shape for v in variables]
    shapes += [enter.inputs[0].shape for enter in constants]
    ends = [v.switch.outputs[1] for v in variables] + [c.outputs[0] for c in constants]

    def body(index: Tensor, *values: Tensor) -> list[Any]:
        reader = _Reader(loop, backward, index)
        backward.capture_forward, backward.size_of_forward = reader.read, reader.read_size
        nexts = [v.next for v in variables]
        sums = values[len(variables) :]
        found = sweep(nexts, list(values[: len(variables)]), ends)  # type: ignore[arg-type]
        results: list[Any] = [index - 1]
        for k, (value, gradient) in enumerate(zip(values, found, strict=True)):
            if k >= len(variables):
                total = sums[k - len(variables)]
                made = total if gradient is None else total + convert_to_tensor(gradient)
            elif gradient is None:
                made = zeros_like(value, optimize=False)
            else:
                made = convert_to_tensor(gradient)
            if made.shape.is_compatible_with(shapes[k]):
                made.set_shape(shapes[k])
            results.append(made)
        return results

    invariants = [starts[0].shape, *shapes]
    ended = build_loop(backward, lambda index, *rest: index >= 0, body, starts, invariants)
    enters = [v.enter for v in variables] + list(constants)
    return dict(zip(enters, ended[1:], strict=True))


class _Reader:
    """Brings values of a forward loop's body into the backward loop."""

    def __init__(self, loop: WhileContext, backward: WhileContext, index: Tensor) -> None:
        self.loop, self.backward, self.index = loop, backward, index
        self.branches = Branches(loop)

    def read(self, tensor: Tensor) -> Tensor:
        """A forward value as it was in the round that is gone through backwards."""
        op = tensor.op
        if op._control_flow_context is self.loop:
            if op.type in ("Enter", "RefEnter") and op.attrs["is_constant"]:
                return self.backward.capture(op.inputs[0])
        if op.type == "Const":
            with made_in(self.backward, self.backward):
                return op.graph.create_op("Const", [], op.attrs, op.name.split("/")[-1]).outputs[0]
        if op.type == "Switch" and op.inputs[1].op.type != "LoopCond":
            outside = self.backward.capture(op.inputs[0])
            return self.switched(outside, op.inputs[1], tensor.value_index)
        state = self.branches.of(tensor)
        value = self.stored(tensor, state)
        for pred, side in state.items():
            value = self.switched(value, pred, side)
        return value

    def read_size(self, tensor: Tensor) -> Tensor:
        """Zeros of a forward value's shape in the round that is gone through backwards."""
        op = tensor.op
        if op._control_flow_context is not self.loop or op.type in ("Enter", "RefEnter", "Const"):
            return self.backward.capture(tensor)
        with made_in(self.loop, self.loop):
            shape = op.graph.create_op("Shape", [tensor], {"out_type": int32}).outputs[0]
        size = self.backward.capture(shape)
        with made_in(self.backward, self.backward):
            made = zeros(size, tensor.dtype.base_dtype)
        made.set_shape(tensor.shape)
        return made

    def switched(self, value: Tensor, pred: Tensor, side: int) -> Tensor:
        """A value that is there only if the branch was taken, as it was in the forward body."""
        chosen = self.backward.capture(canonical(pred))
        with made_in(self.backward, self.backward):
            return switch(value, chosen)[side]

    def stored(self, tensor: Tensor, state: State) -> Tensor:
        """Let the forward loop store the value in every round, and read it.

        In rounds in which it is not there, as `state` tells, something is stored in its place.
        """
        loop, backward = self.loop, self.backward
        counter = count_rounds(loop)
        with made_in(loop.outer, loop):
            array = loop_array(tensor.dtype.base_dtype, loop.name)
        shape, dtype = tensor.shape, tensor.dtype.base_dtype
        for pred, side in reversed(state.items()):
            with made_in(loop, loop):
                other = switch(pred, pred)[1 - side]
                tensor = merge([tensor, no_element(other, dtype)])[0]
                tensor.set_shape(shape)

        def store(current: Tensor) -> Tensor:
            return write_element(current, counter.body_value, tensor)

        variable = add_loop_variable(loop, array, store)
        assert variable.exit is not None
        inside = backward.capture(variable.exit.outputs[0])
        with made_in(backward, backward):
            return read_element(inside, self.index, tensor.shape)
