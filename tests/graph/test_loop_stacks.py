"""Gradients of loops in graphs that TensorFlow 1.15 wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphflow as tf
from graphflow.graph.op_table import op_table

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


def repeated(x):
    return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.tanh(v) * x), [0, x])[1]


def branching(x):
    def inner(i, v):
        return tf.cond(i > 1, lambda: tf.exp(v) * x, lambda: v * v)

    def body(i, v):
        return i + 1, tf.cond(i > 0, lambda: inner(i, v), lambda: tf.sin(v))

    return tf.while_loop(lambda i, v: i < 3, body, [0, x])[1]


def looped_twice(x):
    return tf.map_fn(lambda v: tf.reduce_sum(tf.map_fn(lambda w: tf.exp(w) * v, x)), x)


@pytest.mark.parametrize("make", [repeated, branching, looped_twice])
def test_gradients_are_written_in_tensorflow_ops_and_read_again(make):
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [3], name="x")
        tf.identity(tf.gradients(make(x), x)[0], name="gradient")
    written = graph.as_graph_def()
    types = {node.op for node in written.node}
    assert types <= set(op_table())
    assert {"EmptyTensorList", "TensorListPushBack", "TensorListGetItem"} <= types
    lists = {n.name for n in written.node if n.op in ("EmptyTensorList", "TensorListPushBack")}
    for node in written.node:
        if node.op in ("Enter", "NextIteration") and node.input[0] in lists:
            assert node.attr["T"].type == 21  # variant
    with tf.Graph().as_default() as again:
        tf.import_graph_def(written, name="")
    assert {op.type for op in again.get_operations()} == {op.type for op in graph.get_operations()}
    results = []
    for graph_of_run in (graph, again):
        with tf.Session(graph=graph_of_run) as session:
            results.append(session.run("gradient:0", {"x:0": [0.1, 0.5, -0.3]}))
    np.testing.assert_array_equal(*results)


def test_handles_that_a_loop_keeps_are_written_as_a_stack():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [3])
        tf.gradients(looped_twice(x), x)
    by_name = {node.name: node for node in graph.as_graph_def().node}
    pops = [node for node in by_name.values() if node.op == "StackPopV2"]
    assert pops
    for node in pops:
        source = by_name[node.input[0]]
        while source.op != "StackV2":
            assert source.attr["T"].type == tf.resource.as_datatype_enum
            source = by_name[source.input[0].partition(":")[0]]
        assert source.attr["elem_type"].type == tf.resource.as_datatype_enum


def test_gradients_of_a_loop_wait_for_each_other_before_a_variable_is_updated():
    with tf.Graph().as_default():
        w = tf.get_variable("w", initializer=2.0)
        x = tf.get_variable("x", initializer=[1.0, 2.0])
        y = tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, v * w), [0, x])[1]
        pairs = tf.train.GradientDescentOptimizer(0.1).compute_gradients(tf.reduce_sum(y))
        for gradient, _ in pairs:
            assert gradient.op.name.startswith("gradients/while_grad/tuple/control_dependency")
