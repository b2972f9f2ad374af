"""Keras's backend: activations, convolutions, normalisation, cross entropies and loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import layers as _layers
from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.keras.backend_math import drawn_seed
from graphflow.keras.backend_state import epsilon, image_data_format
from graphflow.layers.arguments import as_data_format, as_tuple, op_layout
from graphflow.ops.activations import elu as elu_op
from graphflow.ops.activations import leaky_relu, relu6, softsign
from graphflow.ops.activations import relu as relu_op
from graphflow.ops.batch_norm import batch_normalization as batch_normalization_op
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_value
from graphflow.ops.comparison import greater, where_v2
from graphflow.ops.comparison import where as where_op
from graphflow.ops.conv_variants import conv2d_transpose as conv2d_transpose_op
from graphflow.ops.conv_variants import convolution
from graphflow.ops.creation import zeros_like
from graphflow.ops.ctc import ctc_beam_search_decoder, ctc_greedy_decoder, ctc_loss
from graphflow.ops.depthwise import depthwise_conv2d as depthwise_conv2d_op
from graphflow.ops.depthwise import separable_conv2d as separable_conv2d_op
from graphflow.ops.einsum import einsum
from graphflow.ops.gathering import gather, gather_nd
from graphflow.ops.joining import stack
from graphflow.ops.losses import sigmoid_cross_entropy_with_logits
from graphflow.ops.nn import dropout as dropout_op
from graphflow.ops.nn import moments
from graphflow.ops.padding import pad
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.rnn import transpose_batch_time
from graphflow.ops.rolling import sequence_mask
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.slicing import reverse
from graphflow.ops.softmax import softmax as softmax_op
from graphflow.ops.softmax import (
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from graphflow.ops.sorting import in_top_k as in_top_k_op
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import log, sigmoid, softplus, tanh
from graphflow.ops.while_loops import while_loop

__all__ = [
    "batch_normalization", "bias_add", "binary_crossentropy", "categorical_crossentropy",
    "conv1d", "conv2d", "conv2d_transpose", "conv3d", "ctc_batch_cost", "ctc_decode",
    "ctc_label_dense_to_sparse", "depthwise_conv2d", "dropout", "elu", "in_top_k", "local_conv1d",
    "local_conv2d", "normalize_batch_in_training", "pool2d", "pool3d", "relu", "rnn",
    "separable_conv2d", "sigmoid", "softmax", "softplus", "softsign",
    "sparse_categorical_crossentropy", "tanh",
]  # fmt: skip


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """``x`` above a threshold, at most `max_value`; ``alpha (x - threshold)`` below."""
    x = convert_to_tensor(x)
    if alpha and max_value is None and threshold == 0:
        return leaky_relu(x, alpha)
    below = relu_op(-x + threshold if threshold else -x) if alpha else None
    if threshold:
        above = x * cast(greater(x, threshold), x.dtype)
    else:
        above = relu6(x) if max_value == 6 else relu_op(x)
    if max_value is not None and (threshold or max_value != 6):
        above = clip_by_value(above, 0.0, max_value)
    return above if below is None else above - alpha * below


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` above zero, ``alpha (exp(x) - 1)`` below."""
    made = elu_op(x)
    return made if alpha == 1 else where_v2(greater(x, 0.0), made, alpha * made)


def softmax(x: Any, axis: int = -1) -> Any:
    """Probabilities along an axis."""
    return softmax_op(x, axis)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: int | None = None) -> Any:
    """Elements set to zero with a probability, the others scaled up.

    Without a seed NumPy's generator gives one, as it does for all of this module's draws.
    """
    return dropout_op(x, noise_shape=noise_shape, seed=drawn_seed(seed), rate=level)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each target is among the highest predictions."""
    return in_top_k_op(predictions, targets, k)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """A bias for each channel, or for each element of an example."""
    first = (data_format or image_data_format()) == "channels_first"
    sizes = bias.shape.as_list()
    if len(sizes) == 1 and first and x.shape.rank > 2:
        return x + reshape(bias, [1, sizes[0], *[1] * (x.shape.rank - 2)])
    if len(sizes) > 1 and first:
        order = [len(sizes) - 1, *range(len(sizes) - 1)]
        bias = transpose(bias, order)
    return x + bias


# ---- normalisation


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """``gamma (x - mean) / sqrt(var + epsilon) + beta``."""
    return batch_normalization_op(x, mean, var, beta, gamma, epsilon)


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Any, epsilon: float = 1e-3
) -> tuple[Any, Any, Any]:
    """Batch normalisation by the batch's moments; also these."""
    axes = list(reduction_axes)
    mean, var = moments(x, axes)
    if sorted(axes) == list(range(x.shape.rank - 1)):
        return batch_normalization_op(x, mean, var, beta, gamma, epsilon), mean, var
    sizes = [1 if k in axes else n for k, n in enumerate(x.shape.as_list())]
    around, spread, shift, scale = (
        None if v is None else reshape(v, sizes) for v in (mean, var, beta, gamma)
    )
    return batch_normalization_op(x, around, spread, shift, scale, epsilon), mean, var


# ---- windows


def _layout(data_format: str | None, rank: int) -> str:
    return op_layout(as_data_format(data_format or image_data_format()), rank)


def _convolved(
    x: Any, kernel: Any, strides: Any, padding: str, data_format: str | None, rate: Any, rank: int
) -> Any:
    if padding == "causal":
        rate = rate if isinstance(rate, int) else rate[0]
        x = pad(x, [[0, 0], [rate * (kernel.shape.as_list()[0] - 1), 0], [0, 0]])
        padding = "valid"
    layout = "NWC" if rank == 1 else _layout(data_format, rank)
    if rank == 1 and (data_format or image_data_format()) == "channels_first":
        layout = "NCW"
    return convolution(
        x, kernel, padding.upper(), as_tuple(strides, rank, "strides"),
        as_tuple(rate, rank, "dilation_rate"), data_format=layout,
    )  # fmt: skip


def conv1d(
    x: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:  # fmt: skip
    """The convolution of sequences."""
    return _convolved(x, kernel, strides, padding, data_format, dilation_rate, 1)


def conv2d(
    x: Any, kernel: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The convolution of images."""
    return _convolved(x, kernel, strides, padding, data_format, dilation_rate, 2)


def conv3d(
    x: Any, kernel: Any, strides: Any = (1, 1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1, 1),
) -> Any:  # fmt: skip
    """The convolution of volumes."""
    return _convolved(x, kernel, strides, padding, data_format, dilation_rate, 3)


def _strides(strides: Any, layout: str) -> list[int]:
    return [1, 1, *strides] if layout.startswith("NC") else [1, *strides, 1]


def conv2d_transpose(
    x: Any, kernel: Any, output_shape: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The transposed convolution of images."""
    layout = _layout(data_format, 2)
    return conv2d_transpose_op(
        x, kernel, output_shape, _strides(strides, layout), padding.upper(), layout
    )


def separable_conv2d(
    x: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = (1, 1),
    padding: str = "valid", data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The convolution of each channel by its own filters, and then of all."""
    layout = _layout(data_format, 2)
    return separable_conv2d_op(
        x, depthwise_kernel, pointwise_kernel, _strides(strides, layout), padding.upper(),
        list(dilation_rate), data_format=layout,
    )  # fmt: skip


def depthwise_conv2d(
    x: Any, depthwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = (1, 1),
) -> Any:  # fmt: skip
    """The convolution of each channel by its own filters."""
    layout = _layout(data_format, 2)
    return depthwise_conv2d_op(
        x, depthwise_kernel, _strides(strides, layout), padding.upper(), list(dilation_rate),
        data_format=layout,
    )  # fmt: skip


def _pooled(
    x: Any, size: Any, strides: Any, padding: str, data_format: str | None, mode: str, rank: int
) -> Any:
    names = {"max": f"MaxPooling{rank}D", "avg": f"AveragePooling{rank}D"}
    if mode not in names:
        raise ValueError(f"Invalid pooling mode: {mode}")
    layout = data_format or image_data_format()
    return getattr(_layers, names[mode])(size, strides, padding, layout)(x)


def pool2d(
    x: Any, pool_size: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str | None = None, pool_mode: str = "max",
) -> Any:  # fmt: skip
    """The maxima or means of windows of images."""
    return _pooled(x, pool_size, strides, padding, data_format, pool_mode, 2)


def pool3d(
    x: Any, pool_size: Any, strides: Any = (1, 1, 1), padding: str = "valid",
    data_format: str | None = None, pool_mode: str = "max",
) -> Any:  # fmt: skip
    """The maxima or means of windows of volumes."""
    return _pooled(x, pool_size, strides, padding, data_format, pool_mode, 3)


def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str | None = None
) -> Any:
    """A convolution with other filters at each place; sequences with the channels last.

    Parameters
    ----------
    kernel : of shape [places, kernel size * channels, filters].
    """
    (size,), (stride,) = kernel_size, strides
    places, width, _ = kernel.shape.as_list()
    windows = [inputs[:, k * stride : k * stride + size] for k in range(places)]
    return einsum("nbw,nwf->bnf", stack([reshape(w, [-1, width]) for w in windows]), kernel)


def local_conv2d(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, output_shape: Any,
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """A convolution with other filters at each place of images.

    Parameters
    ----------
    kernel : of shape [places, rows * columns * channels, filters].
    output_shape : how many places there are along each axis.
    """
    first = (data_format or image_data_format()) == "channels_first"
    (high, wide), (down, right), (rows, columns) = kernel_size, strides, output_shape
    _, width, filters = kernel.shape.as_list()
    windows = []
    for i in range(0, rows * down, down):
        for j in range(0, columns * right, right):
            part = (
                inputs[:, :, i : i + high, j : j + wide]
                if first
                else (inputs[:, i : i + high, j : j + wide])
            )
            windows.append(reshape(part, [-1, width]))
    made = reshape(einsum("nbw,nwf->bnf", stack(windows), kernel), [-1, rows, columns, filters])
    return transpose(made, [0, 3, 1, 2]) if first else made


# ---- loops


def rnn(
    step_function: Callable[..., Any], inputs: Any, initial_states: Any, go_backwards: bool = False,
    mask: Any = None, constants: Any = None, unroll: bool = False, input_length: Any = None,
    time_major: bool = False, zero_output_for_mask: bool = False,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """A function along sequences: the last output, all outputs, and the last states.

    Parameters
    ----------
    step_function : of the inputs at a step and the states (and then the constants), it gives the
        outputs and the next states.
    inputs : of shape [examples, steps, ...], or a structure of such tensors.
    mask : of shape [examples, steps]: where it is false, states and outputs stay as they were.
    zero_output_for_mask : outputs are zeros there.
    """

    def timed(x: Any) -> Any:
        x = convert_to_tensor(x)
        x = x if time_major else transpose_batch_time(x)
        return reverse(x, [0]) if go_backwards else x

    flat = [timed(x) for x in nest.flatten(inputs)]
    steps = flat[0].shape.as_list()[0] or shape_op(flat[0])[0]
    kept = None if mask is None else timed(cast(mask, "bool"))
    more = list(constants or [])
    states = [convert_to_tensor(state) for state in initial_states]

    def at(values: list[Any]) -> Any:
        return nest.pack_sequence_as(inputs, values)

    first, _ = step_function(at([x[0] for x in flat]), [*states, *more])
    shapes = [output.shape for output in nest.flatten(first)]
    blanks = [zeros_like(output) for output in nest.flatten(first)]

    def body(time: Any, results: Any, before: Any, states: Any) -> Any:
        made, following = step_function(at([gather(x, time) for x in flat]), [*states, *more])
        made, following = nest.flatten(made), list(following)
        if kept is not None:
            keep = gather(kept, time)
            others = blanks if zero_output_for_mask else before
            made = [_selected(keep, a, b) for a, b in zip(made, others, strict=True)]
            following = [_selected(keep, a, b) for a, b in zip(following, states, strict=True)]
        for value, known in zip(made, shapes, strict=True):
            value.set_shape(known)
        for value, state in zip(following, states, strict=True):
            value.set_shape(state.shape)
        written = [r.write(time, v) for r, v in zip(results, made, strict=True)]
        return time + 1, written, made, following

    results = [TensorArray(b.dtype, size=steps, element_shape=s)
               for b, s in zip(blanks, shapes, strict=True)]  # fmt: skip
    _, filled, last, states = while_loop(
        lambda time, *_: time < steps, body, (convert_to_tensor(0), results, blanks, states),
        maximum_iterations=steps,
    )  # fmt: skip
    outputs = [r.stack() for r in filled]
    for output, known in zip(outputs, shapes, strict=True):
        output.set_shape([steps if isinstance(steps, int) else None, *known.as_list()])
    outputs = outputs if time_major else [transpose_batch_time(o) for o in outputs]
    pack = nest.pack_sequence_as
    return pack(first, last), pack(first, outputs), states


def _selected(keep: Any, one: Any, other: Any) -> Any:
    """Rows of one or the other."""
    for _ in range(one.shape.rank - 1):
        keep = expand_dims(keep, -1)
    return where_v2(keep, one, other)


# ---- sequences of labels


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    """Rows of labels, each as long as is said, as a sparse tensor."""
    kept = sequence_mask(reshape(label_lengths, [-1]), shape_op(labels)[1])
    places = where_op(kept)
    return SparseTensor(
        places, gather_nd(labels, places), cast(shape_op(labels, out_type="int64"), "int64")
    )


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each example, of probabilities with the blank last."""
    lengths = cast(reshape(label_length, [-1]), "int32")
    labels = ctc_label_dense_to_sparse(cast(y_true, "int32"), lengths)
    scores = log(transpose(y_pred, [1, 0, 2]) + epsilon())
    given = cast(reshape(input_length, [-1]), "int32")
    return expand_dims(ctc_loss(inputs=scores, labels=labels, sequence_length=given), 1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """The most probable labels, filled up with -1, and the negative logarithms of their odds."""
    scores = log(transpose(y_pred, [1, 0, 2]) + epsilon())
    lengths = cast(input_length, "int32")
    if greedy:
        decoded, odds = ctc_greedy_decoder(scores, lengths)
    else:
        decoded, odds = ctc_beam_search_decoder(scores, lengths, beam_width, top_paths)
    return [sparse_tensor_to_dense(d, default_value=-1) for d in decoded], odds


# ---- cross entropies


def _logits(output: Any, function: str) -> Any:
    """What a softmax or sigmoid was taken of; None if that is not known."""
    output = convert_to_tensor(output)
    return output.op.inputs[0] if output.op.type == function else None


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """The cross entropy of probabilities along the last axis."""
    logits = output if from_logits else _logits(output, "Softmax")
    if logits is not None:
        return softmax_cross_entropy_with_logits_v2(labels=target, logits=logits, dim=axis)
    output = output / reduce_sum(output, axis, True)
    output = clip_by_value(output, epsilon(), 1.0 - epsilon())
    return -reduce_sum(target * log(output), axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """The cross entropy of numbers of classes."""
    logits = output if from_logits else _logits(output, "Softmax")
    if logits is None:
        logits = log(clip_by_value(output, epsilon(), 1.0 - epsilon()))
    labels = cast(target, "int64")
    if labels.shape.rank is not None and labels.shape.rank == logits.shape.rank:
        labels = reshape(labels, shape_op(logits)[:-1])
    return sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """The cross entropy of each of independent classes."""
    logits = output if from_logits else _logits(output, "Sigmoid")
    if logits is not None:
        return sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    output = clip_by_value(output, epsilon(), 1.0 - epsilon())
    return -(target * log(output + epsilon()) + (1 - target) * log(1 - output + epsilon()))
