"""Conditionals and loops: graphs and errors as TensorFlow's, values as Python's, gradients."""

from __future__ import annotations

import importlib.util
import json
import pathlib

import numpy as np
import pytest
from gradcheck import check_gradient

import graphflow as tf

DATA = pathlib.Path(__file__).parent.parent / "data"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCENARIOS = _load("control_scenarios").SCENARIOS
RECORDED = json.loads((DATA / "tf115_control.json").read_text())
X = np.array([0.3, -0.7, 1.1])


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize("name", SCENARIOS)
def test_same_as_tensorflow(name):
    run = _load("record_scenarios").run_scenario
    found = run(tf, np, None, SCENARIOS[name])
    expected = RECORDED[name]
    assert found["notes"] == expected["notes"]
    if name != "errors":  # calls that fail leave other operations behind
        assert sorted(found["operations"]) == sorted(expected["operations"])


# ---- values


def run(fetches, feeds=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feeds)


def test_only_the_branch_taken_has_effects():
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0)
    chosen = tf.cond(p, lambda: tf.assign_add(v, 10.0), lambda: v + 0.5)
    native = tf.cond(tf.reduce_sum(v) > 5.0, lambda: tf.assign(v, 0.0), lambda: v * 1.0)
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run(chosen, {p: False}) == 1.5
        assert session.run(v) == 1.0
        assert session.run(native) == 1.0
        assert session.run(chosen, {p: True}) == 11.0
        assert session.run(native) == 0.0
        assert session.run(v) == 0.0


def test_fed_predicate_with_other_shapes_in_each_branch():
    p = tf.placeholder(tf.bool, [])
    x = tf.placeholder(tf.float32, [None])
    y = tf.cond(p, lambda: x[1:], lambda: tf.concat([x, x], 0))
    with tf.Session() as session:
        assert session.run(y, {p: True, x: [1, 2]}).tolist() == [2]
        assert session.run(y, {p: False, x: [1, 2]}).tolist() == [1, 2, 1, 2]


def test_computed_predicate_with_other_shapes_in_each_branch():
    x = tf.placeholder(tf.float32, [None])
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: x[1:], lambda: tf.concat([x, x], 0))
    with tf.Session() as session:
        assert session.run(y, {x: [1, 2]}).tolist() == [2]
        assert session.run(y, {x: [-1, -2]}).tolist() == [-1, -2, -1, -2]


def test_case_takes_the_first_that_holds():
    x = tf.placeholder(tf.float32, [])
    r = tf.case(
        [(x > 10, lambda: tf.constant(1)), (x > 5, lambda: tf.constant(2))],
        default=lambda: tf.constant(3),
    )
    s = tf.switch_case(tf.cast(x, tf.int32), [lambda: x * 2, lambda: x * 3], default=lambda: -x)
    with tf.Session() as session:
        assert [session.run(r, {x: v}) for v in (20, 7, 1)] == [1, 2, 3]
        assert [session.run(s, {x: v}) for v in (0, 1, 2, -1)] == [0, 3, -2, 1]


def test_case_without_default_and_exclusive():
    x = tf.placeholder(tf.float32, [])
    only = tf.case([(x > 10, lambda: tf.constant(1)), (x > 5, lambda: tf.constant(2))])
    both = tf.case([(x > 1, lambda: tf.constant(1)), (x > 5, lambda: tf.constant(2))],
                   default=lambda: tf.constant(0), exclusive=True)  # fmt: skip
    with tf.Session() as session:
        assert session.run(only, {x: 7}) == 2
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(only, {x: 1})
        assert session.run(both, {x: 2}) == 1
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(both, {x: 7})


def test_loop_with_a_fed_limit():
    n = tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [3])
    i, s = tf.while_loop(lambda i, s: i < n, lambda i, s: [i + 1, tf.tanh(s * x)], [0, x])
    with tf.Session() as session:
        for count in (0, 1, 5):
            expected = X.astype(np.float32)
            for _ in range(count):
                expected = np.tanh(expected * X.astype(np.float32))
            rounds, value = session.run([i, s], {n: count, x: X})
            assert rounds == count
            np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_values_that_change_places():
    a, b, _ = tf.while_loop(
        lambda a, b, i: i < 5, lambda a, b, i: (b, a + b, i + 1), [tf.constant(1), 1, 0]
    )
    first, second = tf.while_loop(
        lambda a, b: a[0] < 7, lambda a, b: (b, a + 3), [tf.constant([0, 1]), tf.constant([2, 3])]
    )
    assert run([a, b]) == [8, 13]
    np.testing.assert_array_equal(run(tf.stack([first, second])), [[8, 9], [9, 10]])


def test_maximum_iterations():
    n = tf.placeholder(tf.int32, [])
    r = tf.while_loop(lambda i: i < 10, lambda i: i + 1, [0], maximum_iterations=n)
    with tf.Session() as session:
        assert [session.run(r, {n: k}) for k in (0, 4, 20)] == [0, 4, 10]


def test_variables_in_a_loop():
    v = tf.Variable(0.0)
    n = tf.placeholder(tf.int32, [])

    def body(i, total):
        with tf.control_dependencies([tf.assign_add(v, 2.0)]):
            return i + 1, total + v.read_value()

    r = tf.while_loop(lambda i, t: i < n, body, [0, 0.0])
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run(r, {n: 3}) == (3, 12.0)
        assert session.run(v) == 6.0
        assert session.run(r, {n: 0}) == (0, 0.0)
        assert session.run(v) == 6.0


def test_random_numbers_differ_from_round_to_round():
    r = tf.while_loop(
        lambda i, a, b: i < 3,
        lambda i, a, b: (i + 1, tf.random_uniform([4], seed=3), a),
        [0, tf.zeros([4]), tf.zeros([4])],
    )
    with tf.Session() as session:
        _, last, before = session.run(r)
        again = session.run(r)[1]
    assert not np.array_equal(last, before)
    assert not np.array_equal(last, again)


def test_shapes_that_grow_and_calls_of_python():
    n = tf.placeholder(tf.int32, [])
    grown = tf.while_loop(
        lambda i, a: i < n,
        lambda i, a: (i + 1, tf.concat([a, [i]], 0)),
        [0, tf.constant([7])],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )[1]
    called = tf.while_loop(
        lambda i, a: i < n,
        lambda i, a: (i + 1, a + tf.py_func(lambda z: z * 2, [i], tf.int32)),
        [0, 0],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)],
    )[1]
    with tf.Session() as session:
        assert session.run(grown, {n: 3}).tolist() == [7, 0, 1, 2]
        assert session.run(called, {n: 4}) == 12


def test_check_that_fails_in_a_loop_leaves_variables_alone():
    v = tf.Variable(1.0)
    table = tf.constant([1.0, 2.0, 3.0])
    n = tf.placeholder(tf.int32, [])
    total = tf.while_loop(
        lambda i, s: i < n, lambda i, s: (i + 1, s + tf.gather(table, i)), [0, 0.0]
    )[1]
    update = tf.assign(v, total)
    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(update, {n: 5})
        assert session.run(v) == 1.0
        assert session.run(update, {n: 3}) == 6.0


def test_loop_of_many_rounds():
    i, s = tf.while_loop(lambda i, s: i < 10000, lambda i, s: (i + 1, s + 0.5), [0, 0.0])
    assert run([i, s]) == [10000, 5000.0]


def test_optimizer_level_0_agrees():
    x = tf.placeholder(tf.float32, [3])

    def body(i, s):
        return i + 1, tf.cond(i > 1, lambda: s * x, lambda: tf.exp(s))

    y = tf.while_loop(lambda i, s: i < 4, body, [0, x])[1]
    g = tf.gradients(y, x)[0]
    plain = tf.ConfigProto()
    plain.graph_options.optimizer_options.opt_level = -1
    with tf.Session() as one, tf.Session(config=plain) as other:
        for fetch in (y, g):
            np.testing.assert_allclose(one.run(fetch, {x: X}), other.run(fetch, {x: X}), rtol=1e-5)


# ---- gradients, first and second order


def loop(body, rounds=3):
    def build(x):
        start = [tf.constant(0), x]
        return tf.while_loop(lambda i, s: i < rounds, lambda i, s: (i + 1, body(i, s, x)), start)[1]

    return build


def nested(i, s, x):
    return s * tf.while_loop(lambda j, t: j < 2, lambda j, t: (j + 1, tf.sin(t * x)), [0, s])[1]


def by_counter(i, s, x):
    return tf.cond(tf.equal(i % 2, 0), lambda: tf.exp(s * 0.3) * x, lambda: tf.sin(s))


def by_value(i, s, x):
    positive = tf.reduce_sum(s) > 1.0
    return tf.cond(positive, lambda: tf.exp(tf.tanh(s) * 0.3) * x, lambda: tf.sin(s) + 1.0)


def with_gradient(i, s, x):
    return s - 0.3 * tf.gradients(tf.reduce_sum(tf.sin(s * x)), s)[0]


def by_matrix(i, s, x):
    weights = tf.reshape(tf.concat([x, x, x], 0), [3, 3])
    return tf.reshape(tf.tanh(tf.matmul(tf.reshape(s, [1, 3]), weights)), [3])


LOOPS = {
    "product": lambda i, s, x: tf.tanh(s * x) + s,
    "nested": nested,
    "branch by counter": by_counter,
    "branch by value": by_value,
    "element": lambda i, s, x: s + tf.sin(x[i] * s),
    "gradient inside": with_gradient,
    "matrix": by_matrix,
}


@pytest.mark.parametrize("name", LOOPS)
def test_gradient_of_loop(name):
    check_gradient(loop(LOOPS[name]), X, tolerance=1e-7)


def test_gradient_of_loop_without_rounds():
    check_gradient(loop(LOOPS["product"], rounds=0), X)


def test_gradient_of_loop_whose_rounds_the_data_decide():
    check_gradient(
        lambda x: tf.while_loop(
            lambda s: tf.reduce_sum(s * s) < 50.0, lambda s: s * 1.5 + tf.sin(s * x), [x]
        ),
        X, tolerance=1e-7,
    )  # fmt: skip


def two_conditionals(x):
    p = tf.reduce_sum(x) > 0
    u = tf.cond(p, lambda: tf.exp(x), lambda: x * x)
    return u + tf.cond(p, lambda: u * x, lambda: tf.sin(u))


def nested_conditionals(x):
    a = tf.reduce_sum(x)
    inner = lambda: tf.cond(a > 1, lambda: tf.exp(x), lambda: tf.sin(x) * x)  # noqa: E731
    return tf.cond(a > 0, inner, lambda: tf.cos(x))


def loop_in_conditional(x):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: loop(LOOPS["product"])(x), lambda: x * 2.0)


@pytest.mark.parametrize("scale", [1.0, 2.0, -1.0])
@pytest.mark.parametrize("build", [two_conditionals, nested_conditionals, loop_in_conditional])
def test_gradient_of_conditional(build, scale):
    check_gradient(build, X * scale, tolerance=1e-7)


def test_gradient_of_a_loop_that_grows_a_tensor():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2])
        invariants = [tf.TensorShape([]), tf.TensorShape([None, 2])]
        _, grown = tf.while_loop(
            lambda i, c: i < 4, lambda i, c: (i + 1, tf.concat([c, x * 2], 0)), [0, x], invariants
        )
        (gradient,) = tf.gradients(tf.reduce_sum(grown**2), x)
        for rows in (1, 2, 3):
            value = np.random.RandomState(rows).rand(rows, 2).astype(np.float32)
            found, slope = session.run([grown, gradient], {x: value})
            np.testing.assert_allclose(found, np.concatenate([value] + [2 * value] * 4))
            np.testing.assert_allclose(slope, 2 * value * (1 + 4 * 4), rtol=1e-6)


def test_gradients_of_a_loop_over_arrays_in_a_mapped_function():
    """The outer loop stores the inner loop's arrays, of which some have no elements."""
    x = tf.constant([[0.1, 0.2, 0.3], [0.4, -0.5, 0.6]])
    cell = tf.nn.rnn_cell.BasicRNNCell(1)

    def last(row):
        return tf.nn.dynamic_rnn(cell, tf.reshape(row, [1, 3, 1]), dtype=tf.float32)[1][0, 0]

    def alone(row):
        state = tf.zeros([1, 1])
        for k in range(3):
            _, state = cell(tf.reshape(row[k], [1, 1]), state)
        return state[0, 0]

    looped = tf.gradients(tf.map_fn(last, x), x)[0]
    plain = tf.gradients([alone(x[0]), alone(x[1])], x)[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(*session.run([looped, plain]), rtol=1e-5)


def test_gradients_of_a_loop_in_a_loop_with_more_rounds_each_time():
    x = tf.constant([0.3, 0.7])

    def inner(i, v):
        return tf.while_loop(lambda j, w: j <= i, lambda j, w: (j + 1, w * x), [0, v])[1]

    y = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, inner(i, v)), [0, tf.exp(x)])[1]
    with tf.Session() as session:
        found = session.run(tf.gradients(y, x)[0])
    v = np.array([0.3, 0.7], np.float32)
    np.testing.assert_allclose(found, np.exp(v) * (v**6 + 6 * v**5), rtol=1e-5)


def test_results_come_in_the_structure_that_the_body_returns():
    def start(variables, result):
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: result((i + 1, x)), variables)

    assert isinstance(start([0, 1], tuple), tuple)
    assert isinstance(start((0, 1), list), list)
    single = tf.while_loop(lambda i: i < 3, lambda i: (i + 1,), [0], return_same_structure=True)
    assert isinstance(single, tuple)


def test_a_loop_that_is_run_round_by_round_dequeues():
    queue = tf.FIFOQueue(9, tf.int32, [])
    grown = tf.while_loop(
        lambda x: tf.size(x) < 4, lambda x: tf.concat([x, [queue.dequeue()]], 0),
        [tf.constant([0])],
        shape_invariants=[tf.TensorShape([None])],
    )  # fmt: skip
    with tf.Session() as session:
        session.run(queue.enqueue_many([list(range(1, 9))]))
        np.testing.assert_array_equal(session.run(grown), [0, 1, 2, 3])
        np.testing.assert_array_equal(session.run(grown), [0, 4, 5, 6])
        assert session.run(queue.size()) == 2


def test_what_a_run_in_parts_does_is_done_once():
    queue = tf.FIFOQueue(20, tf.int32, [])
    taken = queue.dequeue()
    counted = tf.Variable(0).count_up_to(9)
    drawn = tf.random_uniform([], 1, 9, tf.int32, seed=3)
    found = tf.where(tf.range(taken) > 0)
    sizes = [tf.shape(found)[0], tf.size(tf.tile(["a"], tf.stack([counted])))]
    sizes.append(tf.shape(tf.random_normal([drawn]))[0])
    tf.set_random_seed(3)
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), queue.enqueue_many([list(range(1, 9))])])
        for k in range(4):
            rows, texts, draws, *values = session.run([*sizes, taken, counted, drawn])
            assert values[:2] == [k + 1, k]
            assert [rows, texts, draws] == [k, k, values[2]]
