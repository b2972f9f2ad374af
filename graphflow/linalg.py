"""Linear algebra: TensorFlow's `tf.linalg`."""

from graphflow.ops.contraction import tensordot
from graphflow.ops.einsum import einsum
from graphflow.ops.linear import matmul, matvec
from graphflow.ops.transposing import matrix_transpose
from graphflow.ops.transposing import matrix_transpose as transpose

__all__ = ["einsum", "matmul", "matrix_transpose", "matvec", "tensordot", "transpose"]
