"""Modes: how Theano would optimise and link. They are accepted; all functions compile alike."""

from __future__ import annotations

from typing import Any


class Mode:
    """A linker and an optimiser, by name."""

    def __init__(self, linker: Any = "cvm", optimizer: Any = "fast_run") -> None:
        self.linker, self.optimizer = linker, optimizer

    def including(self, *tags: str) -> Mode:
        """Return this mode."""
        return self

    excluding = requiring = including


FAST_RUN = Mode()
FAST_COMPILE = Mode(optimizer="fast_compile")


def get_default_mode() -> Mode:
    """Return the mode that functions have when not told otherwise."""
    return FAST_RUN


def get_mode(name: Any) -> Mode:
    """Return a mode by its name."""
    return name if isinstance(name, Mode) else FAST_COMPILE if name == "FAST_COMPILE" else FAST_RUN
