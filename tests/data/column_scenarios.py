"""Feature columns over one batch; `answers(tf)` runs with TensorFlow 1.15 and with graphflow.

Run by TensorFlow's Python, it writes ``tf115_columns.json``.
"""

import json
import os

import numpy as np

FEATURES = {
    "a": np.array([[0.1, 5.0], [3.0, -1.0], [7.0, 2.0]], np.float32),
    "w": np.array(["x", "q", "y"]),
    "h": np.array([["u", "v"], ["", "w"], ["zz", "u"]]),
    "i": np.array([3, 0, 9]),
    "j": np.array([[1, 2], [-1, 3], [2, 2]]),
    "jj": np.array([[1, 2], [0, 3], [2, 2]]),
    "jw": np.array([[1.0, 0.5], [2.0, 3.0], [0.25, 4.0]], np.float32),
}


def columns(fc, tf):
    a = fc.numeric_column("a", shape=2)
    buckets = fc.bucketized_column(a, [0, 2.5, 6])
    words = fc.categorical_column_with_vocabulary_list("w", ["x", "y"], num_oov_buckets=3)
    hashed = fc.categorical_column_with_hash_bucket("h", 11)
    numbers = fc.categorical_column_with_hash_bucket("j", 5, dtype=tf.int64)
    i = fc.categorical_column_with_identity("i", 5, default_value=4)
    j = fc.categorical_column_with_identity("j", 4)
    jj = fc.categorical_column_with_identity("jj", 4)
    weighted = fc.weighted_categorical_column(jj, "jw")
    crossed = fc.crossed_column([buckets, "w", "i"], 1000)
    small = fc.crossed_column(["w", j], 50, hash_key=7)
    other = fc.categorical_column_with_identity("i", 4, default_value=0)
    dense = {
        "a": [a],
        "buckets": [buckets],
        "words": [fc.indicator_column(words)],
        "hashed": [fc.indicator_column(hashed), fc.embedding_column(hashed, 3, combiner="sum")],
        "i": [fc.embedding_column(i, 3), fc.indicator_column(i)],
        "j": [fc.embedding_column(j, 3, combiner="sqrtn", max_norm=0.8)],
        "weighted": [fc.embedding_column(weighted, 3), fc.indicator_column(weighted)],
        "crossed": [fc.indicator_column(small), fc.embedding_column(crossed, 3)],
        "numbers": [fc.indicator_column(numbers)],
        "shared": fc.shared_embedding_columns([j, other], 2),
        "all": [a, buckets, fc.embedding_column(j, 3)],
    }
    linear = {
        "a": [a], "buckets": [buckets, a], "words": [words], "hashed": [hashed],
        "crossed": [crossed, small], "weighted": [weighted],
        "embedding": [fc.embedding_column(j, 3), i],
    }  # fmt: skip
    return dense, linear


def answers(tf):
    """Values and names of variables by the name of a case."""
    found = {}

    def run(name, build):
        with tf.Graph().as_default(), tf.Session() as session:
            made = build({k: tf.constant(v) for k, v in FEATURES.items()})
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            for k, variable in enumerate(tf.global_variables()):
                shape = variable.shape.as_list()
                count = int(np.prod(shape))
                values = ((np.arange(count) * (k + 1)) % 7 / 7.0).reshape(shape)
                variable.load(values.astype(np.float32), session)
            found[name] = np.asarray(session.run(made)).tolist()
            found[name + " variables"] = [v.name for v in tf.global_variables()]

    fc = tf.feature_column
    dense, linear = columns(fc, tf)
    for name, chosen in dense.items():
        run("input_layer " + name, lambda f, c=chosen: fc.input_layer(f, c))
    for name, chosen in linear.items():
        run("linear_model " + name, lambda f, c=chosen: fc.linear_model(f, c, units=2))
        mean = {"sparse_combiner": "mean"}
        run("mean " + name, lambda f, c=chosen, m=mean: fc.linear_model(f, c, **m))

    def hashed(f, **options):
        return tf.sparse_tensor_to_dense(tf.sparse.cross_hashed([f["h"], f["j"]], **options))

    run("crossed whole", lambda f: hashed(f, hash_key=99))
    run("crossed buckets", lambda f: hashed(f, num_buckets=77))

    def texts(f):
        crossed = tf.sparse_tensor_to_dense(tf.sparse.cross([f["h"], f["j"]]), default_value="")
        return tf.strings.to_hash_bucket_fast(crossed, 1000)

    run("crossed texts", texts)
    return found


if __name__ == "__main__":
    import tensorflow

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf115_columns.json")
    with open(path, "w") as file:
        json.dump(answers(tensorflow), file)
