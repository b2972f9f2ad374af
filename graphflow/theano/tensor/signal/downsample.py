"""Pooling under its old module name."""

from graphflow.theano.tensor.signal.pool import max_pool_2d, pool_2d

__all__ = ["max_pool_2d", "pool_2d"]
