"""Linear operators against the dense matrices that they stand for."""

import numpy as np
import pytest

import graphflow as tf

RANDOM = np.random.default_rng(5)


def _draw(*shape):
    return RANDOM.standard_normal(shape)


SQUARE, SMALL = _draw(3, 3) + 3 * np.eye(3), _draw(2, 2) + 2 * np.eye(2)
POSITIVE = SQUARE @ SQUARE.T
L = tf.linalg


def _full(matrix, **options):
    return L.LinearOperatorFullMatrix(matrix, is_non_singular=True, **options)


BUILD = {
    "full": lambda: (_full(SQUARE), SQUARE),
    "batch": lambda: (_full(np.stack([SQUARE, POSITIVE])), np.stack([SQUARE, POSITIVE])),
    "positive": lambda: (
        _full(POSITIVE, is_self_adjoint=True, is_positive_definite=True), POSITIVE),
    "diag": lambda: (L.LinearOperatorDiag([1.0, -2, 3]), np.diag([1.0, -2, 3])),
    "complex": lambda: (L.LinearOperatorDiag([1 + 1j, 2 - 1j]), np.diag([1 + 1j, 2 - 1j])),
    "identity": lambda: (L.LinearOperatorIdentity(3, dtype=tf.float64), np.eye(3)),
    "identities": lambda: (
        L.LinearOperatorIdentity(3, [2], dtype=tf.float64), np.stack([np.eye(3)] * 2)),
    "scaled": lambda: (
        L.LinearOperatorScaledIdentity(2, np.array([2.0, -3])),
        np.array([2.0, -3])[:, None, None] * np.eye(2)),
    "triangular": lambda: (L.LinearOperatorLowerTriangular(SQUARE), np.tril(SQUARE)),
    "reflection": lambda: (
        L.LinearOperatorHouseholder(np.array([1.0, 2, 2])),
        np.eye(3) - 2 * np.outer([1, 2, 2], [1, 2, 2]) / 9),
    "product": lambda: (
        L.LinearOperatorComposition([_full(SQUARE), L.LinearOperatorDiag(np.array([1.0, 2, 4]))]),
        SQUARE @ np.diag([1, 2, 4])),
    "kronecker": lambda: (
        L.LinearOperatorKronecker([_full(SQUARE), _full(SMALL)]), np.kron(SQUARE, SMALL)),
    "blocks": lambda: (
        L.LinearOperatorBlockDiag([_full(SMALL), _full(SQUARE)]),
        np.block([[SMALL, np.zeros((2, 3))], [np.zeros((3, 2)), SQUARE]])),
    "adjoint": lambda: (_full(SQUARE).adjoint(), SQUARE.T),
    "inverse": lambda: (_full(SQUARE).inverse(), np.linalg.inv(SQUARE)),
    "update": lambda: (
        L.LinearOperatorLowRankUpdate(
            L.LinearOperatorDiag(np.array([4.0, 5, 6]), is_positive_definite=True),
            SQUARE[:, :2], np.array([1.0, 0.5]), SQUARE[::-1, :2].copy()),
        np.diag([4.0, 5, 6]) + SQUARE[:, :2] @ np.diag([1, 0.5]) @ SQUARE[::-1, :2].T),
    "toeplitz": lambda: (
        L.LinearOperatorToeplitz(np.array([5.0, 2, 1]), np.array([5.0, -1, 3])),
        np.array([[5.0, -1, 3], [2, 5, -1], [1, 2, 5]])),
    "circulant": lambda: (
        L.LinearOperatorCirculant(np.fft.fft([4.0, 1, 2]), tf.complex128),
        np.array([[4, 2, 1], [1, 4, 2], [2, 1, 4]], complex)),
}  # fmt: skip


def _adjoint(matrix):
    return np.conj(matrix.swapaxes(-1, -2))


@pytest.mark.parametrize("kind", BUILD)
def test_an_operator_does_what_its_matrix_does(kind) -> None:
    operator, dense = BUILD[kind]()
    size = dense.shape[-1]
    x = _draw(size, 2).astype(dense.dtype)
    assert operator.shape.as_list() == list(dense.shape)
    wanted = {
        "dense": (operator.to_dense(), dense),
        "product": (operator.matmul(x), dense @ x),
        "turned": (operator.matmul(x, adjoint=True), _adjoint(dense) @ x),
        "argument": (operator.matmul(x.T, adjoint_arg=True), dense @ np.conj(x)),
        "vector": (operator.matvec(x[:, 0]), dense @ x[:, 0]),
        "solution": (operator.solve(x), np.linalg.solve(dense, np.broadcast_to(
            x, (*dense.shape[:-2], *x.shape)))),
        "adjoint solution": (operator.solve(x, adjoint=True), np.linalg.solve(
            _adjoint(dense), np.broadcast_to(x, (*dense.shape[:-2], *x.shape)))),
        "determinant": (operator.determinant(), np.linalg.det(dense)),
        "logarithm": (operator.log_abs_determinant(), np.linalg.slogdet(dense)[1]),
        "diagonal": (operator.diag_part(), np.diagonal(dense, axis1=-2, axis2=-1)),
        "trace": (operator.trace(), np.trace(dense, axis1=-2, axis2=-1)),
        "sum": (operator.add_to_tensor(np.ones_like(dense)), dense + 1),
        "inverse": (operator.inverse().to_dense(), np.linalg.inv(dense)),
        "shape": (operator.shape_tensor(), dense.shape),
        "H": (operator.H.to_dense(), _adjoint(dense)),
    }  # fmt: skip
    with tf.Session() as session:
        found = session.run({key: pair[0] for key, pair in wanted.items()})
    for key, (_, value) in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-7, atol=1e-7, err_msg=key)


def test_zeros_and_matrices_that_are_not_square() -> None:
    zeros = L.LinearOperatorZeros(2, 3, is_square=False, dtype=tf.float64)
    wide = L.LinearOperatorFullMatrix(_draw(2, 3))
    blocks = L.LinearOperatorBlockDiag([wide, wide], is_square=False)
    both = L.LinearOperatorKronecker([wide, wide])
    with tf.Session() as session:
        assert session.run(zeros.matmul(np.ones((3, 4)))).shape == (2, 4)
        dense, joined, product = session.run(
            [wide.to_dense(), blocks.to_dense(), both.matmul(np.eye(9))]
        )
    np.testing.assert_allclose(product, np.kron(dense, dense))
    np.testing.assert_array_equal(joined[2:, 3:], dense)
    assert wide.is_square is False
    with pytest.raises(NotImplementedError, match="not be square"):
        wide.solve(np.ones((2, 1)))
    with pytest.raises(NotImplementedError, match="expected to be singular"):
        L.LinearOperatorZeros(2, dtype=tf.float64).solve(np.ones((2, 1)))


def test_two_dimensional_circulants_convolve() -> None:
    kernel = _draw(2, 3)
    operator = L.LinearOperatorCirculant2D(np.fft.fft2(kernel), tf.complex128)
    x = _draw(6, 1)
    wanted = np.fft.ifft2(np.fft.fft2(kernel) * np.fft.fft2(x.reshape(2, 3)))
    with tf.Session() as session:
        found = session.run(operator.matmul(x.astype(complex)))
        np.testing.assert_allclose(session.run(operator.convolution_kernel()), kernel, atol=1e-12)
    np.testing.assert_allclose(found[:, 0], wanted.ravel(), atol=1e-12)


def test_operators_multiply_operators_and_sizes_must_fit() -> None:
    product = _full(SQUARE) @ L.LinearOperatorDiag(np.array([1.0, 2, 3]))
    assert isinstance(product, L.LinearOperatorComposition)
    factor = _full(POSITIVE, is_self_adjoint=True, is_positive_definite=True).cholesky()
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(product.to_dense()), SQUARE @ np.diag([1, 2, 3]))
        lower = session.run(factor.to_dense())
        np.testing.assert_allclose(lower @ lower.T, POSITIVE)
        session.run(_full(POSITIVE).assert_positive_definite())
        with pytest.raises(tf.errors.InvalidArgumentError, match="Singular"):
            session.run(L.LinearOperatorDiag([1.0, 0]).assert_non_singular())
    with pytest.raises(ValueError, match="not compatible"):
        _full(SQUARE).matmul(np.ones((2, 2)))
    with pytest.raises(ValueError, match="always self adjoint"):
        L.LinearOperatorDiag([1.0], is_self_adjoint=False)
    with pytest.raises(ValueError, match="positive definite"):
        _full(SQUARE).cholesky()
    with pytest.raises(TypeError, match="same dtype"):
        L.LinearOperatorComposition([_full(SQUARE), L.LinearOperatorDiag([1.0, 2, 3])])


def test_an_operator_of_ones_own() -> None:
    class Doubling(L.LinearOperator):
        def __init__(self):
            super().__init__(tf.float64, is_square=True)

        def _shape(self):
            return tf.TensorShape([3, 3])

        def _matmul(self, x, adjoint=False, adjoint_arg=False):
            return 2 * (tf.transpose(x) if adjoint_arg else x)

    with tf.Session() as session:
        found = session.run([Doubling().to_dense(), Doubling().determinant(), Doubling().trace()])
    np.testing.assert_array_equal(found[0], 2 * np.eye(3))
    np.testing.assert_allclose(found[1:], [8, 6])


def test_gradients_flow_through_solutions() -> None:
    u = tf.constant(SQUARE[:, :1])
    base = L.LinearOperatorDiag(tf.constant(np.array([4.0, 5, 6])), is_positive_definite=True)
    operator = L.LinearOperatorLowRankUpdate(base, u)
    loss = tf.reduce_sum(operator.solve(np.ones((3, 1)))) + operator.log_abs_determinant()
    dense = tf.linalg.diag(tf.constant(np.array([4.0, 5, 6]))) + u @ tf.transpose(u)
    direct = tf.reduce_sum(tf.linalg.solve(dense, np.ones((3, 1)))) + tf.linalg.slogdet(dense)[1]
    with tf.Session() as session:
        first, second = session.run([tf.gradients(t, u)[0] for t in (loss, direct)])
    np.testing.assert_allclose(first, second, rtol=1e-8)
