"""``tf.test``: a test case with a session, comparisons of tensors, checks of gradients."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import tempfile
import unittest
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np

from graphflow import errors
from graphflow.gradients.reverse import gradients
from graphflow.graph.default import reset_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.node_def import NodeDef
from graphflow.graph.random_seed import set_random_seed
from graphflow.graph.session_stack import default_session
from graphflow.ops.creation import ones
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.protos import message
from graphflow.runtime.devices import gpus
from graphflow.runtime.session import Session
from graphflow.test_parts import Benchmark, Captured, CheckedThread

__all__ = [
    "Benchmark", "TensorFlowTestCase", "TestCase", "assert_equal_graph_def", "compute_gradient",
    "compute_gradient_error", "create_local_cluster", "deprecated_graph_mode_only", "get_temp_dir",
    "gpu_device_name",
    "is_built_with_cuda", "is_built_with_gpu_support", "is_built_with_rocm", "is_gpu_available",
    "main", "mock", "run_all_in_graph_and_eager_modes", "run_deprecated_v1",
    "run_in_graph_and_eager_modes", "run_v1_only", "test_src_dir_path",
]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tests of the script."""
    unittest.main(argv=list(argv) if argv else None)


def create_local_cluster(
    num_workers: int, num_ps: int, protocol: str = "grpc", worker_config: Any = None,
    ps_config: Any = None,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    """Return servers for workers and for variables; their targets are for sessions of this process.

    Each is a cluster of its own: graphs run in one process, and variables lie with the session.

    Parameters
    ----------
    num_workers, num_ps : how many there are of each.
    protocol, worker_config, ps_config : accepted.
    """
    from graphflow.train.cluster import Server

    workers = [Server.create_local_server(config=worker_config) for _ in range(num_workers)]
    return workers, [Server.create_local_server(config=ps_config) for _ in range(num_ps)]


@functools.cache
def get_temp_dir() -> str:
    """A folder for files of tests, the same one throughout the process."""
    return tempfile.mkdtemp()


def test_src_dir_path(relative_path: str) -> str:
    """The path as it is."""
    return relative_path


test_src_dir_path.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test


def is_built_with_cuda() -> bool:
    """Whether sessions can use CUDA here: there is code for it, and a GPU."""
    return bool(gpus())


def is_built_with_rocm() -> bool:
    """Whether there is code for ROCm: no."""
    return False


def is_built_with_gpu_support() -> bool:
    """Whether sessions can use any GPU here."""
    return is_built_with_cuda() or is_built_with_rocm()


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether a GPU can be used, of the given compute capability (major, minor) or a later one."""
    least = tuple(min_cuda_compute_capability or (0, 0))
    return any(tuple(map(int, gpu["capability"].split("."))) >= least for gpu in gpus())


def gpu_device_name() -> str:
    """The name of the first GPU; empty without one."""
    return "/device:GPU:0" if gpus() else ""


class TestCase(unittest.TestCase):
    """A test that begins with an empty graph and fixed seeds."""

    __test__ = False  # for pytest: only what derives from it is a test

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        self._folder: str | None = None
        self._cached: Any = None  # here, as a test's own `setUp` may call no other

    def setUp(self) -> None:
        """Empty the default graph, fix the seeds."""
        random.seed(87654321)
        np.random.seed(87654321)  # noqa: NPY002  # what tests draw from
        reset_default_graph()
        set_random_seed(87654321)

    def tearDown(self) -> None:
        """Close the session that was kept."""
        if self._cached is not None:
            self._cached.close()
            self._cached = None

    def get_temp_dir(self) -> str:
        """A folder for files of this test, the same one whenever it is asked for."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(dir=get_temp_dir())
        return self._folder

    @contextlib.contextmanager
    def session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = False,
        force_gpu: bool = False,
    ) -> Iterator[Session]:  # fmt: skip
        """A session of the graph as the default, closed at the end."""
        with Session(graph=graph, config=config) as session:
            yield session

    @contextlib.contextmanager
    def cached_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = False,
        force_gpu: bool = False,
    ) -> Iterator[Session]:  # fmt: skip
        """The same session whenever it is asked for in a test."""
        if self._cached is None:
            self._cached = Session(graph=graph, config=config)
        with self._cached.graph.as_default(), self._cached.as_default():
            yield self._cached

    def test_session(
        self, graph: Graph | None = None, config: Any = None, use_gpu: bool = False,
        force_gpu: bool = False,
    ) -> Any:  # fmt: skip
        """`cached_session`, or a `session` of a graph that is given."""
        if self.id().endswith(".test_session"):  # runners take it for a test
            self.skipTest("Not a test.")
        if graph is not None:
            return self.session(graph, config)
        return self.cached_session(graph, config)

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors."""
        session = default_session()
        if session is None:  # the one kept for the test, so that variables keep their values
            with self.cached_session() as session:
                return session.run(tensors)
        return session.run(tensors)

    def _values(self, item: Any) -> Any:
        """The value of a tensor; other things as they are."""
        return self.evaluate(item) if hasattr(item, "eval") and hasattr(item, "graph") else item

    # ---- comparisons

    def assertAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """The values of two structures are nearly the same."""
        a, b = self._values(a), self._values(b)
        if isinstance(a, dict):
            self.assertEqual(set(a), set(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, f"{msg or ''} at {key!r}")
        elif isinstance(a, (list, tuple)) and any(np.shape(x) != np.shape(a[0]) for x in a):
            self.assertEqual(len(a), len(b), msg)
            for one, other in zip(a, b, strict=True):
                self.assertAllClose(one, other, rtol, atol, msg)
        else:
            one, other = np.asarray(a), np.asarray(b)
            self.assertEqual(one.shape, other.shape, msg)
            np.testing.assert_allclose(
                other.astype(one.dtype), one, rtol=rtol, atol=atol, err_msg=msg or ""
            )

    def assertAllCloseAccordingToType(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, float_rtol: float = 1e-6,
        float_atol: float = 1e-6, half_rtol: float = 1e-3, half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2, bfloat16_atol: float = 1e-2, msg: str | None = None,
    ) -> None:  # fmt: skip
        """`assertAllClose`, less strict for short types."""
        a, b = np.asarray(self._values(a)), np.asarray(self._values(b))
        names = {a.dtype.name, b.dtype.name}
        if "bfloat16" in names:
            rtol, atol = max(rtol, bfloat16_rtol), max(atol, bfloat16_atol)
        elif "float16" in names:
            rtol, atol = max(rtol, half_rtol), max(atol, half_atol)
        elif "float32" in names:
            rtol, atol = max(rtol, float_rtol), max(atol, float_atol)
        self.assertAllClose(a.astype(np.float64), b.astype(np.float64), rtol, atol, msg)

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """The values are the same."""
        np.testing.assert_array_equal(
            np.asarray(self._values(a)), np.asarray(self._values(b)), msg or ""
        )

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Some value differs."""
        if np.array_equal(np.asarray(self._values(a)), np.asarray(self._values(b))):
            raise self.failureException(msg or "The two values are equal at all elements.")

    def assertNotAllClose(self, a: Any, b: Any, **options: Any) -> None:
        """Some value is not near."""
        try:
            self.assertAllClose(a, b, **options)
        except AssertionError:
            return
        raise self.failureException("The two values are close at all elements.")

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:
        """Two numbers are not more than `err` apart."""
        self.assertTrue(
            f1 == f2 or abs(f1 - f2) <= err, f"{f1!r} != {f2!r} +/- {err!r} {msg or ''}"
        )

    def assertArrayNear(
        self, farray1: Any, farray2: Any, err: float, msg: str | None = None
    ) -> None:
        """Two lists of numbers are nowhere more than `err` apart."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for one, other in zip(farray1, farray2, strict=True):
            self.assertNear(float(one), float(other), err, msg)

    def assertNDArrayNear(self, a: Any, b: Any, err: float, msg: str | None = None) -> None:
        """Two arrays' difference has a norm below `err`."""
        self.assertLess(float(np.linalg.norm(np.asarray(a) - np.asarray(b))), err, msg)

    def assertShapeEqual(self, np_array: Any, tf_tensor: Any, msg: str | None = None) -> None:
        """An array's shape is a tensor's static shape."""
        self.assertAllEqual(np_array.shape, tf_tensor.shape.as_list(), msg)

    def assertAllInRange(
        self, target: Any, lower_bound: float, upper_bound: float,
        open_lower_bound: bool = False, open_upper_bound: bool = False,
    ) -> None:  # fmt: skip
        """All values are between the bounds, these among them unless they are open."""
        values = np.asarray(self._values(target))
        above = values > lower_bound if open_lower_bound else values >= lower_bound
        below = values < upper_bound if open_upper_bound else values <= upper_bound
        self.assertTrue(bool((above & below).all()), f"{values} is not in the range")

    def assertAllGreater(self, a: Any, comparison_target: float) -> None:
        """All values are greater."""
        self.assertTrue(bool((np.asarray(self._values(a)) > comparison_target).all()))

    def assertAllLess(self, a: Any, comparison_target: float) -> None:
        """All values are less."""
        self.assertTrue(bool((np.asarray(self._values(a)) < comparison_target).all()))

    def assertAllGreaterEqual(self, a: Any, comparison_target: float) -> None:
        """All values are greater or equal."""
        self.assertTrue(bool((np.asarray(self._values(a)) >= comparison_target).all()))

    def assertAllLessEqual(self, a: Any, comparison_target: float) -> None:
        """All values are less or equal."""
        self.assertTrue(bool((np.asarray(self._values(a)) <= comparison_target).all()))

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """All values are of a set."""
        self.assertTrue(
            set(np.unique(np.asarray(self._values(target))).tolist()) <= set(expected_set)
        )

    def assertStartsWith(self, actual: str, expected_start: str, msg: str | None = None) -> None:
        """A text begins with another."""
        self.assertTrue(actual.startswith(expected_start), msg or f"{actual!r}")

    def assertEndsWith(self, actual: str, expected_end: str, msg: str | None = None) -> None:
        """A text ends with another."""
        self.assertTrue(actual.endswith(expected_end), msg or f"{actual!r}")

    def assertBetween(
        self, value: Any, minv: Any, maxv: Any, msg: str | None = None
    ) -> None:  # fmt: skip
        """A number is between two others, these among them."""
        self.assertTrue(minv <= value <= maxv, msg or f"{value!r} not in {minv!r} .. {maxv!r}")

    def assertEmpty(self, container: Any, msg: str | None = None) -> None:
        """Nothing is in it."""
        self.assertEqual(len(container), 0, msg)

    def assertNotEmpty(self, container: Any, msg: str | None = None) -> None:
        """Something is in it."""
        self.assertNotEqual(len(container), 0, msg)

    def assertLen(self, container: Any, expected_len: int, msg: str | None = None) -> None:
        """It has a length."""
        self.assertEqual(len(container), expected_len, msg)

    def assertItemsEqual(self, first: Any, second: Any, msg: str | None = None) -> None:
        """Two sequences have the same items, each as often, in whatever order."""
        self.assertCountEqual(first, second, msg)

    def assertSameElements(self, expected: Any, actual: Any, msg: str | None = None) -> None:
        """Two sequences have the same items, however often."""
        self.assertEqual(set(expected), set(actual), msg)

    def assertContainsSubset(self, expected: Any, actual: Any, msg: str | None = None) -> None:
        """All that is expected is there."""
        self.assertLessEqual(set(expected), set(actual), msg)

    def assertSequenceAlmostEqual(
        self, expected: Any, actual: Any, places: int | None = None, msg: str | None = None,
        delta: float | None = None,
    ) -> None:  # fmt: skip
        """Two sequences of numbers are nearly the same, item by item."""
        self.assertEqual(len(expected), len(actual), msg)
        for one, other in zip(expected, actual, strict=True):
            apart = 0.5 * 10.0 ** -(7 if places is None else places) if delta is None else delta
            self.assertLessEqual(abs(one - other), apart, msg)

    def assertDeviceEqual(self, device1: Any, device2: Any, msg: str | None = None) -> None:
        """Two devices' names are the same."""
        self.assertEqual(str(device1 or ""), str(device2 or ""), msg)

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """A value has a type."""
        self.assertEqual(np.asarray(self._values(target)).dtype, np.dtype(expected_dtype))

    def assertProtoEquals(self, expected: Any, actual: Any, msg: str | None = None) -> None:
        """Two messages, the first perhaps as text, are the same."""
        if isinstance(expected, str):
            from google.protobuf import text_format

            if isinstance(actual, NodeDef):
                actual = text_format.Parse(str(actual), message("NodeDef")())
            expected = text_format.Parse(expected, type(actual)())
        self.assertEqual(expected, actual, msg)

    def assertProtoEqualsVersion(
        self, expected: Any, actual: Any, producer: int | None = None,
        min_consumer: int | None = None, msg: str | None = None,
    ) -> None:  # fmt: skip
        """Two GraphDefs are the same but for their versions."""
        if isinstance(expected, str):
            from google.protobuf import text_format

            expected = text_format.Parse(expected, type(actual)())
        actual, unversioned = type(actual)(), actual
        actual.CopyFrom(unversioned)
        for graph_def in (expected, actual):
            graph_def.ClearField("versions")
        self.assertProtoEquals(expected, actual, msg)

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Any:
        """The block raises an `OpError` that matches."""
        return self.assertRaisesWithPredicateMatch(errors.OpError, expected_err_re_or_predicate)

    @contextlib.contextmanager
    def assertRaisesWithPredicateMatch(
        self, exception_type: Any, expected_err_re_or_predicate: Any
    ) -> Iterator[None]:
        """The block raises an error whose text matches, or for which the predicate holds."""
        wanted = expected_err_re_or_predicate
        if not callable(wanted):
            with self.assertRaisesRegex(exception_type, wanted):
                yield
            return
        with self.assertRaises(exception_type) as caught:
            yield
        self.assertTrue(wanted(caught.exception), str(caught.exception))

    @contextlib.contextmanager
    def assertRaisesWithLiteralMatch(
        self, expected_exception: Any, expected_exception_message: str
    ) -> Iterator[None]:
        """The block raises an error with just this text."""
        with self.assertRaises(expected_exception) as caught:
            yield
        self.assertEqual(str(caught.exception), expected_exception_message)

    # ---- what a test starts

    def checkedThread(
        self, target: Callable[..., Any], args: Any = None, kwargs: Any = None
    ) -> Any:
        """A thread whose `join` fails the test if the function raised an error."""
        return CheckedThread(self, target, args or (), kwargs or {})

    @contextlib.contextmanager
    def captureWritesToStream(self, stream: Any) -> Iterator[Any]:
        """What the block writes to a stream; ``contents()`` of what is given returns it."""
        stream.flush()
        number = stream.fileno()
        kept = os.dup(number)
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), number)
            captured = Captured(stream, file)
            try:
                yield captured
            finally:
                captured.close()
                os.dup2(kept, number)
                os.close(kept)


TensorFlowTestCase = TestCase


# ---- tests of the time, which say in which mode they run


def run_deprecated_v1(func: Any = None) -> Any:
    """Mark a test, or a class of tests, for graph mode, which is the only one here."""
    return func if callable(func) else lambda marked: marked  # called with a reason


run_v1_only = deprecated_graph_mode_only = run_deprecated_v1


def run_in_graph_and_eager_modes(func: Any = None, **options: Any) -> Any:
    """Run a test in graph mode, which is the only one here, in the session of its case."""
    if not callable(func):
        return run_in_graph_and_eager_modes

    @functools.wraps(func)
    def test(self: Any, *args: Any, **kwargs: Any) -> None:
        with self.cached_session():
            func(self, *args, **kwargs)

    return test


def run_all_in_graph_and_eager_modes(cls: type) -> type:
    """Run all tests of a class as `run_in_graph_and_eager_modes` does."""
    for name, method in list(vars(cls).items()):
        if name.startswith(unittest.TestLoader.testMethodPrefix) and callable(method):
            setattr(cls, name, run_in_graph_and_eager_modes(method))
    return cls


def assert_equal_graph_def(actual: Any, expected: Any, checkpoint_v2: bool = False) -> None:
    """Raise AssertionError unless two GraphDefs have the same nodes, in whatever order."""
    one = {node.name: node for node in actual.node}
    other = {node.name: node for node in expected.node}
    if one != other:
        names = sorted(k for k in {*one, *other} if one.get(k) != other.get(k))
        raise AssertionError(f"the graphs differ at {', '.join(names[:8])}")


# ---- gradients


def compute_gradient(
    x: Any, x_shape: Any, y: Any, y_shape: Any, x_init_value: Any = None, delta: float = 1e-3,
    init_targets: Any = None, extra_feed_dict: Any = None,
) -> Any:  # fmt: skip
    """Jacobians of y by x, in theory and by differences.

    Parameters
    ----------
    x, y : tensors, or lists of xs.
    x_shape, y_shape : their shapes.
    x_init_value : where to differentiate; drawn when None.
    delta : the step of the differences.

    Returns
    -------
    A pair of arrays [size of x, size of y]; a list of pairs for a list of xs.
    """
    session = default_session()
    if session is None:
        raise ValueError("compute_gradient needs a default session")
    if init_targets is not None:
        session.run(init_targets)
    if isinstance(x, (list, tuple)):
        starts = x_init_value or [None] * len(x)
        return [
            _jacobians(session, one, shape, y, y_shape, start, delta, extra_feed_dict)
            for one, shape, start in zip(x, x_shape, starts, strict=True)
        ]
    return _jacobians(session, x, x_shape, y, y_shape, x_init_value, delta, extra_feed_dict)


def _jacobians(
    session: Any, x: Any, x_shape: Any, y: Any, y_shape: Any, start: Any, delta: float, extra: Any
) -> tuple[Any, Any]:
    """The two Jacobians; a complex number counts as its two parts."""
    dtype = x.dtype.base_dtype.numpy
    if start is None:
        start = np.random.random_sample(tuple(x_shape))  # noqa: NPY002  # seeded by a test
        if x.dtype.is_complex:
            start = start + 1j * np.random.random_sample(tuple(x_shape))  # noqa: NPY002
    start = np.array(start, dtype).reshape(tuple(x_shape))
    feeds = dict(extra or {})
    # Fed in the shape that the caller gives, which may write a scalar as [1].
    weights = ones(tuple(y_shape), y.dtype.base_dtype)
    given = weights if weights.shape.is_compatible_with(y.shape) else reshape(weights, shape_of(y))
    (derivative,) = gradients(y, x, grad_ys=[given])
    row = np.zeros(tuple(y_shape), y.dtype.base_dtype.numpy)
    theoretical = np.zeros((_parts(start).size, _parts(row).size))
    for k in range(theoretical.shape[1] if derivative is not None else 0):
        row.reshape(-1).view(_part_type(row))[k] = 1
        value = _dense(session.run(derivative, {**feeds, x: start, weights: row}), start)
        theoretical[:, k] = _parts(value)
        row[...] = 0
    if derivative is not None and not start.size:
        value = session.run(derivative, {**feeds, x: start, weights: row})
        if np.shape(value) != start.shape:
            raise ValueError(
                f"Empty gradient has wrong shape: expected {start.shape}, got {np.shape(value)}"
            )
    numeric = np.zeros(theoretical.shape)
    for k in range(len(numeric)):
        moved = []
        for step in (delta, -delta):
            at = start.copy()
            at.reshape(-1).view(_part_type(at))[k] += step
            moved.append(_parts(session.run(y, {**feeds, x: at})).astype(np.float64))
        numeric[k] = (moved[0] - moved[1]) / (2 * delta)
    return theoretical, numeric


def _part_type(array: Any) -> Any:
    return array.real.dtype


def _parts(array: Any) -> Any:
    """All real numbers of an array, those of complex ones two by two."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(_part_type(flat))


def _dense(value: Any, like: Any) -> Any:
    """A gradient as an array: slices are added up."""
    if not hasattr(value, "indices"):
        return value
    dense = np.zeros_like(like)
    np.add.at(dense, np.asarray(value.indices), np.asarray(value.values))
    return dense


def compute_gradient_error(
    x: Any, x_shape: Any, y: Any, y_shape: Any, x_init_value: Any = None, delta: float = 1e-3,
    init_targets: Any = None, extra_feed_dict: Any = None,
) -> float:  # fmt: skip
    """The largest difference between the two Jacobians of `compute_gradient`."""
    found = compute_gradient(
        x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict
    )
    pairs = found if isinstance(found, list) else [found]
    return max((float(np.abs(t - n).max(initial=0.0)) for t, n in pairs), default=0.0)
