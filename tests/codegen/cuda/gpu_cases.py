"""Runs of the public API as lowered Programs, for schedules that no GPU runs here."""

from __future__ import annotations

import numpy as np

import graphflow as tf


def compiled_run(build, feeds):
    """The compiled Program of the fetches that `build` makes, its inputs, and what a run gives.

    `feeds` maps placeholders' names to arrays; `build` gets the placeholders.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        xs = {name: tf.placeholder(a.dtype, a.shape, name=name) for name, a in feeds.items()}
        fetches = build(**xs)
        fed = {xs[name]: array for name, array in feeds.items()}
        session.run(fetches, fed)  # the first run makes the state of random operations
        store = session._engine.store
        state = {name: array.copy() for name, array in store._arrays.items()}
        wanted = session.run(fetches, fed)
        (plan,) = session._engine.plans.values()
        (prepared,) = plan.prepared.values()
        compiled = prepared.instance.compiled
        known = {**state, **feeds}
        return compiled, [known[i["name"]] for i in compiled.program.inputs], wanted


R = np.random.default_rng(0)
WIDE = {"x": R.standard_normal((7, 300)).astype(np.float32)}
BOTH = {**WIDE, "y": R.standard_normal((7, 300)).astype(np.float32)}
ROWS = {**WIDE, "i": np.array([6, 0, 3, 3, 1], np.int32)}
PRODUCT = {
    "a": R.standard_normal((3, 70, 33)).astype(np.float32),
    "b": R.standard_normal((3, 33, 130)).astype(np.float32),
    "c": R.standard_normal((40, 50)),
}


def _cross_entropy(x, y):
    loss = tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits_v2(labels=tf.nn.softmax(y), logits=x)
    )
    return [loss, *tf.gradients(loss, [x, y])]


def _layer_norm(x):
    mean, variance = tf.nn.moments(x, [1], keep_dims=True)
    y = (x - mean) * tf.rsqrt(variance + 1e-5)
    return [y, *tf.gradients(tf.reduce_sum(y**3), x)]


def _draws():
    floats = [
        draw((1003,), dtype=dtype, seed=3)
        for dtype in (tf.float16, tf.float32, tf.float64)
        for draw in (tf.random_uniform, tf.random_normal, tf.truncated_normal)
    ]
    return floats + [tf.random_uniform((77,), 3, 17, dtype=d, seed=4) for d in (tf.int32, tf.int64)]


IMAGES = {
    "x": R.standard_normal((2, 9, 8, 3)).astype(np.float32),
    "w": R.standard_normal((3, 2, 3, 5)).astype(np.float32),
}


def _convolutions(x, w):
    found = [
        tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME") + 1,
        tf.nn.relu(tf.nn.conv2d(x, w, [1, 2, 1, 1], "VALID")),
        tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME", dilations=[1, 2, 2, 1]),
        tf.nn.conv2d(tf.cast(x, tf.float64), tf.cast(w, tf.float64), [1, 2, 2, 1], "SAME"),
        tf.nn.conv1d(x[:, 0], w[0], 1, "SAME"),
        tf.nn.conv3d(x[:, None], w[None], [1, 1, 2, 1, 1], "SAME"),
    ]
    return found + [slope for y in found[:3] for slope in tf.gradients(tf.reduce_sum(y**2), [x, w])]


CASES = {
    "elementwise": (lambda x, y: [tf.tanh(x) * tf.exp(-y * y) + tf.log1p(tf.abs(x))], BOTH),
    "functions": (
        lambda x: [
            f(x)
            for f in (tf.erf, tf.sin, tf.cos, tf.sigmoid, tf.nn.softplus, tf.floor, tf.rint, tf.exp)
        ],
        WIDE,
    ),
    "types": (
        lambda x: [tf.cast(x * 50, t) for t in (tf.int8, tf.uint16, tf.int64, tf.float64)]
        + [tf.cast(x, t) * 2 for t in (tf.float16, tf.bfloat16)]
        + [tf.logical_and(x > 0, x < 1)],
        WIDE,
    ),
    "rows": (
        lambda x: [
            tf.reduce_max(x, 1), tf.reduce_sum(x, 1), tf.reduce_prod(x / 3, 1),
            tf.reduce_any(x > 2, 1), tf.reduce_all(x > -2, 1), tf.argmax(x, 1),
            tf.argmin(tf.cast(x, tf.float64), 1), tf.reduce_sum(tf.cast(x, tf.int64), 1),
        ],
        WIDE,
    ),
    "columns and all": (
        lambda x: [tf.reduce_sum(x, 0), tf.reduce_max(x), tf.reduce_sum(x), tf.argmax(x, 0)],
        WIDE,
    ),
    "cross entropy": (_cross_entropy, BOTH),
    "layer norm": (_layer_norm, WIDE),
    "views": (
        lambda x: [
            tf.transpose(x) * 2, tf.concat([x, x[:, ::2]], 1) + 1, tf.reverse(x, [1]),
            tf.pad(x, [[1, 0], [2, 3]]), tf.tile(x, [2, 3])[3:],
        ],
        WIDE,
    ),
    "gather and scatter": (
        lambda x, i: [
            tf.gather(x, i), tf.unsorted_segment_sum(tf.gather(x, i), i, 9), tf.one_hot(i, 20),
            tf.tensor_scatter_update(x, i[:, None], tf.gather(x, i) + 1),
        ],
        ROWS,
    ),
    "scans": (lambda x: [tf.cumsum(x, 1), tf.cumsum(x, 0), tf.cumprod(x, 1, reverse=True)], WIDE),
    "draws": (_draws, {}),
    "products": (
        lambda a, b, c: [
            tf.nn.relu(tf.matmul(a, b) + 1), tf.matmul(c, c, transpose_b=True),
            tf.matmul(c, c, transpose_a=True),
        ],
        PRODUCT,
    ),
    "convolutions": (_convolutions, IMAGES),
}  # fmt: skip
