"""What is measured on a GPU: each workload's sizes, and its making in graphflow, PyTorch and JAX.

A maker returns ``run``, which computes once and waits for the end, and ``check``, which returns a
few values of the result for a comparison with the other packages' (or None). Arrays are the
variables of the package, so that they stay on the GPU, except in ``mlp`` and ``trivial``, whose
feeds and fetches are part of what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A workload; `bytes` and `flops` of one run, 0 where they are not what limits it."""

    name: str
    sizes: tuple[int, ...]
    small: tuple[int, ...]
    bytes_per_element: int = 0
    is_product: bool = False

    def work(self, sizes):
        """Bytes moved at least, and operations."""
        elements = int(np.prod(sizes))
        moved = elements * self.bytes_per_element
        return moved, 2 * sizes[0] ** 3 if self.is_product else 0


ALL = [
    Workload("elementwise", (100_000_000,), (3000,), 8),
    Workload("softmax", (4096, 32768), (8, 300), 8),
    Workload("cross_entropy", (4096, 32768), (8, 300), 8),
    Workload("layer_norm", (8192, 4096), (8, 300), 8),
    Workload("columns", (8192, 4096), (8, 300), 4),
    *(
        Workload(f"matmul_{n}", (n, n), (70, 70), 0, True) for n in (512, 1024, 2048, 4096, 8192)
    ),
    Workload("mlp_sgd", (128, 784, 256), (6, 40, 33)),
    Workload("mlp_adam", (128, 784, 256), (6, 40, 33)),
    Workload("trivial", (1,), (1,)),
]  # fmt: skip
NAMED = {workload.name: workload for workload in ALL}


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def labels_of(rows, classes):
    return np.arange(rows, dtype=np.int64) * 7 % classes


def kind_of(name):
    return name.rpartition("_")[0] if name.startswith(("matmul_", "mlp_")) else name


# ---- graphflow


def graphflow(name, sizes, config=None):
    """The workload in graphflow."""
    import graphflow as tf

    session = tf.Session(config=config)
    kind = kind_of(name)
    if kind == "trivial":
        x = tf.placeholder(tf.float32, [])
        more = x + 1
        return (lambda: session.run(more, {x: 3.0}),) * 2
    if kind == "mlp":
        return _graphflow_mlp(tf, session, name, sizes)
    source = tf.Variable(tf.zeros(sizes), name="source")
    value = tf.placeholder(tf.float32, sizes)
    session.run(tf.assign(source, value).op, {value: normal(sizes)})
    result = _graphflow_result(tf, kind, source, sizes)
    target = tf.Variable(tf.zeros(result.shape), name="target")
    session.run(target.initializer)
    step = tf.assign(target, result).op
    return (
        lambda: session.run(step),
        lambda: session.run(tf.reshape(target, [-1])[:8]),
    )


def _graphflow_result(tf, kind, x, sizes):
    if kind == "elementwise":
        return tf.tanh(x) * tf.exp(-x * x) + x
    if kind == "softmax":
        return tf.nn.softmax(x)
    if kind == "cross_entropy":
        labels = tf.constant(labels_of(*sizes))
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)
        return tf.gradients(tf.reduce_mean(loss), x)[0]
    if kind == "layer_norm":
        mean, variance = tf.nn.moments(x, [1], keep_dims=True)
        y = (x - mean) * tf.rsqrt(variance + 1e-5)
        return 0.5 * y * (1 + tf.erf(y * np.float32(0.5**0.5)))
    if kind == "columns":
        return tf.reduce_sum(x, 0)
    return tf.matmul(x, x)


def _graphflow_mlp(tf, session, name, sizes):
    rows, width, hidden = sizes
    x = tf.placeholder(tf.float32, [rows, width])
    labels = tf.placeholder(tf.int64, [rows])
    w1, w2 = (tf.Variable(0.05 * normal(s, 1)) for s in ((width, hidden), (hidden, 10)))
    logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1)), w2)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    optimizer = (
        tf.train.AdamOptimizer(1e-3) if name == "mlp_adam"
        else tf.train.GradientDescentOptimizer(0.1)
    )  # fmt: skip
    step = optimizer.minimize(loss)
    session.run(tf.global_variables_initializer())
    feeds = {x: normal((rows, width)), labels: labels_of(rows, 10)}
    first = session.run(loss, feeds)
    return lambda: session.run([loss, step], feeds)[0], lambda: first


# ---- PyTorch


def torch(name, sizes, compiled=False):
    """The workload in PyTorch, eager or by ``torch.compile``."""
    import torch as th

    th.backends.cuda.matmul.allow_tf32 = False
    kind = kind_of(name)
    wrap = th.compile if compiled else lambda f: f
    if kind == "trivial":
        return (lambda: (th.tensor(3.0).cuda() + 1).item(),) * 2
    if kind == "mlp":
        return _torch_mlp(th, name, sizes, wrap)
    x = th.from_numpy(normal(sizes)).cuda()
    labels = th.from_numpy(labels_of(*sizes)).cuda() if kind == "cross_entropy" else None
    functional = th.nn.functional

    def loss(x):
        return functional.cross_entropy(x, labels)

    def gradient(x):
        leaf = x.detach().requires_grad_()
        return th.autograd.grad(wrapped_loss(leaf), leaf)[0]

    wrapped_loss = wrap(loss)
    functions = {
        "elementwise": wrap(lambda x: th.tanh(x) * th.exp(-x * x) + x),
        "softmax": wrap(lambda x: th.softmax(x, 1)),
        "cross_entropy": gradient,
        "layer_norm": wrap(lambda x: functional.gelu(functional.layer_norm(x, x.shape[1:]))),
        "columns": wrap(lambda x: x.sum(0)),
        "matmul": wrap(lambda x: x @ x),
    }
    function, kept = functions[kind], {}

    def run():
        kept["y"] = function(x)
        th.cuda.synchronize()

    return run, lambda: kept["y"].flatten()[:8].cpu().numpy()


def _torch_mlp(th, name, sizes, wrap):
    rows, width, hidden = sizes
    w1, w2 = (
        th.nn.Parameter(th.from_numpy(0.05 * normal(s, 1)).cuda())
        for s in ((width, hidden), (hidden, 10))
    )
    make = th.optim.Adam if name == "mlp_adam" else th.optim.SGD
    optimizer = make([w1, w2], lr=1e-3 if name == "mlp_adam" else 0.1, fused=True)
    functional = th.nn.functional
    loss_of = wrap(lambda x, y: functional.cross_entropy(functional.relu(x @ w1) @ w2, y))
    x, labels = th.from_numpy(normal((rows, width))), th.from_numpy(labels_of(rows, 10))
    first = loss_of(x.cuda(), labels.cuda()).item()

    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x.cuda(), labels.cuda())
        loss.backward()
        optimizer.step()
        return loss.item()

    return run, lambda: first


# ---- JAX


def jax(name, sizes):
    """The workload in JAX, jitted."""
    import jax as jx

    jx.config.update("jax_default_matmul_precision", "highest")
    jnp, kind = jx.numpy, kind_of(name)
    if kind == "trivial":
        plus = jx.jit(lambda x: x + 1)
        return (lambda: float(plus(np.float32(3.0))),) * 2
    if kind == "mlp":
        return _jax_mlp(jx, name, sizes)
    x = jx.device_put(normal(sizes))

    def loss(x):
        rows = jnp.arange(sizes[0])
        return -jx.nn.log_softmax(x)[rows, labels_of(*sizes)].mean()

    def norm(x):
        y = (x - x.mean(1, keepdims=True)) * jx.lax.rsqrt(x.var(1, keepdims=True) + 1e-5)
        return jx.nn.gelu(y, approximate=False)

    functions = {
        "elementwise": lambda x: jnp.tanh(x) * jnp.exp(-x * x) + x,
        "softmax": lambda x: jx.nn.softmax(x, 1),
        "cross_entropy": jx.grad(loss),
        "layer_norm": norm,
        "columns": lambda x: x.sum(0),
        "matmul": lambda x: x @ x,
    }
    function, kept = jx.jit(functions[kind]), {}

    def run():
        kept["y"] = function(x).block_until_ready()

    return run, lambda: np.asarray(kept["y"].ravel()[:8])


def _jax_mlp(jx, name, sizes):
    rows, width, hidden = sizes
    jnp = jx.numpy
    state = {
        "w": [jx.device_put(0.05 * normal(s, 1)) for s in ((width, hidden), (hidden, 10))],
        "m": [jnp.zeros(s) for s in ((width, hidden), (hidden, 10))],
        "v": [jnp.zeros(s) for s in ((width, hidden), (hidden, 10))],
        "t": jnp.zeros(()),
    }

    def loss_of(w, x, y):
        logits = jx.nn.relu(x @ w[0]) @ w[1]
        return -jx.nn.log_softmax(logits)[jnp.arange(rows), y].mean()

    def step(state, x, y):
        loss, slopes = jx.value_and_grad(loss_of)(state["w"], x, y)
        if name == "mlp_sgd":
            new = [w - 0.1 * g for w, g in zip(state["w"], slopes, strict=True)]
            return {**state, "w": new}, loss
        t = state["t"] + 1
        m = [0.9 * m + 0.1 * g for m, g in zip(state["m"], slopes, strict=True)]
        v = [0.999 * v + 0.001 * g * g for v, g in zip(state["v"], slopes, strict=True)]
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        new = [
            w - rate * a / (jnp.sqrt(b) + 1e-8) for w, a, b in zip(state["w"], m, v, strict=True)
        ]
        return {"w": new, "m": m, "v": v, "t": t}, loss

    jitted = jx.jit(step, donate_argnums=0)
    x, labels, kept = normal((rows, width)), labels_of(rows, 10), {"state": state}
    first = float(loss_of(state["w"], x, labels))

    def run():
        kept["state"], loss = jitted(kept["state"], x, labels)
        return float(loss)

    return run, lambda: first


MAKERS = {
    "graphflow": graphflow,
    "torch": torch,
    "torch compiled": lambda name, sizes: torch(name, sizes, compiled=True),
    "jax": jax,
}
