"""TensorFlow's debugger as far as scripts use it: sessions that report NaNs and infinities.

There is no prompt: a run goes on, and what the filter `has_inf_or_nan` would have stopped at is
printed, once for each operation, with its operands and its line.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from graphflow.runtime.inspectors import inspect_session
from graphflow.runtime.nan_search import Finding, NanSearch
from graphflow.runtime.statistics import count_not_finite
from graphflow.train.session_layers import WrappedSession
from graphflow.train.session_run_hook import SessionRunHook


def has_inf_or_nan(datum: Any, tensor: Any) -> bool:
    """Whether a tensor holds a NaN or an infinity: a filter for `add_tensor_filter`."""
    if tensor is None:
        return False
    return any(count_not_finite(np.asarray(tensor)))


class _Reports(NanSearch):
    """A search that prints and goes on."""

    def found(self, finding: Finding) -> None:
        """Print a finding, once for each operation."""
        known = len(self.findings)
        super().found(finding)
        if len(self.findings) > known:
            sys.stderr.write(f"graphflow: nan: {finding}\n")


class LocalCLIDebugWrapperSession(WrappedSession):
    """A session that reports what makes NaNs and infinities, if it is given that filter.

    Parameters
    ----------
    sess : the session that runs.
    dump_root, log_usage, ui_type, thread_name_filter, config_file_path : accepted; there is no
        prompt.
    """

    def __init__(
        self, sess: Any, dump_root: Any = None, log_usage: bool = True, ui_type: str = "curses",
        thread_name_filter: Any = None, config_file_path: Any = False,
    ) -> None:  # fmt: skip
        super().__init__(sess)

    def add_tensor_filter(self, filter_name: str, tensor_filter: Any) -> None:
        """Report NaNs and infinities from now on; other filters need the prompt.

        Raises
        ------
        TypeError, ValueError : a name or a filter is not what it should be.
        """
        if not isinstance(filter_name, str):
            raise TypeError(
                f"Input argument filter_name is expected to be str, got {filter_name!r}"
            )
        if not filter_name:
            raise ValueError("Input argument filter_name cannot be empty.")
        if not callable(tensor_filter):
            raise TypeError("Input argument tensor_filter is expected to be callable")
        if tensor_filter is has_inf_or_nan:
            inspect_session(self._sess, _Reports(stops=False))

    def __enter__(self) -> LocalCLIDebugWrapperSession:
        self._sess.__enter__()
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self._sess.__exit__(kind, value, trace)

    def __getattr__(self, name: str) -> Any:
        if name == "_sess":
            raise AttributeError(name)
        return getattr(self._sess, name)


class LocalCLIDebugHook(SessionRunHook):
    """The same for a monitored session.

    Parameters
    ----------
    ui_type, dump_root, thread_name_filter, config_file_path : accepted; there is no prompt.
    """

    def __init__(
        self, ui_type: str = "curses", dump_root: Any = None, thread_name_filter: Any = None,
        config_file_path: Any = None,
    ) -> None:  # fmt: skip
        self._searches = False

    def add_tensor_filter(self, filter_name: str, tensor_filter: Any) -> None:
        """Report NaNs and infinities from now on; other filters need the prompt."""
        self._searches = self._searches or tensor_filter is has_inf_or_nan

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Look at the new session's runs."""
        if self._searches:
            inspect_session(session, _Reports(stops=False))
