"""Convolutions of images with the channels first."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.shaping import SizeVector
from graphflow.theano.tensor.var import TensorVariable, apply


def _pair(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value, value]


def _noted(tensor: Any, shape: Any) -> Any:
    """`tensor` with what the caller says of its shape."""
    if shape is None:
        return tensor
    known = [int(getattr(s, "data", s)) if _is_number(s) else None for s in shape]
    noted = gf.identity(tensor)
    noted.set_shape(known)
    return noted


def _is_number(size: Any) -> bool:
    return size is not None and (not isinstance(size, TensorVariable) or hasattr(size, "data"))


def _padding(border_mode: Any, filters: Any, dilation: list[int]) -> list[Any]:
    """How much is added before and after each spatial axis."""
    if border_mode == "valid":
        return [(0, 0), (0, 0)]
    if border_mode in ("full", "half"):
        sizes = gf.shape(filters)
        known = filters.shape.as_list()[2:]
        made = []
        for axis in range(2):
            size = sizes[2 + axis] if known[axis] is None else known[axis]
            reach = (size - 1) * dilation[axis]
            amount = reach if border_mode == "full" else (reach + 1) // 2
            made.append((amount, amount))
        return made
    amounts = _pair(border_mode)
    return [tuple(_pair(a)) for a in amounts]


def _padded(images: Any, amounts: list[Any]) -> Any:
    if all(isinstance(a, int) and a == 0 for pair in amounts for a in pair):
        return images
    rows = [[0, 0], [0, 0], *[list(pair) for pair in amounts]]
    if all(isinstance(a, int) for row in rows for a in row):
        return gf.pad(images, rows)
    return gf.pad(images, gf.stack([gf.stack(row) for row in rows]))


def conv2d(
    input: Any, filters: Any, input_shape: Any = None, filter_shape: Any = None,
    border_mode: Any = "valid", subsample: Any = (1, 1), filter_flip: bool = True,
    image_shape: Any = None, filter_dilation: Any = (1, 1), num_groups: int = 1,
    unshared: bool = False, **kwargs: Any,
) -> TensorVariable:  # fmt: skip
    """Return the convolution of images ``[batch, channels, height, width]``.

    Parameters
    ----------
    filters : ``[filters, channels, height, width]``.
    input_shape, filter_shape : what is known of the shapes; `image_shape` is another name.
    border_mode : ``valid``, ``full``, ``half``, or how much is added to each side.
    subsample : from one window to the next.
    filter_flip : whether filters are turned about, as a convolution has it.
    filter_dilation : from one element of the filter to the next.
    """
    if unshared:
        raise NotImplementedError("conv2d expected unshared=False; got True")
    (images, weights), _ = el.promoted(input, filters)
    steps, dilation = [list(_pair(subsample)), list(_pair(filter_dilation))]

    def build(x: Any, w: Any) -> Any:
        x = _noted(x, input_shape if image_shape is None else image_shape)
        w = _noted(w, filter_shape)
        x = _padded(x, _padding(border_mode, w, dilation))
        if filter_flip:
            w = gf.reverse(w, [2, 3])
        outer: dict[str, Any] = {
            "strides": [1, 1, *steps], "padding": "VALID", "dilations": [1, 1, *dilation],
            "data_format": "NCHW",
        }  # fmt: skip
        kernel = gf.transpose(w, [2, 3, 1, 0])
        if num_groups == 1:
            return gf.nn.conv2d(x, kernel, **outer)
        parts = zip(gf.split(x, num_groups, 1), gf.split(kernel, num_groups, 3), strict=True)
        return gf.concat([gf.nn.conv2d(a, b, **outer) for a, b in parts], 1)

    return apply("ConvOp", build, images, weights)


def conv2d_grad_wrt_inputs(
    output_grad: Any, filters: Any, input_shape: Any, filter_shape: Any = None,
    border_mode: Any = "valid", subsample: Any = (1, 1), filter_flip: bool = True,
    filter_dilation: Any = (1, 1), **kwargs: Any,
) -> TensorVariable:  # fmt: skip
    """Return the gradient of `conv2d` by its input: a transposed convolution."""
    (gradient, weights), _ = el.promoted(output_grad, filters)
    dilation = list(_pair(filter_dilation))
    batch = gradient.shape[0]
    channels = weights.shape[1]
    sizes = [batch, channels, *input_shape[-2:]]
    if _is_number(input_shape[0]):
        sizes[0] = input_shape[0]
    if len(input_shape) > 2 and _is_number(input_shape[1]):
        sizes[1] = input_shape[1]
    vector = SizeVector(sizes)

    def build(g: Any, w: Any, *given: Any) -> Any:
        w = _noted(w, filter_shape)
        amounts = _padding(border_mode, w, dilation)
        whole = gf.cast(vector.tensor(given), gf.int32)
        before = gf.stack([0, 0, *[a for a, _ in amounts]])
        after = gf.stack([0, 0, *[b for _, b in amounts]])
        flipped = gf.reverse(w, [2, 3]) if filter_flip else w
        made = gf.nn.conv2d_backprop_input(
            whole + before + after, gf.transpose(flipped, [2, 3, 1, 0]), g,
            [1, 1, *_pair(subsample)], "VALID", data_format="NCHW", dilations=[1, 1, *dilation],
        )  # fmt: skip
        made = gf.slice(made, before, whole)
        made.set_shape(vector.static())
        return made

    return apply("ConvGradInputs", build, gradient, weights, *vector.inputs)


class AbstractConv2d_gradInputs:
    """`conv2d_grad_wrt_inputs` in the form of an op: made with settings, called with tensors."""

    def __init__(
        self, imshp: Any = None, kshp: Any = None, border_mode: Any = "valid",
        subsample: Any = (1, 1), filter_flip: bool = True, filter_dilation: Any = (1, 1), **_: Any,
    ) -> None:  # fmt: skip
        self.settings = {
            "filter_shape": kshp, "border_mode": border_mode, "subsample": subsample,
            "filter_flip": filter_flip, "filter_dilation": filter_dilation,
        }  # fmt: skip
        self.imshp = imshp or (None,) * 4

    def __call__(self, kern: Any, topgrad: Any, shape: Any) -> TensorVariable:
        sizes = [
            known if _is_number(known) else shape[k - 2] if k > 1 else None
            for k, known in enumerate(self.imshp)
        ]
        return conv2d_grad_wrt_inputs(topgrad, kern, sizes, **self.settings)
