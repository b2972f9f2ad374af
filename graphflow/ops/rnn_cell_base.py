"""What cells of recurrent networks have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphflow.graph import nest
from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops import initializers
from graphflow.ops.creation import zeros
from graphflow.ops.layer_base import Layer
from graphflow.ops.linear import matmul
from graphflow.ops.nn import bias_add
from graphflow.ops.shape import expand_dims
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.slicing import concat
from graphflow.ops.variable_scope import get_variable, get_variable_scope, variable_scope

__all__ = ["LSTMStateTuple", "LayerRNNCell", "RNNCell"]


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM: the cell's memory, and its last output."""

    c: Any
    h: Any

    @property
    def dtype(self) -> Any:
        """The type of both.

        Raises
        ------
        TypeError : the types differ.
        """
        if self.c.dtype != self.h.dtype:
            raise TypeError(f"Inconsistent internal state: {self.c.dtype} vs {self.h.dtype}")
        return self.c.dtype


def batched_shape(batch: Any, size: Any) -> Tensor:
    """The shape of a state: the batch, and a size, which is a number or a shape, or a tensor.

    The operations are TensorFlow's, as the seeds of later ones depend on their number.
    """
    return concat([_as_sizes(batch), _as_sizes(size)], 0)


def _as_sizes(value: Any) -> Tensor:
    """A vector of sizes."""
    if isinstance(value, Tensor):
        return expand_dims(value, 0) if value.shape.rank == 0 else value
    sizes = TensorShape(value)
    if not sizes.is_fully_defined():
        raise ValueError(f"a state's shape requires sizes that are known, got {sizes}")
    return constant(sizes.as_list(), int32)


def known_batched_shape(batch: Any, size: Any) -> TensorShape:
    """`batched_shape`, as far as the graph knows it."""
    known = constant_value(batch) if isinstance(batch, Tensor) else batch
    first = TensorShape([None if known is None else int(known)])
    return first.concatenate(
        TensorShape(constant_value(size) if isinstance(size, Tensor) else size)
    )


def zero_state_tensors(state_size: Any, batch_size: Any, dtype: Any) -> Any:
    """Zeros in the structure of `state_size`."""

    def make(size: Any) -> Tensor:
        made = zeros(batched_shape(batch_size, size), dtype=dtype)
        for part in (batch_size, size):  # TensorFlow makes them again to know the shape
            _as_sizes(part)
        made.set_shape(known_batched_shape(batch_size, size))
        return made

    sizes = nest.flatten(state_size)
    if all(isinstance(size, TensorShape) for size in sizes) or not isinstance(
        state_size, TensorShape
    ):
        return nest.map_structure(make, state_size)
    return make(state_size)


class RNNCell(Layer):
    """A cell: from an input and a state, an output and the next state.

    A subclass defines `state_size`, `output_size` and `call`, or `__call__` with a scope.
    """

    def __init__(
        self, trainable: bool = True, name: Any = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype, **kwargs)
        self._own_scope: Any = None

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """The output and the next state.

        Parameters
        ----------
        inputs : of shape [batch, input size].
        state : in the structure of `state_size`, each of shape [batch, size].
        scope : a variable scope for the cell's variables.
        """
        if scope is not None:
            with variable_scope(scope, custom_getter=self._noting_getter) as inner:
                return super().__call__(inputs, state, scope=inner)
        if self._own_scope is None:
            self._own_scope = variable_scope(
                get_variable_scope(), custom_getter=self._noting_getter
            )
        with self._own_scope:
            return super().__call__(inputs, state)

    def _noting_getter(self, getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        variable = getter(*args, **kwargs)
        trained = variable in self._graph.get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)
        kind = self._trainable_weights if trained else self._non_trainable_weights
        if all(variable is not other for other in kind):
            kind.append(variable)
        return variable

    @property
    def state_size(self) -> Any:
        """The size of the state: a number, a shape, or a structure of them."""
        raise NotImplementedError("Abstract method")

    @property
    def output_size(self) -> Any:
        """The size of the output: a number or a shape."""
        raise NotImplementedError("Abstract method")

    def build(self, _: Any) -> None:
        """Do nothing: variables are made by the call."""

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Zeros for a state, sized after `inputs` where these are given."""
        if inputs is not None:
            inputs = convert_to_tensor(inputs, name="inputs")
            known = inputs.shape.as_list()[0] if inputs.shape.rank else None
            batch_size = known if known is not None else shape_of(inputs)[0]
            dtype = inputs.dtype
        if batch_size is None or dtype is None:
            raise ValueError(
                "batch_size and dtype cannot be None while constructing initial state: "
                f"batch_size={batch_size}, dtype={dtype}"
            )
        return self.zero_state(batch_size, dtype)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Zeros for a state."""
        with name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            return zero_state_tensors(self.state_size, batch_size, dtype)


class LayerRNNCell(RNNCell):
    """A cell whose variables are made by `build`, as a layer's are."""

    def __call__(
        self, inputs: Any, state: Any, scope: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """The output and the next state; see `RNNCell`."""
        return Layer.__call__(self, inputs, state, *args, scope=scope, **kwargs)

    def _input_depth(self, shape: Any) -> int:
        depth = TensorShape(shape).as_list()[-1]
        if depth is None:
            raise ValueError(
                f"Expected inputs.shape[-1] to be known, saw shape: {TensorShape(shape)}"
            )
        return depth


def linear(
    args: Any, output_size: int, has_bias: bool, bias_initializer: Any = None,
    kernel_initializer: Any = None,
) -> Tensor:  # fmt: skip
    """The sum of the products of several matrices with one kernel each, made in this scope.

    Raises
    ------
    ValueError : no arguments, or one that is no matrix with a known number of columns.
    """
    parts = list(args) if nest.is_sequence(args) else [args]
    if args is None or not parts:
        raise ValueError("`args` must be specified")
    total = 0
    for part in parts:
        if part.shape.rank != 2 or part.shape.as_list()[1] is None:
            raise ValueError(
                f"linear expects matrices with a known number of columns, got shape {part.shape}"
            )
        total += part.shape.as_list()[1]
    dtype = parts[0].dtype
    kernel = get_variable(
        "kernel", [total, output_size], dtype=dtype, initializer=kernel_initializer
    )
    product = matmul(parts[0] if len(parts) == 1 else concat(parts, 1), kernel)
    if not has_bias:
        return product
    initializer = bias_initializer or initializers.Constant(0.0, dtype=dtype)
    bias = get_variable("bias", [output_size], dtype=dtype, initializer=initializer)
    return bias_add(product, bias)
