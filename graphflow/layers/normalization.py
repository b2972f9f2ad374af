"""Batch normalisation as a layer, with moving statistics for inference."""

from __future__ import annotations

import math
from typing import Any

from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import colocate_with, control_dependencies, name_scope
from graphflow.graph.dtypes import bfloat16, float16, float32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.activations import relu
from graphflow.ops.batch_norm import batch_normalization as batch_normalization_op
from graphflow.ops.batch_norm import fused_batch_norm
from graphflow.ops.casting import cast
from graphflow.ops.conditionals import smart_cond
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.elementwise import maximum, minimum
from graphflow.ops.identity import identity, stop_gradient
from graphflow.ops.initializers import Ones, Zeros
from graphflow.ops.input_spec import InputSpec
from graphflow.ops.layer_base import Layer
from graphflow.ops.nn import moments
from graphflow.ops.reductions import reduce_mean
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.state import assign, assign_sub
from graphflow.ops.unary import sqrt

__all__ = ["BatchNormalization", "batch_normalization"]


_FUSED_TYPES = (float32, float16, bfloat16)


def _known(training: Any) -> bool | None:
    """Whether it is training, None if only the run knows."""
    if isinstance(training, (bool, int)):
        return bool(training)
    value = constant_value(training)
    return None if value is None else bool(value)


class BatchNormalization(Layer):
    """Batch normalisation (Ioffe & Szegedy, 2015).

    In training, inputs are normalised by the mean and variance of the batch, and moving averages
    of those are kept by updates in ``UPDATE_OPS``, by which inputs are normalised otherwise.

    Parameters
    ----------
    axis : the axis, or axes, that have statistics of their own: the channels'.
    momentum : of the moving averages.
    epsilon : added to the variance.
    center, scale : whether there is an offset `beta`, a factor `gamma`.
    renorm : normalise by moving statistics in training too (Ioffe, 2017); `renorm_clipping` is a
        dict with ``rmin``, ``rmax`` and ``dmax``, `renorm_momentum` of those statistics.
    fused : False keeps from using the fused op where it fits, with images.
    virtual_batch_size : size of the parts of a batch that are normalised separately.
    adjustment : function of the inputs' shape that gives a factor and an offset for training.
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = Zeros(),  # noqa: B008  # immutable
        gamma_initializer: Any = Ones(),  # noqa: B008
        moving_mean_initializer: Any = Zeros(),  # noqa: B008
        moving_variance_initializer: Any = Ones(),  # noqa: B008
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, Any] | None = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Any = None,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = beta_initializer
        self.gamma_initializer = gamma_initializer
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer
        self.beta_regularizer = beta_regularizer
        self.gamma_regularizer = gamma_regularizer
        self.beta_constraint = beta_constraint
        self.gamma_constraint = gamma_constraint
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping or {}
        self.renorm_momentum = renorm_momentum
        self.virtual_batch_size = virtual_batch_size
        self.adjustment = adjustment
        unknown = set(self.renorm_clipping) - {"rmax", "rmin", "dmax"}
        if unknown:
            raise ValueError(f"renorm_clipping {renorm_clipping} contains keys not in "
                             "['rmax', 'rmin', 'dmax']")  # fmt: skip
        self.fused = fused
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    # ---- variables

    def build(self, input_shape: Any) -> None:
        """Make the variables."""
        shape = TensorShape(input_shape)
        if shape.rank is None:
            raise ValueError("Input has undefined rank:", shape)
        sizes = shape.as_list()
        self._set_axes(len(sizes))
        self._set_fused(len(sizes))
        of_axes = {axis: sizes[axis] for axis in self.axis}
        for axis, size in of_axes.items():
            if size is None:
                raise ValueError(
                    f"Input has undefined `axis` dimension. Input shape: {shape} (axis {axis})"
                )
        self.input_spec = InputSpec(ndim=len(sizes), axes=of_axes)
        if len(of_axes) == 1 and self.virtual_batch_size is None:
            param_shape: list[int] = list(of_axes.values())
        else:  # ones for the other axes, so that they broadcast
            param_shape = [of_axes.get(k, 1) for k in range(len(sizes))]
            if self.virtual_batch_size is not None:
                param_shape.insert(1, 1)
                self.axis = [axis + 1 for axis in self.axis]
        self._make_variables(param_shape)
        self.built = True

    def _set_axes(self, rank: int) -> None:
        given = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        self.axis = [axis + rank if axis < 0 else axis for axis in given]
        for axis in self.axis:
            if not 0 <= axis < rank:
                raise ValueError(f"Invalid axis: {axis}")
        if len(self.axis) != len(set(self.axis)):
            raise ValueError(f"Duplicate axis: {self.axis}")
        if self.virtual_batch_size is not None:
            if self.virtual_batch_size <= 0:
                raise ValueError("virtual_batch_size must be a positive integer that divides the "
                                 "true batch size of the input Tensor")  # fmt: skip
            if 0 in self.axis:
                raise ValueError("When using virtual_batch_size, the batch dimension must be 0 and "
                                 "thus axis cannot include 0")  # fmt: skip

    def _set_fused(self, rank: int) -> None:
        """Use the fused op where it is allowed and fits."""
        plain = not self.renorm and self.virtual_batch_size is None and self.adjustment is None
        fits = rank == 4 and self.axis in ([1], [3]) and self.dtype in (None, *_FUSED_TYPES)
        self.fused = self.fused is not False and plain and fits
        self._data_format = "NCHW" if self.axis == [1] else "NHWC"

    def _make_variables(self, shape: list[int]) -> None:
        dtype = float32 if self.dtype in (float16, bfloat16) else self.dtype or float32
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma", shape=shape, dtype=dtype, initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
                trainable=True,
            )  # fmt: skip
        elif self.fused:
            self._constant_gamma = constant(1.0, dtype, shape)
        if self.center:
            self.beta = self.add_weight(
                name="beta", shape=shape, dtype=dtype, initializer=self.beta_initializer,
                regularizer=self.beta_regularizer, constraint=self.beta_constraint, trainable=True,
            )  # fmt: skip
        elif self.fused:
            self._constant_beta = constant(0.0, dtype, shape)
        # Statistics are not partitioned, whatever the scope says.
        partitioner = self._scope.partitioner
        self._scope.set_partitioner(None)

        def statistic(name: str, initializer: Any) -> Any:
            return self.add_weight(
                name=name, shape=shape, dtype=dtype, initializer=initializer, trainable=False
            )

        self.moving_mean = statistic("moving_mean", self.moving_mean_initializer)
        self.moving_variance = statistic("moving_variance", self.moving_variance_initializer)
        if self.renorm:

            def deviation(*args: Any, **kwargs: Any) -> Any:
                return sqrt(self.moving_variance_initializer(*args, **kwargs))

            self.moving_stddev = statistic("moving_stddev", deviation)
            self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = statistic("renorm_stddev", deviation)
        if partitioner:
            self._scope.set_partitioner(partitioner)

    # ---- moving averages

    def _move(self, variable: Any, value: Any, momentum: Any) -> Any:
        """The operation that moves a statistic towards a value."""
        with name_scope("AssignMovingAvg") as scope, colocate_with(variable):
            decay = convert_to_tensor(1.0 - momentum, name="decay")
            decay = cast(decay, variable.dtype.base_dtype)
            delta = (variable - cast(value, variable.dtype.base_dtype)) * decay
            return assign_sub(variable, delta, name=scope)

    # ---- the fused op

    def _call_fused(self, inputs: Any, training: Any) -> Any:
        gamma = self.gamma if self.scale else self._constant_gamma
        beta = self.beta if self.center else self._constant_beta

        def by_batch() -> Any:
            return fused_batch_norm(
                inputs, gamma, beta, epsilon=self.epsilon, data_format=self._data_format
            )

        def by_statistics() -> Any:
            return fused_batch_norm(
                inputs, gamma, beta, mean=self.moving_mean, variance=self.moving_variance,
                epsilon=self.epsilon, is_training=False, data_format=self._data_format,
            )  # fmt: skip

        output, mean, variance = smart_cond(training, by_batch, by_statistics)
        known = _known(training)
        if known is None:  # a momentum of one leaves the statistics as they are
            momentum: Any = smart_cond(
                training, lambda: constant(self.momentum), lambda: constant(1.0)
            )
        else:
            momentum = convert_to_tensor(self.momentum)
        if known is not False:
            self.add_update(lambda: self._move(self.moving_mean, mean, momentum), inputs)
            self.add_update(lambda: self._move(self.moving_variance, variance, momentum), inputs)
            self._count_reads()
        return output

    def _count_reads(self) -> None:
        """Count the reads of the moving statistics that TensorFlow makes of Keras's variables."""
        if self._use_resource:
            self._graph._skip_ids(2)

    # ---- the composition

    def call(self, inputs: Any, training: Any = False) -> Any:
        """The normalised inputs; `training` is a bool, or a tensor that says it for each run."""
        if self.fused:
            return self._call_fused(inputs, training)
        if self.virtual_batch_size is None:
            return self._call_composed(inputs, training)
        original = [-1, *inputs.shape.as_list()[1:]]
        parts = reshape(inputs, [self.virtual_batch_size, -1, *original[1:]])
        return reshape(self._call_composed(parts, training), original)

    def _call_composed(self, inputs: Any, training: Any) -> Any:
        rank = inputs.shape.rank
        axes = [k for k in range(rank) if k not in self.axis]
        if self.virtual_batch_size is not None:
            del axes[1]
        spread = [1] * rank
        spread[self.axis[0]] = inputs.shape.as_list()[self.axis[0]]

        def broadcast(value: Any) -> Any:
            last = axes == list(range(rank - 1))
            if value is None or value.shape.rank == rank or last:
                return value
            return reshape(value, spread)

        scale, offset = broadcast(self.gamma), broadcast(self.beta)
        mean, variance = self.moving_mean, self.moving_variance
        if _known(training) is not False:
            scale, offset = self._adjusted(inputs, training, scale, offset)
            keep = self.virtual_batch_size is not None or len(self.axis) > 1
            mean, variance, scale, offset = self._statistics(
                inputs, training, moments(inputs, axes, keep_dims=keep), (scale, offset), broadcast
            )
        mean, variance = (cast(v, inputs.dtype) for v in (mean, variance))
        offset = None if offset is None else cast(offset, inputs.dtype)
        scale = None if scale is None else cast(scale, inputs.dtype)
        outputs = batch_normalization_op(
            inputs, broadcast(mean), broadcast(variance), offset, scale, self.epsilon
        )
        outputs.set_shape(inputs.shape)
        return outputs

    def _adjusted(self, inputs: Any, training: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
        """Apply the adjustment, in training."""
        if self.adjustment is None:
            return scale, offset
        factor, shift = self.adjustment(shape_op(inputs))
        factor = smart_cond(training, lambda: factor, lambda: ones_like(factor))
        shift = smart_cond(training, lambda: shift, lambda: zeros_like(shift))
        return _composed(factor, shift, scale, offset)

    def _statistics(
        self, inputs: Any, training: Any, found: Any, affine: tuple[Any, Any], broadcast: Any
    ) -> tuple[Any, Any, Any, Any]:
        """What to normalise by, and what to apply then; adds the updates."""
        batch_mean, batch_variance = found
        mean = smart_cond(
            training, lambda: batch_mean, lambda: convert_to_tensor(self.moving_mean)
        )  # fmt: skip
        variance = smart_cond(
            training, lambda: batch_variance, lambda: convert_to_tensor(self.moving_variance)
        )
        new_mean, new_variance = mean, variance
        if self.virtual_batch_size is not None:
            new_mean = reduce_mean(mean, axis=1, keepdims=True)
            new_variance = reduce_mean(variance, axis=1, keepdims=True)
        if self.renorm:
            r, d, new_mean, new_variance = self._corrections(new_mean, new_variance, training)
            r = broadcast(stop_gradient(r, name="renorm_r"))
            d = broadcast(stop_gradient(d, name="renorm_d"))
            affine = _composed(r, d, *affine)
        self._add_updates(inputs, training, new_mean, new_variance)
        return mean, variance, *affine

    def _add_updates(self, inputs: Any, training: Any, mean: Any, variance: Any) -> None:
        def move_mean() -> Any:
            return self._move(self.moving_mean, mean, self.momentum)

        def move_variance() -> Any:
            if not self.renorm:
                return self._move(self.moving_variance, variance, self.momentum)
            deviation = sqrt(variance + self.epsilon)
            moved = self._move(self.moving_stddev, deviation, self.momentum)
            value = relu(moved * moved - self.epsilon)
            with name_scope("AssignNewValue") as scope, colocate_with(self.moving_variance):
                return assign(self.moving_variance, value, name=scope)

        for update, variable in (
            (move_mean, self.moving_mean), (move_variance, self.moving_variance)
        ):  # fmt: skip
            self.add_update(
                lambda update=update, variable=variable: smart_cond(
                    training, update, lambda: convert_to_tensor(variable)
                ),
                inputs,
            )
        if _known(training) is not False:
            self._count_reads()

    def _corrections(self, mean: Any, variance: Any, training: Any) -> tuple[Any, Any, Any, Any]:
        """The factor and offset of renormalisation, and the statistics to keep."""
        deviation = sqrt(variance + self.epsilon)
        kept = maximum(self.renorm_stddev, math.sqrt(self.epsilon))
        r = deviation / kept
        d = (mean - self.renorm_mean) / kept
        with control_dependencies([r, d]):  # they see the statistics before the update
            mean, deviation = identity(mean), identity(deviation)
        limits = [self.renorm_clipping.get(key) for key in ("rmin", "rmax", "dmax")]
        if limits[0] is not None:
            r = maximum(r, limits[0])
        if limits[1] is not None:
            r = minimum(r, limits[1])
        if limits[2] is not None:
            d = minimum(maximum(d, -limits[2]), limits[2])
        r = smart_cond(training, lambda: r, lambda: ones_like(r))
        d = smart_cond(training, lambda: d, lambda: zeros_like(d))
        moved = []
        for variable, value in ((self.renorm_mean, mean), (self.renorm_stddev, deviation)):
            value = identity(value)
            moved.append(
                smart_cond(
                    training,
                    lambda variable=variable, value=value: self._move(
                        variable, value, self.renorm_momentum
                    ),
                    lambda variable=variable: identity(variable),
                )
            )
        with control_dependencies(moved):
            return r, d, identity(mean), identity(variance)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return TensorShape(input_shape)


def _composed(scale: Any, offset: Any, then_scale: Any, then_offset: Any) -> tuple[Any, Any]:
    """One factor and offset in place of two after another."""
    if then_scale is not None:
        scale, offset = scale * then_scale, offset * then_scale
    return scale, offset if then_offset is None else offset + then_offset


def batch_normalization(
    inputs: Any,
    axis: Any = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = Zeros(),  # noqa: B008  # immutable
    gamma_initializer: Any = Ones(),  # noqa: B008
    moving_mean_initializer: Any = Zeros(),  # noqa: B008
    moving_variance_initializer: Any = Ones(),  # noqa: B008
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: dict[str, Any] | None = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Any = None,
) -> Tensor:
    """The normalised inputs; see `BatchNormalization`.

    The updates of the moving statistics are in the collection ``UPDATE_OPS``, and have to be run
    with each step of the training.
    """
    layer = BatchNormalization(
        axis, momentum, epsilon, center, scale, beta_initializer, gamma_initializer,
        moving_mean_initializer, moving_variance_initializer, beta_regularizer,
        gamma_regularizer, beta_constraint, gamma_constraint, renorm, renorm_clipping,
        renorm_momentum, fused, trainable, virtual_batch_size, adjustment, name=name,
        _reuse=reuse, _scope=name,
    )  # fmt: skip
    return layer.apply(inputs, training=training)
