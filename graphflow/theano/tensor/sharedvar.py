"""Shared tensors, under Theano's module name."""

from graphflow.theano.sharing import (
    ScalarSharedVariable,
    SharedVariable,
    TensorSharedVariable,
    shared,
)

__all__ = ["ScalarSharedVariable", "SharedVariable", "TensorSharedVariable", "shared"]
