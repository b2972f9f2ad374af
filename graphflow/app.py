"""``tf.app``: the frame of a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from graphflow import flags

__all__ = ["flags", "run"]


def run(main: Callable[..., Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Parse the flags, call `main` with what is left of the command line, and exit.

    Parameters
    ----------
    main : called with a list, the program's name first; the script's own ``main`` when None.
    argv : the command line; the process's when None.
    """
    rest = flags.FLAGS(sys.argv if argv is None else argv)
    function = main or sys.modules["__main__"].main
    sys.exit(function(rest))
