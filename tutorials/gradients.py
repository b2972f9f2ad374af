"""Gradients are more graph: of any order, through whatever the graph does.

python tutorials/gradients.py
"""

import numpy as np

import graphflow as tf

x = tf.placeholder(tf.float64, [], name="x")
y = tf.sin(x) * tf.exp(-x)
slope = tf.gradients(y, x)[0]  # operations that compute dy/dx
curvature = tf.gradients(slope, x)[0]  # and those of that

with tf.Session() as session:
    for point in (0.0, 1.0):
        print(f"at {point}:", session.run([y, slope, curvature], {x: point}))

    # By vectors: the gradient of a sum, or with weights, `grad_ys`, of a weighted one.
    v = tf.constant([1.0, 2.0, 3.0])
    cubes = v**3
    print("of the sum:       ", session.run(tf.gradients(cubes, v)[0]))
    print("of the last alone:", session.run(tf.gradients(cubes, v, grad_ys=[[0.0, 0, 1]])[0]))

    # What is stopped counts as a constant.
    print("stopped:          ", session.run(tf.gradients(v * tf.stop_gradient(v), v)[0]))

    # Forward mode: the derivative along a direction, and Theano's names for both.
    print("along (1, 0, 0):  ", session.run(tf.jvp(cubes, [v], [tf.constant([1.0, 0, 0])])))

    # Through a loop: x -> cos(x), twenty times.
    start = tf.constant(1.0)
    _, fixed = tf.while_loop(lambda i, z: i < 20, lambda i, z: (i + 1, tf.cos(z)), [0, start])
    print("a loop's:         ", session.run([fixed, tf.gradients(fixed, start)[0]]))

    # A gradient of one's own: a step function that lets gradients pass.
    @tf.custom_gradient
    def step(z):
        return tf.cast(z > 0, z.dtype), lambda upstream: upstream

    w = tf.constant([-1.0, 0.5])
    print("of one's own:     ", session.run([step(w), tf.gradients(step(w), w)[0]]))

    # Checked against finite differences.
    m = tf.Variable(np.random.RandomState(0).rand(3, 4))
    session.run(m.initializer)
    error = tf.test.compute_gradient_error(m, [3, 4], tf.nn.softmax(m), [3, 4])
    print("finite differences agree:", error < 1e-6)
