"""`theano.scalar`: the promotion of types."""

from graphflow.theano.tensor.var import upcast

__all__ = ["upcast"]
