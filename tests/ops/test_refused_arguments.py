"""Arguments that TensorFlow refuses, or takes though they look odd."""

import numpy as np
import pytest

import graphflow as tf

REFUSED = tf.errors.InvalidArgumentError


def run(*fetches, feed=None):
    with tf.Session() as session:
        return session.run(fetches if len(fetches) > 1 else fetches[0], feed)


def test_an_empty_index_names_the_whole() -> None:
    params = np.arange(6.0).reshape(2, 3)
    found = run(tf.gather_nd(params, np.zeros((4, 0), np.int32)))
    np.testing.assert_array_equal(found, np.broadcast_to(params, (4, 2, 3)))
    with pytest.raises(REFUSED, match="Requested more than 0 entries, but params is empty"):
        run(tf.gather_nd(np.zeros((0, 3), np.float32), [[0, 0]]))


def test_a_scalar_partition_is_checked() -> None:
    with pytest.raises(REFUSED, match=r"partitions = 17 is not in \[0, 7\)"):
        run(tf.dynamic_partition(tf.constant(3.0), tf.constant(17), 7))


def test_ranks_that_come_with_the_run() -> None:
    x, n = tf.placeholder(tf.float32), tf.placeholder(tf.int32)
    for made, value, text in (
        (tf.matrix_diag(x), 0.0, "at least 1-dim"),
        (tf.matrix_diag_part(x), 0.0, "at least 2-dim"),
        (tf.roll(x, 1, 0), 7.0, "1-D or higher"),
    ):
        with pytest.raises(REFUSED, match=text):
            run(made, feed={x: value})
    with pytest.raises(REFUSED, match=r"scalar or a 1-D vector. Found: \[1,2\]"):
        run(tf.roll([1, 2], n, 0), feed={n: [[0, 1]]})
    with pytest.raises(ValueError, match="both shapes must be equal"):
        tf.roll([[1, 2]], [1], [0, 1])


def test_classes_out_of_bounds_are_named() -> None:
    with pytest.raises(REFUSED, match="`labels` contains negative values"):
        tf.confusion_matrix([0, -1], [0, 1], num_classes=3)
    labels = tf.placeholder(tf.int32)
    with pytest.raises(REFUSED, match="`labels` out of bound"):
        run(tf.confusion_matrix(labels, [0, 1], num_classes=3), feed={labels: [0, 3]})


def test_gradients_of_whole_numbers_are_none() -> None:
    x, y = tf.constant(3.0), tf.constant(4)
    by_x, by_y = tf.gradients([y * y, x * 2.0], [x, y])
    assert by_y is None
    assert run(by_x) == 2.0
    assert tf.gradients(tf.cast(x, tf.int32), x) == [None]


def test_matrices_without_rows_are_factored() -> None:
    assert run(tf.linalg.lu(np.zeros((2, 0, 0), np.float32))).p.shape == (2, 0)


def test_blocks_and_margins() -> None:
    x = np.zeros((1, 2, 2, 1), np.float32)
    with pytest.raises(ValueError, match="block_shape must be positive"):
        tf.batch_to_space_nd(x, [0, 1], [[0, 0], [0, 0]])
    with pytest.raises(ValueError, match="paddings cannot be negative"):
        tf.space_to_batch_nd(x, [1, 1], [[0, -1], [0, 0]])


def test_formats_of_numbers() -> None:
    for options, text in (
        ({"scientific": True, "shortest": True}, "Cannot select both scientific and shortest"),
        ({"precision": 2}, "precision not supported"),
    ):
        with pytest.raises(REFUSED, match=text):
            run(tf.as_string(tf.constant([1, 2]), **options))


def test_sparse_tensors_where_zero_stays_zero() -> None:
    x = tf.SparseTensor([[0, 1], [1, 0]], [4.0, -9.0], [2, 2])
    for function in (tf.abs, tf.negative, tf.square, tf.sign, tf.tanh, tf.erf):
        dense = tf.sparse_tensor_to_dense(function(x))
        np.testing.assert_array_equal(*run(dense, function(tf.sparse_tensor_to_dense(x))))


def test_a_conditional_gives_a_sparse_tensor() -> None:
    flag = tf.placeholder(tf.bool)
    x = tf.SparseTensor([[0]], [1.0], [3])
    y = tf.SparseTensor([[1], [2]], [5.0, 6.0], [3])
    chosen = tf.sparse_tensor_to_dense(tf.cond(flag, lambda: x, lambda: y))
    np.testing.assert_array_equal(run(chosen, feed={flag: True}), [1, 0, 0])
    np.testing.assert_array_equal(run(chosen, feed={flag: False}), [0, 5, 6])


def test_a_static_edit_distance_has_a_shape() -> None:
    x = tf.SparseTensor([[0, 0], [1, 0]], ["a", "b"], [2, 1])
    assert tf.edit_distance(x, x).shape == [2]


def test_a_concatenation_along_a_negative_axis_of_unknown_sizes() -> None:
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    both = tf.concat([x, y], -1)
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = run(*tf.gradients(both, [x, y], weights), feed={x: np.ones((2, 1)), y: np.ones((2, 2))})
    np.testing.assert_array_equal(np.concatenate(found, 1), weights)


def test_weights_that_come_with_an_extra_axis() -> None:
    weights, logits = tf.placeholder(tf.float32), 100.0 * np.eye(3, dtype=np.float32)
    loss = tf.losses.sparse_softmax_cross_entropy([[2], [0], [1]], logits, weights)
    assert run(loss, feed={weights: [[1.2], [3.4], [5.6]]}) == pytest.approx(340)


def _sized(make):
    return make, [np.array([2, -2], np.int32)]


def _below_zero(make):
    return make, [np.array(-1, np.int32)]


def _images(make, *sizes):
    return make, [np.zeros(sizes, np.float32)]


BAD_SIZES = {
    "uniform": _sized(tf.random_uniform), "normal": _sized(tf.random_normal),
    "truncated": _sized(tf.truncated_normal), "fill": _sized(lambda s: tf.fill(s, 1.0)),
    "whole": _sized(lambda s: tf.random_uniform(s, 0, 5, tf.int32)),
    "gamma": _sized(lambda s: tf.random_gamma(s, [1.0])),
    "poisson": _sized(lambda s: tf.random_poisson([1.0], s)),
    "reshape": _sized(lambda s: tf.reshape(tf.zeros([4]), s)),
    "broadcast": _sized(lambda s: tf.broadcast_to(tf.zeros([1]), s)),
    "scatter": _sized(lambda s: tf.scatter_nd([[0, 0]], [1.0], s)),
    "dense": _sized(lambda s: tf.sparse_to_dense([[0, 0]], s, [1.0])),
    "top_k": _below_zero(lambda k: tf.nn.top_k(tf.zeros([3]), k)[0]),
    "multinomial": _below_zero(lambda k: tf.multinomial(tf.zeros([1, 2]), k)),
    "one_hot": _below_zero(lambda k: tf.one_hot([1], k)),
    "pad": _below_zero(lambda k: tf.pad(tf.zeros([2]), [[k, 0]])),
    "histogram": _below_zero(lambda k: tf.histogram_fixed_width([1.0], [0.0, 1.0], k)),
    "eye": _below_zero(tf.eye),
    "hsv": _images(tf.image.rgb_to_hsv, 2, 2),
    "cross": _images(lambda x: tf.cross(x, x), 2),
    "no image": _images(lambda x: tf.nn.conv2d(x, tf.ones([2, 2, 3, 1]), [1] * 4, "SAME"), 4, 4, 3),
    "boxes": _images(lambda b: tf.image.non_max_suppression(b, tf.zeros([2]), 3), 2, 3),
    "crops": _images(
        lambda b: tf.image.crop_and_resize(tf.zeros([1, 2, 2, 1]), b, [0], [2, 2]), 1, 3
    ),
}  # fmt: skip
LATE = {"hsv": tf.errors.FailedPreconditionError, "cross": tf.errors.FailedPreconditionError}


@pytest.mark.parametrize("name", BAD_SIZES)
def test_bad_sizes_are_refused_when_made_and_when_run(name):
    """TensorFlow 1.15's classes: ValueError for what is known early."""
    make, arrays = BAD_SIZES[name]
    if name != "eye":
        with tf.Graph().as_default(), pytest.raises(ValueError):  # noqa: PT011  # any text
            make(*(tf.constant(a) for a in arrays))
    with tf.Graph().as_default():
        fed = [tf.placeholder(a.dtype) for a in arrays]
        made = make(*fed)
        with pytest.raises(LATE.get(name, REFUSED)):
            run(made, feed=dict(zip(fed, arrays, strict=True)))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda k: tf.confusion_matrix([0], [0], k), REFUSED),
        (lambda k: tf.image.crop_and_resize(
            tf.zeros([1, 2, 2, 1]), tf.zeros([1, 4]), [0], tf.stack([k, k])), REFUSED),
        (lambda k: tf.nn.conv2d(tf.zeros([1, 3, 3, 1]), tf.ones([2, 2, 1, 1]), [2, 1, 1, 1], "SAME")
         * tf.cast(k, tf.float32), REFUSED),
        (lambda k: tf.matrix_inverse([[tf.cast(k, tf.float32) * np.nan]]), REFUSED),
        (lambda k: tf.map_fn(lambda v: v, tf.placeholder_with_default(tf.zeros([0, 3]), None)),
         tf.errors.UnimplementedError),
    ],
)  # fmt: skip
def test_what_only_a_run_can_refuse(make, error):
    with tf.Graph().as_default():
        k = tf.placeholder(tf.int32, [])
        made = make(k)
        with pytest.raises(error):
            run(made, feed={k: -1})
