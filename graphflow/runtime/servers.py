"""The servers of this process, which sessions may name as their target."""

from __future__ import annotations

from graphflow.errors import NotFoundError, UnavailableError

SCHEME = "grpc://"
_targets: set[str] = set()


def register(target: str) -> None:
    """Let sessions have this target."""
    _targets.add(target)


def unregister(target: str) -> None:
    """Let sessions have this target no more."""
    _targets.discard(target)


def check_target(target: str | bytes) -> None:
    """Raise an OpError unless the target is this process: empty, or a server made in it."""
    text = target.decode() if isinstance(target, bytes) else target
    if not text or text in _targets:
        return
    if text.startswith(SCHEME):
        raise UnavailableError(
            None, None,
            f"expected a target in this process, got {text!r}: sessions run in one process, and "
            "no tf.train.Server of this process has that target",
        )  # fmt: skip
    raise NotFoundError(
        None, None,
        f"No session factory registered for the given session options: {{target: {text!r}}}. "
        "Targets are '' and that of a tf.train.Server",
    )  # fmt: skip
