"""The user's line that made an operation.

The innermost frame outside this package is the one that a user wants to read, so that is all
that is kept: file, line number and function. The text of the line is read when somebody asks.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# A generator made into a context manager is resumed by contextlib: its frame tells nothing.
_OTHERS = frozenset({contextlib.__file__})


class SourceLocation:
    """A line of the user's program."""

    __slots__ = ("file", "function", "line")

    def __init__(self, file: str, line: int, function: str) -> None:
        self.file = file
        self.line = line
        self.function = function

    @property
    def text(self) -> str:
        """The line itself, stripped; empty when the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def place(self) -> str:
        """File, line and function: ``train.py:24 in build``."""
        here = os.getcwd() + os.sep
        file = self.file[len(here) :] if self.file.startswith(here) else self.file
        where = "" if self.function == "<module>" else f" in {self.function}"
        return f"{file}:{self.line}{where}"

    def as_frame(self) -> tuple[str, int, str, str]:
        """Return (file, line, function, text), as Python's tracebacks have it."""
        return self.file, self.line, self.function, self.text

    def __str__(self) -> str:
        return f"{self.place}:  {self.text}" if self.text else self.place

    def __repr__(self) -> str:
        return f"<SourceLocation {self.place}>"


def user_location() -> SourceLocation | None:
    """Return the innermost line outside this package; None when the whole stack is ours."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if not file.startswith(_PACKAGE) and file not in _OTHERS:
            return SourceLocation(file, frame.f_lineno, code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return None
