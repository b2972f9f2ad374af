"""What TensorFlow 1.15.5 makes of each op family: names, static shapes, errors, values, gradients.

The cases are the scenarios of the modules that ``tests/data/record_ops.py`` lists.
"""

import functools
import importlib.util
import json
import pathlib
import re

import numpy as np
import pytest

import graphflow as tf

DATA = pathlib.Path(__file__).parent.parent / "data"

# What graphflow does not say: quantised types, values known early.
LEFT_OUT = re.compile(
    r", (qint8|quint8|qint16|quint16|qint32)\b| and with (computed input tensors|input tensors "
    r"computed as partial shapes): .*"
)
# Operations that graphflow does not make: it counts, and does not make, the product of sizes by
# which TensorFlow sees whether zeros with tensors among their sizes are few; gathers with batches
# it composes in another way; and TensorFlow leaves constants behind when it fails.
NOT_MADE = re.compile(
    r"(^|/)(zeros|ones)(_\d+)?/(mul|Less)(_\d+)?(/[xy])?$|^BatchGather|^Const(_\d+)?$|^ArgMax_14/"
)
TOLERANCES = {"f2": 2e-3, "f4": 2e-6, "f8": 1e-12, "c8": 1e-5, "c16": 1e-12}


def _load(name):
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORD = _load("record_ops")
RUN = _load("record_scenarios").run_scenario
CASES = {family: _load(module) for family, module in RECORD.FAMILIES.items()}


@functools.cache
def texts(family):
    return json.loads((DATA / f"tf115_{family}.json").read_text())


@functools.cache
def arrays(family):
    return dict(np.load(DATA / f"tf115_{family}.npz"))


def _names(kind):
    return [(family, name) for family in CASES for name in sorted(getattr(CASES[family], kind))]


def _comparable(note):
    return [LEFT_OUT.sub("", text).rstrip(".") for text in note]


def _made(operations):
    return [[name, kind] for name, kind in operations if not NOT_MADE.search(name)]


@pytest.mark.parametrize(("family", "name"), _names("SCENARIOS"))
def test_graph(family, name):
    expected, cases = texts(family)["graphs"][name], CASES[family]
    got = RUN(tf, np, None, cases.SETUP + cases.SCENARIOS[name])
    assert [_comparable(n) for n in got["notes"]] == [_comparable(n) for n in expected["notes"]]
    if name not in getattr(cases, "NOTES_ONLY", ()):
        assert _made(got["operations"]) == _made(expected["operations"])


@pytest.mark.parametrize(("family", "name"), _names("FAILURES"))
def test_failure(family, name):
    got = RECORD.evaluate(tf, np, CASES[family].FAILURES[name])
    kind, text = texts(family)["failures"][name]
    assert got[0] == kind
    assert text in got[1]


@pytest.mark.parametrize(("family", "name"), _names("VALUES"))
def test_values(family, name):
    got, recorded = RECORD.evaluate(tf, np, CASES[family].VALUES[name]), arrays(family)
    expected = [recorded[f"{name}/{k}"] for k in range(len(got))]
    assert f"{name}/{len(got)}" not in recorded
    for k, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        if theirs.dtype.kind == "S":
            assert ours.tolist() == theirs.tolist()
            continue
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), k
        tolerance = TOLERANCES.get(ours.dtype.str[1:], 0)
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance, err_msg=f"{k}")
