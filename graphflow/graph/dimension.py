"""One size of a shape, known or not: TensorFlow 1.x's `Dimension`.

Comparisons with an unknown size answer None, which is neither true nor false in intent but false
in an ``if``; arithmetic with one gives an unknown size.
"""

from __future__ import annotations

from typing import Any

from graphflow.graph.dtypes import DType


def extent_of(value: Any) -> int | None:
    """Return the size that `value` stands for, as an int, or None when it is unknown.

    Raises
    ------
    TypeError : `value` is an element type or no number at all.
    ValueError : `value` is negative or has a fraction.
    """
    if value is None:
        return None
    if type(value) is int and value >= 0:  # the common case, kept first: shapes are made often
        return value
    if isinstance(value, Dimension):
        return value.value
    if isinstance(value, DType):
        raise TypeError(f"Cannot convert {value} to Dimension")
    extent = int(value)
    if not isinstance(value, (str, bytes)) and extent != value:
        raise ValueError(f"Ambiguous dimension: {value}")
    if extent < 0:
        raise ValueError(f"Dimension {extent} must be >= 0")
    return extent


class Dimension:
    """A size: an int, or None when it is known only in a run."""

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]  # as in TensorFlow: unknown sizes have no equality

    def __init__(self, value: Any) -> None:
        self.value = extent_of(value)

    def __repr__(self) -> str:
        return f"Dimension({self.value!r})"

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __int__(self) -> int:
        return self.value  # type: ignore[return-value]  # Python raises TypeError for None

    def __index__(self) -> int:
        return self.value  # type: ignore[return-value]

    def __reduce__(self) -> Any:
        return Dimension, (self.value,)

    def __eq__(self, other: object) -> Any:
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return None if None in pair else pair[0] == pair[1]

    def __ne__(self, other: object) -> Any:
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return None if None in pair else pair[0] != pair[1]

    def _pair(self, other: Any) -> Any:
        """Both sizes, or NotImplemented when `other` is no size."""
        try:
            return self.value, extent_of(other)
        except (TypeError, ValueError):
            return NotImplemented

    def __lt__(self, other: Any) -> Any:
        size = extent_of(other)
        return None if self.value is None or size is None else self.value < size

    def __le__(self, other: Any) -> Any:
        size = extent_of(other)
        return None if self.value is None or size is None else self.value <= size

    def __gt__(self, other: Any) -> Any:
        size = extent_of(other)
        return None if self.value is None or size is None else self.value > size

    def __ge__(self, other: Any) -> Any:
        size = extent_of(other)
        return None if self.value is None or size is None else self.value >= size

    def __add__(self, other: Any) -> Any:
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return Dimension(None if None in pair else pair[0] + pair[1])

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __sub__(self, other: Any) -> Any:
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return Dimension(None if None in pair else pair[0] - pair[1])

    def __rsub__(self, other: Any) -> Any:
        return Dimension(other) - self

    def __mul__(self, other: Any) -> Any:
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return Dimension(None if None in pair else pair[0] * pair[1])

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __floordiv__(self, other: Any) -> Any:
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return Dimension(None if None in pair else pair[0] // pair[1])

    def __rfloordiv__(self, other: Any) -> Any:
        return Dimension(other) // self

    def __mod__(self, other: Any) -> Any:
        size = extent_of(other)
        return Dimension(None if self.value is None or size is None else self.value % size)

    def __rmod__(self, other: Any) -> Any:
        return Dimension(other) % self

    def __truediv__(self, other: Any) -> Any:
        raise TypeError(
            f"unsupported operand type(s) for /: 'Dimension' and '{type(other).__name__}', "
            "please use // instead"
        )

    def __rtruediv__(self, other: Any) -> Any:
        raise TypeError(
            f"unsupported operand type(s) for /: '{type(other).__name__}' and 'Dimension', "
            "please use // instead"
        )

    def is_compatible_with(self, other: Any) -> Any:
        """Whether both could be the same size."""
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        return None in pair or pair[0] == pair[1]

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError unless both could be the same size."""
        # What is no size at all (NotImplemented) passes, as in TensorFlow.
        if self.is_compatible_with(other) is False:
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> Any:
        """Return the size that both agree on; ValueError when they cannot be the same."""
        pair = self._pair(other)
        if pair is NotImplemented:
            return NotImplemented
        self.assert_is_compatible_with(Dimension(pair[1]))
        return Dimension(pair[1] if self.value is None else self.value)


def as_dimension(value: Any) -> Dimension:
    """Return `value` itself when it is a `Dimension`, else a new one."""
    return value if isinstance(value, Dimension) else Dimension(value)


def dimension_value(dimension: Any) -> Any:
    """Return the int or None inside a `Dimension`; anything else unchanged."""
    return dimension.value if isinstance(dimension, Dimension) else dimension
