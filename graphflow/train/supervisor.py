"""`Supervisor`: a session that is restored or initialised, with threads that save and summarise."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphflow import errors, logging
from graphflow.data.coordinator import Coordinator, LooperThread
from graphflow.graph.collections import GraphKeys
from graphflow.graph.default import add_to_collection, get_collection, get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.graph_def import graph_to_proto
from graphflow.lookup import tables_initializer
from graphflow.ops.identity import group
from graphflow.ops.summaries import merge_all
from graphflow.ops.variable_lists import (
    global_variables,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
)
from graphflow.runtime.session import Session
from graphflow.train.events import FileWriter
from graphflow.train.global_step import global_step as read_step
from graphflow.train.meta_graph import export_meta_graph, write_graph
from graphflow.train.saver import Saver
from graphflow.train.saving_hooks import CHECKPOINT, START, STOP, rate_summary, session_log
from graphflow.train.session_manager import SessionManager

_DEFAULT: Any = 0  # Supervisor.USE_DEFAULT


def _first_of(key: str) -> Any:
    found = get_collection(key)
    if len(found) > 1:
        logging.info("Found %d %s operations. Returning the first one.", len(found), key)
    return found[0] if found else None


def _chosen(given: Any, key: str, make: Callable[[], Any]) -> Any:
    """What is given; by default a collection's first item, or what is made and added to it."""
    if given is not _DEFAULT:
        return given
    found = _first_of(key)
    if found is None:
        found = make()
        if found is not None:
            add_to_collection(key, found)
    return found


def _named_global_step() -> Any:
    try:
        step = get_default_graph().get_tensor_by_name("global_step:0")
    except KeyError:
        return None
    if step.dtype.base_dtype.name in ("int32", "int64"):
        return step
    logging.warning("Found 'global_step' is not an int type: %s", step.dtype)
    return None


class Supervisor:
    """Makes a session, starts threads that save checkpoints and summaries, and ends them.

    Parameters
    ----------
    graph : the default graph when None. It takes no operations afterwards.
    ready_op, ready_for_local_init_op, init_op, local_init_op, summary_op, saver, global_step :
        operations to use; the first one of their collection or a new one by default; None for none.
    is_chief : initialise and save; otherwise wait for the one that does.
    init_feed_dict, init_fn : what `init_op` is fed; called with the session after it.
    logdir : where checkpoints and summaries go; None for nowhere.
    save_summaries_secs, save_model_secs : how often; 0 for never.
    recovery_wait_secs, stop_grace_secs : how long to wait between looks, and for threads to stop.
    checkpoint_basename : the beginning of the checkpoints' names.
    session_manager, summary_writer : to be used instead of new ones.
    """

    USE_DEFAULT = _DEFAULT

    def __init__(
        self, graph: Graph | None = None, ready_op: Any = _DEFAULT,
        ready_for_local_init_op: Any = _DEFAULT, is_chief: bool = True, init_op: Any = _DEFAULT,
        init_feed_dict: Any = None, local_init_op: Any = _DEFAULT, logdir: str | None = None,
        summary_op: Any = _DEFAULT, saver: Any = _DEFAULT, global_step: Any = _DEFAULT,
        save_summaries_secs: float = 120, save_model_secs: float = 600,
        recovery_wait_secs: float = 30, stop_grace_secs: float = 120,
        checkpoint_basename: str = "model.ckpt", session_manager: Any = None,
        summary_writer: Any = _DEFAULT, init_fn: Callable[[Any], Any] | None = None,
        local_init_run_options: Any = None,
    ) -> None:  # fmt: skip
        self._graph = graph if graph is not None else get_default_graph()
        keys = GraphKeys
        with self._graph.as_default():
            self.ready_op = _chosen(ready_op, keys.READY_OP, report_uninitialized_variables)
            self.ready_for_local_init_op = ready_for_local_init_op
            if ready_for_local_init_op is _DEFAULT:
                self.ready_for_local_init_op = _first_of(keys.READY_FOR_LOCAL_INIT_OP)
            self.init_op = _chosen(init_op, keys.INIT_OP, global_variables_initializer)
            self.local_init_op = _chosen(
                local_init_op, keys.LOCAL_INIT_OP,
                lambda: group(local_variables_initializer(), tables_initializer()),
            )  # fmt: skip
            self.saver = _chosen(
                saver, keys.SAVERS, lambda: Saver() if global_variables() else None
            )
            self.summary_op = _chosen(summary_op, keys.SUMMARY_OP, merge_all)
            self.global_step = _chosen(global_step, keys.GLOBAL_STEP, _named_global_step)
        self.is_chief, self.coord = is_chief, Coordinator()
        self.init_feed_dict, self._init_fn = init_feed_dict, init_fn
        self._stop_grace_secs = stop_grace_secs
        self._logdir = logdir if is_chief else None
        self.save_summaries_secs = save_summaries_secs if is_chief else None
        self.save_model_secs = save_model_secs if is_chief else None
        self.save_path = os.path.join(logdir, checkpoint_basename) if self._logdir else None  # type: ignore[arg-type]
        self._graph_written = False
        self.summary_writer: Any = None
        if is_chief:
            default = FileWriter(self._logdir) if self._logdir else None
            self.summary_writer = default if summary_writer is _DEFAULT else summary_writer
        self.session_manager = session_manager or SessionManager(
            local_init_op=self.local_init_op, ready_op=self.ready_op,
            ready_for_local_init_op=self.ready_for_local_init_op, graph=self._graph,
            recovery_wait_secs=recovery_wait_secs, local_init_run_options=local_init_run_options,
        )  # fmt: skip
        self._check_devices()
        self._graph.finalize()

    def _check_devices(self) -> None:
        if self.is_chief:
            return
        for op in self._graph.get_operations():
            if op.type in ("Variable", "VariableV2") and not op.device:
                raise ValueError(
                    f"When using replicas, all Variables must have their device set: {op}"
                )

    # ---- sessions

    def prepare_or_wait_for_session(
        self, master: str = "", config: Any = None, wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200, start_standard_services: bool = True,
    ) -> Session:  # fmt: skip
        """A session that is ready, with its threads started.

        Parameters
        ----------
        master, config : the target and the configuration of the session.
        wait_for_checkpoint : do not initialise, but wait for a checkpoint.
        start_standard_services : start threads, those of queue runners among them.
        """
        self.coord.clear_stop()
        if self.summary_writer:
            self.summary_writer.reopen()
        if self.is_chief:
            session = self.session_manager.prepare_session(
                master, init_op=self.init_op, saver=self.saver, checkpoint_dir=self._logdir,
                wait_for_checkpoint=wait_for_checkpoint, max_wait_secs=max_wait_secs,
                config=config, init_feed_dict=self.init_feed_dict, init_fn=self._init_fn,
            )  # fmt: skip
            self._write_graph()
            if start_standard_services:
                logging.info("Starting standard services.")
                self.start_standard_services(session)
        else:
            session = self.session_manager.wait_for_session(
                master, config=config, max_wait_secs=max_wait_secs
            )
        if start_standard_services:
            logging.info("Starting queue runners.")
            self.start_queue_runners(session)
        return session

    @contextlib.contextmanager
    def managed_session(
        self, master: str = "", config: Any = None, start_standard_services: bool = True,
        close_summary_writer: bool = True,
    ) -> Iterator[Session]:  # fmt: skip
        """A session that is ready; when the block ends, threads are stopped and it is closed.

        The end of an input, OutOfRangeError, ends the block without failure.
        """
        session: Any = None
        try:
            session = self.prepare_or_wait_for_session(
                master, config, start_standard_services=start_standard_services
            )
            yield session
        except Exception as error:  # `stop` raises it, unless a thread has failed before
            self.request_stop(error)
        finally:
            try:
                self.stop(close_summary_writer=close_summary_writer)
            finally:
                if session is not None:
                    with contextlib.suppress(errors.OpError, RuntimeError):
                        session.close()

    def _write_graph(self) -> None:
        graph_def = graph_to_proto(self._graph, add_shapes=True)
        if self._logdir:
            write_graph(graph_def, self._logdir, "graph.pbtxt")
        if self.summary_writer and not self._graph_written:
            saver_def = self.saver.saver_def if self.saver else None
            self.summary_writer.add_graph(self._graph)
            self.summary_writer.add_meta_graph(
                export_meta_graph(
                    graph_def=graph_def, saver_def=saver_def, graph=self._graph, collection_list=[]
                )
            )
            self._graph_written = True

    # ---- threads

    def start_standard_services(self, sess: Session) -> list[threading.Thread] | None:
        """Start the threads that write summaries, the speed and checkpoints.

        Raises
        ------
        RuntimeError : this is not the chief.
        """
        if not self.is_chief:
            raise RuntimeError(
                "Only chief supervisor can start standard services. Because only chief "
                "supervisors can write events."
            )
        if not self._logdir:
            logging.warning("Standard services need a 'logdir' passed to the SessionManager")
            return None
        if self.global_step is not None and self.summary_writer:
            step = read_step(sess, self.global_step)
            self.summary_writer.add_session_log(session_log(START), step)
        threads: list[threading.Thread] = []
        if self.save_summaries_secs and self.summary_writer:
            if self.summary_op is not None:
                threads.append(SVSummaryThread(self, sess))
            if self.global_step is not None:
                threads.append(SVStepCounterThread(self, sess))
        if self.saver and self.save_model_secs:
            threads.append(SVTimerCheckpointThread(self, sess))
        for thread in threads:
            thread.start()
        return threads

    def start_queue_runners(
        self, sess: Session, queue_runners: Sequence[Any] | None = None
    ) -> list[threading.Thread]:
        """Start the threads of queue runners, all of the graph's when None."""
        if queue_runners is None:
            queue_runners = self._graph.get_collection(GraphKeys.QUEUE_RUNNERS)
        return [
            thread
            for runner in queue_runners
            for thread in runner.create_threads(sess, coord=self.coord, daemon=True, start=True)
        ]

    def loop(
        self, timer_interval_secs: float | None, target: Any, args: Any = None, kwargs: Any = None
    ) -> LooperThread:
        """A thread, started, that calls a function again and again until the stop."""
        return LooperThread.loop(self.coord, timer_interval_secs, target, args, kwargs)

    def stop(
        self, threads: Sequence[threading.Thread] | None = None, close_summary_writer: bool = True,
        ignore_live_threads: bool = False,
    ) -> None:  # fmt: skip
        """Stop the threads and wait for them; raises what went wrong in one."""
        self.coord.request_stop()
        try:
            self.coord.join(
                threads, stop_grace_period_secs=self._stop_grace_secs,
                ignore_live_threads=ignore_live_threads,
            )  # fmt: skip
        finally:
            if close_summary_writer and self.summary_writer:
                self.summary_writer.add_session_log(session_log(STOP))
                self.summary_writer.close()
                self._graph_written = False

    def request_stop(self, ex: Any = None) -> None:
        """Ask all threads to stop."""
        self.coord.request_stop(ex=ex)

    def should_stop(self) -> bool:
        """Whether a stop was asked for."""
        return self.coord.should_stop()

    def stop_on_exception(self) -> Any:
        """A context that asks for a stop when the block raises."""
        return self.coord.stop_on_exception()

    def wait_for_stop(self) -> None:
        """Wait for a stop."""
        self.coord.wait_for_stop()

    def summary_computed(self, sess: Session, summary: Any, global_step: Any = None) -> None:
        """Write a summary.

        Raises
        ------
        RuntimeError : there is no summary writer.
        """
        if not self.summary_writer:
            raise RuntimeError("Writing a summary requires a summary writer.")
        if global_step is None and self.global_step is not None:
            global_step = read_step(sess, self.global_step)
        self.summary_writer.add_summary(summary, global_step)

    # The names of TensorFlow 0.x.
    PrepareSession = prepare_or_wait_for_session
    StartQueueRunners = start_queue_runners
    StartStandardServices = start_standard_services
    Stop, RequestStop, Loop = stop, request_stop, loop
    ShouldStop, StopOnException, WaitForStop = should_stop, stop_on_exception, wait_for_stop
    SummaryComputed = summary_computed


class SVSummaryThread(LooperThread):
    """Writes summaries from time to time."""

    def __init__(self, sv: Supervisor, sess: Session) -> None:
        super().__init__(sv.coord, sv.save_summaries_secs)
        self._sv, self._sess = sv, sess

    def run_loop(self) -> None:
        """Write once."""
        step = None
        if self._sv.global_step is None:
            summary = self._sess.run(self._sv.summary_op)
        else:
            summary, step = self._sess.run([self._sv.summary_op, self._sv.global_step])
        if self._sv.summary_writer:
            logging.info("Recording summary at step %s.", step)
            self._sv.summary_writer.add_summary(summary, step)


class SVStepCounterThread(LooperThread):
    """Writes the steps per second from time to time."""

    def __init__(self, sv: Supervisor, sess: Session, step_counter: Any = None) -> None:
        super().__init__(sv.coord, sv.save_summaries_secs)
        self._sv, self._sess = sv, sess
        self._counter = sv.global_step if step_counter is None else step_counter
        self._tag = f"{self._counter.op.name}/sec"

    def start_loop(self) -> None:
        """Begin to count."""
        self._time, self._step = time.time(), read_step(self._sess, self._counter)

    def run_loop(self) -> None:
        """Write once."""
        step, now = read_step(self._sess, self._counter), time.time()
        steps, seconds = step - self._step, now - self._time
        self._step, self._time = step, now
        rate = steps / seconds if seconds > 0 else float("inf")
        if self._sv.summary_writer:
            self._sv.summary_writer.add_summary(rate_summary(self._tag, rate), step)
        logging.log_first_n(logging.INFO, "%s: %g", 10, self._tag, rate)


class SVTimerCheckpointThread(LooperThread):
    """Saves from time to time."""

    def __init__(self, sv: Supervisor, sess: Session) -> None:
        super().__init__(sv.coord, sv.save_model_secs)
        self._sv, self._sess = sv, sess

    def run_loop(self) -> None:
        """Save once."""
        sv = self._sv
        logging.info("Saving checkpoint to path %s", sv.save_path)
        sv.saver.save(self._sess, sv.save_path, global_step=sv.global_step)
        if sv.summary_writer and sv.global_step is not None:
            step = read_step(self._sess, sv.global_step)
            sv.summary_writer.add_session_log(session_log(CHECKPOINT, sv.save_path or ""), step)


def basic_train_loop(
    supervisor: Supervisor, train_step_fn: Callable[..., Any], args: Any = None, kwargs: Any = None,
    master: str = "",
) -> None:  # fmt: skip
    """Call ``train_step_fn(session, *args, **kwargs)`` until the supervisor stops.

    A session that is aborted is made anew.
    """
    while True:
        try:
            with supervisor.managed_session(master) as session:
                while not supervisor.should_stop():
                    train_step_fn(session, *(args or ()), **(kwargs or {}))
            return
        except errors.AbortedError:
            continue
