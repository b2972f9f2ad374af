"""Which session's run calls a Python function, and until when it may take.

What such functions keep, they keep by session; those that wait look at the deadline.
"""

from __future__ import annotations

import threading
from typing import Any


class _Running(threading.local):
    """The run that the current thread is in.

    Attributes
    ----------
    store : the variables of the run's session; None outside of runs.
    deadline : the monotonic clock's nanoseconds at which the run must have ended; 0 for never.
    """

    store: Any = None
    deadline: int = 0


running = _Running()
