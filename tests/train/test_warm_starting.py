"""Initial values from checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphflow as tf


@pytest.fixture
def saved(tmp_path: Path) -> str:
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("old"):
            tf.get_variable("w", initializer=np.arange(6, dtype=np.float32).reshape(3, 2))
            tf.get_variable("b", initializer=np.ones(2, np.float32))
        session.run(tf.global_variables_initializer())
        return str(tf.train.Saver().save(session, str(tmp_path / "model")))


def test_scopes_and_single_variables(saved: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("new"):
            w, b = tf.get_variable("w", [3, 2]), tf.get_variable("b", [2])
        parts = tf.get_variable("parts", [3, 2], partitioner=tf.fixed_size_partitioner(2))
        tf.train.init_from_checkpoint(saved, {"old/": "new/"})
        tf.train.init_from_checkpoint(saved, {"old/w": "parts"})
        session.run(tf.global_variables_initializer())
        assert session.run(w).tolist() == [[0, 1], [2, 3], [4, 5]]
        assert session.run(b).tolist() == [1, 1]
        assert session.run(tf.convert_to_tensor(parts)).tolist() == [[0, 1], [2, 3], [4, 5]]


def test_errors(saved: str) -> None:
    with tf.Graph().as_default():
        tf.get_variable("w", [2, 2])
        with pytest.raises(ValueError, match="doesn't match with shape"):
            tf.train.init_from_checkpoint(saved, {"old/w": "w"})
        with pytest.raises(ValueError, match="is not found in"):
            tf.train.init_from_checkpoint(saved, {"other": "w"})


def test_rows_follow_their_words(saved: str, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("a\nb\nc\n")
    (tmp_path / "new").write_text("c\nd\na\n")
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", [4, 2])
        info = tf.train.VocabInfo(
            str(tmp_path / "new"), 3, 1, str(tmp_path / "old"),
            backup_initializer=tf.constant_initializer(9.0),
        )  # fmt: skip
        tf.train.warm_start(saved, "w", {"w": info}, {"w": "old/w"})
        session.run(tf.global_variables_initializer())
        assert session.run(w).tolist() == [[4, 5], [9, 9], [0, 1], [9, 9]]
