"""TensorFlow's `tf.contrib.distributions`."""

from graphflow.distributions import *
from graphflow.distributions.continuous import NormalWithSoftplusScale
from graphflow.distributions.discrete import OneHotCategorical
from graphflow.distributions.multivariate import MultivariateNormalDiag

__all__ = [name for name in dir() if not name.startswith("_")]
