"""Images and sequences prepared as Keras's own package (1.1.0, with SciPy) prepares them."""

from __future__ import annotations

import gzip
import json
import pickle

import numpy as np
import pytest

import graphflow as tf
from graphflow.keras import datasets, preprocessing

# A number, and the sum, of each of three batches.
BATCHES = {
    "rot": (
        dict(rotation_range=30),
        [[20.15489, 108686.42], [109.60288, 54633.87], [173.5714, 109741.33]],
    ),
    "shift": (
        dict(width_shift_range=0.2, height_shift_range=2, horizontal_flip=True),
        [[142.81221, 109193.62], [223.54611, 55121.09], [103.50596, 110514.95]],
    ),
    "zoom": (
        dict(zoom_range=0.3, shear_range=10, fill_mode="reflect"),
        [[60.94031, 108575.52], [150.38162, 56901.17], [179.76869, 111133.28]],
    ),
    "const": (
        dict(rotation_range=40, fill_mode="constant", cval=7.0, vertical_flip=True),
        [[21.93257, 83691.16], [7.0, 40741.5], [167.93839, 84268.74]],
    ),
    "norm": (
        dict(featurewise_center=True, featurewise_std_normalization=True, channel_shift_range=20.0),
        [[-1.254, -2.84], [1.62163, 32.88], [0.72965, -76.25]],
    ),
    "samp": (
        dict(samplewise_std_normalization=True, rescale=0.1),
        [[-1.43889, 0.0], [1.38443, 0.0], [0.59627, 0.0]],
    ),
    "bri": (
        dict(brightness_range=(0.5, 1.5)),
        [[19.0, 105238.0], [255.0, 56331.0], [181.0, 87157.0]],
    ),
}


def images():
    return np.random.RandomState(0).rand(6, 9, 8, 3).astype("f") * 255


@pytest.mark.parametrize("name", BATCHES)
def test_batches_of_changed_images(name):
    options, expected = BATCHES[name]
    if name == "bri":
        pytest.importorskip("PIL")
    maker = preprocessing.image.ImageDataGenerator(**options)
    maker.fit(images())
    batches = maker.flow(images(), np.arange(6), batch_size=4, seed=3)
    for place, total in expected:
        batch, labels = next(batches)
        assert batch.ravel()[7] == pytest.approx(place, abs=1e-4)
        assert batch.astype(float).sum() == pytest.approx(total, abs=0.02)
        assert len(labels) == len(batch)


def test_folders_of_classes(tmp_path):
    library = pytest.importorskip("PIL.Image")
    for k, name in enumerate(["cats", "dogs"]):
        (tmp_path / name).mkdir()
        for j in range(3):
            shade = np.full((5, 4, 3), 100 * k + 10 * j, "uint8")
            library.fromarray(shade).save(tmp_path / name / f"{j}.png")
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    maker = preprocessing.image.ImageDataGenerator(rescale=0.1, validation_split=0.34)
    batches = maker.flow_from_directory(
        str(tmp_path), (8, 8), batch_size=4, shuffle=False, subset="training"
    )
    found, labels = next(batches)
    assert found.shape == (4, 8, 8, 3)
    assert found[:, 0, 0, 0].tolist() == pytest.approx([1.0, 2.0, 11.0, 12.0])
    assert labels.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert batches.class_indices == {"cats": 0, "dogs": 1}
    with pytest.raises(ValueError, match="Invalid class_mode"):
        maker.flow_from_directory(str(tmp_path), class_mode="other")


def test_wrong_images_are_refused():
    maker = preprocessing.image.ImageDataGenerator(featurewise_center=True)
    with pytest.raises(ValueError, match="rank 4"):
        maker.flow(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="same length"):
        maker.flow(images(), [1])
    with pytest.raises(ValueError, match="call `fit"):
        next(maker.flow(images()))


def test_a_model_is_fitted_on_changed_images():
    tf.keras.backend.clear_session()
    model = tf.keras.Sequential([
        tf.keras.layers.Flatten(input_shape=(9, 8, 3)), tf.keras.layers.Dense(1),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    maker = preprocessing.image.ImageDataGenerator(rescale=1e-3, horizontal_flip=True)
    history = model.fit_generator(
        maker.flow(images(), np.arange(6.0), batch_size=2), steps_per_epoch=3, epochs=2, verbose=0
    )
    assert len(history.history["loss"]) == 2


def test_series_and_skipgrams():
    sequence = preprocessing.sequence
    parts = sequence.TimeseriesGenerator(
        np.arange(20), np.arange(20), 5, sampling_rate=2, stride=3, batch_size=2
    )
    assert [values.tolist() for values in parts[1]] == [[[6, 8, 10], [9, 11, 13]], [11, 14]]
    assert len(parts) == 3
    found = sequence.skipgrams([1, 2, 3, 0, 4], 10, window_size=1, seed=1, negative_samples=0.0)
    assert found == ([[3, 2], [1, 2], [2, 3], [2, 1]], [1, 1, 1, 1])
    table = sequence.make_sampling_table(5)
    np.testing.assert_allclose(table[[0, 4]], [0.0031522479, 0.0091281675], rtol=1e-6)
    first, _, last = preprocessing.text.hashing_trick("a b a", 10, "md5")
    assert first == last


def test_data_sets_where_keras_keeps_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"cifar-10-batches-py.data_batch_1"):
        datasets.cifar10.load_data()
    folder = tmp_path / ".keras" / "datasets"
    (folder / "cifar-10-batches-py").mkdir(parents=True)
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        content = {b"data": np.arange(2 * 3072, dtype="uint8").reshape(2, -1), b"labels": [3, 4]}
        (folder / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(content, 2))
    (x, y), (xt, _) = datasets.cifar10.load_data()
    assert x.shape == (10, 32, 32, 3)
    assert y[:2].tolist() == [[3], [4]]
    assert xt[0, 0, 1].tolist() == [1, 1, 1]
    (folder / "fashion-mnist").mkdir()
    for part in ("train", "t10k"):
        for kind, size in (("images-idx3", 16 + 2 * 784), ("labels-idx1", 8 + 2)):
            with gzip.open(folder / "fashion-mnist" / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(bytes(size))
    assert datasets.fashion_mnist.load_data()[0][0].shape == (2, 28, 28)
    np.savez(folder / "boston_housing.npz", x=np.arange(20.0).reshape(10, 2), y=np.arange(10.0))
    (x, y), (xt, _) = datasets.boston_housing.load_data()
    assert (len(x), len(xt)) == (8, 2)
    assert (x[:, 0] / 2 == y).all()


def test_texts_as_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".keras" / "datasets"
    folder.mkdir(parents=True)
    texts = np.empty(4, dtype=object)
    texts[:] = [[1, 5], [2], [3, 9, 9], [4]]
    np.savez(
        folder / "imdb.npz", x_train=texts, y_train=[0, 1, 0, 1], x_test=texts[:2], y_test=[1, 1]
    )
    np.savez(folder / "reuters.npz", x=texts, y=[0, 1, 2, 3])
    (x, y), (xt, _) = datasets.imdb.load_data(num_words=10)
    assert sorted(map(tuple, x)) == [(1, 4, 8), (1, 5), (1, 6, 2, 2), (1, 7)]
    assert len(y) == 4
    assert len(xt) == 2
    (x, _), (xt, _) = datasets.reuters.load_data(test_split=0.25, maxlen=4)
    assert (len(x), len(xt)) == (2, 1)
    (folder / "imdb_word_index.json").write_text(json.dumps({"film": 7}))
    assert datasets.imdb.get_word_index() == {"film": 7}


class _Call:
    def __reduce__(self):
        return print, ("run",)


def test_data_sets_that_would_run_something_are_refused(tmp_path, capsys):
    (tmp_path / "train").write_bytes(pickle.dumps(_Call()))
    with pytest.raises(pickle.UnpicklingError, match="print"):
        datasets.files.unpickled(tmp_path / "train")
    texts = np.empty(1, dtype=object)
    texts[0] = _Call()
    np.savez(tmp_path / "imdb.npz", x=texts)
    with pytest.raises(pickle.UnpicklingError, match="print"):
        datasets.files.arrays_of(tmp_path / "imdb.npz")
    assert capsys.readouterr().out == ""
