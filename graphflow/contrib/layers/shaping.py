"""Layers without weights: pooling, dropout, flattening, codes of classes, stacks of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.framework.arg_scope import add_arg_scope
from graphflow.contrib.framework.variables import model_variable
from graphflow.contrib.layers.common import collect_named_outputs, layer_scope
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.tensor import Tensor
from graphflow.layers import core, pooling
from graphflow.ops.casting import cast
from graphflow.ops.embedding import embedding_lookup
from graphflow.ops.reductions import reduce_max, reduce_sum
from graphflow.ops.sequences import one_hot
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.softmax import softmax as nn_softmax
from graphflow.ops.unary import sqrt, square
from graphflow.ops.variable_scope import variable_scope

__all__ = [
    "avg_pool2d",
    "avg_pool3d",
    "dropout",
    "embed_sequence",
    "flatten",
    "max_pool2d",
    "max_pool3d",
    "maxout",
    "one_hot_encoding",
    "repeat",
    "softmax",
    "stack",
    "unit_norm",
]


def _pooling(layer_class: Any, name: str, scope_name: str, default_format: str) -> Any:
    def pool(
        inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID",
        data_format: str = default_format, outputs_collections: Any = None, scope: Any = None,
    ) -> Tensor:  # fmt: skip
        if data_format not in (default_format, f"NC{default_format[1:-1]}"):
            raise ValueError("data_format has to be either NCHW or NHWC.")
        with name_scope(scope, scope_name, [inputs]) as sc:
            inputs = convert_to_tensor(inputs)
            layout = "channels_first" if data_format.startswith("NC") else "channels_last"
            layer = layer_class(
                pool_size=kernel_size, strides=stride, padding=padding, data_format=layout,
                _scope=sc,
            )  # fmt: skip
            return collect_named_outputs(outputs_collections, sc, layer.apply(inputs))

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"{layer_class.__doc__} See `tf.layers`."
    return add_arg_scope(pool)


max_pool2d = _pooling(pooling.MaxPooling2D, "max_pool2d", "MaxPool2D", "NHWC")
avg_pool2d = _pooling(pooling.AveragePooling2D, "avg_pool2d", "AvgPool2D", "NHWC")
max_pool3d = _pooling(pooling.MaxPooling3D, "max_pool3d", "MaxPool3D", "NDHWC")
avg_pool3d = _pooling(pooling.AveragePooling3D, "avg_pool3d", "AvgPool3D", "NDHWC")


@add_arg_scope
def dropout(
    inputs: Any, keep_prob: Any = 0.5, noise_shape: Any = None, is_training: Any = True,
    outputs_collections: Any = None, scope: Any = None, seed: int | None = None,
) -> Tensor:  # fmt: skip
    """The inputs, with elements dropped in training; see `tf.layers.dropout`."""
    with layer_scope(scope, "Dropout", inputs, None) as sc:
        inputs = convert_to_tensor(inputs)
        layer = core.Dropout(
            rate=1 - keep_prob, noise_shape=noise_shape, seed=seed, name=sc.name, _scope=sc
        )
        outputs = layer.apply(inputs, training=is_training)
        return collect_named_outputs(outputs_collections, sc.name, outputs)


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Tensor:
    """A matrix with a row for each example."""
    with name_scope(scope, "Flatten", [inputs]) as sc:
        inputs = convert_to_tensor(inputs)
        return collect_named_outputs(outputs_collections, sc, core.flatten(inputs))


@add_arg_scope
def one_hot_encoding(
    labels: Any, num_classes: int, on_value: Any = 1.0, off_value: Any = 0.0,
    outputs_collections: Any = None, scope: Any = None,
) -> Tensor:  # fmt: skip
    """A row for each label, with `on_value` at its place."""
    with name_scope(scope, "OneHotEncoding", [labels, num_classes]) as sc:
        labels = convert_to_tensor(labels)
        if labels.dtype.name == "int32":
            labels = cast(labels, "int64")
        outputs = one_hot(labels, num_classes, on_value=on_value, off_value=off_value)
        return collect_named_outputs(outputs_collections, sc, outputs)


@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> Tensor:
    """The softmax over the last axis."""
    with variable_scope(scope, "softmax", [logits]):
        return nn_softmax(convert_to_tensor(logits))


@add_arg_scope
def unit_norm(inputs: Any, dim: int, epsilon: float = 1e-7, scope: Any = None) -> Tensor:
    """The inputs, scaled to length one along an axis."""
    with variable_scope(scope, "UnitNorm", [inputs]):
        inputs = convert_to_tensor(inputs)
        if not 0 <= dim < inputs.shape.rank:
            raise ValueError("dim must be positive but smaller than the input rank.")
        return inputs / sqrt(epsilon + reduce_sum(square(inputs), dim, keepdims=True))


@add_arg_scope
def maxout(inputs: Any, num_units: int, axis: int = -1, scope: Any = None) -> Tensor:
    """The maxima of groups of channels (Goodfellow et al., 2013)."""
    with variable_scope(scope, "MaxOut", [inputs]):
        inputs = convert_to_tensor(inputs)
        sizes = inputs.shape.as_list()
        axis %= len(sizes)
        channels = sizes[axis]
        if channels % num_units:
            raise ValueError(
                f"number of features({channels}) is not a multiple of num_units({num_units})"
            )
        dynamic = shape_op(inputs)
        full = [dynamic[k] if size is None else size for k, size in enumerate(sizes)]
        grouped = reshape(
            inputs, [*full[:axis], num_units, channels // num_units, *full[axis + 1 :]]
        )
        outputs = reduce_max(grouped, axis + 1)
        outputs.set_shape([*sizes[:axis], num_units, *sizes[axis + 1 :]])
        return outputs


def embed_sequence(
    ids: Any, vocab_size: int | None = None, embed_dim: int | None = None, unique: bool = False,
    initializer: Any = None, regularizer: Any = None, trainable: bool = True, scope: Any = None,
    reuse: Any = None,
) -> Tensor:  # fmt: skip
    """The rows of a table of vectors, one for each symbol of a sequence."""
    if not (reuse or (vocab_size and embed_dim)):
        raise ValueError(
            "Must specify vocab size and embedding dimension when not reusing. Got vocab_size="
            f"{vocab_size} and embed_dim={embed_dim}"
        )
    with variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        shape = [vocab_size, embed_dim]
        if reuse and (vocab_size is None or embed_dim is None):
            shape = None  # type: ignore[assignment]
        table = model_variable(
            "embeddings", shape=shape, initializer=initializer, regularizer=regularizer,
            trainable=trainable,
        )  # fmt: skip
        return embedding_lookup(table, ids)


# ---- stacks


def _name_of(layer: Any) -> str:
    name = getattr(layer, "__name__", None) or getattr(getattr(layer, "func", None), "__name__", "")
    return name or "repeat"


@add_arg_scope
def repeat(
    inputs: Any, repetitions: int, layer: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """A layer applied several times, in scopes ``name_1``, ``name_2``..."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        outputs = convert_to_tensor(inputs)
        base = scope or _name_of(layer)
        for number in range(1, repetitions + 1):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{base}_{number}"})
        return outputs


@add_arg_scope
def stack(
    inputs: Any, layer: Callable[..., Any], stack_args: Sequence[Any], **kwargs: Any
) -> Any:  # fmt: skip
    """A layer applied several times, each time with arguments of its own."""
    scope = kwargs.pop("scope", None)
    if not isinstance(stack_args, (list, tuple)):
        raise TypeError("stack_args need to be a list or tuple")
    with variable_scope(scope, "Stack", [inputs]):
        outputs = convert_to_tensor(inputs)
        base = scope or (layer.__name__ if hasattr(layer, "__name__") else "stack")
        for number, given in enumerate(stack_args, 1):
            arguments = given if isinstance(given, (list, tuple)) else [given]
            outputs = layer(outputs, *arguments, **{**kwargs, "scope": f"{base}_{number}"})
        return outputs
