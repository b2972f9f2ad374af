"""Pictures turned, moved and projected; answers are TensorFlow 1.15.5's."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

image = tf.contrib.image
X = np.random.RandomState(0).rand(2, 5, 6, 3).astype("f")
PLANE = [1.0, 0.1, 0.2, -0.1, 0.9, 0.3, 0.01, 0.02]


@pytest.fixture(autouse=True)
def session():
    with tf.Graph().as_default(), tf.Session() as made:
        yield made


@pytest.mark.parametrize(
    ("make", "total", "some"),
    [
        (lambda: image.rotate(X, [0.3, -1.2]), 81.2, [0.0, 0.7917, 0.6176]),
        (lambda: image.rotate(X, 0.5, "BILINEAR"), 75.195, [0.0239, 0.793, 0.5842]),
        (
            lambda: image.rotate((X * 255).astype(np.uint8), 0.5, "BILINEAR"), 19012, [6, 201, 148],
        ),
        (lambda: image.rotate(X[0, :, :, 0], 0.5), 12.997, [0.0, 0.4376, 0.6976]),
        (lambda: image.translate(X, [1.5, -0.5], "BILINEAR"), 60.717, [0.0, 0.6176, 0.5126]),
        (lambda: image.translate(X, [[1.5, -0.5], [0.0, 2.0]]), 48.298, [0.0, 0.4615, 0.4147]),
        (lambda: image.transform(X, PLANE, "BILINEAR"), 90.888, [0.6183, 0.8511, 0.0907]),
        (
            lambda: image.transform(X, PLANE, output_shape=[3, 4]),
            38.563, [0.5488, 0.8918, 0.9786],
        ),
    ],
)  # fmt: skip
def test_pictures(session, make, total, some):
    found = session.run(make())
    assert found.astype("f8").sum() == pytest.approx(total, abs=2e-3)
    np.testing.assert_allclose(found.ravel()[:15:7], some, atol=1e-4)


def test_gradients_are_of_the_inverse_transform(session):
    x, weights = tf.constant(X), np.arange(180.0, dtype="f").reshape(X.shape)
    (found,) = tf.gradients(tf.reduce_sum(image.rotate(x, 0.5, "BILINEAR") * weights), x)
    value = session.run(found)
    np.testing.assert_allclose(value.ravel()[:15:7], [9.0205, 13.0289, 5.558], atol=1e-3)
    assert value.astype("f8").sum() == pytest.approx(13607.185, abs=0.05)


def test_transforms_and_matrices(session):
    turned = image.angles_to_projective_transforms([0.1], 5.0, 6.0)
    moved = image.translations_to_projective_transforms([1.0, 2.0])
    flat = [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]
    both, again = session.run(
        [
            image.compose_transforms(turned, moved),
            image.matrices_to_flat_transforms(image.flat_transforms_to_matrices(flat) * 2.0),
        ]
    )
    assert both.sum() == pytest.approx(-0.923, abs=1e-3)
    assert again.tolist() == flat
    assert session.run(moved).tolist() == [[1, 0, -1, 0, 1, -2, 0, 0]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="rank between 2 and 4"):
        image.rotate(X[0, 0, :, 0], 0.1)
    with pytest.raises(ValueError, match="NEAREST or BILINEAR"):
        image.rotate(X, 0.1, "CUBIC")
    with pytest.raises(TypeError, match="rank must be statically known"):
        image.rotate(tf.placeholder(tf.float32), 0.1)
    given = tf.placeholder(tf.float32, [None, None])
    found = image.transform(X, given)
    refused = pytest.raises(tf.errors.InvalidArgumentError, match=r"num_images|Incompatible")
    with tf.Session() as session, refused:
        session.run(found, {given: np.zeros([3, 8])})
