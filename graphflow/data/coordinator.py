"""Threads beside a training loop: `Coordinator`, `QueueRunner`, `start_queue_runners`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from graphflow import errors
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import get_default_graph
from graphflow.graph.session_stack import default_session
from graphflow.protos import message


class Coordinator:
    """Lets several threads stop together, and tells what went wrong in one.

    Parameters
    ----------
    clean_stop_exception_types : errors that are no failure; OutOfRangeError when None.
    """

    def __init__(self, clean_stop_exception_types: Any = None) -> None:
        clean = clean_stop_exception_types
        self._clean = (errors.OutOfRangeError,) if clean is None else tuple(clean)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._error: Any = None
        self._threads: list[threading.Thread] = []
        self._joined = False

    def request_stop(self, ex: Any = None) -> None:
        """Ask all threads to stop; `ex`, an exception or `sys.exc_info()`, is raised by `join`."""
        with self._lock:
            if isinstance(ex, tuple):
                ex = ex[1]
            if ex is not None and not self._stop.is_set() and self._error is None:
                if not isinstance(ex, self._clean):
                    self._error = ex
            self._stop.set()

    def clear_stop(self) -> None:
        """Begin anew."""
        self._stop.clear()
        self._error, self._joined = None, False

    def should_stop(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait for a stop, so many seconds at most; whether there was one."""
        return self._stop.wait(timeout)

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Ask for a stop if the block raises."""
        try:
            yield
        except Exception:
            self.request_stop(ex=sys.exc_info())

    def register_thread(self, thread: threading.Thread) -> None:
        """Let `join` wait for a thread."""
        with self._lock:
            self._threads.append(thread)

    @property
    def joined(self) -> bool:
        """Whether `join` has ended."""
        return self._joined

    def join(
        self, threads: Sequence[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120, ignore_live_threads: bool = False,
    ) -> None:  # fmt: skip
        """Wait for the threads to end; raises what one of them reported.

        Raises
        ------
        RuntimeError : threads are still alive so many seconds after a stop was asked for.
        """
        waited = list(dict.fromkeys([*(threads or ()), *self._threads]))
        while any(t.is_alive() for t in waited) and not self._stop.wait(0.05):
            pass
        end = time.monotonic() + stop_grace_period_secs
        for thread in waited:
            thread.join(max(0.0, end - time.monotonic()))
        alive = [t.name for t in waited if t.is_alive()]
        self._joined, self._threads = True, []
        if self._error is not None:
            raise self._error
        if alive and not ignore_live_threads:
            raise RuntimeError(f"Coordinator stopped with threads still running: {' '.join(alive)}")

    def raise_requested_exception(self) -> None:
        """Raise what was reported, if anything."""
        if self._error is not None:
            raise self._error


class LooperThread(threading.Thread):
    """Calls a function again and again until a coordinator stops it.

    A subclass may override `start_loop`, `run_loop` and `stop_loop` instead of giving a function.

    Parameters
    ----------
    timer_interval_secs : the time from one call's beginning to the next; no pause when None.
    """

    def __init__(
        self, coord: Coordinator, timer_interval_secs: float | None, target: Any = None,
        args: Any = None, kwargs: Any = None,
    ) -> None:  # fmt: skip
        if not isinstance(coord, Coordinator):
            raise ValueError(f"'coord' argument must be a Coordinator: {coord}")
        if target is None and (args or kwargs):
            raise ValueError("'args' and 'kwargs' argument require that you also pass 'target'")
        super().__init__(daemon=True)
        self._coord, self._pause = coord, timer_interval_secs
        self._function, self._arguments = target, (args or (), kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator, timer_interval_secs: float | None, target: Any, args: Any = None,
        kwargs: Any = None,
    ) -> LooperThread:  # fmt: skip
        """A thread that calls `target`, started."""
        looper = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        looper.start()
        return looper

    def run(self) -> None:
        """The thread's work."""
        with self._coord.stop_on_exception():
            self.start_loop()
            due = time.monotonic()
            while not self._coord.wait_for_stop(max(0.0, due - time.monotonic())):
                due += self._pause or 0.0
                self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """Called when the thread begins."""

    def run_loop(self) -> None:
        """Called again and again."""
        if self._function is not None:
            self._function(*self._arguments[0], **self._arguments[1])

    def stop_loop(self) -> None:
        """Called when the thread ends."""


class QueueRunner:
    """Fills a queue by running its enqueue operations, each in a thread.

    Parameters
    ----------
    queue, enqueue_ops : the queue, and what fills it.
    close_op, cancel_op : what closes it, at the end and when all is stopped; its own when None.
    queue_closed_exception_types : errors that mean the end of the data; OutOfRangeError when None.
    queue_runner_def : a QueueRunnerDef, for all of these: names in the default graph.
    import_scope : a prefix of those names.
    """

    def __init__(
        self, queue: Any = None, enqueue_ops: Sequence[Any] | None = None, close_op: Any = None,
        cancel_op: Any = None, queue_closed_exception_types: Any = None,
        queue_runner_def: Any = None, import_scope: str | None = None,
    ) -> None:  # fmt: skip
        if queue_runner_def is not None:
            if queue is not None or enqueue_ops:
                raise ValueError("queue_runner_def and queue are mutually exclusive.")
            found = self._of_proto(queue_runner_def, import_scope)
            queue, enqueue_ops, close_op, cancel_op, queue_closed_exception_types = found
        if queue is None or not enqueue_ops:
            raise ValueError("Must provide queue and enqueue_ops.")
        ends = queue_closed_exception_types
        if ends is not None and (
            not isinstance(ends, tuple)
            or not ends
            or not all(isinstance(e, type) and issubclass(e, errors.OpError) for e in ends)
        ):
            raise TypeError(
                "queue_closed_exception_types, when provided, must be a tuple of tf.error types, "
                f"but saw: {ends}"
            )
        self._queue, self._enqueue_ops = queue, list(enqueue_ops)
        self._close_op = close_op if close_op is not None else queue.close()
        self._cancel_op = cancel_op if cancel_op is not None else queue.close(True)
        self._ends = tuple(ends or (errors.OutOfRangeError,))
        self._exceptions_raised: list[BaseException] = []
        self._left: dict[Any, int] = {}
        self._lock = threading.Lock()

    @staticmethod
    def _of_proto(proto: Any, scope: str | None) -> tuple[Any, ...]:
        """The queue, the operations and the errors that a QueueRunnerDef names."""
        graph = get_default_graph()

        def element(name: str) -> Any:
            return graph.as_graph_element(f"{scope}/{name}" if scope else name)

        codes = proto.queue_closed_exception_types
        return (
            element(proto.queue_name),
            [element(name) for name in proto.enqueue_op_name],
            element(proto.close_op_name) if proto.close_op_name else None,
            element(proto.cancel_op_name) if proto.cancel_op_name else None,
            tuple(errors.exception_type_from_error_code(code) for code in codes) or None,
        )

    @staticmethod
    def from_proto(queue_runner_def: Any, import_scope: str | None = None) -> QueueRunner:
        """The queue runner that a message describes, of operations of the default graph."""
        return QueueRunner(queue_runner_def=queue_runner_def, import_scope=import_scope)

    def to_proto(self, export_scope: str | None = None) -> Any:
        """A QueueRunnerDef; None when the queue is outside of `export_scope`."""
        scope = f"{export_scope}/" if export_scope else ""
        if not self.name.startswith(scope):
            return None
        proto = message("QueueRunnerDef")(
            queue_name=self.name.removeprefix(scope),
            close_op_name=self._close_op.name.removeprefix(scope),
            cancel_op_name=self._cancel_op.name.removeprefix(scope),
        )
        proto.enqueue_op_name.extend(op.name.removeprefix(scope) for op in self._enqueue_ops)
        proto.queue_closed_exception_types.extend(
            errors.error_code_from_exception_type(kind) for kind in self._ends
        )
        return proto

    @property
    def queue_closed_exception_types(self) -> tuple[Any, ...]:
        """The errors that mean the end of the data."""
        return self._ends

    @property
    def close_op(self) -> Any:
        """What closes the queue at the end."""
        return self._close_op

    @property
    def cancel_op(self) -> Any:
        """What closes the queue when all is stopped."""
        return self._cancel_op

    @property
    def name(self) -> str:
        """The queue's name."""
        return str(self._queue.name)

    @property
    def queue(self) -> Any:
        """The queue."""
        return self._queue

    @property
    def enqueue_ops(self) -> list[Any]:
        """The operations that fill it."""
        return self._enqueue_ops

    @property
    def exceptions_raised(self) -> list[BaseException]:
        """What its threads raised without a coordinator."""
        return self._exceptions_raised

    def _work(self, session: Any, operation: Any, coord: Coordinator | None) -> None:
        counted = True
        try:
            while coord is None or not coord.should_stop():
                session.run(operation)
        except (*self._ends, errors.CancelledError):
            with self._lock:
                self._left[session] -= 1
                last, counted = self._left[session] == 0, False
            if last:
                with contextlib.suppress(errors.OpError, RuntimeError):
                    session.run(self._close_op)
        except Exception as error:
            if coord is not None:
                coord.request_stop(error)
            else:
                with self._lock:
                    self._exceptions_raised.append(error)
                raise
        finally:
            if counted:
                with self._lock:
                    self._left[session] -= 1

    def _cancel(self, session: Any, coord: Coordinator) -> None:
        coord.wait_for_stop()
        with contextlib.suppress(errors.OpError, RuntimeError):
            session.run(self._cancel_op)

    def create_threads(
        self, sess: Any, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[threading.Thread]:
        """The threads that fill the queue in a session; none if it has them already."""
        with self._lock:
            if self._left.get(sess, 0) > 0:
                return []
            self._left[sess] = len(self._enqueue_ops)
        threads = [
            threading.Thread(
                target=self._work, args=(sess, op, coord), name=f"QueueRunner-{self.name}"
            )
            for op in self._enqueue_ops
        ]
        if coord is not None:
            threads.append(threading.Thread(target=self._cancel, args=(sess, coord)))
        for thread in threads:
            thread.daemon = thread.daemon or daemon
            if coord is not None:
                coord.register_thread(thread)
            if start:
                thread.start()
        return threads


def add_queue_runner(qr: QueueRunner, collection: str = GraphKeys.QUEUE_RUNNERS) -> None:
    """Add a queue runner to a collection, from which `start_queue_runners` starts it."""
    get_default_graph().add_to_collection(collection, qr)


def start_queue_runners(
    sess: Any = None, coord: Coordinator | None = None, daemon: bool = True, start: bool = True,
    collection: str = GraphKeys.QUEUE_RUNNERS,
) -> list[threading.Thread]:  # fmt: skip
    """Start the threads of all queue runners of the graph.

    Raises
    ------
    ValueError : no session is given and there is no default one.
    """
    session = sess or default_session()
    if session is None:
        raise ValueError(
            "Cannot start queue runners: No default session is registered. Use `with "
            "sess.as_default()` or pass an explicit session to tf.start_queue_runners(sess=sess)"
        )
    return [
        thread
        for runner in session.graph.get_collection(collection)
        for thread in runner.create_threads(session, coord=coord, daemon=daemon, start=start)
    ]
