"""Distributions; `answers(tf)` runs with TensorFlow 1.15 and with graphflow.

Run by TensorFlow's Python, it writes ``tf115_distributions.json``.
"""

import json
import os

import numpy as np

MOMENTS = ("mean", "variance", "stddev", "mode", "entropy")
OF_VALUES = (
    "log_prob", "prob", "cdf", "log_cdf", "survival_function", "log_survival_function",
)  # fmt: skip


def cases(ds):
    """Pairs of distributions of a kind, the second may be None, and values."""
    a, b = np.float32([0.5, 1.5, 3.0]), np.float32([2.0, 0.7, 1.2])
    x = np.float32([0.2, 0.6, 0.9])
    return {
        "Normal": (ds.Normal(a, b), ds.Normal(b, 1.0), x * 3 - 1),
        "Uniform": (ds.Uniform(a - 1, b + 3), None, x * 2),
        "Laplace": (ds.Laplace(a, b), None, x),
        "Gamma": (ds.Gamma(a, b), ds.Gamma(b, 2.0), x * 3),
        "Exponential": (ds.Exponential(a), None, x),
        "Beta": (ds.Beta(a, b), ds.Beta(b, a), x),
        "StudentT": (ds.StudentT(a + 1, b, a), None, x),
        "Bernoulli": (
            ds.Bernoulli(logits=a - 1), ds.Bernoulli(probs=[0.2, 0.5, 0.9]), np.int32([0, 1, 1])
        ),
        "Categorical": (
            ds.Categorical(logits=[[0.1, 0.2, 0.3], [2, 1, 0.0]]),
            ds.Categorical(probs=[[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]), np.int32([0, 2]),
        ),
        "Dirichlet": (
            ds.Dirichlet([1.0, 2.0, 3.0]), ds.Dirichlet([1.0, 1.0, 2.0]),
            np.float32([0.2, 0.3, 0.5]),
        ),
        "Multinomial": (
            ds.Multinomial(4.0, probs=[0.2, 0.3, 0.5]), None, np.float32([1, 1, 2])
        ),
    }  # fmt: skip


def answers(tf):
    """Values by the name of a case; what a distribution does not have is left out."""
    found = {}
    with tf.Graph().as_default(), tf.Session() as session:

        def put(name, make):
            try:
                made = make()
            except NotImplementedError:
                return
            found[name] = np.asarray(session.run(made)).astype(float).tolist()
            found[name + " shape"] = made.shape.as_list()

        for kind, (one, other, values) in cases(tf.distributions).items():
            for name in MOMENTS:
                put(kind + " " + name, getattr(one, name))
            for name in OF_VALUES:
                put(kind + " " + name, lambda n=name, d=one, v=values: getattr(d, n)(v))
            if other is not None:
                put(kind + " kl", lambda p=one, q=other: tf.distributions.kl_divergence(p, q))
                put(kind + " cross_entropy", lambda p=one, q=other: p.cross_entropy(q))
            if kind in ("Normal", "Uniform", "Exponential", "Bernoulli"):
                put(kind + " sample", lambda d=one: d.sample([2, 3], seed=7))
        far = [-30.0, -6.0, -4.9, -1.0, 3.0]
        put("far", lambda: tf.distributions.Normal(0.0, 1.0).log_cdf(far))
    return found


if __name__ == "__main__":
    import tensorflow

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf115_distributions.json")
    with open(path, "w") as file:
        json.dump(answers(tensorflow), file)
