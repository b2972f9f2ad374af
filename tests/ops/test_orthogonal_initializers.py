"""Orthogonal matrices and convolutions as initial values."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.contrib import framework


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 3, 4), (4, 4)])
def test_matrices_are_orthogonal(shape) -> None:
    with tf.Session() as session:
        found = session.run(tf.orthogonal_initializer(gain=2.0, seed=3)(shape, tf.float64))
    flat = found.reshape(-1, shape[-1])
    product = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


@pytest.mark.parametrize(
    ("initializer", "axes"),
    [
        (framework.convolutional_delta_orthogonal, 1),
        (framework.convolutional_delta_orthogonal, 2),
        (framework.convolutional_orthogonal_1d, 1),
        (framework.convolutional_orthogonal_2d, 2),
        (framework.convolutional_orthogonal_3d, 3),
    ],
)
def test_convolutions_keep_norms(initializer, axes) -> None:
    """Around a ring, where no part of an image is lost, the Fourier transform is unitary."""
    made = initializer(gain=1.0, seed=5, dtype=tf.float64)([3] * axes + [2, 4])
    with tf.Session() as session:
        kernel = session.run(made)
    spectrum = np.fft.fftn(kernel, s=[5] * axes, axes=range(axes)).reshape(-1, 2, 4)
    for matrix in spectrum:
        np.testing.assert_allclose(matrix @ matrix.conj().T, np.eye(2), atol=1e-12)


def test_shapes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least two-dimensional"):
        tf.orthogonal_initializer()([3])
    with pytest.raises(ValueError, match="In_filters cannot be greater"):
        framework.convolutional_orthogonal_2d()([3, 3, 4, 2])
    with pytest.raises(ValueError, match="Kernel sizes must be equal"):
        framework.convolutional_orthogonal_2d()([3, 2, 2, 4])
    with pytest.raises(ValueError, match="four-dimensional"):
        framework.convolutional_orthogonal_2d()([3, 2, 4])
