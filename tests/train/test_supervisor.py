"""Supervisors, clusters of one task, and optimizers that collect gradients."""

from __future__ import annotations

import time

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def trained():
    w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    loss = tf.reduce_sum((w - [1.0, 2.0]) ** 2)
    tf.summary.scalar("cost", loss)
    step = tf.train.get_or_create_global_step()
    return step, tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)


def test_supervisor(tmp_path):
    step, train = trained()
    supervisor = tf.train.Supervisor(
        logdir=str(tmp_path), save_summaries_secs=0.02, save_model_secs=0.02
    )
    assert tf.get_default_graph().finalized
    with supervisor.managed_session() as session:
        while not supervisor.should_stop():
            if session.run([train, step])[1] >= 5:
                time.sleep(0.1)
                supervisor.request_stop()
    names = {path.name for path in tmp_path.iterdir()}
    assert {"graph.pbtxt", "checkpoint"} <= names
    (events,) = (name for name in names if name.startswith("events"))
    found = list(tf.train.summary_iterator(str(tmp_path / events)))
    tags = {value.tag for event in found for value in event.summary.value}
    assert tags == {"cost", "global_step/sec"}
    assert [e.session_log.status for e in found if e.HasField("session_log")][:1] == [1]
    with supervisor.managed_session(start_standard_services=False) as session:  # restored
        assert session.run(step) > 0


def test_supervisor_raises_what_failed():
    trained()
    supervisor = tf.train.Supervisor()
    with pytest.raises(ValueError, match="mine"):
        with supervisor.managed_session():
            raise ValueError("mine")
    with supervisor.managed_session():
        raise tf.errors.OutOfRangeError(None, None, "the end of the input is no failure")
    assert supervisor.should_stop()
    calls = []

    def failing():
        calls.append(1)
        raise KeyError("in a thread")

    def looping():
        with supervisor.managed_session():
            supervisor.loop(0.01, failing)
            supervisor.wait_for_stop()

    with pytest.raises(KeyError, match="in a thread"):
        looping()
    assert calls == [1]


def test_basic_train_loop():
    step, train = trained()
    supervisor = tf.train.Supervisor(logdir=None)

    def once(session, last, flag):
        assert flag
        session.run(train)
        if session.run(step) == last:
            supervisor.request_stop()

    tf.train.basic_train_loop(supervisor, once, args=[3], kwargs={"flag": True})


def test_worker_needs_devices():
    trained()
    with pytest.raises(ValueError, match="all Variables must have their device set"):
        tf.train.Supervisor(is_chief=False)


def test_summaries_need_a_writer():
    trained()
    supervisor = tf.train.Supervisor()
    with pytest.raises(RuntimeError, match="requires a summary writer"):
        supervisor.summary_computed(None, b"")


# ---- clusters


def test_cluster_spec():
    spec = tf.train.ClusterSpec({"ps": ["a:1"], "worker": {1: "b:1", 3: b"c:1"}})
    assert spec.as_dict() == {"ps": ["a:1"], "worker": {1: "b:1", 3: "c:1"}}
    assert spec.job_tasks("worker") == [None, "b:1", None, "c:1"]
    assert spec.task_indices("worker") == [1, 3]
    assert spec.num_tasks("ps") == 1
    assert tf.train.ClusterSpec(spec.as_cluster_def()) == spec == tf.train.ClusterSpec(spec)
    assert str(tf.train.ClusterSpec({"ps": ["a:1"]})) == "ClusterSpec({'ps': ['a:1']})"
    with pytest.raises(ValueError, match="No such job in cluster: 'x'"):
        spec.num_tasks("x")
    with pytest.raises(ValueError, match="No task with index 2 in job 'worker'"):
        spec.task_address("worker", 2)
    with pytest.raises(TypeError, match="must be a list or a dictionary"):
        tf.train.ClusterSpec({"ps": "a:1"})
    with pytest.raises(TypeError, match="`cluster` must be a dictionary"):
        tf.train.ClusterSpec(["a:1"])


def test_server_in_this_process():
    server = tf.train.Server.create_local_server()
    assert server.target.startswith("grpc://localhost:")
    with tf.Session(server.target) as session:
        assert session.run(tf.constant(3)) == 3
    assert server.server_def.job_name == "local"
    assert server.server_def.task_index == 0
    three = tf.constant(3)
    with tf.train.MonitoredTrainingSession(master=server.target) as monitored:
        assert monitored.run(three) == 3


def test_other_processes_are_refused():
    tf.no_op()
    with pytest.raises(tf.errors.UnavailableError, match="expected a target in this process"):
        tf.Session("grpc://elsewhere:2222")
    with pytest.raises(tf.errors.NotFoundError, match="No session factory registered"):
        tf.Session("nonsense")
    cluster = {"ps": ["a:1"], "worker": ["b:1"]}
    with pytest.raises(tf.errors.UnimplementedError, match="cluster of one task, got 2 tasks"):
        tf.train.Server(cluster, job_name="ps", task_index=0)
    with pytest.raises(ValueError, match="Must specify an explicit `job_name`"):
        tf.train.Server(cluster)
    with pytest.raises(TypeError, match="Could not convert `server_or_cluster_def`"):
        tf.train.Server(3)


def test_replica_devices():
    setter = tf.train.replica_device_setter(cluster={"ps": ["a:1", "b:1"], "worker": ["c:1"]})
    with tf.device(setter):
        first, second = tf.Variable(1.0, name="v"), tf.Variable(2.0, name="w")
        with tf.device("/gpu:0"):
            total = first + second
    assert first.device == "/job:ps/task:0"
    assert second.device == "/job:ps/task:1"
    assert total.device == "/job:worker/device:GPU:0"
    assert tf.train.replica_device_setter(0) is None
    assert tf.train.replica_device_setter(cluster={"worker": ["c:1"]}) is None
    with pytest.raises(TypeError, match="ps_strategy must be callable"):
        tf.train.replica_device_setter(1, ps_strategy=3)


# ---- gradients of several steps


@pytest.mark.parametrize("count", [1, 3])
def test_sync_replicas(count):
    w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
    x = tf.placeholder(tf.float32, [2])
    loss = tf.reduce_sum(w * x)
    step = tf.train.get_or_create_global_step()
    optimizer = tf.train.SyncReplicasOptimizer(
        tf.train.MomentumOptimizer(1.0, 0.0), replicas_to_aggregate=count, total_num_replicas=1
    )
    with pytest.raises(ValueError, match="should be called after apply_gradients"):
        optimizer.get_chief_queue_runner()
    train = optimizer.minimize(loss, global_step=step)
    feeds = np.arange(12, dtype=np.float32).reshape(6, 2)
    hook = optimizer.make_session_run_hook(is_chief=True)
    with tf.train.MonitoredTrainingSession(hooks=[hook]) as session:
        for row in feeds:
            session.run(train, {x: row})
        assert session.run(step) == 6 // count
        np.testing.assert_allclose(session.run(w), -feeds.sum(0) / count, rtol=1e-6)
    assert optimizer.get_slot_names() == ["momentum"]
