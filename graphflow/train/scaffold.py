"""`Scaffold`: the operations that begin and save a training, found in the graph or made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import logging
from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant
from graphflow.graph.default import (
    add_to_collection,
    device,
    get_collection,
    get_default_graph,
    name_scope,
)
from graphflow.graph.dtypes import string
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.lookup import tables_initializer
from graphflow.ops.identity import group, no_op
from graphflow.ops.joining import concat
from graphflow.ops.summaries import merge_all
from graphflow.ops.variable_lists import (
    global_variables,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
)
from graphflow.train.saver import Saver


def _initializer() -> Operation:
    # TensorFlow initialises resources here, too; empty operations keep names as they are there.
    return group(global_variables_initializer(), no_op(name="init"))


def _unready(variables: list[Any] | None = None) -> Tensor:
    names = report_uninitialized_variables(variables)
    with name_scope("report_uninitialized_resources"), device("/cpu:0"):
        resources = constant([], dtype=string)
    return concat([names, resources], 0)


def get_saver_or_default() -> Saver:
    """The Saver in the collection ``SAVERS``; one is made and added when there is none.

    Raises
    ------
    RuntimeError : there are several.
    """
    savers = get_collection(GraphKeys.SAVERS)
    if len(savers) > 1:
        raise RuntimeError(
            f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which one to "
            "use by passing it to the constructor."
        )
    if savers:
        return savers[0]
    saver = Saver(sharded=True, allow_empty=True)
    add_to_collection(GraphKeys.SAVERS, saver)
    return saver


class Scaffold:
    """The pieces that a training needs beside its own operations.

    What is not given is taken from the graph's collections or made, when `finalize` is called.

    Parameters
    ----------
    init_op, init_feed_dict : what initialises the variables, and what it is fed.
    init_fn : called as ``init_fn(scaffold, session)`` after `init_op`.
    ready_op, ready_for_local_init_op : give the names of variables without a value.
    local_init_op : initialises local variables and tables.
    summary_op : gives all summaries.
    saver : saves and restores.
    copy_from_scaffold : a Scaffold whose pieces are used where none is given.
    """

    def __init__(
        self, init_op: Any = None, init_feed_dict: Any = None,
        init_fn: Callable[[Any, Any], Any] | None = None, ready_op: Any = None,
        ready_for_local_init_op: Any = None, local_init_op: Any = None, summary_op: Any = None,
        saver: Any = None, copy_from_scaffold: Scaffold | None = None,
    ) -> None:  # fmt: skip
        given = {
            "init_op": init_op, "init_feed_dict": init_feed_dict, "user_init_fn": init_fn,
            "ready_op": ready_op, "ready_for_local_init_op": ready_for_local_init_op,
            "local_init_op": local_init_op, "summary_op": summary_op, "saver": saver,
        }  # fmt: skip
        other = copy_from_scaffold
        if other is not None and not isinstance(other, Scaffold):
            raise TypeError("copy_from_scaffold is not a Scaffold instance.")
        if other is not None:
            given = {
                k: getattr(other, f"_{k}") if v is None else v for k, v in given.items()
            }  # fmt: skip
        self._init_op, self._init_feed_dict = given["init_op"], given["init_feed_dict"]
        self._user_init_fn = given["user_init_fn"]
        self._ready_op = given["ready_op"]
        self._ready_for_local_init_op = given["ready_for_local_init_op"]
        self._local_init_op = given["local_init_op"]
        self._summary_op, self._saver = given["summary_op"], given["saver"]

    def finalize(self) -> Scaffold:
        """Find or make what is missing, and let the graph take no more operations."""
        keys = GraphKeys
        default = self.get_or_default
        if self._init_op is None:
            self._init_op = default("init_op", keys.INIT_OP, _initializer)
        if self._ready_op is None:
            self._ready_op = default("ready_op", keys.READY_OP, _unready)
        if self._ready_for_local_init_op is None:
            self._ready_for_local_init_op = default(
                "ready_for_local_init_op", keys.READY_FOR_LOCAL_INIT_OP,
                lambda: _unready(global_variables()),
            )  # fmt: skip
        if self._local_init_op is None:
            self._local_init_op = default(
                "local_init_op", keys.LOCAL_INIT_OP, Scaffold.default_local_init_op
            )
        if self._summary_op is None:
            self._summary_op = default("summary_op", keys.SUMMARY_OP, merge_all)
        if self._saver is None:
            self._saver = get_saver_or_default()
        self._saver.build()
        get_default_graph().finalize()
        logging.info("Graph was finalized.")
        return self

    @property
    def init_fn(self) -> Callable[[Any], Any] | None:
        """A function of the session that initialises further."""
        function = self._user_init_fn
        return None if function is None else lambda session: function(self, session)

    @property
    def init_op(self) -> Any:
        """What initialises the variables."""
        return self._init_op

    @property
    def init_feed_dict(self) -> Any:
        """What `init_op` is fed."""
        return self._init_feed_dict

    @property
    def ready_op(self) -> Any:
        """Gives the names of variables without a value."""
        return self._ready_op

    @property
    def ready_for_local_init_op(self) -> Any:
        """Gives the names of global variables without a value."""
        return self._ready_for_local_init_op

    @property
    def local_init_op(self) -> Any:
        """What initialises local variables and tables."""
        return self._local_init_op

    @property
    def summary_op(self) -> Any:
        """Gives all summaries."""
        return self._summary_op

    @property
    def saver(self) -> Any:
        """What saves and restores."""
        return self._saver

    @staticmethod
    def get_or_default(arg_name: str, collection_key: str, default_constructor: Any) -> Any:
        """The one item of a collection; what the constructor makes is added when it is empty.

        Raises
        ------
        RuntimeError : the collection has several items.
        """
        elements = get_collection(collection_key)
        if len(elements) > 1:
            raise RuntimeError(
                f'More than one item in the collection "{collection_key}". Please indicate which '
                "one to use by passing it to the tf.Scaffold constructor as:  "
                f"tf.Scaffold({arg_name}=item to use)"
            )
        if elements:
            return elements[0]
        made = default_constructor()
        if made is not None:
            add_to_collection(collection_key, made)
        return made

    @staticmethod
    def default_local_init_op() -> Operation:
        """What initialises local variables and tables."""
        return group(local_variables_initializer(), tables_initializer(), no_op(name="init"))
