"""Files by the names of TensorFlow's private ``tensorflow.python.lib.io.file_io``."""

from __future__ import annotations

from typing import Any

from graphflow.gfile import Copy as copy
from graphflow.gfile import DeleteRecursively as delete_recursively
from graphflow.gfile import Exists as file_exists
from graphflow.gfile import GFile as FileIO
from graphflow.gfile import Glob as get_matching_files
from graphflow.gfile import IsDirectory as is_directory
from graphflow.gfile import ListDirectory as list_directory
from graphflow.gfile import MakeDirs as recursive_create_dir
from graphflow.gfile import MkDir as create_dir
from graphflow.gfile import Remove as delete_file
from graphflow.gfile import Rename as rename
from graphflow.gfile import Stat as stat
from graphflow.gfile import Walk as walk

__all__ = [
    "FileIO", "copy", "create_dir", "delete_file", "delete_recursively", "file_exists",
    "get_matching_files", "is_directory", "list_directory", "read_file_to_string",
    "recursive_create_dir", "rename", "stat", "walk", "write_string_to_file",
]  # fmt: skip


def read_file_to_string(filename: Any, binary_mode: bool = False) -> Any:
    """A file's content, as text or as bytes."""
    with FileIO(filename, "rb" if binary_mode else "r") as file:
        return file.read()


def write_string_to_file(filename: Any, file_content: Any) -> None:
    """Write a text into a file."""
    with FileIO(filename, "w") as file:
        file.write(file_content)
