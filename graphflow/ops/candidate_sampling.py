"""Samplers of classes, for losses that look at some classes only.

Seeded samplers draw the classes that TensorFlow 1.15 draws (`graphflow.ir.philox_candidates`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphflow import errors
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.opdef import define_op
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.tensor import Tensor
from graphflow.ir import philox_candidates as draws
from graphflow.ir.philox import initial_state
from graphflow.ops.host import Computed, define_host_op
from graphflow.ops.random import seed_attrs
from graphflow.ops.shape_rules import Types, with_rank

__all__ = [
    "all_candidate_sampler", "compute_accidental_hits", "fixed_unigram_candidate_sampler",
    "learned_unigram_candidate_sampler", "log_uniform_candidate_sampler",
    "uniform_candidate_sampler",
]  # fmt: skip

_WORDS_PER_CLASS = 2048  # of the stream, that a run keeps for each class it draws
_HIT = -float(np.finfo(np.float32).max)


class Candidates(NamedTuple):
    """What a sampler gives: int64 classes, and float32 counts that are expected of classes."""

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def _infer(op: Operation) -> Types:
    rows, _ = with_rank(op.inputs[0].shape, 2)
    wanted, count = op.attrs["num_true"], op.attrs["num_sampled"]
    return [
        (dtypes.int64, shape_from_tuple((count,))),
        (dtypes.float32, shape_from_tuple((rows, wanted))),
        (dtypes.float32, shape_from_tuple((count,))),
    ]


def _check_classes(classes: Any, limit: int) -> None:
    if np.any((classes < 0) | (classes >= limit)):
        raise ValueError(f"expected true classes in [0, {limit}), got {classes.tolist()}")


def _sample(
    true: Any, state: Any, draw: Any, probability: Any, limit: int, count: int, unique: bool
) -> Any:
    if unique and count > limit:
        raise ValueError("Sampler's range is too small.")
    sampled, tries = draws.sample_batch(state, draw, count, unique)
    found = [draws.expected_counts(probability(c), count, tries) for c in (true, sampled)]
    return sampled, found[0].reshape(true.shape), found[1]


def _uniform(true: Any, state: Any, num_sampled: int, unique: bool, range_max: int) -> Any:
    def probability(classes: Any) -> Any:
        return np.full(classes.shape, np.float32(1) / np.float32(range_max))

    draw = draws.uniform_draw(range_max)
    return _sample(true, state, draw, probability, range_max, num_sampled, unique)


def _log_uniform(true: Any, state: Any, num_sampled: int, unique: bool, range_max: int) -> Any:
    def probability(classes: Any) -> Any:
        return np.log((classes + 2.0) / (classes + 1.0)) / np.log1p(range_max)

    draw = draws.log_uniform_draw(range_max)
    return _sample(true, state, draw, probability, range_max, num_sampled, unique)


def _fixed(
    true: Any, state: Any, num_sampled: int, unique: bool, weights: tuple[float, ...]
) -> Any:
    values = np.asarray(weights, np.float32)
    _check_classes(true, values.size)
    total = np.float32(np.sum(values, dtype=np.float64))

    def probability(classes: Any) -> Any:
        return values[classes] / total

    draw = draws.alias_draw(weights)
    return _sample(true, state, draw, probability, values.size, num_sampled, unique)


class _Learned:
    """The counts of classes that a sampler has been shown: each begins with one."""

    def __init__(self, limit: int) -> None:
        self.counts = np.ones(limit, np.int64)

    def __call__(self, true: Any, state: Any, num_sampled: int, unique: bool) -> Any:
        counts = self.counts
        _check_classes(true, counts.size)
        total = np.float32(counts.sum())

        def probability(classes: Any) -> Any:
            return counts[classes].astype(np.float32) / total

        draw = draws.counts_draw(counts)
        found = _sample(true, state, draw, probability, counts.size, num_sampled, unique)
        np.add.at(counts, true.reshape(-1), 1)
        return found


def _every(true: Any, num_sampled: int) -> Any:
    ones = np.ones(true.shape, np.float32)
    return np.arange(num_sampled), ones, np.ones(num_sampled, np.float32)


def _options(op: Operation) -> tuple[Any, dict[str, Any]]:
    """The function of a sampler and what it takes beside the classes and the state."""
    options = {key: op.attrs[key] for key in ("num_sampled", "unique")}
    if op.type == "FixedUnigramCandidateSampler":
        return _fixed, {**options, "weights": _weights(op)}
    if op.type == "LearnedUnigramCandidateSampler":
        return op.attrs["learned"], options
    function = _uniform if op.type == "UniformCandidateSampler" else _log_uniform
    return function, {**options, "range_max": op.attrs["range_max"]}


def _lower(b: Any, op: Operation, true: Any) -> Any:
    wanted = op.attrs["num_true"]
    if true.shape[1] != wanted:
        raise ValueError(
            f"input_true_classes must have num_true columns, expected: "
            f"{true.shape[1]} was: {wanted}"
        )
    seeds = op.attrs["seed"], op.attrs["seed2"]
    if seeds == (0, 0):
        seeds = secrets.randbits(64), secrets.randbits(64)
    state = b.random_state(op, *initial_state(*seeds))
    count = op.attrs["num_sampled"]
    b.advance_random(op, _WORDS_PER_CLASS // 4 * count)
    function, options = _options(op)
    call = Computed(function, tuple(sorted(options.items())), op)
    types = [
        (dtypes.int64, (count,)), (dtypes.float32, true.shape), (dtypes.float32, (count,)),
    ]  # fmt: skip
    learns = op.type == "LearnedUnigramCandidateSampler"
    return b.call_python(call, (true, state), types, stateful=learns)


_SAMPLERS = {
    kind: Signature(f"{kind}CandidateSampler", "true_classes: int64")
    for kind in ("Uniform", "LogUniform", "LearnedUnigram", "FixedUnigram", "All")
}
for _kind in ("Uniform", "LogUniform", "LearnedUnigram", "FixedUnigram"):
    define_op(
        f"{_kind}CandidateSampler", _infer, _lower, stateful=True,
        no_gradient="random numbers depend on no input",
    )  # fmt: skip
define_host_op(
    "AllCandidateSampler", _infer, _every,
    lambda op, true: [(op.attrs["num_sampled"],), true.shape, (op.attrs["num_sampled"],)],
    ("num_sampled",), no_gradient="integer input",
)  # fmt: skip


def _made(
    kind: str, true_classes: Any, num_true: int, num_sampled: int, unique: bool, seed: int | None,
    name: str | None, **more: Any,
) -> Candidates:  # fmt: skip
    if num_true < 1 or num_sampled < 1:
        raise ValueError(
            f"expected num_true and num_sampled of at least 1, got {num_true} and {num_sampled}"
        )
    attrs = {"num_true": num_true, "num_sampled": num_sampled, "unique": unique}
    op = _SAMPLERS[kind](true_classes, name=name, **attrs, **more, **seed_attrs(seed))
    return Candidates(*op.outputs)


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Candidates:  # fmt: skip
    """Sample classes in ``[0, range_max)``, all equally likely.

    Parameters
    ----------
    true_classes : int64 of shape (batch, num_true), the classes whose counts are wanted too.
    num_sampled : how many classes are drawn for the whole batch.
    unique : whether they all differ.
    """
    return _made(
        "Uniform", true_classes, num_true, num_sampled, unique, seed, name, range_max=range_max
    )


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Candidates:  # fmt: skip
    """Sample classes by Zipf's law: for classes in the order of their frequency.

    The parameters are those of `uniform_candidate_sampler`.
    """
    return _made(
        "LogUniform", true_classes, num_true, num_sampled, unique, seed, name, range_max=range_max
    )


def learned_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    seed: int | None = None, name: str | None = None,
) -> Candidates:  # fmt: skip
    """Sample classes as often as they were among the true classes so far, in all sessions.

    The parameters are those of `uniform_candidate_sampler`.
    """
    return _made(
        "LearnedUnigram", true_classes, num_true, num_sampled, unique, seed, name,
        range_max=range_max, learned=_Learned(range_max),
    )  # fmt: skip


def fixed_unigram_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int,
    vocab_file: str = "", distortion: float = 1.0, num_reserved_ids: int = 0, num_shards: int = 1,
    shard: int = 0, unigrams: Sequence[float] = (), seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Sample classes by weights, given in a list or in the last column of a file.

    Parameters
    ----------
    true_classes, num_true, num_sampled, unique, range_max : as `uniform_candidate_sampler`'s.
    vocab_file : a text file of a line ``..., count`` for each class.
    distortion : the power to which weights are raised.
    num_reserved_ids : how many classes come before the first of the weights; never drawn.
    num_shards, shard : every `num_shards`-th class, beginning with number `shard`, is kept.
    unigrams : the weights.
    """
    return _made(
        "FixedUnigram", true_classes, num_true, num_sampled, unique, seed, name,
        range_max=range_max, vocab_file=vocab_file, distortion=distortion, shard=shard,
        num_reserved_ids=num_reserved_ids, num_shards=num_shards, unigrams=list(unigrams),
    )  # fmt: skip


def _weights(op: Operation) -> tuple[float, ...]:
    """The weights of a fixed sampler's classes.

    Raises
    ------
    errors.NotFoundError : there is no such file.
    ValueError : there are not as many weights as classes.
    """
    attrs = op.attrs
    values = list(attrs["unigrams"])
    if attrs["vocab_file"]:
        try:
            with open(attrs["vocab_file"], encoding="utf-8") as file:
                values = [float(line.rsplit(",", 1)[-1]) for line in file if line.strip()]
        except FileNotFoundError:
            text = f"{attrs['vocab_file']}; No such file or directory"
            raise errors.NotFoundError(op.node_def, op, text) from None
    weights = [0.0] * attrs["num_reserved_ids"] + [v ** attrs["distortion"] for v in values]
    kept = weights[attrs["shard"] :: attrs["num_shards"]]
    if len(kept) != attrs["range_max"]:
        raise ValueError(f"range_max is {attrs['range_max']} but {len(kept)} classes have weights")
    return tuple(kept)


def all_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, seed: int | None = None,
    name: str | None = None,
) -> Candidates:  # fmt: skip
    """Give all classes in ``[0, num_sampled)``: for comparisons with what samplers give."""
    return _made("All", true_classes, num_true, num_sampled, unique, seed, name)


# ---- accidental hits


def _hits(true: Any, sampled: Any) -> Any:
    places = {int(value): k for k, value in enumerate(sampled)}
    rows = [
        (row, places[int(value)])
        for row, values in enumerate(true) for value in values if int(value) in places
    ]  # fmt: skip
    found = np.array(rows, np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1], np.full(len(rows), _HIT, np.float32)


def _infer_hits(op: Operation) -> Types:
    with_rank(op.inputs[0].shape, 2)
    return [(d, shape_from_tuple((None,))) for d in (dtypes.int32, dtypes.int64, dtypes.float32)]


define_host_op("ComputeAccidentalHits", _infer_hits, _hits, no_gradient="integer input")
_HITS = Signature("ComputeAccidentalHits", "true_classes: int64", "sampled_candidates: int64")


def compute_accidental_hits(
    true_classes: Any, sampled_candidates: Any, num_true: int, seed: int | None = None,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Find the sampled classes that are true classes of an example.

    Returns
    -------
    indices : the examples, int32.
    ids : the places among the sampled classes, int64.
    weights : the most negative float32 numbers, to be added to logits.
    """
    attrs = {"num_true": num_true, **seed_attrs(seed)}
    indices, ids, weights = _HITS(true_classes, sampled_candidates, name=name, **attrs).outputs
    return indices, ids, weights
