"""Linear algebra that SciPy offers, under Theano's module name."""

from graphflow.theano.tensor.products import cholesky, solve

__all__ = ["cholesky", "solve"]
