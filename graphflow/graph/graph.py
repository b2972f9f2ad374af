"""The graph: operations in the order of their making, and the scopes they are made in.

Append-only. A name is unique, every tensor has dtype and shape from the moment it exists, and an
operation whose shape rule fails leaves the graph as it was.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphflow.errors import CompilerError
from graphflow.graph.collections import Collections
from graphflow.graph.contexts import SIZE_ONLY, check_reachable
from graphflow.graph.control import ControlScopes
from graphflow.graph.devices import DeviceScopes
from graphflow.graph.failure import add_context
from graphflow.graph.graph_stack import entered
from graphflow.graph.names import VALID_OP_NAME, Names, name_from_scope_name
from graphflow.graph.opdef import get_opdef
from graphflow.graph.operation import Operation
from graphflow.graph.source import user_location
from graphflow.graph.tensor import Tensor
from graphflow.shown import Shown


class Graph(Names, ControlScopes, DeviceScopes, Collections, Shown):
    """A TensorFlow 1.x graph.

    Attributes
    ----------
    seed : the graph-level random seed, or None.
    """

    def __init__(self) -> None:
        Names.__init__(self)
        ControlScopes.__init__(self)
        DeviceScopes.__init__(self)
        Collections.__init__(self)
        self._lock = threading.RLock()
        self._operations: list[Operation] = []
        self._operation_by_name: dict[str, Operation] = {}
        self._last_id = 0
        self._early_operations = 0  # which TensorFlow has not made so far
        self._changes = 0
        self._finalized = False
        self._building_function = False
        self._container = ""
        self._gradient_overrides: dict[str, str] = {}
        self._default_original_op: Operation | None = None
        self._variable_creators: list[Callable[..., Any]] = []
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Operation] = set()
        self.seed: int | None = None

    # ---- making operations

    def create_op(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        attrs: dict[str, Any] | None = None,
        name: str | None = None,
        output_types: Sequence[Any] | None = None,
    ) -> Operation:
        """Add an operation.

        Parameters
        ----------
        op_type : the name of a registered `OpDef`.
        inputs : tensors of this graph.
        attrs : attributes as Python values; the operation keeps a copy.
        name : wanted name, made unique inside the current scope; the op type when None. A name
            that ends in a slash (a scope's) is taken as it is.
        output_types : what the outputs' types must be, where the caller knows.

        Raises
        ------
        TypeError, ValueError : inputs that the op cannot take. The graph is then unchanged.
        RuntimeError : the graph is finalized.
        """
        self._check_not_finalized()
        definition = get_opdef(op_type)
        tensors = tuple([self._own_input(i, tensor) for i, tensor in enumerate(inputs)])
        wanted = op_type if name is None else name
        context = self._control_flow_context
        if context is not None:
            capture = context.capture_size if op_type in SIZE_ONLY else context.capture
            tensors = tuple([capture(tensor) for tensor in tensors])
        elif op_type not in ("Enter", "RefEnter", "Switch", "RefSwitch"):  # made by a context
            for tensor in tensors:
                if tensor.op._control_flow_context is not None:
                    check_reachable(tensor, wanted, context)
        with self._lock:
            exact = wanted[-1:] == "/"
            unique = name_from_scope_name(wanted) if exact else self._checked_name(wanted)
            if unique in self._operation_by_name:
                raise ValueError(f"Duplicate node name in graph: '{unique}'")
            control_inputs = self._control_inputs_for({tensor.op for tensor in tensors})
            if context is not None:
                control_inputs = context.waits_for(tensors, control_inputs)
            location = user_location()
            op = Operation(
                self, definition, unique, tensors, dict(attrs or ()), control_inputs, location
            )
            try:
                outputs = list(definition.infer(op))
                _check_types(outputs, output_types)
            except (TypeError, ValueError) as error:
                if not exact:
                    self._release_name(unique, wanted)
                add_context(error, op_type, unique, tensors, location)
                raise
            op.outputs = [Tensor(op, i, *output) for i, output in enumerate(outputs)]
            self._append(op)
        return op

    def _append(self, op: Operation) -> None:
        self._last_id += 1
        op._id = self._last_id
        op._original_op = self._default_original_op
        op._control_flow_context = self._control_flow_context
        self._operations.append(op)
        self._operation_by_name[op.name] = op
        for tensor in op.inputs:
            tensor._consumers.append(op)
        if op.type in self._gradient_overrides:
            op.attrs.setdefault("_gradient_op_type", self._gradient_overrides[op.type])
        if self._control_stack:
            self._record_in_control_scopes(op)
        if self._device_functions or self._colocation_stack:
            self._place(op)
        if self._container and not op.attrs.get("container", "?"):
            op.attrs["container"] = self._container

    def _skip_ids(self, count: int) -> None:
        """Count operations that TensorFlow would have made here and graphflow does not need.

        Seeds of random operations come from the count, so that leaving it behind would change
        what a program draws.
        """
        self._last_id += count

    @contextlib.contextmanager
    def _counting_as(self, count: int) -> Iterator[None]:
        """Count what is made inside as the `count` operations, or more, that TensorFlow makes."""
        end = self._last_id + count
        yield
        assert self._last_id <= end, (self._last_id, end)
        self._skip_ids(end - self._last_id)

    def _checked_name(self, wanted: str) -> str:
        unique = self.unique_name(wanted)
        if not VALID_OP_NAME.match(unique):
            self._release_name(unique, wanted)
            raise ValueError(f"'{unique}' is not a valid node name")
        return unique

    def _own_input(self, index: int, tensor: Any) -> Tensor:
        """Return `tensor` as a tensor of this graph; graphs of functions capture it here."""
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Input #{index} is not a tensor: {tensor}")
        if tensor.op.graph is not self:
            raise ValueError(f"Tensor {tensor} is not from the passed-in graph.")
        return tensor

    # ---- finding operations

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """Return the Tensor or Operation that `obj` is, names, or converts to.

        Raises
        ------
        KeyError : a name that the graph does not have.
        ValueError : a name of the wrong kind, or an element of another graph.
        TypeError : anything else.
        """
        if allow_tensor and allow_operation:
            kinds = "Tensor or Operation"
        elif allow_tensor or allow_operation:
            kinds = "Tensor" if allow_tensor else "Operation"
        else:
            raise ValueError("allow_tensor and allow_operation can't both be False.")
        convert = getattr(obj, "_as_graph_element", None)
        if callable(convert):
            obj = convert()
        if isinstance(obj, bytes):
            obj = obj.decode()
        if isinstance(obj, str):
            if ":" in obj:
                if allow_tensor:
                    return self._tensor_by_name(obj)
                raise ValueError(f"Name {obj!r} appears to refer to a Tensor, not a {kinds}.")
            return self._operation_by_text(obj, allow_operation, kinds)
        if isinstance(obj, Tensor) and allow_tensor:
            if obj.graph is not self:
                raise ValueError(f"Tensor {obj} is not an element of this graph.")
            return obj
        if isinstance(obj, Operation) and allow_operation:
            if obj.graph is not self:
                raise ValueError(f"Operation {obj} is not an element of this graph.")
            return obj
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {kinds}.")

    def _tensor_by_name(self, name: str) -> Tensor:
        op_name, _, number = name.partition(":")
        try:
            index = int(number)
        except ValueError:
            raise ValueError(
                f"The name {name!r} looks a like a Tensor name, but is not a valid one. Tensor "
                'names must be of the form "<op_name>:<output_index>".'
            ) from None
        op = self._operation_by_name.get(op_name)
        if op is None:
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                f"{op_name!r}, does not exist in the graph."
            )
        try:
            return op.outputs[index]
        except IndexError:
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                f"{op_name!r}, exists but only has {len(op.outputs)} outputs."
            ) from None

    def _operation_by_text(self, name: str, allow_operation: bool, kinds: str) -> Operation:
        op = self._operation_by_name.get(name)
        if allow_operation:
            if op is None:
                raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
            return op
        what = "refers to an Operation" if op else "looks like an (invalid) Operation name"
        raise ValueError(
            f"The name {name!r} {what}, not a {kinds}. Tensor names must be of the form "
            '"<op_name>:<output_index>".'
        )

    def get_operations(self) -> list[Operation]:
        """Return all operations, in the order of their making."""
        return list(self._operations)

    def to_networkx(self) -> Any:
        """The graph for networkx: see `graph.networks.graph_network`."""
        from graphflow.graph.networks import graph_network  # few programs ask

        return graph_network(self._operations)

    def get_operation_by_name(self, name: str) -> Operation:
        """Return the operation of that name; errors as in `as_graph_element`."""
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_tensor=False)

    def get_tensor_by_name(self, name: str) -> Tensor:
        """Return the tensor of that name (``op:0``); errors as in `as_graph_element`."""
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_operation=False)

    def _operation_to_wait_for(self, item: Any) -> Operation:
        if isinstance(getattr(item, "op", None), Operation) and not isinstance(item, Tensor):
            item = item.op  # IndexedSlices
        element = self.as_graph_element(item)
        return element.op if isinstance(element, Tensor) else element

    def _operation_to_colocate_with(self, item: Any) -> Operation:
        if isinstance(item, Operation):
            return item
        if isinstance(getattr(item, "op", None), Operation):
            return item.op
        element = self.as_graph_element(item)
        return element.op if isinstance(element, Tensor) else element

    # ---- as messages

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """Return the graph as a GraphDef.

        Parameters
        ----------
        from_version : only the operations made after that version.
        add_shapes : write each operation's static shapes as ``_output_shapes``.
        """
        from graphflow.graph.graph_def import graph_to_proto  # it reads graphs: above this module

        operations = [op for op in self._operations if op._id > (from_version or 0)]
        return graph_to_proto(self, operations, add_shapes)

    # ---- state

    @property
    def version(self) -> int:
        """A number that grows with every operation."""
        return self._last_id

    @property
    def building_function(self) -> bool:
        """Whether this is the graph of a function's body."""
        return self._building_function

    @property
    def finalized(self) -> bool:
        """Whether the graph takes no more operations."""
        return self._finalized

    def finalize(self) -> None:
        """Take no more operations, so that a program cannot grow its graph in a loop unnoticed."""
        self._finalized = True

    def _unsafe_unfinalize(self) -> None:
        self._finalized = False

    def _check_not_finalized(self) -> None:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def _note_change(self) -> None:
        """Count a change that adds no operation: what was compiled before may be out of date."""
        self._changes += 1

    def as_default(self) -> contextlib.AbstractContextManager[Graph]:
        """Return a context manager that makes this the default graph of the thread."""
        return entered(self)

    @contextlib.contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        """Name the container of the stateful operations made inside the ``with`` block."""
        outer, self._container = self._container, container_name
        try:
            yield container_name
        finally:
            self._container = outer

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Give the operations made inside the ``with`` block gradients registered by name.

        Parameters
        ----------
        op_type_map : from op type to the name given to `RegisterGradient`.
        """
        if not isinstance(op_type_map, dict) or not all(
            isinstance(text, str) for pair in op_type_map.items() for text in pair
        ):
            raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        outer = self._gradient_overrides
        self._gradient_overrides = {**outer, **op_type_map}
        try:
            yield
        finally:
            self._gradient_overrides = outer

    @contextlib.contextmanager
    def _original_op(self, op: Operation) -> Iterator[None]:
        """Note `op` as the origin of operations made inside: a gradient's forward operation."""
        outer, self._default_original_op = self._default_original_op, op
        try:
            yield
        finally:
            self._default_original_op = outer

    @contextlib.contextmanager
    def _variable_creator_scope(self, creator: Callable[..., Any]) -> Iterator[None]:
        """Let ``creator(make, **arguments)`` make the variables that are asked for inside."""
        outer = self._variable_creators
        self._variable_creators = [*outer, creator]
        try:
            yield
        finally:
            self._variable_creators = outer

    def prevent_feeding(self, tensor: Tensor) -> None:
        """Forbid to feed `tensor`."""
        self._unfeedable.add(tensor)

    def is_feedable(self, tensor: Tensor) -> bool:
        """Whether `tensor` may be fed."""
        return tensor not in self._unfeedable

    def prevent_fetching(self, op: Operation) -> None:
        """Forbid to fetch `op` and its outputs."""
        self._unfetchable.add(op)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        """Whether a tensor or an operation may be fetched."""
        op = tensor_or_op.op if isinstance(tensor_or_op, Tensor) else tensor_or_op
        return op not in self._unfetchable


def _check_types(outputs: list[Any], expected: Sequence[Any] | None) -> None:
    if expected is None:
        return
    got = [dtype for dtype, _ in outputs]
    if got != list(expected):
        raise CompilerError(f"expected outputs of types {list(expected)}, the op gives {got}")
