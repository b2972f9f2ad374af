"""Variables: `tf.Variable` as TensorFlow 1.15's reference variables have it.

A variable is four operations under one name: ``w/initial_value`` (or what an initializer makes
under ``w/Initializer``), ``w``, ``w/Assign`` and ``w/read``. Reading it takes the value of
``w/read``; writing takes the reference ``w:0``.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphflow.graph import session_stack
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import (
    convert_to_tensor,
    register_dense_tensor_like_type,
    register_tensor_conversion_function,
)
from graphflow.graph.default import add_to_collections, get_default_graph, init_scope, name_scope
from graphflow.graph.dtypes import DType
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, as_shape, unknown_shape
from graphflow.graph.tensor import Tensor, TensorReference
from graphflow.ops import state
from graphflow.ops.identity import identity
from graphflow.ops.initial_values import guarded_initial_value
from graphflow.ops.variable_updates import VariableUpdates


class VariableSynchronization(enum.Enum):
    """When copies of a variable on several devices are made equal; one device has one copy."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How updates of copies on several devices are combined; one device has one copy."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3
    ONLY_FIRST_TOWER = 3


class SaveSliceInfo:
    """Which part of a larger variable this one holds.

    Attributes
    ----------
    full_name, full_shape : of the whole.
    var_offset, var_shape : where the part begins, and its shape.
    """

    def __init__(
        self,
        full_name: str | None = None,
        full_shape: Sequence[int] = (),
        var_offset: Sequence[int] = (),
        var_shape: Sequence[int] = (),
    ) -> None:
        self.full_name = full_name
        self.full_shape = list(full_shape)
        self.var_offset = list(var_offset)
        self.var_shape = list(var_shape)

    @property
    def spec(self) -> str:
        """The form in which a checkpoint notes it: ``4 5 0,2:0,5``."""
        parts = zip(self.var_offset, self.var_shape, strict=True)
        sizes = "".join(f"{size} " for size in self.full_shape)
        return sizes + ":".join(f"{offset},{size}" for offset, size in parts)


class _VariableType(type):
    """Lets the variable creators of the default graph take part in making a variable."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        make = super().__call__
        creators = get_default_graph()._variable_creators
        if not creators:
            return make(*args, **kwargs)
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        bound = signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        del arguments["self"]
        for creator in creators:
            make = _chained(creator, make)
        return make(**arguments)


def _chained(creator: Callable[..., Any], make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **kwargs: creator(make, **kwargs)


class Variable(VariableUpdates, metaclass=_VariableType):
    """A value that stays from run to run of a session.

    Parameters
    ----------
    initial_value : tensor or what converts to one, or a function without arguments that gives it.
    trainable : also put it into ``TRAINABLE_VARIABLES``; True when None.
    collections : where to put it; ``GLOBAL_VARIABLES`` when None.
    validate_shape : whether the shape of `initial_value` is known and stays.
    caching_device : where to read it.
    name : made unique; "Variable" when None.
    dtype : element type to convert `initial_value` to.
    constraint : function from value to value that an optimiser applies after an update.
    shape : the shape when it is not that of `initial_value`.
    use_resource : count operations as TensorFlow makes them for variables that are handles.
    variable_def, expected_shape, import_scope, synchronization, aggregation :
        accepted for TensorFlow's sake; there is one kind of variable.

    Raises
    ------
    ValueError : there is no initial value, or its shape is not known.
    """

    __array_priority__ = 100

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Callable[..., Any] | None = None,
        use_resource: bool | None = None,
        synchronization: Any = VariableSynchronization.AUTO,
        aggregation: Any = VariableAggregation.NONE,
        shape: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        if collections is None:
            collections = [GraphKeys.GLOBAL_VARIABLES]
        if not isinstance(collections, (list, tuple, set)):
            raise ValueError(
                "collections argument to Variable constructor must be a list, tuple, or set. "
                f"Got {collections} of type {type(collections)}"
            )
        if constraint is not None and not callable(constraint):
            raise ValueError("The `constraint` argument must be a callable.")
        self._synchronization = VariableSynchronization(synchronization or 0)
        self._aggregation = VariableAggregation(aggregation or 0)
        if trainable is None:
            trainable = self._synchronization is not VariableSynchronization.ON_READ
        self._trainable = trainable
        self._constraint = constraint
        self._caching_device = caching_device
        self._counts_reads = bool(use_resource)
        self._save_slice_info: SaveSliceInfo | None = None
        with init_scope():
            self._make_operations(initial_value, name, dtype, validate_shape, shape)
            if trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
                collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
            add_to_collections(collections, self)

    def _make_operations(
        self, initial_value: Any, name: str | None, dtype: Any, validate_shape: bool, shape: Any
    ) -> None:
        from_function = callable(initial_value)
        values = [] if from_function else [initial_value]
        with name_scope(name, "Variable", values) as scope:
            graph = get_default_graph()
            if from_function:
                with name_scope("Initializer"), graph.device(None):
                    initial_value = convert_to_tensor(initial_value(), dtype, "initial_value")
            else:
                initial_value = convert_to_tensor(initial_value, dtype, "initial_value")
                if initial_value.op._get_control_flow_context() is not None:
                    raise ValueError(
                        f"Initializer for variable {scope} is from inside a control-flow "
                        "construct, such as a loop or conditional. When creating a variable "
                        "inside a loop or conditional, use a lambda as the initializer."
                    )
            known = initial_value.shape if validate_shape else unknown_shape()
            shape = known if shape is None else as_shape(shape)
            self._initial_value = initial_value
            self._variable = state.variable_op_v2(shape, initial_value.dtype.base_dtype, name=scope)
            if validate_shape and not initial_value.shape.is_fully_defined():
                raise ValueError(f"initial_value must have a shape specified: {initial_value}")
            guarded = guarded_initial_value(scope, initial_value)
            assigned = state.assign(self._variable, guarded, validate_shape=validate_shape)
            self._initializer_op = assigned.op
            if self._caching_device is not None:
                place = graph.device(self._caching_device)
            else:
                place = graph.colocate_with(self._variable.op)
            with place:
                self._snapshot = identity(self._variable, name="read")
            if self._counts_reads:
                graph._skip_ids(1)  # TensorFlow makes a handle, and asks whether it has a value

    @classmethod
    def _of_operations(
        cls, variable: Tensor, initializer: Operation, snapshot: Tensor, initial_value: Any,
        trainable: bool, part: SaveSliceInfo | None,
    ) -> Variable:  # fmt: skip
        """A variable whose operations are there already: of an imported graph."""
        made = cls.__new__(cls)
        made._synchronization = VariableSynchronization.AUTO
        made._aggregation = VariableAggregation.NONE
        made._trainable, made._constraint, made._caching_device = trainable, None, None
        made._counts_reads = False
        made._variable, made._initializer_op = variable, initializer
        made._snapshot, made._initial_value = snapshot, initial_value
        made._save_slice_info = part
        return made

    # ---- what it is

    @property
    def name(self) -> str:
        """The name of the reference: ``w:0``."""
        return self._variable.name

    @property
    def op(self) -> Operation:
        """The ``VariableV2`` operation."""
        return self._variable.op

    @property
    def dtype(self) -> DType:
        """The type of the reference; `dtype.base_dtype` is that of the value."""
        return self._variable.dtype

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape."""
        return self._variable.shape

    def get_shape(self) -> TensorShape:
        """Return what is known of the shape."""
        return self._variable.shape

    def set_shape(self, shape: Any) -> None:
        """Add what is known of the shape."""
        self._variable.set_shape(shape)
        self._snapshot.set_shape(shape)

    @property
    def graph(self) -> Graph:
        """The graph that it belongs to."""
        return self._variable.graph

    @property
    def device(self) -> str:
        """The device that was asked for."""
        return self._variable.device

    @property
    def initializer(self) -> Operation:
        """The operation that gives it its initial value."""
        return self._initializer_op

    @property
    def initial_value(self) -> Tensor:
        """The initial value, as it was given."""
        return self._initial_value

    @property
    def trainable(self) -> bool:
        """Whether optimisers update it."""
        return self._trainable

    @property
    def constraint(self) -> Callable[..., Any] | None:
        """The function that an optimiser applies after an update."""
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        """As it was given."""
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        """As it was given."""
        return self._aggregation

    @property
    def _shared_name(self) -> str:
        return self._variable.op.name

    def _as_graph_element(self) -> Tensor:
        return self._variable

    def _ref(self) -> Tensor:
        return self._variable

    def _set_save_slice_info(self, info: SaveSliceInfo) -> None:
        self._save_slice_info = info

    def _get_save_slice_info(self) -> SaveSliceInfo | None:
        return self._save_slice_info

    def experimental_ref(self) -> TensorReference:
        """Return a stand-in that can be a key."""
        return TensorReference(self)

    # ---- reading

    def value(self) -> Tensor:
        """Return the tensor that reads it: always the same one.

        TensorFlow makes one for each use of a variable with `use_resource`; it is counted, as seeds
        of random operations come from the count.
        """
        if self._counts_reads:
            self.graph._skip_ids(1)
        return self._snapshot

    def read_value(self) -> Tensor:
        """Return a new tensor that reads it, under the control dependencies of this place."""
        return identity(self._variable, name="read")

    def initialized_value(self) -> Tensor:
        """Return its value, or its initial value for as long as it has none."""
        with init_scope():
            return state.initialized_value(self._variable, self._initial_value)

    def eval(self, session: Any = None) -> Any:
        """Compute the value in `session`, or in the default session."""
        return self._variable.eval(session=session)

    # ---- writing

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Give it a value; return its reference afterwards, or the operation."""
        result = state.assign(self._variable, value, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def count_up_to(self, limit: int) -> Tensor:
        """Add 1 to it; return its value before. A run fails once it is `limit`."""
        return state.count_up_to(self._variable, limit)

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Add to it; return its reference afterwards, or the operation."""
        result = state.assign_add(self._variable, delta, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtract from it; return its reference afterwards, or the operation."""
        result = state.assign_sub(self._variable, delta, use_locking=use_locking, name=name)
        return result if read_value else result.op

    def load(self, value: Any, session: Any = None) -> None:
        """Give it a value in `session`, or in the default session, without a new operation."""
        session = session or session_stack.default_session()
        if session is None:
            raise ValueError(
                "Either session argument should be provided or default session should be "
                "established"
            )
        session.run(self.initializer, {self.initializer.inputs[1]: value})

    # ---- operators: those of the value, as they are installed on Tensor

    def __iter__(self) -> Any:
        raise TypeError("'Variable' object is not iterable.")

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


Variable.SaveSliceInfo = SaveSliceInfo  # type: ignore[attr-defined]  # TensorFlow nests it


def _value_operator(operator: str) -> Callable[..., Any]:
    def apply(self: Variable, *args: Any) -> Any:
        return getattr(Tensor, operator)(self.value(), *args)

    apply.__name__ = operator
    return apply


for _operator in sorted(Tensor.OVERLOADABLE_OPERATORS - {"__eq__", "__ne__"}):
    setattr(Variable, _operator, _value_operator(_operator))


def _convert_variable(value: Variable, dtype: Any, name: str | None, as_ref: bool) -> Tensor:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtype.name}' for variable of type "
            f"'{value.dtype.name}'"
        )
    return value._ref() if as_ref else value.value()


register_tensor_conversion_function(Variable, _convert_variable)
register_dense_tensor_like_type(Variable)
RefVariable = Variable
