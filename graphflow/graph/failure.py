"""What is added to an error about an operation: which one, its inputs, the user's lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphflow.graph.shapes import debug_string
from graphflow.graph.source import SourceLocation

if TYPE_CHECKING:  # a Graph adds these notes, and makes Tensors
    from graphflow.graph.tensor import Tensor


def add_context(
    error: ValueError | TypeError,
    op_type: str,
    name: str,
    inputs: Sequence[Tensor],
    location: SourceLocation | None,
) -> None:
    """Say in the text of `error` which operation it is about, and where it was made.

    The text is changed in place, since `add_note` came only with Python 3.11. A ValueError gets
    the ending that TensorFlow's shape errors have.
    """
    message = str(error.args[0]) if error.args else ""
    if isinstance(error, ValueError) and "(op: '" not in message:
        shapes = ", ".join(debug_string(tensor.shape) for tensor in inputs)
        message += f" for '{name}' (op: '{op_type}') with input shapes: {shapes}."
    lines = [_input_line(tensor) for tensor in inputs]
    if location is not None:
        lines.append(f"  op  made at  {location}")
    error.args = ("\n".join([message, *lines]), *error.args[1:])


def _input_line(tensor: Tensor) -> str:
    location = tensor.op.location
    made = f"  made at {location.place}" if location is not None else ""
    return f"  in  '{tensor.name}'  {tensor.dtype.name} {debug_string(tensor.shape)}{made}"
