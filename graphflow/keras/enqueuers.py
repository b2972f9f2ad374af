"""Batches made ahead by other threads or processes, while the model trains."""

from __future__ import annotations

import multiprocessing
import queue
import random
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

__all__ = ["GeneratorEnqueuer", "OrderedEnqueuer", "SequenceEnqueuer"]

_WAIT = 0.05  # seconds between looks for a stop


def _executor(workers: int, use_multiprocessing: bool) -> Executor:
    """Threads, or processes where the system can fork them with what they need."""
    if use_multiprocessing and "fork" in multiprocessing.get_all_start_methods():
        return ProcessPoolExecutor(workers, multiprocessing.get_context("fork"))
    return ThreadPoolExecutor(workers)


def _item(sequence: Any, index: int) -> Any:
    return sequence[index]


def items_ahead(
    sequence: Any, order: Any, workers: int, use_multiprocessing: bool, ahead: int
) -> Iterator[Any]:
    """The items of a sequence in an order; workers make as many as `ahead` before they are asked.

    What making an item raises is raised at its place.
    """
    with _executor(max(workers, 1), use_multiprocessing) as executor, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads, as asked for
        waiting: list[Future[Any]] = []
        try:
            for index in order:
                waiting.append(executor.submit(_item, sequence, int(index)))
                if len(waiting) >= max(ahead, 1):
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


class SequenceEnqueuer:
    """What makes batches ahead; see `OrderedEnqueuer` and `GeneratorEnqueuer`.

    Parameters
    ----------
    sequence : where batches come from.
    use_multiprocessing : make them in other processes, not threads.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence, self.use_multiprocessing = sequence, use_multiprocessing
        self.queue: queue.Queue[Any] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def is_running(self) -> bool:
        """Whether batches are being made."""
        return self._thread is not None and not self._stopped.is_set()

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin.

        Parameters
        ----------
        workers : how many threads or processes.
        max_queue_size : how many batches wait at most.
        """
        self.queue = queue.Queue(max_queue_size)
        self._stopped.clear()
        source = self._source(max(workers, 1), max_queue_size)
        self._thread = threading.Thread(target=self._fill, args=(source,), daemon=True)
        self._thread.start()

    def _source(self, workers: int, ahead: int) -> Iterator[Any]:
        raise NotImplementedError

    def _fill(self, source: Iterator[Any]) -> None:
        try:
            for item in source:
                self._put((True, item))
                if self._stopped.is_set():
                    return
            self._put((False, None))
        except Exception as error:  # raised where the batch is asked for
            self._put((False, error))

    def _put(self, found: tuple[bool, Any]) -> None:
        assert self.queue is not None
        while not self._stopped.is_set():
            try:
                self.queue.put(found, timeout=_WAIT)
                return
            except queue.Full:
                continue

    def get(self) -> Iterator[Any]:
        """The batches, as they come; what made one fail is raised."""
        while self.is_running():
            assert self.queue is not None
            try:
                there, item = self.queue.get(timeout=_WAIT)
            except queue.Empty:
                continue
            if there:
                yield item
                continue
            self.stop()
            if item is not None:
                raise item
            return

    def stop(self, timeout: float | None = None) -> None:
        """End; what was made and not taken is lost."""
        self._stopped.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)


class OrderedEnqueuer(SequenceEnqueuer):
    """The items of a `Sequence`, over and over, in order.

    Parameters
    ----------
    shuffle : in another order each time.
    """

    def __init__(
        self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False
    ) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _source(self, workers: int, ahead: int) -> Iterator[Any]:
        while not self._stopped.is_set():
            order = list(range(len(self.sequence)))
            if self.shuffle:
                random.shuffle(order)
            yield from items_ahead(self.sequence, order, workers, self.use_multiprocessing, ahead)
            self.sequence.on_epoch_end()


class GeneratorEnqueuer(SequenceEnqueuer):
    """What a generator gives; by one thread, since a generator runs in one at a time.

    Parameters
    ----------
    wait_time, random_seed : taken, and without effect.
    """

    def __init__(
        self, sequence: Any, use_multiprocessing: bool = False, wait_time: Any = None,
        random_seed: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(sequence, use_multiprocessing)

    def _source(self, workers: int, ahead: int) -> Iterator[Any]:
        return iter(self.sequence)
