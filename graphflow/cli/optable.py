"""The table of operations, as Markdown: what `docs/ops.md` holds."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphflow.graph.apply import declared_types
from graphflow.graph.dtypes import DType
from graphflow.graph.opdef import OpDef, all_opdefs
from graphflow.ops import kinds

_HEAD = """# Operations

Every op type that graphflow has, in TensorFlow's names, made by `graphflow ops`.

- *types*: of the inputs, by input where they differ; *any* where nothing restricts them.
- *CPU*: *native*, compiled into kernels, as runs of tests showed (complex numbers and texts go
  through NumPy and Python all the same); *Python*, a call of NumPy or Python between kernels in
  all of them; *plan*, a loop, a branch or a handle of the compiled plan; *not run* by tests.
- *CUDA*: *PTX*, its kernels are generated and stepped through on the host ([gpu.md](gpu.md));
  *host*, it would stay there.
- *tested against*: TensorFlow 1.15's recorded answers, NumPy over drawn arrays, finite
  *differences* (gradients), or given *examples*. This and *CPU* are noted by
  `tools/tested_ops.py` in a run of tests.

| op | types | CPU | CUDA | gradient | effect | tested against |
|---|---|---|---|---|---|---|
"""
_TESTED = Path(__file__).with_name("tested_ops.json")
_SETS = {
    "floats": kinds.FLOATS, "floats, complex": kinds.ANALYTIC, "numbers": kinds.ALL_NUMBERS,
    "real numbers": kinds.ORDERED, "integers": kinds.INTEGERS, "i32, i64": kinds.INDEX,
    "arithmetic": kinds.ARITHMETIC, "addable": kinds.ADDABLE, "signed": kinds.SIGNED,
    "comparable": kinds.COMPARABLE, "bits": kinds.BITS,
}  # fmt: skip
_NAMES = {frozenset(types): name for name, types in _SETS.items()}


def _gradient(definition: OpDef) -> str:
    if definition.gradient is not None:
        return "yes"
    return f"none: {definition.no_gradient}" if definition.no_gradient else "not defined"


def _type_names(types: Sequence[DType]) -> str:
    if not types:
        return "any"
    return _NAMES.get(frozenset(types)) or ", ".join(t.short for t in types)


def _types(definition: OpDef) -> str:
    declared = declared_types(definition.name)
    if declared is None:
        return "any"
    return "; ".join(dict.fromkeys(_type_names(types) for types in declared)) or "no inputs"


def _computed_by(definition: OpDef) -> str:
    """Who computes it on the CPU: what runs of tests showed."""
    if definition.lower.__module__ == "graphflow.ops.control_flow_ops":
        return "plan"
    return str(_tested().get(definition.name, {}).get("cpu", "not run"))


@functools.cache
def _tested() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(_TESTED.read_text()) if _TESTED.exists() else {}
    return found


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
    cpu = _computed_by(definition)
    return {
        "name": definition.name,
        "types": _types(definition),
        "cpu": cpu,
        "cuda": "PTX" if cpu == "native" else "host",
        "gradient": _gradient(definition),
        "stateful": definition.stateful,
        "tested": _tested().get(definition.name, {}).get("tested", []),
    }


def op_text(data: dict[str, Any]) -> str:
    """One operation for a reader."""
    lines = [data["name"]]
    lines += [f"  {key:<9} {data[key]}" for key in ("types", "cpu", "cuda", "gradient")]
    if data["stateful"]:
        lines.append("  effect    stateful")
    if data["tested"]:
        lines.append(f"  tested    {', '.join(data['tested'])}")
    return "\n".join(lines) + "\n"


def op_table() -> str:
    """All operations, sorted by name; one row each."""
    rows = []
    for d in op_data():
        cells = [d["name"], d["types"], d["cpu"], d["cuda"], d["gradient"]]
        cells += ["stateful" if d["stateful"] else "", ", ".join(d["tested"])]
        rows.append("| " + " | ".join(cells) + " |")
    return _HEAD + "\n".join(rows) + "\n"
