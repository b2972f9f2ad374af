"""A node of the graph: an op type applied to tensors, with attributes.

An operation never changes once it is in its graph, but for control inputs added later. It keeps
the user's line that made it; every error about it says that line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphflow.graph import session_stack
from graphflow.graph.node_def import NodeDef
from graphflow.graph.opdef import OpDef
from graphflow.graph.source import SourceLocation
from graphflow.graph.tensor import Tensor

if TYPE_CHECKING:  # a Graph makes Operations, so its module imports this one
    from graphflow.graph.graph import Graph


class Operation:
    """A node of a graph.

    Made by `Graph.create_op` only, which fills in `outputs` and `_id` once the shapes are known.

    Attributes
    ----------
    name : unique in the graph.
    type : TensorFlow's op type, as in ``MatMul``.
    definition : the `OpDef` of that type.
    inputs : the tensors that it takes, a tuple.
    attrs : its attributes, as Python values.
    outputs : the tensors that it gives, a list.
    device : the device asked for; empty when none was.
    location : the user's line that made it, or None.
    """

    def __init__(
        self,
        graph: Graph,
        definition: OpDef,
        name: str,
        inputs: tuple[Tensor, ...],
        attrs: dict[str, Any],
        control_inputs: list[Operation],
        location: SourceLocation | None,
    ) -> None:
        self.graph = graph
        self.definition = definition
        self.type = definition.name
        self.name = name
        self.inputs = inputs
        self.attrs = attrs
        self.outputs: list[Tensor] = []
        self.device = ""
        self.location = location
        self._control_inputs = control_inputs
        self._id = 0
        self._original_op: Operation | None = None
        self._control_flow_context: Any = None

    @property
    def control_inputs(self) -> list[Operation]:
        """The operations that must have run before this one."""
        return list(self._control_inputs)

    def _add_control_input(self, op: Operation) -> None:
        """Make this operation wait for `op`."""
        if not isinstance(op, Operation):
            raise TypeError(f"op must be an Operation: {op}")
        if op not in self._control_inputs:
            self._control_inputs.append(op)
            self.graph._note_change()

    def _add_control_inputs(self, ops: Iterable[Operation]) -> None:
        """Make this operation wait for all of `ops`."""
        for op in ops:
            self._add_control_input(op)

    def _update_input(self, index: int, tensor: Tensor) -> None:
        """Close a loop: its Merge takes the value of the next round once that exists."""
        before = self.inputs[index]
        inputs = list(self.inputs)
        inputs[index] = tensor
        self.inputs = tuple(inputs)
        before._consumers.remove(self)  # one of as many entries as there were inputs of it
        tensor._consumers.append(self)
        self.graph._note_change()

    def values(self) -> tuple[Tensor, ...]:
        """Return the outputs as a tuple."""
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """Return an attribute, text as bytes as TensorFlow has it.

        Raises
        ------
        ValueError : the operation has no such attribute.
        """
        if name in self.attrs:
            return _as_attr_value(self.attrs[name])
        if name == "T" and self.inputs:
            return self.inputs[0].dtype.base_dtype
        raise ValueError(f"Operation '{self.name}' has no attr named '{name}'.")

    def _set_attr(self, name: str, value: Any) -> None:
        self.attrs[name] = value

    def _set_device(self, device: Any) -> None:
        self.device = str(device) if device is not None else ""

    def colocation_groups(self) -> list[bytes]:
        """Return the groups of operations that this one is placed with."""
        groups = [g for g in self.attrs.get("_class", ()) if g.startswith(b"loc:@")]
        return groups or [b"loc:@" + self.name.encode()]

    def _get_control_flow_context(self) -> Any:
        return self._control_flow_context

    def _set_control_flow_context(self, context: Any) -> None:
        self._control_flow_context = context

    @property
    def traceback(self) -> list[tuple[str, int, str, str]]:
        """The user's line as a list of one (file, line, function, text)."""
        return [self.location.as_frame()] if self.location else []

    @property
    def op_def(self) -> OpDef:
        """The definition of the op's type."""
        return self.definition

    @property
    def node_def(self) -> NodeDef:
        """Name, type, inputs, device and attributes as one record that prints."""
        names = [tensor._as_node_def_input() for tensor in self.inputs]
        names += [f"^{op.name}" for op in self._control_inputs]
        attrs = dict(self.attrs)
        if "T" not in attrs and self.inputs:
            attrs["T"] = self.inputs[0].dtype.base_dtype
        return NodeDef(self.name, self.type, names, self.device, attrs)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run the operation in `session`, or in the default session."""
        session_stack.execute(self, feed_dict, self.graph, session)

    def __str__(self) -> str:
        return str(self.node_def)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


def _as_attr_value(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (list, tuple)):
        return [_as_attr_value(item) for item in value]
    return value
