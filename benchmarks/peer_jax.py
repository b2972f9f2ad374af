"""The workloads in JAX: one jitted function a step, with donated state where it trains."""

from __future__ import annotations

import formulas
import numpy as np
from worker import Program, cycle


class Peer:
    """Builds each family as a user of JAX would."""

    def __init__(self, options, threads):
        import jax

        self.jax = jax
        self.np = jax.numpy
        self.nn = jax.nn
        self.version = jax.__version__
        jax.devices()  # starts the backend, which is part of importing

    # ---- steps ----

    def program(self, data, model):
        """A program without state: ``model(feeds, variables)`` gives a list of results."""
        compiled = self.jax.jit(model)
        variables = self.jax.device_put(data.variables)
        following = cycle(data.batches)
        return Program(lambda: [np.asarray(result) for result in compiled(following(), variables)])

    def training(self, data, optimizer, model):
        """A training step: ``model(feeds, variables)`` gives the loss and new moving statistics."""
        jax = self.jax

        def step(state, batch):
            trained = {name: state["variables"][name] for name in data.trained}
            fixed = {name: state["variables"][name] for name in data.moving}

            def loss_of(trained):
                return model(batch, dict(fixed, **trained))

            (loss, moved), grads = jax.value_and_grad(loss_of, has_aux=True)(trained)
            state = self.updated(state, trained, grads, optimizer)
            state["variables"].update(moved)
            return loss, state

        compiled = jax.jit(step, donate_argnums=0)
        following = cycle(data.batches)
        kept = {}

        def reset():
            state = dict(variables=data.variables)
            if optimizer[0] == "adam":
                zeros = {name: np.zeros_like(data.variables[name]) for name in data.trained}
                state.update(first=zeros, second=zeros, count=np.float32(0))
            kept["state"] = jax.tree_util.tree_map(lambda x: self.np.array(x, copy=True), state)

        def run():
            loss, kept["state"] = compiled(kept["state"], following())
            return [np.asarray(loss)]

        reset()
        return Program(run, reset)

    def updated(self, state, trained, grads, optimizer):
        """The state after one update of the trained variables."""
        kind, rate = optimizer
        tree_map = self.jax.tree_util.tree_map
        if kind == "sgd":
            return dict(variables=tree_map(lambda x, grad: x - rate * grad, trained, grads))
        count = state["count"] + 1
        rate = rate * self.np.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        first = tree_map(lambda m, grad: 0.9 * m + 0.1 * grad, state["first"], grads)
        second = tree_map(lambda v, grad: 0.999 * v + 0.001 * grad * grad, state["second"], grads)

        def moved(x, m, v):
            return x - rate * m / (self.np.sqrt(v) + 1e-8)

        variables = tree_map(moved, trained, first, second)
        return dict(variables=variables, first=first, second=second, count=count)

    # ---- parts of models ----

    @property
    def api(self):
        """The functions that formulas ask for."""
        from types import SimpleNamespace

        names = ("tanh", "exp", "log", "log1p", "sqrt", "sin")
        functions = {name: getattr(self.np, name) for name in names}
        return SimpleNamespace(erf=self.jax.lax.erf, **functions)

    def cross_entropy(self, logits, labels):
        chosen = self.np.take_along_axis(self.nn.log_softmax(logits), labels[:, None], 1)
        return -chosen.mean()

    def layer_norm(self, x, scale, offset):
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = self.np.square(centred).mean(axis=-1, keepdims=True)
        return centred * self.jax.lax.rsqrt(variance + formulas.EPSILON) * scale + offset

    def gelu(self, x):
        return self.nn.gelu(x, approximate=False)

    def dense(self, x, variables, count):
        return formulas.dense_layers(x, variables, count, self.np.matmul, self.nn.relu)

    def convolved(self, x, filters, stride, padding):
        names = ("NHWC", "HWIO", "NHWC")
        return self.jax.lax.conv_general_dilated(
            x, filters, (stride, stride), padding, dimension_numbers=names
        )

    def network(self, workload, data, logits):
        """Training by the logits' cross entropy, or the logits alone."""
        if workload.optimizer is None:
            return self.program(data, lambda x, v: [logits(x["x"], v)])

        def model(x, v):
            moved = {}
            return self.cross_entropy(logits(x["x"], v, moved), x["y"]), moved

        return self.training(data, workload.optimizer, model)

    # ---- families ----

    def scalars(self, workload, data):
        return self.program(data, lambda x, v: formulas.scalars(x))

    def elementwise(self, workload, data):
        def model(x, v):
            y = formulas.elementwise(self.api, x["x"])
            return [y.sum() if workload.sizes["reduced"] else y]

        return self.program(data, model)

    def black_scholes(self, workload, data):
        def model(x, v):
            return [formulas.black_scholes(self.api, x["price"], x["strike"], x["years"])]

        return self.program(data, model)

    def softmax_cross_entropy(self, workload, data):
        gradient = self.jax.value_and_grad(self.cross_entropy)
        return self.program(data, lambda x, v: gradient(x["x"], x["y"]))

    def layer_norm_gelu(self, workload, data):
        def loss(x, v):
            return self.np.square(self.gelu(self.layer_norm(x, v["scale"], v["offset"]))).mean()

        gradient = self.jax.value_and_grad(loss)
        return self.program(data, lambda x, v: gradient(x["x"], v))

    def product(self, workload, data):
        return self.program(data, lambda x, v: [x["left"] @ x["right"]])

    def perceptron(self, workload, data):
        count = len(workload.sizes["layers"]) - 1
        return self.network(workload, data, lambda x, v, moved=None: self.dense(x, v, count))

    def chain(self, workload, data):
        factors = data.variables.pop("factors")
        return self.program(data, lambda x, v: [formulas.chain(self.api, x["x"], factors)])

    def smile(self, workload, data):
        def normalised(x, v, layer, moved):
            mean, variance = v["mean" + layer], v["variance" + layer]
            if moved is not None:
                rest, count = 1 - formulas.MOMENTUM, x.size // x.shape[-1]
                batch_mean, batch_variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
                unbiased = batch_variance * (count / (count - 1))
                moved["mean" + layer] = mean - rest * (mean - batch_mean)
                moved["variance" + layer] = variance - rest * (variance - unbiased)
                mean, variance = batch_mean, batch_variance
            factor = self.jax.lax.rsqrt(variance + formulas.BATCH_EPSILON) * v["scale" + layer]
            return (x - mean) * factor + v["offset" + layer]

        def logits(x, v, moved=None):
            for layer in "123":
                x = self.convolved(x, v["filter" + layer], 2, "VALID")
                x = self.nn.relu(normalised(x, v, layer, moved))
            return self.dense(x.reshape(-1, 1200), v, 2)

        return self.network(workload, data, logits)

    def digits(self, workload, data):
        lax = self.jax.lax
        window = (1, 2, 2, 1)

        def logits(x, v, moved=None):
            for layer in "12":
                x = self.convolved(x, v["filter" + layer], 1, "SAME") + v["bias" + layer]
                x = lax.reduce_window(self.nn.relu(x), -np.inf, lax.max, window, window, "SAME")
            return self.dense(x.reshape(-1, 3136), v, 2)

        return self.network(workload, data, logits)

    def residual(self, workload, data):
        def convolved(x, v, layer):
            return self.convolved(x, v[f"filter{layer}"], 1, "SAME") + v[f"bias{layer}"]

        def model(x, v):
            x = x["x"]
            for layer in range(1, 2 * workload.sizes["blocks"], 2):
                x = self.nn.relu(x + convolved(self.nn.relu(convolved(x, v, layer)), v, layer + 1))
            return [x]

        return self.program(data, model)

    def lstm(self, workload, data):
        np, sigmoid = self.np, self.nn.sigmoid

        def logits(x, v, moved=None):
            def cell(state, inputs):
                memory, output = state
                gates = np.concatenate([inputs, output], axis=1) @ v["kernel"] + v["bias"]
                entry, new, forget, leave = np.split(gates, 4, axis=1)
                memory = sigmoid(forget + 1) * memory + sigmoid(entry) * np.tanh(new)
                return (memory, sigmoid(leave) * np.tanh(memory)), None

            zeros = np.zeros((x.shape[0], workload.sizes["hidden"]), np.float32)
            state, _ = self.jax.lax.scan(cell, (zeros, zeros), x.transpose(1, 0, 2))
            return self.dense(state[1], v, 1)

        return self.network(workload, data, logits)

    def transformer(self, workload, data):
        sizes = workload.sizes
        batch, length, width = sizes["batch"], sizes["length"], sizes["width"]

        def attention(h, v):
            heads = (h @ v["qkv"] + v["qkv_bias"]).reshape(batch, length, 3, sizes["heads"], -1)
            query, key, value = heads.transpose(2, 0, 3, 1, 4)
            scores = self.nn.softmax(query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5)
            joined = (scores @ value).transpose(0, 2, 1, 3).reshape(batch * length, width)
            return joined @ v["joined"] + v["joined_bias"]

        def model(x, v):
            h = x["x"].reshape(batch * length, width)
            h = h + attention(self.layer_norm(h, v["scale1"], v["offset1"]), v)
            inner = self.layer_norm(h, v["scale2"], v["offset2"]) @ v["w1"] + v["b1"]
            h = h + self.gelu(inner) @ v["w2"] + v["b2"]
            return self.np.square(h - x["y"].reshape(h.shape)).mean(), {}

        return self.training(data, workload.optimizer, model)

    def while_loop(self, workload, data):
        def model(x, v):
            def body(_, value):
                return formulas.loop_step(self.api, value)

            return [self.jax.lax.fori_loop(0, workload.sizes["count"], body, x["x"])]

        return self.program(data, model)
