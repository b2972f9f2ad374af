"""Files of the operating system: written whole or not at all, and its errors as TensorFlow's.

Source of the errors' classes: tensorflow/core/platform/posix/error.cc.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from graphflow import errors

_NAMES: dict[type[errors.OpError], str] = {
    errors.InvalidArgumentError: "EINVAL ENAMETOOLONG E2BIG EDOM EFAULT EILSEQ ENOTTY ESPIPE",
    errors.DeadlineExceededError: "ETIMEDOUT ETIME",
    errors.NotFoundError: "ENOENT ENODEV ENXIO ESRCH",
    errors.AlreadyExistsError: "EEXIST",
    errors.PermissionDeniedError: "EPERM EACCES EROFS",
    errors.FailedPreconditionError: "ENOTEMPTY EISDIR ENOTDIR EBADF EBUSY ECHILD EPIPE ETXTBSY",
    errors.ResourceExhaustedError: "ENOSPC EDQUOT EMFILE EMLINK ENFILE ENOBUFS ENODATA ENOMEM",
    errors.OutOfRangeError: "EFBIG EOVERFLOW ERANGE",
    errors.UnimplementedError: "ENOSYS ENOTSUP EXDEV",
    errors.UnavailableError: "EAGAIN EINTR ENOLCK",
    errors.AbortedError: "EDEADLK ESTALE",
    errors.CancelledError: "ECANCELED",
}
_CLASSES = {
    getattr(errno, name): kind
    for kind, names in _NAMES.items()
    for name in names.split()
    if hasattr(errno, name)  # not every system has them all
}


def of_system(error: OSError, path: Any, op: Any = None) -> errors.OpError:
    """TensorFlow's error for one of the operating system, for a file and an operation."""
    kind = _CLASSES.get(error.errno or 0, errors.UnknownError)
    node_def = None if op is None else op.node_def
    return kind(node_def, op, f"{os.fspath(path)}; {error.strerror or error}")  # type: ignore[call-arg]


@contextlib.contextmanager
def as_op_errors(path: Any, op: Any = None) -> Iterator[None]:
    """Raise TensorFlow's errors for those of the operating system inside the block."""
    try:
        yield
    except OSError as error:
        raise of_system(error, path, op) from None


def write_whole(path: str, content: bytes) -> None:
    """Put bytes into a file by way of a temporary one beside it.

    Raises
    ------
    OSError : the file cannot be written; what was there before is still there.
    """
    try:
        _write_aside(path, content)
    except OSError as error:  # the user knows the file, not the temporary one
        raise type(error)(error.errno, error.strerror, path) from error


def _write_aside(path: str, content: bytes) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
