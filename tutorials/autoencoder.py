"""An autoencoder: digits through a bottleneck of eight numbers, and back.

python tutorials/autoencoder.py --epochs 60
"""

import argparse

import numpy as np

import graphflow as tf
from graphflow.datasets import load_digits

SHADES = " .:-=+*#%@"


def picture(*rows):
    """Digits side by side, as text."""
    lines = []
    for y in range(8):
        parts = []
        for row in rows:
            pixels = np.clip(row.reshape(8, 8)[y] * len(SHADES), 0, len(SHADES) - 1).astype(int)
            parts.append("".join(SHADES[p] * 2 for p in pixels))
        lines.append("  ".join(parts))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    train, test = load_digits(held_out=0.2)
    tf.set_random_seed(2)
    images = tf.placeholder(tf.float32, [None, 64])
    with tf.variable_scope("encoder"):
        code = tf.layers.dense(tf.layers.dense(images, 64, tf.nn.elu), 8, name="code")
    with tf.variable_scope("decoder"):
        restored = tf.layers.dense(tf.layers.dense(code, 64, tf.nn.elu), 64, tf.nn.sigmoid)
    loss = tf.losses.mean_squared_error(images, restored)
    step = tf.train.AdamOptimizer(3e-3).minimize(loss)
    random = np.random.RandomState(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(options.epochs):
            order = random.permutation(len(train.images))[: len(train.images) // 64 * 64]
            for rows in order.reshape(-1, 64):
                session.run(step, {images: train.images[rows]})
            if epoch % 20 == 19:
                error = session.run(loss, {images: test.images})
                print(f"epoch {epoch + 1}: squared error of held-out digits {error:.4f}")
        some = test.images[:3]
        found = session.run(restored, {images: some})
        print("\nthree digits, and what eight numbers keep of them:\n")
        print(picture(*some))
        print()
        print(picture(*found))


if __name__ == "__main__":
    main()
