"""Input pipelines and checkpoints: train, stop, and go on from the file.

python tutorials/data_and_checkpoints.py
"""

import os
import tempfile

import numpy as np

import graphflow as tf
from graphflow.datasets import load_digits


def write_records(path, part):
    """Digits as TensorFlow's examples, in a record file."""
    with tf.python_io.TFRecordWriter(path) as writer:
        for image, label in zip(part.images, part.labels, strict=True):
            features = {
                "image": tf.train.Feature(float_list=tf.train.FloatList(value=image)),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def parse(record):
    """One record's image and label."""
    features = {
        "image": tf.FixedLenFeature([64], tf.float32),
        "label": tf.FixedLenFeature([], tf.int64),
    }
    found = tf.parse_single_example(record, features)
    return found["image"], tf.cast(found["label"], tf.int32)


def build(path):
    """The graph: data, network, training step."""
    data = tf.data.TFRecordDataset(path).map(parse, num_parallel_calls=2).cache()
    data = data.shuffle(2000, seed=1).repeat().batch(64).prefetch(2)
    images, labels = data.make_one_shot_iterator().get_next()
    logits = tf.layers.dense(tf.layers.dense(images, 64, tf.nn.relu), 10)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    count = tf.train.get_or_create_global_step()
    return loss, tf.train.AdamOptimizer(3e-3).minimize(loss, count), count


def train(folder, records, steps):
    """Train from the latest checkpoint, if there is one, and save another."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        loss, step, count = build(records)
        saver = tf.train.Saver()
        latest = tf.train.latest_checkpoint(folder)
        if latest:
            saver.restore(session, latest)
        else:
            session.run(tf.global_variables_initializer())
        print(f"from step {session.run(count)}", end=": ")
        losses = [session.run([loss, step])[0] for _ in range(steps)]
        saver.save(session, os.path.join(folder, "model"), count)
        print(f"loss {np.mean(losses[:5]):.3f} to {np.mean(losses[-5:]):.3f}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        records = os.path.join(folder, "digits.tfrecord")
        write_records(records, load_digits()[0])
        print(f"records: {os.path.getsize(records) // 1000} kB")
        for _ in range(3):
            train(folder, records, 60)
        print("kept:", sorted(n for n in os.listdir(folder) if n.endswith(".index")))
        for name, shape in tf.train.list_variables(tf.train.latest_checkpoint(folder))[:3]:
            print(f"  {name} {shape}")


if __name__ == "__main__":
    main()
