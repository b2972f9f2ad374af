"""Control flow in the graph: conditions, loops, arrays and scans, compiled with all the rest.

python tutorials/control_flow.py
"""

import numpy as np

import graphflow as tf

with tf.Session() as session:
    # A branch: only the one that is taken runs.
    x = tf.placeholder(tf.float32, [])
    y = tf.cond(x > 0, lambda: tf.sqrt(x), lambda: -x)
    print("cond:      ", [session.run(y, {x: v}) for v in (4.0, -4.0)])

    # Collatz's sequence: how many rounds is for the data to say.
    n = tf.placeholder(tf.int32, [])
    _, rounds = tf.while_loop(
        lambda n, k: n > 1,
        lambda n, k: (tf.where(tf.equal(n % 2, 0), n // 2, 3 * n + 1), k + 1),
        [n, 0],
    )
    print("while_loop:", [session.run(rounds, {n: v}) for v in (6, 7, 27)])

    # Newton's method for several roots at once, until all are good, and its derivative.
    a = tf.constant([2.0, 3.0, 10.0])
    root = tf.while_loop(
        lambda r: tf.reduce_any(tf.abs(r * r - a) > 1e-5 * a),
        lambda r: (r + a / r) / 2,
        [tf.ones_like(a)],
        maximum_iterations=20,
    )
    print("Newton:    ", session.run([root, tf.gradients(root, a)[0]]))

    # Over the rows of a tensor: map, and scan with what came before.
    m = tf.constant(np.arange(6, dtype=np.float32).reshape(3, 2))
    print("map_fn:    ", session.run(tf.map_fn(tf.reduce_prod, m)))
    print("scan:      ", session.run(tf.scan(lambda total, row: total * 0.5 + row, m)).tolist())
    print("foldl:     ", session.run(tf.foldl(lambda total, row: total + row, m)))

    # Arrays of tensors, written and read by index.
    squares = tf.TensorArray(tf.int32, 5)
    _, squares = tf.while_loop(
        lambda i, _: i < 5, lambda i, array: (i + 1, array.write(i, i * i)), [0, squares]
    )
    print("TensorArray", session.run(squares.stack()))

    # A case of several, and an assertion that names its data.
    k = tf.placeholder(tf.int32, [])
    name = tf.switch_case(k, [lambda: 10, lambda: 20], default=lambda: -1)
    print("switch:    ", [session.run(name, {k: v}) for v in (0, 1, 7)])
    with tf.control_dependencies([tf.Assert(k < 9, ["k is", k])]):
        checked = tf.identity(k)
    try:
        session.run(checked, {k: 11})
    except tf.errors.InvalidArgumentError as error:
        print("Assert:    ", error.message.split("\n")[0])
