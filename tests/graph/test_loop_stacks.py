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


@pytest.mark.parametrize("name", ["power", "mapped", "recurrent", "branching"])
def test_values_and_gradients(name):
    graph = imported(name)
    assert not {"StackV2", "StackPushV2", "StackPopV2"} & {op.type for op in graph.get_operations()}
    with tf.Session(graph=graph) as session:
        for fetch in ("y", "gradient"):
            found = session.run(f"{fetch}:0", {"x:0": RECORDED["value"]})
            np.testing.assert_allclose(found, RECORDED[f"{name}/{fetch}"], rtol=1e-5, atol=1e-6)


def test_a_loop_in_a_loop_is_read_and_its_gradient_is_not_run():
    with tf.Session(graph=imported("nested")) as session:
        found = session.run("y:0", {"x:0": RECORDED["value"]})
        np.testing.assert_allclose(found, RECORDED["nested/y"], rtol=1e-5)
        with pytest.raises(tf.errors.UnimplementedError, match="a loop in a loop"):
            session.run("gradient:0", {"x:0": RECORDED["value"]})
