"""The sessions that are the default, innermost last, for each thread.

Kept here, below the runtime, so that ``tensor.eval()`` and ``op.run()`` reach the session without
the graph knowing what a session is: anything with ``graph`` and ``run`` will do.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class _SessionStack(threading.local):
    def __init__(self) -> None:
        self.sessions: list[Any] = []


_stack = _SessionStack()


def default_session() -> Any:
    """Return the innermost default session of this thread, or None."""
    return _stack.sessions[-1] if _stack.sessions else None


def push_session(session: Any) -> None:
    """Make `session` the default one until `pop_session`."""
    _stack.sessions.append(session)


def pop_session(session: Any, enforce_nesting: bool = True) -> None:
    """Take `session` off the stack; AssertionError when it is not the innermost one.

    Without `enforce_nesting`, as interactive sessions have it, it may lie anywhere.
    """
    if not _stack.sessions:
        return
    if not enforce_nesting:
        _stack.sessions.remove(session)
    elif _stack.sessions[-1] is not session:
        raise AssertionError(f"Nesting violated for default stack of {type(session)} objects")
    else:
        _stack.sessions.pop()


@contextlib.contextmanager
def as_default_session(session: Any) -> Iterator[Any]:
    """Make `session` the default one inside a ``with`` block."""
    push_session(session)
    try:
        yield session
    finally:
        pop_session(session)


def evaluate(tensors: Any, feed_dict: Any, graph: Any, session: Any = None) -> Any:
    """Run `tensors` in `session`, or in the default session.

    Raises
    ------
    ValueError : there is no session, or it runs another graph.
    """
    if session is None:
        session = default_session()
        if session is None:
            raise ValueError(
                "Cannot evaluate tensor using `eval()`: No default session is registered. Use "
                "`with sess.as_default()` or pass an explicit session to `eval(session=sess)`"
            )
        if session.graph is not graph:
            raise ValueError(
                "Cannot use the default session to evaluate tensor: the tensor's graph is "
                "different from the session's graph. Pass an explicit session to "
                "`eval(session=sess)`."
            )
    elif session.graph is not graph:
        raise ValueError(
            "Cannot use the given session to evaluate tensor: the tensor's graph is different "
            "from the session's graph."
        )
    return session.run(tensors, feed_dict)


def execute(operation: Any, feed_dict: Any, graph: Any, session: Any = None) -> None:
    """Run `operation` in `session`, or in the default session; errors as in `evaluate`."""
    if session is None:
        session = default_session()
        if session is None:
            raise ValueError(
                "Cannot execute operation using `run()`: No default session is registered. Use "
                "`with sess.as_default():` or pass an explicit session to `run(session=sess)`"
            )
        if session.graph is not graph:
            raise ValueError(
                "Cannot use the default session to execute operation: the operation's graph is "
                "different from the session's graph. Pass an explicit session to "
                "run(session=sess)."
            )
    elif session.graph is not graph:
        raise ValueError(
            "Cannot use the given session to execute operation: the operation's graph is "
            "different from the session's graph."
        )
    session.run(operation, feed_dict)
