"""Gradients of loops in graphs that TensorFlow 1.15 wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphflow as tf

RECORDED = np.load(Path(__file__).parents[1] / "data" / "tf115_loop_gradients.npz")


def imported(name):
    graph_def = tf.GraphDef()
    graph_def.ParseFromString(RECORDED[f"{name}/graph"].tobytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    return graph


NESTED = ["nested", "ragged", "mapped_recurrent"]  # loops in loops


@pytest.mark.parametrize("name", ["power", "mapped", "recurrent", "branching", "attended", *NESTED])
def test_values_and_gradients(name):
    graph = imported(name)
    assert not {"StackV2", "StackPushV2", "StackPopV2"} & {op.type for op in graph.get_operations()}
    with tf.Session(graph=graph) as session:
        for fetch in ("y", "gradient"):
            found = session.run(f"{fetch}:0", {"x:0": RECORDED["value"]})
            np.testing.assert_allclose(found, RECORDED[f"{name}/{fetch}"], rtol=1e-5, atol=1e-6)


def test_a_circle_among_the_nodes_of_a_file_is_an_error():
    graph_def = tf.GraphDef()
    for name, read in [("a", "b"), ("b", "a")]:
        node = graph_def.node.add(name=name, op="Identity", input=[read])
        node.attr["T"].type = 1
    stack = graph_def.node.add(name="stack", op="StackV2", input=["a"])
    stack.attr["elem_type"].type = 1
    with tf.Graph().as_default(), pytest.raises(ValueError, match="contains a cycle"):
        tf.import_graph_def(graph_def)
