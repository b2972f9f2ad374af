"""The table of operations, as Markdown: what `docs/ops.md` holds."""

from __future__ import annotations

import difflib
import functools
import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from graphflow.graph.apply import declared_types
from graphflow.graph.dtypes import DType
from graphflow.graph.opdef import OpDef, all_opdefs
from graphflow.ir.builder import COMPUTING
from graphflow.ir.prims import PRIMS
from graphflow.ops import kinds

_HEAD = """# Operations

Every op type that graphflow has, in TensorFlow's names, made by `graphflow ops`.

- *types*: of the inputs, by input where they differ; *any* where nothing restricts them.
- *CPU*: *native*, compiled into kernels (complex numbers and texts go through NumPy and Python all
  the same); *Python*, a call of NumPy or Python between kernels; *plan*, a loop, a branch or a
  handle of the compiled plan.
- *CUDA*: *PTX*, its kernels are generated and stepped through on the host ([gpu.md](gpu.md));
  *host*, it would stay there.
- *tested against*: TensorFlow 1.15's recorded answers, NumPy over drawn arrays, finite
  *differences* (gradients), or given *examples*; noted by `tools/tested_ops.py` in a run of tests.

| op | types | CPU | CUDA | gradient | effect | tested against |
|---|---|---|---|---|---|---|
"""
_TESTED = Path(__file__).with_name("tested_ops.json")
_PYTHON = {"compute", "call_python"}  # what a lowering calls that leaves the work to Python
_NATIVE = {name for name, prim in PRIMS.items() if prim.kind in COMPUTING}
_NATIVE |= {"gather", "random", "pointwise", "getattr"}  # the last asks a builder for a primitive
_OF_HANDLES = {"const", "int32", "np"}  # all that a lowering does for what has no value
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


def _names_in(code: CodeType) -> set[str]:
    """The names that a function uses, those of functions in it among them."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names_in(constant)
    return found


def _used(function: Any, depth: int = 3) -> set[str]:
    """The names that a lowering uses, those of functions that take a builder among them."""
    function = inspect.unwrap(getattr(function, "func", function))
    if not isinstance(function, FunctionType):
        return set()
    names = _names_in(function.__code__)
    if depth:
        inner = [function.__globals__.get(name) for name in names]
        inner += [cell.cell_contents for cell in function.__closure__ or ()]
        for other in inner:
            if isinstance(other, FunctionType) and other.__code__.co_varnames[:1] == ("b",):
                names |= _used(other, depth - 1)
    return names


def _computed_by(definition: OpDef) -> str:
    """Who computes it on the CPU, which its lowering tells."""
    used = _used(definition.lower)
    is_control = definition.lower.__module__ == "graphflow.ops.control_flow_ops"
    if is_control or "part_of_control_flow" in used or used <= _OF_HANDLES:
        return "plan"
    # Many an op is a call of Python for texts, or for complex numbers, only.
    return "Python" if used & _PYTHON and not used & _NATIVE else "native"


@functools.cache
def _tested() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(_TESTED.read_text()) if _TESTED.exists() else {}
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
        "tested": _tested().get(definition.name, []),
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
