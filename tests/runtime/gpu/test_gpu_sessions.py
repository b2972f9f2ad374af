"""Whole sessions on a GPU that is none give what the processor gives."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from gpu_programs import PROGRAMS, mlp_adam, numbers

import graphflow as tf
from graphflow.runtime.gpu.placement import HOST
from graphflow.runtime.gpu.selection import using_driver
from graphflow.runtime.gpu.stand_in import StandIn

RUNS = 3  # one by one, captured, replayed


def results_of(build, config=None):
    """What some runs give, and the variables after them."""
    with tf.Graph().as_default():
        tf.set_random_seed(5)
        fetches, feeds = build()
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            found = [session.run(fetches, feeds) for _ in range(RUNS)]
            return found, session.run(tf.global_variables())


def flat(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from flat(value)
        elif value is not None:
            yield np.asarray(value)


def assert_same(found, wanted):
    for mine, theirs in zip(flat(found), flat(wanted), strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-5)
        else:
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_gpu_gives_what_the_processor_gives(name):
    wanted = results_of(PROGRAMS[name], tf.ConfigProto(device_count={"GPU": 0}))
    driver = StandIn()
    with using_driver(driver):
        found = results_of(PROGRAMS[name])
    assert_same(found, wanted)
    if name != "assignments":
        assert driver.calls["launch"] > 0 or name == "nothing_there"


def test_the_same_bits_every_time(driver):
    first, second = results_of(mlp_adam), results_of(mlp_adam)
    for mine, theirs in zip(flat(first), flat(second), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_a_step_is_one_launch_from_the_third_run_on(driver):
    x = tf.placeholder(tf.float32, [4, 40])
    v = tf.Variable(numbers(40, 33))
    loss = tf.reduce_mean(tf.nn.softmax(tf.matmul(x, v))[:, 0])
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            session.run([loss, step], {x: numbers(4, 40)})
        before = dict(driver.calls)
        for _ in range(3):
            session.run([loss, step], {x: numbers(4, 40)})
        more = {k: n - before.get(k, 0) for k, n in driver.calls.items() if n != before.get(k, 0)}
    assert more["replay"] == 3
    assert more["wait"] == 3
    assert "launch" not in more
    assert "copy_to_gpu" not in more


def test_other_sizes_take_a_larger_arena(driver):
    x = tf.placeholder(tf.float32, [None, 40])
    y = tf.nn.softmax(x * 2)
    with tf.Session() as session:
        for rows in (3, 9, 200, 9, 3, 3, 200, 200):
            value = numbers(rows, 40)
            wide = np.exp(2 * value.astype(np.float64))
            wanted = wide / wide.sum(1, keepdims=True)
            np.testing.assert_allclose(session.run(y, {x: value}), wanted, rtol=1e-5)


def test_variables_stay_on_the_gpu_until_they_are_asked_for(driver):
    v = tf.Variable(numbers(50))
    step = tf.assign(v, tf.exp(-v))
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(step.op)
        copies = driver.calls["copy_to_host"]
        session.run(step.op)
        session.run(step.op)
        assert driver.calls["copy_to_host"] == copies
        assert session._engine.store.get("Variable").shape == (50,)
        assert driver.calls["copy_to_host"] == copies + 1
        session._engine.store.get("Variable")
        assert driver.calls["copy_to_host"] == copies + 1


def test_a_checkpoint_has_the_newest_values(driver, tmp_path):
    v = tf.Variable(numbers(50))
    step = tf.assign(v, tf.exp(-v))
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(step.op)
        path = saver.save(session, str(tmp_path / "model"))
        wanted = session.run(v)
        session.run(step.op)
        saver.restore(session, path)
        np.testing.assert_array_equal(session.run(v + 0), wanted)
    np.testing.assert_allclose(wanted, np.exp(-numbers(50)), rtol=1e-6)


def test_a_failed_check_leaves_variables_alone(driver):
    v = tf.Variable(numbers(50))
    x = tf.placeholder(tf.float32, [50])
    checked = tf.Assert(tf.reduce_sum(tf.exp(x)) > 0.5, [tf.reduce_sum(tf.exp(x))])
    with tf.control_dependencies([checked]):
        step = tf.assign(v, v * x)
    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
            session.run(step, {x: np.full(50, -90, np.float32)})
        np.testing.assert_array_equal(session.run(v), numbers(50))
        session.run(step, {x: np.full(50, 2, np.float32)})
        np.testing.assert_array_equal(session.run(v), 2 * numbers(50))


def test_an_index_out_of_range_is_an_error_before_any_kernel_reads_there(driver):
    ids = tf.placeholder(tf.int32, [3])
    rows = tf.gather(tf.Variable(numbers(4, 40)), ids) * 2
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"7 is not in \[0, 4\)"):
            session.run(rows, {ids: [0, 7, 1]})
        assert session.run(rows, {ids: [0, 3, 1]}).shape == (3, 40)


def test_too_little_memory_names_the_largest_buffers():
    x = tf.placeholder(tf.float32, [None, 1000], name="x")
    y = tf.transpose(tf.exp(x)) + 1
    with using_driver(StandIn(memory_bytes=200_000)), tf.Session() as session:
        small = session.run(y, {x: numbers(3, 1000)})
        with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
            session.run(y, {x: numbers(90, 1000)})
        assert "its largest buffers" in str(caught.value)
        assert "360000 bytes: " in str(caught.value)
        np.testing.assert_array_equal(session.run(y, {x: numbers(3, 1000)}), small)


def test_a_share_of_the_memory_is_a_limit():
    options = tf.GPUOptions(per_process_gpu_memory_fraction=0.1, allow_growth=True)
    x = tf.placeholder(tf.float32, [1000])
    with using_driver(StandIn(memory_bytes=10_000)):
        with tf.Session(config=tf.ConfigProto(gpu_options=options)) as session:
            with pytest.raises(tf.errors.ResourceExhaustedError):
                session.run(tf.exp(x), {x: numbers(1000)})
        with tf.Session() as session:
            session.run(tf.exp(x), {x: numbers(1000)})


@pytest.mark.parametrize("runs", [0, 3])
def test_a_fault_is_told_with_the_operation_and_its_line(runs):
    x = tf.placeholder(tf.float32, [3, 40])
    bad = tf.nn.softmax(tf.matmul(x, tf.ones([40, 50])), name="bad_one")
    driver = StandIn()
    with using_driver(driver), tf.Session() as session:
        for _ in range(runs):
            session.run(bad, {x: numbers(3, 40)})
        driver.fault = "exp"
        with pytest.raises(tf.errors.InternalError) as caught:
            session.run(bad, {x: numbers(3, 40)})
        message = str(caught.value)
        assert "CUDA_ERROR_ILLEGAL_ADDRESS" in message
        assert "bad_one" in message
        assert "test_gpu_sessions.py" in message
        assert ("one of these" in message) == (runs > 0)
        with pytest.raises(tf.errors.InternalError, match="failed in an earlier run"):
            session.run(bad, {x: numbers(3, 40)})


def placement_of(session):
    """The newest plan, as text."""
    *_, plan = session._engine.plans.values()
    return plan.latest.run.plan.placement


def test_copies_are_few_and_late(driver):
    x = tf.placeholder(tf.float32, [6, 6], name="x")
    y = tf.exp(x)
    both = tf.matmul(tf.linalg.inv(y), y) + tf.linalg.inv(y + 1)
    with tf.Session() as session:
        session.run(both, {x: numbers(6, 6)})
        placed = placement_of(session)
    text = [str(step) for step in placed.steps]
    assert text[0] == "copy %x host->gpu:0"
    assert sum("host->gpu" in line for line in text) == 3  # x and both inverses
    assert sum("gpu:0->host" in line for line in text) == 3  # y, y + 1, the result


def test_what_is_placed_on_the_processor_stays_there(driver):
    x = tf.placeholder(tf.float32, [50], name="x")
    with tf.device("/cpu:0"):
        y = tf.exp(x)
    with tf.device("/gpu:0"):
        z = tf.sin(tf.reduce_sum(y)) + tf.reverse(y, [0])
    with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as session:
        session.run([y, z], {x: numbers(50)})
        kinds = [step.kind for step in placement_of(session).steps]
    assert kinds[0] == "host"
    assert "launch" in kinds


def test_a_session_without_gpus_uses_none(driver):
    with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
        assert session.run(tf.exp(tf.ones(40)) + 1).shape == (40,)
    options = tf.GPUOptions(visible_device_list="7")
    with tf.Session(config=tf.ConfigProto(gpu_options=options)) as session:
        assert session.run(tf.exp(tf.zeros(40)) + 1).shape == (40,)
    assert driver.calls["launch"] == 0


def test_placements_are_logged(driver, capfd):
    x = tf.placeholder(tf.float32, [40], name="x")
    y = tf.exp(x, name="y")
    with tf.Session(config=tf.ConfigProto(log_device_placement=True)) as session:
        session.run(y, {x: numbers(40)})
        session.run(y, {x: numbers(40)})
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("y: ")] == [
        "y: (Exp): /job:localhost/replica:0/task:0/device:GPU:0"
    ]


def test_devices_are_listed(driver):
    from graphflow.python.client import device_lib

    assert [d.device_type for d in device_lib.list_local_devices()] == ["CPU", "GPU"]
    assert tf.test.is_gpu_available()
    assert not tf.test.is_gpu_available(min_cuda_compute_capability=(9, 0))
    assert tf.test.gpu_device_name() == "/device:GPU:0"


def test_sessions_share_kernels_and_threads_share_a_session(driver):
    x = tf.placeholder(tf.float32, [40])
    y = tf.exp(x) * 3
    found = {}
    with tf.Session() as session, tf.Session() as other:
        other.run(y, {x: numbers(40)})

        def work(number):
            value = numbers(40, seed=number)
            found[number] = session.run(y, {x: value}), 3 * np.exp(value)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert driver.calls["load"] == 1
    for mine, wanted in found.values():
        np.testing.assert_allclose(mine, wanted, rtol=1e-5)


def test_a_run_inside_a_run_leaves_the_outer_one_alone(driver):
    x = tf.placeholder(tf.float32, [40])
    inner = tf.exp(tf.reverse(x, [0])) + tf.reduce_sum(x)
    kept = tf.sin(x)

    def call(values):
        return session.run(inner, {x: values})

    outer = tf.py_func(call, [x], tf.float32) + tf.reverse(kept, [0]) + kept
    value = numbers(40)
    with tf.Session() as session:
        for _ in range(3):
            found = session.run(outer, {x: value})
            wanted = np.exp(value[::-1]) + value.sum() + np.sin(value)[::-1] + np.sin(value)
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_run_metadata_is_of_a_run_on_the_host_with_the_newest_values(driver):
    v = tf.Variable(numbers(50))
    step = tf.assign(v, v + 1)
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(step)
        session.run(step, options=options, run_metadata=tf.RunMetadata())
        np.testing.assert_allclose(session.run(v * 1), numbers(50) + 2, rtol=1e-6)


def test_values_that_only_the_host_reads_are_computed_there(driver):
    labels = tf.placeholder(tf.int32, [6])
    logits = tf.Variable(numbers(6, 70))
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(loss, {labels: [1, 2, 3, 4, 5, 6]})
        placed = placement_of(session)
    kinds = [step.kind for step in placed.steps]
    assert kinds[kinds.index("check") - 1] == "host"  # whether labels are in range
    assert "wait" not in kinds
    assert not placed.resident[HOST]


def test_a_loop_that_counts_waits_for_no_round(driver):
    x = tf.placeholder(tf.float32, [40, 40])
    _, y = tf.while_loop(
        lambda i, a: i < 20, lambda i, a: (i + 1, tf.tanh(tf.matmul(a, x))), [0, x]
    )
    with tf.Session() as session:
        for _ in range(3):
            before = driver.calls["wait"]
            session.run(y, {x: numbers(40, 40)})
        assert driver.calls["wait"] == before + 1


def test_a_loop_whose_data_decides_waits_for_each_flag(driver):
    x = tf.placeholder(tf.float32, [40])
    rounds, y = tf.while_loop(
        lambda i, a: tf.reduce_sum(a) > 1, lambda i, a: (i + 1, a * 0.5), [0, tf.exp(x)]
    )
    with tf.Session() as session:
        for scale in (1, 30, 0.01):
            value = np.full(40, np.log(scale), np.float32)
            found = session.run([rounds, y], {x: value})
            wanted = max(int(np.ceil(np.log2(40 * scale))), 0)
            assert found[0] == wanted
            np.testing.assert_allclose(found[1], scale * 0.5**wanted, rtol=1e-5)
