"""Records what TensorFlow 1.15.5 does around training: models it saved, and when its hooks act.

Run with its Python: ``python tests/data/record_training.py``. Writes ``tests/data/tf115_model`` (a
SavedModel with resource variables and an asset), ``tf115_frozen.pb`` and ``tf115_hooks.json``.
"""

import json
import logging
import os
import re
import shutil
import sys
import tempfile

import numpy as np
import tensorflow as tf

DATA = os.path.dirname(os.path.abspath(__file__))
X = np.linspace(-1, 1, 2 * 6 * 6 * 2).reshape(2, 6, 6, 2).astype(np.float32)


def network(x):
    training = tf.placeholder_with_default(False, [], name="training")
    keep = tf.placeholder_with_default(1.0, [], name="keep")
    with tf.variable_scope("net", use_resource=True):
        h = tf.layers.conv2d(x, 3, 3, name="conv", activation=tf.nn.relu)
        h = tf.layers.batch_normalization(h, training=training, name="norm")
        h = tf.nn.dropout(tf.layers.flatten(h), keep_prob=keep)
        h = tf.layers.dense(h, 4, tf.nn.tanh, name="dense")
        w = tf.get_variable("w", [4, 4])
        _, h = tf.while_loop(
            lambda i, _: i < 3, lambda i, v: (i + 1, tf.tanh(tf.matmul(v, w))), [0, h]
        )
    return tf.nn.softmax(h, name="y")


def model():
    folder = os.path.join(DATA, "tf115_model")
    shutil.rmtree(folder, ignore_errors=True)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(1)
        x = tf.placeholder(tf.float32, [None, 6, 6, 2], name="x")
        y = network(x)
        source = os.path.join(tempfile.mkdtemp(), "words.txt")
        with open(source, "w") as file:
            file.write("one\ntwo\n")
        words = tf.constant(source, name="path")
        tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, words)
        content = tf.Variable("", trainable=False, collections=["local_variables"], name="content")
        main = tf.group(tf.assign(content, tf.read_file(words)), name="main")
        session.run(tf.global_variables_initializer())
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
        with open(os.path.join(DATA, "tf115_frozen.pb"), "wb") as file:
            file.write(frozen.SerializeToString())
        tf.saved_model.simple_save(session, folder, {"x": x}, {"y": y}, legacy_init_op=main)
        return session.run(y, {x: X}).tolist()


def hooks():
    """Texts that are logged, and calls in their order, for a short training."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            text = record.getMessage().replace(folder, "DIR")
            text = re.sub(r"[\d.]+ sec\)", "S sec)", re.sub(r"/sec: [\d.e+]+", "/sec: X", text))
            if not text.startswith(("TF", "From", "\nTF")) and "has not been increased" not in text:
                lines.append(text)

    folder = tempfile.mkdtemp()
    logger = logging.getLogger("tensorflow")
    logger.handlers, logger.propagate = [Keep()], False
    tf.logging.set_verbosity(tf.logging.INFO)
    sys.path.insert(0, DATA)
    import hook_scenario

    result = hook_scenario.run(tf, folder, lines)
    return {"lines": lines, **result}


if __name__ == "__main__":
    made = {"y": model(), **hooks()}
    with open(os.path.join(DATA, "tf115_hooks.json"), "w") as file:
        json.dump(made, file, indent=1)
