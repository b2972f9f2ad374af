"""Both versions of networks with shortcuts: He et al., arXiv:1512.03385 and 1603.05027, 2015-16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d
from graphflow.contrib.layers.normalization import batch_norm
from graphflow.contrib.layers.shaping import max_pool2d, softmax
from graphflow.contrib.layers.utils import convert_collection_to_dict
from graphflow.contrib.slim.nets.resnet_utils import Block, conv2d_same, stack_blocks_dense
from graphflow.ops.activations import relu
from graphflow.ops.reductions import reduce_mean
from graphflow.ops.variable_scope import variable_scope

# How many units each block has, by the number of layers.
UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}


def block_of(unit: Any, scope: str, base_depth: int, num_units: int, stride: int) -> Block:
    """A block whose last unit has the strides."""
    sizes = {"depth": base_depth * 4, "depth_bottleneck": base_depth}
    strides = [*[1] * (num_units - 1), stride]
    return Block(scope, unit, [{**sizes, "stride": step} for step in strides])


def residual_network(
    version: int, unit: Any, inputs: Any, blocks: Sequence[Block], num_classes: int | None,
    is_training: Any, global_pool: bool, output_stride: int | None, include_root_block: bool,
    reuse: Any, scope: Any,
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """The logits, or what comes before them without classes, and layers' outputs by name."""
    with variable_scope(scope, f"resnet_v{version}", [inputs], reuse=reuse) as made:
        points = made.original_name_scope + "_end_points"
        with (
            arg_scope([conv2d, unit, stack_blocks_dense], outputs_collections=points),
            arg_scope([batch_norm], is_training=is_training),
        ):
            net, stride = inputs, output_stride
            if include_root_block:
                if stride is not None and stride % 4:
                    raise ValueError("The output_stride needs to be a multiple of 4.")
                stride = None if stride is None else stride // 4
                net = _root(net, version)
            net = stack_blocks_dense(net, blocks, stride)
            if version == 2:
                net = batch_norm(net, activation_fn=relu, scope="postnorm")
            if global_pool:
                net = reduce_mean(net, [1, 2], name="pool5", keepdims=True)
            if num_classes is not None:
                net = conv2d(
                    net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="logits"
                )
            end_points = convert_collection_to_dict(points)
            if num_classes is not None:
                end_points["predictions"] = softmax(net, scope="predictions")
            return net, end_points


def _root(net: Any, version: int) -> Any:
    plain = {} if version == 1 else {"activation_fn": None, "normalizer_fn": None}
    with arg_scope([conv2d], **plain):
        net = conv2d_same(net, 64, 7, stride=2, scope="conv1")
    return max_pool2d(net, [3, 3], stride=2, scope="pool1")


def networks(
    version: int, build: Callable[..., Any], make_block: Callable[..., Block]
) -> list[Any]:
    """The networks of 50, 101, 152 and 200 layers."""
    return [_network(version, depth, build, make_block) for depth in UNITS]


def _network(version: int, depth: int, build: Any, make_block: Any) -> Any:
    name = f"resnet_v{version}_{depth}"

    def network(
        inputs: Any, num_classes: int | None = None, is_training: Any = True,
        global_pool: bool = True, output_stride: int | None = None, reuse: Any = None,
        scope: Any = name,
    ) -> Any:  # fmt: skip
        sizes = zip(UNITS[depth], (64, 128, 256, 512), (2, 2, 2, 1), strict=True)
        blocks = [
            make_block(f"block{k}", base_depth=base, num_units=count, stride=stride)
            for k, (count, base, stride) in enumerate(sizes, 1)
        ]
        return build(
            inputs, blocks, num_classes, is_training, global_pool, output_stride,
            include_root_block=True, reuse=reuse, scope=scope,
        )  # fmt: skip

    network.__name__ = network.__qualname__ = name
    network.__doc__ = f"Return the network of {depth} layers; see `resnet_v{version}`."
    network.default_image_size = 224  # type: ignore[attr-defined]
    return network
