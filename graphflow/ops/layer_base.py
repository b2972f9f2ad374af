"""What all layers are made of: variables in a scope of their own, built on the first call.

A `Layer` follows TensorFlow 1.15's `tf.layers.Layer`: its variables live in a variable scope that
is fixed on the first call, so that their names, and checkpoints, are TensorFlow's. A subclass
defines `build`, which makes the variables, and `call`, which computes.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import nest
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collection, get_default_graph, name_scope
from graphflow.graph.dtypes import as_dtype, float32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.input_spec import check_inputs
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.variable_scope import get_variable, variable_scope

__all__ = ["Layer", "snake_case"]

_NAMES_KEY = ("__layer_names",)


def snake_case(name: str) -> str:
    """A class's name as a scope's name: ``BasicLSTMCell`` is ``basic_lstm_cell``."""
    spaced = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    lowered = re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()
    return f"private{lowered}" if lowered.startswith("_") else lowered


def _unique_name(base: str) -> str:
    """``base_1``, ``base_2``...: a name that no other layer of the graph has."""
    graph = get_default_graph()
    found = graph.get_collection_ref(_NAMES_KEY)
    if not found:
        found.append({})
    counts: dict[str, int] = found[0]
    counts[base] = counts.get(base, 0) + 1
    return f"{base}_{counts[base]}"


class Layer:
    """A part of a network with variables of its own.

    Parameters
    ----------
    trainable : whether its variables are trained.
    name : of its variable scope; made of the class's name when None.
    dtype : of its variables; the first input's when None.
    _scope : the variable scope to use in place of a new one.
    _reuse : whether its variables exist already.
    activity_regularizer : function of the output whose result is added to the losses.

    Attributes
    ----------
    built : whether its variables have been made.
    input_spec : an `InputSpec`, or one for each input.
    """

    input_spec: Any = None

    _use_resource: bool | None = None  # of the layer's variables, where nothing is said
    _collects = True  # whether losses and updates are in the graph's collections, too

    def __init__(
        self, trainable: bool = True, name: Any = None, dtype: Any = None,
        activity_regularizer: Callable[..., Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        scope = kwargs.pop("_scope", None)
        self._reuse = kwargs.pop("_reuse", None)
        unknown = set(kwargs) - {"input_shape", "batch_input_shape", "batch_size", "weights"}
        if unknown:
            raise TypeError("Keyword argument not understood:", sorted(unknown)[0])
        self.built = False
        self.trainable = trainable
        self.activity_regularizer = activity_regularizer
        self._dtype = None if dtype is None else as_dtype(dtype).base_dtype
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []
        self._losses: list[tuple[Any, Any]] = []  # with what they depend on
        self._updates: list[tuple[Any, Any]] = []
        self._sublayers: list[Layer] = []
        self._graph = get_default_graph()
        self._scope: Any = None
        self._reusing_scope: Any = None
        self._current_scope: Any = None
        self._call_has_scope = "scope" in inspect.signature(self.call).parameters
        self._base_name: Any = name
        self._name: Any = name
        if not isinstance(name, str) or not name:
            base = snake_case(type(self).__name__)
            self._name = _unique_name(base)
            self._base_name = getattr(name, "name", None) or base
        if scope:
            with variable_scope(scope) as captured:
                self._scope = captured

    # ---- what it is

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def dtype(self) -> Any:
        """The type of its variables; None before the first call."""
        return self._dtype

    @property
    def graph(self) -> Any:
        """The graph that it was made in."""
        return self._graph

    @property
    def scope_name(self) -> str:
        """The name of its variable scope.

        Raises
        ------
        ValueError : it has not been called.
        """
        if self._scope is None:
            raise ValueError(
                f'No name available for layer scope because the layer "{self._name}" has not been '
                "used yet. The scope name  is determined the first time the layer instance is "
                "called. You must therefore call the layer before querying `scope_name`."
            )
        return self._scope.name

    @property
    def trainable_weights(self) -> list[Any]:
        """Its variables that are trained, those of layers inside it among them."""
        if not self.trainable:
            return []
        inner = [w for layer in self._sublayers for w in layer.trainable_weights]
        return list(dict.fromkeys([*self._trainable_weights, *inner]))

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Its variables that are not trained."""
        trained = [] if self.trainable else self._trainable_weights
        inner = [w for layer in self._sublayers for w in layer.non_trainable_weights]
        if not self.trainable:
            inner = [w for layer in self._sublayers for w in layer.weights]
        return list(dict.fromkeys([*trained, *self._non_trainable_weights, *inner]))

    @property
    def weights(self) -> list[Any]:
        """All its variables."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def trainable_variables(self) -> list[Any]:
        """`trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Any]:
        """`non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def variables(self) -> list[Any]:
        """`weights`."""
        return self.weights

    def count_params(self) -> int:
        """How many numbers its variables hold."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on {self.name}, but the layer isn't built."
            )
        return sum(int(w.shape.num_elements()) for w in self.weights)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make such a layer again."""
        dtype = None if self._dtype is None else self._dtype.name
        return {"name": self.name, "trainable": self.trainable, "dtype": dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer made of the arguments that `get_config` gives."""
        return cls(**config)

    # ---- losses and updates

    @property
    def losses(self) -> list[Any]:
        """Its regularisation losses."""
        inner = [loss for layer in self._sublayers for loss in layer.losses]
        return [loss for loss, _ in self._losses] + inner

    @property
    def updates(self) -> list[Any]:
        """Operations that are to be run with each training step."""
        if not self.trainable:
            return []
        inner = [update for layer in self._sublayers for update in layer.updates]
        return [update for update, _ in self._updates] + inner

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add losses, which depend on `inputs`, or on variables alone when None."""
        self._add(self._losses, losses, inputs, GraphKeys.REGULARIZATION_LOSSES)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Add operations, or functions that make them, to be run with each training step."""
        found = updates if isinstance(updates, (list, tuple)) else [updates]
        made = [update() if callable(update) else update for update in found]
        operations = [getattr(update, "op", update) for update in made]
        self._add(self._updates, operations, inputs, GraphKeys.UPDATE_OPS)

    def _add(self, found: list[tuple[Any, Any]], values: Any, inputs: Any, collection: str) -> None:
        for value in values if isinstance(values, (list, tuple)) else [values]:
            if value is None:
                continue
            found.append((value, inputs))
            if self._collects and value not in get_default_graph().get_collection_ref(collection):
                add_to_collection(collection, value)

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The losses that depend on these inputs; with None, those that depend on none."""
        return _for_inputs(self._losses, inputs)

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """The updates that depend on these inputs; with None, those that depend on none."""
        return _for_inputs(self._updates, inputs)

    # ---- making and calling

    def build(self, input_shape: Any) -> None:
        """Make the variables, for inputs of this shape."""
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for inputs of a shape."""
        raise NotImplementedError(f"{type(self).__name__} does not say its output shape")

    def _set_scope(self, scope: Any) -> None:
        if self._scope is not None:
            return
        if self._reuse:
            made = variable_scope(self._base_name if scope is None else scope)
        else:
            made = variable_scope(scope, default_name=self._base_name)
        with made as captured:
            self._scope = captured

    def _scope_of_call(self) -> Any:
        if not self.built:
            return variable_scope(self._scope, reuse=self._reuse, auxiliary_name_scope=False)
        if self._reusing_scope is None:
            self._reusing_scope = variable_scope(
                self._scope, reuse=True, auxiliary_name_scope=False
            )
        return self._reusing_scope

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Build the layer if need be, and compute its outputs.

        Parameters
        ----------
        scope : the variable scope to use, where the layer has none yet.
        """
        self._set_scope(kwargs.pop("scope", None))
        inputs = nest.map_structure(_tensor, inputs)
        with self._scope_of_call() as scope:
            self._current_scope = scope
            if self._call_has_scope:
                kwargs["scope"] = scope
            with name_scope(scope.original_name_scope):
                check_inputs(self.input_spec, inputs, self.name)
                self._build_once(inputs)
                check_inputs(self.input_spec, inputs, self.name)
                outputs = self.call(inputs, *args, **kwargs)
                self._regularize_activity(inputs, outputs)
        return outputs

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the layer."""
        return self(inputs, *args, **kwargs)

    def _build_once(self, inputs: Any) -> None:
        if self.built:
            return
        tensors = [t for t in nest.flatten(inputs) if hasattr(t, "dtype") and hasattr(t, "shape")]
        if self._dtype is None and tensors:
            self._dtype = as_dtype(tensors[0].dtype).base_dtype
        shapes: Any = None
        if tensors and len(tensors) == len(nest.flatten(inputs)):
            shapes = nest.map_structure(lambda t: TensorShape(t.shape), inputs)
        self.build(shapes)
        self.built = True

    def _regularize_activity(self, inputs: Any, outputs: Any) -> None:
        if self.activity_regularizer is None:
            return
        with name_scope("ActivityRegularizer"):
            for output in nest.flatten(outputs):
                loss = self.activity_regularizer(output)
                examples = cast(shape_op(output)[0], loss.dtype)
                self.add_loss(loss / examples, inputs)

    def add_weight(
        self, name: str, shape: Any, dtype: Any = None, initializer: Any = None,
        regularizer: Any = None, trainable: bool | None = None, constraint: Any = None,
        use_resource: bool | None = None, synchronization: Any = None, aggregation: Any = None,
        partitioner: Any = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Make a variable in the layer's scope, or take the one that is there.

        Arguments are those of `get_variable`; `trainable` is true when None.
        """
        is_trained = self.trainable if trainable is None else bool(trainable) and self.trainable
        options = {"synchronization": synchronization, "aggregation": aggregation}
        options = {key: value for key, value in options.items() if value is not None}
        known = set(get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES))
        self._set_scope(None)
        reuse = self.built or self._reuse
        with variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope:
            self._current_scope = scope
            with name_scope(scope.original_name_scope):
                variable = get_variable(
                    name, shape=shape, dtype=dtype or self._dtype or float32,
                    initializer=initializer, trainable=is_trained, constraint=constraint,
                    partitioner=partitioner, **options, **kwargs,
                    use_resource=self._use_resource if use_resource is None else use_resource,
                )  # fmt: skip
                if regularizer is not None and variable not in known:
                    self._regularize(name, variable, regularizer)
        kind = self._non_trainable_weights if trainable is False else self._trainable_weights
        if all(variable is not other for other in kind):
            kind.append(variable)
        return variable

    def _regularize(self, name: str, variable: Any, regularizer: Callable[..., Any]) -> None:
        with name_scope(f"{name}/Regularizer"):
            loss = regularizer(variable)
        if loss is not None:
            self.add_loss(loss)

    def add_variable(self, *args: Any, **kwargs: Any) -> Any:
        """`add_weight`."""
        return self.add_weight(*args, **kwargs)

    def __deepcopy__(self, known: dict[int, Any]) -> Any:
        """A layer like this one, with variables of its own if it has none yet."""
        made = type(self).__new__(type(self))
        known[id(self)] = made
        for key, value in self.__dict__.items():
            is_shared = key in ("_graph", "_scope", "_current_scope", "_reusing_scope")
            setattr(made, key, value if is_shared else copy.deepcopy(value, known))
        return made

    def _track(self, layer: Any) -> Any:
        """Count the variables of a layer inside as this layer's."""
        if isinstance(layer, Layer) and all(layer is not other for other in self._sublayers):
            self._sublayers.append(layer)
        return layer


def _tensor(value: Any) -> Any:
    return convert_to_tensor(value) if isinstance(value, (np.ndarray, float, int)) else value


def _for_inputs(found: Sequence[tuple[Any, Any]], inputs: Any) -> list[Any]:
    if inputs is None:
        return [value for value, given in found if given is None]
    wanted = set(nest.flatten(inputs))
    return [
        value for value, given in found
        if given is not None
        and any(isinstance(t, Tensor) and t in wanted for t in nest.flatten(given))
    ]  # fmt: skip
