"""What a `Saver` saves: objects of one or several tensors, each under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.graph.dtypes import DType
from graphflow.graph.operation import Operation
from graphflow.graph.tensor import Tensor
from graphflow.ops import state
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of


class SaveSpec:
    """A tensor of a checkpoint.

    Parameters
    ----------
    tensor : what is written, or a function that gives it.
    slice_spec : the part of a larger tensor that it is; empty for all.
    name : its name in the checkpoint.
    dtype : its type; the tensor's when None.
    """

    def __init__(self, tensor: Any, slice_spec: str, name: str, dtype: Any = None) -> None:
        self._tensor, self.slice_spec, self.name = tensor, slice_spec, name
        self.dtype: DType = self.tensor.dtype.base_dtype if dtype is None else dtype

    @property
    def tensor(self) -> Tensor:
        """What is written."""
        made: Tensor = self._tensor() if callable(self._tensor) else self._tensor
        return made


class SaveableObject:
    """Something that is saved as tensors and restored from them; scripts derive their own.

    Parameters
    ----------
    op : what is saved.
    specs : the tensors.
    name : by which objects are told apart.
    """

    def __init__(self, op: Any, specs: Sequence[SaveSpec], name: str) -> None:
        self.op, self.specs, self.name = op, list(specs), name

    def restore(self, restored_tensors: Sequence[Tensor], restored_shapes: Any) -> Any:
        """Return the operation that takes over the tensors of a checkpoint.

        Parameters
        ----------
        restored_tensors : one for each of `specs`.
        restored_shapes : what they are to be reshaped to; None as they are.
        """
        raise NotImplementedError("Calling an abstract method.")


class VariableSaveable(SaveableObject):
    """A variable, or a part of a partitioned one."""

    def __init__(self, name: str, variable: Any) -> None:
        self.variable, part = variable, ""
        info = getattr(variable, "_save_slice_info", None)
        if info is not None:
            name = info.full_name if name == variable.op.name else name
            part = info.spec
        self.reference: Tensor = variable._ref() if hasattr(variable, "_ref") else variable
        super().__init__(variable, [SaveSpec(self.reference, part, name)], name)

    def restore(self, restored_tensors: Sequence[Tensor], restored_shapes: Any) -> Operation:
        """Return the assignment; with shapes given, from any of as many elements."""
        (value,), reference = restored_tensors, self.reference
        known = reference.shape.is_fully_defined()
        if restored_shapes is not None:
            value = reshape(value, reference.shape.as_list() if known else shape_of(reference))
        validate = restored_shapes is None and known
        return state.assign(reference, value, validate_shape=validate).op


class BaseSaverBuilder:
    """Where programs look for these classes."""

    SaveSpec = SaveSpec
    SaveableObject = SaveableObject
    VariableSaveable = VariableSaveable
