# ruff: noqa: UP031  # runs under Python 3.7 too
"""Convolutions, pooling and normalisation as functions of a namespace: TensorFlow's, or Graphflow's.

Every function returns arrays by name. ``python tests/data/conv_scenarios.py`` under
tensorflow==1.15.5 (Python 3.7) writes what TensorFlow gives to ``tf115_conv.npz`` and ``.json``.
"""

import os

import numpy as np


def run(tf, tensors):
    """Evaluate a dict of tensors."""
    with tf.Session() as session:
        return session.run(tensors)


def data(seed, *shape):
    """Numbers with few digits, so that sums of them are nearly exact and ties do occur."""
    return np.round(np.random.RandomState(seed).randn(*shape), 1)


def with_gradients(tf, found, name, y, xs, second=True):
    """Add a value, its gradients, and the gradients of a nonlinear function of those."""
    shape = y.shape.as_list()
    weights = tf.constant(np.cos(np.arange(np.prod(shape))).reshape(shape), y.dtype)
    first = tf.gradients(y * weights, xs)
    found[name] = y
    for k, gradient in enumerate(first):
        found["%s/d%d" % (name, k)] = gradient
    if second:
        for k, gradient in enumerate(tf.gradients([tf.square(g) for g in first], xs)):
            if gradient is not None:
                found["%s/dd%d" % (name, k)] = gradient


PLANE_CASES = [
    ((2, 7, 8, 3), (3, 2, 3, 5), [1, 2, 2, 1], "SAME", 1),
    ((1, 6, 5, 2), (3, 3, 2, 4), [1, 1, 1, 1], "VALID", 1),
    ((2, 9, 9, 2), (2, 2, 2, 3), [1, 3, 3, 1], "VALID", 1),
    ((1, 8, 9, 2), (3, 3, 2, 3), [1, 1, 1, 1], "SAME", 2),
    ((2, 5, 5, 1), (1, 1, 1, 4), [1, 1, 1, 1], "SAME", 1),
    ((2, 5, 5, 3), (1, 1, 3, 4), [1, 2, 2, 1], "SAME", 1),
    ((2, 6, 7, 2), (3, 2, 2, 3), [1, 2, 1, 1], [[0, 0], [2, 1], [0, 2], [0, 0]], 1),
]


def planes(tf):
    """Two-dimensional convolutions."""
    found = {}
    for k, (x, kernel, strides, padding, dilation) in enumerate(PLANE_CASES):
        x, kernel = tf.constant(data(k, *x)), tf.constant(data(100 + k, *kernel))
        dilations = [1, dilation, dilation, 1]
        y = tf.nn.conv2d(x, kernel, strides, padding, dilations=dilations)
        if dilation == 1:
            with_gradients(tf, found, "conv2d_%d" % k, y, [x, kernel])
        else:  # TensorFlow has no gradients of these on a CPU
            found["conv2d_%d" % k] = y
    x, kernel = tf.constant(data(7, 2, 4, 5, 3)), tf.constant(data(8, 3, 3, 2, 3))
    y = tf.nn.conv2d_transpose(x, kernel, [2, 8, 9, 2], [1, 2, 2, 1])
    with_gradients(tf, found, "conv2d_transpose", y, [x, kernel])
    y = tf.nn.atrous_conv2d_transpose(
        tf.constant(data(3, 1, 5, 6, 3)), kernel, [1, 5, 6, 2], 2, "SAME"
    )
    found["atrous_transpose"] = y
    x = tf.constant(data(9, 2, 8, 7, 2))
    kernel = tf.constant(data(10, 3, 3, 2, 4))
    for padding in ("SAME", "VALID"):
        found["atrous_" + padding] = tf.nn.atrous_conv2d(x, kernel, 2, padding)
        y = tf.nn.convolution(x, kernel, padding, dilation_rate=[2, 1])
        with_gradients(tf, found, "convolution_" + padding, y, [x, kernel], second=False)
    return run(tf, found)


def lines_and_volumes(tf):
    """One- and three-dimensional convolutions."""
    found = {}
    x, kernel = tf.constant(data(0, 2, 9, 3)), tf.constant(data(1, 4, 3, 2))
    for padding in ("SAME", "VALID"):
        y = tf.nn.conv1d(x, kernel, 2, padding)
        with_gradients(tf, found, "conv1d_" + padding, y, [x, kernel])
    y = tf.nn.conv1d_transpose(tf.constant(data(2, 2, 4, 2)), kernel, [2, 8, 3], 2)
    found["conv1d_transpose"] = y
    x, kernel = tf.constant(data(3, 2, 5, 4, 6, 2)), tf.constant(data(4, 2, 3, 2, 2, 3))
    for padding in ("SAME", "VALID"):
        y = tf.nn.conv3d(x, kernel, [1, 2, 1, 2, 1], padding)
        with_gradients(tf, found, "conv3d_" + padding, y, [x, kernel])
    x, kernel = tf.constant(data(5, 1, 3, 2, 2, 3)), tf.constant(data(6, 2, 2, 2, 2, 3))
    y = tf.nn.conv3d_transpose(x, kernel, [1, 6, 4, 4, 2], [1, 2, 2, 2, 1])
    with_gradients(tf, found, "conv3d_transpose", y, [x, kernel])
    return run(tf, found)


def depthwise(tf):
    """Depthwise and separable convolutions."""
    found = {}
    x, kernel = tf.constant(data(0, 2, 6, 7, 3)), tf.constant(data(1, 3, 2, 3, 2))
    point = tf.constant(data(2, 1, 1, 6, 4))
    for stride, padding, rate in ((1, "SAME", None), (2, "VALID", None), (1, "VALID", [2, 2])):
        strides = [1, stride, stride, 1]
        name = "%d_%s_%s" % (stride, padding, bool(rate))
        y = tf.nn.depthwise_conv2d(x, kernel, strides, padding, rate=rate)
        with_gradients(tf, found, "depthwise_" + name, y, [x, kernel], second=rate is None)
        y = tf.nn.separable_conv2d(x, kernel, point, strides, padding, rate=rate)
        with_gradients(tf, found, "separable_" + name, y, [x, kernel, point], second=False)
    return run(tf, found)


POOL_CASES = [
    ((2, 7, 8, 3), 2, 2, "VALID"),
    ((2, 7, 8, 3), 2, 2, "SAME"),
    ((2, 6, 8, 3), 2, 2, "SAME"),
    ((1, 7, 6, 2), 3, 2, "SAME"),
    ((1, 5, 6, 2), 3, 1, "SAME"),
    ((1, 8, 8, 2), 2, 3, "VALID"),
    ((1, 12, 11, 1), 6, 2, "SAME"),
    ((2, 6, 7, 2), (6, 7), 1, "VALID"),
]


def pools(tf):
    """Pooling of images; the data have ties."""
    found = {}
    for k, (shape, size, stride, padding) in enumerate(POOL_CASES):
        x = tf.constant(np.round(data(k, *shape)))
        size = [1, size, size, 1] if isinstance(size, int) else [1, size[0], size[1], 1]
        strides = [1, stride, stride, 1]
        y = tf.nn.max_pool(tf.sin(x), size, strides, padding)
        with_gradients(tf, found, "max_%d" % k, y, [x])
        y = tf.nn.avg_pool(tf.sin(x), size, strides, padding)
        with_gradients(tf, found, "avg_%d" % k, y, [x])
        for batch in (False, True):
            y, places = tf.nn.max_pool_with_argmax(
                x, size, strides, padding, include_batch_in_index=batch
            )
            found["argmax_%d_%s" % (k, batch)] = places
            found["argmax_value_%d_%s" % (k, batch)] = y
        found["argmax_gradient_%d" % k] = tf.gradients(tf.sin(y), x)[0]
    x = tf.constant(data(8, 2, 4, 4, 6))
    found["max_of_channels"] = tf.nn.max_pool(x, [1, 1, 1, 2], [1, 1, 1, 2], "VALID")
    return run(tf, found)


def other_pools(tf):
    """Pooling of sequences and volumes, by `pool`, and of whole numbers."""
    found = {}
    x = tf.constant(np.round(data(0, 2, 7, 3)))
    found["max1d"] = tf.nn.max_pool1d(x, 3, 2, "SAME")
    found["avg1d"] = tf.nn.avg_pool1d(x, 3, 2, "VALID")
    x = tf.constant(np.round(data(1, 2, 4, 5, 6, 2)).astype(np.float32))
    for padding in ("SAME", "VALID"):
        y = tf.nn.max_pool3d(tf.sin(x), 2, 2, padding)
        with_gradients(tf, found, "max3d_" + padding, y, [x])
        y = tf.nn.avg_pool3d(tf.sin(x), [1, 2, 3, 2, 1], [1, 1, 2, 2, 1], padding)
        with_gradients(tf, found, "avg3d_" + padding, y, [x])
    x = tf.constant(data(2, 2, 7, 8, 2))
    found["pool_max"] = tf.nn.pool(x, [2, 3], "MAX", "SAME", strides=[2, 1])
    found["pool_avg"] = tf.nn.pool(x, [2, 3], "AVG", "VALID", dilation_rate=[2, 1])
    found["integers"] = tf.nn.max_pool(
        tf.constant(np.arange(-30, 30, dtype=np.int32).reshape(1, 6, 5, 2)), 2, 2, "SAME"
    )
    return run(tf, found)


def normalisation(tf):
    """Batch normalisation and its kin."""
    found = {}
    x = tf.constant(data(0, 3, 4, 5, 6).astype(np.float32))
    scale, offset = (tf.constant(data(k, 6).astype(np.float32)) for k in (1, 2))
    mean, variance = (
        tf.constant(data(3, 6).astype(np.float32)),
        tf.constant(np.abs(data(4, 6)).astype(np.float32) + 0.5),
    )
    y, batch_mean, batch_variance = tf.nn.fused_batch_norm(x, scale, offset)
    found["batch_mean"], found["batch_variance"] = batch_mean, batch_variance
    with_gradients(tf, found, "fused", y, [x, scale, offset])
    y, _, _ = tf.nn.fused_batch_norm(x, scale, offset, mean, variance, is_training=False)
    with_gradients(tf, found, "fused_inference", y, [x, scale, offset])
    y = tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3)
    with_gradients(tf, found, "batch_normalization", y, [x, mean, variance, offset, scale])
    y = tf.nn.batch_norm_with_global_normalization(x, mean, variance, offset, scale, 1e-3, True)
    found["global"] = y
    for k, radius in enumerate((1, 2, 5)):
        y = tf.nn.lrn(x, depth_radius=radius, bias=0.75, alpha=0.3, beta=0.6)
        with_gradients(tf, found, "lrn_%d" % k, y, [x], second=False)
    count, total, squares, _ = tf.nn.sufficient_statistics(x, [0, 2])
    found["count"], found["total"], found["squares"] = count, total, squares
    shift = tf.constant(data(5, 4, 6).astype(np.float32))
    count, total, squares, shift = tf.nn.sufficient_statistics(x, [0, 2], shift=shift[:, None, :])
    found["shifted_total"] = total
    found["normalized_mean"], found["normalized_variance"] = tf.nn.normalize_moments(
        count, total, squares, shift[:, 0, :]
    )
    return run(tf, found)


def morphology(tf):
    """Dilation, erosion, patches, and fractional pooling."""
    found = {}
    x, kernel = tf.constant(data(0, 2, 7, 8, 3)), tf.constant(data(1, 3, 2, 3))
    for stride, rate, padding in ((1, 1, "SAME"), (2, 1, "VALID"), (1, 2, "SAME")):
        name = "%d_%d_%s" % (stride, rate, padding)
        strides, rates = [1, stride, stride, 1], [1, rate, rate, 1]
        y = tf.nn.dilation2d(x, kernel, strides, rates, padding)
        with_gradients(tf, found, "dilation_" + name, y, [x, kernel], second=False)
        found["erosion_" + name] = tf.nn.erosion2d(x, kernel, strides, rates, padding)
        y = tf.image.extract_image_patches(x, [1, 3, 2, 1], strides, rates, padding)
        with_gradients(tf, found, "patches_" + name, y, [x])
    x = tf.constant(data(2, 2, 9, 10, 2))
    for overlapping in (False, True):
        for name in ("fractional_max_pool", "fractional_avg_pool"):
            y, rows, columns = getattr(tf.nn, name)(
                x, [1.0, 1.5, 1.7, 1.0], True, overlapping, deterministic=True, seed=3, seed2=7
            )
            key = "%s_%s" % (name, overlapping)
            found[key], found[key + "_rows"], found[key + "_columns"] = y, rows, columns
            found[key + "_gradient"] = tf.gradients(tf.sin(y), x)[0]
    return run(tf, found)


SCENARIOS = {
    f.__name__: f
    for f in (
        planes, lines_and_volumes, depthwise, pools, other_pools, normalisation, morphology,
    )
}  # fmt: skip


# Each is evaluated in a graph of its own, with `P(*shape)` for a placeholder.
CALLS = """
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), [1, 1, 1, 1], "SAME")
tf.nn.conv2d(P(None, None, 5, 3), P(3, 3, 3, 2), 2, "VALID")
tf.nn.conv2d(P(), P(3, 3, 3, 2), 2, [[0, 0], [1, 2], [0, 3], [0, 0]])
tf.nn.conv2d(P(2, 3, 9, 8), P(3, 3, 3, 2), 2, "SAME", data_format="NCHW")
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 4, 2), [1, 1, 1, 1], "SAME")
tf.nn.conv2d(P(1, 5, 5, 3), P(6, 3, 3, 2), [1, 1, 1, 1], "VALID")
tf.nn.conv2d(P(1, 5, 5, 3), P(6, 3, 3, 2), [1, 1, 1, 1], "FOO")
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), [1, 1, 1], "SAME")
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), 0, "SAME")
tf.nn.conv2d(P(1, 5, 3), P(3, 3, 3, 2), 1, "SAME")
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), 1, "SAME", data_format="NHCW")
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), 1, "EXPLICIT")
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), 1, [1, 2, 3, 4])
tf.nn.conv2d(P(1, 5, 5, 3), P(3, 3, 3, 2), 1, [[1, 2]])
tf.nn.conv2d(tf.placeholder(tf.int32, [1, 5, 5, 3]), P(3, 3, 3, 2), 1, "SAME")
tf.nn.conv1d(P(1, 5, 4), P(3, 4, 2), 2, "VALID", data_format="NWC")
tf.nn.conv1d(P(1, 5, 4), P(3, 4, 2), 2, "VALID", data_format="CNW")
tf.nn.conv3d(P(1, 5, 5, None, 4), P(3, 3, 3, 4, 2), [1, 1, 2, 1, 1], "VALID")
tf.nn.conv3d(P(1, 5, 5, 5, 4), P(3, 3, 3, 3, 2), [1, 1, 1, 1, 1], "VALID")
tf.nn.conv2d_transpose(P(1, 5, 5, 4), P(3, 3, 2, 4), [1, 10, 10, 2], [1, 2, 2, 1])
tf.nn.conv2d_transpose(P(None, 5, 5, 4), P(3, 3, 2, 4), tf.placeholder(tf.int32, [4]), 2)
tf.nn.conv3d_transpose(P(1, 3, 2, 2, 3), P(2, 2, 2, 2, 3), [1, 6, 4, 4, 2], 2)
tf.nn.depthwise_conv2d(P(None, 5, 5, 4), P(3, 3, 4, 2), [1, 1, 1, 1], "SAME")
tf.nn.depthwise_conv2d(P(None, 5, 5, 4), P(3, 3, 5, 2), [1, 1, 1, 1], "SAME")
tf.nn.separable_conv2d(P(None, 5, 5, 4), P(3, 3, 4, 2), P(1, 1, 8, 3), [1, 1, 1, 1], "SAME")
tf.nn.convolution(P(None, 5, 5, 4), P(3, 3, 4, 2), "SAME")
tf.nn.convolution(P(None, 5, 5, 4), P(3, 3, 4, 2), "SAME", strides=[2, 2], dilation_rate=[2, 2])
tf.nn.max_pool(P(1, 5, 5, 3), 2, 2, "SAME")
tf.nn.max_pool(P(None, 5, None, 3), [1, 3, 3, 1], [1, 2, 2, 1], "VALID")
tf.nn.max_pool(P(1, 5, 5, 3), [1, 9, 9, 1], 2, "VALID")
tf.nn.max_pool(P(1, 5, 5), [1, 9, 9, 1], 2, "VALID")
tf.nn.max_pool(P(1, 5, 5, 3), [1, 3, 3, 1], [1, 2, 2, 1], "FULL")
tf.nn.max_pool(P(1, 5, 5, 4), [1, 1, 1, 2], [1, 1, 1, 2], "VALID")
tf.nn.max_pool(P(1, 5, 5, 4), 0, 2, "VALID")
tf.nn.max_pool(P(1, 5, 5, 4), [1, 2, 2], 2, "VALID")
tf.nn.max_pool1d(P(None, 5, 4), 2, 2, "SAME")
tf.nn.max_pool3d(P(None, 5, 5, 5, 4), 2, 2, "SAME")
tf.nn.max_pool2d(P(None, 5, 5, 4), 2, 2, "SAME")
tf.nn.avg_pool(P(1, 5, 5, 4), [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
tf.nn.avg_pool2d(P(1, 5, 5, 4), 2, 2, "SAME")
tf.nn.avg_pool1d(P(1, 5, 4), 2, 2, "SAME")
tf.nn.avg_pool3d(P(1, 5, 5, 5, 4), 2, 2, "SAME")
tf.nn.max_pool_with_argmax(P(None, 5, 5, 4), [1, 3, 3, 1], [1, 1, 1, 1], "SAME").argmax
tf.nn.pool(P(None, 5, 5, 4), [2, 2], "MAX", "SAME", dilation_rate=[2, 2])
tf.nn.pool(P(None, 5, 5, 4), [2, 2], "AVG", "SAME")
tf.nn.pool(P(None, 5, 5, 4), [2, 2], "AVG", "SAME", strides=[3, 3])
tf.nn.pool(P(None, 5, 5, 4), [2, 2], "SUM", "SAME")
tf.nn.fractional_max_pool(P(None, 5, 8, 4), [1.0, 1.5, 1.3, 1.0])[0]
tf.nn.dilation2d(P(None, 5, 5, 4), P(3, 3, 4), [1, 1, 1, 1], [1, 2, 2, 1], "SAME")
tf.nn.erosion2d(P(None, 5, 5, 4), P(3, 3, 4), [1, 1, 1, 1], [1, 2, 2, 1], "SAME")
tf.image.extract_image_patches(P(None, 5, 5, 4), [1, 3, 3, 1], [1, 1, 1, 1], [1, 2, 2, 1], "SAME")
tf.nn.fused_batch_norm(P(None, 5, 5, 4), P(4), P(4))[0]
tf.nn.fused_batch_norm(P(None, 5, 5, 4), P(4), P(4))[1]
tf.nn.fused_batch_norm(P(None, 5, 5, 4), P(5), P(4))[1]
tf.nn.fused_batch_norm(P(None, 5, 5, 4), P(4), P(4), P(4), P(4))[1]
tf.nn.batch_normalization(P(None, 5, 5, 4), P(4), P(4), P(4), P(4), 1e-3)
tf.nn.lrn(P(2, 5, 5, 4))
""".strip().splitlines()


def answers(tf):
    """What each call gives: name, type, shape and inputs, or an error's class and text."""
    found = []
    for call in CALLS:
        with tf.Graph().as_default():

            def placeholder(*shape):
                return tf.placeholder(tf.float32, shape if shape else None)

            try:
                made = eval(call, {"tf": tf, "P": placeholder})
            except (ValueError, TypeError) as error:
                found.append([type(error).__name__, str(error)])
                continue
            shape = None if made.shape.ndims is None else made.shape.as_list()
            inputs = [tensor.name for tensor in made.op.inputs]
            found.append([made.op.name, made.op.type, shape, inputs])
    return found


def main():
    """Record and write the files."""
    import json

    import tensorflow as tf

    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "tf115_conv.json"), "w") as file:
        lines = [json.dumps(answer) for answer in answers(tf)]
        file.write("[\n" + ",\n".join(lines) + "\n]\n")

    found = {}
    for name, scenario in SCENARIOS.items():
        with tf.Graph().as_default():
            for key, value in scenario(tf).items():
                found["%s/%s" % (name, key)] = value
    np.savez_compressed(os.path.join(here, "tf115_conv.npz"), **found)


if __name__ == "__main__":
    main()
