"""`slim.nets.resnet_utils`: stacks of units with shortcuts, strides or holes between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphflow.contrib.framework.arg_scope import add_arg_scope, arg_scope
from graphflow.contrib.layers.linear import conv2d
from graphflow.contrib.layers.normalization import batch_norm
from graphflow.contrib.layers.regularizers import l2_regularizer, variance_scaling_initializer
from graphflow.contrib.layers.shaping import max_pool2d
from graphflow.contrib.layers.utils import collect_named_outputs
from graphflow.graph.collections import GraphKeys
from graphflow.ops.activations import relu
from graphflow.ops.padding import pad
from graphflow.ops.variable_scope import variable_scope

__all__ = ["Block", "conv2d_same", "resnet_arg_scope", "stack_blocks_dense", "subsample"]


class Block(NamedTuple):
    """Units of one kind.

    Attributes
    ----------
    scope : the block's name.
    unit_fn : makes a unit.
    args : keyword arguments for each unit.
    """

    scope: str
    unit_fn: Callable[..., Any]
    args: Sequence[Mapping[str, Any]]


def subsample(inputs: Any, factor: int, scope: Any = None) -> Any:
    """Return every `factor`-th row and column."""
    return inputs if factor == 1 else max_pool2d(inputs, [1, 1], stride=factor, scope=scope)


def conv2d_same(
    inputs: Any, num_outputs: int, kernel_size: int, stride: int, rate: int = 1, scope: Any = None
) -> Any:
    """Return a convolution padded alike on both sides, whatever the image's size."""
    if stride == 1:
        return conv2d(
            inputs, num_outputs, kernel_size, stride=1, rate=rate, padding="SAME", scope=scope
        )
    total = kernel_size + (kernel_size - 1) * (rate - 1) - 1
    sides = [total // 2, total - total // 2]
    inputs = pad(inputs, [[0, 0], sides, sides, [0, 0]])
    return conv2d(
        inputs, num_outputs, kernel_size, stride=stride, rate=rate, padding="VALID", scope=scope
    )


@add_arg_scope
def stack_blocks_dense(
    net: Any, blocks: Sequence[Block], output_stride: float | None = None,
    outputs_collections: Any = None,
) -> Any:  # fmt: skip
    """Return blocks one after the other.

    Parameters
    ----------
    output_stride : how much smaller than `net` the result is at most; strides beyond become holes.

    Raises
    ------
    ValueError : strides do not come to `output_stride`.
    """
    reached, rate = 1, 1
    for block in blocks:
        with variable_scope(block.scope, "block", [net]) as scope:
            for number, unit in enumerate(block.args, 1):
                if output_stride is not None and reached > output_stride:
                    raise ValueError("The target output_stride cannot be reached.")
                with variable_scope(f"unit_{number}", values=[net]):
                    stride = unit.get("stride", 1)
                    if output_stride is not None and reached == output_stride:
                        net = block.unit_fn(net, rate=rate, **{**unit, "stride": 1})
                        rate *= stride
                    else:
                        net = block.unit_fn(net, rate=1, **unit)
                        reached *= stride
            net = collect_named_outputs(outputs_collections, scope.name, net)
    if output_stride is not None and reached != output_stride:
        raise ValueError("The target output_stride cannot be reached.")
    return net


def resnet_arg_scope(
    weight_decay: float = 0.0001, batch_norm_decay: float = 0.997,
    batch_norm_epsilon: float = 1e-5, batch_norm_scale: bool = True,
) -> Any:  # fmt: skip
    """Return the scope of arguments with which the networks were trained."""
    options = {
        "decay": batch_norm_decay, "epsilon": batch_norm_epsilon, "scale": batch_norm_scale,
        "updates_collections": GraphKeys.UPDATE_OPS,
    }  # fmt: skip
    with (
        arg_scope(
            [conv2d], weights_regularizer=l2_regularizer(weight_decay),
            weights_initializer=variance_scaling_initializer(), activation_fn=relu,
            normalizer_fn=batch_norm, normalizer_params=options,
        ),
        arg_scope([batch_norm], **options),
        arg_scope([max_pool2d], padding="SAME") as scope,
    ):  # fmt: skip
        return scope
