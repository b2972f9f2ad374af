"""Whole files read and written in the run."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ops.shape_rules import Types, with_rank
from graphflow.ops.strings import object_array
from graphflow.system_files import as_op_errors

__all__ = ["matching_files", "read_file", "write_file"]

_NONE = "files have no gradient"


def _reader(op: Operation) -> Callable[..., Any]:
    def read(filename: Any) -> Any:
        path = os.fsdecode(filename.item())
        with as_op_errors(path, op), open(path, "rb") as file:
            return [object_array((), [file.read()])]

    return read


def _writer(op: Operation) -> Callable[..., Any]:
    def write(filename: Any, contents: Any) -> Any:
        path = os.fsdecode(filename.item())
        with as_op_errors(path, op):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "wb") as file:
                file.write(contents.item())
        return []

    return write


def _matching(patterns: Any) -> Any:
    found = [p for text in patterns.ravel() for p in glob.glob(os.fsdecode(text))]
    return [object_array((len(found),), sorted(os.fsencode(p) for p in found))]


def _infer_read(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 0)
    return [(dtypes.string, shape_from_tuple(()))]


def _infer_write(op: Operation) -> Types:
    for tensor in op.inputs:
        with_rank(tensor.shape, 0)
    return []


# Files change between runs: what is read is never a constant.
define_op(
    "ReadFile", _infer_read,
    lambda b, op, name: b.call_python(_reader(op), (name,), [(dtypes.string, ())])[0],
    no_gradient=_NONE,
)  # fmt: skip
define_op(
    "WriteFile", _infer_write,
    lambda b, op, name, text: b.call_python(_writer(op), (name, text), ()),
    no_gradient=_NONE, stateful=True,
)  # fmt: skip
define_op(
    "MatchingFiles", lambda op: [(dtypes.string, shape_from_tuple((None,)))],
    lambda b, op, names: b.call_python(_matching, (names,), [(dtypes.string, None)])[0],
    no_gradient=_NONE,
)  # fmt: skip
_READ = Signature("ReadFile", "filename: string")
_WRITE = Signature("WriteFile", "filename: string", "contents: string")
_MATCHING = Signature("MatchingFiles", "pattern: string")


def read_file(filename: Any, name: str | None = None) -> Tensor:
    """Return what is in a file, a scalar text; NotFoundError when there is none."""
    return _READ(filename, name=name).outputs[0]


def write_file(filename: Any, contents: Any, name: str | None = None) -> Operation:
    """Return an operation that writes a file, in a folder that it makes when there is none."""
    return _WRITE(filename, contents, name=name)


def matching_files(pattern: Any, name: str | None = None) -> Tensor:
    """Return the paths, in order, of the files that match patterns."""
    return _MATCHING(pattern, name=name).outputs[0]
