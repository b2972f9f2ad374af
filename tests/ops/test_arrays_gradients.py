"""Gradients of the array ops, first and second, against differences; sparse ones of gathers."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((3, 4))
Y = RANDOM.standard_normal((3, 4))
CUBE = RANDOM.standard_normal((2, 3, 4))
INDICES = np.array([[2, 0, 2], [1, 1, 0]], np.int32)

# Each is made nonlinear, so that the second derivative shows too.
CASES = {
    "reshape": (lambda x: tf.reshape(x, [2, 6]) ** 2, X),
    "transpose": (lambda x: tf.transpose(x) ** 3, X),
    "transpose_perm": (lambda x: tf.transpose(x, [2, 0, 1]) ** 2, CUBE),
    "matrix_transpose": (lambda x: tf.matrix_transpose(x) ** 2, CUBE),
    "expand_dims": (lambda x: tf.expand_dims(x, 1) ** 2, X),
    "squeeze": (lambda x: tf.squeeze(x[:, :1]) ** 2, X),
    "broadcast_to": (lambda x: tf.broadcast_to(x[:, :1], [2, 3, 5]) ** 2, X),
    "concat": (lambda x, y: tf.concat([x, y, x], 1) ** 2, X, Y),
    "concat_first": (lambda x, y: tf.concat([x, y**2], -2) ** 2, X, Y),
    "stack": (lambda x, y: tf.stack([x, y], axis=1) ** 2, X, Y),
    "unstack": (lambda x: [a * b for a, b in zip(*[tf.unstack(x, axis=1)] * 2, strict=True)], X),
    "unstack_part": (lambda x: tf.unstack(x)[1] ** 2, X),
    "split": (lambda x: [part**3 for part in tf.split(x, 2, 1)][:1], X),
    "split_sizes": (lambda x: [part**2 for part in tf.split(x, [1, -1, 2], 1)], X),
    "strided_slice": (lambda x: x[1:, ::2] ** 2, X),
    "strided_slice_back": (lambda x: x[::-2, 3:0:-2] ** 2, X),
    "strided_slice_index": (lambda x: x[..., -1, None] ** 2, CUBE),
    "strided_slice_empty": (lambda x: x[2:1] ** 2 + tf.reduce_sum(x) ** 2, X),
    "index_of_run": (lambda x: x[tf.cast(tf.reduce_sum(x * 0), tf.int32) + 1] ** 2, X),
    "slice": (lambda x: tf.slice(x, [1, 0], [2, -1]) ** 2, X),
    "slice_of_run": (
        lambda x: (
            tf.slice(x, tf.stack([0, tf.cast(tf.reduce_sum(x * 0), tf.int32) + 1]), [3, 2]) ** 2
        ),
        X,
    ),
    "pad": (lambda x: tf.pad(x, [[1, 0], [2, 3]]) ** 2, X),
    "pad_value": (lambda x: tf.pad(x, [[1, 0], [2, 3]], constant_values=2.0) ** 2, X),
    "reflect": (lambda x: tf.pad(x, [[2, 1], [3, 0]], "REFLECT") ** 2, X),
    "symmetric": (lambda x: tf.pad(x, [[3, 1], [0, 4]], "SYMMETRIC") ** 2, X),
    "tile": (lambda x: tf.tile(x, [2, 3]) ** 2, X),
    "tile_scalar": (lambda x: tf.tile(x[0, 0], []) ** 2, X),
    "reverse": (lambda x: tf.reverse(x, [0, -1]) ** 2 * x, X),
    "reverse_sequence": (lambda x: tf.reverse_sequence(x, [4, 0, 2], 1, 0) ** 2 * x, X),
    "gather": (lambda x: tf.gather(x, INDICES) ** 2, X),
    "gather_scalar": (lambda x: tf.gather(x, 1) ** 2, X),
    "gather_axis": (lambda x: tf.gather(x, INDICES, axis=1) ** 2, CUBE),
    "gather_last": (lambda x: tf.gather(x, [3, 3, 0], axis=-1) ** 2, CUBE),
    "gather_batch": (lambda x: tf.gather(x, INDICES, batch_dims=1) ** 2, CUBE),
    "gather_batch_last": (lambda x: tf.gather(x, INDICES, axis=2, batch_dims=1) ** 2, CUBE),
    "gather_nd": (lambda x: tf.gather_nd(x, [[0, 1], [1, 2], [0, 1]]) ** 2, CUBE),
    "gather_nd_rows": (lambda x: tf.gather_nd(x, [[2], [0], [2]]) ** 2, X),
    "gather_nd_batch": (
        lambda x: tf.gather_nd(x, [[[2], [2]], [[0], [1]]], batch_dims=1) ** 2,
        CUBE,
    ),
    "scatter_nd": (lambda x: tf.scatter_nd([[1], [0], [1]], x, [3, 4]) ** 2, X),
    "segment_sum": (lambda x: tf.unsorted_segment_sum(x, [1, -1, 1], 3) ** 2, X),
    "mask": (lambda x: tf.boolean_mask(x, [True, False, True]) ** 2, X),
    "fill": (lambda x: tf.fill([2, 3], x[0, 0]) ** 2, X),
    "matmul": (lambda x, y: tf.matmul(x, y, transpose_b=True) ** 2, X, Y),
    "matmul_a": (lambda x, y: tf.matmul(x, y, transpose_a=True), X, Y),
    "matmul_ab": (lambda x, y: tf.matmul(x, y, transpose_a=True, transpose_b=True), X, Y.T),
    "matmul_plain": (lambda x, y: tf.matmul(x, tf.transpose(y)) ** 2, X, Y),
    "batch": (lambda x, y: tf.matmul(x, y, transpose_b=True) ** 2, CUBE, CUBE[::-1]),
    "batch_a": (lambda x, y: tf.matmul(x, y, adjoint_a=True), CUBE, CUBE[::-1]),
    "batch_ab": (
        lambda x, y: tf.matmul(x, tf.matrix_transpose(y), adjoint_a=True, adjoint_b=True),
        CUBE,
        CUBE[::-1],
    ),
    "batch_broadcast": (lambda x, y: tf.matmul(x, y, transpose_b=True) ** 2, CUBE, Y),
    "batch_broadcast_first": (lambda x, y: tf.matmul(x, y, transpose_b=True), Y, CUBE),
    "batch_unit": (lambda x, y: tf.matmul(x, y, transpose_b=True), CUBE[:1], CUBE),
    "matvec": (lambda x, y: tf.linalg.matvec(x, y[0]) ** 2, X, Y),
    "tensordot": (lambda x, y: tf.tensordot(x, y, [[1, 2], [0, 1]]) ** 2, CUBE, Y),
    "einsum": (lambda x, y: tf.einsum("bij,kj->bik", x, y) ** 2, CUBE, Y),
    "einsum_outer": (lambda x, y: tf.einsum("ij,k->kij", x, y[0]) ** 2, X, Y),
    "meshgrid": (lambda x, y: [a * b for a, b in [tf.meshgrid(x[0], y[:, 0])]], X, Y),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_gradients(name):
    build, *arrays = CASES[name]
    check_gradient(build, *arrays)


@pytest.mark.parametrize(
    "name",
    ["concat", "strided_slice", "slice", "pad", "tile", "gather", "batch", "batch_broadcast",
     "broadcast_to", "transpose", "split_sizes", "reverse", "gather_nd", "reflect"],
)  # fmt: skip
def test_gradients_of_unknown_shapes(name):
    build, *arrays = CASES[name]
    check_gradient(build, *arrays, static=False, order=1)


def test_the_gradient_of_a_lookup_has_only_the_rows_looked_up():
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.Variable(np.arange(12.0, dtype=np.float32).reshape(4, 3))
        ids = tf.placeholder(tf.int32, [None])
        (found,) = tf.gradients(tf.gather(table, ids) * 2, table)
        assert isinstance(found, tf.IndexedSlices)
        dense = tf.convert_to_tensor(found)
        session.run(table.initializer)
        feed = {ids: [3, 1, 3]}
        got = session.run(found, feed)
        assert got.values.tolist() == [[2.0] * 3] * 3
        assert got.indices.tolist() == [3, 1, 3]
        assert got.dense_shape.tolist() == [4, 3]
        assert session.run(dense, feed).tolist() == [[0] * 3, [2] * 3, [0] * 3, [4] * 3]


def test_sparse_gradients_are_joined_and_mixed_with_dense_ones():
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.Variable(np.ones((4, 2), np.float32))
        a, b = tf.gather(table, [0, 1]), tf.gather(table, [1])
        (joined,) = tf.gradients([a, b], table)
        (mixed,) = tf.gradients([a, table * 3], table)
        assert isinstance(joined, tf.IndexedSlices)
        session.run(table.initializer)
        assert sorted(session.run(joined.indices).tolist()) == [0, 1, 1]
        assert session.run(mixed).tolist() == [[4, 4], [4, 4], [3, 3], [3, 3]]


def test_slices_without_a_shape_have_no_dense_form():
    slices = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([0]))
    with pytest.raises(ValueError, match="IndexedSlices without dense_shape"):
        tf.convert_to_tensor(slices)
    with pytest.raises(ValueError, match="requested dtype int32 for IndexedSlices"):
        tf.convert_to_tensor(slices, tf.int32)
