"""Imports run one way, down the pipeline; heavy packages load late."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "graphflow"
ORDER = [
    "version", "errors", "config", "observe", "shown", "protos", "graph", "ir", "ops", "gradients",
    "trace", "rewrite", "schedule", "lowering", "codegen", "compiler", "inspection", "runtime",
    "checkpoint", "data", "train", "saved_model", "layers", "losses", "metrics",
    "linear_operators",
    "distributions", "feature_column", "estimator", "contrib", "keras", "datasets", "theano",
    "views", "cli",
]  # fmt: skip


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "graphflow" and len(parts) > 1:
                found.add(parts[1])
    return found


def test_imports_run_one_way() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ORDER:
            continue  # namespaces of the public API import what they show
        for name in imported(path):
            if name in ORDER and ORDER.index(name) > ORDER.index(parts[0]):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_a_session_without_a_gpu_loads_nothing_for_one() -> None:
    code = """
import sys, graphflow as tf
with tf.Session() as session:
    session.run(tf.exp(tf.ones([3])))
print(*[m for m in sys.modules if "runtime.gpu" in m or "codegen.cuda" in m])
"""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ""


def test_import_is_light() -> None:
    heavy = "('llvmlite', 'networkx', 'ml_dtypes')"
    code = f"import graphflow, sys; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
