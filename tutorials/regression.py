"""Linear and polynomial regression by gradient descent, and by the normal equations.

python tutorials/regression.py
"""

import numpy as np

import graphflow as tf

DEGREE = 3
random = np.random.RandomState(0)
points = random.uniform(-1, 1, 200).astype(np.float32)
values = (1 - 2 * points + 3 * points**3 + 0.1 * random.randn(200)).astype(np.float32)

x = tf.placeholder(tf.float32, [None], name="x")
y = tf.placeholder(tf.float32, [None], name="y")
powers = tf.stack([x**k for k in range(DEGREE + 1)], axis=1)
weights = tf.Variable(tf.zeros([DEGREE + 1]), name="weights")
error = tf.reduce_mean((tf.tensordot(powers, weights, 1) - y) ** 2)
step = tf.train.GradientDescentOptimizer(0.5).minimize(error)
exact = tf.matrix_solve_ls(powers, y[:, None])[:, 0]

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    feed = {x: points, y: values}
    for k in range(2001):
        if k % 500 == 0:
            print(f"step {k:4}: error {session.run(error, feed):.5f}")
        session.run(step, feed)
    print("by descent:         ", np.round(session.run(weights), 2))
    print("by normal equations:", np.round(session.run(exact, feed), 2))
    print("drawn from:          [ 1. -2.  0.  3.]")
