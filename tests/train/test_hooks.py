"""Hooks and monitored sessions: as recorded from TensorFlow 1.15.5, and where they refuse."""

from __future__ import annotations

import json
import logging
import pathlib
import re
import sys

import numpy as np
import pytest

import graphflow as tf
from graphflow.train.hook_timers import NeverTriggerTimer

DATA = pathlib.Path(__file__).parent.parent / "data"


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield
    tf.summary.FileWriterCache.clear()


@pytest.fixture
def logged():
    """What goes to TensorFlow's log, with times replaced."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record):
            text = re.sub(r"/sec: [\d.e+]+", "/sec: X", record.getMessage())
            lines.append(re.sub(r"[\d.]+ sec\)", "S sec)", text))

    logger, handler = logging.getLogger("tensorflow"), Keep()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def trained(loss_value=None):
    """A loss, the global step and a training operation."""
    w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    x = tf.placeholder_with_default([1.0, 2.0], [2], name="x")
    loss = tf.reduce_sum((w - x) ** 2, name="loss")
    step = tf.train.get_or_create_global_step()
    return x, loss, step, tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)


def test_training_as_recorded(tmp_path, logged, monkeypatch):
    recorded = json.loads((DATA / "tf115_hooks.json").read_text())
    monkeypatch.setattr(sys, "path", [str(DATA), *sys.path])
    import hook_scenario

    result = hook_scenario.run(tf, str(tmp_path), logged)
    lines = [line.replace(str(tmp_path), "DIR") for line in logged]
    assert lines == recorded["lines"]
    assert result["counts"] == recorded["counts"]
    assert result["files"] == recorded["files"]
    assert result["state"] == recorded["state"]
    # TensorFlow's writer writes the graph's MetaGraph once more when it is opened.
    ours = [e for e in result["events"] if e[1] != "meta_graph_def"]
    assert ours == [e for e in recorded["events"] if e[1] != "meta_graph_def"]


def test_timer():
    timer = tf.train.SecondOrStepTimer(every_steps=3)
    assert timer.should_trigger_for_step(1)
    assert timer.update_last_triggered_step(1) == (None, None)
    assert [timer.should_trigger_for_step(k) for k in (1, 2, 3, 4)] == [False, False, False, True]
    seconds, steps = timer.update_last_triggered_step(4)
    assert steps == 3
    assert seconds >= 0
    assert timer.last_triggered_step() == 4
    assert not tf.train.SecondOrStepTimer(every_secs=100).last_triggered_step()
    assert not NeverTriggerTimer().should_trigger_for_step(0)
    with pytest.raises(ValueError, match="Either every_secs or every_steps"):
        tf.train.SecondOrStepTimer()
    with pytest.raises(ValueError, match="Can not provide both"):
        tf.train.SecondOrStepTimer(1, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tf.train.StopAtStepHook(), "One of num_steps or last_step"),
        (lambda: tf.train.StopAtStepHook(1, 2), "Only one of num_steps or last_step"),
        (lambda: tf.train.LoggingTensorHook(["a"]), "exactly one of every_n_iter"),
        (lambda: tf.train.LoggingTensorHook(["a"], every_n_iter=0), "invalid every_n_iter=0"),
        (lambda: tf.train.StepCounterHook(1, 1), "exactly one of every_n_steps"),
        (lambda: tf.train.SummarySaverHook(1), "Exactly one of scaffold or summary_op"),
        (
            lambda: tf.train.CheckpointSaverHook("d", save_steps=1, saver=1, scaffold=1),
            "You cannot provide both saver and scaffold",
        ),
        (
            lambda: tf.train.SessionManager(ready_for_local_init_op=1),
            "you must also pass a local_init_op",
        ),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_hooks_need_a_global_step():
    with pytest.raises(RuntimeError, match="Global step should be created to use StopAtStepHook"):
        tf.train.StopAtStepHook(1).begin()


def test_nan_loss(logged):
    x, loss, _, train = trained()
    with pytest.raises(tf.train.NanLossDuringTrainingError, match="NaN loss during training"):
        with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss)]) as session:
            session.run(train, {x: [np.nan, 0]})
    with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(loss, False)]) as session:
        session.run(train, {x: [np.nan, 0]})
        assert session.should_stop()
        with pytest.raises(RuntimeError, match="Run called even after should_stop"):
            session.run(train)
    assert logged.count("Model diverged with loss = NaN.") == 2


def test_feeds_of_hooks_and_final_operations():
    x, loss, step, _ = trained()
    final = tf.train.FinalOpsHook({"l": loss, "s": step})
    feed = tf.train.FeedFnHook(lambda: {x: [0.0, 3.0]})
    with tf.train.SingularMonitoredSession(hooks=[feed, final]) as session:
        assert session.run(loss) == 9
        with pytest.raises(RuntimeError, match="Same tensor is fed by a SessionRunHook and user"):
            session.run(loss, {x: [1.0, 1.0]})
        assert session.raw_session().run(loss) == 5
        assert session.graph is tf.get_default_graph()
        assert session.graph.finalized
    assert final.final_ops_values == {"l": 5, "s": 0}
    assert not tf.get_default_graph().finalized
    assert session.graph is None
    with pytest.raises(RuntimeError, match="Same tensor is fed by two hooks"):
        with tf.train.MonitoredSession(hooks=[feed, feed]) as session:
            session.run(loss)


def test_end_of_input_ends_the_loop():
    data = tf.data.Dataset.range(3).make_one_shot_iterator().get_next()
    seen = []
    with tf.train.MonitoredSession() as session:
        while not session.should_stop():
            seen.append(int(session.run(data)))
    assert seen == [0, 1, 2]
    with pytest.raises(ValueError, match="mine"):
        with tf.train.MonitoredSession():
            raise ValueError("mine")


def test_step_function():
    _, _, step, train = trained()

    def function(step_context):
        number = step_context.session.run(step)
        if number == 2:
            step_context.request_stop()
        step_context.run_with_hooks(train)
        return number

    seen = []
    with tf.train.MonitoredSession() as session:
        with pytest.raises(ValueError, match="may either have one `step_context` argument"):
            session.run_step_fn(lambda other: None)
        while not session.should_stop():
            seen.append(session.run_step_fn(function))
    assert seen == [0, 1]


def test_lost_session_is_made_anew(tmp_path):
    _, _, step, train = trained()
    calls = []

    class Lose(tf.train.SessionRunHook):
        def after_create_session(self, session, coord):
            calls.append(int(session.run(step)))

        def before_run(self, run_context):
            if len(calls) == 1 and run_context.session.run(step) == 2:
                raise tf.errors.AbortedError(None, None, "lost")

    hooks = [Lose(), tf.train.StopAtStepHook(last_step=4)]
    with tf.train.MonitoredTrainingSession(
        checkpoint_dir=str(tmp_path), hooks=hooks, save_checkpoint_steps=1
    ) as session:
        while not session.should_stop():
            session.run(train)
    assert calls == [0, 2]
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("model.ckpt-4")


def test_scaffold():
    _, loss, step, _ = trained()
    local = tf.Variable(3, collections=["local_variables"])
    seen = []
    scaffold = tf.train.Scaffold(init_fn=lambda s, session: seen.append(session.run(step)))
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as session:
        assert session.run([local, step]) == [3, 0]
        assert list(session.run(scaffold.ready_op)) == []
    assert seen == [0]
    assert tf.get_collection("savers") == [scaffold.saver]
    copy = tf.train.Scaffold(copy_from_scaffold=scaffold, summary_op=loss)
    assert copy.saver is scaffold.saver
    assert copy.summary_op is loss
    tf.add_to_collection("savers", scaffold.saver)
    with pytest.raises(RuntimeError, match="More than one item in collection savers"):
        tf.train.Scaffold().finalize()


def test_session_manager(tmp_path):
    trained()
    saver = tf.train.Saver()
    manager = tf.train.SessionManager(
        ready_op=tf.report_uninitialized_variables(), recovery_wait_secs=0.01
    )
    with pytest.raises(RuntimeError, match="no init_op or init_fn or local_init_op was given"):
        manager.prepare_session("", saver=saver)
    with pytest.raises(RuntimeError, match="Variables not initialized: w, global_step"):
        manager.prepare_session("", init_op=tf.no_op())
    session = manager.prepare_session("", init_op=tf.global_variables_initializer())
    saver.save(session, str(tmp_path / "m"), global_step=5)
    session, restored = manager.recover_session("", saver, str(tmp_path))
    assert restored
    assert list(session.run("w:0")) == [0, 0]
    session, restored = manager.recover_session("", saver, str(tmp_path / "nothing"))
    assert not restored
    with pytest.raises(tf.errors.DeadlineExceededError, match=r"not ready after waiting 0\.05"):
        manager.wait_for_session("", max_wait_secs=0.05)


def test_logging_hook(logged):
    trained()
    tf.split(tf.zeros([4]), 2, name="two")
    hook = tf.train.LoggingTensorHook(["two"], every_n_iter=1)
    with pytest.raises(ValueError, match="is ambiguous"):
        hook.begin()
    hook = tf.train.LoggingTensorHook(
        {"l": "loss"}, at_end=True, formatter=lambda values: f"it is {values['l']}"
    )
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run("loss:0")
    assert "it is 5.0" in logged


def test_profile(tmp_path):
    *_, train = trained()
    hook = tf.train.ProfilerHook(save_steps=2, output_dir=str(tmp_path))
    stop = tf.train.StopAtStepHook(5)
    with tf.train.MonitoredSession(hooks=[hook, stop]) as session:
        while not session.should_stop():
            session.run(train)
    (first, *_) = sorted(tmp_path.iterdir())
    assert first.name == "timeline-2.json"
    assert any(event["ph"] == "X" for event in json.loads(first.read_text())["traceEvents"])
