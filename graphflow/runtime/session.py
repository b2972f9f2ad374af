"""Session: runs a graph, as TensorFlow 1.15's `tf.Session` does.

The first run of a set of fetches and feeds traces and compiles it. Later ones find a native
callable under the very fetches and fed tensors, which checks the values' types and shapes itself:
then a run is one dictionary look-up and one native call.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphflow import errors, observe
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.session_stack import as_default_session, pop_session, push_session
from graphflow.graph.tensor import Tensor
from graphflow.runtime.devices import may_have_gpu
from graphflow.runtime.feeds import is_composite, resolve_feeds
from graphflow.runtime.fetches import FetchPlan
from graphflow.runtime.protos import ConfigProto, RunOptions
from graphflow.runtime.servers import check_target

if TYPE_CHECKING:  # the engine loads LLVM, 0.1 s that a program pays when it makes a session
    from graphflow.runtime.engine import Engine
    from graphflow.runtime.requests import Request


_NO_RUN: Any = (object(), [], None, -1, -1)
_handles = itertools.count()


class BaseSession:
    """What `Session` and `InteractiveSession` share.

    Parameters
    ----------
    target : "" or the target of a `tf.train.Server` of this process.
    graph : the graph to run; the default graph when None.
    config : a `ConfigProto`; threads and the optimiser's level are honoured.

    Raises
    ------
    TypeError : `graph` is no Graph, or `config` no ConfigProto.
    errors.UnavailableError, errors.NotFoundError : `target` is another process, or unknown.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        if not isinstance(target, (str, bytes)):
            raise TypeError(f"target must be a string, but got {type(target)}")
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        check_target(target)
        self._graph = graph if graph is not None else get_default_graph()
        self._config = config
        self._target = target
        self._closed = False
        self._engine = _new_engine(config)
        self._timeout = 0 if config is None else config.operation_timeout_in_ms
        self._requests: dict[Any, tuple[FetchPlan, Request]] = {}
        self._fast: dict[Any, Callable[..., Any]] = {}
        self._partial: dict[str, Any] = {}
        self._fast_state = (0, 0)
        # Fetches, fed tensors, direct callable, and the state it holds for, of the newest run.
        self._latest: tuple[Any, list[Any], Callable[..., Any], int, int] = _NO_RUN

    # ---- properties

    @property
    def graph(self) -> Graph:
        """The graph that the session runs."""
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as it now is, as a GraphDef."""
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> str:
        """The target that was asked for."""
        return self._target

    # ---- running

    def run(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, options: Any = None,
        run_metadata: Any = None,
    ) -> Any:  # fmt: skip
        """Compute `fetches` and run the operations they need.

        Parameters
        ----------
        fetches : a graph element (tensor, operation, variable, or a name of one), or any nesting of
            lists, tuples, dicts and named tuples of them.
        feed_dict : values for tensors of the graph, in place of what would compute them.
        options : a RunOptions.
        run_metadata : a RunMetadata, filled with step statistics.

        Returns
        -------
        The values in the structure of `fetches`; None for an operation.

        Raises
        ------
        RuntimeError : the session is closed or the graph is empty.
        ValueError, TypeError : a fetch or a feed is not what it should be.
        errors.OpError : the run failed.
        """
        if options is None and run_metadata is None:
            try:
                fetched, fed, fast, layout, changes = self._latest
                # The newest run again, most often: comparing its lists costs a third of hashing.
                if (
                    (fetches is fetched or (type(fetches) is list and fetches == fetched))
                    and fed == ([*feed_dict] if feed_dict else [])
                    and layout == self._engine.store.layout
                    and changes == self._graph._changes
                ):
                    return fast(*feed_dict.values()) if feed_dict else fast()
                known = self._fast.get((_key(fetches), tuple(feed_dict or ())))
                if known is not None and self._fast_state == self._state():
                    fetched = [*fetches] if type(fetches) is list else fetches
                    self._latest = fetched, [*(feed_dict or ())], known, *self._fast_state
                    return known(*feed_dict.values()) if feed_dict else known()
            except TypeError as error:
                if "unhashable" not in str(error):
                    raise
            except errors.SpeculationError:
                pass  # the slow way knows what to do
        wanted = options is not None and options.trace_level > RunOptions.NO_TRACE
        timeout = 0 if options is None else options.timeout_in_ms
        with self._engine.limited(timeout or self._timeout), observe.timed("run"):
            return self._run_slow(fetches, feed_dict, run_metadata if wanted else None)

    def _state(self) -> tuple[int, int]:
        return self._engine.store.layout, self._graph._changes

    def _run_slow(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None, metadata: Any = None
    ) -> Any:
        self._check_open()
        feeds = resolve_feeds(self._graph, feed_dict)
        plan, request = self._request(fetches, tuple(feeds))
        if metadata is not None:
            metadata.Clear()  # of what an earlier run has left
        values = self._engine.run(request, list(feeds.values()), metadata)
        self._remember(fetches, feed_dict, plan, request)
        return plan.build(values)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if self._graph.version == 0:
            raise RuntimeError(
                "The Session graph is empty.  Add operations to the graph before calling run()."
            )

    def _request(self, fetches: Any, fed: tuple[Tensor, ...]) -> tuple[FetchPlan, Request]:
        try:
            key: Any = (_key(fetches), fed)
            known = self._requests.get(key)
        except TypeError:
            key = known = None
        if known is not None:
            return known
        plan = FetchPlan(self._graph, fetches, self._engine.store)
        from graphflow.runtime.requests import Request

        request = Request(tuple(plan.tensors), tuple(plan.operations), fed)
        if key is not None:
            self._requests[key] = plan, request
        return plan, request

    def _remember(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None, plan: FetchPlan, request: Request
    ) -> None:
        """Keep a native callable for the next run of the same fetches and fed tensors."""
        if self._timeout:
            return  # each run has a deadline of its own
        if any(is_composite(key) for key in feed_dict or ()):
            return
        try:
            key = (_key(fetches), tuple(feed_dict or ()))
            hash(key)
        except TypeError:
            return
        if self._fast_state != self._state():
            self._fast.clear()
            self._fast_state = self._state()
        names = tuple(feed_dict or ())

        def fallback(*values: Any) -> Any:
            return self._run_slow(fetches, dict(zip(names, values, strict=True)))

        direct = self._engine.direct(request, plan, fallback)
        if direct is not None:
            self._fast[key] = direct

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """A function of the values of `feed_list` that does what `run` would.

        Raises
        ------
        TypeError : `feed_list` is no list.
        """
        if feed_list is not None and not isinstance(feed_list, (list, tuple)):
            raise TypeError("`feed_list` must be a list or tuple.")
        self._check_open()
        tensors = [self._graph.as_graph_element(f, True, False) for f in feed_list or ()]
        from graphflow.runtime.bound import BoundRun

        bound = BoundRun(self._engine, FetchPlan(self._graph, fetches), tensors)
        if not accept_options:
            return bound

        def call(*values: Any, options: Any = None, run_metadata: Any = None) -> Any:
            return bound(*values)

        return call

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> str:
        """Begin a run whose feeds come a few at a time; returns its handle for `partial_run`.

        Parameters
        ----------
        fetches : all tensors that will be asked for.
        feeds : all that will be fed.

        Raises
        ------
        RuntimeError : operations are fetched, or the session is closed.
        InvalidArgumentError : nothing is fetched.
        """
        self._check_open()
        from graphflow.runtime.partial import PartialRun

        plan = self._partial_plan(fetches)
        fed = [self._graph.as_graph_element(f, True, False) for f in feeds or ()]
        handle = f"partial_run_{next(_handles)}"
        self._partial[handle] = PartialRun(self._engine, plan.tensors, fed)
        return handle

    def partial_run(self, handle: str, fetches: Any, feed_dict: Any = None) -> Any:
        """Go on with a run that `partial_run_setup` began.

        Returns
        -------
        The values in the structure of `fetches`, computed from all that was fed so far.

        Raises
        ------
        InvalidArgumentError : see `PartialRun.run`; or the run is over, or was never begun.
        """
        plan = self._partial_plan(fetches)
        feeds = resolve_feeds(self._graph, feed_dict)
        run = self._partial.get(handle)
        if run is None:
            text = "Must run 'setup' before performing partial runs!"
            raise errors.InvalidArgumentError(None, None, text)
        values = run.run(plan.tensors, feeds)
        if run.is_over:
            del self._partial[handle]
        return plan.build(values)

    def _partial_plan(self, fetches: Any) -> FetchPlan:
        plan = FetchPlan(self._graph, fetches)
        if plan.operations:
            raise RuntimeError("partial_run() requires empty target_list.")
        return plan

    def list_devices(self) -> list[Any]:
        """The devices that the session may use: name, device_type, memory_limit_bytes."""
        from graphflow.runtime.devices import session_devices

        return session_devices()

    def reset(self) -> None:
        """Forget all variables."""
        self._engine.store.close()

    def close(self) -> None:
        """Free the session's variables and compiled runs. Using it afterwards is an error."""
        self._closed = True
        self._forget_callables()
        self._requests.clear()
        self._engine.plans.clear()
        self._engine.store.close()
        if self._engine.gpu is not None:
            self._engine.gpu.close()

    def _forget_callables(self) -> None:
        self._fast.clear()
        self._latest = _NO_RUN

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # while Python ends, modules are emptied: nothing that `close` calls may be there
        if getattr(self, "_closed", True) is False and not finalizing():
            self.close()


def _new_engine(config: ConfigProto | None) -> Engine:
    from graphflow.compiler import Options
    from graphflow.runtime.engine import Engine
    from graphflow.runtime.pool import default_threads

    options = Options(threads=default_threads())
    if config is not None:
        level = config.graph_options.optimizer_options.opt_level
        threads = config.intra_op_parallelism_threads or default_threads()
        options = Options(0 if level < 0 else 1, threads)
    engine = Engine(options)
    if may_have_gpu():
        from graphflow.runtime.gpu.runtime import open_runtime

        engine.gpu = open_runtime(config, engine.store)
    if config is not None and config.log_device_placement:
        from graphflow.runtime.placement_log import PlacementLog

        engine.placement_log = PlacementLog(engine.gpu)
    return engine


def _key(fetches: Any) -> Any:
    if type(fetches) is list:
        return ("list", *fetches)
    return fetches


class Session(BaseSession):
    """Runs a graph; a context manager that makes itself and its graph the default."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._entered: list[Any] = []

    def __enter__(self) -> Session:
        graph = self._graph.as_default()
        graph.__enter__()
        push_session(self)
        self._entered.append(graph)
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        pop_session(self)
        self._entered.pop().__exit__(kind, value, trace)
        self.close()

    def as_default(self) -> Any:
        """A context in which this is the default session; leaving it does not close it."""
        return as_default_session(self)


class InteractiveSession(BaseSession):
    """A session that is the default one from its making until `close`."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        push_session(self)
        self._graph_context = None
        if graph is not None:
            self._graph_context = graph.as_default()
            self._graph_context.__enter__()

    def close(self) -> None:
        """Close the session; the default session and graph are what they were before."""
        if not self._closed:
            pop_session(self, enforce_nesting=False)
            if self._graph_context is not None:
                self._graph_context.__exit__(None, None, None)
        super().close()
