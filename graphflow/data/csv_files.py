"""Data sets of the rows of files of comma-separated values."""

from __future__ import annotations

import csv
import glob
import io
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphflow import errors
from graphflow.data.counts import counted
from graphflow.data.dataset import Dataset
from graphflow.data.functions import TensorSpec
from graphflow.data.readers import opened
from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import DType, as_dtype, float32, float64, int32, int64, string
from graphflow.graph.tensor import Tensor
from graphflow.ops.strings import object_array

Array = np.ndarray[Any, Any]
_KINDS = (float32, float64, int32, int64, string)


class _Field:
    """How one column is read: its type, and what stands for nothing (None: an error)."""

    def __init__(self, given: Any) -> None:
        self.default: Any = None
        if isinstance(given, DType) or given in (int, float, str):
            self.dtype = as_dtype(given)
        else:
            tensor = convert_to_tensor(given)
            self.dtype = tensor.dtype.base_dtype
            known = constant_value(tensor)
            if known is None or np.size(known) > 1:
                raise ValueError(f"expected a constant of one element as default, got {given}")
            self.default = np.asarray(known).ravel()[0] if np.size(known) else None
        if self.dtype not in _KINDS:
            raise TypeError(f"expected a column of texts, integers or floats, got {self.dtype}")

    def value(self, text: str, place: int, missing: str) -> Array:
        """A row's value."""
        if text in ("", missing):
            if self.default is None:
                raise errors.InvalidArgumentError(
                    None, None, f"Field {place} is required but missing in record!"
                )
            found = self.default
        else:
            found = text.encode() if self.dtype is string else text
        if self.dtype is string:
            return object_array((), [found])
        try:
            return np.asarray(found).astype(self.dtype.numpy)
        except (ValueError, OverflowError):
            raise errors.InvalidArgumentError(
                None, None, f"Field {place} in record is not a valid {self.dtype.name}: {text}"
            ) from None


@counted(9)
def CsvDataset(
    filenames: Any, record_defaults: Sequence[Any], compression_type: Any = None,
    buffer_size: Any = None, header: bool = False, field_delim: str = ",",
    use_quote_delim: bool = True, na_value: str = "", select_cols: Sequence[int] | None = None,
) -> Dataset:  # fmt: skip
    """The rows of files, each a tuple of scalars.

    Parameters
    ----------
    filenames : texts.
    record_defaults : for each column its type, when a value is required, or what stands for none.
    header : the first line of each file is left out.
    field_delim, use_quote_delim : what is between values, and whether quotes have a meaning.
    na_value : a further text that means no value.
    select_cols : the numbers of the columns that are read, in order; all when None.
    """
    fields = [_Field(given) for given in record_defaults]
    names = convert_to_tensor(filenames, dtype=string, name="filenames")
    quoting: Any = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    if select_cols is not None and len(select_cols) != len(fields):
        raise ValueError("select_cols should match output size")

    def rows(name: str) -> Iterator[list[str]]:
        with opened(name, compression_type) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            read = csv.reader(text, delimiter=field_delim, quoting=quoting)
            yield from itertools.islice((row for row in read if row), int(header), None)

    def walk(values: Any) -> Iterator[tuple[Array, ...]]:
        for name in np.asarray(values[names], object).ravel():
            for row in rows(name.decode()):
                chosen = (
                    row if select_cols is None else [row[k] for k in select_cols if k < len(row)]
                )
                if len(chosen) != len(fields):
                    raise errors.InvalidArgumentError(
                        None, None,
                        f"Expect {len(fields)} fields but have {len(chosen)} in record",
                    )  # fmt: skip
                pairs = enumerate(zip(fields, chosen, strict=True))
                yield tuple(field.value(text, k, na_value) for k, (field, text) in pairs)

    return Dataset(tuple(TensorSpec(f.dtype, []) for f in fields), [names], walk)


def _guessed(texts: Sequence[str], missing: str) -> Any:
    """The default of a column from its first values: 0 of the narrowest type that has them all."""
    kinds: list[tuple[Any, Any]] = [(int32, int), (int64, int), (float32, float)]
    for dtype, parse in kinds:
        try:
            numbers = [parse(text) for text in texts if text not in ("", missing)]
        except ValueError:
            continue
        limit = np.iinfo(np.int32).max
        if dtype is int32 and any(abs(number) > limit for number in numbers):
            continue
        return np.zeros(1, dtype.numpy)
    return [""]


def make_csv_dataset(
    file_pattern: Any, batch_size: int, column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None, label_name: str | None = None,
    select_columns: Sequence[Any] | None = None, field_delim: str = ",",
    use_quote_delim: bool = True, na_value: str = "", header: bool = True,
    num_epochs: int | None = None, shuffle: bool = True, shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None, prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None, sloppy: bool = False, num_rows_for_inference: int = 100,
    compression_type: Any = None, ignore_errors: bool = False,
) -> Dataset:  # fmt: skip
    """Batches of the rows of files, as dicts by the columns' names.

    Parameters
    ----------
    file_pattern : a pattern of paths, or a list of them.
    column_names : the names; from the first line when None.
    column_defaults : see `CsvDataset`; guessed from the first rows when None.
    label_name : the column that is given apart: elements are pairs then.
    select_columns : the names or numbers of the columns that are read.
    num_epochs : how often the rows come; for ever when None.
    num_rows_for_inference : how many rows are looked at; all when None.
    num_parallel_reads, sloppy : accepted.
    ignore_errors : leave out rows that cannot be read.
    """
    patterns = [file_pattern] if isinstance(file_pattern, str) else list(file_pattern)
    names = sorted(path for pattern in patterns for path in glob.glob(pattern))
    if not names:
        raise ValueError(f"No files match {file_pattern}.")
    quoting: Any = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    with opened(names[0], compression_type) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        read = csv.reader(text, delimiter=field_delim, quoting=quoting)
        first = list(itertools.islice(read, (num_rows_for_inference or 10**9) + int(header)))
    if column_names is None:
        if not header:
            raise ValueError("Cannot infer column names without a header line.")
        column_names = first[0]
    if len(set(column_names)) != len(column_names):
        raise ValueError("Cannot have duplicate column names.")
    places = list(range(len(column_names)))
    if select_columns is not None:
        by_name = {name: k for k, name in enumerate(column_names)}
        places = sorted(by_name[c] if isinstance(c, str) else int(c) for c in select_columns)
    chosen = [column_names[k] for k in places]
    if column_defaults is None:
        body = first[int(header) :]
        column_defaults = [_guessed([row[k] for row in body], na_value) for k in places]
    if label_name is not None and label_name not in chosen:
        raise ValueError("`label_name` provided must be one of the columns.")
    rows = CsvDataset(
        names, column_defaults, compression_type, None, header, field_delim, use_quote_delim,
        na_value, places,
    )  # fmt: skip
    if ignore_errors:
        from graphflow.data.experimental import ignore_errors as without_errors

        rows = rows.apply(without_errors())
    if shuffle:
        rows = rows.shuffle(shuffle_buffer_size, shuffle_seed)
    rows = rows.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)

    def named(*columns: Tensor) -> Any:
        features = OrderedDict(zip(chosen, columns, strict=True))
        if label_name is None:
            return features
        return features, features.pop(label_name)

    return rows.map(named).prefetch(prefetch_buffer_size or 1)
