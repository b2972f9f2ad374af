"""`scan`, under Theano's module name."""

from graphflow.theano.scanning import OrderedUpdates, foldl, foldr, map, reduce, scan, until

__all__ = ["OrderedUpdates", "foldl", "foldr", "map", "reduce", "scan", "until"]
