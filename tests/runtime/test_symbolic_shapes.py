"""Feeds whose sizes change from run to run: one more compilation, and the same results."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors, observe
from graphflow.ir.dims import SymDim
from graphflow.runtime import shapes
from graphflow.runtime.verify import verifying

SIZES = (128, 97, 64, 31, 1, 0, 5, 128, 33)


@pytest.fixture(autouse=True)
def graph():
    tf.reset_default_graph()
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def compiled():
    """The shapes of the feeds of every Program that is compiled, in order."""
    found = []

    def observer(program, stage, product, seconds):
        if stage == "program":
            feeds = [i for i in program.inputs if i["source"] == "feed"]
            found.append([tuple(map(str, i.shape)) for i in feeds])

    with observe.observing(observer):
        yield found


@pytest.fixture
def numbers():
    return np.random.default_rng(5)


class Concrete:
    """A session that compiles for each size by itself, to compare with."""

    def __init__(self, monkeypatch):
        self.patch = monkeypatch

    def run(self, session, fetches, feed):
        with self.patch.context() as patch:
            patch.setattr(shapes.SizesSeen, "generalized", lambda self, sizes: None)
            return session.run(fetches, feed)


def agree(fetches, feeds, monkeypatch, rtol=2e-5, atol=2e-6):
    """Run all feeds in two sessions, one of which compiles every size; compare after each run."""
    concrete = Concrete(monkeypatch)
    variables = tf.global_variables()
    with tf.Session() as one, tf.Session() as two:
        for session in (one, two):
            session.run(tf.global_variables_initializer())
        for feed in feeds:
            got = one.run([*fetches, *variables], feed)
            wanted = concrete.run(two, [*fetches, *variables], feed)
            for value, expected in zip(got, wanted, strict=True):
                if expected is None:
                    continue
                assert np.shape(value) == np.shape(expected)
                np.testing.assert_allclose(value, expected, rtol, atol, equal_nan=True)
        return one


def dense(x, units, name):
    w = tf.get_variable(
        f"{name}_w", [x.shape[-1], units], initializer=tf.glorot_uniform_initializer(seed=1)
    )
    b = tf.get_variable(f"{name}_b", [units], initializer=tf.constant_initializer(0.1))
    return tf.matmul(x, w) + b


def classifier(features=20, classes=7):
    x = tf.placeholder(tf.float32, [None, features])
    y = tf.placeholder(tf.int64, [None])
    logits = dense(tf.nn.relu(dense(x, 33, "hidden")), classes, "out")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return x, y, logits, tf.reduce_mean(losses)


def batches(x, y, sizes, numbers, features=20, classes=7):
    return [
        {
            x: numbers.standard_normal((n, features)).astype(np.float32),
            y: numbers.integers(0, classes, n),
        }
        for n in sizes
    ]


# ---- how often is compiled


def test_one_more_compilation_serves_all_later_sizes(compiled, numbers):
    x, y, _, loss = classifier()
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        compiled.clear()
        counts = []
        for feed in batches(x, y, SIZES, numbers):
            sess.run([loss, step], feed)
            counts.append(len(compiled))
    # 0 and 1 broadcast, so they are compiled as they are.
    assert counts == [1, 2, 2, 2, 3, 4, 4, 4, 4]
    assert sorted(compiled[0]) == [("128",), ("128", "20")]
    assert sorted(compiled[1]) == [("n0~128",), ("n0~128", "20")]


def test_sizes_that_are_compiled_again_stay_concrete(compiled):
    """After a variable has moved, the main size is compiled as it is once more."""
    x = tf.placeholder(tf.float32, [None])
    v = tf.Variable([1.0, 2.0], validate_shape=False)
    total = tf.reduce_sum(x) * tf.reduce_sum(v)
    grow = tf.assign(v, [1.0, 2.0, 3.0], validate_shape=False)
    with tf.Session() as sess:
        sess.run(v.initializer)
        for n in (4, 3):
            assert sess.run(total, {x: np.ones(n)}) == 3 * n
        sess.run(grow)
        compiled.clear()
        for n in (4, 3, 5):
            assert sess.run(total, {x: np.ones(n)}) == 6 * n
    assert compiled == [[("4",)], [("n0~4",)]]


def test_a_dimension_that_is_equal_by_accident(compiled):
    x = tf.placeholder(tf.float32, [None, None])
    y = tf.reduce_sum(x, 0) + 1.0
    with tf.Session() as sess:
        for shape in ((5, 5), (7, 5), (9, 5), (7, 3), (2, 8)):
            assert sess.run(y, {x: np.ones(shape)}).tolist() == [shape[0] + 1] * shape[1]
    assert compiled == [[("5", "5")], [("n0~7", "5")], [("n0~9", "n1~5")]]


def test_two_dimensions_that_are_always_equal_share_a_symbol(compiled):
    x = tf.placeholder(tf.float32, [None, None])
    trace = tf.reduce_sum(x * tf.transpose(x))
    with tf.Session() as sess:
        for n in (4, 3, 6):
            assert sess.run(trace, {x: np.ones((n, n))}) == n * n
    assert compiled == [[("4", "4")], [("n0~4", "n0~4")]]


def test_ranks_are_apart(compiled):
    x = tf.placeholder(tf.float32)
    y = x * 2.0
    with tf.Session() as sess:
        for shape in ((3,), (2, 3), (4,), (5,), (2, 4), (2, 7)):
            assert sess.run(y, {x: np.ones(shape)}).shape == shape
    assert len(compiled) == 4


def test_an_undecidable_size_is_compiled_each_time(compiled):
    x = tf.placeholder(tf.float32, [None])
    y = x[:3]
    with tf.Session() as sess:
        for n in (5, 4, 2, 1, 6, 5):
            assert sess.run(y, {x: np.arange(n)}).tolist() == list(range(min(n, 3)))
        assert sess._engine.plans.popitem()[1].is_concrete
    assert compiled == [[(str(n),)] for n in (5, 4, 2, 1, 6)]


def test_a_size_derived_from_the_batch_that_gets_small(compiled):
    """``n - 2`` is 1 or 0 for small n, which the code for other sizes does not serve."""
    x = tf.placeholder(tf.float32, [None])
    y = x[2:] + x[:-2]
    with tf.Session() as sess:
        for n in (8, 6, 3, 2, 4, 3):
            wanted = np.arange(n)[2:] + np.arange(n)[:-2]
            assert sess.run(y, {x: np.arange(n)}).tolist() == wanted.tolist()
    assert compiled == [[("8",)], [("n0~8",)], [("3",)], [("2",)]]


def test_a_wrong_feed_does_not_decide_anything(compiled):
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    z = x + y
    with tf.Session() as sess:
        sess.run(z, {x: np.ones(4), y: np.ones(4)})
        with pytest.raises(errors.InvalidArgumentError):
            sess.run(z, {x: np.ones(4), y: np.ones(3)})
        for n in (3, 5, 6):
            assert sess.run(z, {x: np.ones(n), y: np.ones(n)}).tolist() == [2.0] * n
    assert len(compiled) == 2


def test_instances_are_bounded():
    x = tf.placeholder(tf.float32, [None])
    y = x * 3.0
    with tf.Session() as sess:
        for n in range(2, 60):
            assert sess.run(y, {x: np.ones(n)}).tolist() == [3.0] * n
        (plan,) = sess._engine.plans.values()
    assert len(plan.prepared) == 1 + shapes.SHARED_KEPT


# ---- results


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_training_steps(optimizer, numbers, monkeypatch):
    x, y, logits, loss = classifier()
    made = {
        "sgd": tf.train.GradientDescentOptimizer(0.1),
        "momentum": tf.train.MomentumOptimizer(0.1, 0.9),
        "adam": tf.train.AdamOptimizer(0.01),
    }[optimizer]
    step = made.minimize(loss)
    correct = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))
    sizes = [n for n in SIZES if n]  # without elements the loss is nan
    feeds = batches(x, y, sizes, numbers)
    agree([loss, correct, step], feeds, monkeypatch, rtol=2e-4, atol=1e-5)


def _layer_norm(x):
    mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
    return (x - mean) * tf.rsqrt(variance + 1e-5)


def _attention(x):
    """Every row of a sequence with every other, per sequence."""
    x = tf.reshape(x, [1, -1, 4, 5])
    x = tf.transpose(x, [0, 2, 1, 3])
    weights = tf.nn.softmax(tf.matmul(x, x, transpose_b=True))
    return tf.matmul(weights, x)


def _fills(x):
    n = tf.shape(x)[0]
    return tf.concat([tf.zeros([n, 2]), tf.fill(tf.stack([n, 3]), 2.0), tf.ones_like(x)], 1)


EXPRESSIONS = {
    "softmax": tf.nn.softmax,
    "layer_norm": _layer_norm,
    "batch_norm": lambda x: (x - tf.reduce_mean(x, 0)) / (1.0 + tf.reduce_variance(x, [0])),
    "all_sums": lambda x: tf.stack(
        [tf.reduce_sum(x), tf.reduce_mean(x), tf.reduce_max(x), tf.reduce_logsumexp(x)]
    ),
    "mean_of_batch": lambda x: tf.reduce_mean(x, 0, keepdims=True),
    "argmax_of_batch": lambda x: tf.cast(tf.argmax(x, 0), tf.float32),
    "dropout": lambda x: tf.nn.dropout(x, keep_prob=0.6, seed=3),
    "noise": lambda x: x + tf.random_normal(tf.shape(x), seed=4),
    "draws": lambda x: x * tf.truncated_normal([tf.shape(x)[0], 1], seed=6),
    "fills": _fills,
    "flat": lambda x: tf.reshape(x, [-1]) * 2.0,
    "halves": lambda x: tf.reduce_sum(tf.reshape(x, [-1, 10]), 1),
    "batch_first": lambda x: tf.reshape(x, [tf.shape(x)[0], -1, 5])[:, 1:, ::2],
    "rows_of_ten": lambda x: tf.reshape(tf.reshape(x, [-1, 4, 5]), [-1, 20]) + 1.0,
    "transposed": lambda x: tf.matmul(tf.transpose(x), x),
    "gram": lambda x: tf.matmul(x, x, transpose_b=True),
    "tensordot": lambda x: tf.tensordot(tf.reshape(x, [-1, 4, 5]), tf.ones([5, 3]), 1),
    "batched": lambda x: tf.matmul(tf.reshape(x, [-1, 4, 5]), tf.reshape(x, [-1, 5, 4])),
    "attention": _attention,
    "einsum": lambda x: tf.einsum("bi,bj->bij", x[:, :4], x[:, 4:7]),
    "concat": lambda x: tf.concat([x, x * 2.0, x[1:]], 0),
    "pad": lambda x: tf.pad(x, [[2, 1], [0, 3]], constant_values=1.5),
    "tile": lambda x: tf.tile(x, [2, 3]),
    "one_hot": lambda x: tf.one_hot(tf.cast(x[:, 0], tf.int32), 4),
    "gather": lambda x: tf.gather(x, [0, 1, 1]),
    "picked": lambda x: tf.gather(
        tf.constant(np.eye(20, dtype="f")), tf.cast(x[:, 0] > 0, "int32")
    ),
    "shifted": lambda x: x[1:] - x[:-1],
    "strided": lambda x: x[:, ::3] + tf.reverse(x, [0])[:, ::3],
    "last": lambda x: x[-1] + x[0],
    "where": lambda x: tf.where(x > 0.0, x, tf.zeros_like(x)),
    "outer": lambda x: tf.expand_dims(x, 0) - tf.expand_dims(x, 1),
    "segments": lambda x: tf.unsorted_segment_sum(x, tf.cast(x[:, 1] > 0, tf.int32), 2),
    "range": lambda x: (
        tf.cast(tf.range(tf.shape(x)[0]), tf.float32) / tf.cast(tf.size(x), "float32")
    ),
    "stacked": lambda x: tf.stack([x, x + 1.0], 1),
    "sizes": lambda x: tf.cast(tf.shape(x), tf.float32),
    "count": lambda x: tf.size(x),
}


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_expressions(name, numbers, monkeypatch):
    """Values, and gradients with respect to the feed and a variable."""
    x = tf.placeholder(tf.float32, [None, 20])
    scale = tf.get_variable("scale", [20], initializer=tf.random_normal_initializer(seed=2))
    y = EXPRESSIONS[name](x * scale)
    fetches = [y]
    if y.dtype.is_floating:
        fetches += [g for g in tf.gradients(tf.reduce_sum(y * y), [x, scale]) if g is not None]
    sizes = (40, 17, 33, 2, 300, 5)
    feeds = [{x: numbers.standard_normal((n, 20)).astype(np.float32)} for n in sizes]
    session = agree(fetches, feeds, monkeypatch, rtol=3e-4, atol=3e-4)
    plans = [p for p in session._engine.plans.values() if p.prepared]
    assert not any(p.is_concrete for p in plans)


def test_two_symbols(compiled, numbers, monkeypatch):
    """A batch of sequences: both the batch and the length vary."""
    x = tf.placeholder(tf.float32, [None, None, 6])
    w = tf.get_variable("w", [6, 6], initializer=tf.glorot_uniform_initializer(seed=1))
    h = tf.tensordot(x, w, 1)
    scores = tf.nn.softmax(tf.matmul(h, x, transpose_b=True))
    y = tf.reduce_mean(tf.matmul(scores, x), 1)
    fetches = [y, *tf.gradients(tf.reduce_sum(y * y), [x, w])]
    sizes = ((8, 11), (5, 11), (5, 9), (16, 16), (3, 20), (2, 2), (8, 1))
    feeds = [{x: numbers.standard_normal((*s, 6)).astype(np.float32)} for s in sizes]
    agree(fetches, feeds, monkeypatch, rtol=2e-4, atol=2e-5)
    assert [("n0~8", "n1~11", "6")] in compiled


def test_other_types(numbers, monkeypatch):
    x = tf.placeholder(tf.float64, [None, 3])
    k = tf.placeholder(tf.int32, [None])
    fetches = [
        tf.reduce_sum(tf.exp(x)), tf.cumsum(k) if hasattr(tf, "cumsum") else k * 2,
        tf.reduce_mean(tf.cast(k, tf.float16)), tf.cast(x, tf.bfloat16) * 2.0, x[:, 0] > 0.0,
    ]  # fmt: skip
    feeds = [
        {x: numbers.standard_normal((n, 3)), k: numbers.integers(0, 9, n)} for n in (9, 4, 17, 2)
    ]
    agree([tf.cast(f, tf.float64) for f in fetches], feeds, monkeypatch, rtol=1e-2)


def test_a_variable_takes_the_shape_of_the_batch(numbers):
    x = tf.placeholder(tf.float32, [None])
    kept = tf.Variable([0.0], validate_shape=False, trainable=False)
    keep = tf.assign(kept, x * 2.0, validate_shape=False)
    with tf.Session() as sess:
        sess.run(kept.initializer)
        for n in (4, 3, 6, 3, 4, 1, 0):
            values = numbers.standard_normal(n).astype(np.float32)
            sess.run(keep.op, {x: values})
            assert sess.run(kept).tolist() == (values * 2).tolist()


def test_host_calls_and_checks(compiled):
    x = tf.placeholder(tf.float32, [None])
    with tf.control_dependencies([tf.Assert(tf.reduce_all(x >= 0.0), [x])]):
        y = tf.py_func(lambda v: v + 1.0, [x * 2.0], tf.float32)
    y.set_shape([None])
    z = tf.reduce_sum(y)
    with tf.Session() as sess:
        for n in (4, 3, 6):
            assert sess.run(z, {x: np.ones(n)}) == 3 * n
        with pytest.raises(errors.InvalidArgumentError):
            sess.run(z, {x: -np.ones(5)})


# ---- the ways to run


def test_make_callable(compiled, numbers):
    x, y, _, loss = classifier()
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        run = sess.make_callable([loss, step], [x, y])
        compiled.clear()
        losses = [run(*feed.values())[0] for feed in batches(x, y, SIZES * 2, numbers)]
    assert len(compiled) == 4
    assert np.isnan(losses).tolist() == [n == 0 for n in SIZES * 2]


def test_function(compiled):
    x = tf.placeholder(tf.float32, [None, None])
    v = tf.Variable(0.0)
    f = tf.function([x], tf.reduce_sum(x, 1), updates=[(v, v + tf.reduce_sum(x))])
    f(np.ones((4, 3)))
    compiled.clear()
    for n in (5, 4, 7, 2, 9, 7):
        assert f(np.ones((n, 3))).tolist() == [3.0] * n
    assert len(compiled) == 1
    assert f.session.run(v) == 3 * (4 + 5 + 4 + 7 + 2 + 9 + 7)


def test_native_calls_are_kept_per_size(numbers):
    x = tf.placeholder(tf.float32, [None])
    y = x * 2.0
    with tf.Session() as sess:
        run = sess.make_callable(y, [x])
        made = []
        for n in (5, 3, 4, 3, 4):
            assert run(np.ones(n, np.float32)).tolist() == [2.0] * n
            made.append(run.fast)
    assert made[1] is made[3]
    assert made[2] is made[4]


def test_step_statistics(numbers):
    x, y, _, loss = classifier()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        for feed in batches(x, y, (6, 5, 4), numbers):
            wanted = sess.run(loss, feed)
            metadata = tf.RunMetadata()
            assert sess.run(loss, feed, options=options, run_metadata=metadata) == wanted
            (device,) = metadata.step_stats.dev_stats
            assert device.node_stats


def test_every_run_agrees_with_the_interpreter(numbers):
    with verifying() as verifier, tf.Graph().as_default():
        x, y, logits, loss = classifier()
        step = tf.train.AdamOptimizer(0.01).minimize(loss)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for feed in batches(x, y, (24, 9, 13, 2), numbers):
                sess.run([loss, logits, step], feed)
    assert verifier.difference == ""
    assert verifier.checked == 5


def test_threads_with_different_sizes(numbers):
    x = tf.placeholder(tf.float32, [None, 128])
    w = tf.get_variable("w", [128, 128], initializer=tf.glorot_uniform_initializer(seed=1))
    y = tf.nn.softmax(tf.matmul(tf.tanh(tf.matmul(x, w)), w))
    feeds = {n: numbers.standard_normal((n, 128)).astype(np.float32) for n in (256, 97, 5, 1, 33)}
    wrong = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        wanted = {n: sess.run(y, {x: value}) for n, value in feeds.items()}
        run = sess.make_callable(y, [x])

        def work(seed):
            random = np.random.default_rng(seed)
            for number in range(40):
                n = int(random.choice(list(feeds)))
                got = run(feeds[n]) if number % 2 else sess.run(y, {x: feeds[n]})
                if not np.array_equal(got, wanted[n]):
                    wrong.append(n)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


# ---- what is remembered


def test_symbols_of_a_record():
    seen = shapes.SizesSeen()
    seen.note(((128, 10), (128,)), concrete=True)
    assert seen.generalized(((128, 10), (128,))) is None
    assert seen.generalized(((1, 10), (1,))) is None
    batch = SymDim.symbol("n0", 128)
    assert seen.generalized(((97, 10), (97,))) == ((batch, 10), (batch,))
    seen.note(((97, 10), (97,)), concrete=False)
    first, second = SymDim.symbol("n0", 128), SymDim.symbol("n1", 128)
    assert seen.generalized(((7, 10), (9,))) == ((first, 10), (second,))


# ---- sizes that are fed as values


def test_a_fed_batch_size(compiled, numbers):
    x = tf.placeholder(tf.float32, [None, 4])
    batch = tf.placeholder(tf.int32, [])
    state = tf.zeros([batch, 3]) + tf.cast(batch, tf.float32)
    y = tf.concat([x, state], 1)
    with verifying() as verifier, tf.Session() as sess:
        for n in (6, 4, 3, 1, 6, 9):
            value = numbers.standard_normal((n, 4)).astype(np.float32)
            got = sess.run(y, {x: value, batch: n})
            assert got.tolist() == np.hstack([value, np.full((n, 3), n, "f")]).tolist()
    assert verifier.difference == ""
    # A part of each run computes the shape of the state.
    rests = [feeds[-1] for feeds in compiled if len(feeds) == 2]
    assert rests == [("6", "4"), ("n0~6", "4"), ("1", "4")]


def test_a_fed_shape_alone(compiled):
    shape = tf.placeholder(tf.int32, [2])
    y = tf.random_uniform(shape, seed=1) * 0.0 + tf.cast(tf.reduce_prod(shape), tf.float32)
    with verifying() as verifier, tf.Session() as sess:
        for size in ([4, 5], [3, 5], [7, 5], [7, 6], [2, 2]):
            assert sess.run(y, {shape: size}).tolist() == np.full(size, np.prod(size)).tolist()
    assert verifier.difference == ""
    assert len(compiled) == 3


def test_a_fed_value_that_is_no_size(compiled, numbers):
    """The values stay numbers then, and the batch may still become a symbol."""
    x = tf.placeholder(tf.float32, [None, 3, 4, 5])
    axis = tf.placeholder(tf.int32, [])
    y = tf.reduce_sum(x, axis)
    with tf.Session() as sess:
        for n, k in ((4, 2), (4, 3), (3, 2), (5, 2), (3, 3), (6, 3), (7, 3)):
            value = numbers.standard_normal((n, 3, 4, 5)).astype(np.float32)
            np.testing.assert_allclose(sess.run(y, {x: value, axis: k}), value.sum(k), 1e-5, 1e-5)
    assert [feeds[0][0] for feeds in compiled] == ["4", "4", "3", "n0~5", "3", "n0~6"]


def test_fed_texts_are_no_part_of_what_is_compiled(compiled):
    """One compilation for each number of texts that is met first, whatever they say."""
    text = tf.placeholder(tf.string, [None])
    joined = tf.string_join([text, tf.constant("b")])
    sizes = tf.strings.length(joined) + 1
    with verifying() as verifier, tf.Session() as sess:
        for texts in (["a", "cc"], ["ddd", ""], ["e", "f"], ["g", "hh", "i"], ["jj"] * 4):
            found, lengths = sess.run([joined, sizes], {text: texts})
            assert found.tolist() == [f"{t}b".encode() for t in texts]
            assert lengths.tolist() == [len(t) + 2 for t in texts]
    assert verifier.difference == ""
    assert [feeds[0] for feeds in compiled] == [("2",), ("n0~3",)]


def test_a_fed_text_that_decides_a_shape_is_read_by_tracing(compiled):
    """Each image is decoded before the rest is compiled, for images of any size."""
    content = tf.placeholder(tf.string, [])
    image = tf.image.decode_image(content, channels=1)
    total = tf.reduce_sum(tf.cast(image, tf.int32)), tf.shape(image)
    images = [np.full((h, w, 1), h + w, np.uint8) for h, w in ((2, 3), (4, 5), (5, 7), (9, 2))]
    with tf.Session() as sess:
        contents = [sess.run(tf.image.encode_png(i)) for i in images]
        compiled.clear()
        for value, array in zip(contents, images, strict=True):
            found, shape = sess.run(total, {content: value})
            assert found == array.sum(dtype=int)
            assert tuple(shape) == array.shape
    assert compiled == [[], [("2", "3", "1")], [("n0~4", "n1~5", "1")]]
