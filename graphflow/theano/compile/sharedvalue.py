"""Shared variables, under Theano's module name."""

from graphflow.theano.sharing import SharedVariable, shared, shared_constructor

__all__ = ["SharedVariable", "shared", "shared_constructor"]
