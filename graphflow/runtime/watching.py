"""Prints what tensors hold at every run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphflow.ir.node import Node, Program
from graphflow.ir.prims.effects import Tape
from graphflow.runtime.inspectors import Run, Watched
from graphflow.runtime.statistics import statistics_text, type_text


class Watcher:
    """Prints shape and statistics of tensors and variables, by their names, at every run.

    Attributes
    ----------
    wanted : names of operations or variables.
    seen : those of them that some run computed.
    known : all names that runs have had.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.wanted = {name: name.partition(":")[0].removeprefix("^") for name in names}
        self.seen: set[str] = set()
        self.known: set[str] = set()
        self.runs = 0

    def wrap(self, watched: Watched, run: Run) -> Run:
        """Return `run` with the printing added."""
        self.known |= names_of(watched.program)

        def printed(*arrays: Any) -> list[Any]:
            self.runs += 1
            # The run may write over variables: what goes in is copied before.
            inputs, tape = [np.array(v) for v in watched.inputs(arrays)], Tape()
            with tape.recording():
                results = run(*arrays)
            rounds: dict[str, int] = {}

            def visit(program: Program, node: Node, operands: list[Any], value: Any) -> None:
                own = program.sources.names.get(node, ())
                for name, operation in self.wanted.items():
                    if operation in own and not isinstance(value, list) and value is not None:
                        rounds[name] = rounds.get(name, 0) + 1
                        turn = f" ({rounds[name]})" if program is not watched.program else ""
                        self.tell(f"{name}{turn}", name, value)

            for node, value in zip(watched.program.inputs, inputs, strict=True):
                for name, operation in self.wanted.items():
                    if node["name"] == operation:
                        self.tell(name, name, value)
            computed = watched.interpreted(inputs, tape, visit)
            if computed is None:
                self.tell_results(watched, results)
                return results
            for name, operation in self.wanted.items():
                if operation in computed[1]:
                    self.tell(f"{name} becomes", name, watched.store.get(operation))
            return results

        return printed

    def tell_results(self, watched: Watched, results: list[Any]) -> None:
        """Tell of fetches only, where a run cannot be computed again."""
        for fetched, value in zip(watched.names, results, strict=True):
            for name, operation in self.wanted.items():
                if operation == fetched.partition(":")[0]:
                    self.tell(name, name, value)

    def tell(self, label: str, name: str, value: Any) -> None:
        """Print one line."""
        self.seen.add(name)
        array = np.asarray(value)
        sys.stderr.write(
            f"run {self.runs}: {label}: {type_text(array)} {statistics_text(array)}".rstrip() + "\n"
        )


def names_of(program: Program) -> set[str]:
    """What can be watched of a Program: the user's operations, feeds and variables."""
    names = {n for found in program.sources.names.values() for n in found}
    return names | {str(node["name"]) for node in program.inputs}
