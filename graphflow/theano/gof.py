"""`theano.gof`: nodes of expressions and walks over them."""

from types import SimpleNamespace

from graphflow.theano.errors import MissingInputError
from graphflow.theano.tensor.var import Apply, Op, TensorConstant, Variable
from graphflow.theano.tensor.var import TensorConstant as Constant
from graphflow.theano.walking import ancestors, clone, inputs, io_toposort

graph = SimpleNamespace(
    Apply=Apply, Constant=Constant, Variable=Variable, ancestors=ancestors, clone=clone,
    inputs=inputs, io_toposort=lambda given, outputs: io_toposort(outputs)[0],
)  # fmt: skip
fg = SimpleNamespace(MissingInputError=MissingInputError)
__all__ = [
    "Apply",
    "Constant",
    "MissingInputError",
    "Op",
    "TensorConstant",
    "Variable",
    "fg",
    "graph",
]
