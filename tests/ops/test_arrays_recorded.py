"""What TensorFlow 1.15.5 makes of the array ops: names, static shapes, errors, values."""

import importlib.util
import json
import pathlib
import re

import numpy as np
import pytest

import graphflow as tf

DATA = pathlib.Path(__file__).parent.parent / "data"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _load("array_scenarios")
RECORD = _load("record_math")
RUN = _load("record_scenarios").run_scenario
TEXTS = json.loads((DATA / "tf115_arrays.json").read_text())
ARRAYS = dict(np.load(DATA / "tf115_arrays.npz"))


def _comparable(note):
    """Return a note without what graphflow does not say: quantised types, values known early."""
    patterns = (
        r", (qint8|quint8|qint16|quint16|qint32)\b| and with (computed input tensors|input tensors "
        r"computed as partial shapes): .*"
    )
    return [re.sub(patterns, "", text).rstrip(".") for text in note]


def _same_in_both(operations):
    """Return the operations that graphflow makes too.

    It counts, and does not make, the product of sizes by which TensorFlow sees whether zeros with
    tensors among their sizes are few. Gathers with batches it composes in another way. And
    TensorFlow leaves constants behind when it fails.
    """
    product = re.compile(
        r"(^|/)(zeros|ones)(_\d+)?/(mul|Less)(_\d+)?(/[xy])?$|^BatchGather|^Const_\d+$"
    )
    return [[name, kind] for name, kind in operations if not product.search(name)]


@pytest.mark.parametrize("name", sorted(CASES.SCENARIOS))
def test_graph(name):
    expected = TEXTS["graphs"][name]
    got = RUN(tf, np, None, CASES.SETUP + CASES.SCENARIOS[name])
    notes = [_comparable(note) for note in got["notes"]]
    assert notes == [_comparable(note) for note in expected["notes"]]
    assert _same_in_both(got["operations"]) == _same_in_both(expected["operations"])


@pytest.mark.parametrize("name", sorted(CASES.FAILURES))
def test_failure(name):
    got = RECORD.evaluate(tf, np, CASES.FAILURES[name])
    kind, text = TEXTS["failures"][name]
    assert got[0] == kind
    assert text in got[1]


@pytest.mark.parametrize("name", sorted(CASES.VALUES))
def test_values(name):
    got = RECORD.evaluate(tf, np, CASES.VALUES[name])
    expected = [ARRAYS[f"{name}/{k}"] for k in range(len(got))]
    assert f"{name}/{len(got)}" not in ARRAYS
    for k, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), k
        rtol = {"f2": 2e-3, "f4": 1e-6, "f8": 1e-14, "c8": 1e-6}.get(ours.dtype.str[1:], 0)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, err_msg=f"{k}")
