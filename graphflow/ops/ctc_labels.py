"""Labels of CTC as dense rows: their loss, repeats taken together, their distinct values."""

from __future__ import annotations

from typing import Any

from graphflow.graph import dtypes
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import logical_and, not_equal, where
from graphflow.ops.creation import ones_like
from graphflow.ops.ctc import ctc_loss
from graphflow.ops.functional import map_fn
from graphflow.ops.gathering import gather_nd, scatter_nd
from graphflow.ops.indexing import boolean_mask
from graphflow.ops.joining import concat, stack
from graphflow.ops.padding import pad
from graphflow.ops.reductions import reduce_max, reduce_sum
from graphflow.ops.rolling import sequence_mask
from graphflow.ops.sets import unique as distinct
from graphflow.ops.shape import shape as shape_of

__all__ = ["collapse_repeated", "ctc_loss_v2", "ctc_unique_labels"]


def ctc_loss_v2(
    labels: Any, logits: Any, label_length: Any, logit_length: Any,
    logits_time_major: bool = True, unique: Any = None, blank_index: int | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Return minus the logarithm of the labels' probability, for each sequence.

    Parameters
    ----------
    labels : integers of shape (batch, any), or an int32 `SparseTensor`.
    logits : float32 of shape (time, batch, classes), or with the batch first.
    label_length : of shape (batch,), the lengths of the labels' rows; None for sparse labels.
    logit_length : of shape (batch,), how many steps each sequence has.
    unique : the result of `ctc_unique_labels`, which is not needed here.
    blank_index : which class is the blank, negative ones from the end; 0 when None, which is an
        error for sparse labels.
    """
    if isinstance(labels, SparseTensor) and blank_index is None:
        raise ValueError("blank_index must be given when using SparseTensor labels.")
    with name_scope(name, "ctc_loss", [logits, label_length, logit_length]):
        logits = convert_to_tensor(logits, name="logits")
        if not isinstance(labels, SparseTensor):
            labels = dense_labels_to_sparse(convert_to_tensor(labels, name="labels"), label_length)
        classes = logits.shape.as_list()[-1]
        if classes is None:
            raise ValueError("ctc_loss_v2 needs logits of a known number of classes")
        blank = (blank_index or 0) % classes
        if blank != classes - 1:  # `ctc_loss` has the blank at the end
            parts = [logits[..., :blank], logits[..., blank + 1 :], logits[..., blank : blank + 1]]
            logits = concat(parts, axis=-1)
            values = where(labels.values < blank, labels.values, labels.values - 1)
            labels = SparseTensor(labels.indices, values, labels.dense_shape)
        return ctc_loss(labels, logits, logit_length, time_major=logits_time_major)


def dense_labels_to_sparse(labels: Tensor, length: Any) -> SparseTensor:
    """The labels in front of each row."""
    sizes: Any = shape_of(labels, out_type=dtypes.int64)
    longest = cast(reduce_max(length), dtypes.int64)
    places = where(sequence_mask(length, maxlen=shape_of(labels)[1]))
    values = cast(gather_nd(labels, places), dtypes.int32)
    return SparseTensor(places, values, stack([sizes[0], longest]))


def collapse_repeated(
    labels: Any, seq_length: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Return rows of labels in which equal ones in sequence are one, and their lengths.

    Parameters
    ----------
    labels : of shape (batch, any).
    seq_length : of shape (batch,), the lengths of the rows.
    """
    with name_scope(name, "collapse_repeated_labels", [labels, seq_length]):
        labels = convert_to_tensor(labels, name="labels")
        seq_length = convert_to_tensor(seq_length, name="seq_length")
        changes = not_equal(labels[:, 1:], labels[:, :-1])
        starts = concat([ones_like(labels[:, :1], dtypes.bool_), changes], axis=1)
        sizes: Any = shape_of(labels)
        kept = logical_and(starts, sequence_mask(seq_length, maxlen=sizes[1]))
        lengths = reduce_sum(cast(kept, dtypes.int32), axis=1)
        longest = reduce_max(lengths)
        places = cast(where(sequence_mask(lengths, maxlen=longest)), dtypes.int32)
        collapsed = scatter_nd(places, boolean_mask(labels, kept), [sizes[0], longest])
        return collapsed, cast(lengths, seq_length.dtype)


def ctc_unique_labels(labels: Any, name: str | None = None) -> Any:
    """Return each row's distinct labels, zeros behind them, and where each label is among them."""
    with name_scope(name, "ctc_unique_labels", [labels]):
        labels = convert_to_tensor(labels, name="labels")

        def of_row(row: Any) -> list[Any]:
            found = distinct(row)
            count: Any = shape_of(found.idx)
            missing = count[0] - shape_of(found.y)[0]
            return [cast(pad(found.y, [[0, missing]]), dtypes.int64), found.idx]

        return map_fn(of_row, labels, dtype=[dtypes.int64, dtypes.int32])
