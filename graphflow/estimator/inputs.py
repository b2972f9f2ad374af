"""Input functions over arrays in memory (``tf.estimator.inputs``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphflow.data.dataset import Dataset
from graphflow.data.functions import TensorSpec, draw_seed
from graphflow.graph.dtypes import as_dtype, int64

Array = np.ndarray[Any, Any]


def _batches(
    arrays: list[Array], batch_size: int, num_epochs: int | None, shuffle: bool, seed: int | None
) -> Iterator[tuple[Array, ...]]:
    """Batches of rows; a batch may reach over the end of an epoch, the last one may be short."""
    count, epoch = len(arrays[0]), 0
    draws = np.random.default_rng(seed)
    waiting = np.zeros(0, np.int64)
    while count and (num_epochs is None or epoch < num_epochs):
        order = draws.permutation(count) if shuffle else np.arange(count)
        waiting, epoch = np.concatenate([waiting, order]), epoch + 1
        full = len(waiting) - len(waiting) % batch_size
        for start in range(0, full, batch_size):
            rows = waiting[start : start + batch_size]
            yield tuple(a[rows] for a in arrays)
        waiting = waiting[full:]
    if len(waiting):
        yield tuple(a[waiting] for a in arrays)


def _as_graph_array(array: Any) -> Array:
    found: Array = np.asarray(array)
    if found.dtype.kind in "US":
        texts: Array = np.empty(found.shape, object)
        flat = [v.encode() if isinstance(v, str) else v for v in found.ravel().tolist()]
        texts[...] = np.array(flat, object).reshape(found.shape)
        return texts
    if found.dtype.kind == "O":
        flat = [v.encode() if isinstance(v, str) else v for v in found.ravel().tolist()]
        texts = np.empty(len(flat), object)
        texts[:] = flat
        return texts.reshape(found.shape)
    return found


def _tensors(
    arrays: list[Array], batch_size: int, num_epochs: int | None, shuffle: bool
) -> tuple[Any, ...]:
    """The next batch of each array, as tensors of the default graph."""
    seed = draw_seed(None)
    spec = tuple(TensorSpec(_dtype(a), [None, *a.shape[1:]]) for a in arrays)

    def walk(_: Any) -> Iterator[tuple[Array, ...]]:
        return _batches(arrays, batch_size, num_epochs, shuffle, seed)

    found: tuple[Any, ...] = Dataset(spec, [], walk).make_one_shot_iterator().get_next()
    return found


def _dtype(array: Array) -> Any:
    return as_dtype("string") if array.dtype.kind == "O" else as_dtype(array.dtype)


def numpy_input_fn(
    x: Any, y: Any = None, batch_size: int = 128, num_epochs: int | None = 1,
    shuffle: bool | None = None, queue_capacity: int = 1000, num_threads: int = 1,
) -> Callable[[], Any]:  # fmt: skip
    """An input function that gives batches of rows of arrays.

    Parameters
    ----------
    x : an array or a dict of arrays, the features.
    y : an array or a dict of arrays, the labels; only features are given when None.
    num_epochs : how many times the rows are given; for ever when None.
    shuffle : whether in a new order each time.
    queue_capacity, num_threads : accepted.

    Raises
    ------
    ValueError : `shuffle` is not given; lengths differ; a feature is empty or named twice.
    TypeError : `x` is neither an array nor a dict.
    """
    if not isinstance(shuffle, bool):
        raise ValueError(
            "shuffle must be provided and explicitly set as boolean (it is recommended to set it "
            f"as True for training); got {shuffle}"
        )

    def input_fn() -> Any:
        if not isinstance(x, (Mapping, np.ndarray)):
            raise TypeError(f"x must be a dict or array; got {type(x).__name__}")
        named = isinstance(x, Mapping)
        if named and not x:
            raise ValueError("x cannot be an empty dict")
        features = dict(x) if named else {"__direct_np_input__": x}
        keys = sorted(features)
        arrays = [_as_graph_array(features[key]) for key in keys]
        labels = dict(y) if isinstance(y, Mapping) else {} if y is None else {None: y}
        if isinstance(y, Mapping) and not y:
            raise ValueError("y cannot be empty dict, use None instead.")
        label_keys = sorted(labels, key=str)
        twice = set(keys) & set(label_keys)
        if twice:
            raise ValueError(
                f"{len(twice)} duplicate keys are found in both x and y: {sorted(twice)}"
            )
        arrays += [_as_graph_array(labels[key]) for key in label_keys]
        lengths = {key: len(a) for key, a in zip([*keys, *label_keys], arrays, strict=True)}
        if len(set(lengths.values())) != 1:
            raise ValueError(
                "Length of tensors in x and y is mismatched. All elements in x and y must have "
                f"the same length. Shapes: {lengths}"
            )
        tensors = _tensors(arrays, batch_size, num_epochs, shuffle)
        made: Any = dict(zip(keys, tensors, strict=False))
        if not named:
            made = made["__direct_np_input__"]
        if y is None:
            return made
        targets = dict(zip(label_keys, tensors[len(keys) :], strict=True))
        return made, targets if isinstance(y, Mapping) else targets[None]

    return input_fn


def pandas_input_fn(
    x: Any, y: Any = None, batch_size: int = 128, num_epochs: int | None = 1,
    shuffle: bool | None = None, queue_capacity: int = 1000, num_threads: int = 1,
    target_column: str = "target",
) -> Callable[[], Any]:  # fmt: skip
    """An input function that gives batches of rows of a pandas DataFrame.

    Parameters
    ----------
    x : a DataFrame, the features by column.
    y : a Series or a DataFrame with the same index, the labels.
    num_epochs, shuffle, queue_capacity, num_threads : see `numpy_input_fn`.
    target_column : accepted: labels are given apart from the features.

    Raises
    ------
    ValueError : `shuffle` is not given; the indices differ; a column has the labels' name.
    """
    if not isinstance(shuffle, bool):
        raise ValueError(
            "shuffle must be provided and explicitly set as boolean (it is recommended to set it "
            f"as True for training); got {shuffle}"
        )
    if not isinstance(target_column, str):
        raise TypeError("target_column must be a string type")
    if y is not None:
        if target_column in x:
            raise ValueError(
                f"Cannot use name {target_column} for target column: DataFrame already has a "
                f"column with that name: {x.columns}"
            )
        if not np.array_equal(x.index, y.index):
            raise ValueError(
                f"Index for x and y are mismatched.\nIndex for x: {x.index}\n"
                f"Index for y: {y.index}\n"
            )

    def input_fn() -> Any:
        columns = [_as_graph_array(x[name].to_numpy()) for name in x.columns]
        targets: dict[Any, Array] = {}
        if y is not None:
            frame = hasattr(y, "columns")
            targets = (
                {name: _as_graph_array(y[name].to_numpy()) for name in y.columns}
                if frame else {None: _as_graph_array(y.to_numpy())}
            )  # fmt: skip
        # TensorFlow's rows carry their number; nobody reads it, but an empty frame needs it.
        rows = np.arange(len(x), dtype=int64.numpy)
        tensors = _tensors([rows, *columns, *targets.values()], batch_size, num_epochs, shuffle)
        features = dict(zip(x.columns, tensors[1:], strict=False))
        if y is None:
            return features
        labels = dict(zip(targets, tensors[1 + len(columns) :], strict=True))
        return features, labels if None not in labels else labels[None]

    return input_fn
