"""What NumPy computes for the workloads where that is short: the first results of a step."""

from __future__ import annotations

import math
from types import SimpleNamespace

import formulas
import numpy as np

API = SimpleNamespace(
    tanh=np.tanh, exp=np.exp, log=np.log, log1p=np.log1p, sqrt=np.sqrt, sin=np.sin,
    erf=np.vectorize(math.erf, otypes=[np.float64]),
)  # fmt: skip


def reference(workload, data):
    """Arrays that a step's first results must equal; none where there is no short reference."""
    function = globals().get("_" + workload.family)
    return [] if function is None else function(workload, data.batches[0], data.variables)


def _cross_entropy(logits, labels):
    """The mean loss and its gradient."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = -np.log(probability[rows, labels]).mean()
    probability[rows, labels] -= 1
    return loss, probability / len(labels)


def _normalised(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + formulas.EPSILON)
    return centred / deviation, deviation


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _relu(x):
    return np.maximum(x, 0)


def _scalars(workload, batch, variables):
    return formulas.scalars(batch)


def _elementwise(workload, batch, variables):
    y = formulas.elementwise(API, batch["x"].astype(np.float64))
    return [y.sum() if workload.sizes["reduced"] else y]


def _black_scholes(workload, batch, variables):
    return [formulas.black_scholes(API, *(batch[name] for name in ("price", "strike", "years")))]


def _softmax_cross_entropy(workload, batch, variables):
    return list(_cross_entropy(batch["x"].astype(np.float64), batch["y"]))


def _layer_norm_gelu(workload, batch, variables):
    unit, deviation = _normalised(batch["x"].astype(np.float64))
    x = unit * variables["scale"] + variables["offset"]
    cdf = formulas.normal_cdf(API, x)
    y = x * cdf
    slope = cdf + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    grad = 2 * y / y.size * slope * variables["scale"]
    projected = unit * (grad * unit).mean(axis=-1, keepdims=True)
    return [(y * y).mean(), (grad - grad.mean(axis=-1, keepdims=True) - projected) / deviation]


def _product(workload, batch, variables):
    return [np.matmul(batch["left"], batch["right"])]


def _perceptron(workload, batch, variables):
    count = len(workload.sizes["layers"]) - 1
    logits = formulas.dense_layers(batch["x"], variables, count, np.matmul, _relu)
    return [_cross_entropy(logits, batch["y"])[0]]


def _chain(workload, batch, variables):
    return [formulas.chain(API, batch["x"], variables["factors"])]


def _while_loop(workload, batch, variables):
    x = batch["x"]
    for _ in range(workload.sizes["count"]):
        x = formulas.loop_step(API, x)
    return [x]


def _lstm(workload, batch, variables):
    hidden = workload.sizes["hidden"]
    memory = output = np.zeros((workload.sizes["batch"], hidden), np.float32)
    for step in range(workload.sizes["steps"]):
        both = np.concatenate([batch["x"][:, step], output], axis=1)
        gates = both @ variables["kernel"] + variables["bias"]
        entry, new, forget, leave = np.split(gates, 4, axis=1)
        memory = _sigmoid(forget + 1) * memory + _sigmoid(entry) * np.tanh(new)
        output = _sigmoid(leave) * np.tanh(memory)
    return [_cross_entropy(output @ variables["w1"] + variables["b1"], batch["y"])[0]]


def _transformer(workload, batch, variables):
    sizes, v = workload.sizes, variables
    x = batch["x"]
    qkv = (_normalised(x)[0] * v["scale1"] + v["offset1"]) @ v["qkv"] + v["qkv_bias"]
    heads = qkv.reshape(sizes["batch"], sizes["length"], 3, sizes["heads"], -1)
    query, key, value = heads.transpose(2, 0, 3, 1, 4)
    scores = np.exp(query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5)
    seen = scores / scores.sum(axis=-1, keepdims=True) @ value
    x = x + seen.transpose(0, 2, 1, 3).reshape(x.shape) @ v["joined"] + v["joined_bias"]
    inner = (_normalised(x)[0] * v["scale2"] + v["offset2"]) @ v["w1"] + v["b1"]
    x = x + formulas.gelu(API, inner) @ v["w2"] + v["b2"]
    return [((x - batch["y"]) ** 2).mean()]


def _save(workload, batch, variables):
    return [np.float64(sum(array.nbytes for array in variables.values()))]
