"""Theano's `scan`: sequences and taps, recurrent outputs, updates, until, truncated gradients."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as gf


@pytest.fixture
def session():
    with gf.Graph().as_default(), gf.Session() as opened:
        yield opened


def test_powers(session):
    a, k = gf.placeholder(gf.float64, [3]), gf.placeholder(gf.int32, [])
    powers, updates = gf.scan(
        fn=lambda last, a: last * a, outputs_info=gf.ones_like(a), non_sequences=a, n_steps=k
    )
    value = np.array([1.0, 2.0, 3.0])
    for count in (1, 4, 2):
        expected = value ** np.arange(1, count + 1)[:, None]
        np.testing.assert_allclose(session.run(powers, {a: value, k: count}), expected)
    assert not updates


def test_taps(session):
    x = np.arange(1.0, 8.0)
    y, _ = gf.scan(
        lambda before, here, after, two_ago, last: 0.1 * two_ago + last + before * here - after,
        sequences=dict(input=x, taps=[-1, 0, 1]),
        outputs_info=[dict(initial=np.array([1.0, 2.0]), taps=[-2, -1])],
    )
    expected, two_ago, last = [], 1.0, 2.0
    for t in range(1, 6):
        two_ago, last = last, 0.1 * two_ago + last + x[t - 1] * x[t] - x[t + 1]
        expected.append(last)
    np.testing.assert_allclose(session.run(y), expected)


def test_several_outputs_and_backwards(session):
    x = np.arange(6.0).reshape(3, 2)
    (total, square), _ = gf.scan(
        lambda row, total: [total + row, row * row], sequences=x,
        outputs_info=[np.zeros(2), None], go_backwards=True,
    )  # fmt: skip
    found = session.run([total, square])
    np.testing.assert_allclose(found[0], x[::-1].cumsum(0))
    np.testing.assert_allclose(found[1], x[::-1] ** 2)


def test_updates(session):
    shared = gf.Variable(np.float64(1.0))
    seen, updates = gf.scan(lambda: (shared * 10.0, {shared: shared + 2.0}), n_steps=4)
    session.run(shared.initializer)
    found, last = session.run([seen, updates[shared]])
    np.testing.assert_allclose(found, [10, 30, 50, 70])
    assert last == 9.0
    assert session.run(shared) == 1.0


def test_until(session):
    limit = gf.placeholder(gf.float64, [])
    values, _ = gf.scan(
        lambda last: (last * 2, gf.until(last * 2 > limit)),
        outputs_info=gf.constant(1.0, gf.float64), n_steps=100,
    )  # fmt: skip
    np.testing.assert_allclose(session.run(values, {limit: 20.0}), [2, 4, 8, 16, 32])
    np.testing.assert_allclose(session.run(values, {limit: 5.0}), [2, 4, 8])


@pytest.mark.parametrize("steps", [-1, 0, 2])
def test_gradients(session, steps):
    w = gf.placeholder(gf.float64, [])
    x = np.array([1.0, 2.0, 3.0, 4.0])
    y, _ = gf.scan(
        lambda row, last, w: last * w + row, sequences=x,
        outputs_info=gf.constant(0.0, gf.float64), non_sequences=w, truncate_gradient=steps,
    )  # fmt: skip
    gradient = gf.gradients(y[-1], w)[0]
    states = [0.0]
    for row in x:
        states.append(states[-1] * 0.5 + row)
    through = 4 if steps < 0 else steps
    expected = sum(states[3 - k] * 0.5**k for k in range(through))
    found = 0.0 if gradient is None else session.run(gradient, {w: 0.5})
    np.testing.assert_allclose(found, expected)


def test_arguments(session):
    with pytest.raises(ValueError, match="sequences or n_steps, got neither"):
        gf.scan(lambda: 1.0, sequences=[])
    with pytest.raises(ValueError, match="taps of outputs below 0"):
        gf.scan(lambda v: v, outputs_info=dict(initial=[1.0], taps=[0]), n_steps=2)
