"""Checkpoints of objects: TensorFlow's format, written and read, by `Checkpoint` and by `Saver`."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest

import graphflow as tf

DATA = pathlib.Path(__file__).parent.parent / "data"


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def made():
    """The program that made ``data/objects`` with TensorFlow 1.15.5, before its first step."""
    dense = tf.layers.Dense(4, name="d")
    y = dense(tf.ones((2, 3)))
    w = tf.Variable([1.0, 2.0], name="w")
    v = tf.get_variable("sc/v", [2], initializer=tf.ones_initializer())
    optimizer = tf.train.AdamOptimizer(0.1)
    step = tf.train.get_or_create_global_step()
    op = optimizer.minimize(tf.reduce_sum(y * y) + tf.reduce_sum(w * w * v), global_step=step)
    checkpoint = tf.train.Checkpoint(opt=optimizer, dense=dense, w=w, step=step)
    checkpoint.lst = [v]
    return checkpoint, op


def test_what_tensorflow_wrote_is_read():
    checkpoint, _ = made()
    with tf.Session() as session:
        status = checkpoint.restore(str(DATA / "objects"))
        status.assert_consumed().initialize_or_restore(session)
        slot = checkpoint.opt.get_slot(checkpoint.w, "m")
        found = session.run([checkpoint.w, checkpoint.lst[0], slot, checkpoint.step])
        np.testing.assert_allclose(found[0], [0.6101341, 1.6066089], rtol=1e-6)
        np.testing.assert_allclose(found[1], [0.61013424, 0.6035688], rtol=1e-6)
        np.testing.assert_allclose(found[2], [0.49170136, 1.0669361], rtol=1e-6)
        assert found[3] == 4
        assert session.run(checkpoint.save_counter) == 4


def test_keys_are_those_of_tensorflow(tmp_path):
    checkpoint, op = made()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(op)
        path = checkpoint.save(str(tmp_path / "c"))
    assert path == str(tmp_path / "c-1")
    assert tf.train.latest_checkpoint(str(tmp_path)) == path
    theirs = dict(tf.train.list_variables(str(DATA / "objects")))
    assert dict(tf.train.list_variables(path)) == theirs


def test_a_saver_reads_objects_by_their_full_names():
    checkpoint, _ = made()
    with tf.Session() as session:
        tf.train.Saver([checkpoint.w]).restore(session, str(DATA / "objects"))
        np.testing.assert_allclose(session.run(checkpoint.w), [0.6101341, 1.6066089], rtol=1e-6)


def test_a_checkpoint_reads_what_a_saver_wrote(tmp_path):
    v = tf.Variable([3.0], name="v")
    with tf.Session() as session:
        session.run(v.initializer)
        path = tf.train.Saver([v]).save(session, str(tmp_path / "s"))
        session.run(v.assign([0.0]))
        tf.train.Checkpoint(other=v).restore(path).run_restore_ops()
        assert session.run(v) == [3.0]


def test_variables_made_after_restore_are_restored():
    checkpoint = tf.train.Checkpoint()
    status = checkpoint.restore(str(DATA / "objects"))
    checkpoint.w = tf.Variable([0.0, 0.0])
    with tf.Session() as session:
        status.initialize_or_restore(session)
        np.testing.assert_allclose(session.run(checkpoint.w), [0.6101341, 1.6066089], rtol=1e-6)
    with pytest.raises(AssertionError, match=r"got none for .*dense/kernel"):
        status.assert_consumed()


def test_without_a_checkpoint_variables_are_initialised():
    checkpoint = tf.train.Checkpoint(v=tf.Variable(5.0))
    with tf.Session() as session:
        checkpoint.restore(None).initialize_or_restore(session)
        assert session.run(checkpoint.v) == 5.0


def test_a_value_of_another_shape_changes_nothing(tmp_path):
    v = tf.Variable([1.0, 2.0, 3.0])
    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(ValueError, match=r"got one of shape \(2,\)"):
            tf.train.Checkpoint(w=v).restore(str(DATA / "objects")).run_restore_ops()
        assert session.run(v).tolist() == [1.0, 2.0, 3.0]


def test_missing_files_and_odd_objects_are_refused():
    with pytest.raises(tf.errors.NotFoundError, match="no/such"):
        tf.train.Checkpoint().restore("no/such")
    with pytest.raises(ValueError, match="was expecting a trackable object"):
        tf.train.Checkpoint(x=3)
    with pytest.raises(RuntimeError, match="default session"):
        tf.train.Checkpoint(x=tf.Variable(1.0)).save("x")


def test_a_manager_keeps_the_last(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=2)
    with tf.Session() as session:
        session.run(checkpoint.v.initializer)
        paths = [manager.save() for _ in range(4)]
    assert manager.checkpoints == paths[2:]
    assert manager.latest_checkpoint == str(tmp_path / "ckpt-4")
    assert not os.path.exists(paths[0] + ".index")
    again = tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=2)
    assert again.checkpoints == paths[2:]
    with pytest.raises(ValueError, match="max_to_keep"):
        tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=0)
