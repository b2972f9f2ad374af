"""Which of TensorFlow 1.x's names that people use graphflow has.

``python tools/symbols.py TABLE.tsv`` resolves a table's first column (``tf.nn.relu``; columns
``files`` and ``uses`` weigh the names) and lists what is missing, the most used first.
``python tools/symbols.py --scripts FOLDER`` reads Python files instead, finds every name that they
take from an ``import tensorflow``, and counts the files whose every name resolves.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import graphflow
from graphflow.cli.import_map import map_tensorflow


def resolves(path: str) -> bool:
    """Whether graphflow has ``tf.a.b.c``. What is called is taken to return something fitting."""
    found: Any = graphflow
    for part in path.split(".")[1:]:
        if not hasattr(found, part):
            if not isinstance(found, ModuleType):
                return False
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except ImportError:
                return False
        found = getattr(found, part)
        if isinstance(found, type):
            return True  # members of classes belong to instances
    return True


def of_table(path: Path) -> int:
    """Report on a table of names."""
    with path.open(newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    missing = [row for row in rows if not resolves(row["symbol"])]
    for row in missing:
        print(f"{row['files']:>5} files  {row['symbol']}")
    for weight in ("files", "uses"):
        total = sum(int(row[weight]) for row in rows)
        lost = sum(int(row[weight]) for row in missing)
        print(f"{(total - lost) / total:7.2%} of {weight}")
    print(f"{len(rows) - len(missing)} of {len(rows)} names")
    return 0


class _Names(ast.NodeVisitor):
    """The names that a module takes from TensorFlow, as ``tf.…``."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.found: set[str] = set()

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] == "tensorflow":
                path = alias.name.replace("tensorflow", "tf", 1).replace("tf.compat.v1", "tf", 1)
                self.aliases[alias.asname or "tensorflow"] = path if alias.asname else "tf"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and node.module.split(".")[0] == "tensorflow" and not node.level:
            base = node.module.replace("tensorflow", "tf", 1).replace("tf.compat.v1", "tf", 1)
            for alias in node.names:
                if alias.name != "*":
                    self.aliases[alias.asname or alias.name] = f"{base}.{alias.name}"
                    self.found.add(f"{base}.{alias.name}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in self.aliases:
            self.found.add(".".join([self.aliases[inner.id], *reversed(parts)]))
        else:
            self.generic_visit(node)


def of_scripts(folders: list[Path]) -> int:
    """Report on the Python files below some folders."""
    map_tensorflow()
    missing: Counter[str] = Counter()
    whole = files = unparsed = 0
    for path in sorted(p for folder in folders for p in folder.rglob("*.py")):
        names = _Names()
        try:
            names.visit(ast.parse(path.read_text(errors="replace")))
        except SyntaxError:
            unparsed += 1
            continue
        if not names.aliases:
            continue
        files += 1
        lost = {name for name in names.found if not resolves(name)}
        missing.update(lost)
        whole += not lost
    for name, count in missing.most_common():
        print(f"{count:>5} files  {name}")
    print(f"every name resolves in {whole} of {files} files; {unparsed} are not Python 3")
    return 0


def main() -> int:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--scripts", action="store_true", help="the paths are folders of scripts")
    options = parser.parse_args()
    return of_scripts(options.paths) if options.scripts else of_table(options.paths[0])


if __name__ == "__main__":
    sys.exit(main())
