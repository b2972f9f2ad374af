"""What TensorBoard's projector shows: embeddings, their labels and pictures."""

from __future__ import annotations

import os
from typing import Any

PROJECTOR_FILENAME = "projector_config.pbtxt"
_MESSAGES = ("EmbeddingInfo", "ProjectorConfig", "SpriteMetadata")


def visualize_embeddings(summary_writer: Any, config: Any) -> None:
    """Write a `ProjectorConfig` to where TensorBoard looks for it.

    Parameters
    ----------
    summary_writer : its folder is where; the model's checkpoints should be there too.

    Raises
    ------
    ValueError : the writer has no folder.
    """
    folder = summary_writer.get_logdir()
    if not folder:
        raise ValueError("Summary writer must have a logdir")
    from google.protobuf import text_format

    with open(os.path.join(folder, PROJECTOR_FILENAME), "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(config))


def __getattr__(name: str) -> Any:
    if name in _MESSAGES:
        from graphflow.protos import message  # imports protobuf

        return message(name)
    raise AttributeError(f"the projector has no {name!r}")
