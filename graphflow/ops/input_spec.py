"""What a layer asks of its inputs: rank, sizes of some axes, element type."""

from __future__ import annotations

from typing import Any

from graphflow.graph import nest
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.shapes import TensorShape

__all__ = ["InputSpec", "check_inputs"]


class InputSpec:
    """What one input must be; None leaves it open.

    Parameters
    ----------
    shape : the shape, in which None fits any size.
    ndim, min_ndim, max_ndim : the rank, and its bounds.
    axes : sizes of axes by their number.
    """

    def __init__(
        self, dtype: Any = None, shape: Any = None, ndim: int | None = None,
        max_ndim: int | None = None, min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ) -> None:  # fmt: skip
        self.dtype = None if dtype is None else as_dtype(dtype).name
        self.shape = shape
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}

    def complaint(self, tensor: Any) -> str | None:
        """Say what is wrong with an input, None when nothing is."""
        shape = TensorShape(tensor.shape)
        rank = shape.rank
        limits = (self.ndim, self.min_ndim, self.max_ndim)
        if rank is None:
            if any(limit is not None for limit in limits):
                return "its rank is undefined, but the layer requires a defined rank."
            return None
        sizes = shape.as_list()
        received = f"Full shape received: {sizes}"
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={rank}. {received}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f": expected min_ndim={self.min_ndim}, found ndim={rank}. {received}"
        if self.dtype is not None and as_dtype(tensor.dtype).base_dtype.name != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={tensor.dtype}"
        for axis, size in self.axes.items():
            if size is not None and sizes[axis] not in (size, None):
                return (
                    f"expected axis {axis} of input shape to have value {size} but received input "
                    f"with shape {sizes}"
                )
        for wanted, size in zip(self.shape or (), sizes, strict=False):
            if wanted is not None and size is not None and wanted != size:
                return f"expected shape={self.shape}, found shape={sizes}"
        return None


def check_inputs(specs: Any, inputs: Any, layer_name: str) -> None:
    """Raise ValueError unless the inputs are what a layer asks for."""
    if not specs:
        return
    tensors, specs = nest.flatten(inputs), nest.flatten(specs)
    if len(tensors) != len(specs):
        raise ValueError(
            f"Layer {layer_name} expects {len(specs)} inputs, but it received {len(tensors)} input "
            f"tensors. Inputs received: {inputs}"
        )
    for number, (tensor, spec) in enumerate(zip(tensors, specs, strict=True)):
        wrong = None if spec is None else spec.complaint(tensor)
        if wrong is not None:
            raise ValueError(
                f"Input {number} of layer {layer_name} is incompatible with the layer: {wrong}"
            )
