"""A two-layer network that reads handwritten digits, in the style of TensorFlow 1.x.

    python tutorials/digits_mlp.py --epochs 30

The data are 1,797 images of 8 by 8 pixels (E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998). A fifth is held out; the network gets some 98 % of it right after a few seconds.

Nothing is computed while the graph is built. The first `session.run` of the training step compiles
loss, gradients and Adam's update as one program, and every later step is one call of it:

    graphflow dump --stage kernels tutorials/digits_mlp.py --epochs 1
"""

import argparse

import numpy as np

import graphflow as tf
from graphflow.datasets import load_digits

try:
    from tqdm.auto import trange  # in a notebook a bar of the notebook's own
except ImportError:  # a nicety: without it, epochs are counted in plain lines

    def trange(count):
        for k in range(count):
            if k % 10 == 0:
                print(f"epoch {k} of {count}")
            yield k


def dense(x, units, name):
    """One layer: ``x w + b``, with weights drawn by Glorot's rule."""
    with tf.variable_scope(name):
        w = tf.get_variable("w", [x.shape[1], units])
        b = tf.get_variable("b", [units], initializer=tf.zeros_initializer())
        return tf.nn.xw_plus_b(x, w, b)


def build(learning_rate):
    """The graph: what is fed, and what can be asked for."""
    images = tf.placeholder(tf.float32, [None, 64], name="images")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    rate = tf.placeholder_with_default(0.0, [], name="dropout_rate")
    hidden = tf.nn.relu(dense(images, 128, "hidden"))
    logits = dense(tf.nn.dropout(hidden, rate=rate), 10, "logits")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(learning_rate).minimize(loss)
    right = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), labels)
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
    return images, labels, rate, loss, step, accuracy


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    options = parser.parse_args()

    train, test = load_digits(held_out=0.2)
    tf.set_random_seed(1)
    images, labels, rate, loss, step, accuracy = build(options.learning_rate)
    random = np.random.RandomState(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in trange(options.epochs):
            order = random.permutation(len(train.labels))
            whole = len(order) // options.batch * options.batch
            for rows in order[:whole].reshape(-1, options.batch):
                feed = {images: train.images[rows], labels: train.labels[rows], rate: 0.2}
                session.run(step, feed)
        for name, part in (("train", train), ("test", test)):
            feed = {images: part.images, labels: part.labels}
            found = session.run([loss, accuracy], feed)
            print(f"{name}: loss {found[0]:.4f}, accuracy {100 * found[1]:.1f} %")


if __name__ == "__main__":
    main()
