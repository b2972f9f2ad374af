"""`tf.train.Checkpoint`: variables of objects, in checkpoints that name them after the objects."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from graphflow.checkpoint.bundle import BundleReader, checkpoint_exists, write_bundle
from graphflow.errors import NotFoundError
from graphflow.graph.default import get_default_graph
from graphflow.graph.session_stack import default_session as get_default_session
from graphflow.ops.variable_lists import variables_initializer
from graphflow.ops.variables import Variable
from graphflow.protos import message
from graphflow.train.checkpoints import update_checkpoint_state
from graphflow.train.trackable import GRAPH_KEY, ObjectGraph, matched

_COUNTER = "save_counter"


def session_or_default(session: Any = None) -> Any:
    """The session that was given, or the default one.

    Raises
    ------
    RuntimeError : there is none.
    """
    found = session or get_default_session()
    if found is None:
        raise RuntimeError("Expected a default session or a `session` argument, got none.")
    return found


def write_objects(root: Any, prefix: str, session: Any) -> str:
    """Write the variables of an object, and of all that it holds; returns the prefix."""
    graph = ObjectGraph.of(root)
    variables = graph.variables()
    values = dict(zip(variables, session.run(list(variables.values())), strict=True))
    values[GRAPH_KEY] = np.array(graph.as_proto().SerializeToString(), dtype=object)
    os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
    write_bundle(prefix, values)
    return prefix


def read_object_graph(prefix: str) -> Any:
    """The message that says which objects a checkpoint has; None for one of plain names.

    Raises
    ------
    errors.NotFoundError : there is no checkpoint.
    """
    if not checkpoint_exists(prefix):
        raise NotFoundError(None, None, f"Unsuccessful checkpoint restore: no files for {prefix}")
    reader = BundleReader(prefix)
    if GRAPH_KEY not in reader.entries:
        return None
    proto = message("TrackableObjectGraph")()
    proto.ParseFromString(reader.read(GRAPH_KEY).item())
    return proto


class RestoreStatus:
    """What is to be read from a checkpoint, into variables that may be made later.

    Values are given by `initialize_or_restore` or `run_restore_ops`.
    """

    def __init__(self, root: Any, prefix: str | None) -> None:
        self._root, self._prefix = root, prefix
        self._proto = None if prefix is None else read_object_graph(prefix)

    def _pairs(self) -> tuple[dict[str, Any], list[str]]:
        graph = ObjectGraph.of(self._root)
        if self._proto is not None:
            return matched(graph, self._proto)
        if self._prefix is None:
            return {}, []
        names = set(BundleReader(self._prefix).entries)
        found = {v.op.name: v for v in graph.variables().values() if v.op.name in names}
        return found, sorted(names - set(found))

    def assert_existing_objects_matched(self) -> RestoreStatus:
        """Raise unless each variable that there is has a value in the checkpoint."""
        found = {id(variable) for variable in self._pairs()[0].values()}
        missing = [v.name for v in ObjectGraph.of(self._root).variables().values()
                   if id(v) not in found]  # fmt: skip
        if missing:
            raise AssertionError(f"Expected values of all variables in {self._prefix}, "
                                 f"got none of {', '.join(missing)}")  # fmt: skip
        return self

    def assert_consumed(self) -> RestoreStatus:
        """Raise unless variables and values are the same."""
        unused = self._pairs()[1]
        if unused:
            raise AssertionError(f"Expected variables for all values in {self._prefix}, "
                                 f"got none for {', '.join(unused)}")  # fmt: skip
        return self.assert_existing_objects_matched()

    def assert_nontrivial_match(self) -> RestoreStatus:
        """Raise unless some variable has a value."""
        if not self._pairs()[0]:
            raise AssertionError(f"Expected a value for some variable in {self._prefix}, got none")
        return self

    def expect_partial(self) -> RestoreStatus:
        """Say that a part is enough, which is no error anyway."""
        return self

    def run_restore_ops(self, session: Any = None) -> None:
        """Give the variables their values.

        Raises
        ------
        ValueError : a value has another shape than its variable; none is changed then.
        """
        session = session_or_default(session)
        pairs, _ = self._pairs()
        if not pairs:
            return
        reader = BundleReader(str(self._prefix))
        values = {key: reader.read(key) for key in pairs}
        for key, variable in pairs.items():
            if not variable.shape.is_compatible_with(values[key].shape):
                raise ValueError(
                    f"Expected a value of shape {variable.shape} for {variable.name}, got one of "
                    f"shape {values[key].shape} in {self._prefix}"
                )
        for key, variable in pairs.items():
            variable.load(values[key], session)
        for found in ObjectGraph.of(self._root).objects:
            if hasattr(found, "_checkpoint_restored"):
                found._checkpoint_restored(session)

    def initialize_or_restore(self, session: Any = None) -> None:
        """Initialise the variables that the checkpoint lacks, and give the others their values."""
        session = session_or_default(session)
        found = {id(variable) for variable in self._pairs()[0].values()}
        others = [v for v in ObjectGraph.of(self._root).variables().values() if id(v) not in found]
        session.run(variables_initializer(others))
        self.run_restore_ops(session)


class Checkpoint:
    """A group of objects whose variables are saved and restored together.

    Parameters
    ----------
    kwargs : variables, layers, models, optimizers, further checkpoints, or lists and dicts of
        them, which become attributes.

    Raises
    ------
    ValueError : something else.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._counter: Any = None
        for name in sorted(kwargs):
            if isinstance(kwargs[name], (str, bytes, int, float)) or (
                callable(kwargs[name])
                and not (
                    hasattr(kwargs[name], "weights")
                    or hasattr(kwargs[name], "_checkpoint_children")
                )
            ):
                raise ValueError(
                    "`Checkpoint` was expecting a trackable object (an object derived from "
                    f"`TrackableBase`), got {kwargs[name]}."
                )
            setattr(self, name, kwargs[name])

    def _checkpoint_children(self) -> list[tuple[str, Any]]:
        held = [(name, value) for name, value in vars(self).items() if name != "_counter"]
        return held if self._counter is None else [*held, (_COUNTER, self._counter)]

    @property
    def save_counter(self) -> Any:
        """How often `save` was called: a variable, made when it is first asked for."""
        if self._counter is None:
            with get_default_graph().name_scope(None):
                self._counter = Variable(0, trainable=False, name=_COUNTER, dtype="int64")
        return self._counter

    def counted(self, session: Any) -> int:
        """Count one save, and tell the number."""
        if self._counter is None:
            session.run(self.save_counter.initializer)
        return int(session.run(self.save_counter.assign_add(1)))

    def write(self, file_prefix: str, session: Any = None) -> str:
        """Write a checkpoint of exactly this prefix."""
        return write_objects(self, os.fspath(file_prefix), session_or_default(session))

    def save(self, file_prefix: str, session: Any = None) -> str:
        """Write a checkpoint, its prefix followed by a number, and note it as the latest."""
        session = session_or_default(session)
        prefix = f"{os.fspath(file_prefix)}-{self.counted(session)}"
        written = self.write(prefix, session)
        folder = os.path.dirname(written) or "."
        update_checkpoint_state(folder, written, [written], save_relative_paths=True)
        return written

    def restore(self, save_path: str | None) -> RestoreStatus:
        """Say where values come from; the status that is returned reads them.

        Raises
        ------
        errors.NotFoundError : there is no such checkpoint.
        """
        if self._counter is None:
            session = get_default_session()
            counter = self.save_counter
            if session is not None:
                session.run(counter.initializer)
        return RestoreStatus(self, None if save_path is None else os.fspath(save_path))
