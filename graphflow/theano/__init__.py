"""Theano's API over the same compiler: ``import graphflow.theano as theano``.

A variable is a tensor of one graph of this package's (`world`), with Theano's types, promotion and
methods (`tensor/var.py`, read first). `function` compiles through graphflow's own.
"""

from typing import Any as _Any

import numpy as _np

from graphflow.theano import tensor  # isort: skip  # before those that import its modules

from graphflow.theano import (
    compile,
    errors,
    gof,
    gradient,
    ifelse,
    printing,
    sandbox,
    scalar,
    scan_module,
    updates,
)
from graphflow.theano.calling import Function, In, Out, Param, function
from graphflow.theano.compile.mode import Mode
from graphflow.theano.gof import Apply, Constant, Op, Variable
from graphflow.theano.gradient import Lop, Rop, grad, subgraph_grad
from graphflow.theano.printing import pp
from graphflow.theano.scanning import OrderedUpdates, foldl, foldr, map, reduce, scan
from graphflow.theano.settings import config
from graphflow.theano.sharing import SharedVariable, shared
from graphflow.theano.walking import clone

version = __version__ = "1.0.5"
dot = tensor.dot


def _asarray(a: _Any, dtype: _Any = None, order: _Any = None) -> _Any:
    """Return `a` as an array; ``floatX`` is a type too."""
    return _np.asarray(a, dtype=config.floatX if dtype == "floatX" else dtype, order=order)
