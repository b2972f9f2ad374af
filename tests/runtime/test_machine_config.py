"""`tf.config` and `tf.profiler`."""

from __future__ import annotations

import pytest

import graphflow as tf


def test_devices_and_settings():
    config = tf.config.experimental
    assert config.list_physical_devices("GPU") == []
    (processor,) = config.list_physical_devices("CPU")
    assert processor.device_type == "CPU"
    config.set_memory_growth(processor, True)
    assert config.get_memory_growth(processor)
    with pytest.raises(ValueError, match="Unrecognized device"):
        config.set_memory_growth("GPU:0", True)
    before = tf.config.threading.get_inter_op_parallelism_threads()
    tf.config.threading.set_inter_op_parallelism_threads(3)
    assert tf.config.threading.get_inter_op_parallelism_threads() == 3
    tf.config.threading.set_inter_op_parallelism_threads(before)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = tf.config.other


def test_parameters_and_operations_of_a_graph(tmp_path, capsys):
    with tf.Graph().as_default() as graph:
        tf.layers.dense(tf.ones([4, 5]), 3, activation=tf.nn.relu, name="d")
        tf.layers.conv2d(tf.ones([1, 8, 8, 2]), 4, 3, use_bias=False, name="c")
    found = tf.profiler.profile(graph)
    assert found.total_parameters == 5 * 3 + 3 + 3 * 3 * 2 * 4
    assert "d (18 params)" in capsys.readouterr().out
    build = tf.profiler.ProfileOptionBuilder
    path = str(tmp_path / "table.txt")
    options = build(build.float_operation()).with_file_output(path).build()
    with graph.as_default():
        tf.matmul(tf.ones([4, 5]), tf.ones([5, 6]), name="product")
    found = tf.profiler.profile(graph, options=options)
    (product,) = [child for child in found.children if child.name == "product"]
    assert product.total_float_ops == 2 * 4 * 5 * 6
    assert "product (240 flops)" in (tmp_path / "table.txt").read_text()
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="cmd"):
        tf.profiler.profile(graph, cmd="other")
