"""Arrays of loops' gradients, written into GraphDefs as lists that TensorFlow has.

What a backward loop needs of a round, the forward loop keeps in an array (`ops.loop_arrays`), which
is a value like any other here. TensorFlow has values of that kind too: lists of tensors, of type
variant. A round's element is pushed at a list's end, as rounds come in order; the lists of loops
in loops are elements of lists. Each node carries the one that it was written for, so that the graph
is the same again when it is read here (`graph.expansion`). Handles cannot be elements of lists;
they are pushed on a stack.

Gradients of such gradients, which TensorFlow does not have, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.graph.dtypes import bool_, int32, resource
from graphflow.graph.expansion import ORIGINAL, PART
from graphflow.protos import message

_VARIANT = 21  # the type's number; nothing here has it
_RESOURCE = resource.as_datatype_enum
# What hands an array on that is its first operand.
_PASSING = ("Enter", "Exit", "NextIteration", "Identity", "Switch")
_OWN = ("LoopArray", "LoopArrayWrite", "LoopArrayRead", "NoElement")


def with_tensor_lists(nodes: Iterable[Any]) -> list[Any]:
    """The nodes of a GraphDef, with lists of TensorFlow's in place of arrays of loops."""
    nodes = list(nodes)
    if not any(node.op == "LoopArray" for node in nodes):
        return nodes
    return _Writer(nodes).run()


def _sources(node: Any) -> list[str]:
    """The nodes whose values a node reads, Merge's and Switch's second outputs left out."""
    return [text.removesuffix(":0") for text in node.input if not text.startswith("^")]


class _Writer:
    """Writes the nodes of one graph."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.arrays: set[str] = set()
        self.same: dict[str, str] = {}  # arrays that have elements of one kind, as a forest
        self.elements: dict[str, str] = {}  # of the roots whose elements are arrays: such a one
        self.types: dict[str, int] = {}  # of the roots: the type of the elements
        self.made: list[Any] = []

    def run(self) -> list[Any]:
        while self.find_arrays():
            pass
        for node in self.nodes.values():
            if node.op == "LoopArray":
                self.types[self.root(node.name)] = node.attr["dtype"].type
        for node in self.nodes.values():
            if node.op in _OWN or node.name in self.arrays:
                self.write(node)
            else:
                self.made.append(node)
        return self.made

    # ---- which values are arrays

    def root(self, name: str) -> str:
        while name in self.same:
            name = self.same[name]
        return name

    def join(self, first: str, second: str) -> None:
        one, other = self.root(first), self.root(second)
        if one != other:
            self.same[one] = other
            if one in self.elements:
                self.note_element(other, self.elements.pop(one))

    def note_element(self, array: str, element: str) -> None:
        """Take note that an array is an element of another one."""
        self.arrays.add(element)
        self.join(element, self.elements.setdefault(self.root(array), element))

    def find_arrays(self) -> bool:
        """One look at all nodes; whether something was found."""
        before = len(self.arrays), len(self.elements), len(self.same)
        for node in self.nodes.values():
            read = [name.removesuffix(":1") for name in _sources(node)]
            if node.op == "LoopArray":
                self.arrays.add(node.name)
            elif node.op in _PASSING and read and read[0] in self.arrays:
                self.pass_on(node, read[:1])
            elif node.op == "Merge" and any(name in self.arrays for name in read):
                self.pass_on(node, read)
            elif node.op == "LoopArrayWrite":
                self.pass_on(node, read[:1])
                if read[2] in self.arrays:
                    self.note_element(node.name, read[2])
            elif node.op == "LoopArrayRead" and self.root(read[0]) in self.elements:
                self.note_element(read[0], node.name)
        return before != (len(self.arrays), len(self.elements), len(self.same))

    def pass_on(self, node: Any, read: list[str]) -> None:
        for name in read:
            self.arrays |= {node.name, name}
            self.join(node.name, name)

    # ---- writing

    def write(self, node: Any) -> None:
        writer = getattr(self, f"write_{node.op}", None)
        if writer is not None:
            writer(node)
        else:
            made = self.last(node, node.op, node.input)
            for name, value in node.attr.items():
                if name not in ("T", "_output_shapes"):
                    made.attr[name].CopyFrom(value)
            is_stack = self.element_type(node.name) == _RESOURCE
            made.attr["T"].type = _RESOURCE if is_stack else _VARIANT

    def write_LoopArray(self, node: Any) -> None:  # named after the op
        self.write_empty(node, node.input)

    def write_empty(self, node: Any, waits: Iterable[str]) -> None:
        waits, kind = list(waits), self.element_type(node.name)
        unknown = self.unknown(node, waits)
        if kind == _RESOURCE:
            self.last(node, "StackV2", [unknown, *waits], elem_type=kind)
            return
        inputs = [unknown, unknown, *waits]
        self.last(node, "EmptyTensorList", inputs, element_dtype=kind, shape_type=int32)

    def write_NoElement(self, node: Any) -> None:
        if node.name not in self.arrays:
            self.last(node, "Cast", node.input, SrcT=bool_, DstT=node.attr["dtype"].type)
            return
        chosen = self.part(node, "present", "Identity", node.input, T=bool_)
        self.write_empty(node, [f"^{chosen}"])

    def write_LoopArrayWrite(self, node: Any) -> None:
        array, _, value, *waits = node.input
        kind = self.element_type(array)
        if kind == _RESOURCE:
            pushed = self.part(node, "pushed", "StackPushV2", [array, value, *waits], T=kind)
            self.last(node, "Identity", [array, f"^{pushed}"], T=kind)
            return
        self.last(node, "TensorListPushBack", [array, value, *waits], element_dtype=kind)

    def write_LoopArrayRead(self, node: Any) -> None:
        array, place, *waits = node.input
        kind = self.element_type(array)
        after = [f"^{place.partition(':')[0]}"]
        if kind == _RESOURCE:  # the backward loop reads each once, the last one first
            self.last(node, "StackPopV2", [array, *after, *waits], elem_type=kind)
            return
        shape = self.unknown(node, after)
        self.last(node, "TensorListGetItem", [array, place, shape, *waits], element_dtype=kind)

    def element_type(self, text: str) -> int:
        """The type of an array's elements, as a number."""
        array = self.root(text.partition(":")[0])
        if array in self.elements:
            return _VARIANT
        return self.types[array]

    def unknown(self, node: Any, waits: Iterable[str]) -> str:
        """A number that stands for a shape or a length that is not known."""
        content = message("AttrValue")()
        content.tensor.dtype = int32.as_datatype_enum
        content.tensor.tensor_shape.SetInParent()
        content.tensor.int_val.append(-1)
        return self.part(node, "unknown", "Const", waits, dtype=int32, value=content)

    def part(self, node: Any, name: str, op: str, inputs: Iterable[str], **attrs: Any) -> str:
        """A node more; returns its name."""
        base = unique = f"{node.name}/{name}"
        count = 0
        while unique in self.nodes:
            count += 1
            unique = f"{base}_{count}"
        self.add(node, unique, op, inputs, attrs)
        return unique

    def last(self, node: Any, op: str, inputs: Iterable[str], **attrs: Any) -> Any:
        """The node that has the place of one of ours."""
        made = self.add(node, node.name, op, inputs, attrs)
        made.attr[ORIGINAL].s = node.SerializeToString()
        return made

    def add(
        self, node: Any, name: str, op: str, inputs: Iterable[str], attrs: Mapping[str, Any]
    ) -> Any:
        """Add a node that is part of what one of ours is written as."""
        made = message("NodeDef")(name=name, op=op, device=node.device, input=list(inputs))
        for key, value in attrs.items():
            if key == "value":
                made.attr[key].CopyFrom(value)
            elif key == "N":
                made.attr[key].i = value
            else:
                made.attr[key].type = getattr(value, "as_datatype_enum", value)
        made.attr[PART].s = node.name.encode()
        self.made.append(made)
        return made
