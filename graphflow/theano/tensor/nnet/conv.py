"""The older `conv2d`, whose shapes are ``image_shape`` and ``filter_shape``."""

from __future__ import annotations

from typing import Any

from graphflow.theano.tensor.nnet import abstract_conv
from graphflow.theano.tensor.var import TensorVariable


def conv2d(
    input: Any, filters: Any, image_shape: Any = None, filter_shape: Any = None,
    border_mode: Any = "valid", subsample: Any = (1, 1), **kargs: Any,
) -> TensorVariable:  # fmt: skip
    """Return the convolution of images; see `abstract_conv.conv2d`."""
    return abstract_conv.conv2d(
        input, filters, image_shape, filter_shape, border_mode, subsample,
    )  # fmt: skip
