"""`slim.tfexample_decoder`: items made of the features of serialized Examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphflow import image
from graphflow.contrib.slim.data_decoder import DataDecoder
from graphflow.data.examples import FixedLenFeature, parse_single_example
from graphflow.data.sequence_examples import parse_single_sequence_example
from graphflow.graph import sparse_tensor
from graphflow.graph.dtypes import as_dtype
from graphflow.graph.dtypes import int64 as wide
from graphflow.ops.casting import cast
from graphflow.ops.comparison import equal, logical_or
from graphflow.ops.conditionals import cond
from graphflow.ops.functional import map_fn
from graphflow.ops.joining import concat, stack
from graphflow.ops.reductions import reduce_prod
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.sparse_products import sparse_tensor_to_dense
from graphflow.ops.sparse_values import sparse_reshape
from graphflow.ops.text_conversions import decode_raw
from graphflow.ops.transposing import transpose

__all__ = [
    "BackupHandler", "BoundingBox", "Image", "ItemHandler", "ItemHandlerCallback", "LookupTensor",
    "SparseTensor", "TFExampleDecoder", "TFSequenceExampleDecoder", "Tensor",
]  # fmt: skip


def _is_sparse(value: Any) -> bool:
    return isinstance(value, sparse_tensor.SparseTensor)


class ItemHandler:
    """Makes an item of some features; a base for others.

    Parameters
    ----------
    keys : the names of the features that it needs.
    """

    def __init__(self, keys: Sequence[str] | str) -> None:
        self._keys = [keys] if isinstance(keys, str) else list(keys)

    @property
    def keys(self) -> list[str]:
        """The names of the features."""
        return self._keys

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return the item, a tensor, from features by name."""
        raise NotImplementedError


class ItemHandlerCallback(ItemHandler):
    """Makes an item by a function of the features by name."""

    def __init__(self, keys: Sequence[str] | str, func: Callable[[Mapping[str, Any]], Any]) -> None:
        super().__init__(keys)
        self._func = func

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return what the function gives."""
        return self._func(keys_to_tensors)


class BoundingBox(ItemHandler):
    """Boxes, one in a row, of features that have one side of all of them each.

    Parameters
    ----------
    keys : the names of the sides, in order.
    prefix : before the names.
    """

    def __init__(self, keys: Sequence[str] | None = None, prefix: str = "") -> None:
        names = list(keys or ("ymin", "xmin", "ymax", "xmax"))
        if len(names) != 4:
            raise ValueError(f"BoundingBox expects 4 keys but got {len(names)}")
        self._prefix = prefix
        super().__init__([prefix + name for name in names])

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return the boxes, float32 of shape [boxes, 4]."""
        sides = []
        for key in self._keys:
            side = keys_to_tensors[key]
            side = side.values if _is_sparse(side) else side
            sides.append(expand_dims(side, 0))
        return transpose(concat(sides, 0))


def _asked_shape(keys: Sequence[str], features: Mapping[str, Any], shape: Any) -> Any:
    """A shape from features that have its sizes, or as it was given."""
    if not keys:
        return shape
    sizes = [features[key] for key in keys]
    parts = [
        sparse_tensor_to_dense(size, 0) if _is_sparse(size) else size for size in sizes
    ]  # fmt: skip
    return cast(reshape(stack(parts), [-1]), "int32")


def _listed(keys: Any) -> list[str]:
    return [keys] if isinstance(keys, str) else list(keys or ())


class Tensor(ItemHandler):
    """A feature as a dense tensor.

    Parameters
    ----------
    tensor_key : the feature's name.
    shape_keys : names of features that have the sizes of its shape.
    shape : its shape instead.
    default_value : what a sparse feature has where it has none.

    Raises
    ------
    ValueError : both shapes are given.
    """

    def __init__(
        self, tensor_key: str, shape_keys: Any = None, shape: Any = None, default_value: Any = 0
    ) -> None:
        if shape_keys and shape is not None:
            raise ValueError("Cannot specify both shape_keys and shape parameters.")
        self._tensor_key, self._shape_keys = tensor_key, _listed(shape_keys)
        self._shape, self._default_value = shape, default_value
        super().__init__([tensor_key, *self._shape_keys])

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return the feature."""
        tensor = keys_to_tensors[self._tensor_key]
        shape = _asked_shape(self._shape_keys, keys_to_tensors, self._shape)
        if _is_sparse(tensor):
            if shape is not None:
                tensor = sparse_reshape(tensor, cast(shape, wide))
            return sparse_tensor_to_dense(tensor, self._default_value)
        return tensor if shape is None else reshape(tensor, shape)


class LookupTensor(Tensor):
    """A feature's values in a table; see `Tensor`.

    Parameters
    ----------
    table : a table from the feature's type.
    """

    def __init__(
        self, tensor_key: str, table: Any, shape_keys: Any = None, shape: Any = None,
        default_value: Any = "",
    ) -> None:  # fmt: skip
        self._table = table
        super().__init__(tensor_key, shape_keys, shape, default_value)

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return what the table has."""
        return self._table.lookup(super().tensors_to_item(keys_to_tensors))


class SparseTensor(ItemHandler):
    """A sparse tensor of one feature with places and one with values.

    Parameters
    ----------
    indices_key, values_key : their names.
    shape_key : the name of a feature with the shape.
    shape : the shape instead.
    densify : give a dense tensor, with `default_value` where there is none.
    """

    def __init__(
        self, indices_key: str | None = None, values_key: str | None = None,
        shape_key: str | None = None, shape: Any = None, densify: bool = False,
        default_value: Any = 0,
    ) -> None:  # fmt: skip
        self._indices_key, self._values_key = indices_key or "indices", values_key or "values"
        self._shape_key, self._shape = shape_key, shape
        self._densify, self._default_value = densify, default_value
        keys = [self._indices_key, self._values_key]
        super().__init__(keys if shape_key is None else [*keys, shape_key])

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return the tensor."""
        indices, values = keys_to_tensors[self._indices_key], keys_to_tensors[self._values_key]
        shape = self._shape
        if self._shape_key is not None:
            shape = keys_to_tensors[self._shape_key]
            shape = sparse_tensor_to_dense(shape) if _is_sparse(shape) else shape
        elif shape is None:
            shape = indices.dense_shape
        rows = indices.indices[:, :-1]  # an example's number in a batch
        places = concat([rows, reshape(cast(indices.values, wide), [-1, 1])], 1)
        made = sparse_tensor.SparseTensor(places, values.values, cast(shape, wide))
        return sparse_tensor_to_dense(made, self._default_value) if self._densify else made


class Image(ItemHandler):
    """An encoded picture as pixels.

    Parameters
    ----------
    image_key, format_key : the names of the bytes and of the format: a picture's, or ``raw``.
    shape : the picture's shape; its size is open when None.
    channels : how many there are.
    dtype : the type of pixels.
    repeated : the bytes are of several pictures.
    dct_method : accepted.
    """

    def __init__(
        self, image_key: str | None = None, format_key: str | None = None, shape: Any = None,
        channels: int = 3, dtype: Any = "uint8", repeated: bool = False, dct_method: str = "",
    ) -> None:  # fmt: skip
        self._image_key = image_key or "image/encoded"
        self._format_key = format_key or "image/format"
        self._shape, self._channels = shape, channels
        self._dtype, self._repeated = as_dtype(dtype), repeated
        super().__init__([self._image_key, self._format_key])

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return the pixels."""
        data, kind = keys_to_tensors[self._image_key], keys_to_tensors[self._format_key]
        if self._repeated:
            return map_fn(lambda one: self._decoded(one, kind), data, dtype=self._dtype)
        return self._decoded(data, kind)

    def _decoded(self, data: Any, kind: Any) -> Any:
        def raw() -> Any:
            pixels = decode_raw(data, self._dtype)
            return reshape(pixels, [-1] if self._shape is None else self._shape)

        def picture() -> Any:
            pixels = image.decode_image(data, channels=self._channels)
            return pixels if self._dtype == "uint8" else cast(pixels, self._dtype)

        found = cond(logical_or(equal(kind, "raw"), equal(kind, "RAW")), raw, picture)
        found.set_shape([None, None, self._channels])
        return found if self._shape is None else reshape(found, self._shape)


class BackupHandler(ItemHandler):
    """What one handler gives, or another's item where that is empty."""

    def __init__(self, handler: ItemHandler, backup: ItemHandler) -> None:
        for given in (handler, backup):
            if not isinstance(given, ItemHandler):
                raise ValueError(f"Handler is of type {type(given)} instead of ItemHandler")
        self._handler, self._backup = handler, backup
        super().__init__([*handler.keys, *backup.keys])

    def tensors_to_item(self, keys_to_tensors: Mapping[str, Any]) -> Any:
        """Return one of the two items."""
        item = self._handler.tensors_to_item(keys_to_tensors)
        return cond(
            equal(reduce_prod(shape_of(item)), 0),
            lambda: self._backup.tensors_to_item(keys_to_tensors), lambda: item,
        )  # fmt: skip


class TFExampleDecoder(DataDecoder):
    """Makes items of a serialized Example.

    Parameters
    ----------
    keys_to_features : what to parse, by name.
    items_to_handlers : an `ItemHandler` for each item.
    """

    def __init__(
        self, keys_to_features: Mapping[str, Any], items_to_handlers: Mapping[str, ItemHandler]
    ) -> None:
        self._keys_to_features, self._items_to_handlers = keys_to_features, items_to_handlers

    def list_items(self) -> list[str]:
        """Return the names of items."""
        return list(self._items_to_handlers)

    def _parsed(self, data: Any) -> dict[str, Any]:
        features = parse_single_example(data, dict(self._keys_to_features))
        for key, feature in self._keys_to_features.items():
            if isinstance(feature, FixedLenFeature):
                features[key] = reshape(features[key], feature.shape)
        return features

    def decode(self, data: Any, items: Sequence[str] | None = None) -> list[Any]:
        """Return items as tensors; all of them when `items` is None.

        Parameters
        ----------
        data : a serialized Example, a scalar.
        """
        features = self._parsed(data)
        handlers = [self._items_to_handlers[i] for i in items or self._items_to_handlers]
        return [h.tensors_to_item({key: features[key] for key in h.keys}) for h in handlers]


class TFSequenceExampleDecoder(TFExampleDecoder):
    """Makes items of a serialized SequenceExample.

    Parameters
    ----------
    keys_to_context_features, keys_to_sequence_features : what to parse, by name.
    items_to_handlers : an `ItemHandler` for each item.
    """

    def __init__(
        self, keys_to_context_features: Mapping[str, Any],
        keys_to_sequence_features: Mapping[str, Any], items_to_handlers: Mapping[str, ItemHandler],
    ) -> None:  # fmt: skip
        shared = set(keys_to_context_features) & set(keys_to_sequence_features)
        if shared:
            raise ValueError(f"Context and sequence keys must be unique; both have {shared}")
        super().__init__(keys_to_context_features, items_to_handlers)
        self._keys_to_sequence_features = keys_to_sequence_features

    def _parsed(self, data: Any) -> dict[str, Any]:
        context, sequences = parse_single_sequence_example(
            data, dict(self._keys_to_features), dict(self._keys_to_sequence_features)
        )
        return {**context, **sequences}
