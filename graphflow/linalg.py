"""Linear algebra: TensorFlow's `tf.linalg`."""

from graphflow.ops.clip import global_norm
from graphflow.ops.contraction import tensordot
from graphflow.ops.decompositions import (
    cholesky,
    cholesky_solve,
    lu,
    qr,
    self_adjoint_eig,
    self_adjoint_eigvals,
    svd,
)
from graphflow.ops.decompositions import self_adjoint_eig as eigh
from graphflow.ops.decompositions import self_adjoint_eigvals as eigvalsh
from graphflow.ops.diagonals import diag as tensor_diag
from graphflow.ops.diagonals import diag_part as tensor_diag_part
from graphflow.ops.diagonals import eye, trace
from graphflow.ops.diagonals import matrix_band_part as band_part
from graphflow.ops.diagonals import matrix_diag as diag
from graphflow.ops.diagonals import matrix_diag_part as diag_part
from graphflow.ops.diagonals import matrix_set_diag as set_diag
from graphflow.ops.einsum import einsum
from graphflow.ops.least_squares import matrix_solve_ls as lstsq
from graphflow.ops.linear import matmul, matvec
from graphflow.ops.matrices import (
    adjoint,
    cross,
    expm,
    logdet,
    logm,
    matrix_rank,
    norm,
    normalize,
    pinv,
    slogdet,
    sqrtm,
)
from graphflow.ops.nn import l2_normalize
from graphflow.ops.solving import matrix_determinant as det
from graphflow.ops.solving import matrix_inverse as inv
from graphflow.ops.solving import matrix_solve as solve
from graphflow.ops.solving import matrix_triangular_solve as triangular_solve
from graphflow.ops.transposing import matrix_transpose
from graphflow.ops.transposing import matrix_transpose as transpose
from graphflow.ops.tridiagonal import tridiagonal_matmul, tridiagonal_solve

__all__ = [name for name in dir() if not name.startswith("_")]


def __getattr__(name: str) -> object:
    if name.startswith("LinearOperator"):
        from graphflow import linear_operators  # most programs have none

        found = getattr(linear_operators, name, None)
        if found is not None:
            return found
    raise AttributeError(f"module 'graphflow.linalg' has no attribute {name!r}")
