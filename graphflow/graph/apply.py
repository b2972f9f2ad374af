"""Calling an op: inputs converted, types matched, names given, by TensorFlow's rules.

A `Signature` declares an op's inputs in the notation of TensorFlow's op registry::

    Signature("MatMul", "a: T", "b: T", T=NUMERIC)
    Signature("Pack", "values: N * T")                 # a list of tensors of one type
    Signature("Print", "input: T", "data: U...")       # a list of tensors of any types
    Signature("Assign", "ref: Ref(T)", "value: T")     # a variable's reference
    Signature("Reshape", "tensor: T", "shape: Tshape = int32", Tshape=INDEX)

Calling it makes the operation. The first input of a type variable decides it, later ones are
converted to it; constants made on the way are named after the input, inside the op's own name:
``add/y``. The operation is made in the graph of the inputs.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphflow.graph.convert import convert
from graphflow.graph.default import get_default_graph, graph_from_inputs
from graphflow.graph.dtypes import DType, as_dtype
from graphflow.graph.graph import Graph
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor

_INPUT = re.compile(
    r"^(?P<name>\w+): *(?:(?P<count>\w+) *\* *)?(?P<ref>Ref\()?(?P<type>\w+)\)?(?P<list>\.\.\.)?"
    r"(?: *= *(?P<default>\w+))?$"
)


_signatures: dict[str, list[Signature]] = {}


def declared_types(op_type: str) -> list[Sequence[DType]] | None:
    """The types that each kind of input of an op type may have; None where nothing declares it.

    An empty sequence stands for any type. Of several signatures the strictest speaks.
    """
    known = _signatures.get(op_type)
    if not known:
        return None
    best = max(known, key=lambda s: (len(s._inputs), len(s._types)))
    found: dict[str, Sequence[DType]] = {}
    for declared in best._inputs:
        key = declared.fixed.name if declared.fixed is not None else declared.variable
        types = best._types.get(declared.variable, ())
        found[key] = (declared.fixed,) if declared.fixed is not None else tuple(types)
    return list(found.values())


@dataclass(frozen=True)
class _Input:
    """One input of an op: `fixed` is its type, or `variable` names the type variable."""

    name: str
    fixed: DType | None
    variable: str
    default: DType | None
    count: str  # the attribute that holds the length of a list of one type
    any_types: bool  # a list whose types may differ
    ref: bool


def _parse(text: str) -> _Input:
    match = _INPUT.match(text)
    if match is None:
        raise ValueError(f"expected an input like 'x: T', got {text!r}")
    part = match.groupdict()
    try:
        fixed: DType | None = as_dtype(part["type"])
    except TypeError:
        fixed = None
    default = as_dtype(part["default"]) if part["default"] else None
    return _Input(
        part["name"], fixed, "" if fixed else part["type"], default, part["count"] or "",
        part["list"] is not None, part["ref"] is not None,
    )  # fmt: skip


class Signature:
    """The inputs of an op type; calling it makes an operation.

    Parameters
    ----------
    op_type : the name of the `OpDef`.
    *inputs : one declaration per input, as in the docstring of the module.
    **types : for a type variable, the types that it may stand for.
    """

    def __init__(self, op_type: str, *inputs: str, **types: Sequence[DType]) -> None:
        self.op_type = op_type
        self._inputs = [_parse(text) for text in inputs]
        self._types = types
        _signatures.setdefault(op_type, []).append(self)

    def __call__(self, *values: Any, name: str | None = None, **attrs: Any) -> Operation:
        """Make the operation.

        Parameters
        ----------
        *values : one per input; a list for an input that is a list.
        name : the operation's name; the op type when None.
        **attrs : its attributes. A type variable given here is fixed from the start.

        Raises
        ------
        TypeError : a value cannot be had in the type that its input needs.
        ValueError : the inputs' shapes do not fit; they are of several graphs.
        """
        if len(values) != len(self._inputs):
            raise TypeError(f"{self.op_type} takes {len(self._inputs)} inputs, got {len(values)}")
        graph = graph_from_inputs(_flatten(values))
        if graph is get_default_graph():
            return self._make(graph, values, name, attrs)
        with graph.as_default():
            return self._make(graph, values, name, attrs)

    def _make(
        self, graph: Graph, values: Sequence[Any], name: str | None, attrs: dict[str, Any]
    ) -> Operation:
        with graph.name_scope(self.op_type if name is None else name) as scope:
            call = _Call(self, attrs)
            for declared, value in zip(self._inputs, values, strict=True):
                call.add(declared, value)
            if not call.references:
                return graph.create_op(self.op_type, call.tensors, call.attrs, scope or name)
            with contextlib.ExitStack() as stack:
                for reference in call.references:
                    stack.enter_context(graph.colocate_with(reference))
                return graph.create_op(self.op_type, call.tensors, call.attrs, scope or name)


def _flatten(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flatten(value)
        else:
            yield value


class _Call:
    """The state of one call: the tensors so far, and what the type variables stand for."""

    def __init__(self, signature: Signature, attrs: dict[str, Any]) -> None:
        self.op_type = signature.op_type
        self.types = signature._types
        self.attrs = attrs
        self.tensors: list[Tensor] = []
        self.references: list[Tensor] = []  # an op that writes a variable is placed where that is
        self.inferred_from: dict[str, str] = {}

    def add(self, declared: _Input, value: Any) -> None:
        if declared.any_types:
            self._add_any(declared, value)
        elif declared.count:
            self._add_list(declared, value)
        else:
            self._add_one(declared, value)

    def _wanted(self, declared: _Input) -> DType | None:
        return declared.fixed or self.attrs.get(declared.variable)

    def _add_one(self, declared: _Input, value: Any) -> None:
        wanted = self._wanted(declared)
        preferred = declared.default if wanted is None else None
        try:
            tensor = convert(value, wanted, declared.name, preferred, as_ref=declared.ref)
        except TypeError as error:
            if wanted is None:
                raise
            raise TypeError(
                f"Expected {wanted.name} passed to parameter '{declared.name}' of op "
                f"'{self.op_type}', got {value!r} of type '{type(value).__name__}' instead. "
                f"Error: {error}"
            ) from None
        except ValueError:
            if wanted is None and preferred is None:
                raise
            raise self._mismatch(declared, value, wanted or preferred) from None
        if declared.ref and not tensor.dtype._is_ref_dtype:
            raise TypeError(
                f"'{self.op_type}' Op requires that input '{declared.name}' be a mutable tensor "
                "(e.g.: a tf.Variable)"
            )
        if declared.ref:
            self.references.append(tensor)
        self._bind(declared, tensor.dtype.base_dtype)
        self.tensors.append(tensor)

    def _mismatch(self, declared: _Input, value: Any, wanted: Any) -> Exception:
        """Return the error for a value that is a tensor of another type, or none at all."""
        try:
            observed = convert(value, as_ref=declared.ref).dtype.name
        except ValueError as error:
            return ValueError(
                f"Tried to convert '{declared.name}' to a tensor and failed. Error: {error}"
            )
        text = f"Input '{declared.name}' of '{self.op_type}' Op has type {observed} that does not"
        if declared.fixed is not None:
            return TypeError(f"{text} match expected type of {wanted.name}.")
        origin = self.inferred_from.get(declared.variable, "Default in OpDef")
        return TypeError(f"{text} match type {wanted.name} of argument '{origin}'.")

    def _bind(self, declared: _Input, dtype: DType) -> None:
        """Let the type variable of `declared` stand for `dtype`; it is not bound otherwise yet."""
        variable = declared.variable
        if not variable or variable in self.attrs:
            return
        allowed = self.types.get(variable)
        if allowed is not None and dtype not in allowed:
            names = ", ".join(t.name for t in allowed)
            raise TypeError(
                f"Value passed to parameter '{declared.name}' has DataType {dtype.name} not in "
                f"list of allowed values: {names}"
            )
        self.attrs[variable] = dtype
        self.inferred_from[variable] = declared.name

    def _add_list(self, declared: _Input, values: Any) -> None:
        self._check_list(declared, values)
        wanted = self._wanted(declared)
        if wanted is None:
            wanted = next((v.dtype.base_dtype for v in values if isinstance(v, Tensor)), None)
        preferred = declared.default if wanted is None else None
        try:
            tensors = self._convert_all(declared, values, wanted, preferred)
            if len({tensor.dtype.base_dtype for tensor in tensors}) > 1:
                raise TypeError("the types differ")
        except (TypeError, ValueError):
            raise self._list_mismatch(declared, values, wanted) from None
        if declared.count in self.inferred_from and len(tensors) != self.attrs[declared.count]:
            raise ValueError(
                f"List argument '{declared.name}' to '{self.op_type}' Op with length "
                f"{len(tensors)} must match length {self.attrs[declared.count]} of argument "
                f"'{self.inferred_from[declared.count]}'."
            )
        self.attrs[declared.count] = len(tensors)
        self.inferred_from.setdefault(declared.count, declared.name)
        if tensors:
            self._bind(declared, tensors[0].dtype.base_dtype)
        elif declared.variable and declared.variable not in self.attrs:
            raise TypeError(
                "Don't know how to infer type variable from empty input list passed to input "
                f"'{declared.name}' of '{self.op_type}' Op."
            )
        self.tensors += tensors

    def _convert_all(
        self, declared: _Input, values: Any, wanted: DType | None, preferred: DType | None
    ) -> list[Tensor]:
        return [
            convert(value, wanted, f"{declared.name}_{i}", preferred, as_ref=declared.ref)
            for i, value in enumerate(values)
        ]

    def _check_list(self, declared: _Input, values: Any) -> None:
        if not isinstance(values, (list, tuple)):
            raise TypeError(
                f"Expected list for '{declared.name}' argument to '{self.op_type}' Op, "
                f"not {values}."
            )

    def _list_mismatch(self, declared: _Input, values: Any, wanted: DType | None) -> TypeError:
        observed = []
        for value in values:
            try:
                observed.append(convert(value).dtype.base_dtype.name)
            except (TypeError, ValueError):
                observed.append("<NOT CONVERTIBLE TO TENSOR>")
        text = (
            f"Tensors in list passed to '{declared.name}' of '{self.op_type}' Op have types "
            f"[{', '.join(observed)}] that"
        )
        if declared.fixed is not None:
            return TypeError(f"{text} do not match expected type {declared.fixed.name}.")
        if declared.variable in self.attrs and wanted is not None:
            return TypeError(
                f"{text} do not match type {wanted.name} inferred from earlier arguments."
            )
        return TypeError(f"{text} don't all match.")

    def _add_any(self, declared: _Input, values: Any) -> None:
        self._check_list(declared, values)
        tensors = self._convert_all(declared, values, None, None)
        self.attrs[declared.variable] = [tensor.dtype.base_dtype for tensor in tensors]
        self.tensors += tensors
