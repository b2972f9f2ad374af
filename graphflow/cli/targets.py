"""What a command looks at: a script, a function that builds a graph, or a file of a model.

`load_target` finds out what a text names. A script is run, with its output on the error stream, and
its compilations are collected, also if it fails; everything else is compiled without being run,
unless only its graph or its runs are wanted.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from graphflow import errors, observe
from graphflow.cli.import_map import map_tensorflow
from graphflow.cli.script import run_script
from graphflow.graph import nest
from graphflow.graph.default import get_default_graph
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.inspection import Collector, Compilation, compile_until
from graphflow.views.collector import collector_paused


class TargetError(Exception):
    """There is no such target, or it cannot be read; the text says what is there instead."""


@dataclass(eq=False)
class Target:
    """What was found.

    Attributes
    ----------
    kind : script, function, graph (a file), saved_model, or checkpoint.
    name : as the user gave it.
    graph : the graph; that of the script's last session or the default graph for a script.
    fetches : what a graph that is no script's is for.
    saver, prefix : of a model with a checkpoint: what restores its variables, and from where.
    compilations : what was compiled, in order.
    status : the script's exit status.
    variables : of a checkpoint: values by name, read when they are asked for.
    failure : why a graph that is no script's could not be compiled; it can still be looked at.
    """

    kind: str
    name: str
    graph: Graph | None = None
    fetches: list[Tensor | Operation] = field(default_factory=list)
    saver: Any = None
    prefix: str = ""
    compilations: list[Compilation] = field(default_factory=list)
    status: int = 0
    variables: Any = None
    failure: Exception | None = None


def load_target(name: str, arguments: Sequence[str] = (), until: str | None = "plan") -> Target:
    """Find, read and compile what `name` names; `arguments` are a script's own.

    Parameters
    ----------
    until : the stage to which what is no script is compiled, one of `inspection.STAGES`; None
        for not at all: large graphs take long.

    Raises
    ------
    TargetError : it is nothing that can be looked at.
    """
    target = _found(name, arguments)
    if until is not None:
        compile_target(target, until)
    return target


def compile_target(target: Target, until: str = "plan") -> None:
    """Compile what is no script, as far as a stage, unless it is compiled already."""
    if target.graph is None or target.kind == "script" or target.compilations:
        return
    try:
        with collector_paused():
            target.compilations.append(compile_until(target.fetches, until))
    except (errors.OpError, ValueError) as failure:
        target.failure = failure


def _found(name: str, arguments: Sequence[str]) -> Target:
    if os.path.isdir(name):
        return _folder(name)
    if os.path.isfile(name) and not is_model_file(name):
        return _script(name, arguments)
    if os.path.isfile(name):
        if name.endswith((".pb", ".pbtxt")):
            return _graph_file(name)
        if name.endswith(".meta"):
            return _meta_file(name)
        return _checkpoint(name.removesuffix(".index"))
    if os.path.isfile(f"{name}.index"):
        return _checkpoint(name)
    if is_function(name):
        return _function(name)
    raise TargetError(f"no file, folder or module:function {name!r}{_near(name)}")


def is_model_file(name: str) -> bool:
    """Whether a file of that name is a model's; all others are scripts."""
    return name.endswith((".pb", ".pbtxt", ".meta", ".index"))


def is_function(name: str) -> bool:
    """Whether the name has the form ``module:function``."""
    module, colon, _ = name.partition(":")
    return bool(colon) and os.sep not in module


def _near(name: str) -> str:
    """The names in the folder that are most like it."""
    folder, base = os.path.split(name)
    try:
        there = os.listdir(folder or ".")
    except OSError:
        return f": there is no folder {folder!r}"
    close = difflib.get_close_matches(base, there, 3, 0.5)
    return f"; did you mean {', '.join(os.path.join(folder, c) for c in close)}?" if close else ""


def _script(name: str, arguments: Sequence[str]) -> Target:
    collector = Collector()
    with (
        observe.observing(collector),
        observe.listening(collector.listen),
        redirect_stdout(sys.stderr),
    ):
        status = run_script(name, arguments)
    return Target(
        "script", name, get_default_graph(), compilations=collector.compilations, status=status
    )


def _function(name: str) -> Target:
    """Call ``module:function``, which builds a graph and returns what to fetch."""
    module, _, function = name.partition(":")
    map_tensorflow()
    sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise TargetError(f"no module {module!r} for {name!r}: {error}") from error
    finally:
        sys.path.pop(0)
    build = getattr(found, function, None)
    if not callable(build):
        names = [n for n in dir(found) if callable(getattr(found, n)) and not n.startswith("_")]
        close = difflib.get_close_matches(function, names, 3, 0.4)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise TargetError(f"{module} has no function {function!r}{hint}")
    with Graph().as_default() as graph, redirect_stdout(sys.stderr):
        fetches = _elements(graph, build())
    return _with_fetches(Target("function", name, graph), fetches)


def _elements(graph: Graph, structure: Any) -> list[Tensor | Operation]:
    found = [graph.as_graph_element(e) for e in nest.flatten(structure) if e is not None]
    return found or _last_operations(graph)


def _last_operations(graph: Graph) -> list[Tensor | Operation]:
    """What nothing reads: the tensors that a graph is for, most likely, else its operations.

    Savers' scopes, and what they save, do not count.
    """
    saving = [op.name for op in graph.get_operations() if op.type in ("SaveV2", "SaveSlices")]
    savers = tuple(f"{scope}/" for name in saving if (scope := name.rpartition("/")[0]))
    operations = [op for op in graph.get_operations() if not op.name.startswith(savers)]
    read = {t.op for op in operations for t in op.inputs}
    read |= {c for op in operations for c in op.control_inputs}
    last = [op for op in operations if op not in read]
    tensors = [t for op in last for t in op.outputs if not t.dtype._is_ref_dtype]
    return [*tensors] or [*last]


def _with_fetches(target: Target, fetches: list[Tensor | Operation]) -> Target:
    if not fetches:
        raise TargetError(f"{target.name} has no operation")
    target.fetches = fetches
    return target


def _graph_file(name: str) -> Target:
    from graphflow.graph.graph_def import import_graph_def
    from graphflow.protos import message

    proto = message("GraphDef")()
    _parse(name, proto)
    with Graph().as_default() as graph, collector_paused():
        import_graph_def(proto, name="")
    return _with_fetches(Target("graph", name, graph), _last_operations(graph))


def _parse(name: str, proto: Any) -> None:
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    with open(name, "rb") as file:
        data = file.read()
    try:
        if name.endswith(".pbtxt"):
            text_format.Parse(data.decode("utf-8"), proto)
        else:
            proto.ParseFromString(data)
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise TargetError(f"{name} is not a {type(proto).__name__}: {error}") from error


def _meta_file(name: str) -> Target:
    from graphflow.protos import message

    meta = message("MetaGraphDef")()
    _parse(name, meta)
    return _meta_graph(Target("graph", name, prefix=name.removesuffix(".meta")), meta, [])


def _meta_graph(target: Target, meta: Any, names: Sequence[str]) -> Target:
    """The graph of a MetaGraph, compiled for the tensors of these names, or what it is for."""
    from graphflow.train.meta_graph import import_meta_graph

    with Graph().as_default() as graph, collector_paused():
        target.saver = import_meta_graph(meta)
    target.graph = graph
    fetches = [graph.as_graph_element(n) for n in names]
    fetches = fetches or [graph.as_graph_element(t) for t in graph.get_collection("train_op")]
    return _with_fetches(target, fetches or _last_operations(graph))


def _folder(name: str) -> Target:
    from graphflow.saved_model.loader import maybe_saved_model_directory, parse_saved_model

    if maybe_saved_model_directory(name):
        return _saved_model(name, parse_saved_model(name))
    from graphflow.train.checkpoints import latest_checkpoint

    prefix = latest_checkpoint(name)
    if prefix is None:
        raise TargetError(f"folder {name!r} holds neither a SavedModel nor a checkpoint")
    return _checkpoint(prefix)


def _saved_model(name: str, proto: Any) -> Target:
    """The outputs of the signatures of the first MetaGraph."""
    from graphflow.saved_model.loader import get_variables_path

    meta = proto.meta_graphs[0]
    infos = [i for signature in meta.signature_def.values() for i in signature.outputs.values()]
    names = dict.fromkeys(info.name for info in infos if info.name)
    prefix = get_variables_path(name)
    return _meta_graph(Target("saved_model", name, prefix=prefix), meta, list(names))


def _checkpoint(prefix: str) -> Target:
    from graphflow.train.checkpoints import load_checkpoint

    return Target("checkpoint", prefix, variables=load_checkpoint(prefix))
