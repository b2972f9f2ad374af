"""Pausing Python's cyclic garbage collector while much is made that lives on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector.

    Graphs and pictures are made of many small objects that all live to the end. Looking through
    them again and again took a fifth of the time for a graph's file of 50,000 operations, and more
    than half of it for the page.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
