"""Feature columns against answers of TensorFlow 1.15, and their errors."""

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
from column_scenarios import answers  # noqa: E402

RECORDED = json.loads((DATA / "tf115_columns.json").read_text())
fc = tf.feature_column


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return answers(tf)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_columns_answer_as_tensorflows(name: str, found: dict[str, Any]) -> None:
    if name.endswith(" variables"):
        assert found[name] == RECORDED[name]
    else:
        np.testing.assert_allclose(found[name], RECORDED[name], rtol=1e-5, atol=1e-6)


def test_parse_spec_of_columns_reads_examples() -> None:
    words = fc.categorical_column_with_vocabulary_list("w", ["x", "y"])
    chosen = [fc.numeric_column("a", 2, default_value=1.0), fc.indicator_column(words)]
    spec = fc.make_parse_example_spec(chosen)
    assert spec["a"].default_value == (1.0, 1.0)
    example = tf.train.Example()
    example.features.feature["w"].bytes_list.value.extend([b"y", b"x", b"y"])
    with tf.Graph().as_default(), tf.Session() as session:
        features = tf.parse_example([example.SerializeToString()], spec)
        layer = fc.input_layer(features, chosen)
        session.run(tf.tables_initializer())
        assert session.run(layer).tolist() == [[1.0, 1.0, 1.0, 2.0]]


def test_vocabulary_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("one\ntwo\nthree\n")
    column = fc.categorical_column_with_vocabulary_file("w", str(path), num_oov_buckets=1)
    with tf.Graph().as_default(), tf.Session() as session:
        layer = fc.input_layer({"w": [["two"], ["four"]]}, fc.indicator_column(column))
        session.run(tf.tables_initializer())
        assert session.run(layer).tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


def test_identity_outside_its_range_fails_in_the_run() -> None:
    column = fc.indicator_column(fc.categorical_column_with_identity("i", 3))
    with tf.Graph().as_default(), tf.Session() as session:
        layer = fc.input_layer({"i": tf.placeholder_with_default([[1], [3]], [None, 1])}, column)
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(layer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fc.numeric_column("a", dtype=tf.string), "convertible to float"),
        (lambda: fc.bucketized_column(fc.numeric_column("a"), [3, 1]), "sorted list"),
        (lambda: fc.categorical_column_with_hash_bucket("a", 0), "at least 1"),
        (lambda: fc.categorical_column_with_identity("a", 3, 4), "not in range"),
        (lambda: fc.categorical_column_with_vocabulary_list("a", ["x", "x"]), "Duplicate keys"),
        (lambda: fc.crossed_column(["a"], 10), "length > 1"),
        (lambda: fc.input_layer({}, [fc.numeric_column("a")] * 2), "Duplicate feature column"),
        (lambda: fc.input_layer({}, [fc.numeric_column("a")]), "not in features dictionary"),
    ],
)
def test_errors(make: Any, message: str) -> None:
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        make()
