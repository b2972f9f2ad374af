"""Decoders, attention and beam search against TensorFlow 1.15's recorded values."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import graphflow as tf

DATA = Path(__file__).parent.parent / "data"
sys.path.insert(0, str(DATA))

import seq2seq_scenarios  # noqa: E402

RECORDED = np.load(DATA / "tf115_seq2seq.npz")


@pytest.mark.parametrize("name", list(seq2seq_scenarios.SCENARIOS))
def test_recorded(name):
    values, names = seq2seq_scenarios.answers(tf, name)
    assert names == list(RECORDED[f"{name}/names"])
    for k, value in enumerate(values):
        expected = RECORDED[f"{name}/value{k}"]
        assert np.shape(value) == expected.shape, k
        scale = np.abs(expected).max()
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-5 * scale, err_msg=str(k))


def test_sequence_loss():
    random = np.random.default_rng(0)
    logits = random.standard_normal((2, 3, 4)).astype(np.float32)
    targets = random.integers(0, 4, (2, 3))
    weights = np.array([[1, 1, 0], [1, 0.5, 0]], np.float32)
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    each = -np.take_along_axis(logs, targets[..., None], -1)[..., 0] * weights
    loss = tf.contrib.seq2seq.sequence_loss
    with tf.Graph().as_default(), tf.Session() as session:
        arguments = [tf.constant(a) for a in (logits, targets, weights)]
        fetches = [
            loss(*arguments), loss(*arguments, average_across_batch=False),
            loss(*arguments, average_across_timesteps=False),
            loss(*arguments, False, False), loss(*arguments, False, False, True, True),
        ]  # fmt: skip
        found = session.run(fetches)
        with pytest.raises(ValueError, match="logits must be a 3-dimensional tensor"):
            loss(arguments[1], arguments[1], arguments[2])
    expected = [
        each.sum() / weights.sum(), each.sum(1) / weights.sum(1),
        each.sum(0) / (weights.sum(0) + 1e-12), each, each.sum() / 4,
    ]  # fmt: skip
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_scheduled_sampling():
    seq2seq = tf.contrib.seq2seq
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(seq2seq_scenarios.INPUTS)
        table = tf.constant(seq2seq_scenarios.TABLE)
        for probability in (0.0, 1.0):
            helper = seq2seq.ScheduledEmbeddingTrainingHelper(x, [5, 2, 3], table, probability)
            cell = tf.nn.rnn_cell.GRUCell(6, name=f"cell{int(probability)}")
            decoder = seq2seq.BasicDecoder(cell, helper, cell.zero_state(3, tf.float32))
            outputs, _, lengths = seq2seq.dynamic_decode(decoder)
            session.run(tf.global_variables_initializer())
            samples, counts = session.run([outputs.sample_id, lengths])
            assert samples.shape == (3, 5)
            assert counts.tolist() == [5, 2, 3]
            assert (samples >= 0).all() == bool(probability)


def test_sampling_until_the_end_token():
    seq2seq = tf.contrib.seq2seq
    with tf.Graph().as_default(), tf.Session() as session:
        cell = tf.nn.rnn_cell.GRUCell(6)
        table = tf.constant(seq2seq_scenarios.TABLE)
        helper = seq2seq.SampleEmbeddingHelper(table, np.zeros(4, np.int32), 2, seed=5)
        decoder = seq2seq.BasicDecoder(cell, helper, cell.zero_state(4, tf.float32))
        outputs, _, lengths = seq2seq.dynamic_decode(decoder, maximum_iterations=40)
        session.run(tf.global_variables_initializer())
        runs = [session.run([outputs.sample_id, lengths]) for _ in range(3)]
        for samples, counts in runs:
            assert samples.shape[1] == counts.max()
            for row, count in zip(samples, counts, strict=True):
                assert 2 not in row[: count - 1]
                assert row[count - 1] == 2 or count == 40
        assert any(s.shape != runs[0][0].shape for s, _ in runs)


def test_a_sequence_loss_without_weight_is_zero():
    logits, targets = tf.ones([2, 3, 4]), tf.ones([2, 3], tf.int32)
    loss = tf.contrib.seq2seq.sequence_loss
    with tf.Session() as session:
        assert session.run(loss(logits, targets, tf.zeros([2, 3]))) == 0
        tiny = session.run(loss(logits, targets, tf.fill([2, 3], 1e-13)))
    np.testing.assert_allclose(tiny, np.log(4), rtol=1e-6)


def test_attention_refuses_empty_sequences():
    lengths = tf.placeholder(tf.int32, [2])
    mechanism = tf.contrib.seq2seq.LuongAttention(3, tf.ones([2, 4, 3]), lengths)
    weights, _ = mechanism(tf.ones([2, 3]), None)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(weights, {lengths: [1, 4]})[0, 0] == 1
        with pytest.raises(tf.errors.InvalidArgumentError, match="must greater than zero"):
            session.run(weights, {lengths: [0, 4]})
