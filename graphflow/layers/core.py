"""Layers without windows: products with a matrix, dropout, and flattening."""

from __future__ import annotations

import math
from typing import Any

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import as_dtype, float32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.layers.arguments import as_data_format, as_function
from graphflow.ops.conditionals import smart_cond
from graphflow.ops.contraction import tensordot
from graphflow.ops.identity import identity
from graphflow.ops.initializers import Zeros
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.layer_base import Layer
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add
from graphflow.ops.nn import dropout as nn_dropout
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.transposing import transpose

__all__ = ["Dense", "Dropout", "Flatten", "dense", "dropout", "flatten"]


class Dense(Layer):
    """``activation(inputs @ kernel + bias)``, over the inputs' last axis.

    Parameters
    ----------
    units : how many outputs.
    activation : a function of tensors; none when None.
    use_bias : whether to add a bias.
    kernel_initializer, bias_initializer : the scope's, or Glorot's uniform one, when None.
    kernel_regularizer, bias_regularizer, activity_regularizer : functions whose results go to
        ``REGULARIZATION_LOSSES``.
    kernel_constraint, bias_constraint : functions that an optimizer applies after each step.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = Zeros(),  # noqa: B008  # immutable
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            trainable=trainable, name=name, activity_regularizer=activity_regularizer, **kwargs
        )
        self.units = int(units)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.kernel: Any = None
        self.bias: Any = None
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        dtype = as_dtype(self.dtype or float32)
        if not (dtype.is_floating or dtype.is_complex):
            raise TypeError(f"Unable to build `Dense` layer with non-floating point dtype {dtype}")
        last = TensorShape(input_shape).as_list()[-1]
        if last is None:
            raise ValueError(
                "The last dimension of the inputs to `Dense` should be defined. Found `None`."
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: last})
        self.kernel = self.add_weight(
            "kernel", shape=[last, self.units], initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
            dtype=self.dtype, trainable=True,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", shape=[self.units], initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
                dtype=self.dtype, trainable=True,
            )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The product, with bias and activation."""
        inputs = convert_to_tensor(inputs)
        if inputs.shape.rank > 2:
            outputs = tensordot(inputs, self.kernel, [[inputs.shape.rank - 1], [0]])
            outputs.set_shape([*inputs.shape.as_list()[:-1], self.units])
        else:
            outputs = matmul(inputs, self.kernel)
        if self.use_bias:
            outputs = bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The input's shape with `units` as its last size."""
        shape = TensorShape(input_shape).with_rank_at_least(2)
        if shape.as_list()[-1] is None:
            raise ValueError(
                f"The innermost dimension of input_shape must be defined, but saw: {input_shape}"
            )
        return TensorShape([*shape.as_list()[:-1], self.units])


class Dropout(Layer):
    """Sets elements to zero at random in training, and scales the others up.

    Parameters
    ----------
    rate : the probability of dropping an element.
    noise_shape : shape of the mask, which broadcasts to the inputs; theirs when None.
    seed : the mask's seed.
    """

    def __init__(
        self, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, name: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def _get_noise_shape(self, inputs: Any) -> Any:
        if self.noise_shape is None or isinstance(self.noise_shape, Tensor):
            return self.noise_shape
        sizes = shape_op(inputs)
        return [sizes[i] if n is None else n for i, n in enumerate(self.noise_shape)]

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The inputs, with elements dropped if `training`, a bool or a tensor, is true."""

        def dropped() -> Any:
            noise_shape = self._get_noise_shape(inputs)
            return nn_dropout(inputs, noise_shape=noise_shape, seed=self.seed, rate=self.rate)

        return smart_cond(training, dropped, lambda: identity(inputs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return TensorShape(input_shape)


class Flatten(Layer):
    """Joins all axes but the first into one."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = as_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """A matrix with a row for each example."""
        rank = inputs.shape.rank
        if self.data_format == "channels_first" and rank > 1:
            inputs = transpose(inputs, [0, *range(2, rank), 1])
        first = inputs.shape.as_list()[0]
        outputs = reshape(inputs, (shape_op(inputs)[0] if first is None else first, -1))
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The first size, and the product of the others."""
        first, *rest = TensorShape(input_shape).with_rank_at_least(1).as_list()
        known = [size for size in rest if size is not None]
        return TensorShape([first, math.prod(known) if len(known) == len(rest) else None])


dense = as_function(Dense, "dense", "``activation(inputs @ kernel + bias)``.", module=__name__)


def dropout(
    inputs: Any, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None,
    training: Any = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The inputs, with elements dropped in training; see `Dropout`.

    Parameters
    ----------
    training : a bool, or a tensor that says it for each run.
    """
    layer = Dropout(rate, noise_shape=noise_shape, seed=seed, name=name)
    return layer.apply(inputs, training=training)


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Tensor:
    """A matrix with a row for each example; see `Flatten`."""
    return Flatten(name=name, data_format=data_format).apply(inputs)
