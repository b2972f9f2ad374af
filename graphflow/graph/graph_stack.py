"""The graphs entered by ``with graph.as_default()``, for each thread, above a global one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class _GraphStack(threading.local):
    def __init__(self) -> None:
        self.entered: list[Any] = []
        self.base: Any = None  # the graph outside all ``with`` blocks; made by `get_default_graph`


graph_stack = _GraphStack()


@contextlib.contextmanager
def entered(graph: Any) -> Iterator[Any]:
    """Make `graph` the default one inside a ``with`` block."""
    graph_stack.entered.append(graph)
    try:
        yield graph
    finally:
        if graph_stack.entered:
            if graph_stack.entered[-1] is not graph:
                raise AssertionError(f"Nesting violated for default stack of {type(graph)} objects")
            graph_stack.entered.pop()
