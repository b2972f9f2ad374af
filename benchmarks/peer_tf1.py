"""The workloads in TensorFlow 1.x's API: graphflow, TensorFlow 1.15 and 2.x's ``compat.v1``.

Options: ``module`` is what is imported; ``call`` is how a step is called, ``run`` (`Session.run`),
``callable`` (`Session.make_callable`) or ``function`` (graphflow's `function`); ``xla=jit`` has XLA
compile the whole step, which takes TensorFlow 2. This file also runs on Python 3.7.
"""

from __future__ import annotations

import importlib
import os
import struct
import tempfile
import zlib

import formulas
import numpy as np
import workloads
from worker import Program, cycle


class LstmCell:
    """BasicLSTMCell's arithmetic, for TensorFlow 2.21, which comes without it."""

    def __init__(self, tf, size, kernel, bias):
        self.tf, self.kernel, self.bias = tf, kernel, bias
        self.output_size = size
        self.state_size = (size, size)

    def zero_state(self, batch_size, dtype):
        return tuple(self.tf.zeros([batch_size, size], dtype) for size in self.state_size)

    def __call__(self, inputs, state, scope=None):
        tf = self.tf
        memory, output = state
        gates = tf.matmul(tf.concat([inputs, output], 1), self.kernel) + self.bias
        entry, new, forget, leave = tf.split(gates, 4, axis=1)
        memory = memory * tf.sigmoid(forget + 1.0) + tf.sigmoid(entry) * tf.tanh(new)
        output = tf.tanh(memory) * tf.sigmoid(leave)
        return output, (memory, output)


class Peer:
    """Builds each family as a user of TensorFlow 1.x would."""

    def __init__(self, options, threads):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        module = options.get("module", "graphflow")
        self.tf = importlib.import_module(module)
        self.root = importlib.import_module(module.split(".")[0])
        self.version = self.root.__version__
        self.call = options.get("call", "run")
        self.xla = options.get("xla") == "jit"
        self.threads = threads
        if self.xla:
            self.save = self.smile_fed = None  # XLA compiles neither files nor data sets
        if module == "tensorflow.compat.v1":
            self.tf.disable_v2_behavior()
            self.tf.enable_resource_variables()
            self.tf.logging.set_verbosity(self.tf.logging.ERROR)

    # ---- sessions and steps ----

    def session(self):
        tf = self.tf
        config = tf.ConfigProto(
            intra_op_parallelism_threads=self.threads, inter_op_parallelism_threads=self.threads
        )
        return tf.Session(config=config)

    def program(self, data, optimizer, model):
        """A program that feeds the batches.

        ``model(feeds, variables)`` gives results, and with an optimiser a loss and operations
        that a step runs beside.
        """
        tf = self.tf
        variables = self.variables(data)
        inputs = {
            name: tf.placeholder(tf.as_dtype(array.dtype), array.shape, name=name)
            for name, array in data.batches[0].items()
        }

        def graph(inputs):
            return self.step_graph(model(inputs, variables), optimizer)

        results, operations = self.compiled(graph)(inputs) if self.xla else graph(inputs)
        session = self.session()
        initial = tf.global_variables_initializer()
        session.run(initial)
        step = self.step(session, inputs, results, operations, data.batches)
        return Program(step, (lambda: session.run(initial)) if optimizer else None)

    def variables(self, data):
        return {
            name: self.tf.Variable(array, trainable=name in data.trained, name=name)
            for name, array in data.variables.items()
        }

    def step_graph(self, made, optimizer):
        """Results and operations of a step from what a model made."""
        tf = self.tf
        if optimizer is None:
            return list(made), []
        loss, updates = made
        kind, rate = optimizer
        optimizers = dict(sgd=tf.train.GradientDescentOptimizer, adam=tf.train.AdamOptimizer)
        with tf.control_dependencies(updates):
            return [loss], [optimizers[kind](rate).minimize(loss)]

    def compiled(self, graph):
        """The step as one function that XLA compiles."""
        tf = self.tf

        def traced(inputs):
            results, operations = graph(inputs)
            with tf.control_dependencies(operations):
                return [tf.identity(result) for result in results]

        function = self.root.function(traced, jit_compile=True, autograph=False)
        return lambda inputs: (function(inputs), [])

    def step(self, session, inputs, results, operations, batches):
        fetches = results + operations
        names = list(inputs)
        wanted = len(results)
        if self.call == "run":
            following = cycle([{inputs[name]: batch[name] for name in names} for batch in batches])
            run = session.run
            if len(fetches) == 1:
                return lambda: [run(fetches[0], following())]
            return lambda: run(fetches, following())[:wanted]
        keys = [inputs[name] for name in names]
        if self.call == "callable":
            called = session.make_callable(fetches, feed_list=keys)
        else:
            called = self.tf.function(keys, fetches, session=session)
        following = cycle([[batch[name] for name in names] for batch in batches])
        return lambda: called(*following())[:wanted]

    # ---- parts of models ----

    def cross_entropy(self, logits, labels):
        tf = self.tf
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    def layer_norm(self, x, scale, offset):
        tf = self.tf
        mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, formulas.EPSILON)

    def dense(self, x, variables, count):
        return formulas.dense_layers(x, variables, count, self.tf.matmul, self.tf.nn.relu)

    # ---- families ----

    def scalars(self, workload, data):
        return self.program(data, None, lambda x, v: formulas.scalars(x))

    def elementwise(self, workload, data):
        tf = self.tf

        def model(x, v):
            y = formulas.elementwise(tf, x["x"])
            return [tf.reduce_sum(y) if workload.sizes["reduced"] else y]

        return self.program(data, None, model)

    def black_scholes(self, workload, data):
        def model(x, v):
            return [formulas.black_scholes(self.tf, x["price"], x["strike"], x["years"])]

        return self.program(data, None, model)

    def softmax_cross_entropy(self, workload, data):
        def model(x, v):
            loss = self.cross_entropy(x["x"], x["y"])
            return [loss, self.tf.gradients(loss, x["x"])[0]]

        return self.program(data, None, model)

    def layer_norm_gelu(self, workload, data):
        tf = self.tf

        def model(x, v):
            y = formulas.gelu(tf, self.layer_norm(x["x"], v["scale"], v["offset"]))
            loss = tf.reduce_mean(tf.square(y))
            return [loss, tf.gradients(loss, x["x"])[0]]

        return self.program(data, None, model)

    def product(self, workload, data):
        return self.program(data, None, lambda x, v: [self.tf.matmul(x["left"], x["right"])])

    def perceptron(self, workload, data):
        count = len(workload.sizes["layers"]) - 1

        def model(x, v):
            return self.cross_entropy(self.dense(x["x"], v, count), x["y"]), []

        return self.program(data, workload.optimizer, model)

    def chain(self, workload, data):
        factors = data.variables.pop("factors")
        return self.program(data, None, lambda x, v: [formulas.chain(self.tf, x["x"], factors)])

    def smile_model(self, x, v, training):
        """Logits, and the updates of the moving statistics."""
        tf = self.tf
        updates = []
        for layer in "123":
            x = tf.nn.conv2d(x, v["filter" + layer], strides=[1, 2, 2, 1], padding="VALID")
            mean, variance = v["mean" + layer], v["variance" + layer]
            x, batch_mean, batch_variance = tf.nn.fused_batch_norm(
                x,
                v["scale" + layer],
                v["offset" + layer],
                mean=None if training else mean,
                variance=None if training else variance,
                epsilon=formulas.BATCH_EPSILON,
                is_training=training,
            )
            x = tf.nn.relu(x)
            rest = 1 - formulas.MOMENTUM
            updates.append(tf.assign_sub(mean, rest * (mean - batch_mean)))
            updates.append(tf.assign_sub(variance, rest * (variance - batch_variance)))
        return self.dense(tf.reshape(x, [-1, 1200]), v, 2), updates

    def smile(self, workload, data):
        def model(x, v):
            if workload.optimizer is None:
                return [self.smile_model(x["x"], v, False)[0]]
            logits, updates = self.smile_model(x["x"], v, True)
            return self.cross_entropy(logits, x["y"]), updates

        return self.program(data, workload.optimizer, model)

    def smile_fed(self, workload, data):
        """The same step, fed by a data set of image files that are decoded once."""
        tf = self.tf
        batch = data.batches[0]
        folder = tempfile.mkdtemp(dir=".")
        paths = [os.path.join(folder, f"{place}.png") for place in range(len(batch["y"]))]
        for place, path in enumerate(paths):
            write_png(path, batch["x"][place])

        def decoded(path, label):
            image = tf.image.decode_png(tf.read_file(path), channels=3)
            image.set_shape([48, 48, 3])
            return tf.cast(image, tf.float32) / 255.0 - 0.5, label

        images = tf.data.Dataset.from_tensor_slices((paths, batch["y"])).map(decoded).cache()
        fed = images.repeat().batch(workload.sizes["batch"], drop_remainder=True).prefetch(2)
        iterator = tf.data.make_initializable_iterator(fed)
        x, y = iterator.get_next()
        logits, updates = self.smile_model(x, self.variables(data), True)
        made = self.cross_entropy(logits, y), updates
        results, operations = self.step_graph(made, workload.optimizer)
        session = self.session()
        initial = tf.global_variables_initializer()
        session.run([initial, iterator.initializer])

        def reset():
            session.run(initial)
            for _ in range(workloads.BATCHES):  # no image is left to decode when steps are timed
                session.run(y)

        return Program(self.step(session, {}, results, operations, [{}]), reset)

    def digits(self, workload, data):
        tf = self.tf

        def model(x, v):
            h = x["x"]
            for layer in "12":
                h = tf.nn.conv2d(h, v["filter" + layer], strides=[1, 1, 1, 1], padding="SAME")
                h = tf.nn.relu(tf.nn.bias_add(h, v["bias" + layer]))
                h = tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
            logits = self.dense(tf.reshape(h, [-1, 3136]), v, 2)
            if workload.optimizer is None:
                return [logits]
            return self.cross_entropy(logits, x["y"]), []

        return self.program(data, workload.optimizer, model)

    def residual(self, workload, data):
        tf = self.tf

        def model(x, v):
            def convolved(h, layer):
                h = tf.nn.conv2d(h, v[f"filter{layer}"], strides=[1, 1, 1, 1], padding="SAME")
                return tf.nn.bias_add(h, v[f"bias{layer}"])

            h = x["x"]
            for layer in range(1, 2 * workload.sizes["blocks"], 2):
                h = tf.nn.relu(h + convolved(tf.nn.relu(convolved(h, layer)), layer + 1))
            return [h]

        return self.program(data, None, model)

    def lstm(self, workload, data):
        tf = self.tf
        hidden = workload.sizes["hidden"]
        kernel = tf.constant_initializer(data.variables["kernel"])
        own = hasattr(tf.nn.rnn_cell, "BasicLSTMCell")
        if own:  # the cell makes its variables itself, the bias from zeros
            del data.variables["kernel"], data.variables["bias"]

        def model(x, v):
            with tf.variable_scope("recurrent", initializer=kernel):
                if own:
                    cell = tf.nn.rnn_cell.BasicLSTMCell(hidden)
                else:
                    cell = LstmCell(tf, hidden, v["kernel"], v["bias"])
                outputs, _ = tf.nn.dynamic_rnn(cell, x["x"], dtype=tf.float32)
            return self.cross_entropy(self.dense(outputs[:, -1], v, 1), x["y"]), []

        return self.program(data, workload.optimizer, model)

    def transformer(self, workload, data):
        tf = self.tf
        sizes = workload.sizes
        batch, length, width = sizes["batch"], sizes["length"], sizes["width"]
        inside = width // sizes["heads"]

        def attention(h, v):
            qkv = tf.matmul(h, v["qkv"]) + v["qkv_bias"]
            heads = tf.reshape(qkv, [batch, length, 3, sizes["heads"], inside])
            query, key, value = tf.unstack(tf.transpose(heads, [2, 0, 3, 1, 4]))
            scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) * inside**-0.5)
            seen = tf.transpose(tf.matmul(scores, value), [0, 2, 1, 3])
            joined = tf.reshape(seen, [batch * length, width])
            return tf.matmul(joined, v["joined"]) + v["joined_bias"]

        def model(x, v):
            h = tf.reshape(x["x"], [batch * length, width])
            h = h + attention(self.layer_norm(h, v["scale1"], v["offset1"]), v)
            inner = tf.matmul(self.layer_norm(h, v["scale2"], v["offset2"]), v["w1"]) + v["b1"]
            h = h + tf.matmul(formulas.gelu(tf, inner), v["w2"]) + v["b2"]
            return tf.reduce_mean(tf.square(h - tf.reshape(x["y"], [-1, width]))), []

        return self.program(data, workload.optimizer, model)

    def while_loop(self, workload, data):
        tf = self.tf

        def model(x, v):
            def body(count, value):
                return count + 1, formulas.loop_step(tf, value)

            def more(count, value):
                return count < workload.sizes["count"]

            return [tf.while_loop(more, body, [tf.constant(0), x["x"]])[1]]

        return self.program(data, None, model)

    def save(self, workload, data):
        """A checkpoint of all variables; the result is the size of its data."""
        tf = self.tf
        self.variables(data)
        saver = tf.train.Saver()
        session = self.session()
        session.run(tf.global_variables_initializer())
        path = os.path.join(tempfile.mkdtemp(dir="."), "model")

        def step():
            saver.save(session, path, write_meta_graph=False)
            return [np.float64(os.path.getsize(path + ".data-00000-of-00001"))]

        return Program(step)


def write_png(path, image):
    """Write an image of bytes, height, width, three channels, without a filter."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    height, width, _ = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + image[row].tobytes() for row in range(height))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
