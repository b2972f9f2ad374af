"""`OrderedUpdates`, under Theano's module name."""

from graphflow.theano.scanning import OrderedUpdates

__all__ = ["OrderedUpdates"]
