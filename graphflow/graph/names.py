"""Unique names and name scopes of a graph.

The rule is TensorFlow's: names differ by more than case, the first use of ``add`` is ``add``, the
next ``add_1``. A scope is a prefix; entering ``layer`` twice gives ``layer/`` and ``layer_1/``,
entering ``layer/`` (with the slash) goes back into the first.
"""

from __future__ import annotations

import re
import threading
from types import TracebackType
from typing import Any

VALID_OP_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\-/]*$")
VALID_SCOPE_NAME = re.compile(r"^[A-Za-z0-9_.\-/]*$")


def name_from_scope_name(name: str) -> str:
    """Return a scope's name without the slash at its end."""
    return name[:-1] if name and name[-1] == "/" else name


class _ThreadState(threading.local):
    """Scopes are a matter of the thread that builds; None and "" both mean no scope."""

    name_stack: str | None = ""


class Names:
    """The part of a graph that hands out names."""

    def __init__(self) -> None:
        self._names_in_use: dict[str, int] = {}
        self._thread_state = _ThreadState()

    @property
    def _name_stack(self) -> str | None:
        return self._thread_state.name_stack

    @_name_stack.setter
    def _name_stack(self, name_stack: str | None) -> None:
        self._thread_state.name_stack = name_stack

    def get_name_scope(self) -> str | None:
        """Return the current scope without a slash at its end: ``layer/conv``."""
        return self._thread_state.name_stack

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return `name` inside the current scope, numbered when it is taken.

        With `mark_as_used` False, the name stays free: this only tells what it would be.
        """
        scope = self._thread_state.name_stack
        if scope:
            name = f"{scope}/{name}"
        base = key = name.lower()
        count = self._names_in_use.get(key, 0)
        if mark_as_used:
            self._names_in_use[key] = count + 1
        if count == 0:
            return name
        number = count
        while key in self._names_in_use:
            key = f"{base}_{number}"
            number += 1
        if mark_as_used:
            self._names_in_use[key] = 1
        return f"{name}_{number - 1}"

    def _note_name(self, name: str) -> None:
        """Keep a name that came with an imported operation from being given again."""
        self._names_in_use.setdefault(name.lower(), 1)

    def _release_name(self, name: str, unscoped: str) -> None:
        """Take back what the last ``unique_name(unscoped)`` did, which returned `name`."""
        scope = self._thread_state.name_stack
        base = (f"{scope}/{unscoped}" if scope else unscoped).lower()
        if name.lower() != base:
            del self._names_in_use[name.lower()]
        self._names_in_use[base] -= 1
        if not self._names_in_use[base]:
            del self._names_in_use[base]

    def name_scope(self, name: Any) -> NameScope:
        """Return a context manager that puts operations made inside it into a scope.

        ``None`` and the empty name go back to the top. The manager gives the scope's name with a
        slash at its end, which, passed as a name, re-enters the very same scope.
        """
        if isinstance(name, bytes):
            name = name.decode()
        return NameScope(self, name)


class NameScope:
    """Context manager of `Graph.name_scope`."""

    __slots__ = ("_name", "_names", "_old")

    def __init__(self, names: Names, name: str | None) -> None:
        self._names = names
        self._name = name
        self._old: str | None = None

    def __enter__(self) -> str:
        names, name = self._names, self._name
        self._old = names._name_stack
        if not name:
            names._name_stack = None
            return ""
        valid = VALID_SCOPE_NAME if self._old else VALID_OP_NAME
        if not valid.match(name):
            raise ValueError(f"'{name}' is not a valid scope name")
        if name[-1] == "/":
            names._name_stack = name_from_scope_name(name)
        else:
            names._name_stack = names.unique_name(name)
        return f"{names._name_stack}/"

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._names._name_stack = self._old
