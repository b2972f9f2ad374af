"""Keras's models: layers between inputs and outputs, trained by `fit`."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import nest
from graphflow.keras import backend, optimizers
from graphflow.keras.callbacks import Callback, History
from graphflow.keras.configs import (
    functional_config,
    functional_tensors,
    yaml_library,
)
from graphflow.keras.core import Input, InputLayer, Layer
from graphflow.keras.saved import Saved
from graphflow.keras.serialization import plain
from graphflow.keras.training import Data, Trainer, data_of, split_rows, with_column
from graphflow.ops.layer_base import snake_case
from graphflow.ops.variable_scope import variable_scope


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def layers_before(outputs: Sequence[Any]) -> list[Any]:
    """The layers that outputs are made by, those first that are most steps away from an output.

    Of layers at one depth those that are met first from the outputs on; so TensorFlow orders them,
    and with them a model's weights. Every tensor is met once: shortcuts make very many paths.
    """
    met: dict[Any, int] = {}
    order: list[Any] = []  # each tensor after those that it is made of
    seen: set[Any] = set()
    pending = [(tensor, False) for tensor in reversed(outputs)]
    while pending:
        tensor, is_done = pending.pop()
        if is_done:
            order.append(tensor)
        elif tensor not in seen:
            seen.add(tensor)
            met.setdefault(tensor._keras_history[0], len(met))
            pending.append((tensor, True))
            pending += [(other, False) for other in reversed(_made_of(tensor))]
    depths: dict[Any, int] = {}  # of layers and tensors
    for tensor in reversed(order):
        layer = tensor._keras_history[0]
        depth = depths[layer] = max(depths.get(tensor, 0), depths.get(layer, 0))
        for other in _made_of(tensor):
            depths[other] = max(depth + 1, depths.get(other, 0))
    return sorted(met, key=lambda layer: (-depths[layer], met[layer]))


def _made_of(tensor: Any) -> list[Any]:
    """The tensors that a layer made a tensor of."""
    _, before, args, kwargs = tensor._keras_history
    given = [] if before is None else nest.flatten([before, args, kwargs])
    return [other for other in given if hasattr(other, "_keras_history")]


class Model(Saved):
    """The layers between inputs and outputs.

    Parameters
    ----------
    inputs : what `Input` gave, one or several.
    outputs : what layers made of them.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None) -> None:
        self.name = name or (snake_case(type(self).__name__) if _is_subclassed(self) else "model")
        self._scope: Any = None
        self.inputs, self.outputs = _listed(inputs), _listed(outputs)
        self.stop_training = False
        self.optimizer: Any = None
        self.history: Any = None
        self.layers: list[Any] = []
        self.metrics_names: list[str] = []
        self._compiled: dict[str, Any] | None = None
        self._trainer: Any = None
        if self.outputs:
            self.layers = layers_before(self.outputs)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; the layers of a model with its own `call` are found by it."""
        if _is_subclassed(self) and "layers" in self.__dict__ and name != "layers":
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(part, (Layer, Model)) and part not in self.layers:
                    self.layers.append(part)
        super().__setattr__(name, value)

    def call(self, inputs: Any) -> Any:
        """The outputs; a subclass that defines it makes layers in ``__init__``."""
        raise NotImplementedError("expected a subclass that defines `call`")

    def _call_own(self, inputs: Any, **kwargs: Any) -> Any:
        """Call what a subclass defined, with its layers' names in the model's scope."""
        takes = inspect.signature(self.call).parameters
        if "training" in takes and "training" not in kwargs:
            kwargs["training"] = backend.learning_phase()
        if self._scope is None:
            with variable_scope(None, default_name=self.name) as scope:
                self._scope = scope
        with variable_scope(self._scope, auxiliary_name_scope=False):
            return self.call(inputs, **kwargs)

    def _build_for(self, data: Data) -> None:
        """Make inputs and outputs after the first data, where there are none yet."""
        if _is_subclassed(self) and not self.outputs:
            given = data.first()
            self.inputs = [Input(a.shape[1:], dtype=_input_type(a)) for a in given]
            self.outputs = _listed(self._call_own(_alone(list(self.inputs))))

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """The outputs for other inputs, by the same layers."""
        if _is_subclassed(self):
            return self._call_own(inputs, **kwargs)
        made = dict(zip(self.inputs, _listed(inputs), strict=True))

        def value_of(tensor: Any) -> Any:
            if not hasattr(tensor, "_keras_history"):
                return tensor
            if tensor not in made:
                layer, before, args, kwargs = tensor._keras_history
                known = {k: v for k, v in kwargs.items() if k != "mask"}
                given = nest.map_structure(value_of, [before, args, known])
                outputs = nest.flatten(layer(given[0], *given[1], **given[2]))
                made.update(zip(nest.flatten(layer._outputs_of(tensor)), outputs, strict=True))
            return made[tensor]

        found = [value_of(output) for output in self.outputs]
        return found if len(found) > 1 else found[0]

    # ---- variables

    @property
    def output(self) -> Any:
        """The outputs, one alone as itself."""
        return _alone(self.outputs)

    @property
    def input(self) -> Any:
        """The inputs, one alone as itself."""
        return _alone(self.inputs)

    @property
    def input_shape(self) -> Any:
        """The shapes of the inputs, one alone as itself."""
        return _alone([backend.int_shape(t) for t in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs, one alone as itself."""
        return _alone([backend.int_shape(t) for t in self.outputs])

    def _gather(self, name: str) -> list[Any]:
        found = [item for layer in self.layers for item in getattr(layer, name)]
        return list(dict.fromkeys(found))

    @property
    def trainable_weights(self) -> list[Any]:
        """The variables that are trained."""
        return self._gather("trainable_weights")

    @property
    def weights(self) -> list[Any]:
        """All variables."""
        return self._gather("weights")

    @property
    def losses(self) -> list[Any]:
        """The layers' losses."""
        return self._gather("losses")

    @property
    def updates(self) -> list[Any]:
        """The layers' updates."""
        return self._gather("updates")

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [_layer_name(tensor, tensor.op.name) for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs, numbered where one makes several."""
        names = [_layer_name(tensor, f"output_{k}") for k, tensor in enumerate(self.outputs, 1)]
        return [name if name not in names[:k] else f"{name}_{names[:k].count(name)}"
                for k, name in enumerate(names)]  # fmt: skip

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by its name or number."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}")

    def get_weights(self) -> list[Any]:
        """The values of all variables."""
        return backend.batch_get_value(self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of all variables."""
        for variable, value in zip(self.weights, weights, strict=True):
            backend.set_value(variable, value)

    def _checkpoint_children(self) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        if not _is_subclassed(self):
            weighted = [layer for layer in self.layers if layer.weights]
            found = [(f"layer_with_weights-{k}", layer) for k, layer in enumerate(weighted)]
            first = [] if InputLayer in map(type, self.layers) else [None]  # what TensorFlow counts
            numbered = enumerate([*first, *self.layers])
            found += [(f"layer-{k}", layer) for k, layer in numbered if layer is not None]
        else:
            found = [(n, v) for n, v in vars(self).items() if _is_part(n, v)]
        return found if self.optimizer is None else [*found, ("optimizer", self.optimizer)]

    def get_config(self) -> dict[str, Any]:
        """The layers and how they hang together."""
        if _is_subclassed(self):
            raise NotImplementedError("a model with its own `call` has no configuration")
        return functional_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model of a configuration."""
        return cls(*functional_tensors(config), name=config.get("name"))

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as text."""
        described = {"class_name": type(self).__name__, "config": plain(self.get_config())}
        return json.dumps({**described, "keras_version": "2.2.4-tf", "backend": "tensorflow"})

    def to_yaml(self, **kwargs: Any) -> str:
        """The configuration as text; needs the package PyYAML."""
        text: str = yaml_library().dump(json.loads(self.to_json()), **kwargs)
        return text

    def count_params(self) -> int:
        """How many numbers the variables hold."""
        return sum(int(w.shape.num_elements() or 0) for w in self.weights)

    def summary(self, line_length: int = 65, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print a table of the layers."""
        write = print_fn or (lambda line: sys.stdout.write(f"{line}\n"))
        write(f'Model: "{self.name}"\n{"_" * line_length}')
        write(f"{'Layer (type)':<29}{'Parameters':>12}")
        for layer in self.layers:
            kind = f"{layer.name} ({type(layer).__name__})"
            write(f"{kind:<29}{sum(int(w.shape.num_elements() or 0) for w in layer.weights):>12}")
        write(f"{'_' * line_length}\nTotal params: {self.count_params():,}")

    # ---- training

    def _ordered(self, x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
        """Inputs, labels and weights in order, where they were given by name."""
        if isinstance(x, dict):
            x = [x[name] for name in self.input_names]
        if isinstance(y, dict):
            y = [y[name] for name in self.output_names]
        if isinstance(weights, dict):
            weights = [weights.get(name) for name in self.output_names]
        return x, y, weights

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None,
        loss_weights: Any = None, sample_weight_mode: Any = None, weighted_metrics: Any = None,
        target_tensors: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        """Say how the model is trained.

        Parameters
        ----------
        optimizer : its name, one of Keras's, or one of `tf.train`'s.
        loss : a name or a function of labels and predictions; one for each output, or one for all.
        metrics : names or functions of labels and predictions; ``accuracy`` fits the loss.
        loss_weights : what each output's loss counts.
        sample_weight_mode : ``temporal`` where each step of a sequence has a weight of its own; one
            for each output, or one for all.
        weighted_metrics : metrics for which examples count by their weights.
        target_tensors : tensors that labels are, in place of what `fit` is given.
        options : nothing; TensorFlow's others are refused unless they ask for nothing.
        """
        refused = sorted(name for name, value in options.items() if value)
        if refused:
            raise ValueError(
                "Expected only optimizer, loss, metrics, loss_weights, sample_weight_mode, "
                f"weighted_metrics and target_tensors, got {', '.join(refused)} too."
            )
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self._compiled = {
            "loss": loss, "metrics": metrics, "loss_weights": loss_weights,
            "sample_weight_mode": sample_weight_mode, "weighted_metrics": weighted_metrics,
            "target_tensors": target_tensors,
        }  # fmt: skip
        self._trainer = None

    def training_config(self) -> dict[str, Any] | None:
        """How the model is trained, as plain values; None where that has no description."""
        if self._compiled is None or isinstance(self.optimizer, optimizers.TFOptimizer):
            return None
        given = {k: v for k, v in self._compiled.items() if k != "target_tensors"}
        return {**plain(given), "optimizer_config": plain(optimizers.serialize(self.optimizer))}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Say that the model is trained as `training_config` described."""
        names = ("loss", "metrics", "loss_weights", "sample_weight_mode", "weighted_metrics")
        given = {name: config.get(name) for name in names}
        self.compile(optimizers.deserialize(config["optimizer_config"]), **given)

    def make_train_function(self) -> None:
        """Make the operations of a training step, and the optimizer's variables."""
        self._trained().prepare()

    def _trained(self) -> Any:
        if self._compiled is None:
            raise RuntimeError(
                "You must compile your model before training/testing. Use "
                "`model.compile(optimizer, loss)`."
            )
        if self._trainer is None:
            self._trainer = Trainer(self, **self._compiled)
            self.metrics_names = self._trainer.names
        return self._trainer

    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1,
        verbose: int = 1, callbacks: Any = None, validation_split: float = 0.0,
        validation_data: Any = None, shuffle: bool = True, class_weight: Any = None,
        sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: int | None = None,
        validation_steps: int | None = None, validation_freq: int = 1, max_queue_size: int = 10,
        workers: int = 1, use_multiprocessing: bool = False,
    ) -> History:  # fmt: skip
        """Train in batches, for some epochs; gives the losses and metrics of each.

        Parameters
        ----------
        x : arrays, a generator of batches, a `Sequence`, or a data set.
        y : arrays of labels; None where `x` gives them.
        class_weight : what an example of each class counts, by its number.
        sample_weight : what each example counts, by row.
        steps_per_epoch, validation_steps : batches of an epoch, where `x` does not end by itself.
        workers, use_multiprocessing, max_queue_size : how many threads, or processes, make the
            batches of a `Sequence`, and how many ahead; one thread is the caller's own.
        """
        if validation_split and validation_data is None:
            x, y, sample_weight = self._ordered(x, y, sample_weight)
            (x, y, sample_weight), validation_data = split_rows(
                x, y, sample_weight, validation_split
            )
        data = data_of(
            x, y, sample_weight, batch_size, steps_per_epoch, class_weight, shuffle, self._ordered,
            (workers, use_multiprocessing, max_queue_size),
        )  # fmt: skip
        self._build_for(data)
        trainer = self._trained()
        trainer.prepare()
        checked = None
        if validation_data is not None:
            is_many = isinstance(validation_data, (list, tuple))
            given = validation_data if is_many else (validation_data,)
            xs, ys, weights = [*given, None, None][:3]
            checked = data_of(
                xs, ys, weights, batch_size, validation_steps, order=self._ordered,
                ahead=(workers, use_multiprocessing, max_queue_size),
            )  # fmt: skip
        history = History()
        called: list[Callback] = [*_listed(callbacks), history]
        params = {
            "epochs": epochs, "batch_size": batch_size or 32, "samples": data.samples,
            "verbose": verbose, "steps": data.steps, "metrics": self.metrics_names,
        }  # fmt: skip
        for callback in called:
            callback.set_params(params)
            callback.set_model(self)
            callback.on_train_begin()
        self.stop_training = False
        for epoch in range(initial_epoch, epochs):
            for callback in called:
                callback.on_epoch_begin(epoch)
            logs = trainer.run(data, train=True, called=called)
            if checked is not None and (epoch + 1) % validation_freq == 0:
                found = trainer.run(checked, train=False)
                logs.update({f"val_{name}": value for name, value in found.items()})
            if verbose:
                values = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
                sys.stdout.write(f"Epoch {epoch + 1}/{epochs} - {values}\n")
            for callback in called:
                callback.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        for callback in called:
            callback.on_train_end()
        self.history = history
        return history

    def fit_generator(
        self, generator: Any, steps_per_epoch: int | None = None, epochs: int = 1, **options: Any
    ) -> History:
        """Train on what a generator gives; see `fit`."""
        return self.fit(generator, steps_per_epoch=steps_per_epoch, epochs=epochs, **options)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None
    ) -> Any:
        """One step on a batch; its loss and metrics."""
        data = data_of(x, y, sample_weight, sys.maxsize, None, class_weight, order=self._ordered)
        self._build_for(data)
        return _alone(list(self._trained().run(data, train=True).values()))

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """The loss and the metrics of a batch."""
        return self.evaluate(x, y, sys.maxsize, sample_weight=sample_weight)

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: int = 1,
        sample_weight: Any = None, steps: int | None = None, callbacks: Any = None,
        max_queue_size: int = 10, workers: int = 1, use_multiprocessing: bool = False,
    ) -> Any:  # fmt: skip
        """The loss and the metrics on arrays, or on what a generator or a data set gives."""
        ahead = workers, use_multiprocessing, max_queue_size
        data = data_of(x, y, sample_weight, batch_size, steps, order=self._ordered, ahead=ahead)
        self._build_for(data)
        return _alone(list(self._trained().run(data, train=False).values()))

    def evaluate_generator(self, generator: Any, steps: int | None = None, **options: Any) -> Any:
        """The loss and the metrics on what a generator gives; see `evaluate`."""
        return self.evaluate(generator, steps=steps, **options)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: int = 0, steps: int | None = None,
        callbacks: Any = None, max_queue_size: int = 10, workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:  # fmt: skip
        """The outputs for arrays, or for what a generator or a data set gives."""
        ahead = workers, use_multiprocessing, max_queue_size
        data = data_of(x, None, None, batch_size, steps, order=self._ordered, ahead=ahead)
        self._build_for(data)
        session = backend.get_session()
        parts = [
            session.run(
                self.outputs,
                {t: with_column(a, t) for t, a in zip(self.inputs, xs, strict=True)},
            )
            for xs, _, _ in data.epoch()
        ]
        return _alone([np.concatenate(values) for values in zip(*parts, strict=True)])

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for a batch."""
        return self.predict(x, sys.maxsize)

    def predict_generator(self, generator: Any, steps: int | None = None, **options: Any) -> Any:
        """The outputs for what a generator gives; see `predict`."""
        return self.predict(generator, steps=steps, **options)


def _layer_name(tensor: Any, default: str) -> str:
    """The name of the layer that made a tensor."""
    return tensor._keras_history[0].name if hasattr(tensor, "_keras_history") else default


def _is_part(name: str, value: Any) -> bool:
    """Whether an attribute is a layer, or a list of layers that a class made."""
    if isinstance(value, list) and value and name != "layers":
        return all(isinstance(part, (Layer, Model)) for part in value)
    return isinstance(value, (Layer, Model))


def _is_subclassed(model: Any) -> bool:
    """Whether the model computes by a `call` of its own."""
    return type(model).call is not Model.call


def _input_type(array: Any) -> str:
    return "int32" if array.dtype.kind in "iu" else backend.floatx()


def _alone(values: list[Any]) -> Any:
    return values if len(values) > 1 else values[0]
