"""Parts of arrays: taken before the array is put together, repeated, padded or turned.

All of these are exact, and none computes anything: they decide which elements are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphflow.ir.builder import Builder
from graphflow.ir.node import Node
from graphflow.rewrite.rule import is_scalar, rule

_LEAVES = 12  # terms of a sum that are looked at together


@rule("slice", over=("concat",))
def slice_of_concat(b: Builder, node: Node) -> Node | None:
    """A slice that meets some of the joined parts joins their slices."""
    (joined,) = node.inputs
    axis = joined["axis"]
    start, size, stride = (node[k][axis] for k in ("start", "size", "stride"))
    widths = [p.shape[axis] for p in joined.inputs]
    if not all(isinstance(v, int) for v in (start, size, *widths)) or size == 0:
        return None
    low, high = sorted((start, start + (size - 1) * stride))
    met, offset = [], 0
    for part, width in zip(joined.inputs, widths, strict=True):
        if low < offset + width and high >= offset:
            met.append((part, offset, width))
        offset += width
    if len(met) == 1:
        part, offset, _ = met[0]
        return _slice_axis(b, node, part, axis, start - offset, size)
    if stride != 1 or len(met) == len(widths):
        return None
    parts = []
    for part, offset, width in met:
        first, last = max(start, offset), min(start + size, offset + width)
        parts.append(_slice_axis(b, node, part, axis, first - offset, last - first))
    return b.concat(parts, axis)


def _slice_axis(b: Builder, node: Node, part: Node, axis: int, start: int, size: int) -> Node:
    """The slice `node` of another array, with other bounds along one axis."""
    starts, sizes = list(node["start"]), list(node["size"])
    starts[axis], sizes[axis] = start, size
    return b.slice(part, starts, sizes, node["stride"])


@rule("slice", over=("broadcast",))
def slice_of_broadcast(b: Builder, node: Node) -> Node | None:
    """``broadcast(x)[part] -> broadcast(x[part])``: a smaller repetition."""
    (repeated,) = node.inputs
    x, axes = repeated.inputs[0], repeated["axes"]
    part = b.slice(x, *([node[k][a] for a in axes] for k in ("start", "size", "stride")))
    return b.broadcast(part, node.shape, axes)


@rule("slice", over=("transpose",))
def slice_of_transpose(b: Builder, node: Node) -> Node | None:
    """``transpose(x)[part] -> transpose(x[part])``."""
    (turned,) = node.inputs
    perm = turned["perm"]
    order = [perm.index(k) for k in range(len(perm))]
    part = b.slice(
        turned.inputs[0], *([node[k][a] for a in order] for k in ("start", "size", "stride"))
    )
    return b.transpose(part, perm)


@rule("slice", over=("reshape",))
def slice_of_unit_reshape(b: Builder, node: Node) -> Node | None:
    """``reshape(x)[part] -> reshape(x[part])`` where the reshape only adds or drops unit axes."""
    (shaped,) = node.inputs
    x = shaped.inputs[0]
    outer = [k for k, d in enumerate(shaped.shape) if d != 1]
    inner = [k for k, d in enumerate(x.shape) if d != 1]
    if [shaped.shape[k] for k in outer] != [x.shape[k] for k in inner] or 0 in node.shape:
        return None
    bounds: list[list[Any]] = [[0] * x.rank, [1] * x.rank, [1] * x.rank]
    for ours, theirs in zip(inner, outer, strict=True):
        for column, name in zip(bounds, ("start", "size", "stride"), strict=True):
            column[ours] = node[name][theirs]
    return b.reshape(b.slice(x, *bounds), node.shape)


@rule("slice", over=("pad",))
def slice_of_pad(b: Builder, node: Node) -> Node | None:
    """The slice of a padded array is the array's slice, padded by what remains; or the padding.

    So a part that a gradient wrote into zeros is read without the zeros.
    """
    (padded,) = node.inputs
    x, value = padded.inputs
    found = [_inside_pad(node, padded, k) for k in range(x.rank)]
    if any(f == "padding" for f in found):
        return b.broadcast(value, node.shape, ())
    if any(f is None for f in found):
        return None
    low, start, size, stride, high = ([f[k] for f in found] for k in range(5))
    if low == list(padded["low"]) and high == list(padded["high"]):
        return None
    return b.pad(b.slice(x, start, size, stride), low, high, value, padded["interior"])


def _inside_pad(node: Node, padded: Node, axis: int) -> Any:
    """(low, start, size, stride, high) of a slice below a pad, "padding" outside it, or None."""
    start, size, stride = (node[k][axis] for k in ("start", "size", "stride"))
    low, high, gap = (padded[k][axis] for k in ("low", "high", "interior"))
    extent = padded.inputs[0].shape[axis]
    if start == 0 and stride == 1 and size == padded.shape[axis]:
        return low, 0, extent, 1, high
    if not all(isinstance(v, int) for v in (start, size, low, extent)) or size == 0 or gap:
        return None
    first, last = sorted((start, start + (size - 1) * stride))
    if last < low or first >= low + extent:
        return "padding"
    if first >= low and last < low + extent:
        return 0, start - low, size, stride, 0
    if stride != 1:
        return None
    left, right = max(low - start, 0), max(start + size - low - extent, 0)
    return left, max(start - low, 0), size - left - right, 1, right


@rule("pad", over=("pad",))
def pad_of_pad(b: Builder, node: Node) -> Node | None:
    """Padding twice with one value is padding once."""
    inner, value = node.inputs
    if inner.op != "pad" or inner.inputs[1] is not value or any(node["interior"]):
        return None
    low, high = ([m + n for m, n in zip(inner[k], node[k], strict=True)] for k in ("low", "high"))
    return b.pad(inner.inputs[0], low, high, value, inner["interior"])


@rule("concat", over=("concat", "slice"))
def concat_of_parts(b: Builder, node: Node) -> Node | None:
    """Joining joined parts joins once; slices that lie side by side are one slice."""
    axis = node["axis"]
    parts: list[Node] = []
    for part in node.inputs:
        nested = part.op == "concat" and part["axis"] == axis
        for piece in part.inputs if nested else (part,):
            merged = _side_by_side(b, parts[-1], piece, axis) if parts else None
            if merged is None:
                parts.append(piece)
            else:
                parts[-1] = merged
    return None if parts == list(node.inputs) else b.concat(parts, axis)


def _side_by_side(b: Builder, left: Node, right: Node, axis: int) -> Node | None:
    """The one slice that two neighbouring slices of one array make."""
    if left.op != "slice" or right.op != "slice" or left.inputs[0] is not right.inputs[0]:
        return None
    if left["stride"] != right["stride"]:
        return None
    for k, (first, second) in enumerate(zip(left["start"], right["start"], strict=True)):
        expected = first + left["size"][k] * left["stride"][k] if k == axis else first
        if second != expected:
            return None
    sizes = list(left["size"])
    sizes[axis] = sizes[axis] + right["size"][axis]
    return b.slice(left.inputs[0], left["start"], sizes, left["stride"])


@rule("transpose", over=("broadcast",))
def transpose_of_broadcast(b: Builder, node: Node) -> Node | None:
    """``transpose(broadcast(x)) -> broadcast(transpose(x))``: repetition comes last."""
    (repeated,) = node.inputs
    x, perm = repeated.inputs[0], node["perm"]
    places = [perm.index(a) for a in repeated["axes"]]  # of the operand's axes in the result
    order = sorted(range(x.rank), key=lambda k: places[k])
    return b.broadcast(b.transpose(x, order), node.shape, sorted(places))


@rule("transpose")
def transpose_of_unit_axes(b: Builder, node: Node) -> Node | None:
    """A transpose that moves only axes of extent one is a reshape."""
    (x,) = node.inputs
    moved = [k for k in node["perm"] if x.shape[k] != 1]
    return b.reshape(x, node.shape) if moved == sorted(moved) else None


@rule("gather", over=("const", "iota"))
def gather_in_steps(b: Builder, node: Node) -> Node | None:
    """A gather at constant indices in even steps, all in range, is a slice."""
    x, indices = node.inputs
    axis, extent = node["axis"], x.shape[node["axis"]]
    if node["batch_dims"] or not isinstance(extent, int):
        return None
    if indices.op == "iota" and indices.rank == 1 and isinstance(indices.shape[0], int):
        start, size, step = 0, indices.shape[0], 1
    elif indices.op == "const" and indices["value"].array.dtype != object:
        places = indices["value"].array.ravel().astype(np.int64)
        steps = np.unique(np.diff(places))
        if not places.size or steps.size > 1 or 0 in steps:
            return None
        start, size, step = int(places[0]), places.size, int(steps[0]) if steps.size else 1
    else:
        return None
    last = start + (size - 1) * step
    if size == 0 or not (0 <= start < extent and 0 <= last < extent):
        return None
    bounds = [[0] * x.rank, list(x.shape), [1] * x.rank]
    for column, value in zip(bounds, (start, size, step), strict=True):
        column[axis] = value
    return b.reshape(b.slice(x, *bounds), node.shape)


@rule("gather", over=("gather",))
def gather_of_gather(b: Builder, node: Node) -> Node | None:
    """``x[i][j] -> x[i[j]]`` for rows: only those that are read. Indices are clipped alike."""
    inner, second = node.inputs
    if inner.op != "gather" or inner["axis"] or node["axis"] or node["batch_dims"]:
        return None
    if inner["batch_dims"] or inner.inputs[1].rank == 0:
        return None
    return b.gather(inner.inputs[0], b.gather(inner.inputs[1], second))


@rule("gather", over=("scatter",))
def gather_of_scatter(b: Builder, node: Node) -> Node | None:
    """Reading back what was set at the same constant places, distinct and in range, is the value.

    Not for indices that are known in the run only: one out of range is skipped when writing.
    """
    written, indices = node.inputs
    if written.op != "scatter" or written["mode"] != "set" or written.inputs[1] is not indices:
        return None
    if node["axis"] or node["batch_dims"] or indices.op != "const":
        return None
    places, rows = indices["value"].array, written.shape[0]
    if places.dtype == object or not isinstance(rows, int) or len(set(places.flat)) != places.size:
        return None
    in_range = places.size and 0 <= places.min() and places.max() < rows
    return written.inputs[2] if in_range else None


@rule("scatter")
def scatter_of_nothing(b: Builder, node: Node) -> Node | None:
    """Writing no rows, or rows without elements, changes nothing."""
    x, indices, updates = node.inputs
    return x if 0 in indices.shape or 0 in updates.shape else None


def _padding(node: Node) -> tuple[int, int, int] | None:
    """(axis, low, end) of an array that is padded with zeros along one axis."""
    if node.op != "pad" or any(node["interior"]) or not is_scalar(node.inputs[1], 0):
        return None
    padded = [k for k in range(node.rank) if node["low"][k] != 0 or node["high"][k] != 0]
    if len(padded) != 1:
        return None
    low, width = node["low"][padded[0]], node.inputs[0].shape[padded[0]]
    if not isinstance(low, int) or not isinstance(width, int):
        return None
    return padded[0], low, low + width


@rule("add", accuracy="not worse", over=("pad",))
def pads_fill_each_other(b: Builder, node: Node) -> Node | None:
    """``pad(x) + pad(y) -> pad(concat(x, y))`` for parts side by side, anywhere in a sum.

    Gradients of slices are written so: one pass in place of a sum of zeros. -0.0 + 0 becomes -0.0.
    """
    terms = _terms(node)
    places = {k: found for k, t in enumerate(terms) if (found := _padding(t)) is not None}
    for left, (axis, _, end) in places.items():
        for right, (other, low, _) in places.items():
            if other != axis or low != end or terms[left].inputs[1] is not terms[right].inputs[1]:
                continue
            joined = b.concat([terms[left].inputs[0], terms[right].inputs[0]], axis)
            high = terms[right]["high"]
            merged = b.pad(joined, terms[left]["low"], high, terms[left].inputs[1])
            total = merged
            for k, term in enumerate(terms):
                total = total if k in (left, right) else b.add(total, term)
            return total
    return None


def _terms(node: Node) -> list[Node]:
    """The terms of a sum of which some are padded, in their order."""
    terms = [node]
    while len(terms) < _LEAVES:
        place = next((k for k, t in enumerate(terms) if _is_sum_of_pads(t)), None)
        if place is None:
            break
        terms[place : place + 1] = terms[place].inputs
    return terms


def _is_sum_of_pads(node: Node) -> bool:
    return node.op == "add" and any(i.op == "pad" or _is_sum_of_pads(i) for i in node.inputs[:1])
