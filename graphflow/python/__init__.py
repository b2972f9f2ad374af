"""Stands for TensorFlow's private packages ``tensorflow.python`` and ``tensorflow.core``.

Scripts of the time import from them too. Any module below them exists, and finds its names among
graphflow's public ones: ``from tensorflow.python.framework import ops`` gives a module with
`convert_to_tensor`. Where a module's names are elsewhere than one would look first, `_PLACES` says
where; the packages themselves (`_PACKAGES`) have modules only.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

_PACKAGES = {
    "client", "core", "data", "debug", "distribute", "eager", "estimator", "feature_column",
    "framework", "layers", "lib", "ops", "platform", "profiler", "protobuf", "summary", "training",
    "util", "tools",
}  # fmt: skip
# Parts of graphflow that are searched for the names of a module, before all others.
_PLACES = {
    "constant_op": ("graph.constants",),
    "control_flow_ops": ("ops.identity", "ops.conditionals", "ops.control_flow_ops"),
    "ctc_ops": ("ops.ctc_labels",),
    "data_flow_ops": ("contrib.staging",),
    "file_io": ("io.file_io",),
    "function": ("gradients.defun",),
    "googletest": ("test",),
    "moving_averages": ("train.moving_averages",),
    "init_ops": ("initializers", ""),
    "ops": ("graph.convert", "graph.default", "graph.graph"),
    "tensor_shape": ("graph.shapes", "compat"),
    "tf_decorator": ("python.decorators",),
    "tf_record": ("python_io",),
    "test_util": ("test",),
    "lookup_ops": ("lookup_tables", "lookup", "contrib.lookup"),
    "parsing_ops": ("io",),
    "partitioned_variables": ("ops.partitioned_variables", "ops.variable_parts"),
    "rnn": ("nn", "contrib.rnn"),
    "rnn_cell": ("nn.rnn_cell", "contrib.rnn"),
    "rnn_cell_impl": ("nn.rnn_cell", "contrib.rnn"),
    "script_ops": ("runtime.eager_functions",),
    "seq2seq": ("contrib.legacy_seq2seq",),
    "random_ops": ("ops.truncated_sampling",),
    "saver": ("train", "train.saveables"),
    "session": ("",),
    "session_ops": ("runtime.handles", "data.session_tensors"),
    "slot_creator": ("train.slots",),
    "sparse_ops": ("ops.sparse_serialization",),
    "string_ops": ("strings", "ops.checks"),
    "tensor_util": ("contrib.util", "graph.constants"),
    "utils": ("contrib.layers.utils",),
    "variables": ("ops.variables", "ops.partitioned_variables"),
    "tf_logging": ("logging",),
    "backend": ("keras.backend",),
    "device_lib": ("runtime.devices",),
    "timeline": ("runtime.chrome_trace",),
    **dict.fromkeys(
        ("debug", "debug_data", "hooks", "local_cli_wrapper"), ("train.debug_sessions",)
    ),
    "pywrap_tensorflow": ("train",),
    **{
        name: (f"contrib.slim.{name}",)
        for name in (
            "data_decoder",
            "data_provider",
            "dataset",
            "dataset_data_provider",
            "parallel_reader",
            "prefetch_queue",
            "tfexample_decoder",
        )
    },
    **{
        name: (f"contrib.slim.nets.{name}",)
        for name in (
            "alexnet",
            "inception",
            "overfeat",
            "resnet_utils",
            "resnet_v1",
            "resnet_v2",
            "vgg",
        )
    },
    **dict.fromkeys(
        ("inception_v1", "inception_v2", "inception_v3"), ("contrib.slim.nets.inception",)
    ),
    "core_rnn": ("contrib.rnn",),
    "core_rnn_cell": ("contrib.rnn", "nn.rnn_cell"),
    "core_rnn_cell_impl": ("contrib.rnn", "nn.rnn_cell"),
}
# Modules that are Python's own with decorators that keep signatures.
_STANDARD = {"tf_contextlib": "contextlib", "tf_inspect": "inspect"}
# Private names that published programs take, and what they are here.
_RENAMED = {
    "matrix_exponential": ("linalg", "expm"),
    "_linear": ("ops.rnn_cell_base", "linear"),
    "VariableV1": ("ops.variables", "Variable"),
    "ResourceVariable": ("ops.variables", "Variable"),  # one kind of variable does for both
    "_TensorLike": ("python.tensor_like", "TENSOR_LIKE"),
}
_SEARCHED = (
    "", "nn", "math", "train", "errors", "initializers", "layers", "losses", "summary", "test",
    "image", "linalg", "gfile", "compat", "strings", "sparse", "lookup", "logging", "debugging",
    "graph_util", "saved_model", "contrib.framework", "contrib.layers",
)  # fmt: skip


def _part(path: str) -> Any:
    """The part of graphflow at a dotted path; None where there is none."""
    found: Any = importlib.import_module("graphflow")
    for name in path.split(".") if path else ():
        found = getattr(found, name, None)
    return found


def _public(places: Iterable[str], name: str) -> Any:
    """A name of the first of these parts of graphflow that has it."""
    for place in places:
        found = getattr(_part(place), name, None)
        if found is not None and not _is_ours(found):
            return found
    return None


def _in_places(module: str, name: str) -> Any:
    """A name of one of TensorFlow's modules that `_PLACES` knows; None if it is not there."""
    for place in _PLACES.get(module, ()):
        part = _part(place)
        if part is None:
            part = importlib.import_module(f"graphflow.{place}")
        found = getattr(part, name, None)
        if found is not None and not _is_ours(found):
            return found
    return None


def _is_ours(found: Any) -> bool:
    """Whether something is a module of ours, which may have the name of one of TensorFlow's.

    The import system then asks for that one by its whole path.
    """
    return isinstance(found, ModuleType) and found.__name__.startswith("graphflow")


class PrivateModule(ModuleType):
    """Stands for ``tensorflow.python.<path>``: its names are the public ones."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = self.__name__.split(".")
        if "contrib" in path:  # `contrib.layers.python.layers.initializers`
            public = _part(".".join(path[path.index("contrib") : path.index("python")]))
            known = getattr(public, name, None)
            if known is not None and not _is_ours(known):
                return known
            if path[-1] in (*_PACKAGES, "python") and not name.startswith("_"):
                return importlib.import_module(f"{self.__name__}.{name}")
        if name in _RENAMED:
            place, known_name = _RENAMED[name]
            return getattr(importlib.import_module(f"graphflow.{place}"), known_name)
        below = path[2:]  # of `python` or `core`
        if not below and name in _PACKAGES:
            return importlib.import_module(f"{self.__name__}.{name}")
        if len(below) == 1 and below[0] in _PACKAGES:
            known = _in_places(below[0], name)
            if known is not None:
                return known
            return importlib.import_module(f"{self.__name__}.{name}")
        own = below[-1] if below else ""
        if own in _STANDARD:
            return getattr(importlib.import_module(_STANDARD[own]), name)
        if own.startswith("gen_"):
            made = _part("raw_ops").function_named(name)
            if made is not None:
                return made
        # `keras.layers`, and `saved_model.loader`, are as in the public API.
        found = _public((".".join(below),), name)
        if found is None:
            found = _in_places(own, name)
        if found is None:  # `ops.distributions.normal`: the namespace in the middle is public
            found = _public((*reversed(below[:-1]), own, *_SEARCHED), name)
        if found is not None:
            return found
        if own.endswith("_ops") and (made := _part("raw_ops").function_named(name)):
            return made  # what TensorFlow took over from its `gen_` modules
        raise AttributeError(f"graphflow offers no {name!r}, which {self.__name__} has")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module below this package and below `graphflow.core`."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for names below these packages."""
        if not fullname.startswith((f"{__name__}.", "graphflow.core.")):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        """Return the module."""
        return PrivateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: its names are found when they are asked for."""


if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.append(_Finder())


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return importlib.import_module(f"{__name__}.{name}")
