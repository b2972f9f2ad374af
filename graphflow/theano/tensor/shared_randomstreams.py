"""`RandomStreams`, under Theano's module name."""

from graphflow.theano.random_streams import RandomStreams

__all__ = ["RandomStreams"]
