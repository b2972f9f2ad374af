"""Queues of tensors: operations that wait until there is room, or something to take.

What a queue holds is kept by session. A run that waits in one thread does not hold up others.
"""

from __future__ import annotations

import random
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.walks import padded_rows, stacked
from graphflow.graph.apply import Signature
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, bool_, int32, int64, resource
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.shape_rules import merge_size
from graphflow.runtime.context import running

Array = np.ndarray[Any, Any]
Element = tuple[Array, ...]
Pick = Callable[[Sequence[Element]], int]  # the place of the element that leaves next
_SCALAR = TensorShape([])
_WAIT = 0.05  # seconds between looks for a stop


def wait_for_change(changed: threading.Condition, op: Operation) -> None:
    """Wait a while for another thread's change.

    Raises
    ------
    CancelledError : the session was closed.
    """
    changed.wait(_WAIT)
    if running.store is not None and running.store.is_closed:
        raise errors.CancelledError(
            None, op, "Step was cancelled by an explicit call to `Session::Close()`."
        )


class _Content:
    """What a queue holds in one session."""

    def __init__(self, capacity: int, pick: Pick, reserve: int, is_sorted: bool) -> None:
        self.items: deque[Element] = deque()
        self.changed = threading.Condition()
        self.capacity, self.pick, self.reserve = capacity, pick, reserve
        self.is_closed = self.is_cancelled = False
        self.is_sorted = is_sorted  # what is taken together is in order: all of it must be there
        self.waiting = 0  # puts that wait for room

    def put(self, elements: Sequence[Element], op: Operation) -> None:
        """Add elements; those that waited for room when the queue was closed still come in."""
        with self.changed:
            if self.is_closed:
                raise errors.CancelledError(None, op, f"Queue '{op.inputs[0].op.name}' is closed.")
            self.waiting += 1
            try:
                for element in elements:
                    while not self.is_cancelled and len(self.items) >= self.capacity > 0:
                        wait_for_change(self.changed, op)
                    if self.is_cancelled:
                        raise errors.CancelledError(None, op, "Enqueue operation was cancelled")
                    self.items.append(element)
                    self.changed.notify_all()
            finally:
                self.waiting -= 1
                self.changed.notify_all()

    def take(self, count: int, op: Operation, up_to: bool = False) -> list[Element]:
        with self.changed:
            found: list[Element] = []
            while True:
                is_over = self.is_closed and (not self.waiting or self.is_cancelled)
                kept = 0 if self.is_closed else self.reserve
                ready = not self.is_sorted or is_over or len(self.items) >= count
                while ready and len(found) < count and len(self.items) > kept:
                    place = self.pick(self.items)
                    found.append(self.items[place])
                    del self.items[place]
                    self.changed.notify_all()
                if len(found) == count or (up_to and found and is_over):
                    return found
                if is_over:
                    self.items.extendleft(reversed(found))
                    name = op.inputs[0].op.name
                    raise errors.OutOfRangeError(
                        None, op,
                        f"Queue '{name}' is closed and has insufficient elements (requested "
                        f"{count}, current size {len(self.items)})",
                    )  # fmt: skip
                wait_for_change(self.changed, op)

    def close(self, cancel: bool) -> None:
        with self.changed:
            self.is_closed, self.is_cancelled = True, self.is_cancelled or cancel
            self.changed.notify_all()


class SessionState:
    """The content of a queue, or of the like, in each session."""

    def __init__(self, make: Callable[[], Any], shared_name: str = "") -> None:
        self.make, self.shared_name = make, shared_name
        self.contents: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.lock = threading.Lock()

    def here(self) -> Any:
        """The content in the session of the run that is on."""
        with self.lock:
            store = running.store
            if store not in self.contents:
                self.contents[store] = self.shared(store) if self.shared_name else self.make()
            return self.contents[store]

    def shared(self, store: Any) -> Any:
        """The content that all queues of one shared name have in a session."""
        own = self.make()
        with _shared_lock:
            found = _shared.setdefault(store, {}).setdefault(self.shared_name, own)
        if found.capacity != own.capacity:
            raise errors.InvalidArgumentError(
                None, None,
                f"Shared queue '{self.shared_name}' has capacity {found.capacity} but requested "
                f"capacity was {own.capacity}",
            )  # fmt: skip
        return found


_shared: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
_shared_lock = threading.Lock()


def _maker(op: Operation) -> Operation:
    """The operation that makes an operation's queue."""
    made = op.inputs[0].op
    while "state" not in made.attrs:  # a branch or a loop hands the queue in
        made = made.inputs[0].op
    return made


def _queue(op: Operation) -> SessionState:
    state: SessionState = _maker(op).attrs["state"]
    return state


def lower_call(function: Callable[..., Any], types: Callable[[Operation], list[Any]]) -> Any:
    """The lowering of an op that calls ``function(op, *arrays)`` for its effects."""

    def lower(b: Any, op: Operation, handle: Any, *inputs: Any) -> Any:
        def call(unused: Array, *arrays: Array) -> Any:
            return function(op, *arrays)

        made = b.call_python(call, [handle, *inputs], types(op), stateful=True)
        return made if types(op) else ()

    return lower


def _check_shapes(op: Operation, element: Element) -> None:
    for number, (array, shape) in enumerate(zip(element, _maker(op).attrs["shapes"], strict=True)):
        if not shape.is_compatible_with(array.shape):
            wanted, got = (",".join(str(n) for n in s) for s in (shape.as_list(), array.shape))
            raise errors.InvalidArgumentError(
                None, op,
                f"Shape mismatch in tuple component {number}. Expected [{wanted}], got [{got}]",
            )  # fmt: skip


def _enqueue(op: Operation, *arrays: Array) -> list[Array]:
    _check_shapes(op, arrays)
    _queue(op).here().put([arrays], op)
    return []


def _enqueue_many(op: Operation, *arrays: Array) -> list[Array]:
    rows = [tuple(a[k, ...] for a in arrays) for k in range(len(arrays[0]))]
    for row in rows[:1]:
        _check_shapes(op, row)
    _queue(op).here().put(rows, op)
    return []


def _dequeue(op: Operation) -> Any:
    return list(_queue(op).here().take(1, op)[0])


def _dequeue_many(op: Operation, count: Array) -> Any:
    found = _queue(op).here().take(int(count), op, op.type == "QueueDequeueUpToV2")
    if not found:
        return [
            np.empty((0, *(n or 0 for n in (shape.extents or (0,))[1:])), dtype.numpy)
            for dtype, shape in _specs(op)
        ]
    pad = op.attrs.get("pads", False)
    columns = zip(*found, strict=True)
    return [
        padded_rows(column, [None] * column[0].ndim, _filling(column[0])) if pad
        else stacked(column)
        for column in columns
    ]  # fmt: skip


def _filling(array: Array) -> Any:
    return b"" if array.dtype == object else array.dtype.type(0)


def _specs(op: Operation) -> list[tuple[Any, TensorShape]]:
    attrs = _maker(op).attrs
    pairs = list(zip(attrs["dtypes"], attrs["shapes"], strict=True))
    if op.type == "QueueDequeueV2":
        return pairs
    return [(d, TensorShape([op.attrs.get("count")]).concatenate(s)) for d, s in pairs]


def _types(op: Operation) -> list[Any]:
    return [(d, tuple(s.as_list()) if s.is_fully_defined() else None) for d, s in _specs(op)]


def _size(op: Operation) -> list[Array]:
    return [np.asarray(len(_queue(op).here().items), np.int32)]


def _closed(op: Operation) -> list[Array]:
    return [np.asarray(_queue(op).here().is_closed)]


def _close(op: Operation) -> list[Array]:
    _queue(op).here().close(op.attrs["cancel_pending_enqueues"])
    return []


for _name in ("FIFOQueueV2", "RandomShuffleQueueV2", "PaddingFIFOQueueV2", "PriorityQueueV2"):
    define_op(
        name=_name,
        infer=lambda op: [(resource, _SCALAR)],
        lower=lambda b, op: b.const(np.int32(0)),  # operations know the queue by their input
        no_gradient="a handle",
    )
for _name, _function, _result in (
    ("QueueEnqueueV2", _enqueue, None), ("QueueEnqueueManyV2", _enqueue_many, None),
    ("QueueCloseV2", _close, None), ("QueueDequeueV2", _dequeue, _types),
    ("QueueDequeueManyV2", _dequeue_many, _types), ("QueueDequeueUpToV2", _dequeue_many, _types),
):  # fmt: skip
    define_op(
        name=_name,
        infer=_specs if _result else lambda op: [],
        lower=lower_call(_function, _result or (lambda op: [])),
        no_gradient="data",
        stateful=True,
    )
define_op(
    name="QueueSizeV2",
    infer=lambda op: [(int32, _SCALAR)],
    lower=lower_call(_size, lambda op: [(int32, ())]),
    no_gradient="a number",
    stateful=True,
)
define_op(
    name="QueueIsClosedV2",
    infer=lambda op: [(bool_, _SCALAR)],
    lower=lower_call(_closed, lambda op: [(bool_, ())]),
    no_gradient="a truth",
    stateful=True,
)

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

    def __init__(
        self, capacity: int, dtypes: Any, shapes: Any = None, names: Any = None,
        name: str = "queue", pick: Pick = lambda items: 0, reserve: int = 0,
        shared_name: str | None = None, is_sorted: bool = False,
    ) -> None:  # fmt: skip
        listed = dtypes if isinstance(dtypes, (list, tuple)) else [dtypes]
        self.dtypes = [as_dtype(d).base_dtype for d in listed]
        self.names = names
        self.shapes = _shapes(shapes, len(self.dtypes))
        state = SessionState(
            lambda: _Content(capacity, pick, reserve, is_sorted), shared_name or ""
        )
        make = Signature(self.op_type)
        self.queue_ref = make(
            name=name,
            state=state,
            dtypes=self.dtypes,
            component_types=self.dtypes[is_sorted:],  # without what the order is by
            shapes=self.shapes,
            capacity=capacity,
            shared_name=shared_name or "",
        ).outputs[0]

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.queue_ref.op.name

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
        with name_scope(name, f"{self.name}_enqueue", [self.queue_ref]) as scope:
            parts = self._components(vals)
            for tensor, shape in zip(parts, self.shapes, strict=True):
                tensor.shape.assert_is_compatible_with(shape)
            return _PUT(self.queue_ref, parts, name=scope)

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """An operation that adds one element for each row."""
        with name_scope(name, f"{self.name}_EnqueueMany", [self.queue_ref]) as scope:
            parts = self._components(vals)
            rows = None
            for tensor, shape in zip(parts, self.shapes, strict=True):
                tensor.shape.assert_is_compatible_with(TensorShape([None]).concatenate(shape))
                rows = merge_size(rows, (tensor.shape.extents or (None,))[0])
            return _PUT_MANY(self.queue_ref, parts, name=scope)

    # ---- taking

    def _result(self, op: Operation) -> Any:
        if self.names:
            return dict(zip(self.names, op.outputs, strict=True))
        return op.outputs if len(op.outputs) > 1 else op.outputs[0]

    def dequeue(self, name: str | None = None) -> Any:
        """The next element, when there is one."""
        label = name or f"{self.name}_Dequeue"
        return self._result(_TAKE(self.queue_ref, name=label, component_types=self.dtypes))

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """The next elements, stacked, when there are so many."""
        return self._many(_TAKE_MANY, n, name or f"{self.name}_DequeueMany")

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """The next elements, stacked; fewer when the queue is closed."""
        return self._many(_TAKE_UP_TO, n, name or f"{self.name}_DequeueUpTo")

    def _many(self, make: Signature, n: Any, name: str) -> Any:
        count = n if isinstance(n, int) and make is _TAKE_MANY else None
        pads = isinstance(self, PaddingFIFOQueue)
        made = make(
            self.queue_ref, n, name=name, count=count, pads=pads, component_types=self.dtypes
        )
        return self._result(made)

    # ---- the queue

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """An operation after which nothing can be added."""
        return _CLOSE(
            self.queue_ref, name=name or f"{self.name}_Close",
            cancel_pending_enqueues=cancel_pending_enqueues,
        )  # fmt: skip

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether the queue is closed."""
        return _IS_CLOSED(self.queue_ref, name=name or f"{self.name}_Is_Closed").outputs[0]

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        return _SIZE(self.queue_ref, name=name or f"{self.name}_Size").outputs[0]


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
        from graphflow.data.functions import draw_seed

        draws = random.Random(draw_seed(seed))
        super().__init__(
            capacity, dtypes, shapes, names, name, lambda items: draws.randrange(len(items)),
            min_after_dequeue, shared_name,
        )  # fmt: skip


class PriorityQueue(QueueBase):
    """Elements leave by their first component, int64, the smallest first.

    Parameters
    ----------
    types, shapes : of an element's other components.

    https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/queue/PriorityQueue
    """

    op_type = "PriorityQueueV2"

    def __init__(
        self, capacity: int, types: Any, shapes: Any = None, names: Any = None,
        shared_name: str | None = None, name: str = "priority_queue",
    ) -> None:  # fmt: skip
        listed = list(types) if isinstance(types, (list, tuple)) else [types]
        known = [_SCALAR, *_shapes(shapes or None, len(listed))]
        super().__init__(
            capacity, [int64, *listed], known, names, name, _first_in_order, 0, shared_name,
            is_sorted=True,
        )  # fmt: skip


def _first_in_order(items: Sequence[Element]) -> int:
    return min(range(len(items)), key=lambda k: int(items[k][0]))
