"""Keras's layers: those of `tf.layers`, which know functions by name and what they were given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphflow import layers as base
from graphflow.graph import nest
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.keras import backend, functions
from graphflow.ops.casting import cast
from graphflow.ops.comparison import not_equal
from graphflow.ops.gathering import gather
from graphflow.ops.identity import identity, placeholder
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.layer_base import Layer as _Layer
from graphflow.ops.layer_base import snake_case

__all__ = [
    "Activation", "BatchNormalization", "Conv1D", "Conv2D", "Conv2DTranspose", "Conv3D",
    "Conv3DTranspose", "Convolution1D", "Convolution2D", "Convolution2DTranspose", "Convolution3D",
    "Convolution3DTranspose", "Dense", "DenseFeatures", "Dropout", "Embedding", "Flatten", "Input",
    "InputLayer", "InputSpec", "Lambda", "Layer", "SeparableConv1D", "SeparableConv2D",
    "SeparableConvolution1D", "SeparableConvolution2D",
]  # fmt: skip

_COUNTS = ("__keras_names",)


def _unique(name: str, first: int = 0) -> str:
    """The name, numbered; the first of Keras's layers has no number."""
    found = get_default_graph().get_collection_ref(_COUNTS)
    if not found:
        found.append({})
    number = found[0][name] = found[0].get(name, first - 1) + 1
    return f"{name}_{number}" if number else name


class Layer(_Layer):
    """A layer whose outputs know the layer and the inputs that they were made of.

    Attributes
    ----------
    supports_masking : whether the mask of its inputs is that of its outputs, too.
    given : the arguments that it was made with.
    """

    supports_masking = False
    _use_resource = True
    _collects = False
    if TYPE_CHECKING:  # what `set_named` sets

        def __getattr__(self, name: str) -> Any: ...

    given: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Keep the arguments, of which `get_config` tells."""
        made = object.__new__(cls)
        object.__setattr__(made, "given", (args, kwargs))
        return made

    def __init__(
        self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        self._initial_weights = kwargs.pop("weights", None)
        self._inbound: list[tuple[Any, Any]] = []
        self._late_losses: list[tuple[str, Any, Callable[..., Any]]] = []
        shape = kwargs.pop("batch_input_shape", None)
        if shape is None and "input_dim" in kwargs:
            shape = (None, kwargs.pop("input_dim"))
        if shape is None and "input_shape" in kwargs:
            shape = (None, *kwargs.pop("input_shape"))
        self.given_shape = shape
        name = name or _unique(snake_case(type(self).__name__))
        super().__init__(trainable=trainable, name=name, dtype=dtype, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; layers, also in lists, are counted as parts of this one."""
        if "_sublayers" in self.__dict__ and not name.startswith("_"):
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(part, _Layer):
                    self._track(part)
        super().__setattr__(name, value)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, which remember how they were made."""
        mask = kwargs.get("mask")
        if mask is None:
            mask = nest.map_structure(mask_of, inputs)
            if "mask" in inspect.signature(self.call).parameters and has_mask(mask):
                kwargs = {**kwargs, "mask": mask}
        outputs = super().__call__(inputs, *args, **kwargs)
        if any(output is value for output in nest.flatten(outputs)
               for value in nest.flatten(inputs)):  # fmt: skip
            outputs = nest.map_structure(identity, outputs)
        for output in nest.flatten(outputs):
            output._keras_history = (self, inputs, args, kwargs)
        makes_mask = has_mask(mask) or type(self).compute_mask is not Layer.compute_mask
        if makes_mask and not has_mask(nest.map_structure(mask_of, outputs)):
            self._note_masks(outputs, self.compute_mask(inputs, mask))
        self._inbound.append((inputs, outputs))
        return outputs

    # ---- losses: those of variables are made when they are asked for

    def _regularize(self, name: str, variable: Any, regularizer: Callable[..., Any]) -> None:
        self._late_losses.append((variable.op.name, variable, regularizer))

    def _make_losses(self) -> None:
        late, self._late_losses = self._late_losses, []
        for name, variable, regularizer in late:
            with get_default_graph().name_scope(f"{name}/Regularizer"):
                self.add_loss(regularizer(variable))

    @property
    def losses(self) -> list[Any]:
        """Its regularisation losses."""
        self._make_losses()
        return super().losses

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The losses that depend on these inputs; with None, those that depend on none."""
        self._make_losses()
        return super().get_losses_for(inputs)

    def _note_masks(self, outputs: Any, masks: Any) -> None:
        flat = nest.flatten(outputs)
        found = list(masks) if isinstance(masks, (list, tuple)) else [masks]
        for output, mask in zip(flat, found, strict=False):
            output._keras_mask = mask

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The outputs' mask, for the inputs'."""
        return mask if self.supports_masking else None

    @property
    def input(self) -> Any:
        """What the layer was called on."""
        return self._called()[0]

    @property
    def output(self) -> Any:
        """What the layer made."""
        return self._called()[1]

    @property
    def input_shape(self) -> Any:
        """The shape of what the layer was called on."""
        return nest.map_structure(backend.int_shape, self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of what the layer made."""
        return nest.map_structure(backend.int_shape, self.output)

    def _called(self) -> tuple[Any, Any]:
        if not self._inbound:
            raise AttributeError(f"Layer {self.name} has no inbound nodes: it was not called yet.")
        if len(self._inbound) > 1:
            raise AttributeError(
                f'The layer "{self.name}" has multiple inbound nodes, expected one call, got '
                f"{len(self._inbound)}: use `get_output_at(node_index)` instead."
            )
        return self._inbound[0]

    def _outputs_of(self, output: Any) -> Any:
        """All outputs of the call that made one."""
        return next(made for _, made in reversed(self._inbound)
                    if any(one is output for one in nest.flatten(made)))  # fmt: skip

    def get_input_at(self, node_index: int) -> Any:
        """What the layer was called on the so manieth time."""
        return self._inbound[node_index][0]

    def get_output_at(self, node_index: int) -> Any:
        """What the layer made the so manieth time."""
        return self._inbound[node_index][1]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make such a layer again, under their names."""
        from graphflow.keras.serialization import plain

        args, kwargs = self.given
        given = {**dict(zip(self._argument_names(), args, strict=False)), **kwargs}
        return {"trainable": self.trainable, **plain(given), "name": self.name}

    def _argument_names(self) -> list[str]:
        return list(inspect.signature(type(self).__init__).parameters)[1:]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer made of the arguments that `get_config` gives."""
        from graphflow.keras.serialization import revived

        return cls(**revived(config))

    def _build_once(self, inputs: Any) -> None:
        was_built = self.built
        super()._build_once(inputs)
        if not was_built and self._initial_weights is not None:
            given, self._initial_weights = self._initial_weights, None
            self.set_weights(given)

    def get_weights(self) -> list[Any]:
        """The values of the variables."""
        return backend.batch_get_value(self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of the variables."""
        for variable, value in zip(self.weights, weights, strict=True):
            backend.set_value(variable, value)


def mask_of(value: Any) -> Any:
    """Which elements of a tensor count; None where all do."""
    return getattr(value, "_keras_mask", None)


def has_mask(masks: Any) -> bool:
    """Whether one of them is a mask."""
    return any(mask is not None for mask in nest.flatten(masks))


def _named(value: Any, name: str) -> Any:
    """What an argument stands for, where it is a name."""
    if name.endswith("activation"):
        return functions.activation(value)
    if name.endswith("_initializer"):
        return functions.initializer(value)
    if name.endswith("_constraint"):
        return functions.constraint(value)
    return functions.regularizer(value) if name.endswith("_regularizer") else value


def set_named(layer: _Layer, **given: Any) -> None:
    """Set attributes to activations, initializers, regularizers and constraints, by their names."""
    for name, value in given.items():
        setattr(layer, name, _named(value, name))


def adapted(made_of: type[_Layer], name: str, **defaults: Any) -> Any:
    """A Keras layer of one of `tf.layers`, with other defaults."""
    known = [
        p for p in inspect.signature(made_of).parameters.values() if p.kind is not p.VAR_KEYWORD
    ]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        names = [p.name for p in known]
        given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
        Layer.__init__(self, **{k: _named(v, k) for k, v in given.items()})

    def _argument_names(self: Any) -> list[str]:
        return [p.name for p in known]

    members = {"__init__": __init__, "__doc__": made_of.__doc__, "__module__": __name__,
               "_argument_names": _argument_names}  # fmt: skip
    return type(name, (Layer, made_of), members)


class ByPhase:
    """A layer that computes something else in training: as the phase says, if not told."""

    def call(self, inputs: Any, training: Any = None) -> Any:
        training = backend.learning_phase() if training is None else training
        return super().call(inputs, training=training)  # type: ignore[misc]


Dense = adapted(base.Dense, "Dense")
Conv1D = Convolution1D = adapted(base.Conv1D, "Conv1D")
Conv2D = Convolution2D = adapted(base.Conv2D, "Conv2D")
Conv3D = Convolution3D = adapted(base.Conv3D, "Conv3D")
Conv2DTranspose = adapted(base.Conv2DTranspose, "Conv2DTranspose")
Conv3DTranspose = adapted(base.Conv3DTranspose, "Conv3DTranspose")
SeparableConv1D = adapted(base.SeparableConv1D, "SeparableConv1D")
SeparableConv2D = adapted(base.SeparableConv2D, "SeparableConv2D")
Convolution2DTranspose, Convolution3DTranspose = Conv2DTranspose, Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
Flatten = adapted(base.Flatten, "Flatten")
_Dropout: Any = adapted(base.Dropout, "Dropout")
_Normalization: Any = adapted(base.BatchNormalization, "BatchNormalization")


class Dropout(ByPhase, _Dropout):
    """Sets elements to zero in training; see `tf.layers.Dropout`."""

    supports_masking = True


class BatchNormalization(ByPhase, _Normalization):
    """Batch normalisation; see `tf.layers.BatchNormalization`."""

    supports_masking = True


class Activation(Layer):
    """An activation, by name or as a function."""

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = functions.activation(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class Lambda(Layer):
    """A function."""

    def __init__(
        self, function: Callable[..., Any], output_shape: Any = None, mask: Any = None,
        arguments: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}

        self.mask = mask

    def call(self, inputs: Any) -> Any:
        return self.function(inputs, **self.arguments)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What the function `mask` gives, or the mask that was given."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask


class Embedding(Layer):
    """Rows of a table of vectors, one for each symbol."""

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None, activity_regularizer: Any = None,
        embeddings_constraint: Any = None, mask_zero: bool = False,
        input_length: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if input_length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (input_length,)
        activity_regularizer = functions.regularizer(activity_regularizer)
        kwargs = {"dtype": backend.floatx(), **kwargs, "activity_regularizer": activity_regularizer}
        super().__init__(**kwargs)
        self.mask_zero = mask_zero
        self.input_dim, self.output_dim = input_dim, output_dim
        set_named(
            self, embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            "embeddings", (self.input_dim, self.output_dim), self.dtype,
            self.embeddings_initializer, self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )  # fmt: skip
        self.built = True

    def call(self, inputs: Any) -> Any:
        symbols = inputs if inputs.dtype.is_integer else cast(inputs, "int32")
        return gather(self.embeddings, symbols)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """False at the symbol zero, where that stands for none."""
        return not_equal(inputs, 0) if self.mask_zero else None


class InputLayer(Layer):
    """Where a model begins."""

    def __init__(
        self, input_shape: Any = None, batch_size: int | None = None, dtype: Any = None,
        input_tensor: Any = None, name: str | None = None, batch_input_shape: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name or _unique("input", first=1))
        self.built = True
        if input_tensor is None:
            shape = batch_input_shape or (batch_size, *(input_shape or ()))
            kind = as_dtype(dtype or backend.floatx())
            self.output = placeholder(kind, TensorShape(shape), name=self.name)
        else:
            self.output = convert_to_tensor(input_tensor)
        self.given_shape = backend.int_shape(self.output)
        self.output._keras_history = (self, None, (), {})
        self.input = self.output

    input: Any = None
    output: Any = None

    def get_config(self) -> dict[str, Any]:
        """What makes such an input again."""
        kind = self.output.dtype.base_dtype.name
        shape = backend.int_shape(self.output)
        return {"batch_input_shape": shape, "dtype": kind, "name": self.name}


def Input(  # Keras's name
    shape: Any = None, batch_size: int | None = None, name: str | None = None, dtype: Any = None,
    tensor: Any = None, batch_shape: Any = None, **_: Any,
) -> Tensor:  # fmt: skip
    """A tensor where a model begins; `shape` is that of one example."""
    return InputLayer(shape, batch_size, dtype, tensor, name, batch_shape).output


class DenseFeatures(Layer):
    """The floats of dense feature columns side by side; see `tf.feature_column.input_layer`."""

    def __init__(
        self, feature_columns: Any, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._feature_columns = feature_columns

    def call(self, features: Any, cols_to_output_tensors: Any = None) -> Any:
        from graphflow.feature_column.model import dense_columns, joined_floats

        columns = dense_columns(self._feature_columns)
        with _kept_variables(self):
            return joined_floats(
                features, columns, trainable=self.trainable,
                cols_to_output_tensors=cols_to_output_tensors,
            )  # fmt: skip


class SequenceFeatures(Layer):
    """The floats of columns of sequences side by side, step by step, and the numbers of steps."""

    def __init__(
        self, feature_columns: Any, trainable: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._feature_columns = feature_columns

    def call(self, features: Any) -> Any:
        from graphflow.feature_column.sequence import joined_steps, sequence_columns

        columns = sequence_columns(self._feature_columns)
        with _kept_variables(self):
            return joined_steps(features, columns, self.trainable)


@contextmanager
def _kept_variables(layer: Any) -> Iterator[None]:
    """Note as a layer's the variables that are made meanwhile."""
    before = set(get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES))
    yield
    for variable in get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES):
        if variable not in before:
            kept = layer._trainable_weights if layer.trainable else layer._non_trainable_weights
            kept.append(variable)
