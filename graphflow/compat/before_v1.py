"""TensorFlow's names from before version 1.0, which published scripts still use.

They are found where the public names are (``tf.mul``, ``tf.train.SummaryWriter``) when there is
nothing else of that name. Functions whose arguments changed take the old ones.
"""

from __future__ import annotations

import importlib
from typing import Any

# Old paths below ``tf``, and what they are called now.
RENAMED = {
    "all_variables": "global_variables",
    "arg_max": "argmax",
    "arg_min": "argmin",
    "audio_summary": "summary.audio",
    "batch_cholesky": "cholesky",
    "batch_cholesky_solve": "cholesky_solve",
    "batch_fft": "fft",
    "batch_ifft": "ifft",
    "batch_matrix_band_part": "matrix_band_part",
    "batch_matrix_determinant": "matrix_determinant",
    "batch_matrix_diag": "matrix_diag",
    "batch_matrix_diag_part": "matrix_diag_part",
    "batch_matrix_inverse": "matrix_inverse",
    "batch_matrix_set_diag": "matrix_set_diag",
    "batch_matrix_solve": "matrix_solve",
    "batch_matrix_solve_ls": "matrix_solve_ls",
    "batch_matrix_transpose": "matrix_transpose",
    "batch_matrix_triangular_solve": "matrix_triangular_solve",
    "batch_self_adjoint_eig": "self_adjoint_eig",
    "complex_abs": "abs",
    "concat_v2": "concat",
    "histogram_summary": "summary.histogram",
    "initialize_local_variables": "local_variables_initializer",
    "inv": "reciprocal",
    "listdiff": "setdiff1d",
    "merge_all_summaries": "summary.merge_all",
    "merge_summary": "summary.merge",
    "mul": "multiply",
    "neg": "negative",
    "nn.bidirectional_rnn": "nn.static_bidirectional_rnn",
    "nn.deconv2d": "nn.conv2d_transpose",
    "nn.rnn": "nn.static_rnn",
    "nn.seq2seq": "contrib.legacy_seq2seq",
    "nn.state_saving_rnn": "nn.static_state_saving_rnn",
    "pack": "stack",
    "scalar_summary": "summary.scalar",
    "select": "where",
    "sub": "subtract",
    "train.SummaryWriter": "summary.FileWriter",
    "unpack": "unstack",
}


def image_summary(
    tag: Any, tensor: Any, max_images: int = 3, collections: Any = None, name: str | None = None
) -> Any:
    """`tf.summary.image` with its old arguments."""
    return _part("summary.image")(name or tag, tensor, max_images, collections)


def batch_matmul(
    x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None
) -> Any:
    """`tf.matmul` of batches with its old arguments."""
    return _part("matmul")(x, y, adjoint_a=adj_x, adjoint_b=adj_y, name=name)


def batch_svd(
    tensor: Any, compute_uv: bool = True, full_matrices: bool = False, name: str | None = None
) -> Any:
    """`tf.svd` of batches with its old arguments."""
    return _part("svd")(tensor, full_matrices, compute_uv, name)


WITH_OLD_ARGUMENTS = {
    "batch_matmul": batch_matmul,
    "batch_svd": batch_svd,
    "image_summary": image_summary,
}


def old_name(path: str) -> Any:
    """What an old path below ``tf`` stands for.

    Raises
    ------
    AttributeError : it is none.
    """
    if path in WITH_OLD_ARGUMENTS:
        return WITH_OLD_ARGUMENTS[path]
    if path in RENAMED:
        return _part(RENAMED[path])
    place, _, name = path.rpartition(".")
    raise AttributeError(f"module 'graphflow{place and '.' + place}' has no attribute {name!r}")


def _part(path: str) -> Any:
    found: Any = importlib.import_module("graphflow")
    for name in path.split("."):
        found = getattr(found, name)
    return found
