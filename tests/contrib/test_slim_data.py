"""Slim's data: items of Examples, data sets read by queue runners, as in TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf

slim = tf.contrib.slim
decoder = slim.tfexample_decoder


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def feature(*values):
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


@pytest.fixture
def dataset(tmp_path):
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    with tf.Graph().as_default(), tf.Session() as session:
        png = session.run(tf.image.encode_png(pixels))
    with tf.python_io.TFRecordWriter(str(tmp_path / "part-1.rec")) as writer:
        for k in range(4):
            features = {
                "image/encoded": feature(png), "image/format": feature(b"png"),
                "label": feature(k), "name": feature(b"a%d" % k), "ymin": feature(0.25, 0.5),
                "xmin": feature(0.0, 0.125), "ymax": feature(0.5, 1.0), "xmax": feature(0.75, 1.0),
                "i": feature(0, 3), "v": feature(1.0, float(k)), "h": feature(2), "w": feature(1),
                "raw": feature(bytes([k, 1, 2, 3, 4, 5])), "raw/format": feature(b"raw"),
            }  # fmt: skip
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    texts, numbers = tf.FixedLenFeature((), tf.string), tf.FixedLenFeature((), tf.int64)
    keys = {
        **dict.fromkeys(["image/encoded", "image/format", "name", "raw", "raw/format"], texts),
        **dict.fromkeys(["ymin", "xmin", "ymax", "xmax", "v"], tf.VarLenFeature(tf.float32)),
        "label": tf.FixedLenFeature([1], tf.int64), "i": tf.VarLenFeature(tf.int64),
        "h": numbers, "w": numbers,
    }  # fmt: skip
    table = tf.contrib.lookup.index_table_from_tensor(["a1", "a3"])
    items = {
        "image": decoder.Image(), "label": decoder.Tensor("label", shape=[]),
        "box": decoder.BoundingBox(), "raw": decoder.Image("raw", "raw/format", shape=[2, 1, 3]),
        "sparse": decoder.SparseTensor("i", "v", shape=[5], densify=True),
        "shaped": decoder.Tensor("v", shape_keys=["h", "w"]),
        "found": decoder.LookupTensor("name", table),
        "called": decoder.ItemHandlerCallback(["label", "h"], lambda d: d["label"][0] * d["h"]),
        "backup": decoder.BackupHandler(decoder.Tensor("v"), decoder.Tensor("ymin")),
    }  # fmt: skip
    made = decoder.TFExampleDecoder(keys, items)
    pattern = str(tmp_path / "part-*")
    return slim.dataset.Dataset(pattern, tf.TFRecordReader, made, 4, {"label": "l"}, num_classes=9)


def start(session):
    session.run([tf.local_variables_initializer(), tf.tables_initializer()])


def test_items_of_examples(dataset):
    provider = slim.dataset_data_provider.DatasetDataProvider(dataset, shuffle=False, num_epochs=1)
    assert (provider.num_samples(), dataset.num_classes) == (4, 9)
    names = [name for name in provider.list_items() if name != "record_key"]
    tensors = provider.get(names)
    with pytest.raises(ValueError, match="nothing"):
        provider.get(["nothing"])
    with tf.Session() as session:
        start(session)
        with slim.queues.QueueRunners(session):
            with pytest.raises(slim.queues.NestedQueueRunnerError):
                with slim.queues.QueueRunners(session):
                    pass
            session.run(tensors)
            found = dict(zip(names, session.run(tensors), strict=True))
            session.run([tensors, tensors])
            session.run(tensors)
            with pytest.raises(tf.errors.OutOfRangeError):
                session.run(tensors)
    np.testing.assert_array_equal(found.pop("image").ravel(), np.arange(60))
    assert {name: value.tolist() for name, value in found.items()} == {
        "label": 1, "box": [[0.25, 0.0, 0.5, 0.75], [0.5, 0.125, 1.0, 1.0]], "called": 2,
        "raw": [[[1, 1, 2]], [[3, 4, 5]]], "sparse": [1, 0, 0, 1, 0], "shaped": [[1], [1]],
        "found": 0, "backup": [1, 1],
    }  # fmt: skip


def test_batches_made_ahead(dataset):
    provider = slim.dataset_data_provider.DatasetDataProvider(
        dataset, num_readers=2, common_queue_capacity=4, common_queue_min=2, seed=1
    )
    image, label = provider.get(["image", "label"])
    image = tf.image.resize_image_with_crop_or_pad(image, 4, 4)
    batch = tf.train.batch([image, label], 3)
    queue = slim.prefetch_queue.prefetch_queue({"x": batch[0], "y": batch[1]}, capacity=2)
    with tf.Session() as session:
        start(session)
        with slim.queues.QueueRunners(session):
            found = session.run(queue.dequeue())
    assert found["x"].shape == (3, 4, 4, 3)
    assert set(found["y"]) <= set(range(4))


def test_files_by_patterns(tmp_path):
    paths = [tmp_path / name for name in ("b.txt", "a.txt")]
    for path in paths:
        path.write_text(path.name)
    found = slim.parallel_reader.get_data_files([str(tmp_path / "*.txt"), "other"])
    assert found == [*sorted(map(str, paths)), "other"]
    with pytest.raises(ValueError, match="No data files"):
        slim.parallel_reader.get_data_files(str(tmp_path / "*.csv"))
    _, text = slim.parallel_reader.single_pass_read(str(tmp_path / "*.txt"), tf.TextLineReader)
    with tf.Session() as session:
        start(session)
        with slim.queues.QueueRunners(session):
            assert [session.run(text) for _ in paths] == [b"a.txt", b"b.txt"]
