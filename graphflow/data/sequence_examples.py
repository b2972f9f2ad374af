"""`SequenceExample` messages as tensors: `parse_single_sequence_example` and for many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphflow.data.examples import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    VarLenFeature,
    dense_feature,
    described,
    known_sizes,
)
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import as_dtype, string
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.ops.parsing import Dense, Sparse
from graphflow.ops.parsing_sequences import SequenceFeatures, parse_sequence_messages

Parsed = dict[str, Any]


def parse_single_sequence_example(
    serialized: Any, context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None, example_name: Any = None,
    name: str | None = None,
) -> tuple[Parsed, Parsed]:  # fmt: skip
    """The context and the feature lists of one serialised `SequenceExample`.

    Parameters
    ----------
    serialized : a text.
    context_features : from names to `FixedLenFeature` or `VarLenFeature`.
    sequence_features : from names to `FixedLenSequenceFeature` or `VarLenFeature`.
    example_name : what errors call the message.

    Returns
    -------
    Two dicts. A context's tensors are like those of `parse_single_example`; a feature list's have
    an axis for steps in front.

    Raises
    ------
    ValueError : no features, or something else among them.
    InvalidArgumentError : in a run, for a message that lacks a feature or has it otherwise.
    """
    with name_scope(name, "ParseSingleSequenceExample", [serialized]):
        return _parse(serialized, context_features, sequence_features, example_name, False)[:2]


def parse_sequence_example(
    serialized: Any, context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None, example_names: Any = None,
    name: str | None = None,
) -> tuple[Parsed, Parsed, Parsed]:  # fmt: skip
    """The contexts, the feature lists and their lengths of serialised `SequenceExample`s [n].

    As `parse_single_sequence_example`, with an axis for messages in front of all; dense lists are
    filled up with zeros, or empty texts, to the longest. The third dict has the numbers of steps of
    the dense lists, int64 [n].
    """
    with name_scope(name, "ParseSequenceExample", [serialized]):
        return _parse(serialized, context_features, sequence_features, example_names, True)


def _parse(
    serialized: Any, context: Mapping[str, Any] | None, lists: Mapping[str, Any] | None,
    names: Any, many: bool,
) -> tuple[Parsed, Parsed, Parsed]:  # fmt: skip
    if not (context or lists):
        raise ValueError("Missing features.")
    context, lists = context or {}, lists or {}
    for key, feature in context.items():
        if not isinstance(feature, (FixedLenFeature, VarLenFeature)):
            raise ValueError(f"Unsupported {type(feature).__name__} {feature} for {key}.")
    texts = convert_to_tensor(serialized, dtype=string, name="serialized")
    sparse, dense, may_miss = _described_lists(lists)
    features = SequenceFeatures(*described(context), sparse, dense, may_miss)
    outputs = iter(parse_sequence_messages(texts, features, names, many))

    def taken(wanted: Any) -> Parsed:
        parts = [[next(outputs) for _ in wanted] for _ in range(3)]
        triples = zip(*parts, strict=True)
        return {f.key: SparseTensor(*t) for f, t in zip(wanted, triples, strict=True)}

    found = []
    for group, rest in ((features[0], features[1]), (features[2], features[3])):
        tensors = taken(group)
        tensors.update((feature.key, next(outputs)) for feature in rest)
        found.append(tensors)
    lengths = {feature.key: next(outputs) for feature in features.lists_dense} if many else {}
    return found[0], found[1], lengths


def _described_lists(lists: Mapping[str, Any]) -> tuple[list[Sparse], list[Dense], list[str]]:
    """The features of steps, and the keys of dense ones that may be missing."""
    sparse, dense, may_miss = [], [], []
    for key in sorted(lists):
        feature = lists[key]
        if isinstance(feature, VarLenFeature):
            sparse.append(Sparse(key, as_dtype(feature.dtype)))
        elif isinstance(feature, FixedLenSequenceFeature):
            if feature.default_value is not None:
                raise ValueError(f"Value of default of a feature list must be None: {key}")
            dense.append(dense_feature(key, feature.dtype, known_sizes(key, feature.shape), None))
            if feature.allow_missing:
                may_miss.append(key)
        else:
            raise ValueError(f"Unsupported {type(feature).__name__} {feature} for {key}.")
    return sparse, dense, may_miss
