"""GraphDefs cut down and frozen, and written in TensorFlow's ops."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow import protos
from graphflow.graph.expansion import ORIGINAL, PART
from graphflow.graph.op_table import op_table

util = tf.graph_util


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def imported(graph_def, names, feeds):
    with tf.Graph().as_default():
        fetches = tf.import_graph_def(graph_def, return_elements=names, name="")
        return tf.Session().run(fetches, feeds)


# ---- freezing


def network():
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    keep = tf.placeholder_with_default(1.0, [], name="keep")
    h = tf.layers.batch_normalization(tf.layers.dense(x, 4), training=False)
    h = tf.check_numerics(tf.nn.dropout(h, keep_prob=keep), "bad", name="checked")
    _, h = tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, tf.tanh(v)), [0, h])
    y = tf.identity(tf.layers.dense(h, 2), name="y")
    tf.train.AdamOptimizer().minimize(tf.reduce_sum(y))
    return x, y


def test_frozen_graph():
    x, y = network()
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = session.run(y, {x: value})
    whole = tf.get_default_graph().as_graph_def()
    frozen = util.convert_variables_to_constants(session, whole, ["y"])
    assert not {"VariableV2", "ApplyAdam", "Assign"} & {node.op for node in frozen.node}
    np.testing.assert_array_equal(imported(frozen, ["y:0"], {"x:0": value})[0], expected)
    small = util.remove_training_nodes(frozen, protected_nodes=["y"])
    assert "checked" not in {n.name for n in small.node}
    identities = [n.name for n in small.node if n.op == "Identity"]
    assert "y" in identities
    assert len(identities) < sum(n.op == "Identity" for n in frozen.node)
    part = util.convert_variables_to_constants(
        session, whole, ["y"], variable_names_blacklist=["dense/kernel"]
    )
    assert [n.name for n in part.node if n.op == "VariableV2"] == ["dense/kernel"]
    part = util.convert_variables_to_constants(session, whole, ["y"], ["dense/kernel"])
    assert "dense/kernel" not in {n.name for n in part.node if n.op == "VariableV2"}


def test_sub_graph():
    a = tf.constant(1, name="a")
    with tf.control_dependencies([tf.constant(2, name="b")]):
        c = tf.add(a, a, name="c")
    tf.multiply(c, a, name="d")
    whole = tf.get_default_graph().as_graph_def()
    assert [n.name for n in util.extract_sub_graph(whole, ["c"]).node] == ["a", "b", "c"]
    assert util.extract_sub_graph(whole, ["a"]).versions.producer == whole.versions.producer
    with pytest.raises(AssertionError, match="e is not in graph"):
        util.extract_sub_graph(whole, ["e"])
    with pytest.raises(TypeError, match="dest_nodes must be a list"):
        util.extract_sub_graph(whole, "c")
    with pytest.raises(TypeError, match="graph_def must be a"):
        util.extract_sub_graph(whole.SerializeToString(), ["c"])
    inputs, nodes, places = util._extract_graph_summary(whole)
    assert inputs["c"] == ["a", "a", "b"]
    assert places["d"] == 3
    assert nodes["d"].op == "Mul"
    assert util._bfs_for_reachable_nodes(["c"], inputs) == {"a", "b", "c"}


def test_questions_about_nodes():
    number, text = tf.constant(1.0, name="n"), tf.constant(1, name="i")
    assert not util.must_run_on_cpu(number.op)
    assert util.must_run_on_cpu(text.op)
    assert util.must_run_on_cpu(tf.cast(text, tf.float32).op)
    variable = tf.Variable(1.0)
    assert not util.must_run_on_cpu(variable.op)
    assert util.must_run_on_cpu(variable.op, pin_variables_on_cpu=True)
    node = protos.NodeDef(op="Const")
    node.attr["dtype"].type = 7
    assert util.must_run_on_cpu(node)
    shape = util.tensor_shape_from_node_def_name(tf.get_default_graph(), "n")
    assert shape.as_list() == []


def test_variable_without_a_value():
    variable = tf.Variable(1.0, name="v")
    with pytest.raises(tf.errors.FailedPreconditionError):
        util.convert_variables_to_constants(
            tf.Session(), variable.graph.as_graph_def(), ["v/read"]
        )  # fmt: skip


# ---- resource variables of other graphs


def node(graph_def, name, op, inputs=(), **types):
    made = graph_def.node.add(name=name, op=op, input=list(inputs))
    for key, value in types.items():
        made.attr[key].type = value
    return made


def test_resource_variables():
    graph_def = protos.GraphDef()
    handle = node(graph_def, "v", "VarHandleOp", dtype=1)
    handle.attr["shape"].shape.dim.add(size=4)
    for name, value in (("start", [1, 2, 3, 4]), ("one", [1, 1, 1, 1])):
        const = node(graph_def, name, "Const", dtype=1)
        const.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.array(value, np.float32)))
    rows = node(graph_def, "rows", "Const", dtype=3)
    rows.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.array([2, 0], np.int32)))
    node(graph_def, "set", "AssignVariableOp", ["v", "start"], dtype=1)
    node(graph_def, "add", "AssignAddVariableOp", ["v", "one"], dtype=1)
    node(graph_def, "passed", "Identity", ["v"], T=20)
    node(graph_def, "read", "ReadVariableOp", ["passed"], dtype=1)
    node(graph_def, "has", "VarIsInitializedOp", ["v"])
    node(graph_def, "some", "ResourceGather", ["v", "rows", "^add"], dtype=1, Tindices=3)
    tf.import_graph_def(graph_def, name="")
    session = tf.Session()
    assert not session.run("has:0")
    session.run("set")
    assert session.run("some:0").tolist() == [4, 2]
    assert session.run("read:0").tolist() == [2, 3, 4, 5]
    assert session.run("has:0")


def test_offsets_of_a_concatenation():
    graph_def = protos.GraphDef()
    for name, value in (("axis", 1), ("a", [2, 3]), ("b", [2, 4])):
        const = node(graph_def, name, "Const", dtype=3)
        const.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.array(value, np.int32)))
    node(graph_def, "o", "ConcatOffset", ["axis", "a", "b"]).attr["N"].i = 2
    first, second = imported(graph_def, ["o:0", "o:1"], {})
    assert first.tolist() == [0, 0]
    assert second.tolist() == [0, 3]


# ---- ops that TensorFlow does not have


def step_of(loss, optimizer):
    return optimizer.minimize(loss, global_step=tf.train.get_or_create_global_step(), name="step")


def rows_graph(optimizer):
    table = tf.get_variable("table", initializer=np.arange(12, dtype=np.float32).reshape(4, 3))
    ids = tf.placeholder(tf.int32, [None], name="ids")
    found = tf.gather(table, ids)
    part = tf.slice(tf.transpose(found), tf.stack([ids[0], 0]), [-1, 2])
    columns = tf.gather(found, [2, 0, 2], axis=1)
    return step_of(tf.reduce_mean(part**2) + tf.reduce_sum(columns**2), optimizer)


OPTIMIZERS = [
    lambda: tf.train.AdamOptimizer(0.1), lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    lambda: tf.train.AdagradOptimizer(0.1),
]  # fmt: skip


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_training_graph_has_tensorflows_ops_only(make):
    rows_graph(make())
    graph = tf.get_default_graph()
    tf.train.get_global_step().initialized_value()
    tf.train.Scaffold().finalize()
    own = {op.type for op in graph.get_operations()} - set(op_table())
    assert own >= {"UninitializedNames", "InitializedValue", "SliceGrad", "GatherGrad"}
    graph_def = graph.as_graph_def()
    for written in graph_def.node:
        attributes = op_table()[written.op][1]
        assert all(key in attributes or key.startswith("_") for key in written.attr)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_forms_compute_the_same(make, tmp_path):
    rows_graph(make())
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver()
    path = saver.save(session, str(tmp_path / "m"))
    feeds = {"ids:0": [1, 3, 1]}

    def trained(run):
        for _ in range(2):
            run("step", feeds)
        return run("table:0")

    expected = trained(session.run)
    for marks in (True, False):
        proto = protos.MetaGraphDef()
        proto.ParseFromString((tmp_path / "m.meta").read_bytes())
        if not marks:  # as after another program has written it
            for written in proto.graph_def.node:
                written.attr.pop(PART, None)
                written.attr.pop(ORIGINAL, None)
        with tf.Graph().as_default() as graph, tf.Session() as other:
            tf.train.import_meta_graph(proto).restore(other, path)
            kinds = {op.type for op in graph.get_operations()}
            assert ("GatherGrad" in kinds) == marks
            np.testing.assert_allclose(trained(other.run), expected, rtol=1e-6)


def test_forms_of_renamed_nodes_stay():
    v = tf.Variable(2.0, name="v")
    tf.identity(v.initialized_value(), name="y")
    graph_def = tf.get_default_graph().as_graph_def()
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="a")
        again = graph.as_graph_def()
    for written in again.node:  # a program that renames and knows nothing of the marks
        written.name = f"b/{written.name}"
        inputs = [f"^b/{t[1:]}" if t[0] == "^" else f"b/{t}" for t in written.input]
        del written.input[:]
        written.input.extend(inputs)
    (y,) = tf.import_graph_def(again, return_elements=["b/a/y:0"], name="")
    assert tf.Session().run(y) == 2


def test_tensor_protos_of_fewer_values_than_a_shape_has() -> None:
    make = tf.make_tensor_proto
    filled = make(3.0, shape=[2, 2])
    assert list(filled.float_val) == [3.0]
    assert filled.tensor_content == b""
    assert tf.make_ndarray(filled).tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert tf.make_ndarray(make([1, 2], shape=[2, 2])).tolist() == [[1, 2], [2, 2]]
    assert list(make(np.float16(1.5), shape=[2]).half_val) == [15872]
    assert list(make("a", shape=[3]).string_val) == [b"a"]
    assert make([[1, 2], [3, 4]], shape=[4]).tensor_content == np.arange(1, 5, dtype="i4").tobytes()
    assert list(make(3, dtype=tf.float32, shape=[]).float_val) == [3.0]
    for error, text, arguments in (
        (ValueError, "Too many elements", {"values": [1, 2, 3], "shape": [2]}),
        (TypeError, "got \\(2,\\)", {"values": [1.0, 2.0], "shape": [3], "verify_shape": True}),
        (TypeError, "got \\(2,\\)", {"values": [1, 2], "shape": [2, 2], "allow_broadcast": True}),
        (ValueError, "None values", {"values": None}),
        (TypeError, "single Tensor expected", {"values": tf.constant(1)}),
    ):
        with pytest.raises(error, match=text):
            make(**arguments)


def test_a_savers_versions_have_names() -> None:
    kind = tf.train.SaverDef
    assert (kind.LEGACY, kind.V1, kind.V2) == (0, 1, 2)
    assert kind.CheckpointFormatVersion.Name(2) == "V2"
