"""Keras's layers against what TensorFlow 1.15 gives with the same weights."""

import json
from pathlib import Path

import layer_cases
import numpy as np
import pytest

import graphflow as tf

RECORDED = json.loads((Path(__file__).parent / "layer_values.json").read_text())


@pytest.mark.parametrize("case", list(layer_cases.cases(tf.keras.layers)), ids=lambda case: case[0])
def test_values_and_names(case):
    name, make, shapes = case
    found, names = layer_cases.run(tf, make, shapes)
    wanted = RECORDED[name]
    assert names == wanted["names"]
    np.testing.assert_allclose(
        found, np.reshape(wanted["values"], wanted["shape"]), rtol=2e-5, atol=2e-6
    )
