"""Partial runs: one run whose feeds come, and whose fetches are asked for, a few at a time.

Source: `tf.Session.partial_run` of TensorFlow 1.15. Each part is the first part of a run that is
cut where the values wanted are known (see `requests.divided`), so nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow.errors import InvalidArgumentError
from graphflow.graph.tensor import Tensor
from graphflow.runtime.engine import Engine
from graphflow.runtime.requests import Cut, Request, divided, is_made_again
from graphflow.trace.prune import needed_operations

Array = np.ndarray[Any, Any]


class PartialRun:
    """A run that goes on with every call of `run`.

    Parameters
    ----------
    fetches, feeds : all that will be asked for and given.

    Raises
    ------
    InvalidArgumentError : nothing will be asked for.
    """

    def __init__(self, engine: Engine, fetches: Sequence[Tensor], feeds: Sequence[Tensor]) -> None:
        if not fetches:
            raise _invalid("Must specify at least one target to fetch or execute.")
        self.engine = engine
        self.fetches, self.feeds = dict.fromkeys(fetches), dict.fromkeys(feeds)
        self.asked: set[Tensor] = set()
        self.given: set[Tensor] = set()
        self.known: dict[Tensor, Array] = {}  # what was fed, and what later parts read of earlier
        self.request = Request(tuple(self.fetches), (), ())

    @property
    def is_over(self) -> bool:
        """Whether everything was asked for."""
        return len(self.asked) == len(self.fetches)

    def run(self, tensors: Sequence[Tensor], feeds: Mapping[Tensor, Array]) -> list[Any]:
        """The values of some of the fetches, from the feeds so far and these.

        Raises
        ------
        InvalidArgumentError : a fetch or feed that was not announced, or a second time, or a fetch
            that needs feeds which have not come.
        """
        self._check("fetch", tensors, self.fetches, self.asked, "fetched")
        self._check("feed", feeds, self.feeds, self.given, "fed")
        known = {**self.known, **feeds}
        request = Request(self.request.tensors, (), tuple(known), self.request.done)
        self._check_fed(tensors, request)
        division = divided(request, Cut(tensors))
        found = dict(
            zip(
                division.first.tensors,
                self.engine.run(division.first, list(known.values())),
                strict=True,
            )
        )
        values = [found[t] if t in found else known[t] for t in tensors]
        arrays = {t: np.asarray(v) for t, v in found.items() if not is_made_again(t.op)}
        self.known, self.request = (
            {**known, **arrays},
            Request(request.tensors, (), (), division.done),
        )
        self.asked.update(tensors)
        self.given.update(feeds)
        return values

    def _check(
        self,
        kind: str,
        tensors: Any,
        announced: Mapping[Tensor, None],
        done: set[Tensor],
        past: str,
    ) -> None:
        for tensor in tensors:
            if tensor not in announced:
                text = f"The {kind} {tensor.name} was not specified in partial_run_setup."
                raise _invalid(text)
            if tensor in done:
                raise _invalid(f"The {kind} {tensor.name} has already been {past}.")

    def _check_fed(self, tensors: Sequence[Tensor], request: Request) -> None:
        needed = needed_operations([t.op for t in tensors], set(request.fed), request.done, {})
        for feed in self.feeds:
            if feed not in request.fed and feed.op in needed:
                text = (
                    f"Fetch {feed.name} can't be computed from the feeds that have been fed so far."
                )
                raise _invalid(text)


def _invalid(text: str) -> InvalidArgumentError:
    return InvalidArgumentError(None, None, text)
