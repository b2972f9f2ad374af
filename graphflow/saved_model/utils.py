"""TensorInfo messages: how signatures name tensors; and a SavedModel's folders."""

from __future__ import annotations

import os
from typing import Any

from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.graph_def import shape_proto
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.protos import message
from graphflow.saved_model.constants import (
    ASSETS_DIRECTORY,
    VARIABLES_DIRECTORY,
    VARIABLES_FILENAME,
)


def build_tensor_info(tensor: Any) -> Any:
    """The TensorInfo of a tensor, a variable or a SparseTensor."""
    info = message("TensorInfo")(dtype=tensor.dtype.as_datatype_enum)
    info.tensor_shape.CopyFrom(shape_proto(TensorShape(tensor.get_shape())))
    if isinstance(tensor, SparseTensor):
        info.coo_sparse.values_tensor_name = tensor.values.name
        info.coo_sparse.indices_tensor_name = tensor.indices.name
        info.coo_sparse.dense_shape_tensor_name = tensor.dense_shape.name
    else:
        info.name = tensor.name
    return info


def build_tensor_info_from_op(op: Operation) -> Any:
    """The TensorInfo that names an operation."""
    info = message("TensorInfo")(name=op.name)
    info.tensor_shape.unknown_rank = True
    return info


def _scoped(name: str, import_scope: str | None) -> str:
    return f"{import_scope}/{name}" if import_scope else name


def get_tensor_from_tensor_info(
    tensor_info: Any, graph: Graph | None = None, import_scope: str | None = None
) -> Any:
    """The tensor, or SparseTensor, of a graph that a TensorInfo names.

    Raises
    ------
    KeyError : there is none of that name.
    ValueError : the TensorInfo names nothing.
    """
    graph = graph or get_default_graph()

    def tensor(name: str) -> Any:
        return graph.get_tensor_by_name(_scoped(name, import_scope))

    encoding = tensor_info.WhichOneof("encoding")
    if encoding == "name":
        return tensor(tensor_info.name)
    if encoding != "coo_sparse":
        raise ValueError(f"Invalid TensorInfo.encoding: {encoding}")
    sparse = tensor_info.coo_sparse
    return SparseTensor(
        tensor(sparse.indices_tensor_name), tensor(sparse.values_tensor_name),
        tensor(sparse.dense_shape_tensor_name),
    )  # fmt: skip


def get_element_from_tensor_info(
    tensor_info: Any, graph: Graph | None = None, import_scope: str | None = None
) -> Any:
    """The operation or tensor of a graph that a TensorInfo names."""
    graph = graph or get_default_graph()
    return graph.as_graph_element(_scoped(tensor_info.name, import_scope))


def get_variables_dir(export_dir: str) -> str:
    """The folder of a SavedModel's variables."""
    return os.path.join(export_dir, VARIABLES_DIRECTORY)


def get_variables_path(export_dir: str) -> str:
    """The prefix of a SavedModel's checkpoint."""
    return os.path.join(get_variables_dir(export_dir), VARIABLES_FILENAME)


def get_assets_dir(export_dir: str) -> str:
    """The folder of a SavedModel's assets."""
    return os.path.join(export_dir, ASSETS_DIRECTORY)
