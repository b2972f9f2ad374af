"""Keras's models: layers between inputs and outputs, trained by `fit`."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.graph import nest
from graphflow.graph.tensor import Tensor
from graphflow.keras import backend, losses, optimizers
from graphflow.keras import metrics as known_metrics
from graphflow.keras.callbacks import Callback, History
from graphflow.keras.configs import (
    clone_model,
    functional_config,
    functional_tensors,
    load_model,
    model_from_config,
    model_from_json,
    save_model,
)
from graphflow.keras.core import Input, InputLayer, Layer, mask_of
from graphflow.keras.metrics import Metric
from graphflow.keras.serialization import deserialize, plain, serialize
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import add_n
from graphflow.ops.identity import placeholder
from graphflow.ops.layer_base import snake_case
from graphflow.ops.reductions import reduce_mean
from graphflow.ops.variable_scope import variable_scope

__all__ = [
    "Model", "Sequential", "clone_model", "load_model", "model_from_config", "model_from_json",
    "save_model",
]  # fmt: skip


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


class Model:
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
            self._find_layers()

    def _find_layers(self) -> None:
        seen: dict[Any, None] = {}

        def visit(tensor: Any) -> None:
            layer, before, args, kwargs = tensor._keras_history
            for other in [] if before is None else nest.flatten([before, args, kwargs]):
                if hasattr(other, "_keras_history"):
                    visit(other)
            seen[layer] = None

        for output in self.outputs:
            visit(output)
        self.layers = list(seen)

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

    def _build_for(self, x: Any) -> None:
        """Make inputs and outputs after the first data, where there are none yet."""
        if _is_subclassed(self) and not self.outputs:
            given = _arrays(x)
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
        return self.outputs if len(self.outputs) > 1 else self.outputs[0]

    @property
    def input(self) -> Any:
        """The inputs, one alone as itself."""
        return self.inputs if len(self.inputs) > 1 else self.inputs[0]

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

    def save_weights(self, filepath: str, overwrite: bool = True, save_format: Any = None) -> None:
        """Write the variables to a checkpoint."""
        from graphflow.train.saver import Saver

        Saver(self.weights).save(backend.get_session(), str(filepath), write_meta_graph=False)

    def save(self, filepath: Any, overwrite: bool = True, **_: Any) -> None:
        """Write the model; see `save_model`."""
        save_model(self, filepath, overwrite)

    def load_weights(self, filepath: str, by_name: bool = False) -> None:
        """Read the variables from a checkpoint."""
        from graphflow.train.saver import Saver

        Saver(self.weights).restore(backend.get_session(), str(filepath))

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

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None,
        loss_weights: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        """Say how the model is trained.

        Parameters
        ----------
        optimizer : its name, one of Keras's, or one of `tf.train`'s.
        loss : a name or a function of labels and predictions; one for each output, or one for all.
        metrics : names or functions of labels and predictions; ``accuracy`` fits the loss.
        loss_weights : what each output's loss counts.
        """
        self.optimizer = optimizers.get(optimizer)
        self._compiled = {"loss": loss, "metrics": _listed(metrics), "weights": loss_weights}
        self._trainer = None

    def _trained(self) -> Any:
        if self._compiled is None:
            raise RuntimeError(
                "You must compile your model before training/testing. Use "
                "`model.compile(optimizer, loss)`."
            )
        if self._trainer is None:
            self._trainer = _Trainer(self, **self._compiled)
            self.metrics_names = self._trainer.names
        return self._trainer

    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1,
        verbose: int = 1, callbacks: Any = None, validation_split: float = 0.0,
        validation_data: Any = None, shuffle: bool = True, initial_epoch: int = 0, **_: Any,
    ) -> History:  # fmt: skip
        """Train on arrays, in batches, for some epochs; gives the losses and metrics of each."""
        self._build_for(x)
        trainer, size = self._trained(), batch_size or 32
        xs, ys = _arrays(x), _arrays(y)
        if validation_split and validation_data is None:
            cut = int(len(xs[0]) * (1.0 - validation_split))
            validation_data = ([a[cut:] for a in xs], [a[cut:] for a in ys])
            xs, ys = [a[:cut] for a in xs], [a[:cut] for a in ys]
        trainer.prepare()
        history = History()
        called: list[Callback] = [*_listed(callbacks), history]
        params = {"epochs": epochs, "batch_size": size, "samples": len(xs[0]), "verbose": verbose,
                  "steps": -(-len(xs[0]) // size), "metrics": self.metrics_names}  # fmt: skip
        for callback in called:
            callback.set_params(params)
            callback.set_model(self)
            callback.on_train_begin()
        self.stop_training = False
        for epoch in range(initial_epoch, epochs):
            for callback in called:
                callback.on_epoch_begin(epoch)
            logs = trainer.run(xs, ys, size, train=True, shuffle=shuffle, called=called)
            if validation_data is not None:
                given = _arrays(validation_data[0]), _arrays(validation_data[1])
                found = trainer.run(*given, size, train=False)
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

    def train_on_batch(self, x: Any, y: Any) -> Any:
        """One step on a batch; its loss and metrics."""
        self._build_for(x)
        xs, ys = _arrays(x), _arrays(y)
        found = self._trained().run(xs, ys, len(xs[0]), train=True, shuffle=False)
        return _alone(list(found.values()))

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int = 1,
        **_: Any,
    ) -> Any:
        """The loss and the metrics on arrays."""
        self._build_for(x)
        found = self._trained().run(_arrays(x), _arrays(y), batch_size or 32, train=False)
        return _alone(list(found.values()))

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0, **_: Any) -> Any:
        """The outputs for arrays."""
        self._build_for(x)
        session, xs, size = backend.get_session(), _arrays(x), batch_size or 32
        parts = [
            session.run(self.outputs, dict(zip(self.inputs, [a[k : k + size] for a in xs],
                                               strict=True)))
            for k in range(0, len(xs[0]), size)
        ]  # fmt: skip
        return _alone([np.concatenate(values) for values in zip(*parts, strict=True)])


def _is_subclassed(model: Any) -> bool:
    """Whether the model computes by a `call` of its own."""
    return type(model).call is not Model.call


def _input_type(array: Any) -> str:
    return "int32" if array.dtype.kind in "iu" else backend.floatx()


def _alone(values: list[Any]) -> Any:
    return values if len(values) > 1 else values[0]


def _arrays(value: Any) -> list[Any]:
    is_many = isinstance(value, (list, tuple)) and len(value) > 0 and np.ndim(value[0]) > 0
    return [np.asarray(v) for v in value] if is_many else [np.asarray(value)]


class _Trainer:
    """The operations that train and evaluate a model."""

    def __init__(self, model: Model, loss: Any, metrics: list[Any], weights: Any) -> None:
        self.model = model
        count = len(model.outputs)
        given_losses = loss if isinstance(loss, (list, tuple)) else [loss] * count
        weights = weights or [1.0] * count
        self.targets, parts, named = [], [], []
        self.objects: dict[str, Any] = {}  # metrics that keep values of their own
        for output, given, weight in zip(model.outputs, given_losses, weights, strict=True):
            function = losses.get(given)
            target = self._target(output, given)
            self.targets.append(target)
            parts.append(weight * _reduced(function, target, output))
            for metric in metrics:
                found = _metric(metric, given, output)
                if isinstance(found, Metric):
                    update = found.update_state(target, output)
                    self.objects[found.name] = (found, update, found.result())
                    continue
                name = metric if isinstance(metric, str) else found.__name__
                named.append((name, reduce_mean(found(target, output))))
        self.loss = (
            add_n([*parts, *model.losses]) if len(parts) + len(model.losses) > 1 else parts[0]
        )
        self.names = ["loss", *(name for name, _ in named), *self.objects]
        self.values = [self.loss, *(value for _, value in named)]
        self.step: Any = None

    def _target(self, output: Any, loss: Any) -> Any:
        sparse = getattr(loss, "__name__", getattr(loss, "name", loss))
        if isinstance(sparse, str) and sparse.startswith("sparse"):
            return placeholder("int64", None if output.shape.rank is None else _labels(output))
        return placeholder(output.dtype, output.shape)

    def prepare(self) -> None:
        """Make the step, unless it is made."""
        if self.step is None:
            variables = self.model.trainable_weights
            self.step = [self.model.optimizer.step(self.loss, variables), *self.model.updates]

    def run(
        self,
        xs: list[Any],
        ys: list[Any],
        size: int,
        train: bool,
        shuffle: bool = False,
        called: Sequence[Callback] = (),
    ) -> dict[str, float]:
        """Means over all batches of the loss and the metrics, of a pass."""
        if train:
            self.prepare()
        session, phase = backend.get_session(), backend.learning_phase()
        count = len(xs[0])
        order = np.random.permutation(count) if shuffle else np.arange(count)  # noqa: NPY002
        totals = np.zeros(len(self.values))
        updates = [update for _, update, _ in self.objects.values()]
        for metric, _, _ in self.objects.values():
            metric.reset_states()
        for start in range(0, count, size):
            rows = order[start : start + size]
            feed = {t: a[rows] for t, a in zip(self.model.inputs, xs, strict=True)}
            for target, array in zip(self.targets, ys, strict=True):
                feed[target] = _fitting(array[rows], target)
            if isinstance(phase, Tensor):
                feed[phase] = train
            fetches = [self.values, self.step, updates] if train else [self.values, updates]
            batch = {"batch": start // size, "size": len(rows)}
            for callback in called:
                callback.on_train_batch_begin(batch["batch"], batch)
            found = np.array(session.run(fetches, feed)[0], np.float64)
            totals += found * len(rows)
            logs = {**batch, **dict(zip(self.names, found.tolist(), strict=False))}
            for callback in called:
                callback.on_train_batch_end(batch["batch"], logs)
            if train and self.model.stop_training:
                count = start + len(rows)
                break
        kept = session.run([result for _, _, result in self.objects.values()])
        values = [*(totals / count).tolist(), *(float(np.mean(value)) for value in kept)]
        return dict(zip(self.names, values, strict=True))


def _reduced(function: Any, target: Any, output: Any) -> Any:
    """A loss over a batch: its mean, over the steps that count where some do not."""
    found, mask = function(target, output), mask_of(output)
    if mask is None or found.shape.rank != mask.shape.rank:
        return reduce_mean(found)
    weights = cast(mask, found.dtype)
    return reduce_mean(found * weights / reduce_mean(weights))


def _labels(output: Any) -> list[Any]:
    return output.shape.as_list()[:-1]


def _fitting(array: Any, target: Any) -> Any:
    """Labels in the target's rank: a last axis of one is added or taken away."""
    rank = target.shape.rank
    if rank is not None and array.ndim == rank + 1 and array.shape[-1] == 1:
        return array[..., 0]
    return array[..., None] if rank is not None and array.ndim == rank - 1 else array


def _metric(metric: Any, loss: Any, output: Any) -> Callable[..., Any]:
    """A metric's function; accuracy is that which fits the loss."""
    if metric not in ("accuracy", "acc"):
        return known_metrics.get(metric)
    name = getattr(loss, "__name__", getattr(loss, "name", loss))
    if isinstance(name, str) and name.startswith("sparse"):
        return known_metrics.sparse_categorical_accuracy
    last = output.shape.as_list()[-1]
    return known_metrics.binary_accuracy if last == 1 else known_metrics.categorical_accuracy


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
            self._find_layers()
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
        listed = [serialize(layer) for layer in self.layers if not isinstance(layer, InputLayer)]
        shape = backend.int_shape(self.inputs[0]) if self.inputs else None
        found: dict[str, Any] = {"name": self.name, "layers": listed, "build_input_shape": shape}
        return {**found, "dtype": self.inputs[0].dtype.base_dtype.name if self.inputs else None}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The model of a configuration."""
        made = cls(name=config["name"])
        if config.get("build_input_shape"):
            shape, dtype = config["build_input_shape"], config["dtype"]
            made.inputs = made.outputs = [Input(batch_shape=tuple(shape), dtype=dtype)]
        for layer in config["layers"]:
            made.add(deserialize(layer))
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

    def _build_for(self, x: Any) -> None:
        if self._pending:
            self.build((None, *_arrays(x)[0].shape[1:]))

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> History:
        """Train; see `Model.fit`."""
        self._build_for(x)
        return super().fit(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The outputs for arrays."""
        self._build_for(x)
        return super().predict(x, *args, **kwargs)
