"""Convolutions through a session: layouts, types, gradients and odd sizes."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf
from graphflow import errors
from graphflow.graph.graph import Graph


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def reference(x, kernel, strides, padding, dilation):
    """The convolution by its definition: a loop over windows."""
    sizes = [(k - 1) * d + 1 for k, d in zip(kernel.shape[:2], dilation, strict=True)]
    if padding == "SAME":
        out = [-(-n // s) for n, s in zip(x.shape[1:3], strides, strict=True)]
        total = [
            max((o - 1) * s + k - n, 0)
            for o, s, k, n in zip(out, strides, sizes, x.shape[1:3], strict=True)
        ]
        padding = [(t // 2, t - t // 2) for t in total]
    elif padding == "VALID":
        padding = [(0, 0), (0, 0)]
    x = np.pad(x, [(0, 0), *padding, (0, 0)])
    out = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], sizes, strides, strict=True)]
    y = np.zeros((x.shape[0], *out, kernel.shape[3]))
    for i in range(out[0]):
        for j in range(out[1]):
            top, left = i * strides[0], j * strides[1]
            window = x[:, top : top + sizes[0] : dilation[0], left : left + sizes[1] : dilation[1]]
            y[:, i, j] = np.einsum("nabc,abck->nk", window, kernel)
    return y


CASES = [
    ((2, 9, 8, 3), (3, 3, 3, 5), (2, 1), "SAME", (1, 1)),
    ((1, 6, 7, 17), (2, 4, 17, 3), (1, 1), "VALID", (1, 1)),
    ((3, 8, 8, 1), (5, 5, 1, 9), (1, 1), "SAME", (1, 1)),
    ((2, 10, 9, 2), (3, 2, 2, 4), (1, 1), "SAME", (2, 3)),
    ((1, 10, 9, 2), (2, 2, 2, 4), (3, 4), "VALID", (1, 1)),
    ((2, 5, 6, 3), (3, 3, 3, 8), (2, 2), [(2, 0), (1, 3)], (1, 1)),
    ((2, 9, 9, 3), (3, 3, 3, 2), (2, 2), "VALID", (2, 2)),
    ((0, 5, 6, 3), (3, 3, 3, 8), (1, 1), "SAME", (1, 1)),
]


@pytest.mark.parametrize("case", CASES)
def test_both_layouts_agree_with_the_definition(case):
    x, kernel, strides, padding, dilation = case
    x, kernel = normal(0, *x), normal(1, *kernel)
    results = []
    for layout in ("NHWC", "NCHW"):
        pads = padding
        if not isinstance(padding, str):
            pads = [[0, 0], *map(list, padding), [0, 0]]
            pads = pads if layout == "NHWC" else [[0, 0], [0, 0], *map(list, padding)]
        data = x if layout == "NHWC" else x.transpose(0, 3, 1, 2)
        y = tf.nn.conv2d(data, kernel, list(strides), pads, data_format=layout,
                         dilations=list(dilation))  # fmt: skip
        results.append(y if layout == "NHWC" else tf.transpose(y, [0, 2, 3, 1]))
    with tf.Session() as session:
        for found in session.run(results):
            np.testing.assert_allclose(
                found, reference(x, kernel, strides, padding, dilation), rtol=1e-10, atol=1e-10
            )


@pytest.mark.parametrize(
    ("layout", "strides", "padding", "dilation"),
    [("NHWC", [1, 1], "SAME", [1, 1]), ("NCHW", [2, 3], "SAME", [1, 1]),
     ("NHWC", [2, 2], "VALID", [3, 1]), ("NHWC", [4, 4], "VALID", [1, 1])],
)  # fmt: skip
def test_gradients(layout, strides, padding, dilation):
    def build(x, kernel):
        x = x if layout == "NHWC" else tf.transpose(x, [0, 3, 1, 2])
        y = tf.nn.conv2d(x, kernel, strides, padding, data_format=layout, dilations=dilation)
        return tf.square(y)

    check_gradient(build, normal(2, 2, 7, 8, 2), normal(3, 3, 2, 2, 3))


def test_gradients_of_volumes_and_lines():
    check_gradient(
        lambda x, k: tf.square(tf.nn.conv3d(x, k, [1, 2, 1, 2, 1], "SAME")),
        normal(0, 1, 4, 3, 5, 2), normal(1, 2, 3, 2, 2, 2), order=1,
    )  # fmt: skip
    check_gradient(
        lambda x, k: tf.square(tf.nn.conv1d(x, k, 2, "SAME")),
        normal(0, 2, 7, 2),
        normal(1, 3, 2, 2),
    )
    check_gradient(
        lambda x, k: tf.square(tf.nn.conv2d_transpose(x, k, [1, 7, 6, 2], 2)),
        normal(0, 1, 4, 3, 3), normal(1, 3, 3, 2, 3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "strides", "padding", "dilation"),
    [("NHWC", [2, 2], "VALID", [1, 1]), ("NCHW", [1, 1], "SAME", [2, 2])],
)
def test_depthwise_gradients(layout, strides, padding, dilation):
    def build(x, kernel):
        x = x if layout == "NHWC" else tf.transpose(x, [0, 3, 1, 2])
        around = [1, 1, *strides] if layout == "NCHW" else [1, *strides, 1]
        return tf.square(tf.nn.depthwise_conv2d(
            x, kernel, around, padding, rate=dilation, data_format=layout
        ))  # fmt: skip

    check_gradient(build, normal(2, 2, 6, 7, 3), normal(3, 3, 2, 3, 2))


def test_depthwise_is_a_convolution_per_channel():
    x, kernel = normal(0, 2, 9, 7, 3), normal(1, 4, 3, 3, 2)
    y = tf.nn.depthwise_conv2d(x, kernel, [1, 2, 2, 1], "SAME")
    with tf.Session() as session:
        found = session.run(y)
    for c in range(3):
        one = reference(x[..., c : c + 1], kernel[:, :, c : c + 1], (2, 2), "SAME", (1, 1))
        np.testing.assert_allclose(found[..., 2 * c : 2 * c + 2], one, rtol=1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float16, 2e-3), (tf.bfloat16, 2e-2)])
def test_narrow_types_are_summed_in_float32(dtype, tolerance):
    x, kernel = normal(0, 2, 6, 6, 8), normal(1, 3, 3, 8, 4)
    narrow = [tf.cast(tf.constant(v), dtype) for v in (x, kernel)]
    y = tf.nn.conv2d(*narrow, 1, "SAME")
    gradients = tf.gradients(y, narrow)
    exact = tf.nn.conv2d(*[tf.cast(t, tf.float64) for t in narrow], 1, "SAME")
    assert all(t.dtype == dtype for t in [y, *gradients])
    with tf.Session() as session:
        found, wanted = session.run([tf.cast(y, tf.float64), exact])
        session.run(gradients)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def test_groups():
    x, kernel = normal(0, 2, 6, 6, 4), normal(1, 3, 3, 2, 6)
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    with tf.Session() as session:
        found = session.run(y)
    for g in range(2):
        one = reference(
            x[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3], (1, 1), "SAME", (1, 1)
        )
        np.testing.assert_allclose(found[..., 3 * g : 3 * g + 3], one, rtol=1e-10)
    check_gradient(
        lambda a, k: tf.square(tf.nn.conv2d(a, k, 2, "SAME")), normal(0, 1, 5, 5, 4),
        normal(1, 3, 3, 2, 4),
    )  # fmt: skip


def test_sizes_that_are_known_in_the_run_only():
    x = tf.placeholder(tf.float32, [None, None, None, 3])
    kernel = normal(0, 3, 3, 3, 4).astype(np.float32)
    y = tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "SAME"))
    gradient = tf.gradients(y, x)[0]
    with tf.Session() as session:
        for shape in ((2, 7, 9, 3), (1, 4, 4, 3), (5, 7, 9, 3)):
            values = normal(1, *shape).astype(np.float32)
            found, slope = session.run([y, gradient], {x: values})
            wanted = np.maximum(reference(values, kernel, (2, 2), "SAME", (1, 1)), 0)
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
            assert slope.shape == shape


def test_a_gradient_of_the_wrong_shape_fails():
    sizes = tf.placeholder(tf.int32, [4])
    y = tf.nn.conv2d_transpose(np.ones((1, 3, 3, 2)), np.ones((3, 3, 1, 2)), sizes, 2)
    with tf.Session() as session:
        assert session.run(y, {sizes: [1, 5, 6, 1]}).shape == (1, 5, 6, 1)
        message = "Size of out_backprop doesn't match computed: actual = 3, computed = 4"
        with pytest.raises(errors.InvalidArgumentError, match=message):
            session.run(y, {sizes: [1, 7, 6, 1]})


def test_a_training_step_of_a_small_network():
    """Convolution, bias, pooling and updates in place go together and lower the loss."""
    random = np.random.default_rng(0)
    images = random.standard_normal((32, 12, 12, 1)).astype(np.float32)
    labels = (images[:, :6].mean((1, 2, 3)) > images[:, 6:].mean((1, 2, 3))).astype(np.int32)
    x, kernels = tf.constant(images), []
    for k, (channels, filters) in enumerate(((1, 8), (8, 16))):
        kernel = tf.Variable(
            0.3 * random.standard_normal((3, 3, channels, filters)), dtype="float32"
        )
        bias = tf.Variable(np.zeros(filters, np.float32))
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME", name=f"c{k}"), bias))
        x = tf.nn.max_pool(x, 2, 2, "SAME")
        kernels += [kernel, bias]
    weights = tf.Variable(0.1 * random.standard_normal((144, 2)).astype(np.float32))
    logits = tf.matmul(tf.reshape(x, [-1, 144]), weights)
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first = session.run(loss)
        for _ in range(40):
            session.run(step)
        assert session.run(loss) < 0.3 * first


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_space_to_batch_gives_what_dilation_gives(static, padding):
    pytest.importorskip("graphflow.ops.space_batch")
    values, kernel = normal(0, 2, 9, 8, 3), normal(1, 3, 2, 3, 4)
    x = tf.placeholder(tf.float64, values.shape if static else [None, None, None, 3])
    y = tf.nn.with_space_to_batch(
        x, [2, 3], padding, lambda x, _, padding: tf.nn.conv2d(x, kernel, 1, padding),
        filter_shape=kernel.shape[:2],
    )  # fmt: skip
    wanted = tf.nn.conv2d(x, kernel, 1, padding, dilations=[2, 3])
    with tf.Session() as session:
        found, wanted = session.run([y, wanted], {x: values})
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
