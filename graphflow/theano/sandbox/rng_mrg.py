"""`MRG_RandomStreams`, under Theano's module name."""

from graphflow.theano.random_streams import MRG_RandomStreams

__all__ = ["MRG_RandomStreams"]
