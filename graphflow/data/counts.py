"""How many operations TensorFlow makes for data sets, which are Python here.

Seeds of random operations come from the number of those before, so a pipeline must count for what
it is in TensorFlow. The numbers are 1.15.5's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph

Made = TypeVar("Made", bound=Callable[..., Any])
_open: set[Graph] = set()  # graphs in which a counted function is at work


def counted(more: int | Callable[..., int]) -> Callable[[Made], Made]:
    """Let a function count for `more` operations than it makes, of its arguments if need be.

    What a counted function calls is not counted by itself.
    """

    def wrap(function: Made) -> Made:
        @functools.wraps(function)
        def made(*args: Any, **kwargs: Any) -> Any:
            graph = get_default_graph()
            if graph in _open:
                return function(*args, **kwargs)
            _open.add(graph)
            try:
                result = function(*args, **kwargs)
            finally:
                _open.discard(graph)
            graph._skip_ids(more if isinstance(more, int) else more(*args, **kwargs))
            return result

        return made  # type: ignore[return-value]

    return wrap
