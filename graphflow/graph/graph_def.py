"""Graphs as TensorFlow's GraphDef messages, and back.

An operation here keeps only those attributes of TensorFlow's op type (`op_table`) that it needs;
the rest follows from its inputs or is a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.graph.arrays import make_array
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.expansion import (
    ORIGINAL,
    PART,
    expanded,
    outside_name,
    with_originals,
)
from graphflow.graph.graph import Graph
from graphflow.graph.loop_lists import with_tensor_lists
from graphflow.graph.loop_stacks import with_loop_arrays
from graphflow.graph.op_table import (
    OWN_ATTR,
    check_attrs,
    check_types,
    default_of,
    input_types,
    op_table,
)
from graphflow.graph.operation import Operation
from graphflow.graph.resource_variables import with_references
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.protos import message

PRODUCER, MIN_CONSUMER = 134, 12  # TensorFlow 1.15's versions of the format
_NUMBER_FIELDS = {
    "float16": "half_val", "bfloat16": "half_val", "float32": "float_val", "float64": "double_val",
    "int8": "int_val", "int16": "int_val", "int32": "int_val", "uint8": "int_val",
    "uint16": "int_val", "int64": "int64_val", "bool": "bool_val", "uint32": "uint32_val",
    "uint64": "uint64_val", "complex64": "scomplex_val", "complex128": "dcomplex_val",
}  # fmt: skip


# ---- values


def tensor_proto(array: Any, dtype: DType | None = None) -> Any:
    """A TensorProto with an array's content."""
    array = np.asarray(array)
    dtype = dtype or as_dtype(array.dtype)
    proto = message("TensorProto")(dtype=dtype.as_datatype_enum)
    proto.tensor_shape.CopyFrom(shape_proto(TensorShape(array.shape)))
    if dtype.kind == "string":
        flat = array.ravel().tolist()
        proto.string_val.extend(t if isinstance(t, bytes) else str(t).encode() for t in flat)
    elif array.size == 1 and dtype.name in _NUMBER_FIELDS and dtype.kind != "complex":
        _add_numbers(proto, array, dtype)
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    return proto


def _add_numbers(proto: Any, array: np.ndarray[Any, Any], dtype: DType) -> None:
    """Append numbers to the field of their type, in which the last stands for all that follow."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if dtype.name in ("float16", "bfloat16"):
        flat = flat.view(np.uint16)
    elif dtype.kind == "complex":
        flat = flat.view(flat.real.dtype)
    getattr(proto, _NUMBER_FIELDS[dtype.name]).extend(flat.tolist())


def make_tensor_proto(
    values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False,
    allow_broadcast: bool = False,
) -> Any:  # fmt: skip
    """Return a TensorProto of what `tf.constant` takes.

    Parameters
    ----------
    dtype : element type; found from `values` when None.
    shape : sizes; when there are fewer values than it asks for, the last one is repeated.
    verify_shape : require that `values` has `shape` already.
    allow_broadcast : require that, or a single value.

    Raises
    ------
    TypeError, ValueError : as `graphflow.graph.arrays.make_array`; both of the last two.
    """
    if allow_broadcast and verify_shape:
        raise ValueError("allow_broadcast and verify_shape are not both allowed.")
    wanted = None if dtype is None else as_dtype(dtype)
    whole = make_array(values, wanted, shape, verify_shape)
    kind = wanted if wanted is not None and wanted.is_quantized else as_dtype(whole.dtype)
    if shape is None or not whole.size:
        return tensor_proto(whole, kind)
    given = make_array(values, wanted)
    if allow_broadcast and given.size != whole.size and given.shape not in ((), (1,)):
        raise TypeError(f"Expected Tensor's shape: {whole.shape}, got {given.shape}.")
    if given.size == whole.size and whole.size > 1:
        return tensor_proto(whole, kind)
    proto = tensor_proto(np.zeros(0, whole.dtype), kind)
    proto.tensor_shape.CopyFrom(shape_proto(TensorShape(whole.shape)))
    if kind.kind == "string":
        proto.string_val.extend(given.ravel().tolist())
    else:
        _add_numbers(proto, given, kind)
    return proto


def tensor_array(proto: Any) -> np.ndarray[Any, Any]:
    """The array of a TensorProto (``tf.make_ndarray``).

    Raises
    ------
    ValueError : its content does not fit its shape.
    TypeError : a type without arrays.
    """
    dtype = as_dtype(proto.dtype).base_dtype
    shape = tuple(d.size for d in proto.tensor_shape.dim)
    count = 1
    for size in shape:
        if size < 0 or count * size >= 1 << 40:
            raise ValueError(f"a tensor of shape {list(shape)} in a GraphDef")
        count *= size
    if dtype.kind == "string":
        texts = list(proto.string_val)
        found = np.empty(count, object)
        for k in range(count):
            found[k] = texts[min(k, len(texts) - 1)] if texts else b""
        return found.reshape(shape)
    if proto.tensor_content:
        if len(proto.tensor_content) != count * dtype.size:
            raise ValueError(
                f"{len(proto.tensor_content)} bytes for a {dtype.name} of shape {list(shape)}"
            )
        return np.frombuffer(proto.tensor_content, dtype.numpy).reshape(shape).copy()
    if dtype.name not in _NUMBER_FIELDS:
        raise TypeError(f"Unsupported tensor type: {proto.dtype}")
    values = np.array(getattr(proto, _NUMBER_FIELDS[dtype.name]))
    if dtype.name in ("float16", "bfloat16"):
        values = values.astype(np.uint16).view(dtype.numpy)
    elif dtype.kind == "complex":
        values = values[0::2] + 1j * values[1::2]
    values = values.astype(dtype.numpy)
    if len(values) == 0:
        return np.zeros(shape, dtype.numpy)
    if len(values) > count:
        raise ValueError(f"{len(values)} values for shape {list(shape)}")
    last = np.full(count - len(values), values[-1], dtype.numpy)  # the last one is repeated
    return np.concatenate([values, last]).reshape(shape)


def shape_proto(shape: TensorShape) -> Any:
    """A TensorShapeProto."""
    proto = message("TensorShapeProto")()
    if shape.rank is None:
        proto.unknown_rank = True
    else:
        for size in shape.as_list():
            proto.dim.add(size=-1 if size is None else size)
    return proto


def shape_from_proto(proto: Any) -> TensorShape:
    """The shape that a TensorShapeProto means."""
    if proto.unknown_rank:
        return TensorShape(None)
    return TensorShape([None if d.size == -1 else d.size for d in proto.dim])


# ---- attributes


def _set_attr(target: Any, kind: str, value: Any) -> None:
    """Put a Python value into an AttrValue of this kind."""
    if kind.startswith("list("):
        items = target.list
        items.SetInParent()
        for item in value if isinstance(value, (list, tuple)) else [value]:
            _add_item(items, kind[5:-1], item)
        return
    if kind == "type":
        target.type = as_dtype(value).base_dtype.as_datatype_enum
    elif kind == "shape":
        target.shape.CopyFrom(shape_proto(TensorShape(value)))
    elif kind == "tensor":
        target.tensor.CopyFrom(tensor_proto(value))
    elif kind == "string":
        target.s = value if isinstance(value, bytes) else str(value).encode()
    elif kind == "int":
        target.i = int(value)
    elif kind == "float":
        target.f = float(value)
    elif kind == "bool":
        target.b = bool(value)


def _add_item(items: Any, kind: str, value: Any) -> None:
    if kind == "type":
        items.type.append(as_dtype(value).base_dtype.as_datatype_enum)
    elif kind == "shape":
        items.shape.append(shape_proto(TensorShape(value)))
    elif kind == "string":
        items.s.append(value if isinstance(value, bytes) else str(value).encode())
    elif kind == "int":
        items.i.append(int(value))
    elif kind == "float":
        items.f.append(float(value))
    elif kind == "bool":
        items.b.append(bool(value))


def _kind_of(value: Any) -> str:
    """The kind of a value whose attribute is not in the table; empty when it cannot be written."""
    if isinstance(value, (list, tuple)):
        inner = _kind_of(value[0]) if value else "int"
        return f"list({inner})" if inner and not inner.startswith("list") else ""
    for kinds, name in (
        (bool, "bool"), ((int, np.integer), "int"), ((float, np.floating), "float"),
        ((str, bytes), "string"), (DType, "type"), (TensorShape, "shape"), (np.ndarray, "tensor"),
    ):  # fmt: skip
        if isinstance(value, kinds):
            return name
    return ""


def _attr_value(proto: Any) -> Any:
    """The Python value of an AttrValue."""
    kind = proto.WhichOneof("value")
    if kind == "s":
        return _text(proto.s)
    if kind == "type":
        return as_dtype(proto.type)
    if kind == "shape":
        return shape_from_proto(proto.shape)
    if kind == "tensor":
        return tensor_array(proto.tensor)
    if kind == "list":
        for name, change in (
            ("s", _text), ("i", int), ("f", float), ("b", bool), ("type", as_dtype),
            ("shape", shape_from_proto), ("tensor", tensor_array),
        ):  # fmt: skip
            values = getattr(proto.list, name)
            if values:
                return [change(v) for v in values]
        return []
    return getattr(proto, kind) if kind else None


def _text(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


# ---- writing


def graph_to_proto(
    graph: Graph, operations: Sequence[Operation] | None = None, add_shapes: bool = False
) -> Any:
    """A GraphDef of a graph, or of some of its operations."""
    proto = message("GraphDef")()
    proto.versions.producer, proto.versions.min_consumer = PRODUCER, MIN_CONSUMER
    for op in graph.get_operations() if operations is None else operations:
        parts = expanded(op)
        if parts is None:
            _write_node(proto.node.add(), op, add_shapes)
            continue
        for part in parts:
            _write_node(proto.node.add(), part, add_shapes)
            _put_in_place(proto.node[-1], op)
        original = message("NodeDef")()
        _write_node(original, op, False)
        proto.node[-1].attr[ORIGINAL].s = original.SerializeToString()
    nodes = with_tensor_lists(proto.node)
    del proto.node[:]
    proto.node.extend(nodes)
    return proto


def _put_in_place(node: Any, op: Operation) -> None:
    """Connect one of the nodes that stand for an operation to what the operation reads."""
    inputs = [outside_name(op, text) for text in node.input]
    waits = [f"^{c.name}" for c in op._control_inputs]
    if not inputs and op.inputs:  # in a loop or a branch it must not run at another time
        waits.append(f"^{op.inputs[0].op.name}")
    del node.input[:]
    node.input.extend([*inputs, *(w for w in dict.fromkeys(waits) if w not in inputs)])
    node.device = op.device
    node.attr.pop("_class", None)  # what it is placed with lies in the graph of the form
    node.attr[PART].s = op.name.encode()


def _write_node(node: Any, op: Operation, add_shapes: bool) -> None:
    node.name, node.op, node.device = op.name, op.type, op.device
    node.input.extend(t._as_node_def_input() for t in op.inputs)
    node.input.extend(f"^{c.name}" for c in op._control_inputs)
    inputs, declared = op_table().get(op.type, ([], None))
    declared_kinds = declared or {}
    known = {**dict(_attrs_of_inputs(op, inputs, declared_kinds)), **op.attrs}
    for name, value in known.items():
        kind = declared_kinds[name][0] if name in declared_kinds else _kind_of(value)
        if kind and value is not None and not callable(value):
            foreign = declared is not None and name not in declared and name[0] != "_"
            _set_attr(node.attr[f"{OWN_ATTR}{name}" if foreign else name], kind, value)
    if add_shapes:
        shapes = [t.shape for t in op.outputs]
        _set_attr(node.attr["_output_shapes"], "list(shape)", shapes)


def _attrs_of_inputs(
    op: Operation, inputs: Sequence[str], declared: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The attributes that follow from the inputs: types, and the lengths of lists."""
    left = list(op.inputs)
    for number, argument in enumerate(inputs):
        if argument.endswith("..."):
            count = op.attrs.get(argument[:-3])
            length = len(count) if isinstance(count, (list, tuple)) else len(left)
            yield argument[:-3], [t.dtype.base_dtype for t in left[:length]]
            left = left[length:]
            continue
        length, kind = 1, argument
        if "*" in argument:
            counter, _, kind = argument.partition("*")
            after = sum("*" not in other for other in inputs[number + 1 :])
            length = op.attrs.get(counter, len(left) - after)
            yield counter, length
        if kind in declared and left:
            yield kind, left[0].dtype.base_dtype
        left = left[length:]


# ---- reading


def import_graph_def(
    graph_def: Any,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Add the operations of a GraphDef to the default graph.

    Parameters
    ----------
    graph_def : the message.
    input_map : tensors to be read in place of the named ones.
    return_elements : names of operations and tensors to return.
    name : a prefix for all names; "import" when None, none when empty.

    Raises
    ------
    TypeError : `graph_def` is no GraphDef.
    ValueError : an unknown op type, a missing input, a cycle, a name that is not there.
    """
    if not hasattr(graph_def, "node") or not hasattr(graph_def, "versions"):
        raise TypeError("graph_def must be a GraphDef proto.")
    if op_dict is not None and not isinstance(op_dict, Mapping):
        raise TypeError("op_dict must be a dictionary")
    return _Importer(get_default_graph(), graph_def, input_map or {}, name).run(return_elements)


class _Importer:
    def __init__(
        self, graph: Graph, graph_def: Any, input_map: Mapping[str, Any], name: str | None
    ) -> None:
        self.graph, self.input_map = graph, input_map
        nodes = with_loop_arrays(with_references(with_originals(graph_def.node)))
        self.nodes = {node.name: node for node in nodes}
        if len(self.nodes) != len(nodes):
            raise ValueError("GraphDef has several nodes of one name")
        self.prefix = "" if name == "" else graph.unique_name(name or "import") + "/"
        self.made: dict[str, Operation] = {}
        self.used: set[str] = set()

    def run(self, return_elements: Sequence[str] | None) -> list[Any] | None:
        with self.graph.control_dependencies(None):
            for node in self.ordered():
                self.make(node)
        self.close_loops()
        unused = [key for key in self.input_map if _plain(key) not in self.used]
        if unused:
            raise ValueError(
                "Attempted to map inputs that were not found in graph_def: "
                f"[{', '.join(str(k) for k in unused)}]"
            )
        if return_elements is None:
            return None
        return [self.element(name) for name in return_elements]

    def element(self, name: str) -> Any:
        op_name, _, number = name.partition(":")
        op = self.made.get(op_name)
        if op is None:
            raise ValueError(f"Requested return_element {name!r} not found in graph_def.")
        if not number:
            return op
        if int(number) >= len(op.outputs):
            raise ValueError(f"Requested return_element {name!r} not found in graph_def.")
        return op.outputs[int(number)]

    def ordered(self) -> list[Any]:
        """The nodes, inputs before users; what goes back in a loop does not count."""
        waiting: dict[str, int] = {}
        users: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            needed = set()
            for text in node.input:
                source = text.lstrip("^").partition(":")[0]
                if source not in self.nodes:
                    if not text.startswith("^") and _plain(text) in self._mapped():
                        continue
                    raise ValueError(f"Node '{name}': Unknown input node '{text}'")
                back = self.nodes[source].op in ("NextIteration", "RefNextIteration")
                if not (back and node.op in ("Merge", "RefMerge")):
                    needed.add(source)
            waiting[name] = len(needed)
            for source in needed:
                users.setdefault(source, []).append(name)
        ready = [name for name, count in waiting.items() if not count]
        order = []
        while ready:
            name = ready.pop()
            order.append(self.nodes[name])
            for user in users.get(name, ()):
                waiting[user] -= 1
                if not waiting[user]:
                    ready.append(user)
        if len(order) != len(self.nodes):
            stuck = sorted(name for name, count in waiting.items() if count)
            raise ValueError(
                f"Graph is invalid, contains a cycle with {len(stuck)} nodes, including: "
                f"{', '.join(stuck[:8])}"
            )
        return order

    def _mapped(self) -> set[str]:
        return {_plain(key) for key in self.input_map}

    def tensor(self, text: str, node: Any) -> Tensor:
        plain = _plain(text)
        for key, value in self.input_map.items():
            if _plain(key) == plain:
                self.used.add(plain)
                return value if isinstance(value, Tensor) else self.graph.as_graph_element(value)
        name, _, number = text.partition(":")
        outputs = self.made[name].outputs
        if int(number or 0) >= len(outputs):
            raise ValueError(
                f"Node '{node.name}': Connecting to invalid output {int(number or 0)} of source "
                f"node {name} which has {len(outputs)} outputs."
            )
        return outputs[int(number or 0)]

    def make(self, node: Any) -> None:
        _, declared = op_table().get(node.op, ([], {}))
        check_attrs(node)
        attrs = {
            k if k in (PART, ORIGINAL) else k.removeprefix(OWN_ATTR): _attr_value(v)
            for k, v in node.attr.items()
        }
        for key, (_, default) in declared.items():
            if key not in attrs and default is not None:
                attrs[key] = default_of(default)
        for key in ("_class", "_output_shapes", PART, ORIGINAL):
            attrs.pop(key, None)
        data = [t for t in node.input if not t.startswith("^")]
        expected = input_types(node, attrs, len(data))
        if node.op in ("Merge", "RefMerge"):  # a loop's next value comes later
            there = [t for t in data if t.partition(":")[0] in self.made]
            if not there:
                raise ValueError(f"Node '{node.name}': expected a value before the loop, got none")
            data = [t if t in there else there[0] for t in data]
        tensors = [self.tensor(text, node) for text in data]
        check_types(node, tensors, expected)
        name = f"{self.prefix}{node.name}/"
        op = self.created(node, tensors, attrs, name)
        self.graph._note_name(op.name)
        op._set_device(node.device)
        waits = [self.made[t[1:]] for t in node.input if t.startswith("^")]
        op._add_control_inputs(waits)
        self.made[node.name] = op

    def created(
        self, node: Any, tensors: list[Tensor], attrs: dict[str, Any], name: str
    ) -> Operation:
        try:
            return self.graph.create_op(node.op, tensors, attrs, name)
        except ValueError as error:
            if "Op type not registered" in str(error):
                raise ValueError(f"{error} (node '{node.name}')") from None
            raise

    def close_loops(self) -> None:
        for node in self.nodes.values():
            if node.op in ("Merge", "RefMerge"):
                for k, text in enumerate(t for t in node.input if not t.startswith("^")):
                    source = self.tensor(text, node)
                    if self.made[node.name].inputs[k] is not source:
                        self.made[node.name]._update_input(k, source)


def _plain(name: Any) -> str:
    text = str(name)
    return text.removesuffix(":0")
