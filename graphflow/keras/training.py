"""What `fit` runs: batches of arrays, generators and data sets, and the operations of a step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphflow.errors import OutOfRangeError
from graphflow.graph.tensor import Tensor
from graphflow.keras import backend, losses
from graphflow.keras import metrics as known_metrics
from graphflow.keras.callbacks import Callback
from graphflow.keras.core import mask_of
from graphflow.keras.enqueuers import items_ahead
from graphflow.keras.losses import Loss
from graphflow.keras.metrics import Metric
from graphflow.keras.utils import Sequence as KerasSequence
from graphflow.ops.casting import cast
from graphflow.ops.elementwise import add_n
from graphflow.ops.identity import placeholder, placeholder_with_default
from graphflow.ops.reductions import reduce_mean
from graphflow.ops.shape import reshape

# What TensorFlow 1.15 calls metrics in logs and histories.
_SHORT = {"accuracy": "acc", "acc": "acc", "crossentropy": "ce", "ce": "ce"}
# inputs, labels, weights of rows for each output, or of all, or None
Batch = tuple[list[Any], list[Any], Any]
Ahead = tuple[int, bool, int]


def arrays(value: Any) -> list[Any]:
    """What was given for one or several tensors, as a list of arrays."""
    is_many = isinstance(value, (list, tuple)) and len(value) > 0 and np.ndim(value[0]) > 0
    return [np.asarray(v) for v in value] if is_many else [np.asarray(value)]


class Data:
    """Batches, epoch by epoch.

    Parameters
    ----------
    batches : gives the batches of one epoch, or for `steps` of them all there will ever be.
    steps : batches of an epoch; None when `batches` ends by itself.
    samples : rows of an epoch, if that is known.
    """

    def __init__(
        self, batches: Callable[[], Iterator[Batch]], steps: int | None = None,
        samples: int | None = None, is_endless: bool = False,
    ) -> None:  # fmt: skip
        self.steps, self.samples = steps, samples
        self._batches, self._is_endless = batches, is_endless
        self._going: Iterator[Batch] | None = None

    def first(self) -> list[Any]:
        """The inputs of the first batch, which is not lost by that."""
        going = self._going or self._batches()
        batch = next(going, None)
        if batch is None:
            raise ValueError("Expected at least one batch of data, got none.")
        self._going = itertools.chain([batch], going)
        return batch[0]

    def epoch(self) -> Iterator[Batch]:
        """The batches of the next epoch."""
        going, self._going = self._going or self._batches(), None
        if not self._is_endless:
            yield from going
            return
        try:
            yield from itertools.islice(going, self.steps)
        finally:
            self._going = going


def data_of(
    x: Any, y: Any = None, weights: Any = None, size: int | None = None, steps: int | None = None,
    class_weight: Any = None, shuffle: bool = False, order: Callable[..., Any] | None = None,
    ahead: Ahead = (1, False, 10),
) -> Data:  # fmt: skip
    """What `Model.fit` and the like were given, as batches.

    Parameters
    ----------
    ahead : by how many workers, whether in processes, and how many batches ahead a `Sequence`'s
        are made; one worker is the caller.
    order : puts inputs, labels and weights that are given by name in order.

    Raises
    ------
    ValueError : labels beside a source that gives its own; arrays of different lengths; a
        generator without a number of steps.
    """
    is_sequence, is_dataset = isinstance(x, KerasSequence), hasattr(x, "make_one_shot_iterator")
    if not (is_sequence or is_dataset or hasattr(x, "__next__")):
        x, y, weights = order(x, y, weights) if order else (x, y, weights)
        return _array_data(x, y, weights, size or 32, steps, class_weight, shuffle)
    if y is not None or weights is not None:
        raise ValueError(
            "Expected no `y` and no `sample_weight` beside a source of batches of both."
        )
    if is_sequence:

        def batches() -> Iterator[Any]:
            rows = np.random.permutation(len(x)) if shuffle else range(len(x))  # noqa: NPY002
            chosen = itertools.islice(rows, steps)
            if ahead[0] > 1 or (ahead[0] == 1 and ahead[1]):
                yield from items_ahead(x, chosen, *ahead)
            else:
                yield from (x[int(k)] for k in chosen)
            x.on_epoch_end()

        return Data(lambda: (_batch(b, class_weight, order) for b in batches()), steps or len(x))
    if not is_dataset and steps is None:
        raise ValueError("Expected a number of steps for a generator, got None.")

    def source() -> Iterator[Any]:
        return _dataset_batches(x) if is_dataset else iter(x)

    return Data(
        lambda: (_batch(b, class_weight, order) for b in source()), steps, None, steps is not None
    )


def _array_data(
    x: Any, y: Any, weights: Any, size: int, steps: int | None, class_weight: Any, shuffle: bool
) -> Data:
    xs, ys = arrays(x), [] if y is None else arrays(y)
    count = len(xs[0])
    given = _weight_arrays(weights)
    for array in [*xs, *ys, *(g for g in given or [] if g is not None)]:
        if len(array) != count:
            raise ValueError(
                "All input arrays (x), labels (y) and weights should have the same number of "
                f"samples. Got {count} and {len(array)}."
            )
    given = _row_weights(ys, given, class_weight)

    def batches() -> Iterator[Batch]:
        order = np.random.permutation(count) if shuffle else np.arange(count)  # noqa: NPY002
        for start in itertools.islice(range(0, count, size), steps):
            rows = order[start : start + size]
            yield (
                [a[rows] for a in xs],
                [a[rows] for a in ys],
                _rows_of(given, rows),
            )

    return Data(batches, steps or -(-count // size), count)


def _dataset_batches(dataset: Any) -> Iterator[Any]:
    session, iterator = backend.get_session(), dataset.make_initializable_iterator()
    element = iterator.get_next()
    session.run(iterator.initializer)
    while True:
        try:
            yield session.run(element)
        except OutOfRangeError:
            return


def _batch(element: Any, class_weight: Any, order: Callable[..., Any] | None) -> Batch:
    parts = element if isinstance(element, tuple) else (element,)
    x, y, weights = [*parts, None, None][:3]
    if order is not None:
        x, y, weights = order(x, y, weights)
    ys = [] if y is None else arrays(y)
    return arrays(x), ys, _row_weights(ys, _weight_arrays(weights), class_weight)


def _weight_arrays(weights: Any) -> list[Any] | None:
    """Weights, one for all outputs or a list of one for each, as a list of arrays."""
    if weights is None:
        return None
    is_many = isinstance(weights, (list, tuple)) and any(np.ndim(w) for w in weights)
    given = weights if is_many else [weights]
    return [None if w is None else np.asarray(w) for w in given]


def _rows_of(weights: list[Any] | None, rows: Any) -> list[Any] | None:
    return None if weights is None else [None if w is None else w[rows] for w in weights]


def _row_weights(ys: list[Any], weights: Any, class_weight: Any) -> Any:
    """What each row counts, by its own weight and by its class's."""
    if class_weight is None:
        return weights
    if len(ys) != 1:
        raise ValueError(f"`class_weight` needs one output, got labels for {len(ys)}.")
    labels = ys[0]
    if labels.ndim > 1:
        labels = labels.argmax(-1) if labels.shape[-1] > 1 else labels[..., 0]
    known = {int(label): float(weight) for label, weight in dict(class_weight).items()}
    missing = set(np.unique(labels).astype(int).tolist()) - set(known)
    if missing:
        raise ValueError(
            "`class_weight` must contain all classes in the data. The classes "
            f"{sorted(missing)} exist in the data but not in `class_weight`."
        )
    of_class = np.array([known[int(label)] for label in labels.ravel()]).reshape(labels.shape)
    return [of_class] if weights is None else [of_class * weights[0]]


def split_rows(x: Any, y: Any, weights: Any, part: float) -> tuple[Any, Any]:
    """The first rows for training, and the last `part` of them for validation."""
    if hasattr(x, "__next__") or isinstance(x, KerasSequence) or not np.ndim(arrays(x)[0]):
        raise ValueError("`validation_split` needs arrays.")
    xs, ys = arrays(x), [] if y is None else arrays(y)
    cut = int(len(xs[0]) * (1.0 - part))
    given = _weight_arrays(weights)

    def rows(which: slice) -> tuple[Any, Any, Any]:
        labels = [a[which] for a in ys]
        return [a[which] for a in xs], labels or None, _rows_of(given, which)

    return rows(slice(None, cut)), rows(slice(cut, None))


def for_outputs(what: str, given: Any, names: Sequence[str]) -> list[Any]:
    """What was given for each output: in a dict by name, in a list, or one for all.

    Raises
    ------
    ValueError : a name that no output has, or a list of another length.
    """
    if isinstance(given, dict) and "class_name" not in given:
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ValueError(
                f'Unknown entry in {what} dictionary: "{unknown[0]}". Only expected the following '
                f"keys: {list(names)}"
            )
        return [given.get(name) for name in names]
    if not isinstance(given, (list, tuple)):
        return [given] * len(names)
    if len(given) != len(names):
        raise ValueError(f"Expected {len(names)} entries of {what}, got {len(given)}: {given}")
    return list(given)


def metrics_for_outputs(given: Any, names: Sequence[str]) -> list[list[Any]]:
    """The metrics of each output: of all alike, unless there is a list for each, or a dict."""
    if isinstance(given, (list, tuple)):
        by_output = (
            len(names) > 1
            and len(given) == len(names)
            and any(isinstance(one, (list, tuple)) for one in given)
        )
        lists = list(given) if by_output else [given] * len(names)
    else:
        lists = for_outputs("metrics", given, names)
    return [[] if one is None else list(one) if isinstance(one, (list, tuple)) else [one]
            for one in lists]  # fmt: skip


class Trainer:
    """The operations that train and evaluate a model; the parameters are those of `compile`."""

    def __init__(
        self, model: Any, loss: Any, metrics: Any, loss_weights: Any = None,
        sample_weight_mode: Any = None, weighted_metrics: Any = None, target_tensors: Any = None,
    ) -> None:  # fmt: skip
        self.model = model
        outputs, names = model.outputs, model.output_names
        self._losses = for_outputs("loss", loss, names)
        shares = for_outputs("loss_weights", loss_weights, names)
        modes = for_outputs("sample_weight_mode", sample_weight_mode, names)
        given = for_outputs("target_tensors", target_tensors, names)
        self.is_fed = [tensor is None for tensor in given]
        self.weights = [self._weights(output, mode)
                        for output, mode in zip(outputs, modes, strict=True)]  # fmt: skip
        self.targets = [
            self._target(output, one) if tensor is None else tensor
            for output, one, tensor in zip(outputs, self._losses, given, strict=True)
        ]
        parts, self._named = [], []
        self.objects: dict[str, Any] = {}  # metrics that keep values of their own
        for k, (one, share) in enumerate(zip(self._losses, shares, strict=True)):
            if one is None:
                continue
            part = _reduced(losses.get(one), self.targets[k], outputs[k], self.weights[k])
            parts.append(part if share is None else share * part)
            if len(outputs) > 1:
                self._named.append((f"{names[k]}_loss", part))
        for weighted, asked in ((False, metrics), (True, weighted_metrics)):
            for k, wanted in enumerate(metrics_for_outputs(asked, names)):
                for metric in wanted:
                    self._add_metric(metric, k, f"{names[k]}_" if len(names) > 1 else "", weighted)
        parts += model.losses
        self.loss = add_n(parts) if len(parts) > 1 else parts[0]
        self.names = ["loss", *(name for name, _ in self._named), *self.objects]
        self.values = [self.loss, *(value for _, value in self._named)]
        self.step: Any = None

    def _weights(self, output: Any, mode: str | None) -> Any:
        if mode not in (None, "temporal"):
            raise ValueError(f"Expected sample_weight_mode None or 'temporal', got {mode!r}")
        if mode is None:
            return placeholder_with_default(np.ones(1, "float32"), [None])
        if output.shape.rank is not None and output.shape.rank < 3:
            raise ValueError(
                "Expected an output with at least 3 axes for timestep-wise sample weights, got "
                f"shape {output.shape}"
            )
        return placeholder_with_default(np.ones((1, 1), "float32"), [None, None])

    def _add_metric(self, metric: Any, k: int, prefix: str, weighted: bool) -> None:
        target, output = self.targets[k], self.model.outputs[k]
        found = _metric(metric, self._losses[k], output)
        name = _SHORT.get(metric) if isinstance(metric, str) else None
        name = name or getattr(found, "name", None) or found.__name__
        name = f"{prefix}weighted_{name}" if weighted else prefix + name
        if not isinstance(found, Metric) and not weighted:
            self._named.append((name, reduce_mean(found(target, output))))
            return
        if not isinstance(found, Metric):
            found = known_metrics.MeanOf(found, name)
        options = {"sample_weight": self.weights[k]} if weighted else {}
        update = found.update_state(target, output, **options)
        self.objects[name] = (found, update, found.result())

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

    def run(self, data: Data, train: bool, called: Sequence[Callback] = ()) -> dict[str, float]:
        """Means over all batches of the loss and the metrics, of a pass."""
        if train:
            self.prepare()
        session, count = backend.get_session(), 0
        totals = np.zeros(len(self.values))
        updates = [update for _, update, _ in self.objects.values()]
        fetches = [self.values, self.step, updates] if train else [self.values, updates]
        for metric, _, _ in self.objects.values():
            metric.reset_states()
        for k, batch in enumerate(data.epoch()):
            size = len(batch[0][0])
            logs: dict[str, Any] = {"batch": k, "size": size}
            for callback in called:
                callback.on_train_batch_begin(k, logs)
            found = np.array(session.run(fetches, self._feeds(batch, train))[0], np.float64)
            totals, count = totals + found * size, count + size
            logs = {**logs, **dict(zip(self.names, found.tolist(), strict=False))}
            for callback in called:
                callback.on_train_batch_end(k, logs)
            if train and self.model.stop_training:
                break
        if not count:
            raise ValueError("Expected at least one batch of data, got none.")
        kept = session.run([result for _, _, result in self.objects.values()])
        values = [*(totals / count).tolist(), *(float(np.mean(value)) for value in kept)]
        return dict(zip(self.names, values, strict=True))

    def _feeds(self, batch: Batch, train: bool) -> dict[Any, Any]:
        xs, ys, weights = batch
        targets = [t for t, fed in zip(self.targets, self.is_fed, strict=True) if fed]
        for kind, given, wanted in (("inputs", xs, self.model.inputs), ("labels", ys, targets)):
            if len(given) != len(wanted):
                raise ValueError(f"Expected {len(wanted)} arrays of {kind}, got {len(given)}.")
        feeds = {t: with_column(a, t) for t, a in zip(self.model.inputs, xs, strict=True)}
        for target, array in zip(targets, ys, strict=True):
            feeds[target] = _fitting(array, target)
        if weights is not None:
            given = weights * len(self.weights) if len(weights) == 1 else weights
            for tensor, array in zip(self.weights, given, strict=True):
                if array is not None:
                    feeds[tensor] = _checked_weights(array, tensor)
        phase = backend.learning_phase()
        if isinstance(phase, Tensor):
            feeds[phase] = train
        return feeds


def _reduced(function: Any, target: Any, output: Any, weights: Any) -> Any:
    """A loss over a batch: its mean, by the rows' weights, over the steps that count."""
    if weights.shape.rank == 2:  # a weight for each step
        if isinstance(function, Loss):
            return function(target, output, weights)
        found = function(target, output)
        return reduce_mean(found * cast(weights, found.dtype))
    if isinstance(function, Loss):
        of_steps = [1] * max((output.shape.rank or 2) - 2, 0)
        return function(target, output, reshape(weights, [-1, *of_steps]))
    found, mask = function(target, output), mask_of(output)
    if found.shape.rank:
        ones = [1] * (found.shape.rank - 1)
        found = found * reshape(cast(weights, found.dtype), [-1, *ones])
    if mask is None or found.shape.rank != mask.shape.rank:
        return reduce_mean(found)
    weights = cast(mask, found.dtype)
    return reduce_mean(found * weights / reduce_mean(weights))


def _checked_weights(array: Any, tensor: Any) -> Any:
    if array.ndim != tensor.shape.rank:
        raise ValueError(
            f"Expected sample weights with {tensor.shape.rank} axes, got shape {array.shape}. For "
            'a weight of each step, compile the model with sample_weight_mode="temporal".'
        )
    return array


def with_column(array: Any, tensor: Any) -> Any:
    """A vector of numbers as a column, where an input has one more axis than it."""
    return array[:, None] if np.ndim(array) == 1 and tensor.shape.rank == 2 else array


def _labels(output: Any) -> list[Any]:
    return output.shape.as_list()[:-1]


def _fitting(array: Any, target: Any) -> Any:
    """Labels in the target's rank: a last axis of one is added or taken away."""
    rank = target.shape.rank
    if rank is not None and array.ndim == rank + 1 and array.shape[-1] == 1:
        return array[..., 0]
    return array[..., None] if rank is not None and array.ndim == rank - 1 else array


def _metric(metric: Any, loss: Any, output: Any) -> Callable[..., Any]:
    """A metric's function; accuracy and cross entropy are those which fit the loss."""
    if not isinstance(metric, str) or metric not in _SHORT:
        return known_metrics.get(metric)
    name = getattr(loss, "__name__", getattr(loss, "name", loss))
    kind = "categorical"
    if isinstance(name, str) and name.startswith("sparse"):
        kind = "sparse_categorical"
    elif output.shape.as_list()[-1] == 1:
        kind = "binary"
    what = "accuracy" if _SHORT[metric] == "acc" else "crossentropy"
    return known_metrics.get(f"{kind}_{what}")
