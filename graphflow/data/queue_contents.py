"""What queues hold, in each session, made from the attributes of the operation that makes a queue.

So a queue of a graph that comes from a file is as one that a program made.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.graph.dtypes import DType, int64
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.ir.philox import generator_words
from graphflow.runtime.context import running
from graphflow.runtime.interrupts import check_deadline

Array = np.ndarray[Any, Any]
Element = tuple[Array, ...]
Take = Callable[[deque[Element]], Element]  # removes the element that leaves next
_WAIT = 0.05  # seconds between looks for a stop


def wait_for_change(changed: threading.Condition, op: Operation) -> None:
    """Wait a while for another thread's change.

    Raises
    ------
    CancelledError : the session was closed.
    DeadlineExceededError : the run has taken as long as it may.
    """
    changed.wait(_WAIT)
    check_deadline(running.deadline)
    if running.store is not None and running.store.is_closed:
        raise errors.CancelledError(
            None, op, "Step was cancelled by an explicit call to `Session::Close()`."
        )


# ---- states by session


class SessionState:
    """The content of a queue, or of the like, in each session.

    Contents of one shared name are one; what they have in `requests`, names with values, must be
    the same then.
    """

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
        if type(found) is not type(own) or found.kind != own.kind:
            raise errors.InvalidArgumentError(
                None, None,
                f"Trying to access '{self.shared_name}' using the wrong type. Expected "
                f"{own.kind} got {found.kind}",
            )  # fmt: skip
        for words, wanted in own.requests.items():
            if found.requests[words] != wanted:
                raise errors.InvalidArgumentError(
                    None, None,
                    f"Shared queue '{self.shared_name}' has {words} {found.requests[words]} but "
                    f"requested {words} was {wanted}",
                )  # fmt: skip
        return found


_shared: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
_shared_lock = threading.Lock()
_makers: dict[str, Callable[[Operation], Any]] = {}


def register_content(op_type: str, make: Callable[[Operation], Any]) -> None:
    """Let ``make(op)`` give what an operation of this type holds in a session."""
    _makers[op_type] = make


def maker_of(op: Operation, number: int = 0) -> Operation:
    """The operation that makes the queue, or the like, whose handle an input of `op` is."""
    made = op.inputs[number].op
    while made.type not in _makers:  # a branch or a loop hands the handle in
        if not made.inputs:
            raise ValueError(f"{op.name}: expected the handle of a queue, got {made.name}")
        made = made.inputs[0].op
    return made


def state_of(op: Operation, number: int = 0) -> SessionState:
    """The contents behind the handle that an input of `op` is."""
    maker = maker_of(op, number)
    with _shared_lock:
        found: SessionState | None = maker.attrs.get("state")
        if found is None:
            name = str(maker.attrs.get("shared_name") or "")
            found = SessionState(lambda: _makers[maker.type](maker), name)
            maker.attrs["state"] = found
    return found


# ---- queues


def components(maker: Operation) -> list[tuple[DType, TensorShape]]:
    """Types and shapes of the parts of an element of a queue."""
    types = list(maker.attrs["component_types"])
    shapes = list(maker.attrs.get("shapes") or [])
    shapes = shapes or [unknown_shape()] * len(types)
    if _kind(maker) == "PriorityQueue":  # what the order is by comes before the rest
        types, shapes = [int64, *types], [TensorShape([]), *shapes]
    return list(zip(types, (TensorShape(s) for s in shapes), strict=True))


def _kind(maker: Operation) -> str:
    return maker.type.removesuffix("V2")


class QueueContent:
    """What a queue holds in one session."""

    def __init__(self, maker: Operation) -> None:
        attrs = maker.attrs
        self.items: deque[Element] = deque()
        self.changed = threading.Condition()
        self.kind, self.name = _kind(maker), attrs.get("shared_name") or maker.name
        self.capacity = int(attrs["capacity"])
        self.reserve = int(attrs.get("min_after_dequeue", 0))
        self.take_one = _TAKES[self.kind](maker)
        # What is taken together is in order: all of it must be there.
        self.is_sorted = self.kind == "PriorityQueue"
        self.is_closed = self.is_cancelled = False
        self.waiting = 0  # puts that wait for room
        types = [dtype.name for dtype, _ in components(maker)]
        shapes = [str(shape) for _, shape in components(maker)]
        self.requests = {
            "capacity": self.capacity, "min_after_dequeue": self.reserve,
            "component types": types, "component shapes": shapes,
        }  # fmt: skip

    def put(self, elements: Sequence[Element], op: Operation) -> None:
        """Add elements; those that waited for room when the queue was closed still come in."""
        with self.changed:
            if self.is_closed:
                raise errors.CancelledError(None, op, f"{self.kind} '{self.name}' is closed.")
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
        """Take so many elements, once they are there; fewer only from a closed queue.

        Raises
        ------
        OutOfRangeError : the queue is closed, and has too few.
        """
        with self.changed:
            found: list[Element] = []
            while True:
                is_over = self.is_closed and (not self.waiting or self.is_cancelled)
                kept = 0 if self.is_closed else self.reserve
                ready = not self.is_sorted or is_over or len(self.items) >= count
                while ready and len(found) < count and len(self.items) > kept:
                    found.append(self.take_one(self.items))
                    self.changed.notify_all()
                if len(found) == count or (up_to and found and is_over):
                    return found
                if is_over:
                    self.items.extendleft(reversed(found))
                    raise errors.OutOfRangeError(
                        None, op,
                        f"{self.kind} '{self.name}' is closed and has insufficient elements "
                        f"(requested {count}, current size {len(self.items)})",
                    )  # fmt: skip
                wait_for_change(self.changed, op)

    def close(self, cancel: bool) -> None:
        """Let nothing more come in; with `cancel`, not even what waits."""
        with self.changed:
            self.is_closed, self.is_cancelled = True, self.is_cancelled or cancel
            self.changed.notify_all()


def _first(maker: Operation) -> Take:
    return lambda items: items.popleft()


def _least(maker: Operation) -> Take:
    def take(items: deque[Element]) -> Element:
        place = min(range(len(items)), key=lambda k: int(items[k][0]))
        found = items[place]
        del items[place]
        return found

    return take


def _drawn(maker: Operation) -> Take:
    """Elements as TensorFlow's queue draws them: the last one comes where one was taken."""
    words = generator_words(int(maker.attrs.get("seed", 0)), int(maker.attrs.get("seed2", 0)))

    def take(items: deque[Element]) -> Element:
        place = next(words) % len(items)
        found, items[place] = items[place], items[-1]
        items.pop()
        return found

    return take


_TAKES: dict[str, Callable[[Operation], Take]] = {
    "FIFOQueue": _first,
    "PaddingFIFOQueue": _first,
    "PriorityQueue": _least,
    "RandomShuffleQueue": _drawn,
}
QUEUE_KINDS = tuple(_TAKES)
