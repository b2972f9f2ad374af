"""Functions applied along an axis: `map_fn`, `scan`, `foldl`, `foldr`.

Each is a `while_loop` over TensorArrays, as in TensorFlow, and so has gradients of any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.graph import nest
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.tensor_array import TensorArray
from graphflow.ops.while_loops import while_loop

__all__ = ["foldl", "foldr", "map_fn", "scan"]

_Function = Callable[..., Any]


def _check_callable(fn: Any) -> None:
    if not callable(fn):
        raise TypeError("fn must be callable.")


def _tensors(values: Any, name: str) -> list[Tensor]:
    return [convert_to_tensor(v, name=name) for v in nest.flatten(values)]


def _length(elems: list[Tensor]) -> Any:
    """The size of the first axis: a number where the graph knows it."""
    shape = elems[0].shape
    if shape.rank == 0:
        raise ValueError("elements in elems must be 1+ dimensional Tensors, not scalars")
    known = None if shape.rank is None else shape.as_list()[0]
    return known or shape_of(elems[0])[0]


def _unstacked(elems: list[Tensor], length: Any) -> list[TensorArray]:
    return [
        TensorArray(e.dtype, size=length, dynamic_size=False, infer_shape=True).unstack(e)
        for e in elems
    ]


def _set_length(results: list[Tensor], elems: list[Tensor]) -> None:
    """Give results the first axis that is known of the inputs."""
    length = TensorShape([None])
    for elem in elems:
        if elem.shape.rank is not None:
            length = length.merge_with(elem.shape[:1])
    for result in results:
        rest = result.shape[1:] if result.shape.rank is not None else TensorShape(None)
        result.set_shape(length.concatenate(rest))


def map_fn(
    fn: _Function, elems: Any, dtype: Any = None, parallel_iterations: int | None = None,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The results of `fn` for each of the `elems` along their first axis, stacked.

    Parameters
    ----------
    fn : takes an element, in the structure of `elems`; returns tensors in that of `dtype`.
    elems : a tensor, or a nested structure of them with first axes of one size.
    dtype : types of the results, where they differ from those of `elems` in type or structure.
    infer_shape : whether all results have one shape.

    Raises
    ------
    TypeError : `fn` is not callable, or its result has another structure.
    ValueError : an element is a scalar.
    """
    _check_callable(fn)
    given = elems if dtype is None else dtype
    with name_scope(name, "map", nest.flatten(elems)):
        inputs = _tensors(elems, "elem")
        types = [t.dtype for t in inputs] if dtype is None else nest.flatten(dtype)
        length = _length(inputs)
        arrays = _unstacked(inputs, length)
        results = [
            TensorArray(t, size=length, dynamic_size=False, infer_shape=infer_shape) for t in types
        ]

        def body(i: Tensor, results: list[TensorArray]) -> Any:
            made = fn(nest.pack_sequence_as(elems, [a.read(i) for a in arrays]))
            nest.assert_same_structure(given, made)
            pairs = zip(results, nest.flatten(made), strict=True)
            return i + 1, [array.write(i, value) for array, value in pairs]

        start = convert_to_tensor(0)
        _, filled = while_loop(
            lambda i, _: i < length, body, (start, results),
            parallel_iterations=parallel_iterations or 10, back_prop=back_prop,
            swap_memory=swap_memory, maximum_iterations=length,
        )  # fmt: skip
        stacked = [array.stack() for array in filled]
        _set_length(stacked, inputs)
        return nest.pack_sequence_as(given, stacked)


def scan(
    fn: _Function, elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True,
    reverse: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """All intermediate results of a fold over the first axis of `elems`, stacked.

    Parameters
    ----------
    fn : takes the last result and an element; returns the next result.
    initializer : the first result; the first element when None.
    reverse : go from the last element to the first.

    Raises
    ------
    TypeError : `fn` is not callable, or its result has another structure.
    ValueError : an element is a scalar.
    """
    _check_callable(fn)
    given = elems if initializer is None else initializer
    with name_scope(name, "scan", nest.flatten(elems)):
        inputs = _tensors(elems, "elem")
        length = _length(inputs)
        arrays = _unstacked(inputs, length)
        if initializer is None:
            first = length - 1 if reverse else 0
            values = [a.read(first) for a in arrays]
            done = 1
        else:
            values = [convert_to_tensor(v) for v in nest.flatten(initializer)]
            done = 0
        results = [
            TensorArray(
                v.dtype.base_dtype, size=length, dynamic_size=False, infer_shape=infer_shape,
                element_shape=v.shape if infer_shape else None,
            )
            for v in values
        ]  # fmt: skip
        if initializer is None:
            results = [r.write(first, v) for r, v in zip(results, values, strict=True)]

        def body(i: Tensor, values: list[Tensor], results: list[TensorArray]) -> Any:
            element = nest.pack_sequence_as(elems, [a.read(i) for a in arrays])
            made = fn(nest.pack_sequence_as(given, values), element)
            nest.assert_same_structure(given, made)
            flat = nest.flatten(made)
            written = [r.write(i, v) for r, v in zip(results, flat, strict=True)]
            return (i - 1 if reverse else i + 1), flat, written

        start = length - 1 - done if reverse else done
        _, _, filled = while_loop(
            lambda i, *_: i >= 0 if reverse else i < length,
            body, (convert_to_tensor(start), values, results),
            parallel_iterations=parallel_iterations, back_prop=back_prop, swap_memory=swap_memory,
            maximum_iterations=length,
        )  # fmt: skip
        stacked = [array.stack() for array in filled]
        _set_length(stacked, inputs)
        return nest.pack_sequence_as(given, stacked)


def _fold(
    fn: _Function, elems: Any, initializer: Any, reverse: bool, name: str | None, scope: str,
    options: dict[str, Any],
) -> Any:  # fmt: skip
    _check_callable(fn)
    given = elems if initializer is None else initializer
    with name_scope(name, scope, nest.flatten(elems)):
        inputs = _tensors(elems, "elem")
        length = _length(inputs)
        arrays = _unstacked(inputs, length)
        done = 0
        if initializer is None:
            done = 1
            values = [a.read(length - 1 if reverse else 0) for a in arrays]
        else:
            values = [convert_to_tensor(v) for v in nest.flatten(initializer)]

        def body(i: Tensor, values: list[Tensor]) -> Any:
            place = i - 1 if reverse else i
            element = nest.pack_sequence_as(elems, [a.read(place) for a in arrays])
            made = fn(nest.pack_sequence_as(given, values), element)
            nest.assert_same_structure(given, made)
            return (place if reverse else i + 1), nest.flatten(made)

        start = length - done if reverse else done
        _, found = while_loop(
            lambda i, _: i > 0 if reverse else i < length,
            body, (convert_to_tensor(start), values), maximum_iterations=length - done, **options,
        )  # fmt: skip
        return nest.pack_sequence_as(given, found)


def foldl(
    fn: _Function, elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The elements combined by `fn`, from the first to the last; see `scan`."""
    options = {"parallel_iterations": parallel_iterations, "back_prop": back_prop,
               "swap_memory": swap_memory}  # fmt: skip
    return _fold(fn, elems, initializer, False, name, "foldl", options)


def foldr(
    fn: _Function, elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The elements combined by `fn`, from the last to the first; see `scan`."""
    options = {"parallel_iterations": parallel_iterations, "back_prop": back_prop,
               "swap_memory": swap_memory}  # fmt: skip
    return _fold(fn, elems, initializer, True, name, "foldr", options)
