"""Activations, losses and normalisation of networks."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from graphflow.theano.settings import config
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor import reducing
from graphflow.theano.tensor.creation import arange, to_one_hot
from graphflow.theano.tensor.indexing import subtensor
from graphflow.theano.tensor.var import TensorVariable, apply, as_tensor_variable

sigmoid, softplus = el.sigmoid, el.softplus


def _real(x: Any) -> TensorVariable:
    value = as_tensor_variable(x)
    return value if "float" in value.dtype else el.cast(value, config.floatX)


def softmax(c: Any) -> TensorVariable:
    """Return the softmax of each row; of a vector, a matrix of one row."""
    value = _real(c)
    if value.ndim == 1:
        value = value.dimshuffle("x", 0)
    return apply("Softmax", gf.nn.softmax, value)


def logsoftmax(c: Any) -> TensorVariable:
    """Return the logarithm of the softmax of each row."""
    return apply("LogSoftmax", gf.nn.log_softmax, _real(c))


def softmax_with_bias(x: Any, b: Any) -> TensorVariable:
    """Return the softmax of each row of ``x + b``."""
    return softmax(el.add(x, b))


softmax_op = softmax_graph = softmax


def ultra_fast_sigmoid(x: Any) -> TensorVariable:
    """Return a piecewise approximation of the sigmoid."""
    value = _real(x)
    half = el.mul(0.5, value)
    size = el.abs_(half)
    near = el.true_div(el.mul(1.5, size), el.add(1, size))
    middle = el.add(0.935409070603099, el.mul(0.0458812946797165, el.sub(size, 1.7)))
    far = el.switch(el.lt(size, 3), middle, 0.99505475368673)
    signed = el.mul(el.switch(el.lt(size, 1.7), near, far), el.sgn(half))
    return el.cast(el.mul(0.5, el.add(signed, 1)), value.dtype)


def hard_sigmoid(x: Any) -> TensorVariable:
    """Return ``0.2 x + 0.5``, within 0 and 1."""
    value = _real(x)
    return el.cast(el.clip(el.add(el.mul(value, 0.2), 0.5), 0.0, 1.0), value.dtype)


def relu(x: Any, alpha: Any = 0) -> TensorVariable:
    """Return `x` where it is positive, `alpha` times it elsewhere."""
    value = as_tensor_variable(x)
    if isinstance(alpha, (int, float)) and alpha == 0:
        return apply("relu", gf.nn.relu, value)
    return el.switch(el.gt(value, 0), value, el.mul(alpha, value))


def elu(x: Any, alpha: Any = 1) -> TensorVariable:
    """Return `x` where it is positive, ``alpha (exp(x) - 1)`` elsewhere."""
    value = _real(x)
    return el.switch(el.gt(value, 0), value, el.mul(alpha, el.expm1(el.minimum(value, 0))))


def selu(x: Any) -> TensorVariable:
    """Return the self-normalising form of `elu`."""
    return el.mul(1.0507009873554804934193349852946, elu(x, 1.6732632423543772848170429916717))


def binary_crossentropy(output: Any, target: Any) -> TensorVariable:
    """Return ``-(t log(o) + (1 - t) log(1 - o))``."""
    made = el.mul(target, el.log(output))
    return el.neg(el.add(made, el.mul(el.sub(1.0, target), el.log(el.sub(1.0, output)))))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> TensorVariable:
    """Return the binary cross-entropy of the sigmoid of `output`."""
    value = _real(output)
    return el.sub(el.softplus(value), el.mul(value, target))


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> TensorVariable:
    """Return the cross-entropy of each row; the truth is a distribution or a class number."""
    coding, true = as_tensor_variable(coding_dist), as_tensor_variable(true_dist)
    if true.ndim == coding.ndim:
        return el.neg(reducing.sum(el.mul(true, el.log(coding)), axis=coding.ndim - 1))
    if true.ndim != coding.ndim - 1:
        raise TypeError("rank mismatch between coding and true distributions")
    rows = arange(true.shape[0])
    return el.neg(subtensor(el.log(coding), (rows, true)))


crossentropy_categorical_1hot = categorical_crossentropy


def crossentropy_softmax_argmax_1hot_with_bias(x: Any, b: Any, y: Any) -> list[TensorVariable]:
    """Return the cross-entropy, the softmax and the likeliest class of each row."""
    chances = softmax_with_bias(x, b)
    return [categorical_crossentropy(chances, y), chances, reducing.argmax(chances, axis=-1)]


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y: Any, **_: Any) -> list[TensorVariable]:
    """Return the cross-entropy and the softmax of each row."""
    return crossentropy_softmax_argmax_1hot_with_bias(x, b, y)[:2]


def prepend_scalar_to_each_row(value: Any, matrix: Any) -> TensorVariable:
    """Return `matrix` with `value` before each row."""
    from graphflow.theano.tensor.creation import fill
    from graphflow.theano.tensor.joining import join

    given = as_tensor_variable(matrix)
    return join(1, fill(given[:, :1], value), given)


def confusion_matrix(actual: Any, pred: Any) -> list[TensorVariable]:
    """Return how often each class is taken for each, and the classes."""
    count = el.add(el.maximum(reducing.max(actual), reducing.max(pred)), 1)
    true, guessed = (to_one_hot(v, count, "int64") for v in (actual, pred))
    return [true.T.dot(guessed), arange(count)]


def batch_normalization(
    inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem"
) -> TensorVariable:
    """Return ``(inputs - mean) * gamma / std + beta``."""
    scaled = el.true_div(el.mul(el.sub(inputs, mean), gamma), std)
    return el.add(scaled, beta)


def _normalised_axes(inputs: Any, axes: Any) -> list[int]:
    if axes == "per-activation":
        return [0]
    if axes == "spatial":
        return [0, *range(2, inputs.ndim)]
    return [int(a) for a in axes] if isinstance(axes, (list, tuple)) else [int(axes)]


def batch_normalization_train(
    inputs: Any, gamma: Any, beta: Any, axes: Any = "per-activation", epsilon: float = 1e-4,
    running_average_factor: float = 0.1, running_mean: Any = None, running_var: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Return the normalised inputs, their mean and inverse deviation, and running averages."""
    reduced = _normalised_axes(inputs, axes)
    mean = reducing.mean(inputs, reduced, keepdims=True)
    variance = reducing.var(inputs, reduced, keepdims=True)
    inverse = el.inv(el.sqrt(el.add(variance, epsilon)))
    made = el.add(el.mul(el.mul(el.sub(inputs, mean), gamma), inverse), beta)
    results = [made, mean, inverse]
    if running_mean is not None:
        results.append(_moved(running_mean, mean, running_average_factor))
    if running_var is not None:
        count = reducing.prod(subtensor(inputs.shape, (reduced,)))
        unbiased = el.cast(el.true_div(count, el.sub(count, 1)), inputs.dtype)
        moved = _moved(running_var, el.mul(variance, unbiased), running_average_factor)
        results.append(moved)
    return tuple(results)


def _moved(old: Any, new: Any, factor: float) -> TensorVariable:
    return el.add(el.mul(old, 1 - factor), el.mul(new, factor))


def batch_normalization_test(
    inputs: Any, gamma: Any, beta: Any, mean: Any, var: Any, axes: Any = "per-activation",
    epsilon: float = 1e-4,
) -> TensorVariable:  # fmt: skip
    """Return the inputs normalised by given statistics."""
    deviation = el.sqrt(el.add(var, epsilon))
    return batch_normalization(inputs, gamma, beta, mean, deviation)
