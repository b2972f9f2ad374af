"""Known architectures: names, shapes and numbers of weights as TensorFlow 1.15 has them."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

applications = tf.keras.applications


@pytest.mark.parametrize(
    ("make", "count", "length"),
    [(applications.VGG16, 14714688, 19), (applications.VGG19, 20024384, 22)],
)
def test_models_without_dense_layers(make, count, length):
    with tf.Graph().as_default():
        model = make(weights=None, include_top=False)
        assert (model.count_params(), len(model.layers)) == (count, length)
        assert model.output_shape == (None, None, None, 512)
        assert model.layers[-1].name == "block5_pool"
        pooled = make(weights=None, include_top=False, pooling="avg", input_shape=(64, 48, 3))
        assert pooled.output_shape == (None, 512)


def test_layers_and_weights_of_the_whole_model():
    with tf.Graph().as_default():
        model = applications.VGG16(weights=None)
        assert model.name == "vgg16"
        assert model.count_params() == 138357544
        names = [layer.name for layer in model.layers[1:]]
    blocks = [(1, 2), (2, 2), (3, 3), (4, 3), (5, 3)]
    want = []
    for block, count in blocks:
        want += [f"block{block}_conv{k + 1}" for k in range(count)] + [f"block{block}_pool"]
    assert names == [*want, "flatten", "fc1", "fc2", "predictions"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "nope"}, "`weights` argument"),
        ({"weights": "imagenet", "classes": 5}, "1000"),
        ({"weights": None, "include_top": False, "input_shape": (20, 20, 3)}, "at least 32x32"),
        ({"weights": None, "include_top": False, "input_shape": (64, 64)}, "three integers"),
        ({"weights": None, "input_shape": (None, None, 3)}, "`input_shape`"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        applications.VGG16(**arguments)


def test_images_are_prepared_as_for_caffe():
    images = np.arange(24, dtype=np.float32).reshape(1, 2, 4, 3)
    found = applications.vgg16.preprocess_input(images)
    np.testing.assert_allclose(found[0, 0, 0], [-101.939, -115.779, -123.68], rtol=1e-6)
    with tf.Graph().as_default(), tf.Session() as session:
        made = session.run(applications.vgg19.preprocess_input(tf.constant(images)))
    np.testing.assert_allclose(made, found, rtol=1e-6)
