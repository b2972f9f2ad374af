"""Connectionist temporal classification: labels for sequences of which only the order is known.

The last class is the blank, which stands between labels. NumPy computes, in the run; the loss over
all sequences of the batch at once, in logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import shape_from_tuple
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.host import define_host_op
from graphflow.ops.shape import expand_dims
from graphflow.ops.shape_rules import Types, merge_size, with_rank
from graphflow.ops.transposing import transpose

__all__ = ["ctc_beam_search_decoder", "ctc_greedy_decoder", "ctc_loss"]

Array = np.ndarray[Any, Any]
_NEVER = -np.inf

# ---- the loss


def _log_softmax(x: Array) -> Array:
    shifted = x.astype(np.float64) - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _label_rows(indices: Array, values: Array, batch: int, collapse: bool) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(batch)]
    for (row, _), value in zip(indices, values, strict=True):
        labels = rows[int(row)]
        if not (collapse and labels and labels[-1] == value):
            labels.append(int(value))
    return rows


def _check_rows(rows: Sequence[list[int]], lengths: Array, classes: int, ignore: bool) -> Array:
    """Which sequences are long enough for their labels; ValueError where they must be.

    Labels that repeat need a blank between them and so one step more: without it their
    probability is zero, which is no error.
    """
    fits = np.ones(len(rows), bool)
    for k, labels in enumerate(rows):
        if any(not 0 <= label < classes - 1 for label in labels):
            raise ValueError(
                "Saw a non-null label (index >= num_classes - 1) following a null label, batch: "
                f"{k} num_classes: {classes} labels: {','.join(map(str, labels))}"
            )
        fits[k] = lengths[k] >= len(labels)
        if not fits[k] and not ignore:
            raise ValueError(
                f"Not enough time for target transition sequence (required: {len(labels)}, "
                f"available: {lengths[k]}){k}You can turn this error into a warning by using the "
                "flag ignore_longer_outputs_than_inputs"
            )
    return fits


def _states(rows: Sequence[list[int]], blank: int) -> tuple[Array, Array]:
    """Labels with blanks around them, (batch, states), and how many states each sequence has."""
    counts = np.array([2 * len(labels) + 1 for labels in rows])
    found = np.full((len(rows), counts.max(initial=1)), blank)
    for k, labels in enumerate(rows):
        found[k, 1 : counts[k] : 2] = labels
    return found, counts


def _shifted(values: Array, steps: int) -> Array:
    """Values moved along the states, with impossible ones coming in."""
    moved = np.full_like(values, _NEVER)
    if steps > 0:
        moved[:, steps:] = values[:, : values.shape[1] - steps]
    else:
        moved[:, :steps] = values[:, -steps:]
    return moved


def _forward(scores: Array, stays: Array, skips: Array, lengths: Array) -> Array:
    """Logarithms of the probabilities of all beginnings, (time, batch, states)."""
    alpha = np.full(scores.shape, _NEVER)
    alpha[0, :, :2] = scores[0, :, :2]
    for t in range(1, len(scores)):
        before = alpha[t - 1]
        total = np.where(stays, before, _NEVER)
        total = np.logaddexp(total, _shifted(before, 1))
        total = np.logaddexp(total, np.where(skips, _shifted(before, 2), _NEVER))
        alpha[t] = total + scores[t]
    return alpha


def _backward(scores: Array, stays: Array, skips: Array, lengths: Array, counts: Array) -> Array:
    """Logarithms of the probabilities of all ends after each state, (time, batch, states)."""
    steps, states = len(scores), scores.shape[2]
    beta = np.full(scores.shape, _NEVER)
    places = np.arange(states)
    ends = (places >= counts[:, None] - 2) & (places < counts[:, None])
    for t in range(steps - 1, -1, -1):
        if t < steps - 1:
            after = beta[t + 1] + scores[t + 1]
            total = np.where(stays, after, _NEVER)
            total = np.logaddexp(total, _shifted(after, -1))
            allowed = np.where(skips, after, _NEVER)
            beta[t] = np.logaddexp(total, _shifted(allowed, -2))
        beta[t] = np.where((lengths == t + 1)[:, None], np.where(ends, 0.0, _NEVER), beta[t])
    return beta


def _loss(
    inputs: Array, indices: Array, values: Array, lengths: Array,
    preprocess_collapse_repeated: bool, ctc_merge_repeated: bool,
    ignore_longer_outputs_than_inputs: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """Losses of the sequences, and their gradients by the inputs."""
    steps, batch, classes = inputs.shape
    if lengths.size != batch or (batch and lengths.max() > steps):
        raise ValueError(f"sequence_length(b) <= {steps}")
    rows = _label_rows(indices, values, batch, preprocess_collapse_repeated)
    fits = _check_rows(rows, lengths, classes, ignore_longer_outputs_than_inputs)
    losses, gradient = np.zeros(batch), np.zeros(inputs.shape)
    if not batch or not steps:
        return losses, gradient
    labels, counts = _states(rows, classes - 1)
    logs = _log_softmax(inputs)
    scores = np.take_along_axis(logs, np.broadcast_to(labels, (steps, *labels.shape)), axis=2)
    is_blank = labels == classes - 1
    skips = ~is_blank
    skips[:, :2] = False
    if ctc_merge_repeated:
        skips[:, 2:] &= labels[:, 2:] != labels[:, :-2]
    stays = is_blank | ctc_merge_repeated
    alpha = _forward(scores, stays, skips, lengths)
    beta = _backward(scores, stays, skips, lengths, counts)
    joint = alpha + beta
    whole = np.logaddexp.reduce(joint[0], axis=1)
    active = fits & (lengths > 0)
    losses[active] = -whole[active]
    posterior = np.zeros(inputs.shape)
    share = np.exp(joint - np.where(np.isfinite(whole), whole, 0.0)[:, None])
    times, members = np.ogrid[:steps, :batch]
    np.add.at(posterior, (times[..., None], members[..., None], labels[None]), share)
    present = (np.arange(steps)[:, None] < lengths) & active
    gradient[present] = (np.exp(logs) - posterior)[present]
    return losses, gradient


def _infer_loss(op: Operation) -> Types:
    inputs, indices, values, lengths = op.inputs
    steps, batch, classes = with_rank(inputs.shape, 3)
    rows, _ = with_rank(indices.shape, 2)
    merge_size(rows, with_rank(values.shape, 1)[0])
    batch = merge_size(batch, with_rank(lengths.shape, 1)[0])
    shapes = [(batch,), (steps, batch, classes)]
    return [(dtypes.float32, shape_from_tuple(s)) for s in shapes]


def _loss_gradient(op: Operation, gradient: Any, _: Any) -> list[Any]:
    fixed = _PREVENT(
        op.outputs[1],
        message="Currently there is no way to take the second derivative of ctc_loss",
    ).outputs[0]
    return [expand_dims(expand_dims(gradient, -1), 0) * fixed, None, None, None]


define_host_op(
    "CTCLoss", _infer_loss, _loss,
    lambda op, inputs, indices, values, lengths: [(inputs.shape[1],), inputs.shape],
    ("preprocess_collapse_repeated", "ctc_merge_repeated", "ignore_longer_outputs_than_inputs"),
    _loss_gradient,
)  # fmt: skip
_LOSS = Signature(
    "CTCLoss", "inputs: float32", "labels_indices: int64", "labels_values: int32",
    "sequence_length: int32",
)  # fmt: skip
_PREVENT = Signature("PreventGradient", "input: T")


def ctc_loss(
    labels: Any, inputs: Any = None, sequence_length: Any = None,
    preprocess_collapse_repeated: bool = False, ctc_merge_repeated: bool = True,
    ignore_longer_outputs_than_inputs: bool = False, time_major: bool = True, logits: Any = None,
) -> Tensor:  # fmt: skip
    """Return minus the logarithm of the labels' probability, for each sequence.

    Parameters
    ----------
    labels : int32 `SparseTensor` of shape (batch, any).
    inputs : float32 logits of shape (time, batch, classes), the last class the blank; `logits` is
        another name.
    sequence_length : int32 of shape (batch,).
    preprocess_collapse_repeated : take labels that repeat for one.
    ctc_merge_repeated : whether a class at two steps in sequence is one label.
    ignore_longer_outputs_than_inputs : give zero for sequences too short for their labels, which
        is an error otherwise.
    time_major : False when the batch comes first.
    """
    if not isinstance(labels, SparseTensor):
        raise TypeError("Expected labels (first argument) to be a SparseTensor")
    inputs = logits if inputs is None else inputs
    if not time_major:
        inputs = transpose(inputs, [1, 0, 2])
    attrs: dict[str, Any] = {
        "preprocess_collapse_repeated": preprocess_collapse_repeated,
        "ctc_merge_repeated": ctc_merge_repeated,
        "ignore_longer_outputs_than_inputs": ignore_longer_outputs_than_inputs,
    }
    return _LOSS(inputs, labels.indices, labels.values, sequence_length, **attrs).outputs[0]


# ---- decoders


def _sparse_rows(rows: Sequence[Sequence[int]]) -> tuple[Array, Array, Array]:
    places = [(k, j) for k, row in enumerate(rows) for j in range(len(row))]
    values = [value for row in rows for value in row]
    longest = max((len(row) for row in rows), default=0)
    return (
        np.array(places, np.int64).reshape(-1, 2), np.array(values, np.int64),
        np.array([len(rows), longest], np.int64),
    )  # fmt: skip


def _check_lengths(inputs: Array, lengths: Array) -> None:
    for k, length in enumerate(lengths):
        if length > inputs.shape[0]:
            raise ValueError(f"sequence_length({k}) <= {inputs.shape[0]}")


def _greedy(inputs: Array, lengths: Array, merge_repeated: bool) -> tuple[Array, ...]:
    _check_lengths(inputs, lengths)
    best, blank = inputs.argmax(axis=2), inputs.shape[2] - 1
    present = np.arange(inputs.shape[0])[:, None] < lengths
    rows = []
    for k, length in enumerate(lengths):
        row = best[:length, k]
        keep = row != blank
        if merge_repeated:
            keep[1:] &= row[1:] != row[:-1]
        rows.append(row[keep].tolist())
    costs = -np.where(present, inputs.max(axis=2), 0).sum(axis=0, keepdims=True).T
    return (*_sparse_rows(rows), costs)


def _by_score(scores: dict[tuple[int, ...], tuple[float, float]]) -> list[tuple[int, ...]]:
    """Prefixes, the likeliest first."""
    return sorted(scores, key=lambda prefix: -float(np.logaddexp(*scores[prefix])))


class _Beam:
    """Prefixes with the logarithms of their probabilities: ended by a blank, by their label."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.scores: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, _NEVER)}

    def step(self, logs: Array) -> None:
        """Take one step: prefixes stay, or get one more label."""
        blank, found = float(logs[-1]), {}
        for prefix, (by_blank, by_label) in self.scores.items():
            total = np.logaddexp(by_blank, by_label)
            label = by_label
            if prefix and prefix[:-1] in self.scores:
                label = np.logaddexp(label, self._from_parent(prefix[:-1], prefix[-1]))
            label = label + logs[prefix[-1]] if prefix else _NEVER
            found[prefix] = (total + blank, label)
        for prefix in self.scores:
            for k, log in enumerate(logs[:-1].tolist()):
                longer = (*prefix, k)
                if longer not in self.scores:
                    found[longer] = (_NEVER, self._from_parent(prefix, k) + log)
        self.scores = {prefix: found[prefix] for prefix in _by_score(found)[: self.width]}

    def _from_parent(self, parent: tuple[int, ...], label: int) -> float:
        """A label that repeats needs a blank before it."""
        by_blank, by_label = self.scores[parent]
        if parent and parent[-1] == label:
            return by_blank
        return float(np.logaddexp(by_blank, by_label))


def _without_repeats(row: Sequence[int]) -> list[int]:
    return [v for k, v in enumerate(row) if k == 0 or v != row[k - 1]]


def _beam_search(
    inputs: Array, lengths: Array, beam_width: int, top_paths: int, merge_repeated: bool
) -> list[Array]:
    _check_lengths(inputs, lengths)
    logs = _log_softmax(inputs)
    scores = np.zeros((len(lengths), top_paths))
    paths: list[list[Sequence[int]]] = [[] for _ in range(top_paths)]
    for k, length in enumerate(lengths):
        beam = _Beam(beam_width)
        for t in range(length):
            beam.step(logs[t, k])
        if len(beam.scores) < top_paths:
            raise ValueError(
                f"Less leaves in the beam search than requested: expected {top_paths}, got "
                f"{len(beam.scores)}"
            )
        for place, prefix in enumerate(_by_score(beam.scores)[:top_paths]):
            paths[place].append(_without_repeats(prefix) if merge_repeated else prefix)
            scores[k, place] = np.logaddexp(*beam.scores[prefix])
    parts = [_sparse_rows(rows) for rows in paths]
    return [part[j] for j in range(3) for part in parts] + [scores]


def _infer_decoded(op: Operation) -> Types:
    _, batch, _ = with_rank(op.inputs[0].shape, 3)
    batch = merge_size(batch, with_rank(op.inputs[1].shape, 1)[0])
    count = op.attrs.get("top_paths", 1)
    kinds = [(dtypes.int64, (None, 2)), (dtypes.int64, (None,)), (dtypes.int64, (2,))]
    outputs = [pair for pair in kinds for _ in range(count)]
    outputs.append((dtypes.float32, (batch, count)))
    return [(dtype, shape_from_tuple(s)) for dtype, s in outputs]


_INPUTS = ("inputs: float32", "sequence_length: int32")
define_host_op(
    "CTCGreedyDecoder", _infer_decoded, _greedy, None, ("merge_repeated",),
    no_gradient="labels are integers",
)  # fmt: skip
define_host_op(
    "CTCBeamSearchDecoder", _infer_decoded, _beam_search, None,
    ("beam_width", "top_paths", "merge_repeated"), no_gradient="labels are integers",
)  # fmt: skip
_GREEDY = Signature("CTCGreedyDecoder", *_INPUTS)
_BEAM = Signature("CTCBeamSearchDecoder", *_INPUTS)


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True
) -> tuple[list[SparseTensor], Tensor]:
    """Return the labels of the likeliest class at each step.

    Parameters
    ----------
    inputs : float32 logits of shape (time, batch, classes), the last class the blank.
    merge_repeated : whether a class at two steps in sequence is one label.

    Returns
    -------
    A list of one `SparseTensor` of shape (batch, longest), and minus the sum of the logits that
    were taken, (batch, 1).
    """
    made = _GREEDY(inputs, sequence_length, merge_repeated=merge_repeated)
    indices, values, shape, costs = made.outputs
    return [SparseTensor(indices, values, shape)], costs


def ctc_beam_search_decoder(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1,
    merge_repeated: bool = True,
) -> tuple[list[SparseTensor], Tensor]:  # fmt: skip
    """Return the likeliest labels, found by a search that keeps `beam_width` beginnings.

    Parameters
    ----------
    inputs, sequence_length : as `ctc_greedy_decoder`'s.
    top_paths : how many results for each sequence.
    merge_repeated : whether labels that repeat in a result become one.

    Returns
    -------
    A `SparseTensor` for each of the `top_paths`, and the logarithms of their probabilities,
    (batch, top_paths).
    """
    attrs: dict[str, Any] = {
        "beam_width": beam_width,
        "top_paths": top_paths,
        "merge_repeated": merge_repeated,
    }
    outputs = _BEAM(inputs, sequence_length, **attrs).outputs
    parts = [outputs[k * top_paths : (k + 1) * top_paths] for k in range(3)]
    return [SparseTensor(*part) for part in zip(*parts, strict=True)], outputs[-1]


def ctc_beam_search_decoder_v2(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Tensor]:
    """Return `ctc_beam_search_decoder` that lets labels repeat, as TensorFlow 2 does."""
    return ctc_beam_search_decoder(inputs, sequence_length, beam_width, top_paths, False)
