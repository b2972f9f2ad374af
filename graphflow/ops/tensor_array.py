"""`tf.TensorArray`: elements that are written and read one by one, in loops above all."""

from __future__ import annotations

import contextlib
from typing import Any

from graphflow.graph.constants import constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import colocate_with, device, name_scope
from graphflow.graph.dtypes import DType, as_dtype, int64
from graphflow.graph.operation import Operation
from graphflow.graph.shapes import TensorShape, unknown_shape
from graphflow.graph.tensor import Tensor
from graphflow.ops import tensor_array_ops as array_ops
from graphflow.ops.identity import identity
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import shape as shape_of

__all__ = ["TensorArray"]


class TensorArray:
    """An array of tensors, for use in loops.

    Writing gives a new array; the old one must not be written to again.

    Parameters
    ----------
    dtype : element type.
    size : the number of elements, an int32 scalar.
    dynamic_size : whether writing beyond the last element makes the array larger.
    clear_after_read, colocate_with_first_write_call : accepted; an element may be read again.
    tensor_array_name : what errors call it.
    handle, flow : of an array that exists already.
    infer_shape : whether all elements have one shape.
    element_shape : that shape, as far as it is known.

    Raises
    ------
    ValueError : both or neither of `size` and `handle`; other arguments together with `handle`.
    TypeError : `clear_after_read` is no bool.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Tensor | None = None,
        flow: Tensor | None = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        _check_arguments(handle, size, dynamic_size, clear_after_read, tensor_array_name)
        self._dtype = as_dtype(dtype).base_dtype
        self._infer_shape = infer_shape or element_shape is not None
        self._dynamic_size = bool(dynamic_size)
        self._colocates = colocate_with_first_write_call
        # Shared by all arrays that are made of this one: what a loop's body writes tells the shape
        # of what is read after the loop.
        self._shapes = [TensorShape(element_shape)]
        with name_scope(name, "TensorArray", [handle, size, flow]) as scope:
            if handle is not None:
                self._handle = handle
                self._flow = flow if flow is not None else convert_to_tensor(0.0)
                return
            with contextlib.ExitStack() as stack:
                if colocate_with_first_write_call:
                    stack.enter_context(device(None))
                    stack.enter_context(colocate_with(None, ignore_existing=True))
                self._handle, self._flow = array_ops.new_array(
                    size,
                    name=scope,
                    dtype=self._dtype,
                    element_shape=self._shapes[0],
                    dynamic_size=self._dynamic_size,
                    clear_after_read=clear_after_read is not False,
                    identical_element_shapes=infer_shape,
                    tensor_array_name=tensor_array_name or scope.rstrip("/"),
                )

    # ---- what it is

    @property
    def flow(self) -> Tensor:
        """The tensor that stands for what was written so far."""
        return self._flow

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self._dtype

    @property
    def handle(self) -> Tensor:
        """The tensor that stands for the array itself."""
        return self._handle

    @property
    def dynamic_size(self) -> bool:
        """Whether writing beyond the last element makes it larger."""
        return self._dynamic_size

    @property
    def element_shape(self) -> TensorShape:
        """What is known of the shape of an element."""
        return self._shapes[0]

    @property
    def name(self) -> str:
        """The name of the operation that made it."""
        return self._handle.op.name

    def with_flow(self, flow: Tensor) -> TensorArray:
        """The same array at another moment."""
        made = TensorArray(
            self._dtype, handle=self._handle, flow=flow, infer_shape=self._infer_shape,
            colocate_with_first_write_call=self._colocates,
        )  # fmt: skip
        made._shapes = self._shapes
        made._dynamic_size = self._dynamic_size
        return made

    def identity(self) -> TensorArray:
        """The same array, made in the current context."""
        return self.with_flow(identity(self._flow))

    def grad(self, source: str, flow: Any = None, name: str | None = None) -> TensorArray:
        """An array for the gradients of the elements, zeros at first."""
        used = self._flow if flow is None else flow
        with name_scope(name, "TensorArrayGrad", [self._handle]):
            handle, start = array_ops.gradient_array(self._handle, used, source)
        made = TensorArray(
            self._dtype, handle=handle, flow=start, infer_shape=self._infer_shape,
            colocate_with_first_write_call=False,
        )  # fmt: skip
        made._shapes = list(self._shapes)
        return made

    def _merge_shape(self, shape: TensorShape) -> None:
        """Take note of an element's shape."""
        if not self._infer_shape:
            return
        if not shape.is_compatible_with(self._shapes[0]):
            raise ValueError(
                f"Inconsistent shapes: saw {shape} but expected {self._shapes[0]} "
                "(and infer_shape=True)"
            )
        self._shapes[0] = self._shapes[0].merge_with(shape)

    @property
    def _known_shape(self) -> TensorShape:
        return self._shapes[0] if self._infer_shape else unknown_shape()

    # ---- elements

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The element at an index."""
        return array_ops.read_element(
            self._handle, index, self._flow, self._dtype, self._known_shape, name=name
        )

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with the element at an index replaced."""
        with name_scope(name, "TensorArrayWrite", [self._handle, index, value]):
            value = convert_to_tensor(value, dtype=self._dtype, name="value")
            self._merge_shape(value.shape)
            flow = array_ops.write_element(self._handle, index, value, self._flow)
            return self.with_flow(flow)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at several indices, stacked."""
        return array_ops.gather_elements(
            self._handle, indices, self._flow, self._dtype, self._known_shape, name=name
        )

    def stack(self, name: str | None = None) -> Tensor:
        """All elements, stacked."""
        with name_scope(name, "TensorArrayStack", [self._handle]):
            return self.gather(range_of(0, self.size()), name=name)

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with the elements at several indices replaced by the rows of a value."""
        with name_scope(name, "TensorArrayScatter", [self._handle, value, indices]):
            value = convert_to_tensor(value, dtype=self._dtype, name="value")
            if value.shape.rank:
                self._merge_shape(value.shape[1:])
            flow = array_ops.scatter_elements(self._handle, indices, value, self._flow)
            return self.with_flow(flow)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array with the rows of a value as its elements."""
        with name_scope(name, "TensorArrayUnstack", [self._handle, value]):
            value = convert_to_tensor(value, dtype=self._dtype, name="value")
            count = shape_of(value)[0]
            return self.scatter(range_of(0, count), value, name=name)

    def concat(self, name: str | None = None) -> Tensor:
        """All elements, joined along their first axis."""
        shape = self._shapes[0]
        rest = shape[1:] if self._infer_shape and shape.rank else unknown_shape()
        return array_ops.concat_elements(self._handle, self._flow, self._dtype, rest, name=name)

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array with the parts of a value as its elements, of these lengths."""
        with name_scope(name, "TensorArraySplit", [self._handle, value, lengths]):
            value = convert_to_tensor(value, dtype=self._dtype, name="value")
            lengths = convert_to_tensor(lengths, dtype=int64, name="lengths")
            self._note_parts(value.shape, constant_value(lengths))
            flow = array_ops.split_elements(self._handle, value, lengths, self._flow)
            return self.with_flow(flow)

    def _note_parts(self, shape: TensorShape, lengths: Any) -> None:
        if not self._infer_shape or shape.rank is None:
            return
        same = lengths is not None and len(lengths) and len(set(lengths.tolist())) == 1
        self._merge_shape(TensorShape([int(lengths[0]) if same else None]).concatenate(shape[1:]))

    def size(self, name: str | None = None) -> Tensor:
        """The number of elements."""
        return array_ops.array_size(self._handle, self._flow, name=name)

    def close(self, name: str | None = None) -> Operation:
        """Do nothing: an array lives as long as it is used."""
        return array_ops.close_array(self._handle, name=name)


def _check_arguments(handle: Any, size: Any, dynamic: Any, clear: Any, name: Any) -> None:
    if handle is not None and name:
        raise ValueError("Cannot construct with both handle and tensor_array_name")
    if handle is not None and not isinstance(handle, Tensor):
        raise TypeError("Handle must be a Tensor")
    if handle is None and size is None:
        raise ValueError("Size must be provided if handle is not provided")
    if handle is not None and size is not None:
        raise ValueError("Cannot provide both a handle and size at the same time")
    if handle is not None and dynamic is not None:
        raise ValueError("Cannot provide both a handle and dynamic_size at the same time")
    if handle is not None and clear is not None:
        raise ValueError("Cannot provide both a handle and clear_after_read at the same time")
