"""Objects, the variables that they hold, and the names of these in TensorFlow's object checkpoints.

Objects form a graph: its edges have local names, an attribute's for one. A variable's key is the
path on which a breadth-first walk from the root finds it first. Slots of optimizers have keys after
the variable and the optimizer. See tensorflow/core/protobuf/trackable_object_graph.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphflow.ops.layer_base import Layer
from graphflow.ops.variables import Variable
from graphflow.protos import message
from graphflow.train.optimizer import Optimizer

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


def escaped(name: str) -> str:
    """A local name as a part of a key."""
    return name.replace(".", "..").replace("/", ".S")


def _in_attributes(layer: Layer) -> list[tuple[str, Any]]:
    """What a layer's attributes hold; lists that layers keep for themselves are none."""
    kept = {"_trainable_weights", "_non_trainable_weights", "_sublayers", "_inbound", "_losses",
            "_updates"}  # fmt: skip
    return [(name, value) for name, value in vars(layer).items() if name not in kept]


def children(found: Any) -> list[tuple[str, Any]]:
    """What an object holds that is saved, with local names."""
    if hasattr(found, "_checkpoint_children"):
        pairs = found._checkpoint_children()
    elif isinstance(found, Mapping):
        pairs = [(str(key), value) for key, value in found.items()]
    elif isinstance(found, (list, tuple)):
        pairs = [(str(k), value) for k, value in enumerate(found)]
    elif isinstance(found, Optimizer):
        pairs = sorted((name, made) for (name, _), made in found._non_slot_dict.items())
    elif isinstance(found, Layer):
        pairs = _in_attributes(found)
    else:
        pairs = []
    return [(name, value) for name, value in pairs if _is_trackable(value)]


def _is_trackable(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_trackable(part) for part in value)
    if isinstance(value, Mapping):
        return bool(value) and all(_is_trackable(part) for part in value.values())
    return isinstance(value, (Variable, Layer, Optimizer)) or hasattr(value, "_checkpoint_children")


def slots_of(found: Any) -> list[tuple[str, Any]]:
    """An optimizer's slots, as TensorFlow names them, with functions of a variable."""
    if hasattr(found, "_checkpoint_slots"):
        return list(found._checkpoint_slots())
    if not isinstance(found, Optimizer):
        return []
    return [(name, lambda v, name=name: found.get_slot(v, name)) for name in found.get_slot_names()]


@dataclass
class ObjectGraph:
    """The objects that a root holds, directly or not.

    Attributes
    ----------
    objects, paths : each object and its path from the root, breadth first, slots last.
    edges : for each object, the local names and the numbers of those that it holds.
    slots : for each object, (number of a variable, name of the slot, number of the slot).
    """

    objects: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    edges: list[list[tuple[str, int]]] = field(default_factory=list)
    slots: list[list[tuple[int, str, int]]] = field(default_factory=list)

    @classmethod
    def of(cls, root: Any) -> ObjectGraph:
        """The graph of a root."""
        made = cls()
        numbers: dict[int, int] = {}

        def add(found: Any, path: str) -> int:
            if id(found) not in numbers:
                numbers[id(found)] = len(made.objects)
                made.objects.append(found)
                made.paths.append(path)
                made.edges.append([])
                made.slots.append([])
            return numbers[id(found)]

        add(root, "")
        for k, found in enumerate(made.objects):  # grows as it is walked
            for name, value in children(found):
                path = f"{made.paths[k]}/{escaped(name)}" if k else escaped(name)
                made.edges[k].append((name, add(value, path)))
        made._add_slots()
        return made

    def _add_slots(self) -> None:
        known = list(zip(self.objects, self.paths, strict=True))
        for k, (optimizer, place) in enumerate(known):
            for name, slot_of in slots_of(optimizer):
                for number, (variable, path) in enumerate(known):
                    slot = slot_of(variable) if isinstance(variable, Variable) else None
                    if slot is None:
                        continue
                    self.slots[k].append((number, name, len(self.objects)))
                    self.objects.append(slot)
                    self.paths.append(f"{path}/.OPTIMIZER_SLOT/{place}/{escaped(name)}")
                    self.edges.append([])
                    self.slots.append([])

    def variables(self) -> dict[str, Any]:
        """The variables by their keys."""
        pairs = zip(self.paths, self.objects, strict=True)
        return {key_of(path): found for path, found in pairs if isinstance(found, Variable)}

    def as_proto(self) -> Any:
        """The graph as TensorFlow's message."""
        proto = message("TrackableObjectGraph")()
        for found, path, edges, slots in zip(
            self.objects, self.paths, self.edges, self.slots, strict=True
        ):
            node = proto.nodes.add()
            for name, number in edges:
                node.children.add(node_id=number, local_name=name)
            for variable, name, slot in slots:
                node.slot_variables.add(original_variable_node_id=variable, slot_name=name,
                                        slot_variable_node_id=slot)  # fmt: skip
            if isinstance(found, Variable):
                node.attributes.add(name=_VALUE, full_name=found.op.name,
                                    checkpoint_key=key_of(path))  # fmt: skip
        return proto


def key_of(path: str) -> str:
    """The key of the variable on a path."""
    return f"{path}/.ATTRIBUTES/{_VALUE}" if path else f".ATTRIBUTES/{_VALUE}"


def matched(graph: ObjectGraph, proto: Any) -> tuple[dict[str, Any], list[str]]:
    """The variables of a graph by the keys that a checkpoint has for them, and keys without one.

    Objects match from the root on, by local names, as paths need not be those of the saved program.
    """
    number_in_file = {0: 0}  # from ours
    waiting = [0]
    while waiting:
        ours = waiting.pop(0)
        saved = {c.local_name: c.node_id for c in proto.nodes[number_in_file[ours]].children}
        for name, number in graph.edges[ours]:
            if name in saved and number not in number_in_file:
                number_in_file[number] = saved[name]
                waiting.append(number)
    for ours, slots in enumerate(graph.slots):
        if ours not in number_in_file:
            continue
        saved_slots = {(s.original_variable_node_id, s.slot_name): s.slot_variable_node_id
                       for s in proto.nodes[number_in_file[ours]].slot_variables}  # fmt: skip
        for variable, name, slot in slots:
            place = saved_slots.get((number_in_file.get(variable, -1), name))
            if place is not None:
                number_in_file[slot] = place
    found = {}
    for ours, theirs in number_in_file.items():
        for attribute in proto.nodes[theirs].attributes:
            if attribute.name == _VALUE and isinstance(graph.objects[ours], Variable):
                found[attribute.checkpoint_key] = graph.objects[ours]
    every = [a.checkpoint_key for node in proto.nodes for a in node.attributes]
    return found, [key for key in every if key not in found]
