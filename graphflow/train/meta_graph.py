"""MetaGraphs: a graph with its collections and the names of its Saver's operations."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from graphflow.data.coordinator import QueueRunner
from graphflow.errors import NotFoundError
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.graph_def import graph_to_proto, import_graph_def
from graphflow.graph.op_table import op_table
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops.variables import SaveSliceInfo, Variable
from graphflow.protos import message
from graphflow.protos.text import parse_text
from graphflow.system_files import as_op_errors, write_whole

VARIABLE_COLLECTIONS = (
    "variables", "trainable_variables", "local_variables", "model_variables",
    "moving_average_variables", "global_step", "metric_variables",
)  # fmt: skip
META_GRAPH_VERSION, TENSORFLOW_VERSION = "", "1.15.5"


# ---- variables


def variable_proto(variable: Variable) -> Any:
    """The names of a variable's operations, as a VariableDef."""
    proto = message("VariableDef")(
        variable_name=variable.name, initializer_name=variable.initializer.name,
        snapshot_name=variable._snapshot.name, trainable=variable.trainable,
        initial_value_name=variable.initial_value.name,
    )  # fmt: skip
    info = variable._save_slice_info
    if info is not None:
        part = proto.save_slice_info_def
        part.full_name = info.full_name or ""
        part.full_shape.extend(info.full_shape)
        part.var_offset.extend(info.var_offset)
        part.var_shape.extend(info.var_shape)
    return proto


def variable_from_proto(proto: Any, scope: str = "") -> Variable:
    """A variable whose operations the default graph has already."""
    graph = get_default_graph()

    def element(name: str) -> Any:
        return graph.as_graph_element(f"{scope}/{name}" if scope else name)

    info = None
    if proto.HasField("save_slice_info_def"):
        part = proto.save_slice_info_def
        info = SaveSliceInfo(part.full_name, part.full_shape, part.var_offset, part.var_shape)
    initial = element(proto.initial_value_name) if proto.initial_value_name else None
    return Variable._of_operations(
        element(proto.variable_name), element(proto.initializer_name), element(proto.snapshot_name),
        initial, proto.trainable, info,
    )  # fmt: skip


# ---- writing


def export_meta_graph(
    filename: str | None = None, meta_info_def: Any = None, graph_def: Any = None,
    saver_def: Any = None, collection_list: Iterable[str] | None = None, as_text: bool = False,
    graph: Graph | None = None, export_scope: str | None = None, clear_devices: bool = False,
    clear_extraneous_savers: bool = False, strip_default_attrs: bool = False,
    save_debug_info: bool = False,
) -> Any:  # fmt: skip
    """The graph with its collections as a MetaGraphDef, written to a file if one is named.

    Items of collections that have no written form are left out.
    """
    graph = graph or get_default_graph()
    operations = graph.get_operations()
    if export_scope:
        operations = [op for op in operations if op.name.startswith(export_scope.rstrip("/") + "/")]
    proto = message("MetaGraphDef")()
    if meta_info_def is not None:
        proto.meta_info_def.CopyFrom(meta_info_def)
    proto.meta_info_def.tensorflow_version = TENSORFLOW_VERSION
    proto.graph_def.CopyFrom(graph_def or graph_to_proto(graph, operations, add_shapes=True))
    if clear_devices:
        for node in proto.graph_def.node:
            node.device = ""
    for op_type in sorted({op.type for op in operations} & set(op_table())):
        proto.meta_info_def.stripped_op_list.op.add(name=op_type)
    if saver_def is not None:
        proto.saver_def.CopyFrom(saver_def)
    names = graph.get_all_collection_keys() if collection_list is None else collection_list
    for name in names:
        _write_collection(proto, str(name), graph.get_collection(name))
    if filename:
        write_message(proto, os.fspath(filename), as_text)
    return proto


def _write_collection(proto: Any, name: str, items: list[Any]) -> None:
    found = message("CollectionDef")()
    for item in items:
        if isinstance(item, Variable):
            found.bytes_list.value.append(variable_proto(item).SerializeToString())
        elif isinstance(item, (Tensor, Operation)):
            found.node_list.value.append(item.name)
        elif isinstance(item, bool):
            return
        elif isinstance(item, int):
            found.int64_list.value.append(item)
        elif isinstance(item, float):
            found.float_list.value.append(item)
        elif isinstance(item, (str, bytes)):
            data = item.encode() if isinstance(item, str) else item
            found.bytes_list.value.append(data)
        elif isinstance(item, message("Any")):
            found.any_list.value.append(item)
        elif hasattr(item, "to_proto") and hasattr(item.to_proto(), "SerializeToString"):
            found.bytes_list.value.append(item.to_proto().SerializeToString())
        else:
            return
    if found.WhichOneof("kind"):
        proto.collection_def[name].CopyFrom(found)


def write_message(proto: Any, filename: str, as_text: bool) -> None:
    """Write a message to a file, which is replaced as a whole."""
    from google.protobuf import text_format

    data = proto.SerializeToString()
    if as_text:
        data = text_format.MessageToString(proto).encode()
    with as_op_errors(filename):
        write_whole(filename, data)


def write_graph(graph_or_graph_def: Any, logdir: str, name: str, as_text: bool = True) -> str:
    """Write a graph into a file of a folder; returns the path.

    Parameters
    ----------
    graph_or_graph_def : a Graph or a GraphDef.
    as_text : in protobuf's text form.
    """
    proto = graph_or_graph_def
    if isinstance(proto, Graph):
        proto = proto.as_graph_def()
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    write_message(proto, path, as_text)
    return path


# ---- reading


def read_meta_graph(path: str) -> Any:
    """A MetaGraphDef from a file, in binary or text form.

    Raises
    ------
    NotFoundError, IOError : there is no such file, or it is something else.
    """
    from google.protobuf.message import DecodeError

    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise OSError(f"File {path} does not exist.") from None
    proto = message("MetaGraphDef")()
    try:
        proto.ParseFromString(data)
        return proto
    except DecodeError:
        pass
    try:
        return parse_text(data, message("MetaGraphDef")())
    except ValueError as error:
        raise OSError(f"Cannot parse file {path}: {error}.") from error


def import_meta_graph(
    meta_graph_or_file: Any, clear_devices: bool = False, import_scope: str | None = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Add a MetaGraph to the default graph; returns its Saver, or None if it has no variables.

    Parameters
    ----------
    meta_graph_or_file : a MetaGraphDef, or the path of one.
    clear_devices : forget device requests.
    import_scope : a prefix for all names.
    input_map, return_elements : see `import_graph_def`.
    """
    from graphflow.train.saver import Saver

    proto = meta_graph_or_file
    if not hasattr(proto, "graph_def"):
        proto = read_meta_graph(os.fspath(proto))
    if clear_devices:
        for node in proto.graph_def.node:
            node.device = ""
    if import_scope:
        import_scope = get_default_graph().unique_name(import_scope, mark_as_used=False)
    import_graph_def(
        proto.graph_def, name=import_scope or "", input_map=kwargs.get("input_map"),
        return_elements=kwargs.get("return_elements"),
    )  # fmt: skip
    read_collections(proto, import_scope or "")
    if proto.HasField("saver_def"):
        return Saver.from_proto(proto.saver_def, import_scope)
    if get_default_graph().get_collection("variables"):
        return Saver()
    return None


def read_collections(proto: Any, scope: str) -> None:
    """Fill the default graph's collections from a MetaGraphDef."""
    graph = get_default_graph()
    made: dict[str, Variable] = {}
    for name, collection in proto.collection_def.items():
        kind = collection.WhichOneof("kind")
        if kind == "node_list":
            for text in collection.node_list.value:
                full = f"{scope}/{text}" if scope else text
                try:
                    graph.add_to_collection(name, graph.as_graph_element(full))
                except KeyError as error:
                    raise NotFoundError(None, None, f"collection {name}: {error}") from error
        elif kind == "bytes_list" and name in VARIABLE_COLLECTIONS:
            for data in collection.bytes_list.value:
                variable = message("VariableDef")()
                variable.ParseFromString(data)
                if variable.variable_name not in made:
                    made[variable.variable_name] = variable_from_proto(variable, scope)
                graph.add_to_collection(name, made[variable.variable_name])
        elif kind == "bytes_list":
            for data in collection.bytes_list.value:
                graph.add_to_collection(name, _from_bytes(name, data, scope))
        elif kind == "any_list":
            for packed in collection.any_list.value:
                graph.add_to_collection(name, packed)
        elif kind in ("int64_list", "float_list"):
            for value in getattr(collection, kind).value:
                graph.add_to_collection(name, value)


def _from_bytes(collection: str, data: bytes, scope: str) -> Any:
    """The item that a collection has as bytes: a Saver or a QueueRunner as one, others as is."""
    from graphflow.train.saver import Saver

    if collection == GraphKeys.QUEUE_RUNNERS:
        runner_def = message("QueueRunnerDef")()
        runner_def.ParseFromString(data)
        return QueueRunner.from_proto(runner_def, scope)
    if collection != GraphKeys.SAVERS:
        return data
    saver_def = message("SaverDef")()
    saver_def.ParseFromString(data)
    return Saver.from_proto(saver_def, scope)
