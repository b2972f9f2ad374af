"""Random ops through sessions: TensorFlow 1.15.5's numbers, runs, threads and seeds."""

import pathlib

import numpy as np
import pytest

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.ops import random as random_ops
from graphflow.ops.identity import placeholder
from graphflow.ops.sampling import random_shuffle
from graphflow.runtime.protos import ConfigProto
from graphflow.runtime.session import Session

RECORDED = np.load(pathlib.Path(__file__).parents[1] / "data" / "tf115_random.npz")
SIGNATURES = {
    "uniform": random_ops._UNIFORM,
    "normal": random_ops._NORMAL,
    "truncated_normal": random_ops._TRUNCATED_NORMAL,
}


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


def session(threads=1, level=0):
    config = ConfigProto(intra_op_parallelism_threads=threads)
    config.graph_options.optimizer_options.opt_level = level
    return Session(config=config)


def draw(kind, dtype, shape, seed=1, seed2=2, bounds=()):
    if kind == "uniform_int":
        op = random_ops._UNIFORM_INT(shape, *bounds, Tout=dtype, seed=seed, seed2=seed2)
    else:
        op = SIGNATURES[kind](shape, dtype=dtype, seed=seed, seed2=seed2)
    return op.outputs[0]


def recorded_case(name):
    kind, dtype, size, seed, seed2, *bounds = name.split("|")
    bounds = [int(bound) for bound in bounds]
    return draw(kind, dtypes.as_dtype(dtype), [int(size)], int(seed), int(seed2), bounds)


def test_two_runs_give_the_numbers_of_tensorflow():
    names = sorted(RECORDED.files)
    tensors = [recorded_case(name) for name in names]
    with session() as run:
        first, second = run.run(tensors), run.run(tensors)
    for name, *values in zip(names, first, second, strict=True):
        for value, expected in zip(values, RECORDED[name], strict=True):
            expected = expected.astype(value.dtype)
            if "normal" in name and value.dtype.itemsize >= 4:
                # TensorFlow's come from the C library's logf and sinf: see `ir.philox`.
                np.testing.assert_array_max_ulp(value, expected, 4)
            else:
                np.testing.assert_array_equal(value, expected, name)


@pytest.mark.parametrize("kind", [*SIGNATURES, "uniform_int"])
def test_threads_and_sizes_do_not_change_the_numbers(kind):
    dtype = dtypes.int32 if kind == "uniform_int" else dtypes.float32
    large = draw(kind, dtype, [300, 1001], bounds=(-3, 1000))
    small = [draw(kind, dtype, [size], bounds=(-3, 1000)) for size in (0, 1, 5, 31, 32, 33)]
    with session(1) as one, session(2) as two:
        for _ in range(2):
            alone, shared = one.run(large), two.run(large)
            np.testing.assert_array_equal(alone, shared)
    with session() as fresh:
        whole = fresh.run(large)
        for value in fresh.run(small):
            np.testing.assert_array_equal(value, whole.ravel()[: value.size])
    assert len(np.unique(whole)) > 1000 or kind == "uniform_int"


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
def test_moments(dtype):
    kinds = ["uniform", "normal", "truncated_normal"]
    tensors = [draw(kind, dtype, [200_001]) for kind in kinds]
    with session() as run:
        uniform, normal, truncated = run.run(tensors)
    assert (uniform >= 0).all()
    assert (uniform < 1).all()
    assert (np.abs(truncated) < 2).all()
    for values, mean, deviation in [
        (uniform, 0.5, np.sqrt(1 / 12)), (normal, 0, 1), (truncated, 0, 0.8796256610342398)
    ]:  # fmt: skip
        assert abs(values.mean() - mean) < 0.01
        assert abs(values.std() - deviation) < 0.01


def test_seeded_sessions_repeat_and_unseeded_ones_do_not():
    seeded = draw("uniform", dtypes.float32, [4])
    unseeded = draw("uniform", dtypes.float32, [4], 0, 0)
    values = []
    for _ in range(2):
        with session() as run:
            values.append([run.run([seeded, unseeded]) for _ in range(2)])
    first, second = np.array(values)
    np.testing.assert_array_equal(first[:, 0], second[:, 0])
    assert not np.array_equal(first[0, 0], first[1, 0])
    assert not np.array_equal(first[0, 1], second[0, 1])
    assert not np.array_equal(first[0, 1], first[1, 1])


def test_operations_with_equal_seeds_are_drawn_apart():
    x, y = (draw("uniform", dtypes.float32, [3]) for _ in range(2))
    with session() as run:
        run.run(x)
        later, first = run.run([x, y])
        assert not np.array_equal(later, first)
        np.testing.assert_array_equal(run.run(y), later)


def test_optimizer_level_does_not_change_the_numbers():
    x = draw("normal", dtypes.float64, [7])
    with session(level=0) as run, session(level=-1) as plain:
        np.testing.assert_array_equal(run.run(x), plain.run(x))


def test_a_shape_known_only_in_the_run():
    shape = placeholder(dtypes.int32, [2])
    x = draw("uniform", dtypes.float32, shape)
    assert x.shape.as_list() == [None, None]
    with session() as run:
        assert run.run(x, {shape: [2, 3]}).shape == (2, 3)
        assert run.run(x, {shape: [5, 1]}).shape == (5, 1)


def test_an_empty_range_of_integers_fails_in_the_run():
    x = random_ops.random_uniform([3], 5, 5, dtypes.int32)
    with session() as run:
        with pytest.raises(errors.InvalidArgumentError, match="Need minval < maxval, got 5 >= 5"):
            run.run(x)


def test_errors_of_arguments():
    with pytest.raises(ValueError, match="Must specify maxval for integer dtype"):
        random_ops.random_uniform([3], dtype=dtypes.int32)
    with pytest.raises(ValueError, match=r"Invalid dtype tf\.complex64"):
        random_ops.random_uniform([3], dtype=dtypes.complex64)


def test_seeds_as_tensorflow_derives_them():
    attrs = []
    for graph_seed, op_seed in ((None, 4), (3, 4), (3, None), (None, None), (0, 0)):
        with Graph().as_default():
            random_ops.set_random_seed(graph_seed)
            placeholder(dtypes.float32)
            op = random_ops.random_uniform([2], 0, 9, dtypes.int32, seed=op_seed).op
            attrs.append((op.get_attr("seed"), op.get_attr("seed2")))
    assert attrs == [(87654321, 4), (3, 4), (3, 4), (0, 0), (0, 2**31 - 1)]


def test_names_and_types_of_the_operations():
    random_ops.random_normal([2, 3], 1.0, 2.0, seed=1)
    random_ops.truncated_normal([2, 3], name="t")
    random_ops.random_uniform([2, 3], -1.0, 1.0)
    random_ops.random_uniform([2, 3], 0, 7, dtypes.int64)
    made = [f"{op.name}:{op.type}" for op in get_default_graph().get_operations()]
    scaled = ["shape:Const", "mean:Const", "stddev:Const"]
    expected = [f"random_normal/{n}" for n in scaled]
    expected += ["random_normal/RandomStandardNormal:RandomStandardNormal"]
    expected += ["random_normal/mul:Mul", "random_normal:Add"]
    expected += [f"t/{n}" for n in scaled] + ["t/TruncatedNormal:TruncatedNormal"]
    expected += ["t/mul:Mul", "t:Add"]
    expected += [f"random_uniform/{n}" for n in ("shape:Const", "min:Const", "max:Const")]
    expected += ["random_uniform/RandomUniform:RandomUniform", "random_uniform/sub:Sub"]
    expected += ["random_uniform/mul:Mul", "random_uniform:Add"]
    expected += [f"random_uniform_1/{n}" for n in ("shape:Const", "min:Const", "max:Const")]
    expected += ["random_uniform_1:RandomUniformInt"]
    assert made == expected


def test_a_draw_from_an_empty_range_ends_no_process():
    """The check may be read after the draw, so the draw itself must survive."""
    low = placeholder(dtypes.int32, [])
    wide = placeholder(dtypes.int64, [])
    draws = [
        random_ops.random_uniform([5], low, low, dtypes.int32),
        random_ops.random_uniform([5], wide, wide, dtypes.int64),
    ]
    with session() as run:
        for draw, bound in zip(draws, (low, wide), strict=True):
            with pytest.raises(errors.InvalidArgumentError, match="Need minval < maxval"):
                run.run(draw, {bound: 3})


def test_texts_are_shuffled_as_numbers_are():
    with Graph().as_default(), Session() as session:
        texts = random_shuffle(["a", "b", "c", "d"], seed=3)
        numbers = random_shuffle([0, 1, 2, 3], seed=3)
        for _ in range(3):
            drawn, order = session.run([texts, numbers])
            assert [b"abcd"[k : k + 1] for k in order] == list(drawn)
