"""Sessions: fetches, feeds, variables, errors, threads; the cases of bad input among them."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import graphflow as tf
from graphflow import errors
from graphflow.protos import message


@pytest.fixture(autouse=True)
def graph():
    tf.reset_default_graph()
    with tf.Graph().as_default() as g:
        yield g


def test_fetch_structures() -> None:
    x = tf.placeholder(tf.float32, [2])
    y, z = x * 2.0, x + 1.0
    Pair = collections.namedtuple("Pair", "a b")
    with tf.Session() as sess:
        feed = {x: [1, 2]}
        assert sess.run(y, feed).tolist() == [2, 4]
        assert [a.tolist() for a in sess.run([y, z], feed)] == [[2, 4], [2, 3]]
        assert type(sess.run((y, z), feed)) is tuple
        nested = sess.run({"p": Pair(y, [z, y.op]), "n": y.name}, feed)
        assert nested["p"].a.tolist() == [2, 4]
        assert nested["p"].b[1] is None
        assert nested["n"].tolist() == [2, 4]
        assert sess.run([], feed) == []
        assert isinstance(sess.run(tf.reduce_sum(x), feed), np.float32)


def test_feeding_what_is_no_placeholder() -> None:
    a = tf.constant(3.0)
    b = a * 2.0
    c = b + 1.0
    with tf.Session() as sess:
        assert sess.run(c) == 7
        assert sess.run(c, {b: 10.0}) == 11
        assert sess.run(c, {"mul:0": 20.0}) == 21
        assert sess.run(b, {b: 4.0}) == 4
        assert [node.name for node in sess.graph_def.node] == [
            "Const",
            "mul/y",
            "mul",
            "add/y",
            "add",
        ]


def test_texts_of_one_shape_are_told_apart() -> None:
    x = tf.placeholder(tf.string, [None])
    y = tf.identity(x)
    with tf.Session() as sess:
        for texts in (["a", "b"], ["c", "d"], ["a", "b"], ["c"]):
            assert sess.run(y, {x: texts}).tolist() == [t.encode() for t in texts]


def test_eval_and_operation_run() -> None:
    v = tf.Variable(1.0)
    with tf.Session():
        v.initializer.run()
        tf.assign_add(v, 2.0).op.run()
        assert v.eval() == 3


def test_variables_keep_their_values_between_runs() -> None:
    v = tf.Variable(np.zeros((3, 4), np.float32))
    up = tf.assign_add(v, tf.ones([3, 4]))
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    for count in range(1, 5):
        assert sess.run(up)[0, 0] == count
    other = tf.Session()
    with pytest.raises(errors.FailedPreconditionError, match="uninitialized value Variable"):
        other.run(v)


def test_a_read_before_the_update_sees_the_old_value() -> None:
    v = tf.Variable(1.0)
    old = v * 10.0
    up = tf.assign(v, 5.0)
    with tf.control_dependencies([up]):
        new = tf.identity(v) * 10.0
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run([old, up.op]) == [10.0, None]
        sess.run(v.initializer)
        assert sess.run(new) == 50.0


def test_swap_through_temporaries() -> None:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    first, second = tf.identity(a), tf.identity(b)
    with tf.control_dependencies([first, second]):
        swap = tf.group(tf.assign(a, second), tf.assign(b, first))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(swap)
        assert [v.tolist() for v in sess.run([a, b])] == [[3, 4], [1, 2]]


def test_several_shapes_of_one_placeholder() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.reduce_sum(x, 1)
    with tf.Session() as sess:
        for n in (4, 1, 4, 0, 7):
            assert sess.run(y, {x: np.ones((n, 3))}).tolist() == [3.0] * n


def test_make_callable() -> None:
    x = tf.placeholder(tf.float32, [None])
    with tf.Session() as sess:
        call = sess.make_callable(x * 2.0, [x])
        assert call([1.0, 2.0]).tolist() == [2, 4]
        assert call(np.ones(3, np.float32)).tolist() == [2, 2, 2]
        with pytest.raises(TypeError):
            call()


# ---- bad input: the class and text that TensorFlow gives


def test_feed_of_the_wrong_shape() -> None:
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    with (
        tf.Session() as sess,
        pytest.raises(
            ValueError,
            match=r"of shape \(3, 2\) for Tensor 'x:0', which has shape '\(2, 3\)'",
        ),
    ):
        sess.run(x + 1.0, {x: np.zeros((3, 2))})


def test_feed_of_the_wrong_type() -> None:
    x, n = tf.placeholder(tf.float32, []), tf.placeholder(tf.int32, [])
    with tf.Session() as sess:
        with pytest.raises(ValueError, match="could not convert string to float"):
            sess.run(x + 1.0, {x: "text"})
        with pytest.raises(TypeError, match="not compatible with Tensor type"):
            sess.run(n + 1, {n: 2**40})
        with pytest.warns(UserWarning, match="fractions"):
            assert sess.run(n + 1, {n: 1.5}) == 2


def test_feed_of_what_is_no_tensor_of_the_graph() -> None:
    x = tf.placeholder(tf.float32, [])
    with tf.Graph().as_default():
        foreign = tf.placeholder(tf.float32, [])
    with tf.Session() as sess:
        for key in (x.op, foreign, "nothing:0", 3):
            with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
                sess.run(x, {key: 1.0})
        with pytest.raises(TypeError, match=r"The value of a feed cannot be a tf.Tensor object"):
            sess.run(x, {x: x})


def test_fetch_of_what_is_no_tensor_of_the_graph() -> None:
    tf.constant(1.0)
    with tf.Graph().as_default():
        foreign = tf.constant(1.0)
    with tf.Session() as sess:
        with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
            sess.run(foreign)
        with pytest.raises(TypeError, match="has invalid type"):
            sess.run(3)
        with pytest.raises(TypeError):
            sess.run(None)
        with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
            sess.run("nothing:0")


def test_closed_session_and_finalized_graph(graph: tf.Graph) -> None:
    x = tf.constant(1.0)
    sess = tf.Session()
    sess.close()
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        sess.run(x)
    graph.finalize()
    with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified"):
        tf.constant(2.0)


def test_empty_graph() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        with pytest.raises(RuntimeError, match="The Session graph is empty"):
            sess.run([])


def test_placeholder_not_fed_names_it_and_the_line() -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="images")
    with tf.Session() as sess, pytest.raises(errors.InvalidArgumentError) as info:
        sess.run(x * 2.0)
    assert "You must feed a value for placeholder tensor 'images' with dtype float" in str(
        info.value
    )
    assert "test_session.py" in str(info.value)


def test_memory_that_cannot_be_had() -> None:
    n = tf.placeholder(tf.int32, [])
    with tf.Session() as sess:
        with pytest.raises(errors.ResourceExhaustedError):
            sess.run(tf.ones([2**20, 2**22]) * 2.0)
        with pytest.raises((errors.InvalidArgumentError, ValueError)):
            sess.run(tf.zeros(tf.stack([n, 2])), {n: -1})
        assert sess.run(tf.constant(1.0) + 1.0) == 2


def test_zero_sizes() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    empty = np.zeros((0, 3), np.float32)
    with tf.Session() as sess, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(sess.run(tf.reduce_mean(x), {x: empty}))
        assert sess.run(tf.reduce_max(x), {x: empty}) == -np.inf
        assert sess.run(tf.reduce_sum(x, 0), {x: empty}).tolist() == [0, 0, 0]
        with pytest.raises(errors.InvalidArgumentError):
            sess.run(tf.argmax(x, 0), {x: empty})


def test_not_a_number() -> None:
    x = tf.placeholder(tf.float32, [])
    with tf.Session() as sess:
        assert np.isnan(sess.run(tf.log(x), {x: -1.0}))
        assert sess.run(tf.cast(x, tf.int32), {x: np.nan}) == np.iinfo(np.int32).min
        with pytest.raises(errors.InvalidArgumentError, match="Tensor had NaN"):
            sess.run(tf.check_numerics(x, "weights"), {x: np.nan})


def test_integer_division() -> None:
    a, b = tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32, [2])
    with tf.Session() as sess:
        for op in (a // b, a % b):
            with pytest.raises(errors.InvalidArgumentError, match=r"[Dd]ivision by zero"):
                sess.run(op, {a: [1, 2], b: [1, 0]})
        low = np.iinfo(np.int32).min
        assert sess.run(a // b, {a: [low, 7], b: [-1, -2]}).tolist() == [low, -4]


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"[Dd]imensions must be equal"):
        tf.ones([2, 3]) + tf.ones([4, 3])
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    with (
        tf.Session() as sess,
        pytest.raises(errors.InvalidArgumentError, match="Incompatible shapes"),
    ):
        sess.run(x + y, {x: np.ones(3), y: np.ones(4)})


def test_a_failed_run_leaves_the_variables_alone() -> None:
    v = tf.Variable([1.0, 2.0])
    d = tf.placeholder(tf.int32, [])
    bad = tf.cast(tf.constant(4) // d, tf.float32)
    update = tf.assign_add(v, [1.0, 1.0])
    with tf.Session() as sess:
        sess.run(v.initializer)
        with pytest.raises(errors.InvalidArgumentError):
            sess.run([update, bad], {d: 0})
        assert sess.run(v).tolist() == [1, 2]
        sess.run([update, bad], {d: 2})
        assert sess.run(v).tolist() == [2, 3]


def test_a_python_function_that_fails() -> None:
    def fail(x):
        raise KeyError("in the user's function")

    v = tf.Variable(1.0)
    y = tf.py_func(fail, [tf.constant(1.0)], tf.float32)
    with tf.Session() as sess:
        sess.run(v.initializer)
        with pytest.raises(Exception, match="in the user's function"):
            sess.run([y, tf.assign(v, 2.0)])
        assert sess.run(v) == 1


# ---- several at once


def test_concurrent_runs() -> None:
    x = tf.placeholder(tf.float32, [1000])
    y = tf.reduce_sum(tf.tanh(x) * 2.0)
    wrong: list[float] = []
    with tf.Session() as sess:
        expected = {k: sess.run(y, {x: np.full(1000, k, np.float32)}) for k in range(4)}

        def work(k: int) -> None:
            feed = {x: np.full(1000, k, np.float32)}
            for _ in range(200):
                if sess.run(y, feed) != expected[k]:
                    wrong.append(k)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_fork_after_compilation() -> None:
    x = tf.placeholder(tf.float32, [1 << 20])
    y = tf.reduce_sum(tf.exp(x))
    feed = {x: np.zeros(1 << 20, np.float32)}
    with tf.Session() as sess:
        assert sess.run(y, feed) == 1 << 20
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of threads in a process that forks
            child = os.fork()
        if child == 0:
            os._exit(0 if sess.run(y, feed) == 1 << 20 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_config() -> None:
    x = tf.placeholder(tf.float32, [4])
    options = tf.GraphOptions(
        optimizer_options=tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    )
    config = tf.ConfigProto(intra_op_parallelism_threads=1, graph_options=options)
    config.gpu_options.allow_growth = True
    with tf.Session(config=config) as sess:
        assert sess.run(tf.reduce_sum(x * 2.0 + 1.0), {x: np.ones(4)}) == 12
    with pytest.raises(AttributeError):
        config.no_such_option = 1


def test_run_metadata() -> None:
    x = tf.placeholder(tf.float32, [100])
    y = tf.reduce_sum(tf.exp(x))
    with tf.Session() as sess:
        metadata = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        value = sess.run(y, {x: np.zeros(100)}, options, metadata)
    assert value == 100
    stats = [s for d in metadata.step_stats.dev_stats for s in d.node_stats]
    assert y.op.name in [s.node_name for s in stats]  # TensorBoard finds its node by that
    assert any("exp" in s.timeline_label for s in stats)
    assert metadata.peak_bytes > 0
    exponentials = next(s for s in stats if "exp" in s.timeline_label)
    assert exponentials.output
    for s in stats:
        assert sum(m.live_bytes for m in s.memory) <= sum(m.total_bytes for m in s.memory)
    stored = message("RunMetadata").FromString(metadata.SerializeToString())
    assert [s.node_name for s in stored.step_stats.dev_stats[0].node_stats] == [
        s.node_name for s in stats
    ]


def test_run_metadata_has_all_parts_of_a_run() -> None:
    x = tf.placeholder(tf.float32, [8, 8], name="x")
    first = tf.matmul(x, x, name="first")
    size = tf.cast(tf.reduce_sum(tf.py_func(lambda v: v[:1], [first], tf.float32)), tf.int32)
    second = tf.reduce_sum(tf.exp(x[0, 0] * tf.ones(tf.reshape(size, [1]))), name="second")
    metadata = tf.RunMetadata()
    with tf.Session() as sess:
        for _ in range(2):  # what the first run left is taken out
            sess.run(second, {x: 2 * np.eye(8)}, tf.RunOptions(trace_level=3), metadata)
    names = [n.node_name for n in metadata.step_stats.dev_stats[0].node_stats]
    assert names.count("first") == 1
    labels = [n.timeline_label for n in metadata.step_stats.dev_stats[0].node_stats]
    assert any("exp" in label for label in labels)


def test_run_metadata_tells_what_is_stored_and_how_much_memory_is_in_use() -> None:
    x = tf.placeholder(tf.float32, [32, 16], name="x")
    y = tf.nn.relu(tf.matmul(x, tf.Variable(tf.ones([16, 8]))), name="y")
    z = tf.matmul(y, tf.ones([8, 8]), name="z")
    metadata = tf.RunMetadata()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(z, {x: np.ones([32, 16])}, tf.RunOptions(trace_level=3), metadata)
    stats = [s for d in metadata.step_stats.dev_stats for s in d.node_stats]
    assert [s.node_name for s in stats].count("y") == 1  # its product has several records
    stored = message("RunMetadata").FromString(metadata.SerializeToString())
    nodes = {n.node_name: n for n in stored.step_stats.dev_stats[0].node_stats}
    (output,) = nodes["y"].output
    tensor = output.tensor_description
    assert (tensor.dtype, [d.size for d in tensor.shape.dim]) == (1, [32, 8])
    assert tensor.allocation_description.requested_bytes == 32 * 8 * 4
    (used,) = nodes["y"].memory
    assert used.live_bytes == 32 * 8 * 4 <= used.total_bytes
    assert used.allocator_bytes_in_use >= 32 * 8 * 4


def test_function_of_theano() -> None:
    x = tf.placeholder(tf.float32, [None])
    w = tf.Variable(2.0)
    step = tf.function([x], [tf.reduce_sum(x) * w], updates=[(w, w + 1.0)])
    assert step([1.0, 2.0]) == [6.0]
    assert step(np.ones(3, np.float32)) == [9.0]
    given = tf.function([], x * 2.0, givens={x: tf.constant([1.0, 2.0])})
    assert given().tolist() == [2, 4]
    with pytest.raises(ValueError, match="nothing uses"):
        tf.function([x], w * 2.0)


def test_waiting_for_a_fed_placeholder_waits_for_nothing():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [])
        with tf.control_dependencies([x]):
            y = tf.constant(2.0)
        assert session.run(y, {x: 1.0}) == 2.0


def test_a_function_gives_what_its_variables_were_before_the_updates():
    with tf.Graph().as_default(), tf.Session() as session:
        s = tf.Variable(1.0)
        session.run(s.initializer)
        count = tf.function([], [s, s.value(), s * 2.0], updates=[(s, s + 1.0)])
        assert [float(v) for v in count()] == [1.0, 1.0, 2.0]
        assert [float(v) for v in count()] == [2.0, 2.0, 4.0]
        assert session.run(s) == 3.0


@pytest.mark.parametrize("unread", [False, True])
def test_feeds_in_any_order_and_unread_ones_take_the_native_way(unread):
    with tf.Graph().as_default(), tf.Session() as session:
        xs = [tf.placeholder(tf.float32, [k + 1]) for k in range(4)]
        spare = tf.placeholder(tf.float64, [3])
        y = tf.reduce_sum(xs[3]) - 2 * tf.reduce_sum(xs[0])
        feed = {x: np.full(x.shape, k + 1.0, np.float32) for k, x in enumerate(xs)}
        feed = dict(sorted(feed.items(), key=lambda item: -item[0].op._id))
        if unread:
            feed[spare] = np.zeros(3)
        for _ in range(3):
            assert session.run(y, feed) == 14.0
        assert session._fast
        call = session.make_callable(y, list(feed))
        for _ in range(3):
            assert call(*feed.values()) == 14.0
        if unread:
            with pytest.raises(ValueError, match="Cannot feed value of shape"):
                session.run(y, {**feed, spare: np.zeros(4)})
            assert session.run(y, feed) == 14.0


def test_python_may_end_with_an_open_interactive_session():
    program = "import graphflow as tf; s = tf.InteractiveSession(); tf.constant(1.0).eval()"
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True
    )
    assert ended.stderr == ""


def test_runs_that_call_python_again_and_again() -> None:
    """Each session's own iterator and variables, whichever ran last; feeds of any kind."""
    following = tf.data.Dataset.range(100).make_one_shot_iterator().get_next()
    scale = tf.placeholder(tf.float32, [None])
    total = tf.Variable(0.0)
    fetches = {"next": following, "sum": [tf.assign_add(total, 2 * tf.reduce_sum(scale))]}
    one, other = tf.Session(), tf.Session()
    for session in (one, other):
        session.run(total.initializer)
    turns, expected = {one: 0, other: 0}, {one: 0.0, other: 0.0}
    for k, session in enumerate([one, one, one, other, one, other, other, one]):
        value: object = [np.float32([k, 1]), [k, 1], (float(k), 1)][k % 3]
        found = session.run(fetches, {scale: value})
        expected[session] += 2 * (k + 1)
        assert found == {"next": turns[session], "sum": [expected[session]]}
        turns[session] += 1
    assert one.run(fetches, {scale: [1.0, 0.0, 1.0]})["next"] == turns[one]
    expected[one] += 4
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        one.run(fetches, {scale: 1.0})
    assert one.run(total) == expected[one]


def test_partial_runs() -> None:
    """Feeds and fetches a few at a time; nothing is computed twice. Errors are TensorFlow's."""
    a, b, c = (tf.placeholder(tf.float32, []) for _ in range(3))
    total = a + b
    drawn = tf.random_uniform([], seed=3) + a
    scaled, product = drawn * c, total * c
    v = tf.Variable(1.0)
    raised = tf.assign_add(v, a)
    with tf.Session() as sess:
        sess.run(v.initializer)
        for _ in range(2):
            before = sess.run(v)
            handle = sess.partial_run_setup([total, product, drawn, scaled, raised], [a, b, c])
            assert sess.partial_run(handle, total, feed_dict={a: 1, b: 2}) == 3
            number = sess.partial_run(handle, drawn)
            for wrong, text in (
                ((total,), "The fetch add:0 has already been fetched"),
                (([], {a: 1}), "The feed Placeholder:0 has already been fed"),
                ((scaled,), "Fetch Placeholder_2:0 can't be computed from the feeds"),
                ((b,), "The fetch Placeholder_1:0 was not specified in partial_run_setup"),
            ):
                with pytest.raises(errors.InvalidArgumentError, match=text):
                    sess.partial_run(handle, *wrong)
            assert sess.partial_run(handle, {"v": raised}) == {"v": before + 1}
            found = sess.partial_run(handle, [product, scaled], {c: 10})
            assert found == [30, np.float32(number) * np.float32(10)]
            with pytest.raises(errors.InvalidArgumentError, match="Must run 'setup'"):
                sess.partial_run(handle, product)
            assert sess.run(v) == before + 1
        with pytest.raises(errors.InvalidArgumentError, match="at least one target"):
            sess.partial_run_setup([])


def test_a_tensor_stays_in_a_session_as_long_as_its_handle() -> None:
    with tf.Graph().as_default(), tf.Session() as session, tf.Session() as other:
        with pytest.raises(TypeError, match="must be of type Tensor"):
            tf.get_session_handle(3)
        kept = tf.get_session_handle(tf.constant([1.0, 2.0]))
        assert kept.op.type == "GetSessionHandle"
        handle, number = session.run([kept, tf.constant(3)])
        assert str(handle).startswith("GetSessionHandle;0;/job:localhost")
        assert number == 3
        holder, found = tf.get_session_tensor(handle.handle, tf.float32)
        more = tf.get_session_handle(found + 1)
        for _ in range(3):
            handle = session.run(more, {holder: handle.handle})
        assert handle.eval().tolist() == [4.0, 5.0]
        plain = tf.placeholder(tf.float32)
        assert session.run(plain * 2, {plain: handle}).tolist() == [8.0, 10.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in the session store"):
            other.run(found, {holder: handle.handle})
        text = handle.get_raw_handle()
        del handle
        assert session.run(found, {holder: text}).tolist() == [4.0, 5.0]
        deleted_holder, delete = tf.delete_session_tensor(text)
        session.run(delete, {deleted_holder: text})
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in the session store"):
            session.run(found, {holder: text})
        text = session.run(kept).handle  # the object, and with it the tensor, are gone
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in the session store"):
            session.run(found, {holder: text})
        handle = session.run(kept)
        handle.delete()
        with pytest.raises(TypeError, match="may have already been deleted"):
            handle.eval()


def test_a_temporary_variable_is_what_was_assigned_in_the_run() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        reference = tf.raw_ops.TemporaryVariable(shape=[1, 2], dtype=tf.float32, var_name="a")
        total = tf.assign_add(tf.assign(reference, [[4.0, 5.0]]), [[1.0, 2.0]])
        ended = tf.raw_ops.DestroyTemporaryVariable(ref=total, var_name="a")
        for _ in range(2):
            assert session.run(ended).tolist() == [[5.0, 7.0]]
