"""`tf.config` and `tf.profiler`."""

from __future__ import annotations

import numpy as np
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
    assert "d (0/18 params)" in capsys.readouterr().out
    build = tf.profiler.ProfileOptionBuilder
    path = str(tmp_path / "table.txt")
    options = build(build.float_operation()).with_file_output(path).build()
    with graph.as_default():
        tf.matmul(tf.ones([4, 5]), tf.ones([5, 6]), name="product")
    found = tf.profiler.profile(graph, options=options)
    (product,) = [child for child in found.children if child.name == "product"]
    assert product.total_float_ops == 2 * 4 * 5 * 6
    assert "product (240/240 flops)" in (tmp_path / "table.txt").read_text()
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="cmd"):
        tf.profiler.profile(graph, cmd="other")


@pytest.fixture
def network():
    """A graph of which TensorFlow 1.15's profiler counts 41,686 operations."""
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, [2, 8, 9, 3], name="images")
        kernel = tf.get_variable("kernel", [3, 3, 3, 4])
        y = tf.nn.conv2d(images, kernel, [1, 2, 1, 1], "VALID", name="conv")
        y = tf.nn.max_pool(tf.nn.relu(y), [1, 2, 2, 1], [1, 2, 2, 1], "SAME", name="pool")
        y = tf.nn.avg_pool(y, [1, 2, 2, 1], [1, 1, 1, 1], "VALID", name="means")
        y = tf.rsqrt(tf.nn.softmax(tf.reshape(y, [2, -1]), name="soft"), name="roots")
        tf.squared_difference(y, tf.ones([2, 1]))
        total = tf.reduce_sum(y, name="total")
        tf.gradients(total, kernel, name="grad")
    return graph


FLOPS = {  # recorded from TensorFlow 1.15.5
    "grad/conv_grad/Conv2DBackpropFilter": 15552,
    "grad/conv_grad/Conv2DBackpropInput": 15552,
    "conv": 9072,
    "grad/pool_grad/MaxPoolGrad": 320,
    "pool": 256,
    "kernel/Initializer/random_uniform": 108,
    "kernel/Initializer/random_uniform/mul": 108,
    "kernel/Initializer/random_uniform/sub": 1,
    "grad/means_grad/AvgPoolGrad": 192,
    "soft": 120,
    "grad/roots_grad/RsqrtGrad": 96,
    "means": 96,
    "SquaredDifference": 48,
    "roots": 48,
    "grad/soft_grad/mul": 24,
    "grad/soft_grad/sub": 24,
    "grad/soft_grad/mul_1": 24,
    "total": 23,
    "grad/soft_grad/Sum": 22,
}


def test_operations_count_as_tensorflow_counts_them(network):
    options = tf.profiler.ProfileOptionBuilder.float_operation()
    found = tf.profiler.profile(network, options={**options, "output": "none"})
    assert _own(found) == FLOPS
    assert found.total_float_ops == sum(FLOPS.values())


def _own(node):
    own = {node.name: node.float_ops} if node.float_ops else {}
    return {**own, **{k: v for child in node.children for k, v in _own(child).items()}}


def test_options_choose_what_is_counted_and_shown(network, capsys):
    build = tf.profiler.ProfileOptionBuilder
    options = build(build.float_operation()).with_accounted_types(["Conv2D", "Mean"])
    assert tf.profiler.profile(network, options=options.build()).total_float_ops == 9072
    capsys.readouterr()
    options = build(build.float_operation()).with_node_names(show_name_regexes=["pool", "grad/.*"])
    options = options.with_max_depth(1).with_min_float_operations(40)
    tf.profiler.profile(network, options=options.order_by("name").build())
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()] == ["_TFProfRoot", "pool"]
    only = options.account_displayed_op_only(True).with_empty_output().build()
    assert tf.profiler.profile(network, options=only).total_float_ops == sum(
        count for name, count in FLOPS.items() if name == "pool" or name.startswith("grad/")
    )
    assert capsys.readouterr().out == ""


def test_times_and_bytes_of_a_run(network, capsys):
    metadata = tf.RunMetadata()
    with tf.Session(graph=network) as session:
        session.run("kernel/Assign")
        session.run(
            "total:0", {"images:0": np.ones([2, 8, 9, 3])}, tf.RunOptions(trace_level=3), metadata
        )
    profiler = tf.profiler.Profiler(network)
    profiler.add_step(1, metadata)
    found = profiler.profile_name_scope(tf.profiler.ProfileOptionBuilder.time_and_memory())
    assert found.total_requested_bytes > 0
    assert found.total_output_bytes > 0
    assert found.total_run_count == len(metadata.step_stats.dev_stats[0].node_stats)
    assert capsys.readouterr().out.startswith("_TFProfRoot (0/")
