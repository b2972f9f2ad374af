"""The error classes: TensorFlow's, for the user's mistakes, and one for our own.

::

    Exception
    ├── OpError                          something failed in a run; carries op, message, error_code
    │   ├── CancelledError               1   the run was cancelled
    │   ├── UnknownError                 2
    │   ├── InvalidArgumentError         3   a shape, value or index that the op cannot take
    │   ├── DeadlineExceededError        4   operation_timeout_in_ms ran out
    │   ├── NotFoundError                5   a file or a tensor of a checkpoint is missing
    │   ├── AlreadyExistsError           6
    │   ├── PermissionDeniedError        7
    │   ├── ResourceExhaustedError       8   no memory for a value
    │   ├── FailedPreconditionError      9   a variable is read before it is initialised
    │   ├── AbortedError                 10
    │   ├── OutOfRangeError              11  the end of an input was reached
    │   ├── UnimplementedError           12
    │   ├── InternalError                13
    │   ├── UnavailableError             14
    │   ├── DataLossError                15  a file is truncated or corrupt
    │   └── UnauthenticatedError         16
    ├── TypeError
    │   └── OperatorNotAllowedInGraphError   ``if tensor:``, ``for row in tensor:``
    ├── ValueError
    │   └── InaccessibleTensorError          a tensor used outside the function that it belongs to
    └── CompilerError                    a fault of graphflow itself: names pass, rule or kernel

Mistakes that can be seen while the graph is built are plain `ValueError` and `TypeError`.
"""

from __future__ import annotations

from typing import Any

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


class CompilerError(Exception):
    """A fault of graphflow itself; the user's program is not to blame."""


class SpeculationError(CompilerError):
    """A run was compiled for a case that its data is not; the session catches it and goes on."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(f"{op}: {message}")


class InaccessibleTensorError(ValueError):
    """A tensor is used where its value cannot be reached."""


class OperatorNotAllowedInGraphError(TypeError):
    """A tensor is used as a Python bool or iterator, which a graph cannot offer."""


class OpError(Exception):
    """An operation failed while a graph ran.

    Parameters
    ----------
    node_def : the operation's `NodeDef`, or None.
    op : the `Operation`, or None when the fault belongs to no operation of the graph.
    message : what was expected and what came.
    error_code : one of the constants of this module.
    """

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int) -> None:
        super().__init__(message)
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = error_code

    def __reduce__(self) -> Any:
        # An Operation belongs to a graph of this process, so it stays behind, its text goes along.
        if type(self) in (OpError, UnknownError):
            return type(self), (None, None, str(self), self._error_code)
        return type(self), (None, None, str(self))

    @property
    def message(self) -> str:
        """What went wrong, without the place where the operation was made."""
        return self._message

    @property
    def op(self) -> Any:
        """The operation that failed, or None."""
        return self._op

    @property
    def error_code(self) -> int:
        """The code of the class, as in this module's constants."""
        return self._error_code

    @property
    def node_def(self) -> Any:
        """The `NodeDef` of the operation that failed, or None."""
        return self._node_def

    def __str__(self) -> str:
        if self._op is None:
            return self._message
        text = f"{self._message}\n\nOriginal stack trace for {self._op.name!r}:\n"
        for file, line, function, source in self._op.traceback:
            text += f'  File "{file}", line {line}, in {function}\n'
            text += f"    {source}\n" if source else ""
        return text


class CancelledError(OpError):
    """The run, or the step that it belongs to, was cancelled."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, CANCELLED)


class UnknownError(OpError):
    """An error that no other class describes."""

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int = UNKNOWN) -> None:
        super().__init__(node_def, op, message, error_code)


class InvalidArgumentError(OpError):
    """An operation got a shape, value or index that it cannot take."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, INVALID_ARGUMENT)


class DeadlineExceededError(OpError):
    """The run took longer than it was allowed to."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, DEADLINE_EXCEEDED)


class NotFoundError(OpError):
    """A file, or an entry of one, does not exist."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, NOT_FOUND)


class AlreadyExistsError(OpError):
    """What was to be made exists already."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, ALREADY_EXISTS)


class PermissionDeniedError(OpError):
    """The caller may not do this."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, PERMISSION_DENIED)


class UnauthenticatedError(OpError):
    """The request has no valid credentials."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, UNAUTHENTICATED)


class ResourceExhaustedError(OpError):
    """There is not enough memory for a value."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, RESOURCE_EXHAUSTED)


class FailedPreconditionError(OpError):
    """The state is not ready for the operation: most often, an uninitialised variable."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, FAILED_PRECONDITION)


class AbortedError(OpError):
    """The operation was given up, most often because of another one at the same time."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, ABORTED)


class OutOfRangeError(OpError):
    """The end of an input was passed."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, OUT_OF_RANGE)


class UnimplementedError(OpError):
    """The operation is known but not available for these types or on this device."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, UNIMPLEMENTED)


class InternalError(OpError):
    """The system is in a state that it should not be in."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, INTERNAL)


class UnavailableError(OpError):
    """The runtime cannot serve the request now."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, UNAVAILABLE)


class DataLossError(OpError):
    """A file is truncated or corrupt."""

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        super().__init__(node_def, op, message, DATA_LOSS)


_CLASS_OF_CODE: dict[int, type[OpError]] = {
    CANCELLED: CancelledError,
    UNKNOWN: UnknownError,
    INVALID_ARGUMENT: InvalidArgumentError,
    DEADLINE_EXCEEDED: DeadlineExceededError,
    NOT_FOUND: NotFoundError,
    ALREADY_EXISTS: AlreadyExistsError,
    PERMISSION_DENIED: PermissionDeniedError,
    UNAUTHENTICATED: UnauthenticatedError,
    RESOURCE_EXHAUSTED: ResourceExhaustedError,
    FAILED_PRECONDITION: FailedPreconditionError,
    ABORTED: AbortedError,
    OUT_OF_RANGE: OutOfRangeError,
    UNIMPLEMENTED: UnimplementedError,
    INTERNAL: InternalError,
    UNAVAILABLE: UnavailableError,
    DATA_LOSS: DataLossError,
}
_CODE_OF_CLASS = {cls: code for code, cls in _CLASS_OF_CODE.items()}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Return the class of an error code; KeyError when there is none."""
    return _CLASS_OF_CODE[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """Return the error code of a class; KeyError when there is none."""
    return _CODE_OF_CLASS[cls]
