"""What makes NaNs and infinities, and what tensors hold at each run."""

import numpy as np
import pytest

import graphflow as tf
from graphflow.graph.graph import Graph
from graphflow.runtime.inspectors import inspecting
from graphflow.runtime.nan_search import NanSearch
from graphflow.runtime.statistics import count_not_finite, statistics_text
from graphflow.runtime.watching import Watcher
from graphflow.train.debug_sessions import (
    LocalCLIDebugHook,
    LocalCLIDebugWrapperSession,
    has_inf_or_nan,
)


@pytest.fixture
def search():
    with Graph().as_default(), inspecting(NanSearch(stops=False)) as found:
        yield found


def found_by(search, fetches, feeds=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(fetches, feeds)
    return search.findings


def test_the_first_operation_with_its_operands_and_path(search):
    x = tf.placeholder(tf.float32, [3], name="x")
    y = tf.log(x * 2.0, name="logarithm")
    loss = tf.reduce_mean(tf.sqrt(y, name="root"), name="loss")
    (finding,) = found_by(search, loss, {x: [1.0, 0.0, 2.0]})
    assert finding.operation == "logarithm"
    assert (finding.nans, finding.infinities) == (0, 1)
    assert "test_debugging_of_runs.py" in finding.line
    assert finding.path[0] == "logarithm"
    assert finding.path[-1] == "loss:0"
    text = str(finding)
    assert "made 1 infinite out of finite values" in text
    assert "operand mul: float32[3] mean 2, deviation 1.633, from 0 to 4" in text


def test_a_search_that_stops_ends_the_script():
    with Graph().as_default(), inspecting(NanSearch()) as search:
        y = tf.log(tf.Variable(-1.0))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            with pytest.raises(SystemExit):
                session.run(y)
    assert search.findings[0].run == 2


def test_a_variable_is_the_end_of_the_path(search):
    w = tf.Variable([1.0, 0.0], name="w")
    (finding,) = found_by(search, w.assign(tf.divide(1.0, w, name="inverse")).op)
    assert finding.operation == "inverse"
    assert finding.path[-1] == "variable w"


def test_inside_a_loop(search):
    _, y = tf.while_loop(
        lambda i, a: i < 5, lambda i, a: (i + 1, tf.log(a, name="inner") - 1.0),
        [0, tf.Variable(3.0)], name="loop",
    )  # fmt: skip
    (finding,) = found_by(search, tf.identity(y, name="end"))
    assert finding.operation == "loop/inner"
    assert finding.path[-1] == "end:0"


def test_nan_of_infinities_and_of_constants_and_feeds(search):
    x = tf.placeholder(tf.float32, [2], name="x")
    found_by(search, tf.subtract(x, tf.reverse(x, [0]), name="difference"), {x: [np.inf, np.inf]})
    assert search.findings[0].operation == "difference"
    assert "out of infinite values" in str(search.findings[0])
    found_by(search, tf.identity(x * 2.0), {x: [np.nan, 1]})
    assert str(search.findings[1]).startswith("run 4: x (feed) holds 1 NaN")


def test_what_is_finite_is_no_finding(search):
    x = tf.placeholder(tf.float32, [2])
    z = tf.exp(x) / tf.reduce_sum(tf.exp(x))  # the compiler's form of it does not overflow
    assert found_by(search, [z, tf.random_normal([3])], {x: [1000.0, 1.0]}) == []
    assert search.runs == 2


def test_runs_that_read_data_sets_or_call_python_are_looked_at(search):
    elements = tf.data.Dataset.from_tensor_slices(np.array([4.0, -1.0], np.float32))
    x = elements.make_one_shot_iterator().get_next()
    calls = []

    def counted(v):
        calls.append(float(v))
        return v

    y = tf.sqrt(tf.py_func(counted, [x], tf.float32), name="root")
    with tf.Session() as session:
        session.run(y)
        assert not search.findings
        session.run(y)
    assert calls == [4.0, -1.0]
    (finding,) = search.findings
    assert (finding.operation, finding.run) == ("root", search.runs)
    assert search.skipped == 0


def test_calls_of_python_in_loops_are_taken_round_by_round(search):
    def step(i, v):
        return [i + 1, tf.log(tf.reshape(tf.py_func(lambda a: a - 1.0, [v], tf.float32), []))]

    loop = tf.while_loop(lambda i, v: i < 3, step, [0, tf.constant(20.0)], name="loop")
    with tf.Session() as session:
        session.run(loop)
    assert search.findings[0].operation == "loop/Log"


def test_watching_prints_every_run(capsys):
    with Graph().as_default(), inspecting(Watcher(["w", "y:0", "nothing"])) as watcher:
        w = tf.Variable([1.0, 3.0], name="w")
        y = tf.multiply(w, 2.0, name="y")
        step = w.assign_add(y)
        with tf.Session() as session:
            session.run(w.initializer)
            session.run(step)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "run 1: w becomes: float32[2] mean 2, deviation 1, from 1 to 3",
        "run 2: w: float32[2] mean 2, deviation 1, from 1 to 3",
        "run 2: y:0: float32[2] mean 4, deviation 2, from 2 to 6",
        "run 2: w becomes: float32[2] mean 6, deviation 3, from 3 to 9",
    ]
    assert watcher.seen == {"w", "y:0"}
    assert {"w", "y"} <= watcher.known


def test_statistics_of_all_kinds():
    assert count_not_finite(np.array([np.nan, np.inf, 1])) == (1, 1)
    assert statistics_text(np.array([np.nan, np.inf], np.float32)) == "1 NaN, 1 infinite"
    assert statistics_text(np.array(2.5)) == "2.5"
    assert statistics_text(np.array([], np.float32)) == ""
    assert statistics_text(np.array(["a"], object)) == ""
    assert statistics_text(np.array([True, False])).startswith("mean 0.5")
    assert statistics_text(np.array([3 + 4j, 0])).endswith("largest 5")


def test_sessions_of_the_debugger_report_and_go_on(capsys):
    assert has_inf_or_nan(None, np.array([np.nan]))
    assert not has_inf_or_nan(None, np.array(["text"], object))
    with Graph().as_default():
        x = tf.placeholder(tf.float32, [])
        y = tf.log(x, name="bad")
        plain = tf.Session()
        plain.run(y, {x: 1.0})
        session = LocalCLIDebugWrapperSession(plain)
        session.add_tensor_filter("has_inf_or_nan", has_inf_or_nan)
        with session:
            assert session.run(y, {x: 1.0}) == 0
            assert np.isnan(session.run(y, {x: -1.0}))
            assert np.isnan(session.run(y, feed_dict={x: -1.0}))
    assert capsys.readouterr().err.count("bad (log) made 1 NaN") == 1
    with pytest.raises(ValueError, match="cannot be empty"):
        session.add_tensor_filter("", has_inf_or_nan)
    with pytest.raises(TypeError, match="callable"):
        session.add_tensor_filter("a", 1)


def test_the_debuggers_hook(capsys):
    with Graph().as_default():
        y = tf.log(tf.Variable(-1.0), name="bad")
        hook = LocalCLIDebugHook()
        hook.add_tensor_filter("has_inf_or_nan", has_inf_or_nan)
        with tf.train.MonitoredSession(hooks=[hook]) as session:
            assert np.isnan(session.run(y))
    assert "bad (log) made 1 NaN" in capsys.readouterr().err


def test_add_check_numerics_ops():
    with Graph().as_default():
        x = tf.placeholder(tf.float32, [])
        tf.log(x, name="bad")
        check = tf.add_check_numerics_ops()
        with tf.Session() as session:
            session.run(check, {x: 1.0})
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"bad:0"):
                session.run(check, {x: -1.0})
        tf.cond(x > 0, lambda: x * 2.0, lambda: x)
        with pytest.raises(ValueError, match="not compatible with TensorFlow control flow"):
            tf.add_check_numerics_ops()
