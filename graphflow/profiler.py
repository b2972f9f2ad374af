"""TensorFlow's `tf.profiler`: parameters, arithmetic, times and bytes of a graph, by scope.

What shapes tell is counted, and what a run's `RunMetadata` tells where it is given. Tables with the
machine's limits, pages and traces are made by ``graphflow profile`` and `tf.profiling`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_default_graph
from graphflow.graph.flops import operation_flops

__all__ = ["ProfileOptionBuilder", "Profiler", "profile"]

COMMANDS = ("scope", "graph", "op", "code")
TRAINED = "_trainable_variables"  # TensorFlow's name for the type of variables that are trained
_SHOWN = {
    "params": ("parameters", "params"), "float_ops": ("float_ops", "flops"),
    "micros": ("exec_micros", "us"), "bytes": ("requested_bytes", "B"),
    "peak_bytes": ("peak_bytes", "B at most"), "output_bytes": ("output_bytes", "B given"),
    "occurrence": ("run_count", "runs"),
}  # fmt: skip
_LEAST = {
    "min_params": "parameters", "min_float_ops": "float_ops", "min_micros": "exec_micros",
    "min_bytes": "requested_bytes", "min_occurrence": "run_count",
}  # fmt: skip
_ORDERS = {"params": "parameters", "micros": "exec_micros", "bytes": "requested_bytes",
           "float_ops": "float_ops", "occurrence": "run_count"}  # fmt: skip


class ProfileOptionBuilder:
    """Which numbers of a graph are counted, and where they are shown."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        self._options = dict(options) if options is not None else _options(["micros"])

    @staticmethod
    def trainable_variables_parameter() -> dict[str, Any]:
        """Count the elements of variables that are trained."""
        return {**_options(["params"]), "account_type_regexes": [TRAINED]}

    @staticmethod
    def float_operation() -> dict[str, Any]:
        """Count floating-point operations."""
        return {**_options(["float_ops"]), "min_float_ops": 1, "order_by": "float_ops"}

    @staticmethod
    def time_and_memory(
        min_micros: int = 1, min_bytes: int = 1, min_accelerator_micros: int = 0,
        min_cpu_micros: int = 0, min_peak_bytes: int = 0, min_residual_bytes: int = 0,
        min_output_bytes: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Show the times and bytes of a run; the limits apart from the first two have no effect."""
        least = {"min_micros": min_micros, "min_bytes": min_bytes}
        return {**_options(["micros", "bytes"]), **least, "order_by": "micros"}

    def with_max_depth(self, max_depth: int) -> ProfileOptionBuilder:
        """Show scopes that deep."""
        return self._with(max_depth=max_depth)

    def with_min_memory(
        self, min_bytes: int = 0, min_peak_bytes: int = 0, min_residual_bytes: int = 0,
        min_output_bytes: int = 0,
    ) -> ProfileOptionBuilder:  # fmt: skip
        """Show what takes that many bytes; the other limits have no effect."""
        return self._with(min_bytes=min_bytes)

    def with_min_execution_time(
        self, min_micros: int = 0, min_accelerator_micros: int = 0, min_cpu_micros: int = 0
    ) -> ProfileOptionBuilder:
        """Show what takes that long; the other limits have no effect."""
        return self._with(min_micros=min_micros)

    def with_min_parameters(self, min_params: int) -> ProfileOptionBuilder:
        """Show what has that many parameters."""
        return self._with(min_params=min_params)

    def with_min_occurrence(self, min_occurrence: int) -> ProfileOptionBuilder:
        """Show what runs that often."""
        return self._with(min_occurrence=min_occurrence)

    def with_min_float_operations(self, min_float_ops: int) -> ProfileOptionBuilder:
        """Show what is that many floating-point operations."""
        return self._with(min_float_ops=min_float_ops)

    def with_accounted_types(self, account_type_regexes: list[str]) -> ProfileOptionBuilder:
        """Count operations of these types only."""
        return self._with(account_type_regexes=list(account_type_regexes))

    def with_node_names(
        self, start_name_regexes: list[str] | None = None,
        show_name_regexes: list[str] | None = None, hide_name_regexes: list[str] | None = None,
        trim_name_regexes: list[str] | None = None,
    ) -> ProfileOptionBuilder:  # fmt: skip
        """Show these names, without those hidden, from those to start with on."""
        given = {
            "start_name_regexes": start_name_regexes, "show_name_regexes": show_name_regexes,
            "hide_name_regexes": hide_name_regexes, "trim_name_regexes": trim_name_regexes,
        }  # fmt: skip
        return self._with(**{key: list(value) for key, value in given.items() if value is not None})

    def account_displayed_op_only(self, is_true: bool) -> ProfileOptionBuilder:
        """Count what is shown only."""
        return self._with(account_displayed_op_only=is_true)

    def order_by(self, attribute: str) -> ProfileOptionBuilder:
        """Show first what has most: ``name``, ``params``, ``float_ops``, ``micros``, ``bytes``."""
        return self._with(order_by=attribute)

    def select(self, attributes: list[str]) -> ProfileOptionBuilder:
        """Show these: ``params``, ``float_ops``, ``micros``, ``bytes``, ``occurrence``."""
        return self._with(select=list(attributes))

    def with_step(self, step: int) -> ProfileOptionBuilder:
        """Take a step of those that a `Profiler` was given; all of them when -1."""
        return self._with(step=step)

    def with_empty_output(self) -> ProfileOptionBuilder:
        """Show nothing."""
        return self._with(output="none")

    def with_stdout_output(self) -> ProfileOptionBuilder:
        """Write a table to standard output."""
        return self._with(output="stdout")

    def with_file_output(self, outfile: str) -> ProfileOptionBuilder:
        """Write a table to a file."""
        return self._with(output=f"file:outfile={outfile}")

    def build(self) -> dict[str, Any]:
        """The options."""
        return dict(self._options)

    def _with(self, **values: Any) -> ProfileOptionBuilder:
        self._options.update(values)
        return self


def _options(select: list[str]) -> dict[str, Any]:
    return {
        "max_depth": 10000, "order_by": "name", "account_type_regexes": [".*"],
        "start_name_regexes": [".*"], "trim_name_regexes": [], "show_name_regexes": [".*"],
        "hide_name_regexes": [], "account_displayed_op_only": False, "select": select, "step": -1,
        "output": "stdout",
    }  # fmt: skip


@dataclass
class GraphNode:
    """What an operation, or a scope of its own, counts; and in all with what is inside."""

    name: str
    parameters: int = 0
    float_ops: int = 0
    exec_micros: int = 0
    requested_bytes: int = 0
    peak_bytes: int = 0
    output_bytes: int = 0
    run_count: int = 0
    total_parameters: int = 0
    total_float_ops: int = 0
    total_exec_micros: int = 0
    total_requested_bytes: int = 0
    total_peak_bytes: int = 0
    total_output_bytes: int = 0
    total_run_count: int = 0
    children: list[GraphNode] = field(default_factory=list)

    @property
    def cpu_exec_micros(self) -> int:
        """The time on the processor, which is all of it."""
        return self.exec_micros

    @property
    def total_cpu_exec_micros(self) -> int:
        """The time on the processor with what is inside."""
        return self.total_exec_micros


_COUNTS = ("parameters", "float_ops", "exec_micros", "requested_bytes", "peak_bytes",
           "output_bytes", "run_count")  # fmt: skip


class _Counting:
    """A graph's numbers, put into a tree of scopes."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = {**_options([]), **options}
        self.root = GraphNode("_TFProfRoot")
        self.nodes = {"": self.root}

    def add(self, name: str, type: str, **counts: int) -> None:
        """Add an operation's numbers, if its type counts, to it and to all around it."""
        if not _matches(self.options["account_type_regexes"], type):
            return
        if self.options["account_displayed_op_only"] and not self.is_named(name):
            return
        own = self.node(name)
        for key, count in counts.items():
            setattr(own, key, getattr(own, key) + count)
            around = name
            while True:
                node = self.nodes[around]
                setattr(node, f"total_{key}", getattr(node, f"total_{key}") + count)
                if not around:
                    break
                around = around.rpartition("/")[0]

    def node(self, name: str) -> GraphNode:
        """The scope of that name, made with those around it where it is new."""
        if name not in self.nodes:
            self.nodes[name] = GraphNode(name)
            self.node(name.rpartition("/")[0]).children.append(self.nodes[name])
        return self.nodes[name]

    def is_named(self, name: str) -> bool:
        """Whether the options show a name."""
        shown, hidden = self.options["show_name_regexes"], self.options["hide_name_regexes"]
        return _matches(shown, name) and not _matches(hidden, name)

    def sort(self) -> None:
        """Order every scope's members as the options ask for."""
        key = _ORDERS.get(self.options["order_by"])
        for node in self.nodes.values():
            node.children.sort(key=lambda n: n.name)
            if key is not None:
                node.children.sort(key=lambda n: -getattr(n, f"total_{key}"))

    def lines(self, node: GraphNode, depth: int = 0) -> Iterator[str]:
        """The table of a scope and of what is in it, as far as it has what the options ask for."""
        if self._is_shown(node):
            shown = []
            for attribute in self.options["select"]:
                key, unit = _SHOWN.get(attribute, ("", ""))
                if key:
                    own, total = getattr(node, key), getattr(node, f"total_{key}")
                    shown.append(f"{own:,}/{total:,} {unit}")
            yield f"{'  ' * depth}{node.name} ({', '.join(shown)})"
        if depth < self.options["max_depth"] and not (
            depth and _matches(self.options["trim_name_regexes"], node.name)
        ):
            for child in node.children:
                yield from self.lines(child, depth + 1)

    def _is_shown(self, node: GraphNode) -> bool:
        if node is self.root:
            return True
        if not any(getattr(node, f"total_{key}") for key in _COUNTS):
            return False
        enough = all(
            getattr(node, f"total_{key}") >= self.options.get(least, 0)
            for least, key in _LEAST.items()
        )
        starts = self.options["start_name_regexes"]
        return enough and self.is_named(node.name) and _matches(starts, node.name)


def _matches(patterns: Iterable[str], text: str) -> bool:
    return any(re.match(f"(?:{pattern})$", text) for pattern in patterns)


def profile(
    graph: Any = None, run_meta: Any = None, op_log: Any = None, cmd: str = "scope",
    options: dict[str, Any] | None = None,
) -> GraphNode:  # fmt: skip
    """The parameters and floating-point operations of a graph by scope, and a run's times.

    Parameters
    ----------
    run_meta : the RunMetadata of a run that was traced. A kernel's time and bytes count for the
        last of the operations that it computes.
    op_log : taken, and without effect.
    cmd : ``scope``, ``graph``, ``op`` or ``code``, which all give scopes.
    options : what a `ProfileOptionBuilder` gives.

    Returns
    -------
    GraphNode, whose `total_parameters`, `total_float_ops`, `total_exec_micros` and so on count all.

    Raises
    ------
    ValueError : there is no such command.
    """
    if cmd not in COMMANDS:
        raise ValueError(f"expected cmd to be one of {', '.join(COMMANDS)}, got {cmd!r}")
    graph = graph or get_default_graph()
    counting = _Counting(options or ProfileOptionBuilder.trainable_variables_parameter())
    for variable in graph.get_collection(GraphKeys.TRAINABLE_VARIABLES):
        counting.add(variable.op.name, TRAINED, parameters=int(variable.shape.num_elements() or 0))
    types = {}
    for op in graph.get_operations():
        types[op.name] = op.type
        flops = operation_flops(op)
        if flops:
            counting.add(op.name, op.type, float_ops=flops)
    if run_meta is not None:
        _add_run(counting, run_meta, types)
    counting.sort()
    _write(str(counting.options["output"]), counting)
    return counting.root


def _add_run(counting: _Counting, run_meta: Any, types: dict[str, str]) -> None:
    for device in run_meta.step_stats.dev_stats:
        for node in device.node_stats:
            counting.add(
                node.node_name,
                types.get(node.node_name, ""),
                exec_micros=node.op_end_rel_micros,
                requested_bytes=sum(m.total_bytes for m in node.memory),
                peak_bytes=sum(m.peak_bytes for m in node.memory),
                output_bytes=sum(
                    o.tensor_description.allocation_description.requested_bytes for o in node.output
                ),
                run_count=1,
            )


def _write(output: str, counting: _Counting) -> None:
    if output == "none":
        return
    text = "\n".join(counting.lines(counting.root)) + "\n"
    if output.startswith("file:outfile="):
        with open(output.partition("=")[2], "w", encoding="utf-8") as file:
            file.write(text)
    elif output == "stdout":
        sys.stdout.write(text)


class Profiler:
    """Counts a graph, with the times of the steps that it is given."""

    def __init__(self, graph: Any = None, op_log: Any = None) -> None:
        self._graph = graph or get_default_graph()
        self._steps: dict[int, Any] = {}

    def add_step(self, step: int, run_meta: Any) -> None:
        """Take a run's description."""
        self._steps[step] = run_meta

    def profile_name_scope(self, options: dict[str, Any]) -> GraphNode:
        """The numbers by scope; times of the step that the options name, of the last if none."""
        chosen = options.get("step", -1)
        if chosen < 0 and self._steps:
            chosen = max(self._steps)
        return profile(self._graph, self._steps.get(chosen), options=options)

    profile_graph = profile_operations = profile_python = profile_name_scope
