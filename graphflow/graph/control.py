"""Control dependencies: which operations must run before the ones made in a scope."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # an Operation has control inputs, so its graph imports this module
    from graphflow.graph.operation import Operation


class ControlScopes:
    """The part of a graph that adds control inputs to its operations."""

    def __init__(self) -> None:
        self._control_stack: list[ControlDependencies] = []
        self._control_flow_context: Any = None

    def _operation_to_wait_for(self, item: Any) -> Operation:
        raise NotImplementedError

    def _get_control_flow_context(self) -> Any:
        return self._control_flow_context

    def _set_control_flow_context(self, context: Any) -> None:
        self._control_flow_context = context

    def control_dependencies(self, control_inputs: Iterable[Any] | None) -> ControlDependencies:
        """Return a context manager: operations made inside it wait for `control_inputs`.

        Scopes add up. None forgets the outer ones for as long as the block lasts.

        Raises
        ------
        TypeError : an item is neither Operation, Tensor nor IndexedSlices, nor converts to one.
        """
        if control_inputs is None:
            return ControlDependencies(self, [], resets=True)
        waited_for = {op for scope in self._control_stack for op in scope.control_inputs}
        operations = []
        for item in control_inputs:
            op = self._operation_to_wait_for(item)
            if op not in waited_for:
                waited_for.add(op)
                operations.append(op)
        return ControlDependencies(self, operations, resets=False)

    def _control_inputs_for(self, input_ops: set[Operation]) -> list[Operation]:
        """Return what a new operation with these inputs has to wait for.

        A scope in which one of the inputs was made is left out: that input waits already.
        """
        needed: list[Operation] = []
        for scope in self._control_stack:
            if scope.seen.isdisjoint(input_ops):
                needed += [op for op in scope.control_inputs if op not in input_ops]
        return needed

    def _record_in_control_scopes(self, op: Operation) -> None:
        for scope in self._control_stack:
            scope.seen.add(op)


class ControlDependencies:
    """Context manager of `Graph.control_dependencies`.

    Attributes
    ----------
    control_inputs : the operations to wait for, those of outer scopes left out.
    seen : the operations made inside the scope.
    """

    def __init__(
        self, scopes: ControlScopes, control_inputs: list[Operation], resets: bool
    ) -> None:
        self._scopes = scopes
        self._resets = resets
        self._outer: tuple[list[ControlDependencies], Any] = ([], None)
        self.control_inputs = control_inputs
        self.seen: set[Operation] = set()

    def __enter__(self) -> None:
        scopes = self._scopes
        if self._resets:
            self._outer = scopes._control_stack, scopes._control_flow_context
            scopes._control_stack, scopes._control_flow_context = [], None
        scopes._control_stack.append(self)

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scopes = self._scopes
        if not scopes._control_stack or scopes._control_stack[-1] is not self:
            raise AssertionError("control_dependencies scopes are left in another order")
        scopes._control_stack.pop()
        if self._resets:
            scopes._control_stack, scopes._control_flow_context = self._outer
