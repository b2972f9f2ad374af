"""Windows over the spatial axes of an array: what convolutions and pooling have in common.

Attributes as TensorFlow has them (`strides`, `padding`, `dilations` with an entry for every axis,
`data_format`) become per-axis numbers, and the sizes of results; messages are TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.default import get_default_graph
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import Extents
from graphflow.graph.tensor import Tensor
from graphflow.ir.dims import UndecidableDim

FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
FORMATS = {4: ("NHWC", "NCHW"), 5: ("NDHWC", "NCDHW")}


@dataclass(frozen=True)
class Windows:
    """Windows along the spatial axes.

    Attributes
    ----------
    taps : elements of a window, per axis.
    strides, dilation : from one window to the next, and from one element of it to the next.
    padding : elements before and after the array.
    counts : how many windows there are.
    """

    taps: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    counts: tuple[Any, ...]


def channels_first(data_format: str) -> bool:
    """Whether the channels come right after the batch."""
    return data_format.startswith("NC")


def spatial(values: Sequence[Any], data_format: str) -> tuple[Any, ...]:
    """The entries of the spatial axes, out of one per axis."""
    return tuple(values[2:] if channels_first(data_format) else values[1:-1])


def channel_axis(data_format: str, rank: int) -> int:
    """The axis of the channels."""
    return 1 if channels_first(data_format) else rank - 1


def with_layout(batch: Any, sizes: Sequence[Any], channels: Any, data_format: str) -> Extents:
    """A shape in a layout."""
    if channels_first(data_format):
        return (batch, channels, *sizes)
    return (batch, *sizes, channels)


def check_attr(op_type: str, name: str, value: Any, allowed: Sequence[str]) -> Any:
    """The value of an attribute that is one of some words; ValueError when it is another."""
    if not isinstance(value, str):
        raise TypeError(f"Expected string for argument '{name}' not {value!r}.")
    if value not in allowed:
        listed = ", ".join(f'"{word}"' for word in allowed)
        raise ValueError(
            f"Attr '{name}' of '{op_type}' Op passed string '{value}' not in: {listed}."
        )
    return value


def check_ints(op_type: str, name: str, values: Any) -> list[int]:
    """A list attribute of integers; TypeError when it is none."""
    if not isinstance(values, (list, tuple)):
        raise TypeError(
            f"Expected list for '{name}' argument to '{op_type}' Op, not {values}."
        )  # fmt: skip
    return [int(v) for v in values]


def axis_values(value: Any, spatial_rank: int, first: bool, name: str) -> list[int]:
    """One number, one per spatial axis or one per axis, as one per axis.

    Parameters
    ----------
    first : whether the channels come before the spatial axes.
    """
    given = [1] if value is None else value
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(given) == spatial_rank + 2:
        return given
    if len(given) not in (1, spatial_rank):
        raise ValueError(
            f"{name} should be of length 1, {spatial_rank} or {spatial_rank + 2} but was "
            f"{len(given)}"
        )
    given = given * spatial_rank if len(given) == 1 else given
    return [1, 1, *given] if first else [1, *given, 1]


def padding_attrs(padding: Any) -> dict[str, Any]:
    """The attributes `padding` and `explicit_paddings` from a user's argument."""
    if padding == "EXPLICIT":
        raise ValueError(
            '"EXPLICIT" is not a valid value for the padding parameter. To use explicit padding, '
            "the padding parameter must be a list."
        )
    if not isinstance(padding, (list, tuple)):
        return {"padding": padding, "explicit_paddings": []}
    expected = "When padding is a list, each element of padding must be a list/tuple of size 2."
    for index, pair in enumerate(padding):
        if not isinstance(pair, (list, tuple)):
            raise ValueError(
                f"{expected} Element with index {index} of padding is not a list/tuple"
            )
        if len(pair) != 2:
            raise ValueError(f"{expected} Element with index {index} of padding has size "
                             f"{len(pair)}")  # fmt: skip
    if len(padding) != 4:
        raise ValueError(
            f"When padding is a list, it must be of size 4. Got padding of size: {len(padding)}"
        )
    return {"padding": "EXPLICIT", "explicit_paddings": [n for pair in padding for n in pair]}


def explicit_pairs(op: Operation) -> list[tuple[int, int]]:
    """The spatial pairs of an operation's explicit padding."""
    flat = op.attrs["explicit_paddings"]
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return list(spatial(pairs, op.attrs["data_format"]))


def window_padding(
    kind: str, size: Any, taps: int, stride: int, dilation: int, explicit: tuple[int, int]
) -> tuple[Any, tuple[int, int]]:
    """How many windows an axis has, and its padding; ValueError when there is room for none."""
    if taps == stride == 1 and kind != "EXPLICIT":
        return size, (0, 0)  # of nothing too: an empty batch has no windows
    reach = (taps - 1) * dilation + 1
    if kind == "SAME":
        count = (size + (stride - 1)) // stride
        total = (count - 1) * stride + reach - size if size else 0
        if not isinstance(total, int):
            raise UndecidableDim("SAME padding expected known sizes")
        return count, (max(total, 0) // 2, max(total, 0) - max(total, 0) // 2)
    low, high = explicit if kind == "EXPLICIT" else (0, 0)
    room = size + (low + high)
    if isinstance(room, int) and room < reach:
        raise ValueError(
            f"Negative dimension size caused by subtracting {reach} from {room}"
        )  # fmt: skip
    return (room - reach) // stride + 1, (low, high)


def find_windows(op: Operation, sizes: Sequence[Any], taps: Sequence[int]) -> Windows:
    """The windows of an operation over concrete sizes."""
    data_format = op.attrs["data_format"]
    strides = spatial(op.attrs["strides"], data_format)
    dilations = op.attrs.get("dilations")
    dilation = (1,) * len(sizes) if dilations is None else spatial(dilations, data_format)
    kind = op.attrs["padding"]
    pairs = explicit_pairs(op) if kind == "EXPLICIT" else [(0, 0)] * len(sizes)
    found = [
        window_padding(kind, *numbers)
        for numbers in zip(sizes, taps, strides, dilation, pairs, strict=True)
    ]
    return Windows(
        tuple(taps), strides, dilation, tuple(p for _, p in found), tuple(c for c, _ in found)
    )


def count_dilated(
    x: Tensor, rates: Sequence[int], padding: str, data_format: str | None, more: int = 0
) -> None:
    """Count the operations that TensorFlow makes around a dilated convolution, and `more`.

    It moves blocks into the batch and back, for which it computes paddings in the graph where it
    does not know the sizes. Seeds of random operations come from the count (`Graph._skip_ids`).
    """
    if all(rate == 1 for rate in rates) or x.shape.extents is None:
        return
    first = data_format is not None and channels_first(data_format)
    sizes = x.shape.extents[2:] if first else x.shape.extents[1:-1]
    blocks = 35 + 19 * len(rates) if None in sizes else 10
    get_default_graph()._skip_ids(blocks + (padding == "SAME") + more)


def infer_counts(
    op: Operation, sizes: Sequence[int | None], taps: Sequence[int | None]
) -> tuple[int | None, ...]:
    """How many windows there are, as far as is known."""
    data_format = op.attrs["data_format"]
    strides = spatial(op.attrs["strides"], data_format)
    dilations = op.attrs.get("dilations")
    dilation = (1,) * len(sizes) if dilations is None else spatial(dilations, data_format)
    for name, values in (("Stride", strides), ("Dilation rate", dilation)):
        for value in values:
            if value <= 0:
                raise ValueError(f"{name} must be > 0, but got {value}")
    kind = op.attrs["padding"]
    pairs = explicit_pairs(op) if kind == "EXPLICIT" else [(0, 0)] * len(sizes)
    counts: list[int | None] = []
    for size, tap, stride, step, pair in zip(sizes, taps, strides, dilation, pairs, strict=True):
        if size is None or (tap is None and kind != "SAME"):
            counts.append(None)
        else:
            counts.append(window_padding(kind, size, tap or 1, stride, step, pair)[0])
    return tuple(counts)


def to_channels_last(b: Any, node: Any, data_format: str) -> Any:
    """The node with the channels in the last axis."""
    if not channels_first(data_format):
        return node
    return b.transpose(node, (0, *range(2, node.rank), 1))


def from_channels_last(b: Any, node: Any, data_format: str) -> Any:
    """The node, whose channels are last, in a layout."""
    if not channels_first(data_format):
        return node
    return b.transpose(node, (0, node.rank - 1, *range(1, node.rank - 1)))
