"""K-means clustering in a graph: Lloyd's iterations, or steps over small batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies
from graphflow.graph.dtypes import bool_, int64
from graphflow.graph.operation import Operation
from graphflow.graph.random_seed import get_seed
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import less_equal, where_v2
from graphflow.ops.conditionals import cond
from graphflow.ops.creation import ones_like, zeros, zeros_like
from graphflow.ops.elementwise import add_n, maximum
from graphflow.ops.identity import group, identity, no_op
from graphflow.ops.joining import concat
from graphflow.ops.linear import matmul
from graphflow.ops.nn import l2_normalize
from graphflow.ops.py_func import py_func
from graphflow.ops.reductions import argmin, reduce_min, reduce_sum
from graphflow.ops.segments import unsorted_segment_sum
from graphflow.ops.shape import expand_dims
from graphflow.ops.sorting import top_k
from graphflow.ops.state import assign
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import square
from graphflow.ops.variables import Variable

Array = np.ndarray[Any, Any]

SQUARED_EUCLIDEAN_DISTANCE, COSINE_DISTANCE = "squared_euclidean", "cosine"
RANDOM_INIT, KMEANS_PLUS_PLUS_INIT, KMC2_INIT = "random", "kmeans_plus_plus", "kmc2"
CLUSTERS_VAR_NAME = "clusters"


def _spread(points: Array, count: int, draws: np.random.Generator, tries: int) -> Array:
    """Points chosen far from each other (k-means++): each the best of several candidates."""
    chosen = [int(draws.integers(len(points)))]
    squares = (points * points).sum(1)

    def distances(k: int) -> Array:
        found: Array = np.maximum(squares - 2.0 * points @ points[k] + squares[k], 0.0)
        return found

    nearest = distances(chosen[0])
    while len(chosen) < count:
        total = nearest.sum()
        weights = nearest / total if total > 0 else None
        best: tuple[float, int, Array] | None = None
        for k in draws.choice(len(points), 1 + max(tries, 0), p=weights).tolist():
            after = np.minimum(nearest, distances(k))
            if best is None or after.sum() < best[0]:
                best = (float(after.sum()), k, after)
        assert best is not None
        chosen.append(best[1])
        nearest = best[2]
    return points[chosen]


def nearest_neighbors(points: Any, centers: Any, k: Any) -> tuple[Tensor, Tensor]:
    """The numbers of the k nearest centers of each point, and their squared distances."""
    scores = maximum(_squared_distances(convert_to_tensor(points), convert_to_tensor(centers)), 0.0)
    found, places = top_k(-scores, k)
    return cast(places, int64), -found


def _squared_distances(points: Any, centers: Any) -> Tensor:
    squares: Any = reduce_sum(square(points), 1, keepdims=True)
    products: Any = matmul(points, centers, transpose_b=True)
    return squares - 2.0 * products + transpose(reduce_sum(square(centers), 1, keepdims=True))


class KMeans:
    """Clusters the rows of a matrix; `training_graph` makes the operations.

    Parameters
    ----------
    inputs : points [n, d], or a list of such matrices.
    num_clusters : how many clusters; ignored when `initial_clusters` is an array.
    initial_clusters : an array, a function of (inputs, k), or "random", "kmeans_plus_plus", "kmc2"
        (both of which choose as k-means++ does).
    distance_metric : "squared_euclidean" or "cosine".
    use_mini_batch : inputs are small batches; centers move towards their points.
    mini_batch_steps_per_iteration : how many steps before the moved centers are used.
    random_seed : of the initial choice.
    kmeans_plus_plus_num_retries : how many more candidates k-means++ looks at.
    kmc2_chain_length : accepted.
    """

    def __init__(
        self, inputs: Any, num_clusters: Any, initial_clusters: Any = RANDOM_INIT,
        distance_metric: str = SQUARED_EUCLIDEAN_DISTANCE, use_mini_batch: bool = False,
        mini_batch_steps_per_iteration: int = 1, random_seed: int = 0,
        kmeans_plus_plus_num_retries: int = 2, kmc2_chain_length: int = 200,
    ) -> None:  # fmt: skip
        named = (RANDOM_INIT, KMEANS_PLUS_PLUS_INIT, KMC2_INIT)
        if isinstance(initial_clusters, str) and initial_clusters not in named:
            raise ValueError(f"Unsupported initialization algorithm '{initial_clusters}'")
        if distance_metric not in (SQUARED_EUCLIDEAN_DISTANCE, COSINE_DISTANCE):
            raise ValueError(f"Unsupported distance metric '{distance_metric}'")
        given = inputs if isinstance(inputs, list) else [inputs]
        self._inputs = [convert_to_tensor(points) for points in given]
        self._initial: Any = initial_clusters
        if not isinstance(initial_clusters, str) and not callable(initial_clusters):
            self._initial = convert_to_tensor(initial_clusters)
            num_clusters = self._initial.shape.as_list()[0]
        self._count = int(num_clusters)
        self._is_cosine = distance_metric == COSINE_DISTANCE
        self._use_mini_batch, self._steps = use_mini_batch, int(mini_batch_steps_per_iteration)
        self._seed = get_seed(random_seed)[0]
        self._tries = kmeans_plus_plus_num_retries

    @property
    def _keeps_normalized(self) -> bool:
        """Whether centers are of length 1 whenever they are used."""
        return self._is_cosine and (not self._use_mini_batch or self._steps > 1)

    def training_graph(self) -> tuple[Any, ...]:
        """The operations of the clustering.

        Returns
        -------
        all_scores : for each input the distances [n, num_clusters].
        cluster_idx : for each input the numbers of the nearest clusters [n].
        scores : for each input the distances to these [n].
        cluster_centers_initialized : a bool variable.
        init_op : chooses the first centers.
        training_op : makes an iteration.
        """
        width = self._inputs[0].shape.as_list()[1]
        if width is None:
            raise ValueError("expected inputs whose number of columns is known")
        kind = self._inputs[0].dtype.base_dtype
        centers = Variable(zeros([self._count, width], kind), name=CLUSTERS_VAR_NAME)
        initialized = Variable(False, dtype=bool_, name="initialized")
        moving, left = centers, None
        if self._use_mini_batch and self._steps > 1:
            moving = Variable(zeros([self._count, width], kind), name="clusters_updated")
            left = Variable(self._steps, dtype=int64, name="update_in_steps")
        init_op = self._init_op(centers, moving, initialized)
        inputs, used = self._inputs, identity(centers)
        if self._is_cosine:
            inputs = [l2_normalize(points, 1) for points in inputs]
            if not self._keeps_normalized:
                used = l2_normalize(used, 1)
        scores = [self._scores(points, used) for points in inputs]
        numbers = tuple(argmin(score, 1) for score in scores)
        nearest = tuple(maximum(reduce_min(score, 1), 0.0) for score in scores)
        if self._use_mini_batch:
            train = self._step(inputs, numbers, centers, moving, left)
        else:
            train = self._iteration(inputs, numbers, centers)
        return tuple(scores), numbers, nearest, initialized, init_op, train

    def _scores(self, points: Any, centers: Any) -> Tensor:
        if self._is_cosine:
            return 1.0 - matmul(points, centers, transpose_b=True)
        return _squared_distances(points, centers)

    def _init_op(self, centers: Any, moving: Any, initialized: Any) -> Operation:
        """Choose centers, unless that is done."""

        def chosen() -> Operation:
            first = self._first_centers()
            if self._is_cosine:
                first = l2_normalize(first, 1)
            variables = [centers] if moving is centers else [centers, moving]
            made = [assign(variable, first) for variable in variables]
            with control_dependencies(made):
                return group(assign(initialized, True))

        return cond(initialized, lambda: group(no_op()), chosen).op

    def _first_centers(self) -> Tensor:
        if isinstance(self._initial, Tensor):
            return self._initial
        points = self._inputs[0] if len(self._inputs) == 1 else concat(self._inputs, 0)
        if callable(self._initial):
            return convert_to_tensor(self._initial(points, self._count))
        choose = self._chooser()
        first = py_func(choose, [points], points.dtype.base_dtype)
        first.set_shape([self._count, points.shape.as_list()[1]])
        return first

    def _chooser(self) -> Callable[[Array], Array]:
        count, tries = self._count, self._tries
        is_random = self._initial == RANDOM_INIT
        draws = np.random.default_rng(self._seed)

        def choose(points: Array) -> Array:
            if len(points) < count:
                raise ValueError(f"expected at least {count} points to begin, got {len(points)}")
            if is_random:
                return points[draws.choice(len(points), count, replace=False)]
            return np.ascontiguousarray(_spread(points, count, draws, tries))

        return choose

    def _sums(self, inputs: Any, numbers: Any) -> tuple[Any, Any]:
        """The sum of each cluster's points, and how many they are [num_clusters, 1]."""
        total = add_n([unsorted_segment_sum(p, n, self._count)
                       for p, n in zip(inputs, numbers, strict=True)])  # fmt: skip
        count = add_n([unsorted_segment_sum(ones_like(p[:, 0]), n, self._count)
                       for p, n in zip(inputs, numbers, strict=True)])  # fmt: skip
        return total, expand_dims(count, -1)

    def _iteration(self, inputs: Any, numbers: Any, centers: Any) -> Any:
        total, count = self._sums(inputs, numbers)
        moved = total / (count + 1e-6)
        if self._is_cosine:
            moved = l2_normalize(moved, 1)
        return assign(centers, moved)

    def _step(self, inputs: Any, numbers: Any, centers: Any, moving: Any, left: Any) -> Any:
        """Move each center towards its new points, by their share in all its points so far."""
        start = ones_like if self._steps == 1 else zeros_like
        counts = Variable(start(zeros([self._count], int64)))
        before, synced = identity(moving), []
        seen = identity(counts)
        if left is not None:
            # A TensorFlow step first makes the centers that are used equal to those that moved.
            is_due = less_equal(left, np.int64(0))
            fresh = l2_normalize(before, 1) if self._is_cosine else before
            synced.append(assign(centers, where_v2(is_due, fresh, identity(centers))))
            seen = where_v2(is_due, zeros_like(seen), seen)
            synced.append(assign(left, where_v2(is_due, np.int64(self._steps - 1), left - 1)))
        total, count = self._sums(inputs, numbers)
        after = seen + cast(count[:, 0], int64)
        share = 1.0 / maximum(cast(expand_dims(after, -1), before.dtype), 1.0)
        moved = before + (total - count * before) * share
        with control_dependencies(synced):
            return group(assign(counts, after), assign(moving, moved))
