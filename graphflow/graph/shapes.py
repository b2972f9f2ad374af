"""Static shapes: TensorFlow 1.x's `TensorShape`, and the broadcasting rule.

A shape is a tuple of sizes (int, or None when a size is known only in a run), or unknown
altogether. The tuple, `TensorShape.extents`, is what the rest of the package works with: graphs
have thousands of shapes, so `Dimension` objects are made only when a user asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphflow.graph.dimension import Dimension, extent_of

Extents = tuple["int | None", ...]


class TensorShape:
    """The shape of a tensor as far as it is known.

    Parameters
    ----------
    dims : None (rank unknown), a TensorShape, one size, or an iterable of sizes.

    Attributes
    ----------
    extents : tuple of int or None, or None when the rank is unknown.
    """

    __slots__ = ("extents",)
    __hash__ = None  # type: ignore[assignment]  # unknown sizes have no equality to hash by

    extents: Extents | None

    def __init__(self, dims: Any) -> None:
        if dims is None:
            self.extents = None
        elif isinstance(dims, TensorShape):
            self.extents = dims.extents
        elif isinstance(dims, (str, bytes)):
            raise TypeError(
                "A string has ambiguous TensorShape, please wrap in a list or convert to an int: "
                f"{dims!s}"
            )
        else:
            try:
                sizes = iter(dims)
            except TypeError:
                self.extents = (extent_of(dims),)
            else:
                self.extents = tuple([extent_of(size) for size in sizes])

    @property
    def rank(self) -> int | None:
        """The number of dimensions, or None when it is unknown."""
        return None if self.extents is None else len(self.extents)

    @property
    def ndims(self) -> int | None:
        """The number of dimensions, or None when it is unknown."""
        return None if self.extents is None else len(self.extents)

    @property
    def dims(self) -> list[Dimension] | None:
        """The sizes as `Dimension` objects, or None when the rank is unknown."""
        return None if self.extents is None else [Dimension(size) for size in self.extents]

    _dims = dims  # Keras 2 reads it

    def as_list(self) -> list[int | None]:
        """Return the sizes as a list; ValueError when the rank is unknown."""
        if self.extents is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self.extents)

    def num_elements(self) -> int | None:
        """Return the number of elements, or None when a size is unknown."""
        if not self.is_fully_defined():
            return None
        count = 1
        for size in self.extents or ():
            count *= size or 0
        return count

    def is_fully_defined(self) -> bool:
        """Whether rank and all sizes are known."""
        return self.extents is not None and None not in self.extents

    def assert_is_fully_defined(self) -> None:
        """Raise ValueError unless rank and all sizes are known."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def __len__(self) -> int:
        if self.extents is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self.extents)

    def __bool__(self) -> bool:
        return self.extents is not None

    def __iter__(self) -> Iterator[Dimension]:
        if self.extents is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(size) for size in self.extents])

    def __getitem__(self, key: Any) -> Any:
        if self.extents is not None:
            if isinstance(key, slice):
                return shape_from_tuple(self.extents[key])
            return Dimension(self.extents[key])
        if not isinstance(key, slice):
            return Dimension(None)
        if key.step is not None:
            raise ValueError("Steps are not yet handled")
        start = 0 if key.start is None else key.start
        if key.stop is None or start < 0 or key.stop < 0:
            return unknown_shape()
        return unknown_shape(rank=key.stop - start)

    def merge_with(self, other: Any) -> TensorShape:
        """Return the shape that both agree on; ValueError when there is none."""
        other = as_shape(other)
        if self.extents is None:
            return other
        if other.extents is None:
            return self
        merged = _merge(self.extents, other.extents)
        if merged is None:
            raise ValueError(f"Shapes {self} and {other} are not compatible")
        return shape_from_tuple(merged)

    def concatenate(self, other: Any) -> TensorShape:
        """Return the sizes of both in a row; unknown when either rank is."""
        other = as_shape(other)
        if self.extents is None or other.extents is None:
            return unknown_shape()
        return shape_from_tuple(self.extents + other.extents)

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(other).concatenate(self)

    __concat__ = concatenate

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """Return the most precise shape that admits all tensors of either shape."""
        other = as_shape(other)
        if self.extents is None or other.extents is None or self.rank != other.rank:
            return unknown_shape()
        pairs = zip(self.extents, other.extents, strict=True)
        return shape_from_tuple(tuple(a if a == b else None for a, b in pairs))

    def is_compatible_with(self, other: Any) -> bool:
        """Whether some fully defined shape fits both."""
        other = as_shape(other)
        if self.extents is None or other.extents is None:
            return True
        return _merge(self.extents, other.extents) is not None

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError unless some fully defined shape fits both."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are incompatible")

    def assert_same_rank(self, other: Any) -> None:
        """Raise ValueError when both ranks are known and differ."""
        other = as_shape(other)
        if self.rank is not None and other.rank is not None and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank: int) -> None:
        """Raise ValueError when the rank is known to be another one."""
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int) -> TensorShape:
        """Return this shape, known to have `rank` dimensions; ValueError when it has not."""
        if self.extents is None:
            return unknown_shape(rank=rank)
        self.assert_has_rank(rank)
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Return this shape; ValueError when it is known to have fewer dimensions."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """Return this shape; ValueError when it is known to have more dimensions."""
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def __eq__(self, other: object) -> Any:
        try:
            other = as_shape(other)
        except TypeError:
            return NotImplemented
        if self.extents is other.extents:
            return True
        # As in TensorFlow, an unknown size equals nothing but itself.
        return self.extents == other.extents and None not in (self.extents or ())

    def __ne__(self, other: object) -> Any:
        try:
            other = as_shape(other)
        except TypeError:
            return NotImplemented
        if self.extents is None or other.extents is None:
            raise ValueError("The inequality of unknown TensorShapes is undefined.")
        return not self == other

    def __reduce__(self) -> Any:
        return TensorShape, (self.extents,)

    def __repr__(self) -> str:
        return f"TensorShape({self.dims!r})"

    def __str__(self) -> str:
        if self.extents is None:
            return "<unknown>"
        sizes = ["?" if size is None else str(size) for size in self.extents]
        return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def shape_from_tuple(extents: Extents | None) -> TensorShape:
    """Return the shape of a tuple that holds nothing but ints and Nones; nothing is checked."""
    shape = TensorShape.__new__(TensorShape)
    shape.extents = extents
    return shape


SCALAR = shape_from_tuple(())


def as_shape(shape: Any) -> TensorShape:
    """Return `shape` itself when it is a `TensorShape`, else a new one."""
    return shape if isinstance(shape, TensorShape) else TensorShape(shape)


def unknown_shape(rank: int | None = None, *, ndims: int | None = None) -> TensorShape:
    """Return a shape of which nothing, or only the rank, is known."""
    rank = ndims if rank is None else rank
    # A new tuple each time: two unknown shapes are equal only when they are the same one.
    return shape_from_tuple(None if rank is None else tuple([None] * rank))


def _merge(first: Extents, second: Extents) -> Extents | None:
    """Return the sizes known from either tuple, or None when the two contradict each other."""
    if len(first) != len(second):
        return None
    merged = []
    for a, b in zip(first, second, strict=True):
        if a is not None and b is not None and a != b:
            return None
        merged.append(b if a is None else a)
    return tuple(merged)


def merge_in_op(first: TensorShape, second: TensorShape) -> TensorShape:
    """Return the shape that both agree on, as `TensorShape.merge_with` does.

    Raises
    ------
    ValueError : there is none; in the words of an operation's rule.
    """
    if first.extents is None or second.extents is None:
        return second if first.extents is None else first
    if len(first.extents) != len(second.extents):
        raise ValueError(
            f"Shapes must be equal rank, but are {len(first.extents)} and {len(second.extents)}"
        )
    merged = list(first.extents)
    for axis, (old, new) in enumerate(zip(first.extents, second.extents, strict=True)):
        if old is not None and new is not None and old != new:
            raise ValueError(
                f"Dimension {axis} in both shapes must be equal, but are {old} and {new}. "
                f"Shapes are {debug_string(first)} and {debug_string(second)}."
            )
        merged[axis] = new if old is None else old
    return shape_from_tuple(tuple(merged))


def debug_string(shape: TensorShape) -> str:
    """Return a shape as TensorFlow's shape errors print it: ``[2,?]``, ``?``."""
    if shape.extents is None:
        return "?"
    return "[" + ",".join("?" if size is None else str(size) for size in shape.extents) + "]"


def broadcast(first: TensorShape, second: TensorShape) -> TensorShape:
    """Return the shape of an elementwise operation on two tensors, NumPy's rule.

    An unknown size beside one greater than 1 is taken to be equal to it or 1.

    Raises
    ------
    ValueError : two known sizes differ and neither is 1; in the words of an operation's rule.
    """
    if first.extents is None or second.extents is None:
        return unknown_shape()
    longer, shorter = first.extents, second.extents
    if longer == shorter and None not in longer:
        return first
    if len(longer) < len(shorter):
        longer, shorter = shorter, longer
    lead = len(longer) - len(shorter)
    sizes = list(longer)
    for axis, size in enumerate(shorter, start=lead):
        sizes[axis] = _broadcast_size(sizes[axis], size, first, second, axis)
    return shape_from_tuple(tuple(sizes))


def _broadcast_size(
    a: int | None, b: int | None, first: TensorShape, second: TensorShape, axis: int
) -> int | None:
    if a == 1 or a == b:
        return b
    if b == 1:
        return a
    if a is None or b is None:
        known = a if b is None else b
        return known if known is not None and known > 1 else None
    # The message names the sizes in the order of the operands.
    longest = max(len(first), len(second))
    sizes = [(1,) * (longest - len(shape)) + shape.extents for shape in (first, second)]  # type: ignore[operator]
    raise ValueError(f"Dimensions must be equal, but are {sizes[0][axis]} and {sizes[1][axis]}")


def broadcast_shape(first: TensorShape, second: TensorShape) -> TensorShape:
    """Return the shape that both broadcast to, as ``tf.broadcast_static_shape`` does."""
    try:
        return broadcast(first, second)
    except ValueError:
        raise ValueError(f"Incompatible shapes for broadcasting: {first} and {second}") from None
