"""Contexts of control flow: what an operation made inside a branch or a loop's body reads.

The graph of a `cond` or a `while_loop` is TensorFlow 1.x's own: a value from outside enters a
branch through a Switch and a loop through an Enter. While a context is active, `Graph.create_op`
hands it every input of a new operation, and takes what it gives instead.

Sources: "Dynamic control flow in large-scale machine learning" (Yu et al., EuroSys 2018) for the
five primitives; names as TensorFlow 1.15 gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphflow.graph.tensor import Tensor

if TYPE_CHECKING:  # a Graph holds the active context, so its module is above this one
    from graphflow.graph.graph import Graph
    from graphflow.graph.operation import Operation


class ControlFlowContext:
    """A region of the graph; `outer` is the one around it.

    Attributes
    ----------
    name : unique in the graph.
    pivot : what operations without inputs wait for, so that they belong to the region.
    external : what each value from outside is called inside.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = graph.unique_name(name)
        self.outer: ControlFlowContext | None = graph._get_control_flow_context()
        self.pivot: Operation | None = None
        self.external: dict[Tensor, Tensor] = {}

    @property
    def outer_context(self) -> ControlFlowContext | None:
        """The context around this one, or None."""
        return self.outer

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make operations in this region for as long as the block lasts."""
        before = self.graph._get_control_flow_context()
        self.graph._set_control_flow_context(self)
        try:
            yield
        finally:
            self.graph._set_control_flow_context(before)

    def owns(self, op: Operation) -> bool:
        """Whether the operation was made here, or in a region inside this one."""
        context = op._control_flow_context
        while context is not None:
            if context is self:
                return True
            context = context.outer
        return False

    def capture(self, tensor: Tensor) -> Tensor:
        """The tensor as it is called inside."""
        if self.owns(tensor.op):
            return tensor
        known = self.external.get(tensor)
        if known is None:
            known = self.external[tensor] = self.enter(tensor)
        return known

    def capture_size(self, tensor: Tensor) -> Tensor:
        """A tensor inside of the same shape and type; which values it has does not matter."""
        return self.capture(tensor)

    def enter(self, tensor: Tensor) -> Tensor:
        """Bring a value from outside in."""
        raise NotImplementedError

    def from_outside(self, tensor: Tensor) -> Tensor:
        """The tensor as it is called in the region around this one."""
        return tensor if self.outer is None else self.outer.capture(tensor)

    def make_here(self, make: Callable[[], Operation]) -> Operation:
        """Make an operation of the region's own machinery: nothing is captured for it."""
        with self.graph.control_dependencies(None):
            op = make()
        op._set_control_flow_context(self)
        return op

    def innermost_loop(self) -> WhileContext | None:
        """The loop that the region is in, this one included."""
        context: ControlFlowContext | None = self
        while context is not None and not isinstance(context, WhileContext):
            context = context.outer
        return context

    def waits_for(self, tensors: tuple[Tensor, ...], waiting: list[Operation]) -> list[Operation]:
        """The control inputs of a new operation: one without inputs waits for the pivot."""
        if tensors or self.pivot is None:
            return waiting
        inside = [op for op in waiting if self.owns(op)]
        return inside or [self.pivot]


class CondContext(ControlFlowContext):
    """One branch of a `cond`: `branch` is 1 for the one taken when `pred` is true, else 0."""

    def __init__(
        self, graph: Graph, pred: Tensor, pivot: Operation, branch: int, name: str
    ) -> None:
        super().__init__(graph, name)
        self.pred, self.branch = pred, branch
        self.pivot = pivot

    def enter(self, tensor: Tensor) -> Tensor:
        """A Switch, whose output exists only when the branch is taken."""
        outside = self.from_outside(tensor)
        kind = "RefSwitch" if outside.dtype._is_ref_dtype else "Switch"
        op = self.make_here(lambda: self.graph.create_op(kind, [outside, self.pred], {}, "Switch"))
        self.graph.prevent_fetching(op)
        return op.outputs[self.branch]


@dataclass(eq=False)
class LoopVariable:
    """The operations of one variable of a loop, in the order of their making."""

    enter: Operation
    merge: Operation
    switch: Operation
    body_value: Tensor  # the value inside the body
    next: Tensor | None = None  # the body's result
    exit: Operation | None = None


class WhileContext(ControlFlowContext):
    """A `while_loop`.

    Attributes
    ----------
    variables : its loop variables, those that gradients added among them.
    loop_cond : the condition's value, which all variables are switched by.
    counter : the variable that counts rounds, added when a gradient needs it.
    forward : for the loop of a gradient, the loop whose values it reads.
    capture_forward, size_of_forward : bring a value of that loop's body in, or its shape alone.
    """

    def __init__(
        self, graph: Graph, name: str, parallel_iterations: int = 10, back_prop: bool = True,
        swap_memory: bool = False, maximum_iterations: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(graph, name)
        self.parallel_iterations = parallel_iterations
        self.back_prop, self.swap_memory = back_prop, swap_memory
        self.maximum_iterations = maximum_iterations
        self.variables: list[LoopVariable] = []
        self.loop_cond: Tensor | None = None
        self.early_operations = 0  # of the counter, which TensorFlow has not made so far
        self.counter: LoopVariable | None = None
        self.forward: WhileContext | None = None
        self.capture_forward: Callable[[Tensor], Tensor] | None = None
        self.size_of_forward: Callable[[Tensor], Tensor] | None = None
        self.sizes: dict[Tensor, Tensor] = {}

    @property
    def frame_attrs(self) -> dict[str, Any]:
        """Attributes of an Enter but for `is_constant`."""
        return {"frame_name": self.name, "parallel_iterations": self.parallel_iterations}

    def enter(self, tensor: Tensor) -> Tensor:
        """An Enter of a value that stays as it is."""
        if self.forward is not None and self.forward.owns(tensor.op):
            assert self.capture_forward is not None
            if not is_loop_result(tensor.op, self.forward):
                return self.capture_forward(tensor)
        outside = self.from_outside(tensor)
        return self.make_enter(outside, is_constant=True, name="Enter").outputs[0]

    def capture_size(self, tensor: Tensor) -> Tensor:
        """A value of the forward loop's body need not be kept for its shape, which may change."""
        of_body = self.forward is not None and self.forward.owns(tensor.op)
        if not of_body or tensor in self.external or tensor.shape.is_fully_defined():
            return self.capture(tensor)
        if tensor not in self.sizes:
            assert self.size_of_forward is not None
            self.sizes[tensor] = self.size_of_forward(tensor)
        return self.sizes[tensor]

    def make_enter(self, tensor: Tensor, is_constant: bool, name: str) -> Operation:
        """An Enter of the loop."""
        kind = "RefEnter" if tensor.dtype._is_ref_dtype else "Enter"
        attrs = {**self.frame_attrs, "is_constant": is_constant}
        op = self.make_here(lambda: self.graph.create_op(kind, [tensor], attrs, name))
        self.graph.prevent_fetching(op)
        self.graph.prevent_feeding(op.outputs[0])
        return op


# Operations that read no more of their operands than shape and type.
SIZE_ONLY = frozenset(("Shape", "Size", "Rank", "ZerosLike", "OnesLike"))


def is_loop_result(op: Operation, loop: WhileContext) -> bool:
    """Whether the operation is an Exit of the loop: made in it, but of the region around it."""
    return op.type in ("Exit", "RefExit") and op._control_flow_context is loop


def region_of(op: Operation) -> ControlFlowContext | None:
    """The region that an operation's outputs belong to: for a loop's Exit, the one around."""
    context = op._control_flow_context
    return context.outer if context is not None and op.type in ("Exit", "RefExit") else context


def loop_of(op: Operation) -> WhileContext | None:
    """The innermost loop that the operation's outputs belong to."""
    context = region_of(op)
    return None if context is None else context.innermost_loop()


def check_reachable(tensor: Tensor, reader: str, context: ControlFlowContext | None) -> None:
    """Raise ValueError if a loop's inner value is read outside of that loop."""
    loop = loop_of(tensor.op)
    if loop is None:
        return
    while context is not None:
        if context is loop:
            return
        context = context.outer
    name = tensor.op.name
    raise ValueError(
        f"Cannot use '{name}' as input to '{reader.rstrip('/')}' because '{name}' is in a while "
        "loop. See info log for more details."
    )
