"""Graphs and sessions: nothing is computed until a session is asked.

python tutorials/graphs_and_sessions.py
"""

import numpy as np

import graphflow as tf

# Operations added to a graph. `a`, `b` and `c` are promises: types and shapes, no values.
a = tf.placeholder(tf.float32, [None, 3], name="a")
b = tf.constant([[1.0], [2.0], [3.0]], name="b")
c = tf.matmul(a, b, name="c")
print("a promise:   ", c)
print("the graph:   ", [op.name for op in tf.get_default_graph().get_operations()])

# A session runs what the fetches need, with the fed values in place of the placeholders.
with tf.Session() as session:
    print("its value:   ", session.run(c, {a: [[1, 0, 0], [1, 1, 1]]}).tolist())
    print("several:     ", session.run({"double": 2 * c, "size": tf.size(c)}, {a: np.eye(3)}))

    # Any tensor can be fed, not placeholders alone: this replaces `b`.
    print("b replaced:  ", session.run(c, {a: np.eye(3), b: np.zeros((3, 1))}).ravel())

    # Variables keep their values from run to run, in the session.
    count = tf.Variable(0, name="count")
    increment = count.assign_add(2)
    session.run(count.initializer)
    for _ in range(3):
        session.run(increment)
    print("a variable:  ", session.run(count))

    # Mistakes are found when the graph is built, where shapes are known, and name the line.
    try:
        tf.matmul(b, b)
    except ValueError as error:
        print("a mistake:   ", str(error).split("\n")[0])
    try:
        session.run(c)
    except tf.errors.InvalidArgumentError as error:
        print("not fed:     ", error.message.split("\n")[0])

    # A callable of the same run, for loops in which every microsecond counts.
    product = session.make_callable(c, [a])
    print("a callable:  ", product(np.ones((1, 3), np.float32)))
