"""Nested structures: lists, tuples, named tuples and dicts around single values (``tf.nest``).

A dict is walked in the order of its sorted keys, text and arrays are single values, and two
structures are the same when their containers are, in kind and length.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def is_sequence(value: Any) -> bool:
    """Whether the value is a container that `flatten` opens."""
    return isinstance(value, (list, tuple, Mapping))


is_nested = is_sequence


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _items(structure: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and values of a container, in order."""
    if isinstance(structure, Mapping):
        try:
            keys = sorted(structure)
        except TypeError:
            raise TypeError("nest only supports dicts with sortable keys.") from None
        yield from ((key, structure[key]) for key in keys)
    elif _is_named_tuple(structure):
        yield from zip(structure._fields, structure, strict=True)
    else:
        yield from enumerate(structure)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The single values of a structure, in order; a single value is a list of itself."""
    found: list[Any] = []
    pending = [structure]
    while pending:
        value = pending.pop()
        if is_sequence(value):
            pending.extend(reversed([v for _, v in _items(value)]))
        else:
            found.append(value)
    return found


def flatten_with_joined_string_paths(structure: Any, separator: str = "/") -> list[Any]:
    """Pairs of a value's path, as text, and the value."""
    if not is_sequence(structure):
        return [("", structure)]
    found = []
    for key, value in _items(structure):
        for path, leaf in flatten_with_joined_string_paths(value, separator):
            found.append((f"{key}{separator}{path}" if path else str(key), leaf))
    return found


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raise unless two structures have the same containers.

    Raises
    ------
    ValueError : other lengths, or a container where the other has a value.
    TypeError : containers of other kinds (only with `check_types`), other keys.
    """
    if is_sequence(nest1) != is_sequence(nest2):
        raise ValueError(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {nest1}\n\nSecond structure: {nest2}"
        )
    if not is_sequence(nest1):
        return
    if check_types and not _same_kind(nest1, nest2):
        raise TypeError(
            "The two structures don't have the same sequence type. First structure has type "
            f"{type(nest1)}, while second structure has type {type(nest2)}."
        )
    first, second = list(_items(nest1)), list(_items(nest2))
    if len(first) != len(second):
        raise ValueError(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {nest1}\n\nSecond structure: {nest2}"
        )
    if isinstance(nest1, Mapping) and [k for k, _ in first] != [k for k, _ in second]:
        raise ValueError(f"The two dictionaries don't have the same set of keys: {nest1}, {nest2}")
    for (_, one), (_, other) in zip(first, second, strict=True):
        assert_same_structure(one, other, check_types)


def _same_kind(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        return isinstance(one, Mapping) and isinstance(other, Mapping)
    if _is_named_tuple(one) and _is_named_tuple(other):
        return type(one).__name__ == type(other).__name__ and one._fields == other._fields
    return type(one) is type(other)


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """Put values, in the order of `flatten`, into containers like those of `structure`.

    Raises
    ------
    ValueError : the number of values is another than the structure has.
    """
    flat = list(flat_sequence)
    count = len(flatten(structure))
    if not is_sequence(structure):
        if len(flat) != 1:
            raise ValueError(f"Structure is a scalar but len(flat_sequence) == {len(flat)} > 1")
        return flat[0]
    if count != len(flat):
        raise ValueError(
            "Could not pack sequence. Structure had "
            f"{count} elements, but flat_sequence had {len(flat)} elements.  Structure: "
            f"{structure}, flat_sequence: {flat}."
        )
    return _packed(structure, iter(flat))


def _packed(structure: Any, values: Iterator[Any]) -> Any:
    if not is_sequence(structure):
        return next(values)
    parts = {key: _packed(value, values) for key, value in _items(structure)}
    if isinstance(structure, Mapping):
        ordered = [(key, parts[key]) for key in structure]
        if isinstance(structure, OrderedDict):
            return OrderedDict(ordered)
        kind: Any = type(structure)
        return kind(ordered)
    if _is_named_tuple(structure):
        return type(structure)(*parts.values())
    return type(structure)(parts.values())


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Apply a function to the values at each place of structures of the same form."""
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check_types = kwargs.pop("check_types", True)
    kwargs.pop("expand_composites", None)
    if kwargs:
        raise ValueError(
            "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`"
        )
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    rows = zip(*(flatten(s) for s in structure), strict=True)
    return pack_sequence_as(structure[0], [func(*row) for row in rows])


def assert_shallow_structure(shallow_tree: Any, input_tree: Any, check_types: bool = True) -> None:
    """Raise unless `input_tree` has at least the containers of `shallow_tree`."""
    if not is_sequence(shallow_tree):
        return
    if not is_sequence(input_tree):
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. Input has type: "
            f"{type(input_tree)}."
        )
    if check_types and not _same_kind(shallow_tree, input_tree):
        raise TypeError(
            "The two structures don't have the same sequence type. Input structure has type "
            f"{type(input_tree)}, while shallow structure has type {type(shallow_tree)}."
        )
    if len(shallow_tree) != len(input_tree):
        raise ValueError(
            "The two structures don't have the same sequence length. Input structure has length "
            f"{len(input_tree)}, while shallow structure has length {len(shallow_tree)}."
        )
    for (_, shallow), (_, deep) in zip(_items(shallow_tree), _items(input_tree), strict=True):
        assert_shallow_structure(shallow, deep, check_types)


def flatten_up_to(shallow_tree: Any, input_tree: Any, check_types: bool = True) -> list[Any]:
    """The parts of `input_tree` that lie where `shallow_tree` has single values."""
    assert_shallow_structure(shallow_tree, input_tree, check_types)
    if not is_sequence(shallow_tree):
        return [input_tree]
    found = []
    for (_, shallow), (_, deep) in zip(_items(shallow_tree), _items(input_tree), strict=True):
        found += flatten_up_to(shallow, deep, check_types)
    return found


def map_structure_up_to(shallow_tree: Any, func: Callable[..., Any], *inputs: Any) -> Any:
    """`map_structure`, with the containers of `shallow_tree`."""
    rows = zip(*(flatten_up_to(shallow_tree, i) for i in inputs), strict=True)
    return pack_sequence_as(shallow_tree, [func(*row) for row in rows])
