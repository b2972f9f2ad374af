"""The table of operations, as Markdown: what `docs/ops.md` holds."""

from __future__ import annotations

import difflib
from typing import Any

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


class UnknownOp(Exception):
    """There is no such operation; the text has near matches."""


def op_data(name: str | None = None) -> list[dict[str, Any]]:
    """All operations as plain data, sorted by name, or one.

    Raises
    ------
    UnknownOp : there is none of that name.
    """
    found = {d.name: d for d in sorted(all_opdefs(), key=lambda d: d.name)}
    if name is None:
        return [_data(d) for d in found.values()]
    if name not in found:
        by_small = {known.lower(): known for known in found}
        close = difflib.get_close_matches(name.lower(), by_small, 3, 0.5)
        hint = f"; did you mean {', '.join(by_small[c] for c in close)}?" if close else ""
        raise UnknownOp(f"no operation {name!r}{hint}")
    return [_data(found[name])]


def _data(definition: OpDef) -> dict[str, Any]:
    return {
        "name": definition.name,
        "gradient": _gradient(definition),
        "stateful": definition.stateful,
    }


def op_text(data: dict[str, Any]) -> str:
    """One operation for a reader."""
    effect = "  effect    stateful\n" if data["stateful"] else ""
    return f"{data['name']}\n  gradient  {data['gradient']}\n{effect}"


def op_table() -> str:
    """All operations, sorted by name; one row each."""
    rows = [
        f"| {d['name']} | {d['gradient']} | {'stateful' if d['stateful'] else ''} |"
        for d in op_data()
    ]
    return _HEAD + "\n".join(rows) + "\n"
