"""Switches of the package, read from the environment once.

Attributes
----------
verify : check every Program between passes, and every kernel that it is lowered to
    (GRAPHFLOW_VERIFY=1); always on in the tests.
"""

from __future__ import annotations

import os

verify: bool = os.environ.get("GRAPHFLOW_VERIFY", "") not in ("", "0")
