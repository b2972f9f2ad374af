"""Normal numbers between bounds; the numbers are TensorFlow 1.15's for seeds 7 and 5."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow.ops.truncated_sampling import parameterized_truncated_normal as draw

INF = float("inf")
# bounds of a mean of 0 and a deviation of 1: the first and last three of 250 numbers, and their sum
NORMAL = [0.00727805, 0.53435814, 0.18353333], [-0.8834674, 1.9156326, -1.4215083], 8.005331
FAR = [4.0337095, 4.0198245, 4.0474052], [4.022248, 4.2441854, 4.1100917], 1058.2874
CLOSE = [0.19354486, -0.49826592, 0.23556155], [-0.41571426, -0.29459256, 0.15004653], -25.30312
BELOW = [-3.043235, -3.0254264, -3.060801], [-3.4116588, -3.1601853, -3.3323205], -823.83356
ABOVE = [2.0591478, 2.0347846, 2.083179], [2.0176942, 2.0037978, 2.10356], 595.5248
DRAWN = {
    (-2.0, 2.0): NORMAL, (4.0, 9.0): FAR, (-0.5, 0.3): CLOSE, (-9.0, -3.0): BELOW,
    (-INF, -3.0): BELOW, (2.0, INF): ABOVE,
}  # fmt: skip


@pytest.fixture(autouse=True)
def seeded_graph():
    with tf.Graph().as_default():
        tf.set_random_seed(7)
        yield


def value(tensor):
    with tf.Session() as session:
        return session.run(tensor)


@pytest.mark.parametrize("bounds", DRAWN)
def test_numbers_between_bounds(bounds: tuple[float, float]) -> None:
    first, last, total = DRAWN[bounds]
    found = value(draw([250], 0.0, 1.0, *bounds, seed=5))
    np.testing.assert_allclose(found[:3], first, rtol=1e-6)
    np.testing.assert_allclose(found[-3:], last, rtol=1e-6)
    np.testing.assert_allclose(found.sum(), total, rtol=1e-4)


def test_each_row_has_its_distribution() -> None:
    rows = draw([3, 50], [0.0, 1, 2], [1.0, 2, 0.5], [-2.0, 3, 9], [2.0, 9, 10], seed=5)
    found = value(rows)
    np.testing.assert_allclose(
        found[:, -2:], [[-1.5214916, 0.30892065], [4.5898657, 3.2761571], [9.007341, 9.099684]],
        rtol=1e-6,
    )  # fmt: skip


def test_a_generator_moves_on_from_run_to_run_in_other_types() -> None:
    wide = value(draw([300], 0.0, 1.0, -0.5, 0.3, dtype=tf.float64, seed=5))
    np.testing.assert_allclose(wide[-2:], [0.00163212, -0.10404618], rtol=1e-5)
    half = value(draw([300], 0.0, 1.0, 2.0, 3.0, dtype=tf.float16, seed=5))
    assert half[-4:].tolist() == [np.float16(v) for v in (2.234, 2.078, 2.576, 2.678)]
    numbers = draw([3], 0.0, 1.0, 2.0, 3.0, seed=5)
    with tf.Session() as session:
        session.run(numbers)
        found = session.run(numbers)
    np.testing.assert_allclose(found, [2.204486, 2.4499788, 2.1162624], rtol=1e-6)
    assert [i.op.name.split("/")[1] for i in numbers.op.inputs] == [
        "shape", "means", "stddevs", "minvals", "maxvals",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "parameters", [(0.0, -1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 1.0), (0.0, 1.0, -INF, INF)]
)
def test_distributions_that_are_none(parameters: tuple[float, ...]) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid parameters"):
        value(draw([3], *parameters))


def test_parameters_fit_the_rows() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"length 1 or shape\[0\]"):
        value(draw([3], [0.0, 1.0], 1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="at most rank 1"):
        draw([3], [[0.0]], 1.0, 2.0, 3.0)
