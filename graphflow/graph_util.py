"""``tf.graph_util``: GraphDefs cut down, frozen and read."""

from graphflow.graph.freezing import (
    convert_variables_to_constants,
    extract_sub_graph,
    must_run_on_cpu,
    remove_training_nodes,
    tensor_shape_from_node_def_name,
)
from graphflow.graph.freezing import graph_summary as _extract_graph_summary
from graphflow.graph.freezing import node_name as _node_name
from graphflow.graph.freezing import reachable as _bfs_for_reachable_nodes
from graphflow.graph.graph_def import import_graph_def

__all__ = [
    "_bfs_for_reachable_nodes", "_extract_graph_summary", "_node_name",
    "convert_variables_to_constants", "extract_sub_graph", "import_graph_def", "must_run_on_cpu",
    "remove_training_nodes", "tensor_shape_from_node_def_name",
]  # fmt: skip
