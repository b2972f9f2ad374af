"""Keras's backend: functions of elements, reductions and shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphflow.gradients.reverse import gradients as gradients_op
from graphflow.graph.constants import constant
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.sparse_tensor import SparseTensor
from graphflow.graph.tensor import Tensor
from graphflow.keras.backend_state import floatx, image_data_format
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_value
from graphflow.ops.comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    not_equal,
    where_v2,
)
from graphflow.ops.conditionals import cond
from graphflow.ops.contraction import tensordot
from graphflow.ops.creation import ones_like as ones_like_op
from graphflow.ops.creation import zeros_like as zeros_like_op
from graphflow.ops.einsum import einsum
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.elementwise import pow as pow
from graphflow.ops.functional import foldl as foldl_op
from graphflow.ops.functional import foldr as foldr_op
from graphflow.ops.functional import map_fn as map_fn_op
from graphflow.ops.gathering import gather as gather_op
from graphflow.ops.identity import stop_gradient
from graphflow.ops.image_resizing import resize_bilinear, resize_nearest_neighbor
from graphflow.ops.joining import concat
from graphflow.ops.joining import stack as stack_op
from graphflow.ops.linear import matmul
from graphflow.ops.nn import l2_normalize as l2_normalize_op
from graphflow.ops.padding import pad
from graphflow.ops.random import random_normal as random_normal_op
from graphflow.ops.random import random_uniform as random_uniform_op
from graphflow.ops.random import truncated_normal as truncated_normal_op
from graphflow.ops.reductions import argmax as argmax_op
from graphflow.ops.reductions import argmin as argmin_op
from graphflow.ops.reductions import (
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_std,
    reduce_sum,
    reduce_variance,
)
from graphflow.ops.rolling import repeat as repeat_op
from graphflow.ops.scans import cumprod as cumprod_op
from graphflow.ops.scans import cumsum as cumsum_op
from graphflow.ops.sequences import one_hot as one_hot_op
from graphflow.ops.sequences import range as range_op
from graphflow.ops.shape import expand_dims as expand_dims_op
from graphflow.ops.shape import reshape as reshape_op
from graphflow.ops.shape import shape
from graphflow.ops.shape import squeeze as squeeze_op
from graphflow.ops.slicing import reverse as reverse_op
from graphflow.ops.slicing import tile as tile_op
from graphflow.ops.sparse_products import sparse_tensor_dense_matmul
from graphflow.ops.transposing import transpose as transpose_op
from graphflow.ops.unary import abs as abs
from graphflow.ops.unary import cos, exp, log, sign, sin, square
from graphflow.ops.unary import round as round
from graphflow.ops.unary import sqrt as sqrt_op
from graphflow.ops.variables import Variable

__all__ = [
    "abs", "all", "any", "arange", "argmax", "argmin", "batch_dot", "batch_flatten", "cast", "clip",
    "concatenate", "cos", "cumprod", "cumsum", "dot", "equal", "exp", "expand_dims", "eye",
    "flatten", "foldl", "foldr", "gather", "gradients", "greater", "greater_equal", "hard_sigmoid",
    "l2_normalize", "less", "less_equal", "log", "map_fn", "max", "maximum", "mean", "min",
    "minimum", "not_equal", "one_hot", "ones", "ones_like", "permute_dimensions", "pow", "prod",
    "random_binomial", "random_normal", "random_normal_variable", "random_uniform",
    "random_uniform_variable", "repeat", "repeat_elements", "reshape", "resize_images",
    "resize_volumes", "reverse", "round", "shape", "sign", "sin", "spatial_2d_padding",
    "spatial_3d_padding", "sqrt", "square", "squeeze", "stack", "std", "stop_gradient", "sum",
    "switch", "temporal_padding", "tile", "transpose", "truncated_normal", "var", "zeros",
    "zeros_like",
]  # fmt: skip


def _reduction(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = convert_to_tensor(x)
        is_number = name in ("mean", "std", "var") and x.dtype.base_dtype == "bool"
        return function(cast(x, floatx()) if is_number else x, axis, keepdims)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"The {name} along axes."
    return reduce


sum, prod = _reduction(reduce_sum, "sum"), _reduction(reduce_prod, "prod")
max, min = _reduction(reduce_max, "max"), _reduction(reduce_min, "min")
mean, std = _reduction(reduce_mean, "mean"), _reduction(reduce_std, "std")
var = _reduction(reduce_variance, "var")


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all are true along axes."""
    return reduce_all(cast(x, "bool"), axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any is true along axes."""
    return reduce_any(cast(x, "bool"), axis, keepdims)


def argmax(x: Any, axis: int = -1) -> Any:
    """Where the maximum lies along an axis."""
    return argmax_op(x, axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """Where the minimum lies along an axis."""
    return argmin_op(x, axis)


def sqrt(x: Any) -> Any:
    """The square root, that of negative numbers being zero."""
    return sqrt_op(clip(x, 0.0, np.inf))


def cumsum(x: Any, axis: int = 0) -> Any:
    """Sums so far along an axis."""
    return cumsum_op(x, axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Products so far along an axis."""
    return cumprod_op(x, axis)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """Scaled to length one along an axis."""
    return l2_normalize_op(x, axis)


# ---- making tensors


def _variable(value: Any, name: str | None) -> Any:
    return Variable(value, name=name, use_resource=True)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros."""
    return _variable(np.zeros(shape, dtype or floatx()), name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones."""
    return _variable(np.ones(shape, dtype or floatx()), name)


def eye(size: int, dtype: Any = None, name: str | None = None) -> Any:
    """A variable with ones on the diagonal."""
    return _variable(np.eye(size, dtype=dtype or floatx()), name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros of a tensor's shape."""
    return zeros_like_op(x, dtype, name)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones of a tensor's shape."""
    return ones_like_op(x, dtype, name)


def drawn_seed(given: int | None, limit: int = 10**7) -> int:
    """The seed given, or one by NumPy's generator, so that its seed decides as in TensorFlow."""
    return int(np.random.randint(limit)) if given is None else given  # noqa: NPY002


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None,
    seed: int | None = None,
) -> Any:  # fmt: skip
    """A variable of uniform numbers."""
    seed = drawn_seed(seed, 10**9)
    return _variable(random_uniform_op(shape, low, high, dtype or floatx(), seed), name)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None,
    seed: int | None = None,
) -> Any:  # fmt: skip
    """A variable of normal numbers."""
    seed = drawn_seed(seed, 10**9)
    return _variable(random_normal_op(shape, mean, scale, dtype or floatx(), seed), name)


def arange(start: Any, stop: Any = None, step: int = 1, dtype: str = "int32") -> Any:
    """Numbers from a start, in steps."""
    if stop is None:
        start, stop = 0, start
    return cast(range_op(start, stop, step), dtype)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal numbers."""
    return random_normal_op(shape, mean, stddev, dtype or floatx(), drawn_seed(seed))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal numbers, none further than two deviations from the mean."""
    return truncated_normal_op(shape, mean, stddev, dtype or floatx(), drawn_seed(seed))


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None,
    seed: int | None = None,
) -> Any:  # fmt: skip
    """Uniform numbers."""
    return random_uniform_op(shape, minval, maxval, dtype or floatx(), drawn_seed(seed))


def random_binomial(shape: Any, p: float = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """Ones with a probability, else zeros."""
    kind = dtype or floatx()
    return cast(random_uniform_op(shape, dtype=kind, seed=drawn_seed(seed)) <= p, kind)


def one_hot(indices: Any, num_classes: int) -> Any:
    """One at each index, else zero."""
    return one_hot_op(indices, num_classes, axis=-1)


# ---- products


def dot(x: Any, y: Any) -> Any:
    """The product along the last axis of `x` and the last but one of `y`."""
    if isinstance(x, SparseTensor):
        return sparse_tensor_dense_matmul(x, y)
    x, y = convert_to_tensor(x), convert_to_tensor(y)
    if x.shape.rank == 2 and y.shape.rank == 2:
        return matmul(x, y)
    axis = y.shape.rank - 2 if y.shape.rank > 1 else 0
    return tensordot(x, y, [[x.shape.rank - 1], [axis]])


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products along an axis of each, example by example."""
    one, other = x.shape.rank, y.shape.rank
    if axes is None:
        axes = [one - 1, 1 if other == 2 else other - 2]
    pair = [axes, axes] if isinstance(axes, int) else list(axes)
    left, right = pair[0] % one, pair[1] % other
    if left == 0 or right == 0:
        raise ValueError("Cannot perform batch_dot over axis 0, the axis of the examples")
    letters = "abcdefghij"
    names = ["z", *letters[: one - 1]]
    others = ["z", *letters[one - 1 : one + other - 2]]
    others[right] = names[left]
    kept = [n for n in names if n != names[left]] + [n for n in others[1:] if n != names[left]]
    made = einsum(f"{''.join(names)},{''.join(others)}->{''.join(kept)}", x, y)
    return expand_dims_op(made, 1) if made.shape.rank == 1 else made


# ---- shapes


def reshape(x: Any, shape: Any) -> Any:
    """The elements in another shape."""
    return reshape_op(x, shape)


def batch_flatten(x: Any) -> Any:
    """A row for each example."""
    sizes = x.shape.as_list()[1:]
    wide = -1 if None in sizes else int(np.prod(sizes))
    return reshape_op(x, [shape(x)[0], wide] if wide < 0 else [-1, wide])


def permute_dimensions(x: Any, pattern: Any) -> Any:
    """The axes in another order."""
    return transpose_op(x, pattern)


def transpose(x: Any) -> Any:
    """The axes in reverse order."""
    return transpose_op(x)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """One more axis."""
    return expand_dims_op(x, axis)


def squeeze(x: Any, axis: Any) -> Any:
    """Without an axis of size one."""
    return squeeze_op(x, axis if isinstance(axis, (list, tuple)) else [axis])


def stack(x: Any, axis: int = 0) -> Any:
    """Tensors along a new axis."""
    return stack_op(list(x), axis)


def reverse(x: Any, axes: Any) -> Any:
    """In reverse order along axes."""
    return reverse_op(x, [axes] if isinstance(axes, int) else list(axes))


def repeat(x: Any, n: int) -> Any:
    """Each row of a matrix so many times."""
    return tile_op(expand_dims_op(x, 1), [1, n, 1])


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element so many times along an axis."""
    return repeat_op(x, rep, axis=axis)


def tile(x: Any, n: Any) -> Any:
    """Copies side by side."""
    return tile_op(x, [n] if isinstance(n, int) else n)


def gather(reference: Any, indices: Any) -> Any:
    """Rows."""
    return gather_op(reference, indices)


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros around sequences."""
    return pad(x, [[0, 0], list(padding), [0, 0]])


def _padded(x: Any, padding: Any, data_format: str | None) -> Any:
    around = [list(p) for p in padding]
    first = (data_format or image_data_format()) == "channels_first"
    return pad(x, [[0, 0], [0, 0], *around] if first else [[0, 0], *around, [0, 0]])


def spatial_2d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None
) -> Any:
    """Zeros around images."""
    return _padded(x, padding, data_format)


def spatial_3d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None
) -> Any:
    """Zeros around volumes."""
    return _padded(x, padding, data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Any:
    """Images so many times as high and as wide."""
    first = data_format == "channels_first"
    images = transpose_op(x, [0, 2, 3, 1]) if first else x
    known = images.shape.as_list()[1:3]
    sizes: Any = shape(x)[2:] if first else shape(x)[1:3]
    wanted = sizes * constant(np.array([height_factor, width_factor], np.int32))
    resize = resize_nearest_neighbor if interpolation == "nearest" else resize_bilinear
    made = resize(images, wanted, half_pixel_centers=True)
    high, wide = (n and n * f for n, f in zip(known, (height_factor, width_factor), strict=True))
    made.set_shape([images.shape.as_list()[0], high, wide, images.shape.as_list()[3]])
    return transpose_op(made, [0, 3, 1, 2]) if first else made


def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str
) -> Any:
    """Volumes with each element so many times along each axis."""
    start = 2 if data_format == "channels_first" else 1
    for place, times in enumerate((depth_factor, height_factor, width_factor)):
        x = repeat_op(x, times, axis=start + place)
    return x


# ---- functions of functions


def map_fn(fn: Callable[..., Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """A function of each row."""
    return map_fn_op(fn, elems, dtype=dtype, name=name)


def foldl(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None
) -> Any:
    """Rows combined from the first."""
    return foldl_op(fn, elems, initializer=initializer, name=name)


def foldr(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None
) -> Any:
    """Rows combined from the last."""
    return foldr_op(fn, elems, initializer=initializer, name=name)


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """The values, none below and none above."""
    return clip_by_value(x, min_value, max_value)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Tensor:
    """The tensors, one after another along an axis."""
    return concat(list(tensors), axis)


def flatten(x: Any) -> Tensor:
    """All elements in a line."""
    return reshape(x, [-1])


def gradients(loss: Any, variables: Any) -> list[Any]:
    """The gradients of a loss."""
    return gradients_op(loss, variables)


def hard_sigmoid(x: Any) -> Tensor:
    """``clip(0.2 x + 0.5, 0, 1)``."""
    return clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two, by a scalar, or by each element of a condition."""
    rank = condition.shape.rank
    if rank:
        one, other = (e() if callable(e) else e for e in (then_expression, else_expression))
        for _ in range(convert_to_tensor(one).shape.rank - rank):
            condition = expand_dims_op(condition, -1)
        return where_v2(cast(condition, "bool"), one, other)
    one, other = (e if callable(e) else (lambda e=e: e) for e in (then_expression, else_expression))
    return cond(cast(condition, "bool"), one, other)
