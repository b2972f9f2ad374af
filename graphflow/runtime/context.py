"""Which session's run calls a Python function: what such functions keep, they keep by session."""

from __future__ import annotations

import threading
from typing import Any


class _Running(threading.local):
    """The variables of the session whose run the current thread is in; None outside of runs."""

    store: Any = None


running = _Running()
