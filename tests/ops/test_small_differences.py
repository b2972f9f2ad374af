"""Results that once were not TensorFlow's; the numbers are TensorFlow 1.15's."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def value(tensor, feeds=None):
    with tf.Session() as session:
        return session.run(tensor, feeds)


def test_the_square_of_a_complex_difference_is_real() -> None:
    found = value(tf.squared_difference([1 + 2j, 3j], [1j, 1.0]))
    np.testing.assert_allclose(found, [2.0, 10.0])


def test_truths_scattered_to_one_place_hold_if_any_does() -> None:
    found = value(tf.scatter_nd([[4], [3], [3]], [False, True, True], [5]))
    assert found.tolist() == [False, False, False, True, False]


def test_a_loop_without_back_prop_has_no_gradient() -> None:
    v = tf.constant(2.0)
    last = tf.while_loop(lambda v: v < 100.0, tf.square, [v], back_prop=False)
    assert value(tf.gradients(last + v, v)[0]) == 1.0


def test_an_array_grows_in_a_loop_after_it_was_written_before() -> None:
    sums = tf.TensorArray(tf.int32, size=0, dynamic_size=True, clear_after_read=False)
    sums = sums.write(0, 1)
    _, sums = tf.while_loop(
        lambda i, a: i < 5, lambda i, a: (i + 1, a.write(i, a.read(i - 1) + i)), (1, sums)
    )
    assert value(sums.stack()).tolist() == [1, 2, 4, 7, 11]


def test_the_spectral_norm_of_matrices_of_unknown_rank() -> None:
    x = tf.placeholder(tf.float32)
    matrices = np.array([[[3.0, 0.0], [0.0, 4.0]]], "f")
    found = value(tf.norm(x, 2, axis=(-2, -1)), {x: matrices})
    np.testing.assert_allclose(found, [4.0], rtol=1e-6)


def test_no_blocks_need_no_paddings() -> None:
    sizes = tf.placeholder(tf.int32, [0])
    paddings, crops = tf.required_space_to_batch_paddings(sizes, np.zeros(0, np.int32))
    assert [a.shape for a in value([paddings, crops], {sizes: []})] == [(0, 2), (0, 2)]


def test_divided_rows_that_are_not_there_fail_with_the_index() -> None:
    v = tf.Variable(np.ones(3, "f"))
    with tf.Session() as session:
        session.run(v.initializer)
        index = tf.placeholder(tf.int32, [1])
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 6 is not in \[0, 3\)"):
            session.run(tf.scatter_div(v, index, [2.0]), {index: [6]})


def test_extremes_of_bfloat16_segments() -> None:
    found = value(tf.unsorted_segment_max(tf.cast([1.0, 3.0], tf.bfloat16), [0, 0], 1))
    assert float(found[0]) == 3.0


def test_sizes_of_sparse_tensors() -> None:
    x = tf.SparseTensor([[0, 1]], [1.0], [2, 3])
    assert value([tf.size(x), tf.rank(x)]) == [6, 2]


def test_an_lstm_without_norms_begins_its_bias_as_the_scope_says() -> None:
    with tf.variable_scope("root", initializer=tf.constant_initializer(0.5)):
        cell = tf.contrib.rnn.LayerNormBasicLSTMCell(2, layer_norm=False)
        state = tf.nn.rnn_cell.LSTMStateTuple(tf.constant([[0.0, 0.1]]), tf.constant([[0.2, 0.3]]))
        output, _ = cell(tf.ones([1, 2]), state)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(output), [[0.56668288, 0.60858738]], rtol=1e-5)


NAN, INF = np.nan, np.inf
PAIRS = [(1, NAN), (NAN, 1), (0.0, -0.0), (-0.0, 0.0), (NAN, NAN), (-1, NAN), (NAN, -1)]


def as_text(values) -> str:
    """Values with the signs of zeros."""
    return " ".join(f"{v:g}".replace("-nan", "nan") for v in np.ravel(values))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 16, 19])
def test_the_first_of_two_stays_where_neither_is_larger(dtype: str, length: int) -> None:
    first, second = (np.repeat(np.array(part, dtype), length) for part in zip(*PAIRS, strict=True))
    x, y = tf.placeholder(dtype, [None]), tf.placeholder(dtype, [None])
    for function in (tf.maximum, tf.minimum):
        found = value(function(x, y), {x: first, y: second}).reshape(7, length)
        assert {as_text(column) for column in found.T} == {"1 nan 0 -0 nan -1 nan"}
    zeros = np.repeat(np.array([-0.0, 0.0, NAN, 7, -1, INF, -INF], dtype), length)
    for function, wanted in [
        (tf.nn.relu, "-0 0 nan 7 0 inf 0"), (tf.nn.relu6, "-0 0 nan 6 0 6 0"),
        (lambda v: tf.maximum(tf.constant(0.0, dtype), v), "0 0 0 7 0 inf 0"),
        (lambda v: tf.clip_by_value(v, 0.0, 1.0), "-0 0 nan 1 0 1 0"),
    ]:  # fmt: skip
        found = value(function(x), {x: zeros}).reshape(7, length)
        assert {as_text(column) for column in found.T} == {wanted}


@pytest.mark.parametrize("length", [2, 5, 9, 16, 33])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_extremes_are_of_what_is_not_nan(length: int, place: str) -> None:
    values = np.arange(1, length + 1, dtype="f")
    values[{"first": 0, "middle": length // 2, "last": -1}[place]] = NAN
    x = tf.placeholder(tf.float32, [None])
    ends = [tf.reduce_max(x), tf.reduce_min(x), tf.argmax(x), tf.argmin(x)]
    found = value(ends, {x: values})
    assert found == [
        np.nanmax(values), np.nanmin(values), np.nanargmax(values), np.nanargmin(values)
    ]  # fmt: skip
    found = value(ends, {x: np.full(length, NAN)})
    assert found == [-INF, INF, 0, 0]


def test_extremes_of_single_elements_and_repeated_ones_that_are_nan() -> None:
    x = tf.constant([[[NAN]], [[1.0]]])
    assert as_text(value(tf.reduce_max(x, [1, 2]))) == "nan 1"
    assert value(tf.reduce_max(x, [0, 1])).tolist() == [1.0]
    assert value(tf.reduce_max(tf.fill([3, 2], NAN), 0)).tolist() == [-INF, -INF]
    assert (
        as_text(value(tf.segment_max([NAN, NAN, 1.0, NAN, NAN], [0, 0, 1, 1, 2]))) == "-inf 1 nan"
    )
    sums = tf.SparseTensor([[0, 0], [0, 1], [1, 1]], [NAN, 1.0, NAN], [2, 2])
    assert value(tf.sparse_reduce_max(sums, 1)).tolist() == [1.0, -INF]


LOWEST = float(np.finfo("f").min)
HOLES = np.array([NAN, 1, 2, NAN, 5, 6, 7, 8, NAN, NAN, 11, 12, NAN, NAN, 15, NAN], "f")


def test_windows_are_pooled_over_what_is_not_nan() -> None:
    x = tf.constant(HOLES.reshape(1, 4, 4, 1))
    sizes = [1, 2, 2, 1]
    pooled = tf.nn.max_pool(x, sizes, sizes, "VALID")
    assert value(pooled).ravel().tolist() == [6, 8, LOWEST, 15]
    assert value(tf.gradients(pooled, x)[0]).ravel().nonzero()[0].tolist() == [0, 7, 8, 14]
    values, places = value(tf.nn.max_pool_with_argmax(x, sizes, sizes, "VALID"))
    assert as_text(values) == "nan 8 nan 15"  # each is compared with the window's first
    assert places.ravel().tolist() == [0, 7, 8, 14]
    flat = tf.zeros([2, 2, 1])
    ones = [1, 1, 1, 1]
    assert value(tf.nn.dilation2d(x, flat, sizes, ones, "VALID")).ravel().tolist() == [
        6, 8, LOWEST, 15
    ]  # fmt: skip
    cubes = tf.constant(HOLES[[0, 1, 2, 3, 8, 9, 12, 13]].reshape(1, 2, 2, 2, 1))
    wide = [1, 1, 2, 2, 1]
    assert value(tf.nn.max_pool3d(cubes, wide, wide, "VALID")).ravel().tolist() == [2, -INF]
    assert value(tf.nn.max_pool(tf.fill([1, 2, 2, 1], -INF), sizes, sizes, "VALID")) == LOWEST


def test_no_target_is_among_the_largest_of_a_row_with_nan_or_infinity() -> None:
    rows = tf.constant([[NAN, 1, 1], [1, 2, INF], [1, 2, -INF], [1, 2, 0]])
    assert value(tf.nn.in_top_k(rows, [1, 1, 1, 1], 2)).tolist() == [False, False, False, True]
    assert value(tf.nn.top_k(rows, 1).indices).ravel().tolist() == [1, 2, 1, 1]


def test_axes_are_renamed_from_one_order_to_another() -> None:
    permute, rename = tf.raw_ops.DataFormatVecPermute, tf.raw_ops.DataFormatDimMap
    assert value(permute(x=[1, 2, 3, 4], src_format="NHWC", dst_format="NCHW")).tolist() == [
        1, 4, 2, 3,
    ]  # fmt: skip
    pairs = [[1, 2], [3, 4], [5, 6], [7, 8]]
    found = value(permute(x=pairs, src_format="NCHW", dst_format="NHWC"))
    assert found.tolist() == [[1, 2], [5, 6], [7, 8], [3, 4]]
    axes = rename(x=[-4, -3, 0, 1, 3], src_format="NHWC", dst_format="NCHW")
    assert value(axes).tolist() == [0, 2, 0, 2, 1]
    with pytest.raises(tf.errors.InvalidArgumentError, match="1D input must be of size 4"):
        value(permute(x=[1, 2], src_format="NHWC", dst_format="NCHW"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Destination format must be of"):
        value(rename(x=[1], src_format="NHWC", dst_format="NCH"))


def test_texts_of_several_lengths_become_rows_of_one() -> None:
    rows = tf.decode_raw(["ab", "cdefgh"], tf.uint8, fixed_length=4)
    assert rows.op.type == "DecodePaddedRaw"
    assert value(rows).tolist() == [[97, 98, 0, 0], [99, 100, 101, 102]]
    wide = tf.decode_raw(["ab", "cdef"], tf.int16, little_endian=False, fixed_length=4)
    assert wide.shape.as_list() == [2, 2]
    assert value(wide).tolist() == [[24930, 0], [25444, 25958]]
    with pytest.raises(ValueError, match="evenly divisible by 2 but is 3"):
        tf.decode_raw(["ab"], tf.int16, fixed_length=3)
    with pytest.raises(ValueError, match="must be non-negative but is -1"):
        tf.decode_raw(["ab"], tf.uint8, fixed_length=-1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be greater than zero"):
        value(tf.decode_raw(["ab"], tf.uint8, fixed_length=0))


def test_variables_have_methods_for_rows_and_places() -> None:
    v = tf.Variable([1.0, 2.0, 3.0])
    rows = tf.IndexedSlices(values=tf.constant([2.0]), indices=tf.constant([1]))
    wanted = {"add": 4.0, "sub": 0.0, "mul": 4.0, "div": 1.0, "max": 2.0, "min": 2.0, "update": 2.0}
    for name, second in wanted.items():
        update = getattr(v, f"scatter_{name}")(rows)
        with tf.Session() as session:
            session.run(v.initializer)
            assert session.run(update).tolist() == [1.0, second, 3.0]
    for name, first in {"add": 6.0, "sub": -4.0, "update": 5.0}.items():
        update = getattr(v, f"scatter_nd_{name}")([[0]], [5.0])
        with tf.Session() as session:
            session.run(v.initializer)
            assert session.run(update).tolist() == [first, 2.0, 3.0]
            assert session.run(v.gather_nd([[1]])).tolist() == [2.0]
            assert session.run(v.sparse_read([2])).tolist() == [3.0]
    with pytest.raises(TypeError, match="is not IndexedSlices"):
        v.scatter_add([1.0])


def test_identities_of_sizes_that_a_run_brings_have_a_rank() -> None:
    n = tf.placeholder(tf.int32)
    shapes = [
        tf.eye(n), tf.eye(n, num_columns=3), tf.eye(n, batch_shape=[2, 3]),
        tf.eye(2, num_columns=n, batch_shape=[2, 3]),
    ]  # fmt: skip
    assert [m.shape.as_list() for m in shapes] == [
        [None, None], [None, 3], [2, 3, None, None], [2, 3, 2, None]
    ]  # fmt: skip
    with tf.Session() as session:
        assert session.run(shapes[1], {n: 2}).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_sizes_below_zero_are_refused_early() -> None:
    with pytest.raises(ValueError, match="Fill dimensions must be >= 0"):
        tf.fill([-1], 1.0)
    with pytest.raises(ValueError, match="must be non-negative"):
        tf.raw_ops.Bincount(arr=[1], size=-1, weights=[1.0])
    for axis, shapes, text in (
        (4, [[2, 3], [2, 3]], "Concat dim is out of range: 4 vs. 2"),
        (1, [[2, 3], [3, 7]], "All dimensions except 1 must match. Input 1"),
        (1, [[2, 3], [2]], "input 1 should contain 2 elements, but got 1"),
        (1, [[[2, 3]], [[2, 3]]], "should be a vector"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=text):
            value(tf.raw_ops.ConcatOffset(concat_dim=axis, shape=shapes))


def test_a_table_of_vectors_is_exported() -> None:
    table = tf.contrib.lookup.MutableHashTable(tf.string, tf.int64, [-1, -2])
    keys, values = table.export()
    assert values.shape.as_list() == [None, 2]
    with tf.Session() as session:
        assert session.run(values).shape == (0, 2)
        session.run(table.insert(["a", "b"], [[1, 2], [3, 4]]))
        assert session.run([keys, values])[1].tolist() == [[1, 2], [3, 4]]
        assert session.run(table.lookup(["b", "z"])).tolist() == [[3, 4], [-1, -2]]
