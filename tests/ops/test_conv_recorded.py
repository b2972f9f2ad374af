"""Convolutions, pooling and normalisation against TensorFlow 1.15.5's numbers."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

import graphflow as tf
from graphflow.graph.graph import Graph

DATA = pathlib.Path(__file__).parents[1] / "data"
_spec = importlib.util.spec_from_file_location("conv_scenarios", DATA / "conv_scenarios.py")
scenarios = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scenarios)
RECORDED = np.load(DATA / "tf115_conv.npz")


def recorded(scenario):
    prefix = f"{scenario}/"
    return {k[len(prefix) :]: RECORDED[k] for k in RECORDED.files if k.startswith(prefix)}


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_values_and_gradients_are_those_of_tensorflow(name):
    expected = recorded(name)
    with Graph().as_default():
        found = scenarios.SCENARIOS[name](tf)
    assert sorted(found) == sorted(expected)
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert found[key].shape == value.shape, key
        tolerance = 1e-9 if value.dtype == np.float64 else 2e-4
        scale = max(np.abs(value).max(), 1.0)
        np.testing.assert_allclose(
            found[key], value, rtol=tolerance, atol=tolerance * scale, err_msg=key
        )


def test_names_shapes_and_errors_are_those_of_tensorflow():
    expected = json.loads((DATA / "tf115_conv.json").read_text())
    found = scenarios.answers(tf)
    for call, answer, wanted in zip(scenarios.CALLS, found, expected, strict=True):
        if len(answer) == 2:
            answer[1] = answer[1].split("\n")[0]  # ours goes on with the lines of the inputs
        assert answer == wanted, call
