"""TensorFlow's names as the scenarios of ``tests/data`` use them, from the modules that have them."""

from types import SimpleNamespace

from graphflow.gradients import reverse
from graphflow.graph import constants, dtypes, graph
from graphflow.ops import (
    activations,
    casting,
    comparison,
    creation,
    elementwise,
    identity,
    initializers,
    losses,
    nn,
    operators,
    random,
    reductions,
    slicing,
    softmax,
    unary,
    variable_lists,
    variable_scope,
    variables,
)
from graphflow.runtime import session
from graphflow.train import global_step, optimizers

MODULES = [
    casting, comparison, constants, creation, elementwise, graph, identity, initializers, operators, random,
    reductions, reverse, session, slicing, unary, variable_lists, variable_scope, variables,
]  # fmt: skip


def gather_names(modules):
    found = {}
    for module in modules:
        found.update({k: v for k, v in vars(module).items() if not k.startswith("_")})
    return SimpleNamespace(**found)


tf = gather_names(MODULES)
vars(tf).update({dtype.name: dtype for dtype in dtypes.ALL})
tf.nn = gather_names([unary, activations, softmax, losses, nn])
tf.train = gather_names([global_step, optimizers])
