"""Known architectures: names, shapes and numbers of weights as TensorFlow 1.15 has them."""

from __future__ import annotations

import json
import zlib

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


SMALL = {"alpha": 0.5, "include_top": False, "input_shape": (128, 128, 3), "pooling": "avg"}


@pytest.mark.parametrize(
    ("make", "arguments", "name", "counts", "check"),
    [
        (applications.ResNet50, {}, "resnet50", (25636712, 25583592, 177), 410551131),
        (applications.ResNet50V2, {}, "resnet50v2", (25613800, 25568360, 192), 3340297416),
        (applications.MobileNet, SMALL, "mobilenet_0.50_128", (829536, 818592, 88), 2514469109),
        (
            applications.MobileNetV2, {"alpha": 1.4}, "mobilenetv2_1.40_224",
            (6156712, 6108776, 157), 562092830,
        ),
        (applications.Xception, {}, "xception", (22910480, 22855952, 134), 230396393),
        (applications.DenseNet121, {}, "densenet121", (8062504, 7978856, 429), 1382599461),
        (applications.InceptionV3, {}, "inception_v3", (23851784, 23817352, 313), 3681025152),
        (
            applications.InceptionResNetV2, {}, "inception_resnet_v2",
            (55873736, 55813192, 782), 2365369865,
        ),
        (applications.NASNetMobile, {}, "NASNet", (5326716, 5289978, 771), 1622922301),
    ],
)  # fmt: skip
def test_layers_are_tensorflows(make, arguments, name, counts, check):
    """Weights, those that are trained, layers; a checksum of names, classes and shapes in order."""
    with tf.Graph().as_default():
        model = make(weights=None, **arguments)
        trained = sum(int(np.prod(w.shape.as_list())) for w in model.trainable_weights)
        assert model.name == name
        assert (model.count_params(), trained, len(model.layers)) == counts
        rows = [
            f"{layer.name} {type(layer).__name__} {[w.shape.as_list() for w in layer.weights]}"
            for layer in model.layers[1:]
        ]
    assert zlib.crc32("\n".join(rows).encode()) == check


def drawn_weights(model):
    """Weights that keep values in bounds, drawn in order."""
    source = np.random.RandomState(1)
    for variable in model.weights:
        shape, name = variable.shape.as_list(), variable.name
        if "variance" in name or "gamma" in name:
            yield source.rand(*shape) + 0.5
        elif len(shape) == 1:
            yield source.randn(*shape) * 0.1
        else:
            inputs = np.prod(shape[:-1] if shape[-1] > 1 else shape[:2])
            yield source.randn(*shape) * np.sqrt(6 / inputs)


def test_outputs_are_tensorflows():
    """Recorded from TensorFlow 1.15.5 with the same weights."""
    with tf.Graph().as_default():
        model = applications.MobileNet(
            (32, 32, 3), alpha=0.25, weights=None, include_top=False, pooling="avg"
        )
        model.set_weights([w.astype("f") for w in drawn_weights(model)])
        found = model.predict(np.random.RandomState(0).rand(2, 32, 32, 3).astype("f"))
    wanted = [
        [0.0, 0.0, 1.0417819, 1.2097816, 5.4168921, 4.9522915],
        [1.3665351, 0.0, 0.0, 0.0, 5.2226524, 5.0024724],
    ]
    np.testing.assert_allclose(found[:, :6], wanted, rtol=1e-4)
    assert found.mean() == pytest.approx(1.5495787, rel=1e-5)


def test_names_of_classes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = np.zeros([1, 1000])
    rows[0, [7, 3]] = 0.75, 0.25
    decode = applications.vgg16.decode_predictions
    with pytest.raises(FileNotFoundError, match="imagenet_class_index"):
        decode(rows)
    names = {str(k): [f"n{k:08d}", f"class {k}"] for k in range(1000)}
    path = tmp_path / ".keras" / "models" / "imagenet_class_index.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(names))
    assert applications.imagenet_utils.decode_predictions(rows, top=2) == [
        [("n00000007", "class 7", 0.75), ("n00000003", "class 3", 0.25)]
    ]
    with pytest.raises(ValueError, match="batch of predictions"):
        decode(rows[:, :9])


def test_images_are_scaled():
    images = np.array([[[[0.0, 100.0, 255.0], [10.0, 20.0, 30.0]]]], np.float32)
    for module in ("resnet_v2", "mobilenet", "mobilenet_v2", "xception", "inception_v3"):
        found = getattr(applications, module).preprocess_input(images)
        wanted = [-1.0, -0.21568626, 1.0, -0.92156863, -0.84313726, -0.7647059]
        np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-6)
    found = applications.densenet.preprocess_input(images).ravel()
    wanted = [-2.117904, -0.28501397, 2.64, -1.9466565, -1.6855742, -1.2815686]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_layers_between_shortcuts_are_met_once():
    with tf.Graph().as_default():
        x = start = tf.keras.Input(shape=(4,))
        for _ in range(60):
            x = tf.keras.layers.Add()([x, tf.keras.layers.Activation("relu")(x)])
        assert len(tf.keras.Model(start, x).layers) == 121
