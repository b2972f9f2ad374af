"""Initializers: functions of shape and element type that make a variable's initial value.

The arguments are those of TensorFlow 1.15: the element type may be given to the constructor or,
and then it wins, to the call. A partitioned variable passes ``partition_info``, so that an
initializer that scales by the size of the layer scales by that of the whole.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.graph.constants import constant
from graphflow.graph.default import get_default_graph, name_scope
from graphflow.graph.dtypes import DType, as_dtype, float32, int32
from graphflow.graph.tensor import Tensor
from graphflow.ops import random as random_ops

_SMALL = 1000  # a constant of fewer elements is kept as such; a larger one is filled in a run


class Initializer:
    """Base of all initializers: called with shape and dtype, described by `get_config`."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return the initial value, a tensor of that shape."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Return an initializer made with the arguments that `get_config` returned."""
        return cls(**config)


def as_floating(dtype: Any) -> DType:
    """The element type; ValueError unless it is floating."""
    dtype = as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"Expected floating point type, got {dtype}.")
    return dtype


def _filled(value: Any, shape: Any, dtype: Any, name: str) -> Tensor:
    """Return a tensor of one value, as TensorFlow's `zeros` and `ones` make it."""
    dtype = as_dtype(dtype).base_dtype
    sizes = [int(size) for size in shape]
    if dtype.is_bool:
        value = bool(value)
    elif dtype.kind == "string":
        value = ""
    with name_scope(name) as scope:
        if math.prod(sizes) < _SMALL:
            return constant(value, dtype, sizes, scope)
        dims = constant(sizes, int32, name="shape_as_tensor")
        inputs = [dims, constant(value, dtype)]
        return (
            get_default_graph().create_op("Fill", inputs, {"index_type": int32}, scope).outputs[0]
        )


class Zeros(Initializer):
    """All zero."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return zeros."""
        return _filled(0, shape, self.dtype if dtype is None else dtype, "zeros")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"dtype": self.dtype.name}


class Ones(Initializer):
    """All one."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return ones."""
        return _filled(1, shape, self.dtype if dtype is None else dtype, "ones")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"dtype": self.dtype.name}


class Constant(Initializer):
    """A given value, or given values, the last of which is repeated to fill the shape.

    Parameters
    ----------
    value : number, list or array.
    verify_shape : require that `value` has the variable's shape.
    """

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value: {type(value)} (expected Python scalar, list or "
                "tuple of values, or numpy.ndarray)."
            )
        self.value = value
        self.dtype = as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(
        self, shape: Any, dtype: Any = None, partition_info: Any = None,
        verify_shape: bool | None = None,
    ) -> Any:  # fmt: skip
        """Return the value in that shape."""
        verify = self._verify_shape if verify_shape is None else verify_shape
        wanted = self.dtype if dtype is None else dtype
        return constant(self.value, wanted, shape, verify_shape=verify)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"value": self.value, "dtype": self.dtype.name}


class RandomUniform(Initializer):
    """Uniform in [minval, maxval)."""

    def __init__(
        self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = float32
    ) -> None:
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return random numbers."""
        wanted = self.dtype if dtype is None else dtype
        return random_ops.random_uniform(shape, self.minval, self.maxval, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "minval": self.minval,
            "maxval": self.maxval,
            "seed": self.seed,
            "dtype": self.dtype.name,
        }


class RandomNormal(Initializer):
    """Normally distributed."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = float32
    ) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = as_floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return random numbers."""
        wanted = self.dtype if dtype is None else dtype
        return random_ops.random_normal(shape, self.mean, self.stddev, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "mean": self.mean,
            "stddev": self.stddev,
            "seed": self.seed,
            "dtype": self.dtype.name,
        }


class TruncatedNormal(RandomNormal):
    """Normally distributed, drawn again when more than two deviations from the mean."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return random numbers."""
        wanted = self.dtype if dtype is None else dtype
        return random_ops.truncated_normal(shape, self.mean, self.stddev, wanted, seed=self.seed)


def _scaled_shape(shape: Any, partition_info: Any) -> list[int]:
    whole = shape if partition_info is None else partition_info.full_shape
    return [int(size) for size in whole]


class UniformUnitScaling(Initializer):
    """Uniform, so that the scale of a linear layer's input is kept: ``factor * sqrt(3 / n)``."""

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.factor = factor
        self.seed = seed
        self.dtype = as_floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return random numbers."""
        wanted = self.dtype if dtype is None else dtype
        inputs = max(float(math.prod(_scaled_shape(shape, partition_info)[:-1])), 1.0)
        limit = math.sqrt(3 / inputs) * self.factor
        return random_ops.random_uniform(shape, -limit, limit, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"factor": self.factor, "seed": self.seed, "dtype": self.dtype.name}


def _fans(shape: list[int]) -> tuple[int, int]:
    """Return the number of inputs and of outputs of a layer with weights of this shape."""
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])  # of a convolution's kernel
    return shape[-2] * field, shape[-1] * field


class VarianceScaling(Initializer):
    """Random with variance ``scale / n``.

    Parameters
    ----------
    mode : what n is: "fan_in", "fan_out" or "fan_avg", the number of a layer's inputs, of its
        outputs, or their mean.
    distribution : "truncated_normal" (also "normal"), "untruncated_normal" or "uniform".

    Notes
    -----
    Glorot & Bengio, AISTATS 2010, is ``fan_avg`` with scale 1; He et al., ICCV 2015, ``fan_in``
    with scale 2; LeCun et al. 1998, ``fan_in`` with scale 1.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None, dtype: Any = float32,
    ) -> None:  # fmt: skip
        if scale <= 0.0:
            raise ValueError("`scale` must be positive float.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError("Invalid `mode` argument:", mode)
        distribution = distribution.lower()
        if distribution not in ("normal", "uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError("Invalid `distribution` argument:", distribution)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = seed
        self.dtype = as_floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return random numbers."""
        wanted = self.dtype if dtype is None else dtype
        fan_in, fan_out = _fans(_scaled_shape(shape, partition_info))
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random_ops.random_uniform(shape, -limit, limit, wanted, seed=self.seed)
        if self.distribution == "untruncated_normal":
            stddev = math.sqrt(variance)
            return random_ops.random_normal(shape, 0.0, stddev, wanted, seed=self.seed)
        # What is left of a standard normal cut at two deviations has this deviation.
        stddev = math.sqrt(variance) / 0.87962566103423978
        return random_ops.truncated_normal(shape, 0.0, stddev, wanted, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
            "dtype": self.dtype.name,
        }


class GlorotUniform(VarianceScaling):
    """Uniform with Glorot's variance, 2 / (inputs + outputs)."""

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(mode="fan_avg", distribution="uniform", seed=seed, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"seed": self.seed, "dtype": self.dtype.name}


class GlorotNormal(VarianceScaling):
    """Truncated normal with Glorot's variance, 2 / (inputs + outputs)."""

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(mode="fan_avg", distribution="truncated_normal", seed=seed, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"seed": self.seed, "dtype": self.dtype.name}


class Identity(Initializer):
    """The identity matrix, times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = float32) -> None:
        self.gain = gain
        self.dtype = as_floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        """Return the matrix, or this part of it."""
        full = _scaled_shape(shape, partition_info)
        if len(full) != 2:
            raise ValueError("Identity matrix initializer can only be used for 2D matrices.")
        wanted = as_dtype(self.dtype if dtype is None else dtype).base_dtype
        rows, columns = (slice(0, size) for size in full)
        if partition_info is not None:
            offsets = zip(partition_info.var_offset, shape, strict=True)
            rows, columns = (slice(offset, offset + int(size)) for offset, size in offsets)
        matrix = np.eye(*full, dtype=wanted.numpy)[rows, columns]
        return constant(matrix * wanted.as_numpy_dtype(self.gain), wanted, name="eye")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"gain": self.gain, "dtype": self.dtype.name}


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Return a truncated normal initializer with variance 1 / inputs."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Return a uniform initializer with variance 1 / inputs."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Return a truncated normal initializer with variance 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Return a uniform initializer with variance 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


zeros_initializer = Zeros
ones_initializer = Ones
constant_initializer = Constant
random_uniform_initializer = RandomUniform
random_normal_initializer = RandomNormal
truncated_normal_initializer = TruncatedNormal
uniform_unit_scaling_initializer = UniformUnitScaling
variance_scaling_initializer = VarianceScaling
glorot_uniform_initializer = GlorotUniform
glorot_normal_initializer = GlorotNormal
identity_initializer = Identity
