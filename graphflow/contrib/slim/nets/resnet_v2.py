"""`slim.nets.resnet_v2`: networks with shortcuts; see `resnets`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.contrib.framework.arg_scope import add_arg_scope
from graphflow.contrib.layers.linear import conv2d
from graphflow.contrib.layers.normalization import batch_norm
from graphflow.contrib.layers.utils import collect_named_outputs, last_dimension
from graphflow.contrib.slim.nets.resnet_utils import (
    Block,
    conv2d_same,
    resnet_arg_scope,
    subsample,
)
from graphflow.contrib.slim.nets.resnets import block_of, networks, residual_network
from graphflow.ops.activations import relu
from graphflow.ops.variable_scope import variable_scope

__all__ = [
    "bottleneck", "resnet_arg_scope", "resnet_v2", "resnet_v2_50", "resnet_v2_101",
    "resnet_v2_152", "resnet_v2_200", "resnet_v2_block",
]  # fmt: skip


@add_arg_scope
def bottleneck(
    inputs: Any, depth: int, depth_bottleneck: int, stride: int, rate: int = 1,
    outputs_collections: Any = None, scope: Any = None,
) -> Any:  # fmt: skip
    """Return a unit: three convolutions beside a shortcut.

    Parameters
    ----------
    depth, depth_bottleneck : channels of the result, and in between.
    stride, rate : the second convolution's strides and holes.
    """
    with variable_scope(scope, "bottleneck_v2", [inputs]) as made:
        before = batch_norm(inputs, activation_fn=relu, scope="preact")
        plain: dict[str, Any] = {"normalizer_fn": None, "activation_fn": None}
        if depth == last_dimension(inputs.shape, min_rank=4):
            shortcut = subsample(inputs, stride, "shortcut")
        else:
            shortcut = conv2d(before, depth, [1, 1], stride=stride, scope="shortcut", **plain)
        residual = conv2d(before, depth_bottleneck, [1, 1], stride=1, scope="conv1")
        residual = conv2d_same(residual, depth_bottleneck, 3, stride, rate=rate, scope="conv2")
        residual = conv2d(residual, depth, [1, 1], stride=1, scope="conv3", **plain)
        output = shortcut + residual
        return collect_named_outputs(outputs_collections, made.name, output)


def resnet_v2_block(scope: str, base_depth: int, num_units: int, stride: int) -> Block:
    """Return a block of units, the last of which has the strides."""
    return block_of(bottleneck, scope, base_depth, num_units, stride)


def resnet_v2(
    inputs: Any, blocks: Sequence[Block], num_classes: int | None = None, is_training: Any = True,
    global_pool: bool = True, output_stride: int | None = None, include_root_block: bool = True,
    reuse: Any = None, scope: Any = None,
) -> Any:  # fmt: skip
    """Return the logits of a network of blocks, and its layers' outputs by name.

    Parameters
    ----------
    inputs : images, floating, of shape [batch, height, width, channels].
    num_classes : how many logits there are; without them when None.
    is_training : whether normalisation goes by the batch.
    global_pool : take the mean over all places.
    output_stride : how much smaller than images the last block's result is.
    include_root_block : begin with a convolution and a pooling.

    Raises
    ------
    ValueError : `output_stride` cannot be had.
    """
    return residual_network(
        2, bottleneck, inputs, blocks, num_classes, is_training, global_pool, output_stride,
        include_root_block, reuse, scope,
    )  # fmt: skip


resnet_v2.default_image_size = 224  # type: ignore[attr-defined]
resnet_v2_50, resnet_v2_101, resnet_v2_152, resnet_v2_200 = networks(2, resnet_v2, resnet_v2_block)
