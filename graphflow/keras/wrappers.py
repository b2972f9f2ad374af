"""Keras's layers around layers, and masks of sequences."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from graphflow.keras import backend
from graphflow.keras.cells import build_inside
from graphflow.keras.core import Layer
from graphflow.ops.casting import cast
from graphflow.ops.comparison import not_equal
from graphflow.ops.reductions import reduce_any
from graphflow.ops.shape import reshape, squeeze
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.slicing import reverse

__all__ = ["Bidirectional", "Masking", "TimeDistributed", "Wrapper"]


class Masking(Layer):
    """Marks the steps of which all elements have one value; layers after it leave them out."""

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where an element has another value."""
        return reduce_any(not_equal(inputs, self.mask_value), -1)

    def call(self, inputs: Any) -> Any:
        kept = reduce_any(not_equal(inputs, self.mask_value), -1, True)
        outputs: Any = inputs * cast(kept, inputs.dtype)
        outputs._keras_mask = squeeze(kept, -1)
        return outputs


class Wrapper(Layer):
    """Base of layers around a layer."""

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        given = getattr(layer, "given_shape", None)
        if given is not None and not {"input_shape", "batch_input_shape"} & set(kwargs):
            kwargs["batch_input_shape"] = given
        super().__init__(**kwargs)
        self.layer = layer


class TimeDistributed(Wrapper):
    """A layer for each step of sequences."""

    def build(self, input_shape: Any) -> None:
        sizes = input_shape.as_list()
        if isinstance(self.layer, Layer):
            build_inside(self, self.layer, [sizes[0], *sizes[2:]])
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        known = inputs.shape.as_list()
        rows = reshape(inputs, [-1, *self._sizes(inputs, 2)])
        takes = inspect.signature(self.layer.call).parameters
        more = {"training": training} if "training" in takes and training is not None else {}
        made = self.layer.call(rows, **more) if isinstance(self.layer, Layer) else self.layer(rows)
        length = self._sizes(inputs, 1)[0]
        outputs = reshape(made, [-1, length, *self._sizes(made, 1)])
        outputs.set_shape([*known[:2], *made.shape.as_list()[1:]])
        return outputs

    @staticmethod
    def _sizes(x: Any, start: int) -> list[Any]:
        """The sizes from an axis on, as numbers where they are known."""
        known = x.shape.as_list()[start:]
        if None not in known:
            return known
        dynamic: Any = shape_op(x)
        return [dynamic[start + k] if size is None else size for k, size in enumerate(known)]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The inputs' mask."""
        return mask


class Bidirectional(Wrapper):
    """A recurrent layer along sequences in both directions.

    Parameters
    ----------
    merge_mode : how the outputs are joined: ``concat``, ``sum``, ``mul``, ``ave``, or None for a
        list.
    backward_layer : the layer that reads from the end; one like `layer` when None.
    """

    def __init__(
        self, layer: Any, merge_mode: str | None = "concat", weights: Any = None,
        backward_layer: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        super().__init__(layer, weights=weights, **kwargs)
        self.merge_mode = merge_mode
        self.return_state, self.return_sequences = layer.return_state, layer.return_sequences
        self.forward_layer = self._turned(layer, "forward_", layer.go_backwards)
        back = layer if backward_layer is None else backward_layer
        self.backward_layer = self._turned(back, "backward_", not layer.go_backwards)
        self._sublayers = [self.forward_layer, self.backward_layer]

    def build(self, input_shape: Any) -> None:
        """Make the variables of both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            layer._dtype = layer._dtype or self._dtype
            layer._set_scope(None)
            if not layer.built:
                layer.build(input_shape)
        self.built = True

    @staticmethod
    def _turned(layer: Any, prefix: str, backwards: bool) -> Any:
        config = layer.get_config()
        config["name"] = prefix + layer.name
        made = type(layer).from_config(copy.deepcopy(config))
        made.go_backwards = backwards
        return made

    def __call__(self, inputs: Any, initial_state: Any = None, **kwargs: Any) -> Any:
        """The outputs; inputs may be a list of the sequences and the first states."""
        if isinstance(inputs, (list, tuple)) and initial_state is None:
            inputs, initial_state = inputs[0], list(inputs[1:]) or None
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        return super().__call__(inputs, **kwargs)

    def call(
        self, inputs: Any, training: Any = None, mask: Any = None, initial_state: Any = None
    ) -> Any:
        half = len(initial_state or []) // 2
        first, second = (None, None)
        if initial_state is not None:
            first, second = list(initial_state[:half]), list(initial_state[half:])
        more: dict[str, Any] = {} if training is None else {"training": training}
        if mask is not None:
            more["mask"] = mask
        ahead = self.forward_layer(inputs, initial_state=first, **more)
        back = self.backward_layer(inputs, initial_state=second, **more)
        states: list[Any] = []
        if self.return_state:
            states = [*ahead[1:], *back[1:]]
            ahead, back = ahead[0], back[0]
        if self.return_sequences:
            back = reverse(back, [1])
        joined = self._joined(ahead, back)
        if not states:
            return joined
        return [*(joined if isinstance(joined, list) else [joined]), *states]

    def _joined(self, ahead: Any, back: Any) -> Any:
        if self.merge_mode == "concat":
            return backend.concatenate([ahead, back])
        if self.merge_mode == "sum":
            return ahead + back
        if self.merge_mode == "ave":
            return (ahead + back) / 2
        return ahead * back if self.merge_mode == "mul" else [ahead, back]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The inputs' mask, where all outputs are given."""
        kept = mask if self.return_sequences else None
        count = 2 if self.merge_mode is None else 1
        states = [None] * (2 * len(self.forward_layer.state_size) if self.return_state else 0)
        return [kept] * count + states if count > 1 or states else kept
