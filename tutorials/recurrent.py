"""A recurrent network that reads digits row by row: `dynamic_rnn` over an LSTM cell.

    python tutorials/recurrent.py --epochs 15

The loop is compiled whole, as is its gradient, a loop that runs backwards.
"""

import argparse

import numpy as np

import graphflow as tf
from graphflow.datasets import load_digits


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    train, test = load_digits(held_out=0.2)
    tf.set_random_seed(1)
    rows = tf.placeholder(tf.float32, [None, 8, 8], name="rows")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    cell = tf.nn.rnn_cell.LSTMCell(64)
    _, state = tf.nn.dynamic_rnn(cell, rows, dtype=tf.float32)
    logits = tf.layers.dense(state.h, 10)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    optimizer = tf.train.AdamOptimizer(5e-3)
    gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
    clipped, _ = tf.clip_by_global_norm(gradients, 5.0)
    step = optimizer.apply_gradients(zip(clipped, variables, strict=True))
    right = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), labels)
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
    random = np.random.RandomState(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(options.epochs):
            order = random.permutation(len(train.labels))[: len(train.labels) // 64 * 64]
            for batch in order.reshape(-1, 64):
                images = train.images[batch].reshape(-1, 8, 8)
                session.run(step, {rows: images, labels: train.labels[batch]})
            if epoch % 5 == 4:
                feed = {rows: test.images.reshape(-1, 8, 8), labels: test.labels}
                print(f"epoch {epoch + 1}: test accuracy {100 * session.run(accuracy, feed):.1f} %")


if __name__ == "__main__":
    main()
