"""Variables split along one axis into several, and the functions that say how to split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor, register_tensor_conversion_function
from graphflow.graph.default import control_dependencies, get_default_graph, name_scope
from graphflow.graph.dtypes import DType, int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.identity import identity
from graphflow.ops.variables import Variable


@dataclass(frozen=True)
class Partition:
    """One part of a larger variable, as an initializer sees it (``partition_info``)."""

    full_shape: list[int]
    var_offset: list[int]
    var_shape: list[int]

    def slice_of(self, whole: Any, dtype: DType) -> Tensor:
        """Return this part of an initial value given for the whole."""
        tensor = whole if isinstance(whole, Tensor) else convert_to_tensor(whole, dtype)
        with name_scope("Slice") as scope:
            begin = constant(self.var_offset, int32, name="begin")
            size = constant(self.var_shape, int32, name="size")
            inputs = [tensor, begin, size]
            return get_default_graph().create_op("Slice", inputs, {}, scope).outputs[0]


@dataclass(frozen=True)
class Partitioning:
    """How a shape is split: `counts` parts along each axis, more than one along one at most."""

    shape: list[int]
    counts: list[int]

    @property
    def axis(self) -> int:
        """The axis that is split; 0 when none is."""
        return next((i for i, count in enumerate(self.counts) if count > 1), 0)

    def slices(self) -> Iterator[Partition]:
        """Give the parts in order; the first ones are longer when the axis does not divide."""
        axis, count = self.axis, self.counts[self.axis]
        length, excess = divmod(self.shape[axis], count)
        offset = [0] * len(self.shape)
        for i in range(count):
            shape = list(self.shape)
            shape[axis] = length + (i < excess)
            yield Partition(self.shape, list(offset), shape)
            offset[axis] += shape[axis]


def partition(partitioner: Callable[..., Any], shape: TensorShape, dtype: DType) -> Partitioning:
    """Ask `partitioner` how to split a variable; ValueError when that cannot be done."""
    if not shape.is_fully_defined():
        raise ValueError(
            f"Shape of a new partitioned variable must be fully defined, but instead was {shape}."
        )
    if not shape.rank:
        raise ValueError(f"A partitioned Variable must have rank at least 1, shape: {shape}")
    counts = partitioner(shape=shape, dtype=dtype)
    if not isinstance(counts, Sequence):
        raise ValueError(f"Partitioner must return a sequence, but saw: {counts}")
    if len(counts) != shape.rank:
        raise ValueError(
            "Partitioner returned a partition list that does not match the Variable's rank: "
            f"{counts} vs. {shape}"
        )
    if any(count < 1 for count in counts):
        raise ValueError(f"Partitioner returned zero partitions for some axes: {counts}")
    if sum(count > 1 for count in counts) > 1:
        raise ValueError(
            f"Can only slice a variable along one dimension: shape: {shape}, partitioning: {counts}"
        )
    return Partitioning([int(size) for size in shape], list(counts))


class PartitionedVariable:
    """Several variables that are one: a list to optimisers, a tensor to operations.

    Parameters
    ----------
    name, shape, dtype : of the whole.
    variable_list : the parts.
    partitions : the number of parts along each axis.
    """

    def __init__(
        self, name: str, shape: Any, dtype: DType, variable_list: Sequence[Variable],
        partitions: Sequence[int],
    ) -> None:  # fmt: skip
        self.name = name
        self.dtype = dtype
        self.shape = TensorShape(shape)
        self._variables = list(variable_list)
        self._partitions = list(partitions)

    def get_shape(self) -> TensorShape:
        """Return the shape of the whole."""
        return self.shape

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def _get_variable_list(self) -> list[Variable]:
        return self._variables

    def _get_partitions(self) -> list[int]:
        return self._partitions

    @property
    def _axis(self) -> int:
        return next((i for i, count in enumerate(self._partitions) if count > 1), 0)

    def check_reuse(
        self, reuse: Any, shape: TensorShape, dtype: DType, parts: Partitioning | None
    ) -> None:
        """Raise ValueError unless this variable is what is asked for."""
        if reuse is False:
            raise ValueError(
                f"Partitioned variable with name {self.name} already exists. Did you mean to set "
                "reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            )
        asked = f"Trying to reuse partitioned variable {self.name}, but specified"
        if not shape.is_compatible_with(self.shape):
            raise ValueError(f"{asked} shape {shape} and found shape {self.shape}.")
        if not dtype.is_compatible_with(self.dtype):
            raise ValueError(f"{asked} dtype {dtype.name} and found dtype {self.dtype.name}.")
        if parts is not None and parts.counts != self._partitions:
            raise ValueError(
                f"{asked} partitions {parts.counts} and found partitions {self._partitions}."
            )

    def as_tensor(self) -> Tensor:
        """Return the whole as one tensor."""
        with control_dependencies(None):
            if len(self._variables) == 1:
                whole: Any = self._variables[0]
            else:
                whole = self._concatenated()
            with name_scope(None):
                return identity(whole, name=self.name)

    def _concatenated(self) -> Tensor:
        with name_scope(f"{self.name}/ConcatPartitions/"), name_scope("concat") as scope:
            axis = constant(self._axis, int32, name="axis")
            inputs = [*(variable.value() for variable in self._variables), axis]
            attrs = {"N": len(self._variables)}
            return get_default_graph().create_op("ConcatV2", inputs, attrs, scope).outputs[0]


def _convert(
    value: PartitionedVariable, dtype: DType | None, name: str | None, as_ref: bool
) -> Tensor:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type "
            f"'{value.dtype.name}'"
        )
    if as_ref:
        raise NotImplementedError("PartitionedVariable doesn't support being used as a reference.")
    return value.as_tensor()


register_tensor_conversion_function(PartitionedVariable, _convert)


def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Callable[..., list[int]]:
    """Return a partitioner that makes `num_shards` parts along `axis`, or as many as it has."""

    def partitioner(shape: TensorShape, **unused: Any) -> list[int]:
        counts = [1] * len(shape)
        counts[axis] = min(num_shards, int(shape[axis]))
        return counts

    return partitioner


def min_max_variable_partitioner(
    max_partitions: int = 1, axis: int = 0, min_slice_size: int = 256 << 10,
    bytes_per_string_element: int = 16,
) -> Callable[..., list[int]]:  # fmt: skip
    """Return a partitioner that makes parts of at least `min_slice_size` bytes along `axis`.

    Parameters
    ----------
    max_partitions : make no more parts than this.
    """

    def partitioner(shape: TensorShape, dtype: DType) -> list[int]:
        if axis >= len(shape):
            raise ValueError(
                f"Can not partition variable along axis {axis} when shape is only {shape}"
            )
        size = bytes_per_string_element if dtype.kind == "string" else dtype.size
        wanted = math.ceil((shape.num_elements() or 0) * size / min_slice_size)
        counts = [1] * len(shape)
        counts[axis] = max(1, min(int(shape[axis]), max_partitions, wanted))
        return counts

    return partitioner


def variable_axis_size_partitioner(
    max_shard_bytes: int, axis: int = 0, bytes_per_string_element: int = 16,
    max_shards: int | None = None,
) -> Callable[..., list[int]]:  # fmt: skip
    """Return a partitioner that makes parts of at most `max_shard_bytes` bytes along `axis`."""
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise ValueError("Both max_shard_bytes and bytes_per_string_element must be positive.")
    if max_shards and max_shards < 1:
        raise ValueError("max_shards must be positive.")

    def partitioner(shape: TensorShape, dtype: DType) -> list[int]:
        size = bytes_per_string_element if dtype.kind == "string" else dtype.size
        extent = int(shape[axis])
        bytes_per_slice = (shape.num_elements() or 0) / extent * size
        slices_per_part = max(1, math.floor(max_shard_bytes / bytes_per_slice))
        wanted = math.ceil(extent / slices_per_part)
        counts = [1] * len(shape)
        counts[axis] = min(max_shards, wanted) if max_shards else wanted
        return counts

    return partitioner
