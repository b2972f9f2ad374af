"""Checks runs against the interpreter, which evaluates the traced Program node by node in NumPy.

Every run is computed twice from the same feeds, variables and random states. Functions that have
an effect are called once only, and their results read twice. Where the interpreter does not come to
the same calls, the run is counted, not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphflow.ir.prims.effects import Tape
from graphflow.runtime.inspectors import Watched, inspecting

# Sums are taken in another order by generated code: errors are relative to the largest element.
_TOLERANCE = {2: 2e-2, 4: 1e-4, 8: 1e-10}


@dataclass
class Verifier:
    """What was checked so far, and the first difference."""

    checked: int = 0
    skipped: int = 0
    difference: str = ""

    def wrap(self, watched: Watched, run: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """Return `run` with the check added; it takes the Program's feeds in order."""

        def checked(*arrays: Any) -> list[Any]:
            inputs, tape = watched.inputs(arrays), Tape()
            with tape.recording():
                results = run(*arrays)
            computed = watched.interpreted(inputs, tape)
            if computed is None:
                self.skipped += 1
                return results
            outputs, updates = computed
            self.checked += 1
            for name, found, expected in zip(watched.names, results, outputs, strict=True):
                self.compare(name, found, expected)
            for name, expected in updates.items():
                self.compare(f"variable {name}", watched.store.get(name), expected)
            return results

        return checked

    def compare(self, name: str, found: Any, expected: Any) -> None:
        """Note the difference if it is the first."""
        if not self.difference:
            expected = np.asarray(expected)
            # NumPy makes bytes of a fixed length of a single text.
            texts = object if expected.dtype == object else None
            text = difference(np.asarray(found, texts), expected)
            if text:
                self.difference = f"run {self.checked}: {name}: {text}"


def difference(found: Any, expected: Any) -> str:
    """Return in words how two arrays differ beyond rounding; empty when they agree."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return (
            f"expected {expected.dtype}{list(expected.shape)}, got {found.dtype}{list(found.shape)}"
        )
    if found.size == 0 or found.dtype.kind not in "fcV":
        return "" if np.array_equal(found, expected) else _where(found, expected, found != expected)
    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    x, y = found.astype(wide), expected.astype(wide)
    finite = np.isfinite(y)
    scale = float(np.abs(y[finite]).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore"):
        near = np.abs(x - y) <= _TOLERANCE.get(found.dtype.itemsize, 1e-10) * scale
    same = (x == y) | (np.isnan(x) & np.isnan(y)) | (near & finite)
    return "" if same.all() else _where(found, expected, ~same)


def _where(found: Any, expected: Any, differs: Any) -> str:
    place = tuple(int(k) for k in np.argwhere(differs)[0])
    return (
        f"{int(np.sum(differs))} of {found.size} elements differ, first at {list(place)}: "
        f"expected {expected[place]}, got {found[place]}"
    )


@contextmanager
def verifying() -> Iterator[Verifier]:
    """Check the runs of all sessions that are made inside."""
    with inspecting(Verifier()) as verifier:
        yield verifier
