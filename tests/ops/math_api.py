"""The part of TensorFlow's API that the tests of elementwise ops and reductions use."""

from types import SimpleNamespace

from graphflow import errors
from graphflow.gradients.reverse import gradients
from graphflow.graph import constants, dtypes
from graphflow.graph.graph import Graph
from graphflow.ops import (
    bitwise,
    casting,
    clip,
    comparison,
    creation,
    division,
    elementwise,
    identity,
    indexing,  # noqa: F401  installs x[...]
    operators,  # noqa: F401  installs x + y
    reductions,
    shape,
    unary,
)
from graphflow.runtime.session import Session

_MODULES = (
    bitwise, casting, clip, comparison, creation, division, elementwise, identity, reductions,
    shape, unary,
)  # fmt: skip


def _api():
    names = {t.name: t for t in dtypes.ALL}
    for module in _MODULES:
        public = getattr(module, "__all__", None) or vars(module)
        names |= {n: getattr(module, n) for n in public if not n.startswith("_")}
    names |= {"constant": constants.constant, "gradients": gradients, "Graph": Graph}
    names |= {"Session": Session, "errors": errors, "bitwise": bitwise}
    names |= {"math": SimpleNamespace(**names), "nn": SimpleNamespace(softplus=unary.softplus)}
    return SimpleNamespace(**names)


tf = _api()
