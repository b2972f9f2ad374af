"""Tridiagonal systems and products, in three forms, against whole matrices."""

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf


def _case(size, batch=(), dtype=np.float64, seed=0):
    """Diagonals in compact form, the matrices, and right sides."""
    random = np.random.default_rng(seed)

    def draw(*shape):
        real = random.standard_normal((*batch, *shape))
        return (
            real + 1j * random.standard_normal(real.shape) if np.dtype(dtype).kind == "c" else real
        ).astype(dtype)

    compact, right = draw(3, size), draw(size, 2)
    matrix = np.zeros((*batch, size, size), dtype)
    for k in range(size):
        matrix[..., k, k] = compact[..., 1, k]
        if k + 1 < size:
            matrix[..., k, k + 1] = compact[..., 0, k]
            matrix[..., k + 1, k] = compact[..., 2, k + 1]
    return compact, matrix, right


def _forms(compact, matrix):
    above, main, below = (compact[..., k, :] for k in range(3))
    return {
        "compact": tf.constant(compact), "matrix": tf.constant(matrix),
        "sequence": [tf.constant(part) for part in (above, main, below)],
    }  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(("size", "batch"), [(1, ()), (2, (3,)), (7, (2, 2)), (40, ())])
def test_systems_and_products_are_those_of_whole_matrices(size, batch, dtype) -> None:
    compact, matrix, right = _case(size, batch, dtype)
    tolerance = 1e-2 if dtype == np.float32 else 1e-8
    with tf.Session() as session:
        for form, diagonals in _forms(compact, matrix).items():
            solved = tf.linalg.tridiagonal_solve(diagonals, right, form)
            product = tf.linalg.tridiagonal_matmul(diagonals, right, form)
            assert solved.shape == right.shape == product.shape
            found = session.run([solved, product])
            np.testing.assert_allclose(matrix @ found[0], right, atol=tolerance)
            np.testing.assert_allclose(found[1], matrix @ right, atol=1e-5)


def test_right_sides_may_be_vectors_transposed_conjugated_and_diagonals_shorter() -> None:
    compact, matrix, right = _case(5, (2,), np.complex128)
    above, main, below = (compact[:, k] for k in range(3))
    short = [above[:, :-1], main, below[:, 1:]]
    with tf.Session() as session:
        vector, turned, shorter = session.run([
            tf.linalg.tridiagonal_solve(compact, right[..., 0], conjugate_rhs=True),
            tf.linalg.tridiagonal_solve(compact, right.swapaxes(1, 2), transpose_rhs=True),
            tf.linalg.tridiagonal_solve(short, right, "sequence"),
        ])  # fmt: skip
    np.testing.assert_allclose((matrix @ vector[..., None])[..., 0], right[..., 0].conj())
    np.testing.assert_allclose(turned.swapaxes(1, 2), np.linalg.solve(matrix, right))
    np.testing.assert_allclose(shorter, np.linalg.solve(matrix, right))


@pytest.mark.parametrize("static", [True, False])
def test_gradients(static) -> None:
    compact, _, right = _case(4, (2,))
    compact[:, 1] += 4
    above, main, below = (compact[:, None, k] for k in range(3))
    check_gradient(tf.linalg.tridiagonal_matmul, compact, right)
    tf_solve = tf.linalg.tridiagonal_solve
    check_gradient(
        lambda d, r: tf_solve(tf.reshape(d, [2, 3, 4]), tf.reshape(r, [2, 4, 2])), compact, right,
        static=static,
    )  # fmt: skip
    check_gradient(_raw_product, above, main, below, right, static=static)


def _raw_product(above, main, below, right):
    return tf.raw_ops.TridiagonalMatMul(superdiag=above, maindiag=main, subdiag=below, rhs=right)


def test_singular_matrices_and_wrong_shapes_are_told() -> None:
    singular = [[1.0, 1, 0], [1.0, 1, 0], [0, 1, 0]]
    needs_exchange = [[1.0, 1, 0], [0.0, 2, 3], [0, 1, 1]]
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
            session.run(tf.linalg.tridiagonal_solve(singular, [1.0, 2, 3]))
        found = session.run(tf.linalg.tridiagonal_solve(needs_exchange, [1.0, 2, 3]))
        np.testing.assert_allclose(found, [-2 / 3, 1, 2 / 3], rtol=1e-6)
        with pytest.raises(tf.errors.InvalidArgumentError, match="requires pivoting"):
            session.run(
                tf.linalg.tridiagonal_solve(needs_exchange, [1.0, 2, 3], partial_pivoting=False)
            )
    with pytest.raises(ValueError, match="Expected 3 diagonals got 2"):
        tf.linalg.tridiagonal_solve(np.ones((2, 4)), np.ones(4))
    with pytest.raises(ValueError, match="got 4 and 5"):
        tf.linalg.tridiagonal_solve(np.ones((3, 4)), np.ones(5))
    with pytest.raises(ValueError, match="Unrecognized diagonals_format: band"):
        tf.linalg.tridiagonal_solve(np.ones((3, 4)), np.ones(4), "band")
