"""The table of operations, as Markdown: what `docs/ops.md` holds."""

from __future__ import annotations

from graphflow.graph.opdef import OpDef, all_opdefs

_HEAD = """# Operations

Every op type that graphflow has, in TensorFlow's names, made by `graphflow ops`.

| op | gradient | effect |
|---|---|---|
"""


def _gradient(definition: OpDef) -> str:
    if definition.gradient is not None:
        return "yes"
    return f"none: {definition.no_gradient}" if definition.no_gradient else "not defined"


def op_table() -> str:
    """All operations, sorted by name; one row each."""
    rows = [
        f"| {d.name} | {_gradient(d)} | {'stateful' if d.stateful else ''} |"
        for d in sorted(all_opdefs(), key=lambda d: d.name)
    ]
    return _HEAD + "\n".join(rows) + "\n"
