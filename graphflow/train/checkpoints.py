"""The ``checkpoint`` file of a folder, and looking into checkpoints without a graph."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.checkpoint.bundle import BundleReader, checkpoint_exists, index_path
from graphflow.graph.dtypes import DType
from graphflow.protos import message
from graphflow.system_files import as_op_errors, write_whole

STATE_FILE = "checkpoint"


def _state_path(folder: str, latest_filename: str | None) -> str:
    return os.path.join(folder, latest_filename or STATE_FILE)


def generate_checkpoint_state_proto(
    save_dir: str, model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> Any:  # fmt: skip
    """The message that says which checkpoints a folder has, the latest last."""
    paths = list(all_model_checkpoint_paths or [])
    if not paths or paths[-1] != model_checkpoint_path:
        paths.append(model_checkpoint_path)
    if not os.path.isabs(save_dir):
        paths = [os.path.relpath(p, save_dir) if not os.path.isabs(p) else p for p in paths]
        if not os.path.isabs(model_checkpoint_path):
            model_checkpoint_path = os.path.relpath(model_checkpoint_path, save_dir)
    state = message("CheckpointState")(model_checkpoint_path=model_checkpoint_path)
    state.all_model_checkpoint_paths.extend(paths)
    state.all_model_checkpoint_timestamps.extend(all_model_checkpoint_timestamps or [])
    if last_preserved_timestamp is not None:
        state.last_preserved_timestamp = last_preserved_timestamp
    return state


def _inside(path: str, folder: str) -> str:
    """A path relative to a folder; relative ones are made so with the message."""
    return os.path.relpath(path, folder) if os.path.isabs(path) else path


def update_checkpoint_state(
    save_dir: str, model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None, latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None, save_relative_paths: bool = False,
) -> None:  # fmt: skip
    """Write the ``checkpoint`` file of a folder; it is replaced as a whole."""
    if save_relative_paths:
        kept = all_model_checkpoint_paths or []
        all_model_checkpoint_paths = [_inside(path, save_dir) for path in kept]
        model_checkpoint_path = _inside(model_checkpoint_path, save_dir)
    state = generate_checkpoint_state_proto(
        save_dir, model_checkpoint_path, all_model_checkpoint_paths,
        all_model_checkpoint_timestamps, last_preserved_timestamp,
    )  # fmt: skip
    path = _state_path(save_dir, latest_filename)
    if path == model_checkpoint_path:
        raise RuntimeError(
            f"Save path '{model_checkpoint_path}' conflicts with path used for checkpoint state.  "
            "Please use a different save path."
        )
    from google.protobuf import text_format

    with as_op_errors(path):
        write_whole(path, text_format.MessageToString(state, as_utf8=True).encode())


def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> Any:
    """What the ``checkpoint`` file of a folder says; None when there is none or it is damaged.

    Paths that it gives relative to the folder are completed.
    """
    from google.protobuf import text_format

    folder = os.fspath(checkpoint_dir)
    try:
        with open(_state_path(folder, latest_filename), encoding="utf-8") as file:
            state = text_format.Parse(file.read(), message("CheckpointState")())
    except (OSError, text_format.ParseError, UnicodeDecodeError):
        return None
    if not state.model_checkpoint_path:
        return None

    def completed(path: str) -> str:
        return path if os.path.isabs(path) else os.path.join(folder, path)

    state.model_checkpoint_path = completed(state.model_checkpoint_path)
    for k, path in enumerate(state.all_model_checkpoint_paths):
        state.all_model_checkpoint_paths[k] = completed(path)
    return state


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The prefix of a folder's latest checkpoint; None when there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return str(state.model_checkpoint_path)


def remove_checkpoint(checkpoint_prefix: str, meta_graph_suffix: str = "meta") -> None:
    """Delete the files of a checkpoint, as far as there are any."""
    data = glob.glob(f"{glob.escape(checkpoint_prefix)}.data-?????-of-?????")
    for path in (index_path(checkpoint_prefix), *data, f"{checkpoint_prefix}.{meta_graph_suffix}"):
        if os.path.exists(path):
            os.remove(path)


def get_checkpoint_mtimes(checkpoint_prefixes: Sequence[str]) -> list[float]:
    """When each of the checkpoints that exist was written, in seconds since 1970."""
    paths = [index_path(p) for p in checkpoint_prefixes]
    return [os.path.getmtime(p) for p in paths if os.path.exists(p)]


class NewCheckpointReader:
    """Looks into a checkpoint: names, shapes, values.

    Raises
    ------
    errors.NotFoundError, errors.DataLossError : there is none, or it is damaged.
    """

    def __init__(self, filepattern: str) -> None:
        self._reader = BundleReader(os.fspath(filepattern))

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether the checkpoint has a tensor of that name."""
        return tensor_str in self._reader.entries

    def get_tensor(self, tensor_str: str) -> np.ndarray[Any, Any]:
        """A tensor's value."""
        return self._reader.read(tensor_str)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of every tensor, by name."""
        return {name: self._reader.shape(name) for name in self._reader.entries}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The element type of every tensor, by name."""
        return {name: self._reader.dtype(name) for name in self._reader.entries}


def load_checkpoint(ckpt_dir_or_file: str) -> NewCheckpointReader:
    """A reader of a checkpoint, or of a folder's latest."""
    path = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(path):
        found = latest_checkpoint(path)
        if found is None:
            raise ValueError(
                f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}"
            )
        path = found
    return NewCheckpointReader(path)


def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """Names and shapes of a checkpoint's tensors, sorted."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str, name: str) -> np.ndarray[Any, Any]:
    """One tensor of a checkpoint."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def checkpoints_iterator(
    checkpoint_dir: str, min_interval_secs: float = 0, timeout: float | None = None,
    timeout_fn: Any = None,
) -> Any:  # fmt: skip
    """Yield each new checkpoint of a folder as it appears.

    Parameters
    ----------
    min_interval_secs : the least time between two.
    timeout : how long to wait for one; for ever when None.
    timeout_fn : called after a timeout; iteration ends when it returns true, or when it is None.
    """
    last = None
    while True:
        began = time.monotonic()
        path = latest_checkpoint(checkpoint_dir)
        while path is None or path == last:
            if timeout is not None and time.monotonic() - began > timeout:
                break
            time.sleep(0.1)
            path = latest_checkpoint(checkpoint_dir)
        if path is None or path == last:
            if timeout_fn is None or timeout_fn():
                return
            continue
        last, began = path, time.monotonic()
        yield path
        time.sleep(max(0.0, min_interval_secs - (time.monotonic() - began)))
