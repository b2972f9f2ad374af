"""Graphs from files are checked: their nodes are what TensorFlow's op types say, or an error."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.graph.op_table import OWN_ATTR


def small_graph():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2, 3], name="x")
        w = tf.constant(np.ones((3, 4), np.float32), name="w")
        tf.concat([tf.matmul(x, w, name="product"), tf.ones([2, 1])], 1, name="joined")
    return graph.as_graph_def()


def without(name, attr):
    def change(nodes):
        del nodes[name].attr[attr]

    return change


def of_kind(name, attr, **value):
    def change(nodes):
        nodes[name].attr[attr].Clear()
        for field, content in value.items():
            setattr(nodes[name].attr[attr], field, content)

    return change


def fewer_inputs(nodes):
    del nodes["product"].input[1]


def more_inputs(nodes):
    nodes["product"].input.append("x")


def another_type(nodes):
    nodes["product"].attr["T"].type = 3


def pieces_beyond_count(nodes):
    nodes["joined"].attr["N"].i = 2**62


CASES = {
    "no value": (without("w", "value"), "NodeDef missing attr 'value' from Op<name=Const"),
    "no dtype": (without("x", "dtype"), "NodeDef missing attr 'dtype'"),
    "a number for a type": (of_kind("w", "dtype", i=7), "type 'int' when 'type' expected"),
    "nothing for a type": (of_kind("product", "T"), "type 'nothing' when 'type' expected"),
    "a text for a flag": (
        of_kind("product", "transpose_a", s=b"yes"), "type 'string' when 'bool' expected",
    ),
    "fewer inputs": (fewer_inputs, "do not match 1 inputs specified; Op<name=MatMul"),
    "more inputs": (more_inputs, "do not match 3 inputs specified"),
    "a large count": (pieces_beyond_count, "do not match 3 inputs specified"),
    "another type": (
        another_type, "Input 0 of node product was passed float32 from x:0 incompatible with "
        "expected int32",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_the_op_type_is_an_error(case):
    change, message = CASES[case]
    graph_def = small_graph()
    change({node.name: node for node in graph_def.node})
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        tf.import_graph_def(graph_def, name="")


def test_loops_that_lack_parts():
    with tf.Graph().as_default() as graph:
        tf.identity(tf.while_loop(lambda i: i < 3, lambda i: [i + 1], [0]), name="last")
    whole = graph.as_graph_def()
    (merge,) = (node for node in whole.node if node.op == "Merge")
    del merge.input[1:]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(whole, name="")
        with pytest.raises(tf.errors.InvalidArgumentError, match="next one for the variable"):
            session.run("last:0")
    del merge.input[:]
    with tf.Graph().as_default(), pytest.raises(ValueError, match="needs an input, got none"):
        tf.import_graph_def(whole, name="")


def test_arrays_of_tensors_as_tensorflow_writes_them():
    """Its nodes have no attributes but its own."""
    value = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [2, 5, 3], name="x")
        doubled = tf.map_fn(lambda row: 2 * row, x)
        cell = tf.nn.rnn_cell.BasicRNNCell(4)
        lengths = tf.constant([3, 5])
        outputs, _ = tf.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32)
        names = [tf.identity(doubled).name, tf.identity(outputs).name]
        session.run(tf.global_variables_initializer())
        wanted = session.run(names, {x: value})
        graph_def = tf.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), [name[:-2] for name in names]
        )
    arrays = [node for node in graph_def.node if node.op.startswith("TensorArray")]
    for node in arrays:
        for attr in [key for key in node.attr if key.startswith(OWN_ATTR)]:
            del node.attr[attr]
    assert {"TensorArrayReadV3", "TensorArrayWriteV3", "TensorArrayScatterV3"} <= {
        node.op for node in arrays
    }
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(graph_def, name="")
        for found, expected in zip(session.run(names, {"x:0": value}), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)
