"""Files and folders by TensorFlow's functions: `tf.gfile`. Errors are those of `graphflow.errors`.

Beside them the names of TensorFlow 2, which `tf.io.gfile` gives.
"""

from __future__ import annotations

import contextlib
import glob as _glob
import os
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

from graphflow import errors
from graphflow.compat import as_bytes, as_str_any
from graphflow.system_files import as_op_errors

__all__ = [
    "Copy", "DeleteRecursively", "Exists", "FastGFile", "GFile", "Glob", "IsDirectory",
    "ListDirectory", "MakeDirs", "MkDir", "Open", "Remove", "Rename", "Stat", "Walk",
]  # fmt: skip

_MODES = ("r", "w", "a", "r+", "w+", "a+")


def _path(filename: Any) -> str:
    return as_str_any(os.fspath(filename) if hasattr(filename, "__fspath__") else filename)


@contextlib.contextmanager
def _errors(filename: Any) -> Iterator[str]:
    path = _path(filename)
    with as_op_errors(path):
        yield path


class GFile:
    """A file, opened when it is first read or written.

    It is read and written apart: what is written first replaces the file, except in mode ``a``, and
    reading begins at the file's start.

    Parameters
    ----------
    name : its path.
    mode : ``r``, ``w`` or ``a``, with ``+`` for both reading and writing and ``b`` for bytes; texts
        are UTF-8.
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        if mode.replace("b", "") not in _MODES:
            raise errors.InvalidArgumentError(
                None, None, "mode is not 'r' or 'w' or 'a' or 'r+' or 'w+' or 'a+'"
            )
        self._name, self._mode = name, mode
        self._reader: Any = None
        self._writer: Any = None

    @property
    def name(self) -> Any:
        """The path, as it was given."""
        return self._name

    @property
    def mode(self) -> str:
        """The mode, as it was given."""
        return self._mode

    def _read_from(self) -> Any:
        if not set("r+") & set(self._mode):
            raise errors.PermissionDeniedError(None, None, "File isn't open for reading")
        if self._reader is None:
            with _errors(self._name) as path:
                self._reader = open(path, "rb")
        return self._reader

    def _written_to(self) -> Any:
        if not set("wa+") & set(self._mode):
            raise errors.PermissionDeniedError(None, None, "File isn't open for writing")
        if self._writer is None:
            with _errors(self._name) as path:
                self._writer = open(path, "ab" if "a" in self._mode else "wb")
        return self._writer

    def _shown(self, data: bytes) -> Any:
        return data if "b" in self._mode else data.decode("utf-8")

    def read(self, n: int = -1) -> Any:
        """Return `n` bytes from where the file stands, or all that is left."""
        file = self._read_from()
        with _errors(self._name):
            return self._shown(file.read(n if n != -1 else None))

    def readline(self) -> Any:
        """Return the next line with its end; nothing at the end of the file."""
        return self._shown(self._read_from().readline())

    def readlines(self) -> list[Any]:
        """Return all lines that are left."""
        return [self._shown(line) for line in self._read_from().readlines()]

    def write(self, file_content: Any) -> None:
        """Write a text, or bytes."""
        file = self._written_to()
        with _errors(self._name):
            file.write(as_bytes(file_content))

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Go to a place to read from; `position` is the old name of `offset`."""
        offset = position if offset is None else offset
        if offset is None:
            raise TypeError("seek(): offset argument required")
        if whence not in (0, 1, 2):
            text = f"Invalid whence argument: {whence}. Valid values are 0, 1, or 2."
            raise errors.InvalidArgumentError(None, None, text)
        self._read_from().seek(offset, whence)

    def tell(self) -> int:
        """Return where the file stands: where it is read, if it is."""
        is_read = set("r+") & set(self._mode)
        place: int = (self._read_from() if is_read else self._written_to()).tell()
        return place

    def size(self) -> int:
        """Return the size of the file in bytes."""
        with _errors(self._name) as path:
            return os.stat(path).st_size

    def flush(self) -> None:
        """Write to the disk what was written."""
        if self._writer is not None:
            with _errors(self._name):
                self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        files, self._reader, self._writer = (self._reader, self._writer), None, None
        for file in files:
            if file is not None:
                with _errors(self._name):
                    file.close()

    def seekable(self) -> bool:
        """Return whether `seek` works: always."""
        return True

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> GFile:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    next = __next__


FastGFile = Open = GFile


class FileStatistics(NamedTuple):
    """What `Stat` tells of a file."""

    length: int
    mtime_nsec: int
    is_directory: bool


def Exists(filename: Any) -> bool:
    """Return whether there is such a file or folder."""
    return os.path.exists(_path(filename))


def IsDirectory(dirname: Any) -> bool:
    """Return whether there is such a folder."""
    return os.path.isdir(_path(dirname))


def Glob(filename: Any) -> list[str]:
    """Return the files whose paths match a pattern, or one of a list of patterns."""
    patterns = filename if isinstance(filename, (list, tuple)) else [filename]
    return [path for pattern in patterns for path in sorted(_glob.glob(_path(pattern)))]


def ListDirectory(dirname: Any) -> list[str]:
    """Return the names of what is in a folder."""
    if not IsDirectory(dirname):
        raise errors.NotFoundError(None, None, f"Could not find directory {_path(dirname)}")
    return sorted(os.listdir(_path(dirname)))


def MkDir(dirname: Any) -> None:
    """Make a folder in one that exists."""
    with _errors(dirname) as path:
        os.mkdir(path)


def MakeDirs(dirname: Any) -> None:
    """Make a folder, and those that it is in, unless they exist."""
    with _errors(dirname) as path:
        os.makedirs(path, exist_ok=True)


def Remove(filename: Any) -> None:
    """Delete a file."""
    with _errors(filename) as path:
        os.remove(path)


def DeleteRecursively(dirname: Any) -> None:
    """Delete a folder with all that is in it."""
    with _errors(dirname) as path:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.remove(path)


def _check_free(path: str, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise errors.AlreadyExistsError(None, None, "file already exists")


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copy a file; AlreadyExistsError where there is one, unless `overwrite`."""
    with _errors(oldpath) as path:
        _check_free(_path(newpath), overwrite)
        shutil.copyfile(path, _path(newpath))


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Move a file or folder; AlreadyExistsError where there is one, unless `overwrite`."""
    with _errors(oldname) as path:
        _check_free(_path(newname), overwrite)
        os.replace(path, _path(newname))


def Stat(filename: Any) -> FileStatistics:
    """Return size, time of the last change and kind of a file."""
    with _errors(filename) as path:
        found = os.stat(path)
        return FileStatistics(found.st_size, found.st_mtime_ns, os.path.isdir(path))


def Walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Give path, folders and files of a folder and of all in it; of itself last if not in order."""
    for path, folders, files in os.walk(_path(top), topdown=in_order):
        if in_order:
            folders.sort()
        yield path, list(folders), sorted(files)


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Do as `Copy`."""
    Copy(src, dst, overwrite)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Do as `Rename`."""
    Rename(src, dst, overwrite)


def exists(path: Any) -> bool:
    """Do as `Exists`."""
    return Exists(path)


def glob(pattern: Any) -> list[str]:
    """Do as `Glob`."""
    return Glob(pattern)


def isdir(path: Any) -> bool:
    """Do as `IsDirectory`."""
    return IsDirectory(path)


def listdir(path: Any) -> list[str]:
    """Do as `ListDirectory`."""
    return ListDirectory(path)


def makedirs(path: Any) -> None:
    """Do as `MakeDirs`."""
    MakeDirs(path)


def mkdir(path: Any) -> None:
    """Do as `MkDir`."""
    MkDir(path)


def remove(path: Any) -> None:
    """Do as `Remove`."""
    Remove(path)


def rmtree(path: Any) -> None:
    """Do as `DeleteRecursively`."""
    DeleteRecursively(path)


def stat(path: Any) -> FileStatistics:
    """Do as `Stat`."""
    return Stat(path)


def walk(
    top: Any, topdown: bool = True, onerror: Any = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Do as `Walk`; `onerror` is not used."""
    return Walk(top, topdown)
