"""Linear algebra that NumPy offers, under Theano's module name."""

from graphflow.theano.tensor.creation import diag
from graphflow.theano.tensor.products import det, matrix_inverse, trace

extract_diag = alloc_diag = diag
__all__ = ["alloc_diag", "det", "diag", "extract_diag", "matrix_inverse", "trace"]
