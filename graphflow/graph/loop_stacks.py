"""Loops' gradients as TensorFlow writes them, as the forms that there are here.

What the backward loop needs of a round, TensorFlow's forward loop pushes on a stack, which is state
beside the graph. Here it is an array that the loop carries along (`ops.loop_arrays`), one element a
round, and a pop reads the element of the round that is gone through. TensorFlow's arrays of
gradients are state as well, with zeros at first; here what is written first is written into zeros.

Stacks that a branch of a branch inside a loop fills, and those of loops in loops, stay as they are;
they can be imported, and not run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphflow.graph.dtypes import float32, int32
from graphflow.protos import message

_INT, _FLOAT = int32.as_datatype_enum, float32.as_datatype_enum
_ENTERS = ("Enter", "RefEnter")
_GRADIENT_WRITES = ("TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArraySplitV3")
_FLOW = 3  # the operand of these that is the flow


def with_loop_arrays(nodes: Iterable[Any]) -> list[Any]:
    """The nodes of a GraphDef, stacks of loops replaced; see the module's text."""
    nodes = list(nodes)
    types = {node.op for node in nodes}
    if "TensorArrayGradV3" in types:
        nodes = _with_zeros(nodes)
    return _Converter(nodes).run() if "StackV2" in types else nodes


def _name(text: str) -> str:
    return text.lstrip("^").partition(":")[0]


def _node(op: str, name: str, inputs: Iterable[str] = (), **attrs: Any) -> Any:
    """A NodeDef; attributes are types as integers, flags, texts, or AttrValues."""
    made = message("NodeDef")(name=name, op=op, input=list(inputs))
    for key, value in attrs.items():
        if isinstance(value, bool):
            made.attr[key].b = value
        elif isinstance(value, bytes):
            made.attr[key].s = value
        elif key == "N":
            made.attr[key].i = value
        elif isinstance(value, int):
            made.attr[key].type = value
        else:
            made.attr[key].CopyFrom(value)
    return made


def _with_zeros(nodes: list[Any]) -> list[Any]:
    """Let what is written into arrays of gradients be written into zeros."""
    by_name = {node.name: node for node in nodes}
    found = []
    for node in nodes:
        if node.op in _GRADIENT_WRITES and len(node.input) > _FLOW:
            source = by_name.get(_name(node.input[0]))
            while source is not None and source.op in (*_ENTERS, "Identity", "Switch"):
                source = by_name.get(_name(source.input[0]))
            if source is not None and source.op == "TensorArrayGradV3":
                zeros = _node("ZerosLike", f"{node.name}/zeros", [node.input[_FLOW]], T=_FLOAT)
                changed = message("NodeDef")()
                changed.CopyFrom(node)
                changed.input[_FLOW] = zeros.name
                changed.attr["mode"].s = b"add"
                found.append(zeros)
                node = changed
        found.append(node)
    return found


class _Converter:
    """Replaces the stacks of one graph."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.conditions: dict[bytes, str] = {}  # the LoopCond of each frame
        self.users: dict[str, list[Any]] = {}
        for node in nodes:
            for text in node.input:
                self.users.setdefault(_name(text), []).append(node)
        self.rounds: dict[bytes, str] = {}  # names of the counters of forward frames
        self.backs: dict[tuple[bytes, bytes], str] = {}

    def run(self) -> list[Any]:
        self.find_conditions()
        for stack in [n for n in self.nodes.values() if n.op == "StackV2"]:
            ends = self.ends_of(stack)
            if ends is not None:
                self.replace(stack, *ends)
        return list(self.nodes.values())

    def find_conditions(self) -> None:
        for node in self.nodes.values():
            if node.op not in _ENTERS:
                continue
            for merge in self.users.get(node.name, ()):
                switches = self.users.get(merge.name, ()) if merge.op == "Merge" else ()
                for switch in switches:
                    condition = self.nodes.get(_name(switch.input[-1]))
                    if switch.op == "Switch" and condition and condition.op == "LoopCond":
                        self.conditions[node.attr["frame_name"].s] = condition.name

    def ends_of(self, stack: Any) -> tuple[tuple[bytes, Any], list[tuple[bytes, Any]]] | None:
        """The frame and the node of the push, and those of the pops; None if it is another form."""
        pushes: list[tuple[bytes, Any]] = []
        pops: list[tuple[bytes, Any]] = []
        for enter in self.users.get(stack.name, ()):
            if enter.op not in _ENTERS or self.users.get(enter.name) is None:
                return None
            frame = enter.attr["frame_name"].s
            users = list(self.users[enter.name])
            for switch in [user for user in users if user.op == "Switch"]:  # into a branch
                users.remove(switch)
                users += self.users.get(switch.name, ())
            for user in users:
                if frame not in self.conditions or user.op not in ("StackPushV2", "StackPopV2"):
                    return None
                (pushes if user.op == "StackPushV2" else pops).append((frame, user))
        return (pushes[0], pops) if len(pushes) == 1 else None

    def add(self, op: str, name: str, inputs: Iterable[str] = (), **attrs: Any) -> str:
        """Add a node; `name` becomes another if it is taken."""
        number, unique = 0, name
        while unique in self.nodes:
            number += 1
            unique = f"{name}_{number}"
        self.nodes[unique] = _node(op, unique, inputs, **attrs)
        return unique

    def variable(self, base: str, start: str, dtype: int, frame: bytes) -> tuple[str, str, str]:
        """A variable of a frame: the names of its merge, of its value in a round, of its last."""
        enter = self.add(
            "Enter", f"{base}/enter", [start], T=dtype, frame_name=frame, is_constant=False
        )
        merge = self.add("Merge", f"{base}/merge", [enter], T=dtype, N=2)
        condition = self.conditions[frame]
        switch = self.add("Switch", f"{base}/switch", [merge, condition], T=dtype)
        value = self.add("Identity", f"{base}/value", [f"{switch}:1"], T=dtype)
        return merge, value, self.add("Exit", f"{base}/exit", [switch], T=dtype)

    def close(self, merge: str, base: str, value: str, dtype: int) -> None:
        """Give a variable its next value."""
        following = self.add("NextIteration", f"{base}/next", [value], T=dtype)
        self.nodes[merge].input.append(following)

    def number(self, name: str, value: int, *after: str) -> str:
        content = message("AttrValue")()
        content.tensor.dtype = _INT
        content.tensor.tensor_shape.SetInParent()
        content.tensor.int_val.append(value)
        return self.add("Const", name, [f"^{n}" for n in after], dtype=_INT, value=content)

    def counted(self, base: str, start: str, op: str, frame: bytes) -> tuple[str, str, str]:
        """A variable that goes up or down by one: its value, the next one, and the last one."""
        merge, value, last = self.variable(base, start, _INT, frame)
        one = self.number(f"{base}/one", 1, value)
        following = self.add(op, f"{base}/{op.lower()}", [value, one], T=_INT)
        self.close(merge, base, following, _INT)
        return value, following, last

    def round_of(self, frame: bytes, base: str) -> str:
        """The number of the round in a forward frame."""
        if frame not in self.rounds:
            start = self.number(f"{base}/round/start", 0)
            value, _, last = self.counted(f"{base}/round", start, "Add", frame)
            self.rounds[frame] = value
            self.backs[frame, frame] = last
        return self.rounds[frame]

    def round_back(self, forward: bytes, backward: bytes, base: str) -> str:
        """The number of the forward round that a round of the backward frame goes through."""
        if (forward, backward) not in self.backs:
            start = self.backs[forward, forward]
            _, following, _ = self.counted(f"{base}/back", start, "Sub", backward)
            self.backs[forward, backward] = following
        return self.backs[forward, backward]

    def reading(self, name: str, array: str, place: str) -> Any:
        unknown = message("AttrValue")()
        unknown.shape.unknown_rank = True
        return _node("LoopArrayRead", name, [array, place], element_shape=unknown)

    def replace(self, stack: Any, push: tuple[bytes, Any], pops: list[tuple[bytes, Any]]) -> None:
        frame, writer = push
        base, dtype = stack.name, stack.attr["elem_type"].type
        number = self.round_of(frame, base)
        start = self.add("LoopArray", f"{base}/array", dtype=dtype, frame_name=frame)
        merge, value, last = self.variable(base, start, dtype, frame)
        element = writer.input[1]
        # A branch's value may be absent: what is stored then is never read.
        present = self.add("Merge", f"{base}/present", [element], T=dtype, N=1)
        written = self.add("LoopArrayWrite", f"{base}/write", [value, number, present])
        self.close(merge, base, written, dtype)
        waits = [text for text in writer.input if text.startswith("^")]
        self.nodes[writer.name] = _node(
            "Identity", writer.name, [element, *waits], T=writer.attr["T"].type
        )
        for other, reader in pops:
            inside = self.add(
                "Enter", f"{base}/inside", [last], T=dtype, frame_name=other, is_constant=True
            )
            place = self.round_back(frame, other, base)
            branch, side = self.nodes[_name(reader.input[0])], reader.input[0][-2:] == ":1"
            if branch.op != "Switch":
                self.nodes[reader.name] = self.reading(reader.name, inside, place)
                continue
            read = self.reading(f"{base}/read", inside, place)
            self.nodes[read.name] = read
            sides = self.add("Switch", f"{base}/side", [read.name, branch.input[1]], T=dtype)
            self.nodes[reader.name] = _node(
                "Identity", reader.name, [f"{sides}:{int(side)}"], T=dtype
            )
        for enter in self.users[stack.name]:
            for switch in [user for user in self.users[enter.name] if user.op == "Switch"]:
                self.nodes[switch.name] = _node("NoOp", switch.name)
            self.nodes[enter.name] = _node("NoOp", enter.name)
        self.nodes[stack.name] = _node("NoOp", stack.name)
