"""Operations that TensorFlow does not have, written into GraphDefs as ones that it has.

A form is a function that builds, from the inputs of an operation, tensors of the same value out of
TensorFlow's ops. It is called in a graph of its own, whose nodes are then put in the operation's
place: under its name, in its device, after what it waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.protos import message

Form = Callable[..., Any]
_forms: dict[str, Form] = {}
_INPUT = "graphflow_input_"
# Attributes of nodes: which operation a node is part of; of the last, that operation as it was.
PART, ORIGINAL = "_graphflow_part", "_graphflow_node"


def register_form(op_type: str) -> Callable[[Form], Form]:
    """Let a function ``form(op, *inputs)`` be how an op type is written into GraphDefs.

    It returns a tensor for the operation's one output, or an operation for one without outputs;
    None where it cannot say the same in TensorFlow's ops.
    """

    def register(form: Form) -> Form:
        _forms[op_type] = form
        return form

    return register


def expanded(op: Operation) -> list[Operation] | None:
    """The operations that a form builds; None for an operation without one.

    What they read from outside has names that `outside_name` understands.
    """
    form = _forms.get(op.type)
    if form is None:
        return None
    graph = Graph()
    with graph.as_default():
        inputs = [_stand_in(k, tensor) for k, tensor in enumerate(op.inputs)]
        with graph.name_scope(f"{op.name}/"):
            made = form(op, *inputs)
        if made is None:
            return None
        _finish(op, made)
    return [o for o in graph.get_operations() if not o.name.startswith(_INPUT)]


def outside_name(op: Operation, text: str) -> str:
    """The input of `op` that an input of one of its expanded nodes stands for, or that itself."""
    name = text.removeprefix("^")
    if not name.startswith(_INPUT):
        return text
    source: str = op.inputs[int(name.removeprefix(_INPUT))]._as_node_def_input()
    return f"^{source.partition(':')[0]}" if text.startswith("^") else source


def with_originals(nodes: Iterable[Any]) -> list[Any]:
    """The nodes of a GraphDef, with operations as they were before they were expanded.

    Where names or inputs have changed since, the expanded form stays.
    """
    nodes = list(nodes)
    names = {node.name for node in nodes}
    originals: dict[str, Any] = {}
    for node in nodes:
        if ORIGINAL in node.attr:
            original = message("NodeDef")()
            original.ParseFromString(node.attr[ORIGINAL].s)
            sources = {text.removeprefix("^").partition(":")[0] for text in original.input}
            if original.name == node.name and sources <= names:
                originals[node.name] = original
    if not originals:
        return nodes
    kept = [n for n in nodes if PART not in n.attr or n.attr[PART].s.decode() not in originals]
    return kept + list(originals.values())


def _stand_in(number: int, tensor: Any) -> Any:
    """A tensor of the type and shape of an input, in the graph that is being built."""
    dtype = tensor.dtype
    shape = tensor.shape if tensor.shape.rank is not None else TensorShape(None)
    attrs = {"dtype": dtype.base_dtype, "shape": shape}
    kind = "Placeholder"
    if dtype._is_ref_dtype:
        kind = "VariableV2"
        attrs |= {"container": "", "shared_name": ""}
    name = f"{_INPUT}{number}/"
    return get_default_graph().create_op(kind, [], attrs, name).outputs[0]


def _finish(op: Operation, made: Any) -> None:
    """Give the last result the operation's own name."""
    graph = get_default_graph()
    if isinstance(made, Operation):
        with graph.control_dependencies([made]):
            graph.create_op("NoOp", [], {}, f"{op.name}/")
    else:
        graph.create_op("Identity", [made], {}, f"{op.name}/")
