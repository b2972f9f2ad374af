"""Seeds of random operations: from the graph's seed and the operation's own."""

from __future__ import annotations

from graphflow.graph.default import get_default_graph

DEFAULT_GRAPH_SEED = 87654321
_MAX_INT32 = 2**31 - 1


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """Return the two seeds of a random operation that is about to be made.

    With a graph seed alone, the second is the number of operations made so far, so that each
    operation draws numbers of its own and the same program draws the same ones again. With
    neither seed, (None, None): different numbers in each session.
    """
    graph = get_default_graph()
    if graph.seed is not None:
        count = graph._last_id - graph._early_operations
        seeds = graph.seed % _MAX_INT32, (count if op_seed is None else op_seed)
    elif op_seed is not None:
        seeds = DEFAULT_GRAPH_SEED, op_seed
    else:
        return None, None
    seeds = seeds[0], seeds[1] % _MAX_INT32
    # Both zero would mean "no seed" to the operation.
    return (0, _MAX_INT32) if seeds == (0, 0) else seeds


def set_random_seed(seed: int | None) -> None:
    """Set the graph-level seed of the default graph."""
    get_default_graph().seed = seed
