"""What notebooks show of graphs, Programs and kernels.

Their classes lie below what draws them, so they only ask: `graphflow.views` says how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_html: Callable[[Any], str] | None = None


def show_by(html: Callable[[Any], str]) -> None:
    """Let ``html(thing)`` make what notebooks show of each `Shown` thing."""
    global _html
    _html = html


class Shown:
    """A thing that a notebook shows as a picture or a text of its own."""

    def _repr_html_(self) -> str | None:
        return None if _html is None else _html(self)
