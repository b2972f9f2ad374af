"""`conv2d` of single images or stacks of them, without channels."""

from __future__ import annotations

from typing import Any

from graphflow.theano.tensor.nnet import abstract_conv
from graphflow.theano.tensor.var import TensorVariable, as_tensor_variable


def conv2d(
    input: Any, filters: Any, image_shape: Any = None, filter_shape: Any = None,
    border_mode: str = "valid", subsample: Any = (1, 1), **kargs: Any,
) -> TensorVariable:  # fmt: skip
    """Return every image convolved with every filter."""
    images, kernels = as_tensor_variable(input), as_tensor_variable(filters)
    single = images.ndim == 2, kernels.ndim == 2
    left = images.dimshuffle("x", "x", 0, 1) if single[0] else images.dimshuffle(0, "x", 1, 2)
    right = kernels.dimshuffle("x", "x", 0, 1) if single[1] else kernels.dimshuffle(0, "x", 1, 2)
    made = abstract_conv.conv2d(left, right, border_mode=border_mode, subsample=subsample)
    if single[1]:
        made = made[:, 0]
    return made[0] if single[0] else made
