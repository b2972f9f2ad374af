"""What TensorFlow 1.15.5 makes of small programs: names, types, errors, all of it recorded."""

import importlib.util
import json
import pathlib
import re

import numpy as np
import pytest

from graphflow.graph.random_seed import get_seed

DATA = pathlib.Path(__file__).parent.parent / "data"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUN = _load("record_scenarios").run_scenario
CASES = [
    (kind, name, source)
    for kind in ("graph", "shape", "variable")
    for name, source in _load(f"{kind}_scenarios").SCENARIOS.items()
]
RECORDED = {kind: json.loads((DATA / f"tf115_{kind}.json").read_text()) for kind, _, _ in CASES}

# Programs whose operations differ on purpose: one op of ours stands for a subgraph of TensorFlow's.
# What they note, the count of operations among it, must agree all the same.
OTHER_OPERATIONS = {"assertion_seeds", "initialized_value", "uninitialized",
                    "initial_value_of_another"}  # fmt: skip


def _comparable(note):
    """Return a note without what differs between Python and NumPy versions."""
    swaps = [
        (r" object at 0x[0-9a-f]+", " object"),
        (r"a real number, not", "a number, not"),  # Python 3.10's words
        (r"np\.str_\('(.*?)'\)", r"'\1'"),
        (r"<(class|function) .*?>", r"<\1>"),
        (r"np\.int64\((\d+)\)", r"\1"),
        (r"(tuple|list) index", "index"),
        (r"integer (division or )?modulo", "integer modulo"),
        (r"RefVariable", "Variable"),
        (r"'bool_'", "'bool'"),  # NumPy 2's name
    ]
    result = []
    for text in note:
        for pattern, replacement in swaps:
            text = re.sub(pattern, replacement, text)
        result.append(text)
    return result


@pytest.mark.parametrize(("kind", "name", "source"), CASES, ids=[c[1] for c in CASES])
def test_same_as_tensorflow(tf, kind, name, source):
    expected = RECORDED[kind][name]
    got = RUN(tf, np, get_seed, source)
    assert [_comparable(n) for n in got["notes"]] == [_comparable(n) for n in expected["notes"]]
    if name not in OTHER_OPERATIONS:
        assert got["operations"] == expected["operations"]
