"""``tf.logging``: messages to standard error, over Python's own logging."""

from __future__ import annotations

import logging as _logging
import sys
from typing import Any

DEBUG, INFO, WARN, ERROR, FATAL = (
    _logging.DEBUG, _logging.INFO, _logging.WARNING, _logging.ERROR, _logging.CRITICAL,
)  # fmt: skip
_logger = _logging.getLogger("tensorflow")
_counts: dict[Any, int] = {}


def _get_logger() -> _logging.Logger:
    if not _logger.handlers and not _logging.getLogger().handlers:
        handler = _logging.StreamHandler(sys.stderr)
        handler.setFormatter(_logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
        _logger.addHandler(handler)
        if _logger.level == _logging.NOTSET:
            _logger.setLevel(WARN)
    return _logger


def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of a level."""
    _get_logger().log(level, msg, *args, **kwargs)


def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message for debugging."""
    _get_logger().debug(msg, *args, **kwargs)


def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a piece of information; not shown unless the verbosity is INFO."""
    _get_logger().info(msg, *args, **kwargs)


def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a warning."""
    _get_logger().warning(msg, *args, **kwargs)


warn = warning


def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write an error."""
    _get_logger().error(msg, *args, **kwargs)


def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a fatal error; the program goes on."""
    _get_logger().critical(msg, *args, **kwargs)


def vlog(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write a message of a level."""
    log(level, msg, *args, **kwargs)


def _caller() -> tuple[str, int]:
    frame = sys._getframe(2)
    return frame.f_code.co_filename, frame.f_lineno


def log_every_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Write a message at the first and every n-th call from a line."""
    place = _caller()
    count = _counts.get(place, 0)
    _counts[place] = count + 1
    log_if(level, msg, count % n == 0, *args)


def log_first_n(level: int, msg: Any, n: int, *args: Any) -> None:
    """Write a message at the first n calls from a line."""
    place = _caller()
    count = _counts.get(place, 0)
    _counts[place] = count + 1
    log_if(level, msg, count < n, *args)


def log_if(level: int, msg: Any, condition: Any, *args: Any) -> None:
    """Write a message if the condition holds."""
    if condition:
        log(level, msg, *args)


def set_verbosity(v: int | str) -> None:
    """Show messages from this level on."""
    _get_logger().setLevel(v)


def get_verbosity() -> int:
    """The level from which on messages are shown."""
    return _get_logger().getEffectiveLevel()


def flush() -> None:
    """Write out what waits."""
    for handler in _get_logger().handlers:
        handler.flush()


def TaskLevelStatusMessage(msg: Any) -> None:
    """Write an error."""
    error(msg)
