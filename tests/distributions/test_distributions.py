"""Distributions against answers of TensorFlow 1.15, and samples against moments."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow as tf

DATA = Path(__file__).parent.parent / "data"
sys.path.insert(0, str(DATA))
from distribution_scenarios import answers, cases  # noqa: E402

RECORDED = json.loads((DATA / "tf115_distributions.json").read_text())


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return answers(tf)


@pytest.mark.parametrize("name", sorted(n for n in RECORDED if n != "Dirichlet mode"))
def test_distributions_answer_as_tensorflows(name: str, found: dict[str, Any]) -> None:
    if name == "Dirichlet mode shape":
        return
    np.testing.assert_allclose(found[name], RECORDED[name], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("kind", ["Laplace", "Gamma", "Beta", "Categorical", "Dirichlet"])
def test_samples_have_the_mean(kind: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        one = cases(tf.distributions)[kind][0]
        drawn = session.run(one.sample(20000, seed=3))
        if kind == "Categorical":
            wanted = session.run(one.probs) @ np.arange(3)
        else:
            wanted = session.run(one.mean())
    np.testing.assert_allclose(drawn.mean(0), wanted, rtol=0.05, atol=0.05)


def test_gradients_pass_through_samples() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        loc, scale = tf.constant(1.0), tf.constant(2.0)
        drawn = tf.distributions.Normal(loc, scale).sample(seed=1)
        value, (by_loc, by_scale) = session.run([drawn, tf.gradients(drawn, [loc, scale])])
        assert by_loc == 1.0
        np.testing.assert_allclose(by_scale, (value - 1.0) / 2.0, rtol=1e-6)


def test_vectors_with_independent_elements() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        one = tf.contrib.distributions.MultivariateNormalDiag([0.0, 1.0], [1.0, 2.0])
        parts = tf.distributions.Normal([0.0, 1.0], [1.0, 2.0])
        x = [0.3, -0.7]
        whole, each = session.run([one.log_prob(x), parts.log_prob(x)])
        np.testing.assert_allclose(whole, each.sum(), rtol=1e-6)
        assert session.run(one.sample([5])).shape == (5, 2)


def test_a_divergence_that_is_not_known() -> None:
    with tf.Graph().as_default(), pytest.raises(NotImplementedError, match="No KL"):
        tf.distributions.kl_divergence(
            tf.distributions.Normal(0.0, 1.0), tf.distributions.Gamma(1.0, 1.0)
        )


def test_counts_of_several_numbers_of_draws() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        drawn = tf.distributions.Multinomial([3.0, 5.0], probs=[0.5, 0.5])
        assert drawn.batch_shape.as_list() == [2]
        found = session.run(drawn.sample(4, seed=1))
        assert found.shape == (4, 2, 2)
        assert found.sum(-1).tolist() == [[3.0, 5.0]] * 4
        assert session.run(drawn.mean()).tolist() == [[1.5, 1.5], [2.5, 2.5]]
