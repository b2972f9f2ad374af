"""Loops' gradients as TensorFlow writes them, as the forms that there are here.

What the backward loop needs of a round, TensorFlow's forward loop pushes on a stack, which is state
beside the graph. Here it is an array that the loop carries along (`ops.loop_arrays`), one element a
round, and a pop reads the element of the round that is gone through. TensorFlow's arrays of
gradients are state as well, with zeros at first; here what is written first is written into zeros.

A loop in a loop fills one stack in all its rounds. Here each round of the outer loop has an array
of its own, and these are the elements of an array that the outer loop carries along.

Stacks that a branch of a branch inside a loop fills stay as they are; they can be imported, and not
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphflow.graph.dtypes import float32, int32
from graphflow.protos import message

_INT, _FLOAT = int32.as_datatype_enum, float32.as_datatype_enum
_ENTERS = ("Enter", "RefEnter")
_EXITS = ("Exit", "RefExit")
_NEXTS = ("NextIteration", "RefNextIteration")
_GRADIENT_WRITES = ("TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArraySplitV3")
_FLOW = 3  # the operand of these that is the flow

Frames = tuple[bytes, ...]  # from the outermost in
End = tuple[Frames, Any]  # a node that pushes or pops, and the frames that it is in


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


def _unknown_shape() -> Any:
    unknown = message("AttrValue")()
    unknown.shape.unknown_rank = True
    return unknown


def _depths(nodes: Mapping[str, Any]) -> dict[str, int]:
    """In how many loops each node is."""
    found: dict[str, int] = {}
    opened: set[str] = set()  # so that a circle, which is found later, ends here
    pending = list(nodes)
    while pending:
        node = nodes.get(pending[-1])
        if node is None or node.name in found:
            pending.pop()
            continue
        read = [_name(text) for text in node.input]
        sources = [n for n in read if n in nodes and nodes[n].op not in _NEXTS]
        waiting = [n for n in sources if n not in found and n not in opened]
        opened.add(node.name)
        if waiting:
            pending += waiting
            continue
        depth = max((found.get(n, 0) - (nodes[n].op in _EXITS) for n in sources), default=0)
        found[node.name] = depth + (node.op in _ENTERS)
        pending.pop()
    return found


class _Converter:
    """Replaces the stacks of one graph."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.conditions: dict[bytes, str] = {}  # the LoopCond of each frame
        self.outsides: dict[bytes, str] = {}  # of frames inside others, a node of the frame around
        self.users: dict[str, list[Any]] = {}
        for node in nodes:
            for text in node.input:
                self.users.setdefault(_name(text), []).append(node)
        self.rounds: dict[bytes, tuple[str, str]] = {}  # counters of forward frames, and their ends
        self.counts: dict[Frames, str] = {}
        self.backs: dict[tuple[Frames, Frames], str] = {}

    def run(self) -> list[Any]:
        self.find_frames()
        for stack in [n for n in self.nodes.values() if n.op == "StackV2"]:
            ends = self.ends_of(stack)
            if ends is not None:
                self.replace(stack, *ends)
        return list(self.nodes.values())

    def find_frames(self) -> None:
        depths = _depths(self.nodes)
        for node in self.nodes.values():
            if node.op not in _ENTERS:
                continue
            frame = node.attr["frame_name"].s
            for merge in self.users.get(node.name, ()):
                switches = self.users.get(merge.name, ()) if merge.op == "Merge" else ()
                for switch in switches:
                    condition = self.nodes.get(_name(switch.input[-1]))
                    if switch.op == "Switch" and condition and condition.op == "LoopCond":
                        self.conditions[frame] = condition.name
            source = _name(node.input[0])
            if depths.get(source) and depths[source] == depths[node.name] - 1:
                self.outsides.setdefault(frame, source)

    def ends_of(self, stack: Any) -> tuple[End, list[End]] | None:
        """The push and the pops, each with the frames around it; None if it is another form."""
        pushes: list[End] = []
        pops: list[End] = []
        pending: list[End] = [((), stack)]
        while pending:
            frames, node = pending.pop()
            for user in self.users.get(node.name, ()):
                if user.op in _ENTERS and user.attr["frame_name"].s in self.conditions:
                    pending.append(((*frames, user.attr["frame_name"].s), user))
                elif user.op == "Switch" and frames:  # into a branch
                    pending.append((frames, user))
                elif user.op == "StackPushV2" and frames:
                    pushes.append((frames, user))
                elif user.op == "StackPopV2" and frames:
                    pops.append((frames, user))
                else:
                    return None
        if len(pushes) != 1 or any(len(frames) != len(pushes[0][0]) for frames, _ in pops):
            return None
        return pushes[0], pops

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
        return self.add("Const", name, after, dtype=_INT, value=content)

    def counted(self, base: str, start: str, op: str, frame: bytes) -> tuple[str, str, str]:
        """A variable that goes up or down by one: its value, the next one, and the last one."""
        merge, value, last = self.variable(base, start, _INT, frame)
        one = self.number(f"{base}/one", 1, f"^{value}")
        following = self.add(op, f"{base}/{op.lower()}", [value, one], T=_INT)
        self.close(merge, base, following, _INT)
        return value, following, last

    def outside(self, frame: bytes) -> list[str]:
        """What a node waits for that is made where the loop of a frame is."""
        return [f"^{self.outsides[frame]}"] if frame in self.outsides else []

    def round_of(self, frame: bytes, base: str) -> str:
        """The number of the round in a forward frame."""
        if frame not in self.rounds:
            start = self.number(f"{base}/round/start", 0, *self.outside(frame))
            value, _, last = self.counted(f"{base}/round", start, "Add", frame)
            self.rounds[frame] = value, last
        return self.rounds[frame][0]

    def round_back(self, forward: Frames, backward: Frames, base: str) -> str:
        """The number of the forward round that a round of the backward frame goes through."""
        key = forward, backward
        if key not in self.backs:
            outer = forward[:-1]
            if forward not in self.counts:
                count = self.rounds[forward[-1]][1]
                self.counts[forward] = self.stored(f"{base}/counts", _INT, count, outer)
            start = self.counts[forward]
            if outer:
                read, place = self.reached(start, _INT, outer, backward[:-1], base)
                start = self.read(f"{base}/count", read, place)
            _, following, _ = self.counted(f"{base}/back", start, "Sub", backward[-1])
            self.backs[key] = following
        return self.backs[key]

    def stored(self, base: str, dtype: int, element: str, frames: Frames) -> str:
        """An array of what a value is in the rounds of a loop, or arrays of such in outer ones."""
        for frame in reversed(frames):
            number = self.round_of(frame, base)
            start = self.add(
                "LoopArray", f"{base}/array", self.outside(frame), dtype=dtype, frame_name=frame
            )
            merge, value, last = self.variable(base, start, dtype, frame)
            # A branch's value may be absent: what is stored then is never read.
            present = self.add("Merge", f"{base}/present", [element], T=dtype, N=1)
            written = self.add("LoopArrayWrite", f"{base}/write", [value, number, present])
            self.close(merge, base, written, dtype)
            element = last
        return element

    def reached(
        self, array: str, dtype: int, forward: Frames, backward: Frames, base: str
    ) -> tuple[str, str]:
        """In the innermost backward frame: the array of a forward round, and the place to read."""
        for depth, frame in enumerate(backward, 1):
            array = self.add(
                "Enter", f"{base}/inside", [array], T=dtype, frame_name=frame, is_constant=True
            )
            place = self.round_back(forward[:depth], backward[:depth], base)
            if depth < len(backward):
                array = self.read(f"{base}/outer", array, place)
        return array, place

    def read(self, name: str, array: str, place: str) -> str:
        return self.add("LoopArrayRead", name, [array, place], element_shape=_unknown_shape())

    def replace(self, stack: Any, push: End, pops: list[End]) -> None:
        frames, writer = push
        base, dtype = stack.name, stack.attr["elem_type"].type
        element = writer.input[1]
        last = self.stored(base, dtype, element, frames)
        waits = [text for text in writer.input if text.startswith("^")]
        self.nodes[writer.name] = _node(
            "Identity", writer.name, [element, *waits], T=writer.attr["T"].type
        )
        for others, reader in pops:
            inside, place = self.reached(last, dtype, frames, others, base)
            branch, side = self.nodes[_name(reader.input[0])], reader.input[0][-2:] == ":1"
            if branch.op != "Switch":
                self.nodes[reader.name] = _node(
                    "LoopArrayRead", reader.name, [inside, place], element_shape=_unknown_shape()
                )
                continue
            read = self.read(f"{base}/read", inside, place)
            sides = self.add("Switch", f"{base}/side", [read, branch.input[1]], T=dtype)
            self.nodes[reader.name] = _node(
                "Identity", reader.name, [f"{sides}:{int(side)}"], T=dtype
            )
        self.remove(stack)

    def remove(self, node: Any) -> None:
        """Let what carried a stack about do nothing."""
        for user in self.users.get(node.name, ()):
            if self.nodes[user.name].op in (*_ENTERS, "Switch"):
                self.remove(user)
        self.nodes[node.name] = _node("NoOp", node.name)
