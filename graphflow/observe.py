"""Observers of the pipeline: whoever wants to verify, time or print the stages' products.

A stage hands its product to `watch(name, product)`; observers are called in the order of their
registration. No pass prints by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Observer = Callable[[Any, str, Any, float], None]
"""``observer(run, stage, product, seconds)``: `run` identifies the compilation."""

_observers: list[Observer] = []


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Call `observer` for every stage that ends inside."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def stages(run: Any) -> Callable[[str, Any], None]:
    """A function to report the stages of one compilation to."""
    last = time.perf_counter()

    def watch(stage: str, product: Any) -> None:
        nonlocal last
        now = time.perf_counter()
        for observer in list(_observers):
            observer(run, stage, product, now - last)
        last = time.perf_counter()

    return watch
