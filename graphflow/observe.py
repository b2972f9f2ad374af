"""Observers of the pipeline: whoever wants to verify, time or print the stages' products.

A stage hands its product to `watch(name, product)`; observers are called in the order of their
registration. No pass prints by itself. What happens inside a stage, a pass or the firing of a rule,
is a note, for those who ask why something became what it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Observer = Callable[[Any, str, Any, float], None]
"""``observer(run, stage, product, seconds)``: `run` identifies the compilation."""

Listener = Callable[..., None]
"""``listener(event, *details)``, as in ``listener("rule", name, old node, new node)``."""

_observers: list[Observer] = []
listeners: list[Listener] = []  # whoever makes many notes looks first whether anybody listens


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener` for every note that is made inside."""
    listeners.append(listener)
    try:
        yield
    finally:
        listeners.remove(listener)


def note(event: str, *details: Any) -> None:
    """Tell the listeners."""
    for listener in list(listeners):
        listener(event, *details)


@contextmanager
def timed(event: str) -> Iterator[None]:
    """Tell the listeners when what is done inside began and ended, by the clock in ns."""
    if not listeners:
        yield
        return
    began = time.perf_counter_ns()
    try:
        yield
    finally:
        note(event, began, time.perf_counter_ns())


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
