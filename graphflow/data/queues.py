"""Queues of tensors: operations that wait until there is room, or something to take.

What a queue holds is kept by session. A run that waits in one thread does not hold up others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.queue_contents import (
    QUEUE_KINDS,
    Element,
    QueueContent,
    components,
    maker_of,
    register_content,
    state_of,
)
from graphflow.data.rows import stacked
from graphflow.data.walks import padded_rows
from graphflow.graph import nest
from graphflow.graph.apply import Signature
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dtypes import as_dtype, bool_, int32, int64, resource, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.random_seed import get_seed
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops.conditionals import switch_case
from graphflow.ops.gathering import gather
from graphflow.ops.shape_rules import merge_size
from graphflow.ops.strings import object_array

Array = np.ndarray[Any, Any]
Results = Sequence[Any] | Callable[[Operation], Sequence[Any]]
_SCALAR = TensorShape([])


def define_call(name: str, function: Callable[..., Any], results: Results = ()) -> None:
    """Define an op that calls ``function(op, *arrays)`` for its effects.

    Parameters
    ----------
    function : gives the results for the values of all inputs but the handle.
    results : pairs of type and TensorShape, or a function of the op that gives them.
    """

    def infer(op: Operation) -> list[Any]:
        return list(results(op) if callable(results) else results)

    def lower(b: Any, op: Operation, handle: Any, *inputs: Any) -> Any:
        def call(unused: Array, *arrays: Array) -> Any:
            return function(op, *arrays)

        types = [
            (dtype, tuple(shape.as_list()) if shape.is_fully_defined() else None)
            for dtype, shape in infer(op)
        ]
        made = b.call_python(call, [handle, *inputs], types, stateful=True)
        return made if types else ()

    define_op(name, infer, lower, no_gradient="data", stateful=True)


def define_handle(name: str, content: type[Any], dtype: Any, shape: TensorShape) -> None:
    """Define an op that makes a handle of `content`, which a session keeps."""
    define_op(name, lambda op: [(dtype, shape)], lower_handle, no_gradient="a handle")
    register_content(name, content)


def handle_shape(kind: Any) -> TensorShape:
    """The shape of a queue's or reader's handle: two names where it is a string."""
    return _SCALAR if kind is resource else TensorShape([2])


def lower_handle(b: Any, op: Operation) -> Any:
    """A value for a handle; operations know what is behind one by their input."""
    shape: list[int] = op.outputs[0].shape.as_list()  # type: ignore[assignment]
    if op.outputs[0].dtype is string:
        return b.const(object_array(tuple(shape), [b""] * sum(shape)), string)
    return b.const(np.zeros(shape, np.int32))


def _here(op: Operation) -> QueueContent:
    found: QueueContent = state_of(op).here()
    return found


def _check_shapes(op: Operation, arrays: Element, rows: Sequence[int] = ()) -> None:
    """Check arrays against the shapes of an element's components, after the axis of `rows`."""
    for number, (array, (_, shape)) in enumerate(
        zip(arrays, components(maker_of(op)), strict=True)
    ):
        shape = TensorShape(rows).concatenate(shape)
        if not shape.is_compatible_with(array.shape):
            wanted, got = (
                ",".join("?" if n is None else str(n) for n in sizes)
                for sizes in (shape.as_list(), array.shape)
            )
            raise errors.InvalidArgumentError(
                None, op,
                f"Shape mismatch in tuple component {number}. Expected [{wanted}], got [{got}]",
            )  # fmt: skip


def _enqueue(op: Operation, *arrays: Array) -> list[Array]:
    _check_shapes(op, arrays)
    _here(op).put([arrays], op)
    return []


def _enqueue_many(op: Operation, *arrays: Array) -> list[Array]:
    _check_shapes(op, arrays, arrays[0].shape[:1])
    rows = [tuple(a[k, ...] for a in arrays) for k in range(len(arrays[0]))]
    _here(op).put(rows, op)
    return []


def _dequeue(op: Operation) -> Any:
    return list(_here(op).take(1, op)[0])


def _dequeue_many(op: Operation, count: Array) -> Any:
    maker = maker_of(op)
    pad = maker.type.startswith("Padding")
    if not pad and not all(shape.is_fully_defined() for _, shape in components(maker)):
        raise errors.InvalidArgumentError(
            None, op,
            f"{maker.type.removesuffix('V2')}'s DequeueMany and DequeueUpTo require the "
            "components to have specified shapes.",
        )  # fmt: skip
    found = _here(op).take(int(count), op, op.type.startswith("QueueDequeueUpTo"))
    if not found:
        return [
            np.empty((0, *(n or 0 for n in (shape.extents or (0,))[1:])), dtype.numpy)
            for dtype, shape in _specs(op)
        ]
    columns = zip(*found, strict=True)
    return [
        padded_rows(column, [None] * column[0].ndim, _filling(column[0])) if pad
        else stacked(column)
        for column in columns
    ]  # fmt: skip


def _filling(array: Array) -> Any:
    return b"" if array.dtype == object else array.dtype.type(0)


def _specs(op: Operation) -> list[tuple[Any, TensorShape]]:
    parts = components(maker_of(op))
    if [d for d, _ in parts] != list(op.attrs["component_types"]):
        raise ValueError(
            f"{op.name}: expected component_types {[d.name for d, _ in parts]}, as the queue has, "
            f"got {[d.name for d in op.attrs['component_types']]}"
        )
    if len(op.inputs) == 1:
        return parts
    count = None if op.type.startswith("QueueDequeueUpTo") else constant_value(op.inputs[1])
    rows = TensorShape([None if count is None else int(count)])
    return [(dtype, rows.concatenate(shape)) for dtype, shape in parts]


def _size(op: Operation) -> list[Array]:
    return [np.asarray(len(_here(op).items), np.int32)]


def _closed(op: Operation) -> list[Array]:
    return [np.asarray(_here(op).is_closed)]


def _close(op: Operation) -> list[Array]:
    _here(op).close(op.attrs["cancel_pending_enqueues"])
    return []


def _define(version: str, handle: Any) -> None:
    """Define the operations of one version; they differ in the type of the handle only."""
    for kind in QUEUE_KINDS:
        define_handle(f"{kind}{version}", QueueContent, handle, handle_shape(handle))
    define_call(f"QueueEnqueue{version}", _enqueue)
    define_call(f"QueueEnqueueMany{version}", _enqueue_many)
    define_call(f"QueueClose{version}", _close)
    define_call(f"QueueDequeue{version}", _dequeue, _specs)
    define_call(f"QueueDequeueMany{version}", _dequeue_many, _specs)
    define_call(f"QueueDequeueUpTo{version}", _dequeue_many, _specs)
    define_call(f"QueueSize{version}", _size, [(int32, _SCALAR)])
    define_call(f"QueueIsClosed{version}", _closed, [(bool_, _SCALAR)])


_define("V2", resource)
_define("", string)  # of graphs that programs before TensorFlow 1.1 wrote

_PUT = Signature("QueueEnqueueV2", "handle: resource", "components: Tcomponents...")
_PUT_MANY = Signature("QueueEnqueueManyV2", "handle: resource", "components: Tcomponents...")
_TAKE = Signature("QueueDequeueV2", "handle: resource")
_TAKE_MANY = Signature("QueueDequeueManyV2", "handle: resource", "n: int32")
_TAKE_UP_TO = Signature("QueueDequeueUpToV2", "handle: resource", "n: int32")
_CLOSE = Signature("QueueCloseV2", "handle: resource")
_SIZE = Signature("QueueSizeV2", "handle: resource")
_IS_CLOSED = Signature("QueueIsClosedV2", "handle: resource")


class QueueBase:
    """A queue of elements, each of one or several tensors.

    Attributes
    ----------
    dtypes, shapes, names : of an element's components; names may be None.
    """

    op_type = "FIFOQueueV2"
    _before: tuple[Any, ...] = ()  # types of components before those that the operation lists

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any = None, names: Any = None,
        name: str = "queue", shared_name: str | None = None, **attrs: Any,
    ) -> None:  # fmt: skip
        listed = dtypes if isinstance(dtypes, (list, tuple)) else [dtypes]
        self.dtypes = [as_dtype(d).base_dtype for d in listed]
        self.names = _names(names, len(self.dtypes))
        self.shapes = _shapes(shapes, len(self.dtypes))
        first = len(self._before)  # the operation does not list what the order is by
        given = [] if shapes is None else self.shapes[first:]
        self.queue_ref = Signature(self.op_type)(
            name=name, component_types=self.dtypes[first:], shapes=given, capacity=capacity,
            container="", shared_name=shared_name or "", **attrs,
        ).outputs[0]  # fmt: skip

    @staticmethod
    def from_list(index: Any, queues: Sequence[QueueBase]) -> QueueBase:
        """Return the queue of a list that `index` says in a run.

        Raises
        ------
        TypeError : no queues, or queues of other components.
        """
        are_queues = isinstance(queues, (list, tuple)) and all(
            isinstance(queue, QueueBase) for queue in queues
        )
        if not queues or not are_queues:
            raise TypeError("A list of queues expected")
        first = queues[0]
        if any(queue.dtypes != first.dtypes for queue in queues):
            raise TypeError("Queues do not have matching component dtypes.")
        if any(queue.names != first.names for queue in queues):
            raise TypeError("Queues do not have matching component names.")
        alike = [_common_shape(shapes) for shapes in zip(*(q.shapes for q in queues), strict=True)]
        return _ChosenQueue(first.dtypes, alike, first.names, index, queues)

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.queue_ref.op.name

    @property
    def _label(self) -> str:
        """What the names of the queue's other operations begin with."""
        return self.queue_ref.op.name.rsplit("/", 1)[-1]

    # ---- putting

    def _components(self, values: Any) -> list[Tensor]:
        if isinstance(values, dict):
            if not self.names:
                raise ValueError("Queue must have names to enqueue a dictionary")
            if sorted(values) != sorted(self.names):
                raise ValueError(
                    "Keys in dictionary to enqueue do not match names of Queue.  "
                    f"Dictionary: {sorted(values)}, Queue: {sorted(self.names)}"
                )
            values = [values[name] for name in self.names]
        elif self.names:
            raise ValueError("You must enqueue a dictionary in a Queue with names")
        elif not isinstance(values, (list, tuple)):
            values = [values]
        if len(values) != len(self.dtypes):
            raise ValueError(f"expected {len(self.dtypes)} components, got {len(values)}")
        return [
            convert_to_tensor(v, dtype=d, name=f"component_{k}")
            for k, (v, d) in enumerate(zip(values, self.dtypes, strict=True))
        ]

    def enqueue(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds an element, when there is room."""
        with name_scope(name, f"{self._label}_enqueue", [self.queue_ref]) as scope:
            return self._put(_PUT, self._element(vals), scope)

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds one element for each row."""
        with name_scope(name, f"{self._label}_EnqueueMany", [self.queue_ref]) as scope:
            return self._put(_PUT_MANY, self._elements(vals), scope)

    def _element(self, vals: Any) -> list[Tensor]:
        parts = self._components(vals)
        for tensor, shape in zip(parts, self.shapes, strict=True):
            tensor.shape.assert_is_compatible_with(shape)
        return parts

    def _elements(self, vals: Any) -> list[Tensor]:
        parts = self._components(vals)
        rows = None
        for tensor, shape in zip(parts, self.shapes, strict=True):
            tensor.shape.assert_is_compatible_with(TensorShape([None]).concatenate(shape))
            rows = merge_size(rows, (tensor.shape.extents or (None,))[0])
        return parts

    def _put(self, make: Signature, parts: list[Tensor], name: str | None) -> Operation:
        return make(self.queue_ref, parts, name=name)

    # ---- taking

    def _result(self, op: Operation) -> Any:
        if self.names:
            return dict(zip(self.names, op.outputs, strict=True))
        return op.outputs if len(op.outputs) > 1 else op.outputs[0]

    def dequeue(self, name: str | None = None) -> Any:
        """The next element, when there is one."""
        label = name or f"{self._label}_Dequeue"
        return self._result(_TAKE(self.queue_ref, name=label, component_types=self.dtypes))

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """The next elements, stacked, when there are so many."""
        return self._many(_TAKE_MANY, n, name or f"{self._label}_DequeueMany")

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """The next elements, stacked; fewer when the queue is closed."""
        return self._many(_TAKE_UP_TO, n, name or f"{self._label}_DequeueUpTo")

    def _many(self, make: Signature, n: Any, name: str) -> Any:
        return self._result(make(self.queue_ref, n, name=name, component_types=self.dtypes))

    # ---- the queue

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """An operation after which nothing can be added."""
        return _CLOSE(
            self.queue_ref, name=name or f"{self._label}_Close",
            cancel_pending_enqueues=cancel_pending_enqueues,
        )  # fmt: skip

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether the queue is closed."""
        return _IS_CLOSED(self.queue_ref, name=name or f"{self._label}_Is_Closed").outputs[0]

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        return _SIZE(self.queue_ref, name=name or f"{self._label}_Size").outputs[0]


def _shapes(shapes: Any, count: int) -> list[TensorShape]:
    if shapes is None:
        return [TensorShape(None)] * count
    if isinstance(shapes, TensorShape) or (
        isinstance(shapes, (list, tuple)) and all(isinstance(s, (int, type(None))) for s in shapes)
    ):
        shapes = [shapes]
    found = [TensorShape(s) for s in shapes]
    if len(found) != count:
        raise ValueError(f"Queue shapes must have the same length as dtypes: {len(found)}, {count}")
    return found


def _names(names: Any, count: int) -> list[str] | None:
    if not names:
        return None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise TypeError(f"names must be a list of strings or None, got {names!r}")
    if len(names) != count:
        raise ValueError(
            f"List of names must have the same length as the list of dtypes: {len(names)}, {count}"
        )
    return list(names)


def _common_shape(shapes: Sequence[TensorShape]) -> TensorShape:
    """What shapes have in common: their rank, and the sizes in which they agree."""
    listed = [None if s.extents is None else list(s.extents) for s in shapes]
    if any(sizes is None for sizes in listed) or len({len(s or ()) for s in listed}) > 1:
        return unknown_shape()
    columns = zip(*(sizes or () for sizes in listed), strict=True)
    return TensorShape([sizes[0] if len(set(sizes)) == 1 else None for sizes in columns])


class _ChosenQueue(QueueBase):
    """One of several queues, which an index says in the run: its operations are branches."""

    def __init__(
        self, dtypes: Any, shapes: Any, names: Any, index: Any, queues: Sequence[QueueBase]
    ) -> None:
        self.dtypes, self.shapes, self.names, self._queues = dtypes, shapes, names, list(queues)
        self._index = gather(list(range(len(queues))), index)  # which checks it
        self.queue_ref = self._index

    def _in_branches(self, make: Callable[[QueueBase], Any]) -> Any:
        return switch_case(self._index, [partial(make, queue) for queue in self._queues])

    def _for_effect(self, make: Callable[[QueueBase], Operation]) -> Operation:
        def done(queue: QueueBase) -> Tensor:
            with get_default_graph().control_dependencies([make(queue)]):
                return convert_to_tensor(0)

        found: Tensor = self._in_branches(done)
        return found.op

    def _put(self, make: Signature, parts: list[Tensor], name: str | None) -> Operation:
        return self._for_effect(lambda queue: make(queue.queue_ref, parts))

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """See `QueueBase`."""
        return self._for_effect(lambda queue: queue.close(cancel_pending_enqueues, name))

    def dequeue(self, name: str | None = None) -> Any:
        """See `QueueBase`."""
        return self._with_shapes(self._in_branches(lambda queue: queue.dequeue(name)), [])

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """See `QueueBase`."""
        made = self._in_branches(lambda queue: queue.dequeue_many(n, name))
        return self._with_shapes(made, [constant_value(convert_to_tensor(n))])

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """See `QueueBase`."""
        made = self._in_branches(lambda queue: queue.dequeue_up_to(n, name))
        return self._with_shapes(made, [None])

    def is_closed(self, name: str | None = None) -> Tensor:
        """See `QueueBase`."""
        found: Tensor = self._in_branches(lambda queue: queue.is_closed(name))
        return found

    def size(self, name: str | None = None) -> Tensor:
        """See `QueueBase`."""
        found: Tensor = self._in_branches(lambda queue: queue.size(name))
        return found

    def _with_shapes(self, made: Any, rows: list[Any]) -> Any:
        for tensor, shape in zip(nest.flatten(made), self.shapes, strict=True):
            tensor.set_shape(TensorShape(rows).concatenate(shape))
        return made


class FIFOQueue(QueueBase):
    """Elements leave in the order in which they came."""

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any = None, names: Any = None,
        shared_name: str | None = None, name: str = "fifo_queue",
    ) -> None:  # fmt: skip
        super().__init__(capacity, dtypes, shapes, names, name, shared_name=shared_name)


class PaddingFIFOQueue(QueueBase):
    """A `FIFOQueue` whose elements may differ in shape; they are padded when several are taken."""

    op_type = "PaddingFIFOQueueV2"

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any, names: Any = None,
        shared_name: str | None = None, name: str = "padding_fifo_queue",
    ) -> None:  # fmt: skip
        is_list = isinstance(shapes, (list, tuple)) and not any(
            isinstance(s, (int, type(None))) for s in shapes
        )
        if not is_list or any(TensorShape(s).rank is None for s in shapes):
            raise ValueError("When providing partial shapes, a list of shapes must be provided.")
        super().__init__(capacity, dtypes, shapes, names, name, shared_name=shared_name)


class RandomShuffleQueue(QueueBase):
    """Elements leave in an order that is drawn, `min_after_dequeue` of them staying."""

    op_type = "RandomShuffleQueueV2"

    def __init__(
        self, capacity: int, min_after_dequeue: int, dtypes: Any, shapes: Any = None,
        names: Any = None, seed: int | None = None, shared_name: str | None = None,
        name: str = "random_shuffle_queue",
    ) -> None:  # fmt: skip
        seeds = get_seed(seed)
        super().__init__(
            capacity, dtypes, shapes, names, name, shared_name,
            min_after_dequeue=min_after_dequeue, seed=seeds[0] or 0, seed2=seeds[1] or 0,
        )  # fmt: skip


class PriorityQueue(QueueBase):
    """Elements leave by their first component, int64, the smallest first.

    Parameters
    ----------
    types, shapes : of an element's other components.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/queue/PriorityQueue
    """

    op_type = "PriorityQueueV2"
    _before = (int64,)

    def __init__(
        self, capacity: int, types: Any, shapes: Any = None, names: Any = None,
        shared_name: str | None = None, name: str = "priority_queue",
    ) -> None:  # fmt: skip
        listed = list(types) if isinstance(types, (list, tuple)) else [types]
        known = [_SCALAR, *_shapes(shapes if listed else None, len(listed))]
        super().__init__(capacity, [int64, *listed], known, names, name, shared_name)
