"""The workloads in Theano's API: graphflow.theano, Theano 1.0.5, and PyTensor, its heir.

Options: ``module`` is what is imported; ``mode`` is passed to ``function`` (PyTensor's ``CVM`` is
its C linker). PyTensor has no convolutions and no pooling of images, and leaves those families out.
This file also runs on Python 3.7.
"""

from __future__ import annotations

import importlib
import sys

import formulas
import numpy as np
import workloads
from worker import Program, cycle


class Peer:
    """Builds each family as a user of Theano would."""

    def __init__(self, options, threads):
        sys.setrecursionlimit(200_000)  # their passes walk a chain of 5,000 operations recursively
        module = options.get("module", "graphflow.theano")
        self.theano = importlib.import_module(module)
        self.tensor = importlib.import_module(module + ".tensor")
        self.version = self.theano.__version__
        self.mode = options.get("mode")
        self.is_pytensor = module == "pytensor"
        self.theano.config.floatX = "float32"
        if self.is_pytensor:
            self.digits = self.smile = self.residual = None
        else:
            self.signal = importlib.import_module(module + ".tensor.signal.pool")

    # ---- steps ----

    def variable(self, name, array):
        if self.is_pytensor:
            return self.tensor.tensor(name, dtype=str(array.dtype), shape=array.shape)
        kind = self.tensor.TensorType(str(array.dtype), (False,) * array.ndim)
        return kind(name)

    def shared(self, name, array):
        more = dict(shape=array.shape) if self.is_pytensor else {}
        return self.theano.shared(array.copy(), name=name, **more)

    def program(self, data, optimizer, model):
        """A program that calls a function with the batches.

        ``model(inputs, variables)`` gives results, and with an optimiser a loss and updates.
        """
        inputs = {name: self.variable(name, array) for name, array in data.batches[0].items()}
        variables = {name: self.shared(name, array) for name, array in data.variables.items()}
        if optimizer is None:
            results, updates = list(model(inputs, variables)), []
        else:
            loss, updates = model(inputs, variables)
            updates = updates + self.updates(loss, variables, data, optimizer)
            results = [loss]
        names = list(inputs)
        function = self.theano.function(
            [inputs[name] for name in names], results, updates=updates, mode=self.mode
        )
        function.trust_input = True
        following = cycle([[batch[name] for name in names] for batch in data.batches])
        initial = [(target, target.get_value()) for target, _ in updates]

        def reset():
            for target, value in initial:
                target.set_value(value)

        return Program(lambda: function(*following()), reset if optimizer else None)

    def updates(self, loss, variables, data, optimizer):
        """The optimiser's updates of the trained variables."""
        kind, rate = optimizer
        sqrt = self.tensor.sqrt
        trained = [variables[name] for name in data.trained]
        grads = dict(zip(data.trained, self.theano.grad(loss, trained)))  # noqa: B905
        if kind == "sgd":
            return [(variables[name], variables[name] - rate * grads[name]) for name in grads]
        count = self.shared("count", np.array(0, np.float32))
        following = count + 1.0
        rate = rate * sqrt(1.0 - 0.999**following) / (1.0 - 0.9**following)
        updates = [(count, following)]
        for name, grad in grads.items():
            zeros = np.zeros_like(data.variables[name])
            first, second = self.shared("first", zeros), self.shared("second", zeros)
            mean = 0.9 * first + 0.1 * grad
            square = 0.999 * second + 0.001 * grad * grad
            updates += [(first, mean), (second, square)]
            target = variables[name]
            updates.append((target, target - rate * mean / (sqrt(square) + 1e-8)))
        return updates

    # ---- parts of models ----

    def relu(self, x):
        return self.tensor.maximum(x, 0.0) if self.is_pytensor else self.tensor.nnet.relu(x)

    def softmax(self, x):
        """Of a matrix, by rows."""
        if self.is_pytensor:
            return self.tensor.special.softmax(x, axis=-1)
        return self.tensor.nnet.softmax(x)

    def sigmoid(self, x):
        return self.tensor.sigmoid(x) if self.is_pytensor else self.tensor.nnet.sigmoid(x)

    def cross_entropy(self, logits, labels):
        if self.is_pytensor:
            log_softmax = self.tensor.special.log_softmax(logits, axis=-1)
            return -log_softmax[self.tensor.arange(labels.shape[0]), labels].mean()
        return self.tensor.nnet.categorical_crossentropy(self.softmax(logits), labels).mean()

    def layer_norm(self, x, scale, offset):
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = self.tensor.sqr(centred).mean(axis=-1, keepdims=True)
        return centred / self.tensor.sqrt(variance + formulas.EPSILON) * scale + offset

    def batched_product(self, left, right):
        """Of arrays of matrices."""
        return left @ right if self.is_pytensor else self.tensor.batched_dot(left, right)

    def dense(self, x, variables, count):
        return formulas.dense_layers(x, variables, count, self.tensor.dot, self.relu)

    def convolved(self, x, v, layer, border, stride=1):
        return self.tensor.nnet.conv2d(
            x,
            v[f"filter{layer}"],
            border_mode=border,
            subsample=(stride, stride),
            filter_flip=False,
        )

    def network(self, workload, data, logits):
        """Training by the logits' cross entropy, or the logits alone."""

        def model(x, v):
            if workload.optimizer is None:
                return [logits(x["x"], v)]
            updates = []
            return self.cross_entropy(logits(x["x"], v, updates), x["y"]), updates

        return self.program(data, workload.optimizer, model)

    # ---- families ----

    def scalars(self, workload, data):
        return self.program(data, None, lambda x, v: formulas.scalars(x))

    def elementwise(self, workload, data):
        def model(x, v):
            y = formulas.elementwise(self.tensor, x["x"])
            return [y.sum() if workload.sizes["reduced"] else y]

        return self.program(data, None, model)

    def black_scholes(self, workload, data):
        def model(x, v):
            return [formulas.black_scholes(self.tensor, x["price"], x["strike"], x["years"])]

        return self.program(data, None, model)

    def softmax_cross_entropy(self, workload, data):
        def model(x, v):
            loss = self.cross_entropy(x["x"], x["y"])
            return [loss, self.theano.grad(loss, x["x"])]

        return self.program(data, None, model)

    def layer_norm_gelu(self, workload, data):
        def model(x, v):
            y = formulas.gelu(self.tensor, self.layer_norm(x["x"], v["scale"], v["offset"]))
            loss = self.tensor.sqr(y).mean()
            return [loss, self.theano.grad(loss, x["x"])]

        return self.program(data, None, model)

    def product(self, workload, data):
        batched = len(workload.sizes["left"]) == 3
        product = self.batched_product if batched else self.tensor.dot
        return self.program(data, None, lambda x, v: [product(x["left"], x["right"])])

    def perceptron(self, workload, data):
        count = len(workload.sizes["layers"]) - 1
        return self.network(workload, data, lambda x, v, updates=None: self.dense(x, v, count))

    def chain(self, workload, data):
        factors = data.variables.pop("factors")
        return self.program(data, None, lambda x, v: [formulas.chain(self.tensor, x["x"], factors)])

    def smile(self, workload, data):
        nnet = self.tensor.nnet
        epsilon, rest = formulas.BATCH_EPSILON, 1 - formulas.MOMENTUM

        def normalised(x, v, layer, updates):
            names = ("scale", "offset", "mean", "variance")
            shared = [v[name + layer] for name in names]
            scale, offset, mean, variance = [
                vector.dimshuffle("x", 0, "x", "x") for vector in shared
            ]
            if updates is None:
                return nnet.bn.batch_normalization_test(
                    x, scale, offset, mean, variance, axes="spatial", epsilon=epsilon
                )
            made = nnet.bn.batch_normalization_train(
                x, scale, offset, "spatial", epsilon, rest, mean, variance
            )
            updates += [(shared[2], made[3].flatten()), (shared[3], made[4].flatten())]
            return made[0]

        def logits(x, v, updates=None):
            for layer in "123":
                x = self.convolved(x, v, layer, "valid", 2)
                x = self.relu(normalised(x, v, layer, updates))
            return self.dense(x.flatten(2), v, 2)

        return self.network(workload, workloads.channels_first(data), logits)

    def digits(self, workload, data):
        def logits(x, v, updates=None):
            for layer in "12":
                bias = v["bias" + layer].dimshuffle("x", 0, "x", "x")
                x = self.relu(self.convolved(x, v, layer, "half") + bias)
                x = self.signal.pool_2d(x, ws=(2, 2), ignore_border=True, mode="max")
            return self.dense(x.flatten(2), v, 2)

        return self.network(workload, workloads.channels_first(data), logits)

    def residual(self, workload, data):
        def convolved(x, v, layer):
            bias = v[f"bias{layer}"].dimshuffle("x", 0, "x", "x")
            return self.convolved(x, v, layer, "half") + bias

        def model(x, v):
            x = x["x"]
            for layer in range(1, 2 * workload.sizes["blocks"], 2):
                x = self.relu(x + convolved(self.relu(convolved(x, v, layer)), v, layer + 1))
            return [x.dimshuffle(0, 2, 3, 1)]

        return self.program(workloads.channels_first(data), None, model)

    def scanned(self, step, count=None, **arguments):
        """The outputs of a scan alone."""
        if self.is_pytensor:
            return self.theano.scan(step, n_steps=count, return_updates=False, **arguments)
        return self.theano.scan(step, n_steps=count, **arguments)[0]

    def lstm(self, workload, data):
        sizes = workload.sizes
        hidden = sizes["hidden"]

        def logits(x, v, updates=None):
            def cell(inputs, memory, output, kernel, bias):
                both = self.tensor.concatenate([inputs, output], axis=1)
                gates = self.tensor.dot(both, kernel) + bias
                entry, new, forget, leave = [
                    gates[:, place * hidden : (place + 1) * hidden] for place in range(4)
                ]
                kept = self.sigmoid(forget + 1.0) * memory
                memory = kept + self.sigmoid(entry) * self.tensor.tanh(new)
                return memory, self.sigmoid(leave) * self.tensor.tanh(memory)

            zeros = self.tensor.zeros((sizes["batch"], hidden), dtype="float32")
            outputs = self.scanned(
                cell,
                sequences=[x.dimshuffle(1, 0, 2)],
                outputs_info=[zeros, zeros],
                non_sequences=[v["kernel"], v["bias"]],
                strict=True,
            )
            return self.dense(outputs[1][-1], v, 1)

        return self.network(workload, data, logits)

    def transformer(self, workload, data):
        sizes = workload.sizes
        batch, length, heads = sizes["batch"], sizes["length"], sizes["heads"]
        width = sizes["width"]
        inside = width // heads
        dot = self.tensor.dot

        def attention(h, v):
            parts = (dot(h, v["qkv"]) + v["qkv_bias"]).reshape((batch, length, 3, heads, inside))
            parts = parts.dimshuffle(2, 0, 3, 1, 4).reshape((3, batch * heads, length, inside))
            query, key, value = parts[0], parts[1], parts[2]
            scores = self.batched_product(query, key.dimshuffle(0, 2, 1)) * inside**-0.5
            scores = self.softmax(scores.reshape((-1, length))).reshape((-1, length, length))
            seen = self.batched_product(scores, value).reshape((batch, heads, length, inside))
            joined = seen.dimshuffle(0, 2, 1, 3).reshape((batch * length, width))
            return dot(joined, v["joined"]) + v["joined_bias"]

        def model(x, v):
            h = x["x"].reshape((batch * length, width))
            h = h + attention(self.layer_norm(h, v["scale1"], v["offset1"]), v)
            inner = dot(self.layer_norm(h, v["scale2"], v["offset2"]), v["w1"]) + v["b1"]
            h = h + dot(formulas.gelu(self.tensor, inner), v["w2"]) + v["b2"]
            return self.tensor.sqr(h - x["y"].reshape((batch * length, width))).mean(), []

        return self.program(data, workload.optimizer, model)

    def while_loop(self, workload, data):
        def model(x, v):
            def step(value):
                return formulas.loop_step(self.tensor, value)

            count = workload.sizes["count"]
            return [self.scanned(step, count, outputs_info=[x["x"]])[-1]]

        return self.program(data, None, model)
