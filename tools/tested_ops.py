"""A plugin of pytest that notes which operations the tests run, and against what.

    PYTHONPATH=tools python -m pytest -p tested_ops tests/ops tests/gradients tests/data_sets

writes `graphflow/cli/tested_ops.json`, from which `graphflow ops` makes the last column of
`docs/ops.md`. With pytest-xdist each worker writes a part, and the first process joins them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphflow.graph.operation import Operation
from graphflow.trace.tracer import Tracer

TARGET = Path(__file__).parent.parent / "graphflow" / "cli" / "tested_ops.json"
PART = "tested_ops_part"
# What the names of the files of tests say, the first that fits.
KINDS = {
    "recorded": "TensorFlow 1.15", "gradients": "differences", "drawn": "NumPy", "": "examples",
}  # fmt: skip
found: dict[str, set[str]] = {kind: set() for kind in KINDS.values()}
current = "examples"


@pytest.hookimpl
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Take note of the kind of the test that comes."""
    global current
    name = Path(str(item.fspath)).name
    current = next(kind for part, kind in KINDS.items() if part in name)


def _noting(lower: Any) -> Any:
    def noted(self: Tracer, op: Operation) -> None:
        lower(self, op)
        found[current].add(op.type)

    return noted


Tracer.lower = _noting(Tracer.lower)  # type: ignore[method-assign]


@pytest.hookimpl
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's part to the first process, or write the whole."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[PART] = {kind: sorted(types) for kind, types in found.items()}
        return
    by_type: dict[str, list[str]] = {}
    for kind, types in found.items():
        for op_type in sorted(types):
            by_type.setdefault(op_type, []).append(kind)
    TARGET.write_text(json.dumps(dict(sorted(by_type.items())), indent=0) + "\n")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Join what a worker found."""
    for kind, types in getattr(node, "workeroutput", {}).get(PART, {}).items():
        found[kind].update(types)
