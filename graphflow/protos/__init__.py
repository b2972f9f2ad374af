"""TensorFlow's protocol buffers: graphs, checkpoints, summaries, examples, as real messages.

The messages are made by the protobuf library from the table in `schema`, on first use. They live in
a descriptor pool of their own, so that TensorFlow may be imported beside graphflow.
"""

from __future__ import annotations

from typing import Any

_messages: dict[str, Any] = {}


def message(name: str) -> Any:
    """The class of a message, such as ``"GraphDef"`` or ``"Summary.Value"``.

    Raises
    ------
    KeyError : there is no such message.
    """
    if not _messages:
        from graphflow.protos.factory import make_messages  # imports protobuf

        _messages.update(make_messages())
    return _messages[name]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return message(name)
    except KeyError:
        raise AttributeError(f"module 'graphflow.protos' has no message {name!r}") from None
