"""`Saver`: variables to checkpoints and back, under TensorFlow 1.15's names in the graph."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphflow import errors, logging
from graphflow.checkpoint.bundle import BundleReader, checkpoint_exists
from graphflow.graph.default import device, get_default_graph, name_scope
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import group, placeholder_with_default, with_dependencies
from graphflow.ops.partitioned_variables import PartitionedVariable
from graphflow.ops.variable_lists import global_variables
from graphflow.ops.variables import Variable
from graphflow.protos import message
from graphflow.train.checkpoints import remove_checkpoint, update_checkpoint_state
from graphflow.train.saveables import SaveableObject, VariableSaveable
from graphflow.train.saving_ops import restore_v2, save_v2
from graphflow.train.trackable import GRAPH_KEY

V1, V2 = 1, 2


def _items(var_list: Any) -> list[SaveableObject]:
    """What is to be saved, sorted by name.

    Raises
    ------
    ValueError : two variables of one name.
    TypeError : something that is no variable.
    """
    if isinstance(var_list, Mapping):
        named = list(var_list.items())
    else:
        named = [(_name_of(v), v) for v in var_list]
    found: list[SaveableObject] = []
    objects: dict[str, SaveableObject] = {}  # of one name, the last counts
    for name, variable in named:
        if isinstance(variable, (PartitionedVariable, list, tuple)):
            found += [VariableSaveable(name, part) for part in variable]
        elif isinstance(variable, Variable) or _is_reference(variable):
            found.append(VariableSaveable(name, variable))
        elif isinstance(variable, SaveableObject):
            objects[name] = variable
        else:
            raise TypeError(
                "names_to_saveables must be a dict mapping string names to Tensors/Variables. Not "
                f"a variable: {variable}"
            )
    found += objects.values()
    seen: set[tuple[str, str]] = set()
    for item in found:
        key = item.name, item.specs[0].slice_spec if item.specs else ""
        if key in seen:
            raise ValueError(f"At least two variables have the same name: {item.name}")
        seen.add(key)
    return sorted(found, key=lambda item: item.name)


def _is_reference(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype._is_ref_dtype


def _name_of(variable: Any) -> str:
    if isinstance(variable, PartitionedVariable):
        return str(variable.name)
    if isinstance(variable, SaveableObject):
        return variable.name
    if isinstance(variable, Variable) or _is_reference(variable):
        return str(variable.op.name)
    raise TypeError(f"Variable to save is not a Variable: {variable}")


class Saver:
    """Saves and restores variables.

    Parameters
    ----------
    var_list : variables and `SaveableObject`s, or a dict from names in the checkpoint to them; all
        when None.
    reshape : restore into variables of another shape with as many elements.
    max_to_keep : how many of the latest checkpoints are kept; None or 0 keeps all.
    keep_checkpoint_every_n_hours : keep one of each such period beside them.
    name : the scope of the operations.
    saver_def : names of operations that the graph has already, as a SaverDef.
    defer_build : make the operations when `build` is called.
    allow_empty : no error when there is no variable.
    save_relative_paths : write paths into the ``checkpoint`` file relative to its folder.
    pad_step_number : eight digits for the step in names.
    sharded, restore_sequentially, builder, write_version, filename : accepted.

    Raises
    ------
    ValueError : there is nothing to save; two variables have one name.
    """

    def __init__(
        self, var_list: Any = None, reshape: bool = False, sharded: bool = False,
        max_to_keep: int | None = 5, keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None, restore_sequentially: bool = False, saver_def: Any = None,
        builder: Any = None, defer_build: bool = False, allow_empty: bool = False,
        write_version: int = V2, pad_step_number: bool = False, save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:  # fmt: skip
        if defer_build and var_list:
            raise ValueError(
                "If `var_list` is provided then build cannot be deferred. Either set "
                "defer_build=False or var_list=None."
            )
        self._var_list, self._reshape, self._name = var_list, reshape, name
        self._max_to_keep = max_to_keep or 0
        self._hours = keep_checkpoint_every_n_hours
        self._allow_empty, self._pad_step_number = allow_empty, pad_step_number
        self._relative, self._filename = save_relative_paths, filename
        self.saver_def = saver_def
        self._is_empty = False
        self._last_checkpoints: list[tuple[str, float]] = []
        self._next_checkpoint_time = time.time() + self._hours * 3600
        self._is_built = False
        if saver_def is not None:
            self._is_built = True
            self._max_to_keep = saver_def.max_to_keep
        elif not defer_build:
            self.build()

    # ---- the graph

    def build(self) -> None:
        """Make the operations, unless that is done."""
        if self._is_built:
            return
        self._is_built = True
        if self._var_list is None:
            everything = get_default_graph().get_collection("saveable_objects")
            self._var_list = global_variables() + everything
        if not self._var_list:
            if not self._allow_empty:
                raise ValueError("No variables to save")
            self._is_empty = True
            return
        items = _items(self._var_list)
        specs = [spec for item in items for spec in item.specs]
        with name_scope(self._name, "save", [spec.tensor for spec in specs]):
            filename = placeholder_with_default(self._filename or "model", [], name="filename")
            prefix = placeholder_with_default(filename, [], name="Const")
            names, parts = [s.name for s in specs], [s.slice_spec for s in specs]
            with device("cpu:0"):
                saved = save_v2(prefix, names, parts, [s.tensor for s in specs])
            done = with_dependencies([saved], prefix)
            types = [s.dtype for s in specs]
            with device("cpu:0"):
                values = iter(restore_v2(prefix, names, parts, types))
            restored = [self._restored(item, [next(values) for _ in item.specs]) for item in items]
            restore = group(*restored, name="restore_all")
        self.saver_def = message("SaverDef")(
            filename_tensor_name=prefix.name, save_tensor_name=done.name,
            restore_op_name=restore.name, max_to_keep=self._max_to_keep,
            keep_checkpoint_every_n_hours=self._hours, version=V2,
        )  # fmt: skip

    def _restored(self, item: SaveableObject, values: list[Tensor]) -> Any:
        if not self._reshape:
            return item.restore(values, None)
        return item.restore(values, [spec.tensor.shape.as_list() for spec in item.specs])

    def as_saver_def(self) -> Any:
        """The names of the operations, as a SaverDef."""
        return self.saver_def

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The names of the operations, as a SaverDef."""
        return self.saver_def

    @staticmethod
    def from_proto(saver_def: Any, import_scope: str | None = None) -> Saver:
        """A Saver whose operations the graph has already, under the names that a SaverDef gives."""
        named = message("SaverDef")()
        named.CopyFrom(saver_def)
        if import_scope:
            for field in ("filename_tensor_name", "save_tensor_name", "restore_op_name"):
                setattr(named, field, f"{import_scope}/{getattr(named, field)}")
        return Saver(saver_def=named, name=import_scope)

    # ---- what was written

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept, the latest last."""
        return [path for path, _ in self._last_checkpoints]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: Any) -> None:
        """Take over the list of checkpoints with their times."""
        self._last_checkpoints = list(last_checkpoints_with_time)

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Take over the list of checkpoints."""
        self._last_checkpoints = [(path, np.inf) for path in last_checkpoints]

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Take over those of the checkpoints that exist, so that they are deleted in their turn."""
        found = [p for p in checkpoint_paths if checkpoint_exists(p)]
        self._last_checkpoints = [(p, time.time()) for p in found]

    def _note(self, path: str, suffix: str) -> None:
        """Add a checkpoint to the list; delete the one that is too much."""
        if not self._max_to_keep:
            self._last_checkpoints = [(path, time.time())]
            return
        kept = [(p, t) for p, t in self._last_checkpoints if p != path]
        self._last_checkpoints = [*kept, (path, time.time())]
        if len(self._last_checkpoints) <= self._max_to_keep:
            return
        old, written = self._last_checkpoints.pop(0)
        if written > self._next_checkpoint_time:
            self._next_checkpoint_time += self._hours * 3600
            return
        remove_checkpoint(old, suffix)

    # ---- saving and restoring

    def save(
        self, sess: Any, save_path: str, global_step: Any = None,
        latest_filename: str | None = None, meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True, write_state: bool = True, strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:  # fmt: skip
        """Write the variables; returns the checkpoint's prefix.

        Parameters
        ----------
        sess : the session that has the variables.
        save_path : the prefix; ``-STEP`` is added when `global_step` is given.
        global_step : a number, a tensor, a variable or the name of one.
        latest_filename : the name of the ``checkpoint`` file.
        write_meta_graph : write the graph too, as ``PREFIX.meta``.
        write_state : bring the ``checkpoint`` file up to date.

        Raises
        ------
        RuntimeError : `build` was not called.
        ValueError : the folder's own folder does not exist; `latest_filename` is a path.
        """
        self._check_built()
        save_path = os.fspath(save_path)
        latest_filename = latest_filename or "checkpoint"
        if os.path.split(latest_filename)[0]:
            raise ValueError("'latest_filename' must not contain path components")
        path = self._numbered(sess, save_path, global_step)
        if self._is_empty:
            return None
        folder = os.path.dirname(path)
        try:
            prefix = sess.run(
                self.saver_def.save_tensor_name, {self.saver_def.filename_tensor_name: path}
            )
        except errors.NotFoundError as error:
            if not os.path.isdir(folder or "."):
                raise ValueError(
                    f"Parent directory of {save_path} doesn't exist, can't save."
                ) from error
            raise
        path = prefix.decode() if isinstance(prefix, bytes) else str(prefix)
        self._note(path, meta_graph_suffix)
        if write_state:
            update_checkpoint_state(
                folder, path, self.last_checkpoints, latest_filename,
                save_relative_paths=self._relative,
            )  # fmt: skip
        if write_meta_graph:
            with sess.graph.as_default():
                self.export_meta_graph(f"{path}.{meta_graph_suffix}")
        return path

    def _numbered(self, sess: Any, save_path: str, global_step: Any) -> str:
        if global_step is None:
            if not os.path.basename(save_path):
                raise ValueError("save_path must have a file name, got a folder")
            return save_path
        if not isinstance(global_step, (int, np.integer)):
            if isinstance(global_step, str):
                global_step = get_default_graph().as_graph_element(global_step)
            global_step = int(np.asarray(sess.run(global_step)))
        number = f"{global_step:08d}" if self._pad_step_number else str(global_step)
        return f"{save_path}-{number}"

    def _check_built(self) -> None:
        if not self._is_built:
            raise RuntimeError("`build()` should be called before save if defer_build==True")

    def restore(self, sess: Any, save_path: str) -> None:
        """Give the variables the values of a checkpoint.

        Raises
        ------
        ValueError : `save_path` is None or no checkpoint.
        errors.NotFoundError : the checkpoint lacks a variable.
        errors.InvalidArgumentError : a variable has another shape or type there.
        errors.DataLossError : the checkpoint is damaged.
        """
        if self._is_empty:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        save_path = os.fspath(save_path)
        if not checkpoint_exists(save_path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {save_path}")
        logging.info("Restoring parameters from %s", save_path)
        try:
            sess.run(
                self.saver_def.restore_op_name, {self.saver_def.filename_tensor_name: save_path}
            )
        except errors.NotFoundError as error:
            if self._restored_from_objects(sess, save_path):
                return
            cause = "a Variable name or other graph key that is missing from the checkpoint"
            raise errors.NotFoundError(None, None, _failure(cause, error)) from error
        except errors.InvalidArgumentError as error:
            cause = "a mismatch between the current graph and the graph from the checkpoint"
            raise errors.InvalidArgumentError(None, None, _failure(cause, error)) from error

    def _restored_from_objects(self, sess: Any, save_path: str) -> bool:
        """Read a checkpoint of objects by the variables' full names; whether it has them all."""
        reader = BundleReader(save_path)
        if GRAPH_KEY not in reader.entries:
            return False
        graph = message("TrackableObjectGraph")()
        graph.ParseFromString(reader.read(GRAPH_KEY).item())
        keys = {a.full_name: a.checkpoint_key for node in graph.nodes for a in node.attributes}
        items = _items(global_variables() if self._var_list is None else self._var_list)
        if not all(isinstance(item, VariableSaveable) and item.name in keys for item in items):
            return False
        if any(item.specs[0].slice_spec for item in items):
            return False
        for item in items:
            item.op.load(reader.read(keys[item.name]), sess)
        return True

    def export_meta_graph(
        self, filename: str | None = None, collection_list: Any = None, as_text: bool = False,
        export_scope: str | None = None, clear_devices: bool = False,
        clear_extraneous_savers: bool = False, strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> Any:  # fmt: skip
        """Write the graph, its collections and the names of these operations; see `meta_graph`."""
        from graphflow.train.meta_graph import export_meta_graph

        return export_meta_graph(
            filename, saver_def=self.saver_def, collection_list=collection_list, as_text=as_text,
            export_scope=export_scope, clear_devices=clear_devices,
        )  # fmt: skip


def _failure(cause: str, error: errors.OpError) -> str:
    return (
        f"Restoring from checkpoint failed. This is most likely due to {cause}. Please ensure that "
        "you have not altered the graph expected based on the checkpoint. Original error:\n\n"
        f"{error.message}"
    )
