"""Fully connected and convolutional layers."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.framework.arg_scope import add_arg_scope
from graphflow.contrib.layers.common import (
    add_to_variable_collections,
    collect_named_outputs,
    layer_scope,
)
from graphflow.contrib.layers.regularizers import xavier_initializer
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.tensor import Tensor
from graphflow.layers import convolutional, core, separable, transposed
from graphflow.layers.arguments import as_tuple
from graphflow.ops.activations import relu
from graphflow.ops.depthwise import depthwise_conv2d
from graphflow.ops.initializers import Zeros
from graphflow.ops.nn import bias_add as nn_bias_add
from graphflow.ops.variable_scope import get_variable

__all__ = [
    "bias_add",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "convolution",
    "convolution1d",
    "convolution2d",
    "convolution2d_transpose",
    "convolution3d",
    "convolution3d_transpose",
    "fully_connected",
    "linear",
    "relu_fully_connected",
    "separable_conv2d",
    "separable_convolution2d",
]

_WEIGHTS = {"kernel": "weights", "bias": "biases"}
_XAVIER = xavier_initializer()
_ZEROS = Zeros()


def _finish(
    outputs: Any, sc: Any, normalizer_fn: Any, normalizer_params: Any, activation_fn: Any,
    outputs_collections: Any,
) -> Tensor:  # fmt: skip
    """Normalise and activate what a layer gives."""
    if normalizer_fn is not None:
        outputs = normalizer_fn(outputs, **(normalizer_params or {}))
    if activation_fn is not None:
        outputs = activation_fn(outputs)
    return collect_named_outputs(outputs_collections, sc.name, outputs)


def _options(
    inputs: Any, sc: Any, reuse: Any, trainable: bool, normalizer_fn: Any,
    biases_initializer: Any, biases_regularizer: Any,
) -> dict[str, Any]:  # fmt: skip
    """The arguments that all layers take; with a normaliser there are no biases."""
    return {
        "activation": None,
        "use_bias": bool(not normalizer_fn and biases_initializer),
        "bias_initializer": biases_initializer,
        "bias_regularizer": biases_regularizer,
        "trainable": trainable,
        "name": sc.name,
        "dtype": inputs.dtype.base_dtype,
        "_scope": sc,
        "_reuse": reuse,
    }


@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = _XAVIER,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """``activation_fn(inputs @ weights + biases)``.

    Parameters
    ----------
    normalizer_fn : a layer in place of the biases, `batch_norm` for one, with its arguments in
        `normalizer_params`.
    biases_initializer : None for no biases.
    variables_collections : names of collections, or a dict of those by ``weights``, ``biases``.
    outputs_collections : collections to which the result is added.
    scope : a variable scope, or its name.
    """
    if not isinstance(num_outputs, int):
        raise ValueError(f"num_outputs type should be one of [{int}], got {type(num_outputs)}.")
    with layer_scope(scope, "fully_connected", inputs, reuse, _WEIGHTS) as sc:
        inputs = convert_to_tensor(inputs)
        layer = core.Dense(
            num_outputs, kernel_initializer=weights_initializer,
            kernel_regularizer=weights_regularizer,
            **_options(inputs, sc, reuse, trainable, normalizer_fn, biases_initializer,
                       biases_regularizer),
        )  # fmt: skip
        outputs = layer.apply(inputs)
        add_to_variable_collections(layer.kernel, variables_collections, "weights")
        add_to_variable_collections(layer.bias, variables_collections, "biases")
        return _finish(
            outputs, sc, normalizer_fn, normalizer_params, activation_fn, outputs_collections
        )


def _layout(data_format: str | None) -> str:
    if data_format not in (None, "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW"):
        raise ValueError(f"Invalid data_format: {data_format!r}")
    first = data_format and data_format.startswith("NC")
    return "channels_first" if first else "channels_last"


@add_arg_scope
def convolution(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Any = relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = _XAVIER,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
    conv_dims: int | None = None,
) -> Tensor:
    """A convolution along one, two or three axes; see `fully_connected` and `tf.layers.conv2d`."""
    with layer_scope(scope, "Conv", inputs, reuse, _WEIGHTS) as sc:
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.rank
        if conv_dims is not None and conv_dims + 2 != rank:
            raise ValueError(
                f"Convolution expects input with rank {conv_dims + 2}, got {rank}"
            )  # fmt: skip
        classes = {3: convolutional.Conv1D, 4: convolutional.Conv2D, 5: convolutional.Conv3D}
        if rank not in classes:
            raise ValueError("Convolution not supported for input with rank", rank)
        layer = classes[rank](
            num_outputs, kernel_size, stride, padding, _layout(data_format), rate,
            kernel_initializer=weights_initializer, kernel_regularizer=weights_regularizer,
            **_options(inputs, sc, reuse, trainable, normalizer_fn, biases_initializer,
                       biases_regularizer),
        )  # fmt: skip
        outputs = layer.apply(inputs)
        add_to_variable_collections(layer.kernel, variables_collections, "weights")
        add_to_variable_collections(layer.bias, variables_collections, "biases")
        return _finish(
            outputs, sc, normalizer_fn, normalizer_params, activation_fn, outputs_collections
        )


def _of_rank(rank: int) -> Any:
    def convolve(
        inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME",
        data_format: str | None = None, rate: Any = 1, activation_fn: Any = relu,
        normalizer_fn: Any = None, normalizer_params: dict[str, Any] | None = None,
        weights_initializer: Any = _XAVIER, weights_regularizer: Any = None,
        biases_initializer: Any = _ZEROS, biases_regularizer: Any = None, reuse: Any = None,
        variables_collections: Any = None, outputs_collections: Any = None,
        trainable: bool = True, scope: Any = None,
    ) -> Tensor:  # fmt: skip
        return convolution(
            inputs, num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn,
            normalizer_fn, normalizer_params, weights_initializer, weights_regularizer,
            biases_initializer, biases_regularizer, reuse, variables_collections,
            outputs_collections, trainable, scope, conv_dims=rank,
        )  # fmt: skip

    convolve.__name__ = convolve.__qualname__ = f"convolution{rank}d"
    convolve.__doc__ = f"A convolution along {rank} axes; see `convolution`."
    return add_arg_scope(convolve)


conv1d = convolution1d = _of_rank(1)
conv2d = convolution2d = _of_rank(2)
conv3d = convolution3d = _of_rank(3)


def _transposed(layer_class: Any, name: str, default_format: str, default_scope: str) -> Any:
    def convolve(
        inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME",
        data_format: str = default_format, activation_fn: Any = relu, normalizer_fn: Any = None,
        normalizer_params: dict[str, Any] | None = None, weights_initializer: Any = _XAVIER,
        weights_regularizer: Any = None, biases_initializer: Any = _ZEROS,
        biases_regularizer: Any = None, reuse: Any = None, variables_collections: Any = None,
        outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
    ) -> Tensor:  # fmt: skip
        with layer_scope(scope, default_scope, inputs, reuse, _WEIGHTS) as sc:
            inputs = convert_to_tensor(inputs)
            layer = layer_class(
                num_outputs, kernel_size, stride, padding, _layout(data_format),
                kernel_initializer=weights_initializer, kernel_regularizer=weights_regularizer,
                **_options(inputs, sc, reuse, trainable, normalizer_fn, biases_initializer,
                           biases_regularizer),
            )  # fmt: skip
            outputs = layer.apply(inputs)
            add_to_variable_collections(layer.kernel, variables_collections, "weights")
            add_to_variable_collections(layer.bias, variables_collections, "biases")
            return _finish(
                outputs, sc, normalizer_fn, normalizer_params, activation_fn, outputs_collections
            )

    convolve.__name__ = convolve.__qualname__ = name
    convolve.__doc__ = "A transposed convolution; see `convolution`."
    return add_arg_scope(convolve)


conv2d_transpose = convolution2d_transpose = _transposed(
    transposed.Conv2DTranspose, "convolution2d_transpose", "NHWC", "Conv2d_transpose"
)
conv3d_transpose = convolution3d_transpose = _transposed(
    transposed.Conv3DTranspose, "convolution3d_transpose", "NDHWC", "Conv3d_transpose"
)


@add_arg_scope
def separable_convolution2d(
    inputs: Any,
    num_outputs: int | None,
    kernel_size: Any,
    depth_multiplier: int = 1,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    rate: Any = 1,
    activation_fn: Any = relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = _XAVIER,
    pointwise_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """A separable convolution; with `num_outputs` None, its first half alone."""
    rename = {
        "bias": "biases",
        "depthwise_kernel": "depthwise_weights",
        "pointwise_kernel": "pointwise_weights",
    }
    with layer_scope(scope, "SeparableConv2d", inputs, reuse, rename) as sc:
        inputs = convert_to_tensor(inputs)
        if num_outputs is None:
            outputs = _depthwise(
                inputs, kernel_size, depth_multiplier, stride, padding, data_format, rate,
                weights_initializer, weights_regularizer, trainable, variables_collections,
            )  # fmt: skip
            if normalizer_fn is None and biases_initializer is not None:
                axis = 1 if data_format.startswith("NC") else -1
                biases = get_variable(
                    "biases", [outputs.shape.as_list()[axis]], inputs.dtype.base_dtype,
                    biases_initializer, biases_regularizer, trainable,
                )  # fmt: skip
                add_to_variable_collections(biases, variables_collections, "biases")
                outputs = nn_bias_add(outputs, biases, data_format=data_format)
        else:
            layer = separable.SeparableConv2D(
                num_outputs, kernel_size, stride, padding, _layout(data_format), rate,
                depth_multiplier, depthwise_initializer=weights_initializer,
                pointwise_initializer=pointwise_initializer or weights_initializer,
                depthwise_regularizer=weights_regularizer,
                pointwise_regularizer=weights_regularizer,
                **_options(inputs, sc, reuse, trainable, normalizer_fn, biases_initializer,
                           biases_regularizer),
            )  # fmt: skip
            outputs = layer.apply(inputs)
            for kernel in (layer.depthwise_kernel, layer.pointwise_kernel):
                add_to_variable_collections(kernel, variables_collections, "weights")
            add_to_variable_collections(layer.bias, variables_collections, "biases")
        return _finish(
            outputs, sc, normalizer_fn, normalizer_params, activation_fn, outputs_collections
        )


def _depthwise(
    inputs: Any, kernel_size: Any, depth_multiplier: int, stride: Any, padding: str,
    data_format: str, rate: Any, initializer: Any, regularizer: Any, trainable: bool,
    collections: Any,
) -> Tensor:  # fmt: skip
    first = data_format.startswith("NC")
    channels = inputs.shape.as_list()[1 if first else -1]
    shape = [*as_tuple(kernel_size, 2, "kernel_size"), channels, depth_multiplier]
    weights = get_variable(
        "depthwise_weights", shape, inputs.dtype.base_dtype, initializer, regularizer, trainable
    )
    add_to_variable_collections(weights, collections, "weights")
    strides = list(as_tuple(stride, 2, "stride"))
    return depthwise_conv2d(
        inputs, weights, [1, 1, *strides] if first else [1, *strides, 1], padding,
        rate=as_tuple(rate, 2, "rate"), data_format=data_format,
    )  # fmt: skip


separable_conv2d = separable_convolution2d


@add_arg_scope
def bias_add(
    inputs: Any, activation_fn: Any = None, initializer: Any = _ZEROS, regularizer: Any = None,
    reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
    trainable: bool = True, data_format: str = "NHWC", scope: Any = None,
) -> Tensor:  # fmt: skip
    """The inputs and biases, one for each channel."""
    with layer_scope(scope, "BiasAdd", inputs, reuse) as sc:
        inputs = convert_to_tensor(inputs)
        channels = inputs.shape.as_list()[1 if data_format.startswith("NC") else -1]
        biases = get_variable(
            "biases", [channels], inputs.dtype.base_dtype, initializer, regularizer, trainable
        )
        add_to_variable_collections(biases, variables_collections, "biases")
        outputs = nn_bias_add(inputs, biases, data_format=data_format)
        return _finish(outputs, sc, None, None, activation_fn, outputs_collections)


def _with_activation(name: str, activation: Any) -> Any:
    def layer(*args: Any, **kwargs: Any) -> Tensor:
        return fully_connected(*args, **{"activation_fn": activation, **kwargs})

    layer.__name__ = layer.__qualname__ = name
    layer.__doc__ = f"`fully_connected` with {'no activation' if activation is None else name}."
    return layer


linear = _with_activation("linear", None)
relu_fully_connected = _with_activation("relu", relu)
