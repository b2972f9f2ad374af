"""What the run refuses, or knows, where the graph knew too little; and patterns of RE2."""

import collections

import numpy as np
import pytest

import graphflow as tf


def _open(value):
    """A tensor of a shape that the graph does not know."""
    return tf.placeholder_with_default(np.asarray(value), None)


@pytest.mark.parametrize("build", [
    lambda: tf.slice(_open([1, 2, 3]), _open(0), _open(2)),
    lambda: tf.gather_nd(_open([1, 2, 3]), _open(1)),
    lambda: tf.nn.bias_add(_open([1.0, 2]), _open([1.0, 2])),
    lambda: tf.nn.softmax(_open(2.0)),
    lambda: tf.scatter_nd(_open([[0], [1]]), _open([1.0, 1]), _open([0])),
    lambda: tf.sparse_segment_sum(np.ones((3, 2)), [0, 1], [0, 5], num_segments=3),
    lambda: tf.strings.reduce_join(_open(np.array([["a"]], object)), _open(np.int32(2))),
])  # fmt: skip
def test_shapes_that_only_the_run_knows_are_refused_there(build) -> None:
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError):
        session.run(build())


@pytest.mark.parametrize("build", [
    lambda: tf.scatter_nd([[0], [1]], [1.0, 1], [0]),
    lambda: tf.sparse_segment_mean(np.ones((3, 2)), [0, 1], [0, 1], num_segments=-1),
    lambda: tf.sparse_segment_mean(np.ones((3, 2)), [0, 1], [0, 1], num_segments=[3]),
    lambda: tf.strings.length("a", unit="WORD"),
    lambda: tf.strings.substr("a", 0, 1, unit="WORD"),
    lambda: tf.raw_ops.NthElement(input=[1.0, 2], n=2),
    lambda: tf.raw_ops.NthElement(input=[1.0, 2], n=-1),
    lambda: tf.sparse_concat(
        0, [tf.sparse_placeholder(tf.float32, s) for s in ([2, 3], [2, 3, 4])]
    ),
])  # fmt: skip
def test_what_the_graph_knows_is_refused_there(build) -> None:
    with pytest.raises(ValueError, match=r"must|should|Cannot|Indices|Dimensions"):
        build()


def test_known_parts_of_paddings_give_known_sizes() -> None:
    x, n = tf.placeholder(tf.float32, [4, None]), tf.placeholder(tf.int32, [])
    assert tf.pad(x, [[1, 2], [n, 0]]).shape.as_list() == [7, None]


def test_a_reshape_of_nothing_keeps_the_other_sizes() -> None:
    with tf.Session() as session:
        assert session.run(tf.reshape(_open(np.zeros((0, 5))), [0, -1])).shape == (0, 5)


def test_texts_are_scattered() -> None:
    with tf.Session() as session:
        found = session.run([
            tf.scatter_nd([[4], [3], [4]], ["a", "b", "c"], [5]),
            tf.tensor_scatter_update(["x"] * 4, [[3], [0]], ["a", "b"]),
        ])  # fmt: skip
    assert found[0].tolist() == [b"", b"", b"", b"b", b"ac"]
    assert found[1].tolist() == [b"b", b"x", b"x", b"a"]


@pytest.mark.parametrize(("pattern", "text", "wanted"), [
    (r"\p{Ll}", "aBc9é", ".B.9."), (r"[\pL9]", "aBc9é", "....."), (r"\P{L}", "a1b2", "a.b."),
    (r"[[:punct:]]", "a,b!", "a.b."), (r"[^[:alpha:]]", "a1é", "a.."),
    (r"\Qa.b\E", "a.bacb", ".acb"),
    (r"a$", "a\n", "a\n"), (r"\d+\z", "1 22", "1 ."), (r"[a[]", "[ab", "..b"), (r"é", "né", "n."),
    (r"[[:^digit:]]", "1a2", "1.2"), (r"(?m)^b$", "a\nb\nc", "a\n.\nc"),
])  # fmt: skip
def test_patterns_are_those_of_re2(pattern, text, wanted) -> None:
    with tf.Session() as session:
        found = session.run(tf.strings.regex_replace(text, pattern, "."))
    assert found.decode() == wanted


def test_joining_over_axes_without_elements_gives_empty_texts() -> None:
    none = np.zeros((3, 0), object)
    with tf.Session() as session:
        rows = tf.strings.reduce_join(tf.constant(none, tf.string), 1)
        assert session.run(rows).tolist() == [b""] * 3
        columns = tf.strings.reduce_join(tf.constant(none, tf.string), 0)
        assert session.run(columns).shape == (0,)
        assert session.run(tf.strings.to_number("0xF")) == 15


def test_sparse_tensors_as_values_are_added_and_joined_with_known_sizes() -> None:
    value = tf.SparseTensorValue([[0, 1]], np.float32([2]), [1, 3])
    part = tf.sparse_concat(0, [tf.SparseTensor(*value)] * 3)
    assert part.indices.shape.as_list() == [3, 2]
    with tf.Session() as session:
        assert session.run(tf.sparse_add(value, value)).values.tolist() == [4]


def test_bins_are_int32_and_their_number_is_positive() -> None:
    assert tf.histogram_fixed_width_bins([1.0], [0.0, 2.0], dtype=tf.int64).dtype == tf.int32
    with pytest.raises(ValueError, match="nbins > 0"):
        tf.histogram_fixed_width([1.0], [0.0, 2.0], nbins=0)


def test_a_branch_of_one_value_gives_the_value_unless_strict() -> None:
    single = collections.namedtuple("single", "a")
    pred = tf.placeholder(tf.bool, [])
    plain, strict = (
        tf.cond(pred, lambda: single(tf.ones([])), lambda: single(tf.zeros([])), strict=flag)
        for flag in (False, True)
    )
    assert isinstance(plain, tf.Tensor)
    assert isinstance(strict, single)


def test_images_and_boxes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 4 and 3"):
        tf.image.non_max_suppression(np.ones((2, 3), np.float32), [1.0, 2.0], 1)
    with pytest.raises(ValueError, match="but are 2 and 3"):
        tf.image.non_max_suppression(np.ones((2, 4), np.float32), [1.0, 2.0, 3.0], 1)
    darker = tf.image.adjust_gamma(np.ones((2, 2, 3), np.float32), _open(np.float32(-1)))
    with tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="non-negative real"):
            session.run(darker)
        assert session.run(tf.nn.avg_pool_v2(np.ones((1, 4, 1)), 2, 2, "VALID")).shape == (1, 2, 1)
