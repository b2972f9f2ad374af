"""A plugin of pytest that notes which operations tests run, against what, and who computes them.

    PYTHONPATH=tools python -m pytest -p tested_ops tests

writes `graphflow/cli/tested_ops.json`, from which `graphflow ops` makes two columns of
`docs/ops.md`. With pytest-xdist each worker writes a part, and the first process joins them.

An operation is native if in some run no call of Python came of it, neither in the run nor while it
was traced, and of the plan if it only makes a handle.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphflow.graph.dtypes import DType
from graphflow.graph.operation import Operation
from graphflow.ir.builder import Builder
from graphflow.ops.host import Computed
from graphflow.trace.tracer import Split, Tracer

TARGET = Path(__file__).parent.parent / "graphflow" / "cli" / "tested_ops.json"
PART = "tested_ops_part"
# What the names of the files of tests say, the first that fits.
KINDS = {
    "recorded": "TensorFlow 1.15", "gradients": "differences", "drawn": "NumPy", "": "examples",
}  # fmt: skip
WORDS = ("native", "Python", "plan")  # the first that a run shows is who computes an operation
CALLS = {"host_call", "effect_call"}
found: dict[str, set[str]] = {kind: set() for kind in (*KINDS.values(), *WORDS)}
current = "examples"
made: set[str] = set()  # the primitives that the operation being lowered asked for


@pytest.hookimpl
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Take note of the kind of the test that comes."""
    global current
    name = Path(str(item.fspath)).name
    current = next(kind for part, kind in KINDS.items() if part in name)


def _noting(lower: Any) -> Any:
    def noted(self: Tracer, op: Operation) -> None:
        made.clear()
        try:
            lower(self, op)
        except Split as split:
            if split.function is not None:  # it is called between two parts of the run
                found["Python"].add(op.type)
            raise
        found[current].add(op.type)
        found[_computed_by(op)].add(op.type)

    return noted


def _computed_by(op: Operation) -> str:
    """What one lowering shows; a function of Python may also be called while it is traced."""
    if made & CALLS or callable(op.attrs.get("function")):
        return "Python"
    if all(_is_handle(tensor.dtype) for tensor in op.outputs) and made <= {"const", "broadcast"}:
        return "plan"
    if any(tensor.dtype.name == "string" for tensor in (*op.inputs, *op.outputs)):
        return "Python"  # the trace computes with texts
    return "native"


def _calling(call: Any) -> Any:
    def called(*arguments: Any, **options: Any) -> Any:
        made.add("host_call")
        return call(*arguments, **options)

    return called


def _is_handle(dtype: DType) -> bool:
    """Whether it is the type of a queue, a reader, a table, an iterator."""
    return dtype.name in ("resource", "variant", "string_ref")


def _collecting(make: Any) -> Any:
    def collected(self: Builder, op: str, /, *inputs: Any, **attrs: Any) -> Any:
        made.add(op)
        return make(self, op, *inputs, **attrs)

    return collected


Tracer.lower = _noting(Tracer.lower)  # type: ignore[method-assign]
Computed.__call__ = _calling(Computed.__call__)  # type: ignore[method-assign]
Tracer.call_python = _calling(Tracer.call_python)  # type: ignore[method-assign]
Builder.make = _collecting(Builder.make)  # type: ignore[method-assign]


@pytest.hookimpl
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's part to the first process, or write the whole."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[PART] = {kind: sorted(types) for kind, types in found.items()}
        return
    types = sorted(set().union(*found.values()))
    rows = {
        op_type: {
            "cpu": next(word for word in WORDS if op_type in found[word]),
            "tested": [kind for kind in KINDS.values() if op_type in found[kind]],
        }
        for op_type in types
    }
    lines = [f"{json.dumps(op_type)}: {json.dumps(row)}" for op_type, row in rows.items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Join what a worker found."""
    for kind, types in getattr(node, "workeroutput", {}).get(PART, {}).items():
        found[kind].update(types)
