"""What only a GPU can tell: ``pytest --gpu -m gpu``. Nothing here has been run on one yet."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_programs import PROGRAMS, numbers
from test_gpu_sessions import assert_same, flat, results_of

import graphflow as tf
from graphflow.runtime.gpu.selection import visible_gpus, why_no_gpu

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def _needs_a_gpu():
    if not visible_gpus():
        pytest.skip(f"no GPU: {why_no_gpu()}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_gpu_gives_what_the_processor_gives(name):
    wanted = results_of(PROGRAMS[name], tf.ConfigProto(device_count={"GPU": 0}))
    assert_same(results_of(PROGRAMS[name]), wanted)


@pytest.mark.parametrize("name", ["mlp_adam", "lstm", "draws", "embedding"])
def test_the_same_bits_every_time(name):
    first, second = results_of(PROGRAMS[name]), results_of(PROGRAMS[name])
    for mine, theirs in zip(flat(first), flat(second), strict=True):
        assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("sizes", [(1, 1, 1), (65, 130, 7), (512, 512, 512), (1000, 64, 2049)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products(sizes, dtype):
    m, n, k = sizes
    a, b = numbers(m, k).astype(dtype), numbers(k, n, seed=1).astype(dtype)
    x, y = tf.placeholder(dtype, [m, k]), tf.placeholder(dtype, [k, n])
    with tf.Session() as session:
        found = session.run(tf.matmul(x, y) + 1, {x: a, y: b})
    wanted = a.astype(np.float64) @ b.astype(np.float64) + 1
    np.testing.assert_allclose(
        found, wanted, rtol=1e-5, atol=1e-3 if dtype == np.float32 else 1e-10
    )


def test_large_feeds_and_results_go_without_staging():
    x = tf.placeholder(tf.float32, [20_000_000])
    value = numbers(20_000_000)
    with tf.Session() as session:
        for _ in range(3):
            np.testing.assert_array_equal(session.run(x * 2, {x: value}), value * 2)


def test_too_little_memory_is_an_error_and_no_end():
    size = visible_gpus()[0].memory_bytes // 4
    v = tf.zeros([1]) + tf.placeholder(tf.float32, [1])
    wide = tf.reverse(tf.exp(tf.tile(v, [size])), [0])
    sums = tf.cumsum(wide) + tf.reverse(tf.cumsum(wide * 2), [0])
    x = tf.placeholder(tf.float32, [3])
    with tf.Session() as session:
        with pytest.raises(tf.errors.ResourceExhaustedError):
            session.run(sums[0], {v.op.inputs[1]: [1.0]})
        assert session.run(x * 2, {x: [1, 2, 3]}).tolist() == [2, 4, 6]
