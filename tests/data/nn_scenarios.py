# ruff: noqa: UP031, B905  # runs under Python 3.7 too
"""Networks' ops and optimizers as functions of a namespace: TensorFlow 1.15.5's, or Graphflow's.

Every function returns arrays (or names) by name. ``python tests/data/nn_scenarios.py`` under
tensorflow==1.15.5 (Python 3.7) writes what TensorFlow gives to ``tf115_nn.npz``.
"""

import os

import numpy as np

SPECIAL = np.array([np.nan, -np.inf, np.inf, -3.0, -0.0, 0.0, 0.5, 6.0, 7.25], np.float64)
X = np.random.RandomState(0).randn(3, 4, 5)
LABELS = np.random.RandomState(1).dirichlet(np.ones(5), (3, 4))


def run(tf, tensors):
    """Evaluate a dict of tensors."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensors)


def with_gradients(tf, found, name, y, *xs):
    """Add a value, its gradients, and the gradients of a nonlinear function of those."""
    weights = tf.constant(np.cos(np.arange(y.shape.num_elements())).reshape(y.shape.as_list()))
    first = tf.gradients(y * weights, list(xs))
    found[name] = y
    for k, gradient in enumerate(first):
        if gradient is not None:
            found["%s/d%d" % (name, k)] = gradient
    second = tf.gradients([tf.square(g) for g in first if g is not None], list(xs))
    for k, gradient in enumerate(second):
        if gradient is not None:
            found["%s/dd%d" % (name, k)] = gradient


def activations(tf):
    """Activations at kinks and special values, with two orders of gradients."""
    found = {}
    x = tf.constant(SPECIAL)
    y = tf.constant(X)
    for name in ("relu", "relu6", "elu", "selu", "leaky_relu", "softplus"):
        function = getattr(tf.nn, name)
        found[name + "/special"] = function(x)
        if name != "softplus":  # its gradient at an infinity is the quotient of two
            found[name + "/special_gradient"] = tf.gradients(function(x), x)[0]
        with_gradients(tf, found, name, function(y), y)
    found["softsign"] = tf.nn.softsign(y)
    found["softsign/d0"] = tf.gradients(tf.nn.softsign(y), y)[0]
    found["crelu"] = tf.nn.crelu(y, axis=1)
    return run(tf, found)


def cross_entropies(tf):
    """The softmax family and the losses."""
    found = {}
    x, labels = tf.constant(X), tf.constant(LABELS)
    for axis in (-1, 0, 1):
        with_gradients(tf, found, "softmax_%d" % axis, tf.nn.softmax(x, axis=axis), x)
        with_gradients(tf, found, "log_softmax_%d" % axis, tf.nn.log_softmax(x, axis=axis), x)
    entropy = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=x)
    with_gradients(tf, found, "entropy", entropy, x, labels)
    stopped = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=x, dim=1)
    with_gradients(tf, found, "entropy_of_axis", stopped, x)
    numbers = tf.constant(np.array([[0, 4, 2, 1], [1, 1, 3, 0], [2, 2, 4, 3]]))
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=numbers, logits=x)
    found["sparse"], found["sparse/d0"] = sparse, tf.gradients(sparse * sparse, x)[0]
    row = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=numbers[0], logits=x[0])
    found["sparse_row"], found["sparse_row/d0"] = row, tf.gradients(row, x)[0]
    sigmoid = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=x)
    with_gradients(tf, found, "sigmoid", sigmoid, x, labels)
    at_zero = tf.zeros([2], tf.float64)
    ones = tf.ones([2], tf.float64)
    zero = tf.nn.sigmoid_cross_entropy_with_logits(labels=ones, logits=at_zero)
    found["sigmoid_at_zero/d0"] = tf.gradients(zero, at_zero)[0]
    weighted = tf.nn.weighted_cross_entropy_with_logits(labels, x, 3.0)
    with_gradients(tf, found, "weighted", weighted, x)
    for full in (False, True):
        poisson = tf.nn.log_poisson_loss(tf.abs(x) * 3, x, compute_full_loss=full)
        with_gradients(tf, found, "poisson_%s" % full, poisson, x)
    return run(tf, found)


def layers(tf):
    """Biases, moments and norms."""
    found = {}
    x = tf.constant(X)
    for data_format, size in ((None, 5), ("NCHW", 4)):
        bias = tf.constant(np.arange(size) / 3.0)
        biased = tf.nn.bias_add(x, bias, data_format)
        with_gradients(tf, found, "bias_%s" % data_format, biased, x, bias)
    for axes, keep in (([0], False), ([0, 2], True), ([1], True)):
        for part, tensor in zip(("mean", "variance"), tf.nn.moments(x, axes, keep_dims=keep)):
            with_gradients(tf, found, "%s_%s_%s" % (part, axes, keep), tensor, x)
    weights = tf.constant(LABELS[:, :, :1])
    for part, tensor in zip("mv", tf.nn.weighted_moments(x, [0, 1], weights)):
        with_gradients(tf, found, "weighted_%s" % part, tensor, x)
    with_gradients(tf, found, "l2_normalize", tf.nn.l2_normalize(x, 1), x)
    with_gradients(tf, found, "l2_loss", tf.nn.l2_loss(x), x)
    a, w, b = (tf.constant(v) for v in (X[0], X[1].T, X[2, 0, :4]))
    with_gradients(tf, found, "xw_plus_b", tf.nn.xw_plus_b(a, w, b), a, w, b)
    with_gradients(tf, found, "relu_layer", tf.nn.relu_layer(a, w, b), a, w, b)
    found["zero_fraction"] = tf.nn.zero_fraction(tf.nn.relu(x))
    return run(tf, found)


def dropout(tf):
    """Masks of seeded dropout in two runs, and random initial values."""
    found = {}
    x = tf.constant(np.linspace(1, 2, 37 * 8, dtype=np.float32).reshape(37, 8))
    found["keep_prob"] = tf.nn.dropout(x, 0.7, seed=3)
    found["rate"] = tf.nn.dropout(x, rate=0.4, seed=3)
    found["noise"] = tf.nn.dropout(x, rate=0.5, noise_shape=[None, 1], seed=5)
    found["double"] = tf.nn.dropout(tf.cast(x, tf.float64), rate=0.5, seed=5)
    found["tensor"] = tf.nn.dropout(x, keep_prob=tf.constant(0.25), seed=11)
    found["gradient"] = tf.gradients(found["rate"], x)[0]
    found["uniform"] = tf.random_uniform([5, 7], -2.0, 3.0, seed=8)
    found["integers"] = tf.random_uniform([5, 7], -20, 30, tf.int64, seed=8)
    tf.set_random_seed(1234)
    found["graph_seed"] = tf.nn.dropout(x, 0.5)
    with tf.Session() as session:
        runs = [session.run(found) for _ in range(2)]
    return {name: np.stack([r[name] for r in runs]) for name in found}


OPTIMIZERS = {
    "sgd": lambda tf: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda tf: tf.train.MomentumOptimizer(0.1, 0.9),
    "nesterov": lambda tf: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "rmsprop": lambda tf: tf.train.RMSPropOptimizer(0.01, 0.8, 0.5),
    "centered": lambda tf: tf.train.RMSPropOptimizer(0.01, momentum=0.5, centered=True),
    "adam": lambda tf: tf.train.AdamOptimizer(0.05),
}


def train(tf, make, sparse):
    """Three steps of an optimizer: variables and slots afterwards, names of what it made."""
    with tf.Graph().as_default() as graph:
        w = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2) / 4, name="w")
        with tf.variable_scope("s"):
            c = tf.get_variable("c", [2], initializer=tf.constant_initializer(0.5))
        step = tf.train.get_or_create_global_step()
        rows = tf.gather(w, [0, 2, 0]) if sparse else w
        loss = tf.reduce_sum(tf.square(rows + c) * rows)
        optimizer = make(tf)
        pairs = optimizer.compute_gradients(loss)
        before = len(graph.get_operations())
        update = optimizer.apply_gradients(pairs, global_step=step)
        names = ["%s:%s" % (op.name, op.type) for op in graph.get_operations()[before:]]
        variables = tf.global_variables()
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(3):
                session.run(update)
            values = dict(zip([v.name for v in variables], session.run(variables)))
        values["names"] = np.array([] if sparse else names, dtype=str)
        values["own"] = np.array([v.name for v in optimizer.variables()], dtype=str)
        values["slots"] = np.array(optimizer.get_slot_names(), dtype=str)
        return values


def optimizers(tf):
    """Every optimizer, dense and on rows."""
    found = {}
    for name, make in OPTIMIZERS.items():
        for sparse in (False, True):
            for key, value in train(tf, make, sparse).items():
                found["%s/%s/%s" % (name, sparse, key)] = value
    return found


SCENARIOS = {f.__name__: f for f in (activations, cross_entropies, layers, dropout, optimizers)}


def main():
    """Record and write the file."""
    import tensorflow as tf

    found = {}
    for name, scenario in SCENARIOS.items():
        with tf.Graph().as_default():
            for key, value in scenario(tf).items():
                found["%s/%s" % (name, key)] = value
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf115_nn.npz")
    np.savez_compressed(path, **found)


if __name__ == "__main__":
    main()
