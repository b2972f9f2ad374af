"""The one graph in which all Theano variables are, and the session that holds shared values."""

from __future__ import annotations

import functools
from typing import Any

from graphflow.graph.graph import Graph
from graphflow.runtime.session import Session

GRAPH = Graph()


def building() -> Any:
    """Return a context in which operations are added to the graph."""
    return GRAPH.as_default()


@functools.cache
def session() -> Session:
    """Return the session; its engine is made when first asked for."""
    return Session(graph=GRAPH)


def store() -> Any:
    """Return the memory of shared variables."""
    return session()._engine.store
