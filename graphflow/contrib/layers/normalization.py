"""Batch and layer normalisation, as contrib has them."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.framework.arg_scope import add_arg_scope
from graphflow.contrib.framework.variables import model_variable
from graphflow.contrib.layers.common import (
    add_to_variable_collections,
    collect_named_outputs,
    collections_for,
    layer_scope,
)
from graphflow.graph.collections import GraphKeys
from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import add_to_collections, control_dependencies
from graphflow.graph.dtypes import float16, float32
from graphflow.graph.tensor import Tensor
from graphflow.layers.normalization import BatchNormalization
from graphflow.ops.batch_norm import batch_normalization, fused_batch_norm
from graphflow.ops.conditionals import smart_cond
from graphflow.ops.identity import identity
from graphflow.ops.initializers import Ones, Zeros
from graphflow.ops.nn import moments, weighted_moments
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_op
from graphflow.ops.variable_scope import get_variable_scope, variable_scope
from graphflow.train.moving_averages import assign_moving_average

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm"]


class _Norm:
    """The arguments of a normalisation with updates of its own, and its variables."""

    def __init__(self, shape: Any, dtype: Any, options: dict[str, Any]) -> None:
        self.options = options
        self.shape = shape
        self.dtype = dtype
        self.beta = self.variable("beta", Zeros(), True) if options["center"] else None
        self.gamma = self.variable("gamma", Ones(), True) if options["scale"] else None
        with variable_scope(get_variable_scope()) as scope:
            scope.set_partitioner(None)
            self.mean = self.variable("moving_mean", Zeros(), False)
            self.variance = self.variable("moving_variance", Ones(), False)

    def variable(self, name: str, initializer: Any, trained: bool) -> Any:
        options = self.options
        regularizer = (options["param_regularizers"] or {}).get(name) if trained else None
        return model_variable(
            name, shape=self.shape, dtype=self.dtype,
            initializer=(options["param_initializers"] or {}).get(name, initializer),
            regularizer=regularizer, trainable=trained and options["trainable"],
            collections=collections_for(options["variables_collections"], name),
        )  # fmt: skip

    def updates(self, mean: Any, variance: Any) -> list[Any]:
        decay, correct = self.options["decay"], self.options["zero_debias_moving_mean"]
        return [
            assign_moving_average(self.mean, mean, decay, zero_debias=correct),
            assign_moving_average(self.variance, variance, decay, zero_debias=False),
        ]

    def after_updates(self, training: Any, outputs: Any, mean: Any, variance: Any) -> Any:
        """The outputs; the updates are run with them, or are in collections."""
        collections = self.options["updates_collections"]
        if collections is None:

            def forced() -> Any:
                with control_dependencies(self.updates(mean, variance)):
                    return identity(outputs)

            return smart_cond(training, forced, lambda: identity(outputs))
        made = smart_cond(
            training, lambda: self.updates(mean, variance),
            lambda: [identity(self.mean), identity(self.variance)],
        )  # fmt: skip
        for update in made:
            add_to_collections(collections, update)
        return outputs


def _may_train(training: Any) -> bool:
    if isinstance(training, (bool, int)):
        return bool(training)
    value = constant_value(training)
    return value is None or bool(value)


def _fused(inputs: Any, training: Any, options: dict[str, Any]) -> Any:
    """By the fused op; matrices are images of one element."""
    rank, first = inputs.shape.rank, options["data_format"] == "NCHW"
    channels = inputs.shape.as_list()[1 if first else -1]
    if channels is None:
        raise ValueError(f"Inputs {inputs.name} has undefined `C` dimension {inputs.shape}.")
    images = inputs
    if rank == 2:
        images = reshape(inputs, [-1, channels, 1, 1] if first else [-1, 1, 1, channels])
    norm = _Norm([channels], float32, options)
    gamma = norm.gamma if norm.gamma is not None else constant(1.0, float32, [channels])
    beta = norm.beta if norm.beta is not None else constant(0.0, float32, [channels])
    common = {"epsilon": options["epsilon"], "data_format": options["data_format"]}
    outputs, mean, variance = smart_cond(
        training,
        lambda: fused_batch_norm(images, gamma, beta, **common),
        lambda: fused_batch_norm(
            images, gamma, beta, mean=norm.mean, variance=norm.variance, is_training=False, **common
        ),
    )
    if _may_train(training):
        outputs = norm.after_updates(training, outputs, mean, variance)
    outputs.set_shape(images.shape)
    return reshape(outputs, shape_op(inputs)) if rank == 2 else outputs


def _composed(inputs: Any, training: Any, batch_weights: Any, options: dict[str, Any]) -> Any:
    rank, first = inputs.shape.rank, options["data_format"].startswith("NC")
    axis = 1 if first else rank - 1
    channels = inputs.shape.as_list()[axis]
    if channels is None:
        raise ValueError(
            f"Inputs {inputs.name} has undefined channels dimension {inputs.shape}."
        )  # fmt: skip
    norm = _Norm([channels], inputs.dtype.base_dtype, options)
    axes = [k for k in range(rank) if k != axis]
    mean, variance = identity(norm.mean), identity(norm.variance)
    if _may_train(training):
        if batch_weights is None:
            found = moments(inputs, axes)
        else:
            weights = reshape(convert_to_tensor(batch_weights), [-1] + [1] * (rank - 1))
            found = weighted_moments(inputs, axes, weights)
        kept = (mean, variance)
        mean, variance = smart_cond(training, lambda: list(found), lambda: list(kept))
        mean = norm.after_updates(training, mean, *found)
    spread = [1] * rank
    spread[axis] = channels
    values = (mean, variance, norm.beta, norm.gamma)
    shaped = [v if v is None or not first else reshape(v, spread) for v in values]
    outputs = batch_normalization(
        inputs, shaped[0], shaped[1], shaped[2], shaped[3], options["epsilon"]
    )
    outputs.set_shape(inputs.shape)
    return outputs


@add_arg_scope
def batch_norm(
    inputs: Any,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Any = None,
    param_initializers: dict[str, Any] | None = None,
    param_regularizers: dict[str, Any] | None = None,
    updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: dict[str, Any] | None = None,
    renorm_decay: float = 0.99,
    adjustment: Any = None,
) -> Tensor:
    """Batch normalisation; see `tf.layers.batch_normalization`.

    Parameters
    ----------
    decay : of the moving averages.
    updates_collections : where the updates go; None runs them with the outputs.
    is_training : a bool, or a tensor that says it for each run.
    batch_weights : what each example counts.
    param_initializers, param_regularizers : by ``beta``, ``gamma``, ``moving_mean``,
        ``moving_variance``.
    zero_debias_moving_mean : correct the moving mean for its beginning at zero.
    """
    if data_format not in ("NCHW", "NHWC"):
        raise ValueError("data_format has to be either NCHW or NHWC.")
    options = {
        "decay": decay, "center": center, "scale": scale, "epsilon": epsilon,
        "param_initializers": param_initializers, "param_regularizers": param_regularizers,
        "updates_collections": updates_collections, "trainable": trainable,
        "variables_collections": variables_collections, "data_format": data_format,
        "zero_debias_moving_mean": zero_debias_moving_mean,
    }  # fmt: skip
    inputs = convert_to_tensor(inputs)
    rank = inputs.shape.rank
    if rank is None:
        raise ValueError(f"Inputs {inputs.name} has undefined rank")
    by_layer = updates_collections is GraphKeys.UPDATE_OPS and not zero_debias_moving_mean
    fits = batch_weights is None and not renorm and rank in (2, 4) and adjustment is None
    by_op = fused is not False and fits and (rank == 2 or not by_layer)
    if by_op:
        opened = variable_scope(scope, "BatchNorm", [inputs], reuse=reuse)
    else:
        opened = layer_scope(scope, "BatchNorm", inputs, reuse)
    with opened as sc:
        if by_op:
            outputs = _fused(inputs, is_training, options)
        elif by_layer and batch_weights is None:
            given = param_initializers or {}
            layer = BatchNormalization(
                1 if data_format == "NCHW" else -1, decay, epsilon, center, scale,
                given.get("beta", Zeros()), given.get("gamma", Ones()),
                given.get("moving_mean", Zeros()), given.get("moving_variance", Ones()),
                (param_regularizers or {}).get("beta"), (param_regularizers or {}).get("gamma"),
                trainable=trainable, renorm=renorm, renorm_clipping=renorm_clipping,
                renorm_momentum=renorm_decay, adjustment=adjustment, name=sc.name, _scope=sc,
                _reuse=reuse, fused=True if fused is None else fused,
            )  # fmt: skip
            outputs = layer.apply(inputs, training=is_training)
            for name in ("moving_mean", "moving_variance", "beta", "gamma"):
                add_to_variable_collections(getattr(layer, name), variables_collections, name)
        else:
            if renorm:
                raise ValueError(
                    "renorm is not supported with batch_weights, updates_collections or "
                    "zero_debias_moving_mean"
                )
            outputs = _composed(inputs, is_training, batch_weights, options)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, sc.name, outputs)


def _affine(
    inputs: Any, shape: Any, center: bool, scale: bool, trainable: bool, collections: Any
) -> tuple[Any, Any]:
    """An offset and a factor, each None where it is not wanted."""
    made = []
    for wanted, name, initializer in ((center, "beta", Zeros()), (scale, "gamma", Ones())):
        variable = None
        if wanted:
            variable = model_variable(
                name, shape=shape, dtype=inputs.dtype.base_dtype, initializer=initializer,
                trainable=trainable, collections=collections_for(collections, name),
            )  # fmt: skip
        made.append(variable)
    return made[0], made[1]


@add_arg_scope
def layer_norm(
    inputs: Any, center: bool = True, scale: bool = True, activation_fn: Any = None,
    reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
    trainable: bool = True, begin_norm_axis: int = 1, begin_params_axis: int = -1,
    scope: Any = None,
) -> Tensor:  # fmt: skip
    """Layer normalisation (Ba et al., 2016): each example by its own mean and variance.

    Parameters
    ----------
    begin_norm_axis : the first of the axes to normalise over.
    begin_params_axis : the first of the axes that offset and factor have.
    """
    with variable_scope(scope, "LayerNorm", [inputs], reuse=reuse) as sc:
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.rank
        if rank is None:
            raise ValueError(f"Inputs {inputs.name} has undefined rank.")
        begin = begin_norm_axis + rank if begin_norm_axis < 0 else begin_norm_axis
        if begin_params_axis >= rank or begin >= rank:
            raise ValueError(
                f"begin_params_axis ({begin_params_axis}) and begin_norm_axis ({begin}) must be < "
                f"rank(inputs) ({rank})"
            )
        shape = inputs.shape[begin_params_axis:]
        if not shape.is_fully_defined():
            raise ValueError(
                f"Inputs {inputs.name}: shape(inputs)[{begin_params_axis}:] is not fully defined: "
                f"{inputs.shape}"
            )
        beta, gamma = _affine(inputs, shape, center, scale, trainable, variables_collections)
        mean, variance = moments(inputs, list(range(begin, rank)), keep_dims=True)
        epsilon = 1e-3 if inputs.dtype.base_dtype == float16 else 1e-12
        outputs = batch_normalization(inputs, mean, variance, beta, gamma, epsilon)
        outputs.set_shape(inputs.shape)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, sc.name, outputs)


@add_arg_scope
def instance_norm(
    inputs: Any, center: bool = True, scale: bool = True, epsilon: float = 1e-6,
    activation_fn: Any = None, param_initializers: Any = None, reuse: Any = None,
    variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True,
    data_format: str = "NHWC", scope: Any = None,
) -> Tensor:  # fmt: skip
    """Instance normalisation (Ulyanov et al., 2016): each channel of each image by itself."""
    with variable_scope(scope, "InstanceNorm", [inputs], reuse=reuse) as sc:
        inputs = convert_to_tensor(inputs)
        rank, axis = inputs.shape.rank, 1 if data_format == "NCHW" else -1
        channels = inputs.shape.as_list()[axis]
        collections = variables_collections
        beta, gamma = _affine(inputs, [channels], center, scale, trainable, collections)
        axes = [k for k in range(1, rank) if k != axis % rank]
        if axis == 1:
            spread = [1, channels, *[1] * (rank - 2)]
            beta, gamma = (None if v is None else reshape(v, spread) for v in (beta, gamma))
        mean, variance = moments(inputs, axes, keep_dims=True)
        outputs = batch_normalization(
            inputs, mean, variance, beta, gamma, epsilon, name="instancenorm"
        )
        outputs.set_shape(inputs.shape)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, sc.name, outputs)


@add_arg_scope
def group_norm(
    inputs: Any, groups: int = 32, channels_axis: int = -1, reduction_axes: Any = (-3, -2),
    center: bool = True, scale: bool = True, epsilon: float = 1e-6, activation_fn: Any = None,
    param_initializers: Any = None, reuse: Any = None, variables_collections: Any = None,
    outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
    mean_close_to_zero: bool = False,
) -> Tensor:  # fmt: skip
    """Group normalisation (Wu & He, 2018): groups of channels by their own mean and variance."""
    with variable_scope(scope, "GroupNorm", [inputs], reuse=reuse) as sc:
        inputs = convert_to_tensor(inputs)
        sizes = inputs.shape.as_list()
        axis = channels_axis % len(sizes)
        channels = sizes[axis]
        if groups > channels or channels % groups:
            raise ValueError(f"Invalid groups {groups} for {channels} channels.")
        collections = variables_collections
        beta, gamma = _affine(inputs, [channels], center, scale, trainable, collections)
        dynamic = shape_op(inputs)
        full = [dynamic[k] if size is None else size for k, size in enumerate(sizes)]
        split = [*full[:axis], groups, channels // groups, *full[axis + 1 :]]
        grouped = reshape(inputs, split)
        reduced = [a % len(sizes) for a in reduction_axes]
        axes = sorted([axis + 1] + [a if a < axis else a + 1 for a in reduced])
        mean, variance = moments(grouped, axes, keep_dims=True)
        spread = [1] * (len(sizes) + 1)
        spread[axis], spread[axis + 1] = groups, channels // groups
        beta, gamma = (None if v is None else reshape(v, spread) for v in (beta, gamma))
        outputs = batch_normalization(grouped, mean, variance, beta, gamma, epsilon)
        outputs = reshape(outputs, full)
        outputs.set_shape(inputs.shape)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(outputs_collections, sc.name, outputs)
