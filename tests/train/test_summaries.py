"""Summaries, and the event files that they are written to."""

from __future__ import annotations

import numpy as np
import pytest

import graphflow as tf
from graphflow import protos
from graphflow.checkpoint.records import read_records


def parsed(data):
    return protos.Summary.FromString(data)


def test_messages():
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.name_scope("net"):
            loss = tf.summary.scalar("loss", tf.constant(1.5))
        spread = tf.summary.histogram("w", tf.constant([-1.0, 0.0, 2.0, 2.0]))
        pixels = tf.summary.image("x", np.zeros([3, 2, 4, 1], "f"), max_outputs=2)
        sound = tf.summary.audio("s", np.zeros([1, 8, 2], "f"), 8000)
        words = tf.summary.text("t", tf.constant("hello"))
        found = session.run([loss, spread, pixels, sound, words, tf.summary.merge_all()])
    values = [parsed(data).value for data in found]
    assert (values[0][0].tag, values[0][0].simple_value) == ("net/loss", 1.5)
    histogram = values[1][0].histo
    assert (histogram.num, histogram.min, histogram.max, histogram.sum) == (4, -1, 2, 3)
    assert sum(histogram.bucket) == 4
    assert [v.tag for v in values[2]] == ["x/image/0", "x/image/1"]
    assert (values[2][0].image.height, values[2][0].image.width) == (2, 4)
    assert values[2][0].image.encoded_image_string[:4] == b"\x89PNG"
    assert values[3][0].audio.length_frames == 8
    assert values[3][0].audio.encoded_audio_string[:4] == b"RIFF"
    assert values[4][0].metadata.plugin_data.plugin_name == "text"
    assert len(values[5]) == 6


def test_event_file(tmp_path):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        loss = tf.summary.scalar("loss", tf.constant(2.0))
        with tf.summary.FileWriter(str(tmp_path), graph) as writer:
            for step in range(3):
                writer.add_summary(session.run(loss), step)
    (path,) = tmp_path.iterdir()
    events = [protos.Event.FromString(r) for r in read_records(str(path))]
    kinds = [e.WhichOneof("what") for e in events]
    assert kinds == ["file_version", "graph_def", "summary", "summary", "summary"]
    assert [e.step for e in events[2:]] == [0, 1, 2]


def test_what_cannot_be_shown():
    with tf.Graph().as_default(), tf.Session() as session:
        bad = tf.summary.histogram("w", tf.constant([1.0, float("nan")]))
        same = tf.summary.scalar("a", 1.0)
        twice = tf.summary.merge([same, same])
        with pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram"):
            session.run(bad)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag"):
            session.run(twice)
