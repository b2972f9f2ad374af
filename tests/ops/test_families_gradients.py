"""Gradients of matrices, selections, sparse tensors and special functions, against differences."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((3, 4))
SQUARES = RANDOM.standard_normal((2, 3, 3))
POSITIVE = SQUARES @ SQUARES.transpose(0, 2, 1) + 2 * np.eye(3)
RIGHT = RANDOM.standard_normal((2, 3, 2))
ABOVE = RANDOM.uniform(0.5, 3, (4,))
BELOW = RANDOM.uniform(0.2, 0.8, (4,))


def _sparse(values):
    return tf.SparseTensor([[0, 0], [0, 3], [2, 1]], values, [3, 4])


CASES = {
    "cumsum": (lambda x: tf.cumsum(x, 1, exclusive=True) ** 2, X),
    "cumprod": (lambda x: tf.cumprod(x, 0, reverse=True) ** 2, X),
    "band": (lambda x: tf.matrix_band_part(x, 1, 0) ** 3, X),
    "diag": (lambda x: tf.matrix_diag(x) ** 3, X),
    "diag_part": (lambda x: tf.matrix_diag_part(x) ** 3, X),
    "set_diag": (lambda x, y: tf.matrix_set_diag(x, y) ** 3, X, X[0, :3]),
    "inverse": (lambda x: tf.matrix_inverse(x), POSITIVE),
    "determinant": (lambda x: tf.matrix_determinant(x), SQUARES),
    "log_determinant": (lambda x: tf.linalg.slogdet(x)[1], POSITIVE),
    "solve": (lambda x, y: tf.matrix_solve(x, y), POSITIVE, RIGHT),
    "solve_adjoint": (lambda x, y: tf.matrix_solve(x, y, adjoint=True), POSITIVE, RIGHT),
    "triangular": (lambda x, y: tf.matrix_triangular_solve(x, y), POSITIVE, RIGHT),
    "cross": (lambda x, y: tf.cross(x, y) ** 2, SQUARES, POSITIVE),
    "norm": (lambda x: tf.norm(x, 3, axis=1), X),
    "expm": (lambda x: tf.linalg.expm(x), SQUARES / 2),
    "roll": (lambda x: tf.roll(x, [1, -2], [0, 1]) ** 3, X),
    "top_k": (lambda x: tf.nn.top_k(x, 2).values ** 3, X),
    "sort": (lambda x: tf.sort(x) ** 2 * [1.0, 2, 3, 4], X),
    "segment_sum": (lambda x: tf.segment_sum(x, [0, 0, 2]) ** 3, X),
    "segment_mean": (lambda x: tf.segment_mean(x, [0, 0, 1]) ** 3, X),
    "segment_max": (lambda x: tf.segment_max(x, [0, 0, 1]) ** 3, X),
    "unsorted_prod": (lambda x: tf.unsorted_segment_prod(x, [1, -1, 1], 2) ** 2, X),
    "unsorted_max": (lambda x: tf.unsorted_segment_max(x, [1, -1, 1], 2)[1:] ** 2, X),
    "unsorted_mean": (lambda x: tf.unsorted_segment_mean(x, [1, 0, 1], 2) ** 2, X),
    "sparse_mean": (lambda x: tf.sparse_segment_mean(x, [2, 0, 2], [0, 0, 1]) ** 3, X),
    "partition": (lambda x: [p**3 for p in tf.dynamic_partition(x, [1, 0, 1], 2)], X),
    "stitch": (lambda x: tf.dynamic_stitch([[0, 2], [1]], [x[:2], x[2:]]) ** 3, X),
    "scatter": (lambda x, y: tf.tensor_scatter_update(x, [[2], [0]], y) ** 3, X, X[:2]),
    "space": (lambda x: tf.space_to_batch_nd(x, [2], [[1, 1]]) ** 3, X),
    "to_dense": (lambda v: tf.sparse_tensor_to_dense(_sparse(v)) ** 3, ABOVE[:3]),
    "product": (
        lambda v, d: tf.sparse_tensor_dense_matmul(_sparse(v), d) ** 2, ABOVE[:3], X.T,
    ),
    "sparse_softmax": (lambda v: tf.sparse_softmax(_sparse(v)).values ** 2, ABOVE[:3]),
    "sparse_sum": (lambda v: tf.sparse_reduce_sum(_sparse(v), 1) ** 3, ABOVE[:3]),
    "zeta": (lambda q: tf.zeta(tf.constant(2.5, tf.float64), q), ABOVE),
    "polygamma": (lambda x: tf.polygamma(tf.constant(1.0, tf.float64), x), ABOVE),
    "digamma": (lambda x: tf.digamma(x), ABOVE),
    "bessel": (lambda x: tf.math.bessel_i0e(x) + tf.math.bessel_i1(x), ABOVE),
    "complex": (lambda x: tf.abs(tf.exp(tf.complex(x, 2 * x)) + tf.complex(x, x * x)), X),
    "fft": (lambda x: tf.abs(tf.fft(tf.complex(x, x * x))), X),
}  # fmt: skip
FIRST_ORDER = {
    "cholesky": (lambda x: tf.cholesky(x + tf.matrix_transpose(x)), POSITIVE),
    "eigenvalues": (lambda x: tf.self_adjoint_eigvals(x + tf.matrix_transpose(x)), POSITIVE),
    "singular": (lambda x: tf.svd(x, compute_uv=False), SQUARES),
    "triangular_factor": (lambda x: tf.abs(tf.qr(x).r), SQUARES),
    "least_squares": (lambda x, y: tf.matrix_solve_ls(x, y, fast=False), SQUARES, RIGHT),
    "igamma": (lambda a, x: tf.igamma(a, x), ABOVE, ABOVE[::-1].copy()),
    "betainc": (lambda x: tf.betainc(ABOVE, ABOVE[::-1].copy(), x), BELOW),
}


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    check_gradient(*CASES[name])


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_first_gradient(name):
    check_gradient(*FIRST_ORDER[name], order=1)


@pytest.mark.parametrize("name", ["cumsum", "set_diag", "inverse", "top_k", "segment_sum"])
def test_unknown_shapes(name):
    check_gradient(*CASES[name], static=False)
