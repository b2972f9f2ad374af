"""Summaries for TensorBoard: numbers, histograms, pictures, texts, and the graph.

python tutorials/tensorboard.py --logs /tmp/digits
tensorboard --logdir /tmp/digits
"""

import argparse
import os

import numpy as np

import graphflow as tf
from graphflow.datasets import load_digits


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--logs", default="logs")
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    train, _ = load_digits()
    tf.set_random_seed(1)
    with tf.name_scope("input"):
        images = tf.placeholder(tf.float32, [None, 64], name="images")
        labels = tf.placeholder(tf.int32, [None], name="labels")
        tf.summary.image("digits", tf.reshape(images, [-1, 8, 8, 1]), max_outputs=4)
    hidden = tf.layers.dense(images, 64, tf.nn.relu, name="hidden")
    tf.summary.histogram("hidden", hidden)
    logits = tf.layers.dense(hidden, 10, name="logits")
    with tf.name_scope("training"):
        loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
        step = tf.train.AdamOptimizer(2e-3).minimize(loss)
    right = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), labels)
    tf.summary.scalar("loss", loss)
    tf.summary.scalar("accuracy", tf.reduce_mean(tf.cast(right, tf.float32)))
    for variable in tf.trainable_variables():
        tf.summary.histogram(variable.op.name, variable)
    tf.summary.text("about", tf.constant("Handwritten digits, a layer of 64."))
    merged = tf.summary.merge_all()
    random = np.random.RandomState(0)
    with tf.Session() as session, tf.summary.FileWriter(options.logs, session.graph) as writer:
        session.run(tf.global_variables_initializer())
        for k in range(options.steps):
            rows = random.randint(len(train.labels), size=64)
            feed = {images: train.images[rows], labels: train.labels[rows]}
            if k % 20 == 0:
                summary = session.run(merged, feed)
                writer.add_summary(summary, k)
            session.run(step, feed)
        metadata = tf.RunMetadata()
        options_of_run = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        session.run(step, feed, options=options_of_run, run_metadata=metadata)
        writer.add_run_metadata(metadata, "last step")
    files = [os.path.join(options.logs, n) for n in os.listdir(options.logs) if "tfevents" in n]
    path = max(files, key=os.path.getmtime)  # earlier runs have left theirs
    tags = {v.tag for event in tf.train.summary_iterator(path) for v in event.summary.value}
    print(f"wrote {len(tags)} kinds of summaries:", ", ".join(sorted(tags)[:6]), "...")


if __name__ == "__main__":
    main()
