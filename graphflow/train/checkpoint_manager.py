"""`tf.train.CheckpointManager`: the last checkpoints of a folder, older ones deleted."""

from __future__ import annotations

import os
import time
from typing import Any

from graphflow.train.checkpoints import (
    get_checkpoint_state,
    remove_checkpoint,
    update_checkpoint_state,
)
from graphflow.train.object_checkpoints import Checkpoint, session_or_default


class CheckpointManager:
    """Saves a `Checkpoint` again and again.

    Parameters
    ----------
    directory : the folder; made when needed.
    max_to_keep : how many checkpoints stay; all when None.
    keep_checkpoint_every_n_hours : one in so many hours stays for good.
    checkpoint_name : the files' names begin with it.

    Raises
    ------
    ValueError : `max_to_keep` is not positive.
    """

    def __init__(
        self, checkpoint: Checkpoint, directory: str, max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None, checkpoint_name: str = "ckpt",
    ) -> None:  # fmt: skip
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(f"Expected a positive integer or `None` for `max_to_keep`, "
                             f"got {max_to_keep}.")  # fmt: skip
        self._checkpoint, self._directory = checkpoint, os.fspath(directory)
        self._limit, self._hours = max_to_keep, keep_checkpoint_every_n_hours
        self._prefix = os.path.join(self._directory, checkpoint_name)
        state = get_checkpoint_state(self._directory) if os.path.isdir(self._directory) else None
        self.latest_checkpoint: str | None = None
        self._times: dict[str, float] = {}  # of those that may be deleted, the oldest first
        now = time.time()
        self._kept_at = now if state is None else state.last_preserved_timestamp or now
        if state is not None:
            self.latest_checkpoint = state.model_checkpoint_path
            paths, times = state.all_model_checkpoint_paths, state.all_model_checkpoint_timestamps
            known = list(times) if len(times) == len(paths) else [now] * len(paths)
            self._times = dict(zip(paths, known, strict=True))

    @property
    def checkpoints(self) -> list[str]:
        """The checkpoints that there are, the oldest first; not those that stay for good."""
        return list(self._times)

    def save(self, checkpoint_number: int | None = None, session: Any = None) -> str:
        """Write a checkpoint, and delete those that are too many."""
        session = session_or_default(session)
        count = self._checkpoint.counted(session)
        number = count if checkpoint_number is None else int(checkpoint_number)
        path = self._checkpoint.write(f"{self._prefix}-{number}", session)
        self._times.pop(path, None)
        self._times[path] = time.time()
        self.latest_checkpoint = path
        outdated = self._outdated()
        update_checkpoint_state(
            self._directory, path, self.checkpoints,
            all_model_checkpoint_timestamps=list(self._times.values()),
            last_preserved_timestamp=self._kept_at, save_relative_paths=True,
        )  # fmt: skip
        for old in outdated:  # when the state file does not name them any more
            remove_checkpoint(old)
        return path

    def _outdated(self) -> list[str]:
        found = []
        while self._limit is not None and len(self._times) > self._limit:
            path, at = next(iter(self._times.items()))
            del self._times[path]
            if self._hours is not None and at - self._kept_at >= self._hours * 3600:
                self._kept_at = at
            else:
                found.append(path)
        return found
