"""Tables from keys to values, filled in the run: TensorFlow's `tf.lookup`.

What a table holds belongs to a session, as a variable's value does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from graphflow import lookup_ops  # noqa: F401  # declares the operations
from graphflow.graph import dtypes
from graphflow.graph.apply import Signature
from graphflow.graph.collections import GraphKeys
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collection, get_collection, name_scope
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.operation import Operation
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.comparison import not_equal, where_v2
from graphflow.ops.elementwise import add
from graphflow.ops.identity import group, no_op
from graphflow.ops.strings import (
    string_to_hash_bucket,
    string_to_hash_bucket_fast,
    string_to_hash_bucket_strong,
)
from graphflow.ops.text_conversions import as_string
from graphflow.train.saveables import SaveableObject, SaveSpec

__all__ = [
    "KeyValueTensorInitializer", "StaticHashTable", "StaticVocabularyTable", "TextFileIndex",
    "TextFileInitializer",
]  # fmt: skip

_TABLE = "table_handle: resource"
_HASH_TABLE, _MUTABLE = Signature("HashTableV2"), Signature("MutableHashTableV2")
_OF_TENSORS = Signature("MutableHashTableOfTensorsV2")
_DENSE = Signature("MutableDenseHashTableV2", "empty_key: key_dtype", "deleted_key: key_dtype")
_FIND = Signature("LookupTableFindV2", _TABLE, "keys: Tin", "default_value: Tout")
_IMPORT = Signature("LookupTableImportV2", _TABLE, "keys: Tin", "values: Tout")
_INSERT = Signature("LookupTableInsertV2", _TABLE, "keys: Tin", "values: Tout")
_REMOVE = Signature("LookupTableRemoveV2", _TABLE, "keys: Tin")
_FROM_FILE = Signature("InitializeTableFromTextFileV2", _TABLE, "filename: string")
_SIZE = Signature("LookupTableSizeV2", _TABLE)
_EXPORT = Signature("LookupTableExportV2", _TABLE)

# ---- what fills a table


class KeyValueTensorInitializer:
    """Keys and values given as tensors, or what can be made one.

    Parameters
    ----------
    keys, values : vectors of one length.
    key_dtype, value_dtype : their types when they are no tensors.
    """

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self._name = name or "key_value_init"
        self._keys = convert_to_tensor(keys, dtype=key_dtype, name="keys")
        self._values = convert_to_tensor(values, dtype=value_dtype, name="values")
        self.key_dtype, self.value_dtype = self._keys.dtype, self._values.dtype

    def initialize(self, table: Any) -> Operation:
        """Return the operation that fills a table."""
        _check_types(table, self.key_dtype, self.value_dtype)
        with name_scope(self._name, values=[table.resource_handle, self._keys, self._values]):
            op = _IMPORT(table.resource_handle, self._keys, self._values)
        add_to_collection(GraphKeys.TABLE_INITIALIZERS, op)
        return op


def _check_types(table: Any, key_dtype: Any, value_dtype: Any) -> None:
    for kind, got, wanted in (
        ("key", key_dtype, table.key_dtype), ("value", value_dtype, table.value_dtype),
    ):  # fmt: skip
        if got.base_dtype != wanted:
            raise TypeError(f"Invalid {kind} dtype, expected {wanted} but got {got}.")


class TextFileIndex:
    """Columns of a text file that are none: the number of the line, the whole line."""

    WHOLE_LINE = -2
    LINE_NUMBER = -1


class TextFileInitializer:
    """Keys and values from the lines of a text file.

    Parameters
    ----------
    filename : its path.
    key_dtype, value_dtype : the types of keys and values.
    key_index, value_index : the columns, or one of `TextFileIndex`.
    vocab_size : how many lines are read; all when None.
    delimiter : between columns.
    """

    def __init__(
        self, filename: Any, key_dtype: Any, key_index: int, value_dtype: Any, value_index: int,
        vocab_size: int | None = None, delimiter: str = "\t", name: str | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(filename, Tensor) and not filename:
            raise ValueError(f"Filename required for {name}.")
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        for kind, index, dtype in (
            ("key", key_index, self.key_dtype), ("value", value_index, self.value_dtype),
        ):  # fmt: skip
            if index < -2:
                raise ValueError(f"Invalid {kind} index {index}.")
            wanted = {-1: dtypes.int64, -2: dtypes.string}.get(index)
            if wanted is not None and dtype != wanted and not (index == -2 and dtype.is_integer):
                title = kind.capitalize() + "s"
                raise ValueError(
                    f"Signature mismatch. {title} must be dtype {wanted}, got {dtype}."
                )
        if vocab_size is not None and vocab_size <= 0:
            raise ValueError(f"Invalid vocab_size {vocab_size}.")
        self._name = name
        self._attrs: dict[str, Any] = {
            "key_index": key_index, "value_index": value_index, "delimiter": delimiter,
            "vocab_size": -1 if vocab_size is None else vocab_size,
        }  # fmt: skip
        places = [filename, vocab_size, key_index, value_index]
        self._shared_name = "_".join(["hash_table", *(str(p) for p in places if p is not None)])
        self._filename = convert_to_tensor(filename, dtypes.string, name="asset_path")
        add_to_collection(GraphKeys.ASSET_FILEPATHS, self._filename)

    def initialize(self, table: Any) -> Operation:
        """Return the operation that fills a table."""
        _check_types(table, self.key_dtype, self.value_dtype)
        with name_scope(self._name, "text_file_init", [table.resource_handle]):
            op = _FROM_FILE(table.resource_handle, self._filename, **self._attrs)
        add_to_collection(GraphKeys.TABLE_INITIALIZERS, op)
        return op


# ---- tables


class _Table:
    """What all tables have in common; `_find` is the ending of lookups' names."""

    _find = "_Lookup"

    def __init__(self, key_dtype: Any, value_dtype: Any, default: Any) -> None:
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        self._default_value = convert_to_tensor(default, dtype=self.value_dtype)
        self.resource_handle: Any = None

    @property
    def name(self) -> str:
        """The table's name."""
        return self.resource_handle.op.name.split("/")[-1]

    @property
    def default_value(self) -> Tensor:
        """The value of keys that are not there."""
        return self._default_value

    def size(self, name: str | None = None) -> Tensor:
        """Return the number of keys."""
        with name_scope(name, f"{self.name}_Size", [self.resource_handle]):
            return _SIZE(self.resource_handle).outputs[0]

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """Return the values of keys: a tensor of any shape, or the values of a sparse one."""
        tensor = keys.values if isinstance(keys, SparseTensor) else convert_to_tensor(keys)
        if tensor.dtype.base_dtype != self.key_dtype:
            raise TypeError(
                f"Signature mismatch. Keys must be dtype {self.key_dtype}, got {tensor.dtype}."
            )
        operands = [self.resource_handle, tensor, self._default_value]
        with name_scope(name, self.name + self._find, operands):
            found = _FIND(*operands).outputs[0]
        if isinstance(keys, SparseTensor):
            return SparseTensor(keys.indices, found, keys.dense_shape)
        return found

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """Return all keys and their values."""
        attrs: dict[str, Any] = {"Tkeys": self.key_dtype, "Tvalues": self.value_dtype}
        scope = f"{self.name}_lookup_table_export_values"
        with name_scope(name, scope, [self.resource_handle]):
            keys, values = _EXPORT(self.resource_handle, **attrs).outputs
        return keys, values


class StaticHashTable(_Table):
    """A table that is filled once in a session, by its `initializer`.

    Parameters
    ----------
    initializer : a `KeyValueTensorInitializer` or `TextFileInitializer`.
    default_value : of keys that are not there.
    """

    def __init__(self, initializer: Any, default_value: Any, name: str | None = None) -> None:
        self._make(initializer, default_value, getattr(initializer, "_shared_name", ""), name)

    def _make(self, initializer: Any, default: Any, shared_name: str, name: str | None) -> None:
        _Table.__init__(self, initializer.key_dtype, initializer.value_dtype, default)
        self.resource_handle = _HASH_TABLE(
            name=name or "hash_table", key_dtype=self.key_dtype, value_dtype=self.value_dtype,
            shared_name=shared_name,
        ).outputs[0]  # fmt: skip
        self._init_op = initializer.initialize(self)

    @property
    def initializer(self) -> Operation:
        """The operation that fills the table."""
        return self._init_op

    init = initializer


class HashTable(StaticHashTable):
    """A `StaticHashTable` with the arguments of `tf.contrib.lookup`.

    Parameters
    ----------
    shared_name : tables of one name are one.
    """

    def __init__(
        self, initializer: Any, default_value: Any, shared_name: str | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self._make(initializer, default_value, shared_name or "", name)


class _TableSaveable(SaveableObject):
    """A mutable table as two tensors of a checkpoint, its keys and their values."""

    def __init__(self, table: _Mutable, name: str) -> None:
        tensors = zip(table.export(), ("-keys", "-values"), strict=True)
        specs = [SaveSpec(tensor, "", name + ending) for tensor, ending in tensors]
        super().__init__(table, specs, name)

    def restore(self, restored_tensors: Any, restored_shapes: Any) -> Operation:
        """Return the operation that gives the table other pairs, in place of all it has."""
        with name_scope(f"{self.name}_table_restore"):
            return _IMPORT(self.op.resource_handle, *restored_tensors)


class _Mutable(_Table):
    """A table to which pairs are added in the run."""

    _find = "_lookup_table_find"

    def _made(self, maker: Signature, reserved: Any, name: str, saved: bool, attrs: Any) -> None:
        """Make the table's operation, and what a Saver saves of it."""
        op = maker(
            *reserved, name=name, key_dtype=self.key_dtype, value_dtype=self.value_dtype,
            use_node_name_sharing=saved, **attrs,
        )  # fmt: skip
        self.resource_handle = op.outputs[0]
        if saved:
            add_to_collection(GraphKeys.SAVEABLE_OBJECTS, _TableSaveable(self, name))

    def insert(self, keys: Any, values: Any, name: str | None = None) -> Operation:
        """Return an operation that adds pairs, or replaces the values of keys."""
        scope = f"{self.name}_lookup_table_insert"
        with name_scope(name, scope, [self.resource_handle, keys, values]):
            keys = convert_to_tensor(keys, self.key_dtype, name="keys")
            values = convert_to_tensor(values, self.value_dtype, name="values")
            return _INSERT(self.resource_handle, keys, values)

    def remove(self, keys: Any, name: str | None = None) -> Operation:
        """Return an operation that takes keys out of the table."""
        keys = convert_to_tensor(keys, self.key_dtype, name="keys")
        scope = f"{self.name}_lookup_table_remove"
        with name_scope(name, scope, [self.resource_handle, keys]):
            return _REMOVE(self.resource_handle, keys)


class MutableHashTable(_Mutable):
    """A table to which pairs are added in the run.

    Parameters
    ----------
    key_dtype, value_dtype : the types of keys and values.
    default_value : of keys that are not there; its shape is that of the values.
    checkpoint : Savers of all variables save the table too.
    """

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Any,
        name: str = "MutableHashTable", checkpoint: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(key_dtype, value_dtype, default_value)
        shape = self._default_value.shape
        scalar = shape.rank == 0
        attrs = {} if scalar else {"value_shape": shape}
        self._made(_MUTABLE if scalar else _OF_TENSORS, [], name, checkpoint, attrs)


class DenseHashTable(_Mutable):
    """A `MutableHashTable` with two keys that no pair may have; keys may be vectors.

    Parameters
    ----------
    empty_key, deleted_key : two keys that differ.
    initial_num_buckets : kept for graphs that are exported.
    """

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Any, empty_key: Any,
        deleted_key: Any, initial_num_buckets: int | None = None,
        name: str = "MutableDenseHashTable", checkpoint: bool = True,
    ) -> None:  # fmt: skip
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        default = convert_to_tensor(default_value, self.value_dtype, name="default_value")
        super().__init__(key_dtype, value_dtype, default)
        reserved = [
            convert_to_tensor(empty_key, self.key_dtype, name="empty_key"),
            convert_to_tensor(deleted_key, self.key_dtype, name="deleted_key"),
        ]
        attrs = {"value_shape": default.shape, "initial_num_buckets": initial_num_buckets or 2**17}
        self._made(_DENSE, reserved, name, checkpoint, attrs)


# ---- keys that are not in the table


class HasherSpec(NamedTuple):
    """A hash function: ``"fasthash"``, ``"legacy"`` or ``"stronghash"`` with a key."""

    hasher: str
    key: Any


FastHashSpec = HasherSpec("fasthash", None)


class StrongHashSpec(HasherSpec):
    """SipHash with a key of two integers."""

    def __new__(cls, key: Any) -> StrongHashSpec:
        if len(key) != 2:
            raise ValueError(f"key must have size 2, got {len(key)}.")
        return super().__new__(cls, "stronghash", key)


def _bucket(spec: HasherSpec, texts: Tensor, count: int) -> Tensor:
    if spec.hasher == "fasthash":
        return string_to_hash_bucket_fast(texts, count, name="hash_bucket")
    if spec.hasher == "legacy":
        return string_to_hash_bucket(texts, count, name="hash_bucket")
    if spec.hasher == "stronghash":
        return string_to_hash_bucket_strong(texts, count, spec.key, name="hash_bucket")
    raise ValueError(f"Unknown hasher {spec.hasher}")


class IdTableWithHashBuckets:
    """A table of numbers that gives keys which it has not one of some more numbers, by a hash.

    Parameters
    ----------
    table : from keys to int64; None when all keys are hashed.
    num_oov_buckets : how many more numbers there are.
    hasher_spec : the hash function.
    key_dtype : the type of keys; the table's when None.
    """

    def __init__(
        self, table: Any, num_oov_buckets: int, hasher_spec: Any = FastHashSpec,
        name: str | None = None, key_dtype: Any = None,
    ) -> None:  # fmt: skip
        if table is None and num_oov_buckets <= 0:
            raise ValueError("oov_buckets must be > 0 if no table is supplied.")
        if not isinstance(hasher_spec, HasherSpec):
            raise TypeError(f"hasher_spec must be of type HasherSpec, got {hasher_spec}")
        known = dtypes.string if table is None else table.key_dtype
        self.key_dtype = known if key_dtype is None else as_dtype(key_dtype)
        if not (self.key_dtype.is_integer or self.key_dtype == dtypes.string):
            raise TypeError(f"Invalid key_dtype, expected integer or string, got {self.key_dtype}.")
        self.value_dtype = dtypes.int64
        self._table, self._count, self._spec = table, num_oov_buckets, hasher_spec
        self.name = name or ("hash_table" if table is None else table.name)

    @property
    def initializer(self) -> Operation:
        """The operation that fills the table."""
        return no_op() if self._table is None else self._table.initializer

    init = initializer

    @property
    def resource_handle(self) -> Any:
        """The table's handle; None without a table."""
        return None if self._table is None else self._table.resource_handle

    def size(self, name: str | None = None) -> Any:
        """Return how many numbers there are."""
        with name_scope(name, f"{self.name}_Size"):
            if self._table is None:
                return convert_to_tensor(self._count, dtypes.int64)
            return self._table.size() + self._count

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """Return the numbers of keys: a tensor of any shape, or the values of a sparse one."""
        values = keys.values if isinstance(keys, SparseTensor) else convert_to_tensor(keys)
        if values.dtype.base_dtype != self.key_dtype:
            raise TypeError(
                f"Signature mismatch. Keys must be dtype {self.key_dtype}, got {values.dtype}."
            )
        with name_scope(name, f"{self.name}_Lookup"):
            found = self._numbers(values)
        if isinstance(keys, SparseTensor):
            return SparseTensor(keys.indices, found, keys.dense_shape)
        return found

    def _numbers(self, keys: Tensor) -> Tensor:
        table = self._table
        if table is not None and table.key_dtype != keys.dtype:
            keys = cast(keys, table.key_dtype)
        if not self._count:
            found: Tensor = table.lookup(keys)
            return found
        texts = keys if keys.dtype == dtypes.string else as_string(keys)
        buckets = _bucket(self._spec, texts, self._count)
        if table is None:
            return buckets
        found = table.lookup(keys)
        buckets = add(buckets, table.size())
        return where_v2(not_equal(found, table.default_value), found, buckets)


class StaticVocabularyTable(IdTableWithHashBuckets):
    """A table of int64 numbers from an initialiser, and some more numbers for other keys.

    Parameters
    ----------
    initializer : of a table; None when all keys are hashed.
    num_oov_buckets : how many more numbers there are, at least one.
    lookup_key_dtype : the type of keys; the initialiser's when None.
    """

    def __init__(
        self, initializer: Any, num_oov_buckets: int, lookup_key_dtype: Any = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        if num_oov_buckets <= 0:
            raise ValueError("oov_buckets must be > 0.")
        table = None if initializer is None else StaticHashTable(initializer, -1, name)
        super().__init__(table, num_oov_buckets, FastHashSpec, name, lookup_key_dtype)


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """Return an operation that fills all tables made so far."""
    initializers = get_collection(GraphKeys.TABLE_INITIALIZERS)
    return group(*initializers, name=name) if initializers else no_op(name=name)


def initialize_all_tables(name: str = "init_all_tables") -> Operation:
    """Return `tables_initializer`, under its old name."""
    return tables_initializer(name)
