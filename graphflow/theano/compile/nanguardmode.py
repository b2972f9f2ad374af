"""`NanGuardMode`: accepted; results are not searched for what is not finite."""

from __future__ import annotations

from graphflow.theano.compile.mode import Mode


class NanGuardMode(Mode):
    """A mode that takes what to look out for."""

    def __init__(
        self, nan_is_error: bool = True, inf_is_error: bool = True, big_is_error: bool = True
    ) -> None:
        super().__init__()
