"""ParseSingleSequenceExample and ParseSequenceExample: `SequenceExample` messages into tensors.

A message has a *context*, which is like an `Example`'s features, and *feature lists*, which have a
feature for each step. Messages are read in Python, in the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import errors
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dtypes import DType, int64, string
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.parsing import (
    Dense,
    Row,
    Sparse,
    default_tensor,
    empty,
    fixed_rows,
    list_values,
    plain_name,
    shaped,
    sparse_rows,
    text_of,
)

__all__ = ["SequenceFeatures", "parse_sequence_messages"]

Array = np.ndarray[Any, Any]
_SINGLE, _MANY = "ParseSingleSequenceExample", "ParseSequenceExample"


class SequenceFeatures(NamedTuple):
    """What to read of a message.

    Attributes
    ----------
    lists_sparse, lists_dense : features of each step; a dense one's shape is a step's.
    may_miss : keys of dense lists that a message may lack; they are without steps then.
    """

    context_sparse: Sequence[Sparse]
    context_dense: Sequence[Dense]
    lists_sparse: Sequence[Sparse]
    lists_dense: Sequence[Dense]
    may_miss: Sequence[str]


def parse_sequence_messages(
    serialized: Tensor, features: SequenceFeatures, names: Any, many: bool
) -> list[Tensor]:
    """The operation's outputs, in the order of the features; each sparse kind's indices first.

    With `many`, the last outputs are the numbers of steps of the dense lists.
    """
    defaults = [default_tensor(feature) for feature in features.context_dense]
    groups: Sequence[Sequence[Any]] = features[:4]
    attrs: dict[str, Any] = {
        "context_sparse_types": [f.dtype for f in groups[0]],
        "Tcontext_dense": [f.dtype for f in groups[1]],
        "feature_list_sparse_types": [f.dtype for f in groups[2]],
        "feature_list_dense_types": [f.dtype for f in groups[3]],
        "context_dense_shapes": [f.shape for f in groups[1]],
        "feature_list_dense_shapes": [f.shape for f in groups[3]],
    }
    for key, group in zip(_GROUPS, groups, strict=True):
        attrs[f"N{key}"] = len(group)
    told = [] if names is None else names
    missing = [key.encode() for key in features.may_miss]
    with name_scope(_MANY if many else _SINGLE) as scope:
        name = convert_to_tensor(told if many or names is not None else "", dtype=string,
                                 name="debug_name")  # fmt: skip
        if many:
            attrs["feature_list_dense_missing_assumed_empty"] = missing
            for key, group in zip(_GROUPS, groups, strict=True):
                attrs[f"{key}_keys"] = [f.key.encode() for f in group]
            inputs = [serialized, name, *defaults]
        else:
            keys = [convert_to_tensor(f.key, dtype=string) for group in groups for f in group]
            optional = convert_to_tensor(np.array(missing, object), dtype=string)
            inputs = [serialized, optional, *keys, *defaults, name]
        op = get_default_graph().create_op(_MANY if many else _SINGLE, inputs, attrs, scope)
    return list(op.outputs)


_GROUPS = ("context_sparse", "context_dense", "feature_list_sparse", "feature_list_dense")


def _infer(op: Operation) -> list[tuple[DType, TensorShape]]:
    many = op.type == _MANY
    batch = op.inputs[0].shape if many else TensorShape([])
    lead = 1 if many else 0
    found: list[tuple[DType, TensorShape]] = []
    for key, dense, rank in (("context", "Tcontext_dense", 1 + lead),
                             ("feature_list", "feature_list_dense_types", 2 + lead)):  # fmt: skip
        types = op.attrs[f"{key}_sparse_types"]
        found += [(int64, TensorShape([None, rank]))] * len(types)
        found += [(dtype, TensorShape([None])) for dtype in types]
        found += [(int64, TensorShape([rank]))] * len(types)
        steps = batch if key == "context" else batch.concatenate(TensorShape([None]))
        shapes = op.attrs[f"{key}_dense_shapes"]
        pairs = zip(op.attrs[dense], shapes, strict=True)
        found += [(dtype, steps.concatenate(TensorShape(shape))) for dtype, shape in pairs]
    if many:
        found += [(int64, batch)] * len(op.attrs["feature_list_dense_types"])
    return found


# ---- in the run


def _lower(b: Any, op: Operation, *inputs: Any) -> Any:
    attrs, many = op.attrs, op.type == _MANY
    counts = [attrs[f"N{key}"] for key in _GROUPS]
    if many:
        keys = [text_of(k) for group in _GROUPS for k in attrs[f"{group}_keys"]]
        optional = [text_of(k) for k in attrs["feature_list_dense_missing_assumed_empty"]]
    else:
        told = inputs[2 : 2 + sum(counts)]
        keys = [text_of(b.static(node).reshape(()).item()) for node in told]
        optional = [text_of(k) for k in b.static(inputs[1]).ravel()]
    types = [(dtype, None) for dtype, _ in _infer(op)]

    def run(data: Array, *others: Array) -> list[Array]:
        start = 1 if many else 1 + sum(counts)
        defaults = others[start : start + counts[1]]
        names = others[0] if many else others[-1]
        features = _features_of(op, keys, counts, defaults, optional)
        return parsed_sequences(data, features, names.ravel().tolist(), many)

    return b.call_python(run, list(inputs), types, stateful=False)


def _features_of(
    op: Operation, keys: Sequence[str], counts: Sequence[int], defaults: Sequence[Array],
    optional: Sequence[str],
) -> SequenceFeatures:  # fmt: skip
    """The description of the features that an operation's attributes and inputs give."""
    ends = np.cumsum([0, *counts]).tolist()
    groups = [keys[a:b] for a, b in itertools.pairwise(ends)]
    attrs = op.attrs
    sparse = [
        [Sparse(k, t) for k, t in zip(group, attrs[f"{name}_sparse_types"], strict=True)]
        for name, group in (("context", groups[0]), ("feature_list", groups[2]))
    ]
    dense = [
        [Dense(k, t, TensorShape(s), d) for k, t, s, d in zip(group, types, shapes, values,
                                                              strict=True)]
        for group, types, shapes, values in (
            (groups[1], attrs["Tcontext_dense"], attrs["context_dense_shapes"], defaults),
            (groups[3], attrs["feature_list_dense_types"], attrs["feature_list_dense_shapes"],
             [None] * counts[3]),
        )
    ]  # fmt: skip
    return SequenceFeatures(sparse[0], dense[0], sparse[1], dense[1], optional)


def parsed_sequences(
    data: Array, features: SequenceFeatures, names: Sequence[bytes], many: bool
) -> list[Array]:
    """The features of serialised messages, in the order of the operation's outputs.

    Raises
    ------
    InvalidArgumentError : a message cannot be read, lacks a feature or has it otherwise.
    """
    flat = np.asarray(data, object).ravel().tolist()
    told = [text_of(name) for name in names] if len(names) == len(flat) else []
    messages = [_message(text, k) for k, text in enumerate(flat)]
    labels = [name or "<unknown>" for name in told] or ["<unknown>"] * len(flat)
    rows = [Row(labels[k], k, m.context.feature) for k, m in enumerate(messages)]
    lists = [Row(labels[k], k, m.feature_lists.feature_list) for k, m in enumerate(messages)]
    found = _columns([sparse_rows(f, rows) for f in features.context_sparse], many)
    for feature in features.context_dense:
        block = fixed_rows(feature, rows)
        found.append(block if many else block[0, ...])
    found += _columns([_sparse_lists(f, lists) for f in features.lists_sparse], many)
    dense = [_dense_lists(f, lists, f.key in features.may_miss) for f in features.lists_dense]
    found += [block if many else block[0, ...] for block, _ in dense]
    return found + ([lengths for _, lengths in dense] if many else [])


def _columns(triples: Sequence[Sequence[Array]], many: bool) -> list[Array]:
    """All indices, all values, all shapes; of one message, without the number of it."""
    found = [indices if many else indices[:, 1:] for indices, _, _ in triples]
    found += [values for _, values, _ in triples]
    return found + [shape if many else shape[1:] for _, _, shape in triples]


def _message(data: bytes, place: int) -> Any:
    from google.protobuf.message import DecodeError

    from graphflow.protos import message

    found = message("SequenceExample")()
    try:
        found.ParseFromString(data)
    except (DecodeError, TypeError) as error:
        raise errors.InvalidArgumentError(
            None, None, f"Invalid protocol message input, example id: {place}"
        ) from error
    return found


def _steps(row: Row, key: str, dtype: DType) -> list[Any] | None:
    """The values of each step; None when the message lacks the list."""
    lists: Mapping[str, Any] = row.features
    if key not in lists:
        return None
    found = []
    for step, feature in enumerate(lists[key].feature):
        try:
            found.append(list_values(feature, dtype) or [])
        except TypeError as error:
            raise errors.InvalidArgumentError(
                None, None, f"Name: {row.name}, Feature list: {key}, Index: {step}.  {error}"
            ) from None
    return found


def _sparse_lists(feature: Sparse, rows: Sequence[Row]) -> list[Array]:
    """Indices (message, step, place), values and shape."""
    lists = [_steps(row, feature.key, feature.dtype) or [] for row in rows]
    indices = [
        [k, step, j]
        for k, steps in enumerate(lists)
        for step, values in enumerate(steps)
        for j in range(len(values))
    ]
    flat = [value for steps in lists for values in steps for value in values]
    longest = max((len(steps) for steps in lists), default=0)
    widest = max((len(values) for steps in lists for values in steps), default=0)
    return [
        np.array(indices, np.int64).reshape(-1, 3),
        shaped(flat, feature.dtype, [len(flat)]),
        np.array([len(rows), longest, widest], np.int64),
    ]


def _dense_lists(feature: Dense, rows: Sequence[Row], may_miss: bool) -> tuple[Array, Array]:
    """Steps of one shape, filled up with zeros or empty texts, and how many each message has."""
    shape = [size or 0 for size in feature.shape.as_list()]
    count = int(np.prod(shape, dtype=int))
    lists = []
    for row in rows:
        steps = _steps(row, feature.key, feature.dtype)
        if steps is None and not may_miss:
            raise errors.InvalidArgumentError(
                None, None,
                f"Name: {row.name}, Feature list '{feature.key}' is required but could not be "
                "found.  Did you mean to include it in feature_list_dense_missing_assumed_empty "
                "or feature_list_dense_defaults?",
            )  # fmt: skip
        for place, values in enumerate(steps or []):
            if len(values) != count:
                raise errors.InvalidArgumentError(
                    None, None,
                    f"Name: {row.name}, Key: {feature.key}, Index: {place}.  Number of "
                    f"{plain_name(feature.dtype)} values != expected.  values size: {len(values)} "
                    f"but output shape: {feature.shape}",
                )  # fmt: skip
        lists.append(steps or [])
    longest = max((len(steps) for steps in lists), default=0)
    found = empty([len(rows), longest, *shape], feature.dtype)
    found[...] = b"" if feature.dtype is string else 0
    for k, steps in enumerate(lists):
        flat = [value for values in steps for value in values]
        found[k, : len(steps)] = shaped(flat, feature.dtype, [len(steps), *shape])
    return found, np.array([len(steps) for steps in lists], np.int64)


for _type in (_SINGLE, _MANY):
    define_op(name=_type, infer=_infer, lower=_lower, no_gradient="parsing")
