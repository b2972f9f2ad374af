"""Values and types are those that Theano 1.0.5 gave; see ``record_theano.py``."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphflow.theano as theano

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "answers.json").read_text())


def _cases() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("theano_cases", HERE / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


CASES = _cases()


@pytest.mark.parametrize("name", sorted(CASES))
def test_as_theano(name: str) -> None:
    inputs, values, output = CASES[name](theano)
    got = theano.function(inputs, output, on_unused_input="ignore")(*values)
    want = ANSWERS[name]
    assert str(got.dtype) == want["dtype"]
    value = np.asarray(want["value"], want["dtype"])
    largest = max(1.0, np.abs(value).max(initial=0.0))  # of sums whose terms cancel
    np.testing.assert_allclose(got, value, rtol=2e-5, atol=2e-6 * largest)
