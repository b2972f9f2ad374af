"""What the commands write: never half a file."""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import sys
from collections.abc import Sequence

from graphflow.system_files import write_whole


def write_output(text: str, path: str | None) -> None:
    """Print a text, or put it into a file.

    Raises
    ------
    OSError : the file cannot be written; what was there before is still there.
    """
    if path is None:
        sys.stdout.write(text)
    else:
        write_whole(path, text.encode())


def check_folder(path: str | None) -> None:
    """Fail early where a file's folder is missing.

    Raises
    ------
    FileNotFoundError : there is no such folder.
    """
    folder = os.path.dirname(path or "")
    if folder and not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder)


class OneOf:
    """A type for argparse: one of some names, with near matches where it is none."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def __call__(self, text: str) -> str:
        if text in self.names:
            return text
        close = difflib.get_close_matches(text, self.names, 1, 0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        raise argparse.ArgumentTypeError(f"no {text!r}; {hint}there are {', '.join(self.names)}")
