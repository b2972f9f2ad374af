"""Parts of tensors, and tensors made larger: slice, pad, tile, reverse."""

from __future__ import annotations

from graphflow.ops.joining import concat, parallel_stack, split, stack, unstack
from graphflow.ops.strided_slice import strided_slice

__all__ = ["concat", "parallel_stack", "split", "stack", "strided_slice", "unstack"]
