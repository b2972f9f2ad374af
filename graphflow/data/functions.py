"""Functions of a data set's elements: traced once into a graph of their own, compiled like any.

What a function reads of the graph around it is captured: its value is taken when the iterator is
initialised, and fed to every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.blocks import BlockFunction, NotInBlocks
from graphflow.data.rows import Element
from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.graph import Graph
from graphflow.graph.random_seed import get_seed
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import placeholder
from graphflow.runtime.protos import ConfigProto
from graphflow.runtime.session import Session
from graphflow.schedule.plan import OBJECT_KINDS

Array = np.ndarray[Any, Any]
Spec = Any  # a structure of (dtype, shape) pairs, as `TensorSpec`s

# Calls one by one before blocks are compiled: a block's code takes some 0.1 s to compile and saves
# some 10 us an element, so it is not for a few.
CALLS_BEFORE_BLOCKS = 512


class TensorSpec:
    """What is known of one component of an element."""

    __slots__ = ("dtype", "shape")

    def __init__(self, dtype: Any, shape: Any) -> None:
        self.dtype, self.shape = dtype, TensorShape(shape)

    @classmethod
    def of(cls, tensor: Tensor) -> TensorSpec:
        """What is known of a tensor."""
        return cls(tensor.dtype.base_dtype, tensor.shape)

    def value(self, tensor: Tensor) -> Any:
        """What a function gets for a component: the tensor itself."""
        return tensor


class FunctionGraph(Graph):
    """The graph of a function's body; tensors of the graph around it come in as placeholders."""

    def __init__(self, outer: Graph) -> None:
        super().__init__()
        self._building_function = True
        self.seed = outer.seed
        self.captured: dict[Tensor, Tensor] = {}

    def _own_input(self, index: int, tensor: Any) -> Tensor:
        if isinstance(tensor, Tensor) and tensor.op.graph is not self:
            return self.capture(tensor)
        return super()._own_input(index, tensor)

    def capture(self, tensor: Tensor) -> Tensor:
        """The placeholder that stands for a tensor of another graph."""
        if tensor not in self.captured:
            with self.as_default(), self.control_dependencies(None):
                self.captured[tensor] = placeholder(tensor.dtype.base_dtype, tensor.shape)
        return self.captured[tensor]


class ElementFunction:
    """A Python function of a data set's elements, as a callable of arrays.

    Attributes
    ----------
    captured : the tensors of the graph around it that it reads.
    spec : what it returns.
    result : what the Python function returned, where that is a data set.
    calls : how many elements it was called for one by one.
    takes_blocks : whether `of_block` may be asked.
    """

    def __init__(self, function: Callable[..., Any], spec: Spec, outer: Graph) -> None:
        self.graph = FunctionGraph(outer)
        with self.graph.as_default():
            flat = nest.flatten(spec)
            self.inputs = [placeholder(s.dtype, s.shape) for s in flat]
            given = [s.value(tensor) for s, tensor in zip(flat, self.inputs, strict=True)]
            packed = nest.pack_sequence_as(spec, given)
            made = function(*packed) if _is_spread(spec) else function(packed)
            self.result = made
            if hasattr(made, "element_spec"):
                self.outputs: list[Tensor] = [self.here(t) for t in made.sources()]
                self.spec = made.element_spec
            else:
                structure = tuple(made) if isinstance(made, list) else made
                converted = nest.map_structure(convert_to_tensor, structure)
                self.outputs = [self.here(t) for t in nest.flatten(converted)]
                self.spec = nest.map_structure(TensorSpec.of, converted)
        self.captured = list(self.graph.captured)
        self._call: Any = None
        self._blocks: BlockFunction | None = None
        self.calls = 0
        self.takes_blocks = bool(self.outputs) and all(
            t.shape.is_fully_defined() and t.dtype.kind not in OBJECT_KINDS
            for t in (*self.inputs, *self.outputs)
        )

    def here(self, tensor: Tensor) -> Tensor:
        """A result as a tensor of the function's own graph."""
        return tensor if tensor.graph is self.graph else self.graph.capture(tensor)

    def __call__(self, arrays: Sequence[Array], captured: Sequence[Array]) -> tuple[Array, ...]:
        """The results for one element."""
        if self._call is None:
            feeds = [*self.inputs, *self.graph.captured.values()]
            self._call = self._session.make_callable(self.outputs, feeds)
        self.calls += 1
        found = self._call(*arrays, *captured)
        return tuple(np.asarray(v) for v in found)

    @cached_property
    def _session(self) -> Session:
        config = ConfigProto(intra_op_parallelism_threads=1, device_count={"GPU": 0})
        return Session(graph=self.graph, config=config)

    def of_block(
        self, elements: Sequence[Element], captured: Sequence[Array]
    ) -> list[Array] | None:
        """The results for several elements, stacked; None where they must be had one by one.

        That is where an element fails, so that those before it are had, and if the function cannot
        be compiled for blocks, which `takes_blocks` says from then on.
        """
        try:
            if self._blocks is None:
                given = list(self.graph.captured.values())
                self._blocks = BlockFunction(self._session, self.inputs, self.outputs, given)
            return self._blocks(elements, captured)
        except NotInBlocks:
            self.takes_blocks = False
        except errors.OpError:
            pass
        return None


def _is_spread(spec: Spec) -> bool:
    """Whether a function takes an element's components one by one: when it is a tuple."""
    return isinstance(spec, tuple)


def draw_seed(seed: int | None) -> int | None:
    """A seed for NumPy from the seeds of the graph and of the operation; None for any."""
    graph_seed, op_seed = get_seed(seed)
    if graph_seed is None and op_seed is None:
        return None
    return ((graph_seed or 0) * 1_000_003 + (op_seed or 0)) % (1 << 32)
