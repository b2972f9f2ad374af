"""When a hook acts: every so many steps or seconds."""

from __future__ import annotations

import time


class SecondOrStepTimer:
    """Triggers at the first step it is asked about, then every N seconds or every N steps.

    Raises
    ------
    ValueError : not exactly one of the two is given.
    """

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if every_secs is None and every_steps is None:
            raise ValueError("Either every_secs or every_steps should be provided.")
        if every_secs is not None and every_steps is not None:
            raise ValueError("Can not provide both every_secs and every_steps.")
        self._every_secs, self._every_steps = every_secs, every_steps
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._last_step: int | None = None
        self._last_time: float | None = None

    def should_trigger_for_step(self, step: int) -> bool:
        """Whether it is time; never twice for one step."""
        if self._last_step is None or self._last_time is None:
            return True
        if step == self._last_step:
            return False
        if self._every_secs is not None:
            return time.time() >= self._last_time + self._every_secs
        return step >= self._last_step + (self._every_steps or 0)

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Note a trigger; the seconds and steps since the one before, None for the first."""
        now = time.time()
        elapsed: tuple[float | None, int | None] = (None, None)
        if self._last_step is not None and self._last_time is not None:
            elapsed = now - self._last_time, step - self._last_step
        self._last_step, self._last_time = step, now
        return elapsed

    def last_triggered_step(self) -> int | None:
        """The step of the last trigger."""
        return self._last_step


class NeverTriggerTimer:
    """Never triggers."""

    def reset(self) -> None:
        """Do nothing."""

    def should_trigger_for_step(self, step: int) -> bool:
        """False."""
        return False

    def update_last_triggered_step(self, step: int) -> tuple[None, None]:
        """Note nothing."""
        return None, None

    def last_triggered_step(self) -> None:
        """None."""
        return
