"""The variables of a graph by name: what `get_variable` finds or makes."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import add_to_collection, get_default_graph, init_scope, name_scope
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.shapes import TensorShape, as_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.initializers import GlorotUniform, Zeros
from graphflow.ops.partitioned_variables import Partition, PartitionedVariable, partition
from graphflow.ops.variables import SaveSliceInfo, Variable


class _ReuseMode(enum.Enum):
    AUTO_REUSE = 1  # make the variable when it does not exist


AUTO_REUSE = _ReuseMode.AUTO_REUSE


class VariableStore:
    """Finds or makes variables, whole and partitioned ones."""

    def __init__(self) -> None:
        self._variables: dict[str, Variable] = {}
        self._partitioned: dict[str, PartitionedVariable] = {}

    def get_variable(
        self, name: str, custom_getter: Callable[..., Any] | None = None,
        trainable: bool | None = None, constraint: Any = None, dtype: Any = None, **others: Any,
    ) -> Any:  # fmt: skip
        """Return the variable `name`, through `custom_getter` when there is one.

        The arguments are those of `get_variable` of the API, and `reuse`.
        """
        if custom_getter is not None and not callable(custom_getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {custom_getter}")
        others["trainable"] = True if trainable is None else trainable
        others["dtype"] = as_dtype(dtype).base_dtype if isinstance(dtype, DType) else dtype
        if custom_getter is None:
            return self._get(name, constraint=constraint, **others)
        if _takes(custom_getter, "constraint"):
            others["constraint"] = constraint
        return custom_getter(getter=self._get, name=name, **others)

    def _get(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        validate_shape: bool = True,
        use_resource: bool | None = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
    ) -> Any:
        wanted = as_dtype("float32" if dtype is None else dtype)
        making = {
            "trainable": trainable,
            "collections": collections,
            "caching_device": caching_device,
            "validate_shape": validate_shape,
            "constraint": constraint,
            "use_resource": use_resource,
            "synchronization": synchronization,
            "aggregation": aggregation,
        }
        scalar = isinstance(shape, Sequence) and not shape
        if partitioner is not None and not scalar:
            if not callable(partitioner):
                raise ValueError(f"Partitioner must be callable, but received: {partitioner}")
            with name_scope(None):
                return self._get_partitioned(
                    name, partitioner, shape, wanted, initializer, regularizer, reuse, making
                )
        if reuse is True and partitioner is None and name in self._partitioned:
            return self._get_partitioned(
                name, None, shape, wanted, initializer, regularizer, reuse, making
            )
        if f"{name}/part_0" in self._variables:
            raise ValueError(
                "No partitioner was provided, but a partitioned version of the variable was "
                f"found: {name}/part_0. Perhaps a variable of the same name was already created "
                "with partitioning?"
            )
        return self._get_single(name, shape, wanted, initializer, regularizer, reuse, making)

    # ---- whole variables

    def _get_single(
        self, name: str, shape: Any, dtype: DType, initializer: Any, regularizer: Any, reuse: Any,
        making: dict[str, Any], part: Partition | None = None,
    ) -> Variable:  # fmt: skip
        from_value = initializer is not None and not callable(initializer)
        if shape is not None and from_value:
            raise ValueError("If initializer is a constant, do not specify shape.")
        known = as_shape(shape)
        if name in self._variables:
            return self._shared(name, known, dtype, reuse)
        if reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did "
                "you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        if initializer is None:
            initializer = default_initializer(name, dtype)
        value, value_dtype = initializer, None
        if not from_value:
            with init_scope():
                value, value_dtype = _initial_value(initializer, known, dtype, part)
        variable = Variable(initial_value=value, name=name, dtype=value_dtype, **making)
        self._variables[name] = variable
        if regularizer:
            _regularize(variable, name, regularizer)
        return variable

    def _shared(self, name: str, shape: TensorShape, dtype: DType, reuse: Any) -> Variable:
        found = self._variables[name]
        if reuse is False:
            location = found.op.location
            where = f" Originally defined at:\n\n  {location}\n" if location else ""
            raise ValueError(
                f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
                f"reuse=tf.AUTO_REUSE in VarScope?{where}"
            )
        if not shape.is_compatible_with(found.shape):
            raise ValueError(
                f"Trying to share variable {name}, but specified shape {shape} and found shape "
                f"{found.shape}."
            )
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(
                f"Trying to share variable {name}, but specified dtype {dtype.name} and found "
                f"dtype {found.dtype.name}."
            )
        return found

    # ---- partitioned variables

    def _get_partitioned(
        self, name: str, partitioner: Any, shape: Any, dtype: DType, initializer: Any,
        regularizer: Any, reuse: Any, making: dict[str, Any],
    ) -> PartitionedVariable:  # fmt: skip
        if name in self._variables:
            raise ValueError(
                "A partitioner was provided, but an unpartitioned version of the variable was "
                f"found: {name}.  Perhaps a variable of the same name was already created without "
                "partitioning?"
            )
        known = as_shape(shape)
        if known.rank is None and isinstance(initializer, Tensor):
            known = initializer.shape
        parts = partition(partitioner, known, dtype) if partitioner else None
        if name in self._partitioned:
            found = self._partitioned[name]
            found.check_reuse(reuse, known, dtype, parts)
            return found
        if reuse is True or parts is None:
            raise ValueError(
                f"PartitionedVariable {name} does not exist, or was not created with "
                "tf.get_variable(). Did you mean to set reuse=False or reuse=tf.AUTO_REUSE in "
                "VarScope?"
            )
        variables = [
            self._get_part(f"{name}/part_{i}", part, dtype, initializer, regularizer, reuse, making)
            for i, part in enumerate(parts.slices())
        ]
        for variable, part in zip(variables, parts.slices(), strict=True):
            info = SaveSliceInfo(name, part.full_shape, part.var_offset, part.var_shape)
            variable._set_save_slice_info(info)
        made = PartitionedVariable(name, known, dtype, variables, parts.counts)
        self._partitioned[name] = made
        return made

    def _get_part(
        self, name: str, part: Partition, dtype: DType, initializer: Any, regularizer: Any,
        reuse: Any, making: dict[str, Any],
    ) -> Variable:  # fmt: skip
        with name_scope(f"{name}/PartitionedInitializer"):
            if initializer is None:
                initializer = default_initializer(name, dtype)
            shape: Sequence[int] | None = part.var_shape
            if not callable(initializer):
                initializer = part.slice_of(initializer, dtype)
                dtype, shape = initializer.dtype.base_dtype, None
        with name_scope(None):
            return self._get_single(
                name, shape, dtype, initializer, regularizer, reuse, making, part
            )


def default_initializer(name: str, dtype: DType) -> Any:
    """Return the initializer of a variable for which none is given.

    Raises
    ------
    ValueError : there is no default for complex numbers.
    """
    if dtype.is_floating:
        return GlorotUniform()
    if dtype.is_integer or dtype.is_bool or dtype.kind == "string":
        return Zeros()
    raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")


def _initial_value(
    initializer: Any, shape: TensorShape, dtype: DType, part: Partition | None
) -> tuple[Callable[[], Any], DType | None]:
    """Return a function without arguments that makes the initial value, and the type it gives."""
    if inspect.isclass(initializer):
        initializer = initializer()
    if shape.is_fully_defined():
        size = shape.as_list()
        return lambda: initializer(size, dtype=dtype, partition_info=part), dtype.base_dtype
    parameters = inspect.signature(initializer).parameters.values()
    if all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
           for p in parameters):  # fmt: skip
        return initializer, None
    raise ValueError(
        "The initializer passed is not valid. It should be a callable with no arguments and the "
        "shape should not be provided or an instance of `tf.keras.initializers.*' and `shape` "
        "should be fully defined."
    )


def _regularize(variable: Variable, name: str, regularizer: Callable[..., Any]) -> None:
    graph = get_default_graph()
    with graph.colocate_with(variable.op), name_scope(f"{name}/Regularizer/"), init_scope():
        loss = regularizer(variable)
    if loss is not None:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)


def _takes(function: Callable[..., Any], argument: str) -> bool:
    parameters = inspect.signature(function).parameters
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
