"""Keras's layers: those of `tf.layers`, which know functions by name and what they were given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import layers as base
from graphflow.graph import nest
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.keras import backend, functions
from graphflow.ops.activations import leaky_relu
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import add_n, maximum, multiply
from graphflow.ops.gathering import gather
from graphflow.ops.identity import placeholder
from graphflow.ops.joining import concat
from graphflow.ops.layer_base import Layer as _Layer
from graphflow.ops.layer_base import snake_case
from graphflow.ops.padding import pad
from graphflow.ops.reductions import reduce_max, reduce_mean
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.transposing import transpose

_COUNTS = ("__keras_names",)


def _unique(name: str, first: int = 0) -> str:
    """The name, numbered; the first of Keras's layers has no number."""
    found = get_default_graph().get_collection_ref(_COUNTS)
    if not found:
        found.append({})
    number = found[0][name] = found[0].get(name, first - 1) + 1
    return f"{name}_{number}" if number else name


class Layer(_Layer):
    """A layer whose outputs know the layer and the inputs that they were made of."""

    def __init__(
        self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        shape = kwargs.pop("batch_input_shape", None)
        if shape is None and "input_dim" in kwargs:
            shape = (None, kwargs.pop("input_dim"))
        if shape is None and "input_shape" in kwargs:
            shape = (None, *kwargs.pop("input_shape"))
        self.given_shape = shape
        name = name or _unique(snake_case(type(self).__name__))
        super().__init__(trainable=trainable, name=name, dtype=dtype, **kwargs)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, which remember how they were made."""
        outputs = super().__call__(inputs, *args, **kwargs)
        for output in nest.flatten(outputs):
            output._keras_history = (self, inputs, args, kwargs)
        return outputs

    def get_weights(self) -> list[Any]:
        """The values of the variables."""
        return backend.batch_get_value(self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of the variables."""
        for variable, value in zip(self.weights, weights, strict=True):
            backend.set_value(variable, value)


def _named(value: Any, name: str) -> Any:
    """What an argument stands for, where it is a name."""
    if name.endswith("activation"):
        return functions.activation(value)
    if name.endswith("_initializer"):
        return functions.initializer(value)
    return functions.regularizer(value) if name.endswith("_regularizer") else value


def _adapted(made_of: type[_Layer], name: str, **defaults: Any) -> Any:
    """A Keras layer of one of `tf.layers`, with other defaults."""
    known = [
        p for p in inspect.signature(made_of).parameters.values() if p.kind is not p.VAR_KEYWORD
    ]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        names = [p.name for p in known]
        given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
        Layer.__init__(self, **{k: _named(v, k) for k, v in given.items()})

    adapted = type(name, (Layer, made_of), {"__init__": __init__, "__doc__": made_of.__doc__})
    adapted.__module__ = __name__
    return adapted


class _ByPhase:
    """A layer that computes something else in training: as the phase says, if not told."""

    def call(self, inputs: Any, training: Any = None) -> Any:
        training = backend.learning_phase() if training is None else training
        return super().call(inputs, training=training)  # type: ignore[misc]


Dense = _adapted(base.Dense, "Dense")
Conv1D = Convolution1D = _adapted(base.Conv1D, "Conv1D")
Conv2D = Convolution2D = _adapted(base.Conv2D, "Conv2D")
Conv3D = Convolution3D = _adapted(base.Conv3D, "Conv3D")
Conv2DTranspose = _adapted(base.Conv2DTranspose, "Conv2DTranspose")
SeparableConv2D = _adapted(base.SeparableConv2D, "SeparableConv2D")
MaxPooling1D = MaxPool1D = _adapted(base.MaxPooling1D, "MaxPooling1D", pool_size=2, strides=None)
MaxPooling2D = MaxPool2D = _adapted(base.MaxPooling2D, "MaxPooling2D", pool_size=2, strides=None)
AveragePooling1D = _adapted(base.AveragePooling1D, "AveragePooling1D", pool_size=2, strides=None)
AveragePooling2D = _adapted(base.AveragePooling2D, "AveragePooling2D", pool_size=2, strides=None)
Flatten = _adapted(base.Flatten, "Flatten")
_Dropout: Any = _adapted(base.Dropout, "Dropout")
_Normalization: Any = _adapted(base.BatchNormalization, "BatchNormalization")


class Dropout(_ByPhase, _Dropout):
    """Sets elements to zero in training; see `tf.layers.Dropout`."""


class BatchNormalization(_ByPhase, _Normalization):
    """Batch normalisation; see `tf.layers.BatchNormalization`."""


class Activation(Layer):
    """An activation, by name or as a function."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = functions.activation(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class LeakyReLU(Layer):
    """``x`` above zero, ``alpha x`` below."""

    def __init__(self, alpha: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return leaky_relu(inputs, self.alpha)


class Lambda(Layer):
    """A function."""

    def __init__(self, function: Callable[..., Any], arguments: Any = None, **kwargs: Any) -> None:
        kwargs.pop("output_shape", None)
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}

    def call(self, inputs: Any) -> Any:
        return self.function(inputs, **self.arguments)


class Reshape(Layer):
    """Another shape of each example."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        first = inputs.shape.as_list()[0]
        return reshape(
            inputs, [shape_op(inputs)[0] if first is None else first, *self.target_shape]
        )


class Permute(Layer):
    """The axes of each example in another order, counted from one."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)

    def call(self, inputs: Any) -> Any:
        return transpose(inputs, [0, *self.dims])


class ZeroPadding2D(Layer):
    """Zeros around images."""

    def __init__(self, padding: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = (padding, padding) if isinstance(padding, int) else padding
        self.padding = [[p, p] if isinstance(p, int) else list(p) for p in pair]

    def call(self, inputs: Any) -> Any:
        return pad(inputs, [[0, 0], *self.padding, [0, 0]])


class Embedding(Layer):
    """Rows of a table of vectors, one for each symbol."""

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None, input_length: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if input_length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (input_length,)
        super().__init__(**{"dtype": backend.floatx(), **kwargs})
        self.input_dim, self.output_dim = input_dim, output_dim
        self.embeddings_initializer = functions.initializer(embeddings_initializer)
        self.embeddings_regularizer = functions.regularizer(embeddings_regularizer)

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            "embeddings", (self.input_dim, self.output_dim), self.dtype,
            self.embeddings_initializer, self.embeddings_regularizer,
        )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        symbols = inputs if inputs.dtype.is_integer else cast(inputs, "int32")
        return gather(self.embeddings, symbols)


class GlobalAveragePooling2D(Layer):
    """The mean of each channel."""

    def call(self, inputs: Any) -> Any:
        return reduce_mean(inputs, [1, 2])


class GlobalMaxPooling2D(Layer):
    """The maximum of each channel."""

    def call(self, inputs: Any) -> Any:
        return reduce_max(inputs, [1, 2])


class GlobalAveragePooling1D(Layer):
    """The mean of each channel of sequences."""

    def call(self, inputs: Any) -> Any:
        return reduce_mean(inputs, 1)


class Add(Layer):
    """The sum of inputs."""

    def call(self, inputs: Any) -> Any:
        return add_n(list(inputs))


class Multiply(Layer):
    """The product of inputs."""

    def call(self, inputs: Any) -> Any:
        product = inputs[0]
        for other in inputs[1:]:
            product = multiply(product, other)
        return product


class Average(Layer):
    """The mean of inputs."""

    def call(self, inputs: Any) -> Any:
        return add_n(list(inputs)) / float(len(inputs))


class Maximum(Layer):
    """The greatest of inputs."""

    def call(self, inputs: Any) -> Any:
        greatest = inputs[0]
        for other in inputs[1:]:
            greatest = maximum(greatest, other)
        return greatest


class Concatenate(Layer):
    """Inputs one after another along an axis."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return concat(list(inputs), self.axis)


class RepeatVector(Layer):
    """Each example so many times."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = n

    def call(self, inputs: Any) -> Any:
        return concat([expand_dims(inputs, 1)] * self.n, 1)


def add(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """The sum of inputs."""
    return Add(**kwargs)(list(inputs))


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Tensor:
    """Inputs one after another along an axis."""
    return Concatenate(axis, **kwargs)(list(inputs))


def multiply_layers(inputs: Sequence[Any], **kwargs: Any) -> Tensor:
    """The product of inputs."""
    return Multiply(**kwargs)(list(inputs))


class InputLayer(Layer):
    """Where a model begins."""

    def __init__(
        self, input_shape: Any = None, batch_size: int | None = None, dtype: Any = None,
        input_tensor: Any = None, name: str | None = None, batch_input_shape: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name or _unique("input", first=1))
        shape = batch_input_shape or (batch_size, *(input_shape or ()))
        self.given_shape = shape
        self.built = True
        kind = as_dtype(dtype or backend.floatx())
        self.output: Any = placeholder(kind, TensorShape(shape), name=self.name)
        if input_tensor is not None:
            self.output = input_tensor
        self.output._keras_history = (self, None, (), {})


def Input(  # Keras's name
    shape: Any = None, batch_size: int | None = None, name: str | None = None, dtype: Any = None,
    tensor: Any = None, batch_shape: Any = None, **_: Any,
) -> Tensor:  # fmt: skip
    """A tensor where a model begins; `shape` is that of one example."""
    return InputLayer(shape, batch_size, dtype, tensor, name, batch_shape).output
