"""A convolutional network for handwritten digits, with `tf.layers` and batch normalisation.

python tutorials/digits_convnet.py --epochs 12
"""

import argparse

import numpy as np

import graphflow as tf
from graphflow.datasets import load_digits


def network(images, training):
    """Two convolutions, a dense layer, ten scores."""
    x = tf.reshape(images, [-1, 8, 8, 1])
    for filters in (16, 32):
        x = tf.layers.conv2d(x, filters, 3, padding="same", use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
    x = tf.layers.flatten(tf.layers.max_pooling2d(x, 2, 2))
    x = tf.layers.dropout(tf.layers.dense(x, 64, tf.nn.relu), 0.3, training=training)
    return tf.layers.dense(x, 10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    train, test = load_digits(held_out=0.2)
    tf.set_random_seed(1)
    images = tf.placeholder(tf.float32, [None, 64], name="images")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    training = tf.placeholder_with_default(False, [], name="training")
    logits = network(images, training)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    # Batch normalisation's moving statistics are updates of their own: the step waits for them.
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(2e-3).minimize(loss)
    accuracy, update = tf.metrics.accuracy(labels, tf.argmax(logits, 1))
    random = np.random.RandomState(0)
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        for epoch in range(options.epochs):
            order = random.permutation(len(train.labels))[: len(train.labels) // 64 * 64]
            losses = []
            for rows in order.reshape(-1, 64):
                feed = {images: train.images[rows], labels: train.labels[rows], training: True}
                losses.append(session.run([loss, step], feed)[0])
            if epoch % 4 == 3:
                print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")
        session.run(update, {images: test.images, labels: test.labels})
        print(f"test accuracy {100 * session.run(accuracy):.1f} %")


if __name__ == "__main__":
    main()
