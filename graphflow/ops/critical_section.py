"""Parts of a graph that run one after the other: `CriticalSection`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, get_default_graph, name_scope
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.ops.identity import group, identity

__all__ = ["CriticalSection"]

_EXECUTIONS = "critical_section_executions"


@dataclass(frozen=True)
class _Execution:
    """What one call of `execute` uses.

    Attributes
    ----------
    section : whose call it was.
    variables : that its operations read or write.
    exclusive : whether no other section may use them.
    done : runs after all of it.
    """

    section: CriticalSection
    variables: frozenset[Operation]
    exclusive: bool
    done: Operation


class CriticalSection:
    """Parts of a graph of which, in a run, one is over before the next begins.

    Parameters
    ----------
    name : of the scope of its operations.
    shared_name : sections of one name are one.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/CriticalSection
    """

    def __init__(
        self, name: str | None = None, shared_name: str | None = None,
        critical_section_def: Any = None, import_scope: str | None = None,
    ) -> None:  # fmt: skip
        if critical_section_def is not None:
            raise ValueError("critical_section_def is not supported.")
        self._name = name or "critical_section"
        self._shared_name = shared_name

    @property
    def name(self) -> str:
        """The name of the scope of its operations."""
        return self._name

    def _is_same(self, other: CriticalSection) -> bool:
        named = self._shared_name is not None and self._shared_name == other._shared_name
        return self is other or named

    def execute(
        self, fn: Callable[..., Any], *args: Any, exclusive_resource_access: bool = True,
        name: str | None = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Call a function whose operations run after those of earlier calls.

        Parameters
        ----------
        fn : called with `args` and `kwargs`; what it gives is given back, as tensors that exist
            when all of them do.
        exclusive_resource_access : whether no other section may use the same variables.

        Raises
        ------
        ValueError : another section uses one of the variables, and this one or that wants it alone.
        """
        graph = get_default_graph()
        earlier: list[_Execution] = graph.get_collection(_EXECUTIONS)
        before = [e.done for e in earlier if self._is_same(e.section)]
        with name_scope(name, f"{self._name}_execute"):
            start = len(graph.get_operations())
            with control_dependencies(before[-1:]):
                found = nest.map_structure(
                    lambda x: x if isinstance(x, Operation) else identity(convert_to_tensor(x)),
                    fn(*args, **kwargs),
                )
            used = _variables(graph, start)
            self._check(earlier, used, exclusive_resource_access)
            done = group(*nest.flatten(found))
            with control_dependencies([done]):
                result = nest.map_structure(
                    lambda x: done if isinstance(x, Operation) else identity(x), found
                )
        execution = _Execution(self, used, exclusive_resource_access, done)
        graph.add_to_collection(_EXECUTIONS, execution)
        return result

    def _check(
        self, earlier: list[_Execution], used: frozenset[Operation], exclusive: bool
    ) -> None:
        for execution in earlier:
            if self._is_same(execution.section) or not (exclusive or execution.exclusive):
                continue
            shared = sorted(op.name for op in used & execution.variables)
            if shared:
                raise ValueError(
                    "This execution would access resources that either it or another critical "
                    f"section, '{execution.section.name}', wants for itself: {', '.join(shared)}"
                )


def _variables(graph: Graph, start: int) -> frozenset[Operation]:
    """The variables that the operations from number `start` on read or write."""
    found = set()
    for op in graph.get_operations()[start:]:
        for tensor in op.inputs:
            source = tensor.op
            if source.type == "Identity" and source.inputs[0].dtype._is_ref_dtype:
                source = source.inputs[0].op
            if source.type == "VariableV2":
                found.add(source)
    return frozenset(found)
