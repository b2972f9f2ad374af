"""Keras's `Sequential`: layers one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.keras import backend
from graphflow.keras.core import Input, InputLayer
from graphflow.keras.model import Model, layers_before
from graphflow.keras.serialization import deserialize, serialize
from graphflow.keras.training import Data


class Sequential(Model):
    """Layers one after another; the first says the shape of the inputs, or the first data."""

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None) -> None:
        super().__init__(name=name or "sequential")
        self._pending: list[Any] = []
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Add a layer at the end."""
        if self.outputs:
            self._extend(layer)
        elif isinstance(layer, InputLayer):
            self.inputs = self.outputs = [layer.output]
        elif isinstance(layer, Model):
            self.inputs, self.outputs = list(layer.inputs), list(layer.outputs)
            self.layers = layers_before(self.outputs)
        elif getattr(layer, "given_shape", None) is not None:
            integers = type(layer).__name__ == "Embedding"
            dtype = "int32" if integers else layer.dtype
            name = f"{layer.name}_input"
            made = Input(batch_shape=layer.given_shape, dtype=dtype, name=name)
            self.inputs = self.outputs = [made]
            self._extend(layer)
        else:
            self._pending.append(layer)
            self.layers.append(layer)

    def _extend(self, layer: Any) -> None:
        self.outputs = [layer(self.outputs[0])]
        self.layers.append(layer)

    def get_config(self) -> dict[str, Any]:
        """The layers, in order."""
        layers = [layer for layer in self.layers if not isinstance(layer, InputLayer)]
        listed = [serialize(layer) for layer in layers]
        found: dict[str, Any] = {"name": self.name, "layers": listed}
        if not self.inputs:
            return found
        shape, dtype = backend.int_shape(self.inputs[0]), self.inputs[0].dtype.base_dtype.name
        if getattr(layers[0], "given_shape", None) is not None:
            listed[0]["config"].update(batch_input_shape=shape, dtype=dtype)
            return found
        return {**found, "build_input_shape": shape, "dtype": dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model of a configuration."""
        return cls.from_layers(config, None, deserialize)

    @classmethod
    def from_layers(cls, config: dict[str, Any], inputs: Any, make: Callable[..., Any]) -> Any:
        """The model of a configuration, with inputs and layers that are given.

        Parameters
        ----------
        inputs : one tensor in a list; a new input when None.
        make : gives a layer from its description.
        """
        made = cls(name=config["name"])
        if inputs is not None:
            made.inputs = made.outputs = [Input(tensor=inputs[0])]
        elif config.get("build_input_shape"):
            shape, dtype = config["build_input_shape"], config["dtype"]
            made.inputs = made.outputs = [Input(batch_shape=tuple(shape), dtype=dtype)]
        for layer in config["layers"]:
            made.add(make(layer))
        return made

    def pop(self) -> None:
        """Take the last layer away."""
        self.layers.pop()
        _, before, _, _ = self.outputs[0]._keras_history
        self.outputs = [before]

    def build(self, input_shape: Any) -> None:
        """Make the variables, for inputs of this shape."""
        pending, self._pending, self.layers = self._pending, [], []
        self.inputs = self.outputs = [Input(batch_shape=tuple(input_shape))]
        for layer in pending:
            self._extend(layer)

    def _build_for(self, data: Data) -> None:
        if self._pending:
            self.build((None, *data.first()[0].shape[1:]))
