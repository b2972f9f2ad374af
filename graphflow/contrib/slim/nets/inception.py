"""`slim.nets.inception`: the first three Inception networks; their tables are in `inceptions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d, fully_connected, separable_conv2d
from graphflow.contrib.layers.normalization import batch_norm
from graphflow.contrib.layers.shaping import avg_pool2d, dropout, max_pool2d, softmax
from graphflow.contrib.slim.nets.inceptions import V1, V2, V3, inception_arg_scope
from graphflow.contrib.slim.nets.parts import narrow
from graphflow.graph.collections import GraphKeys
from graphflow.ops.shape import squeeze
from graphflow.ops.variable_scope import variable_scope

__all__ = [
    "inception_v1", "inception_v1_arg_scope", "inception_v1_base", "inception_v2",
    "inception_v2_arg_scope", "inception_v2_base", "inception_v3", "inception_v3_arg_scope",
    "inception_v3_base",
]  # fmt: skip


def _depth(multiplier: float, smallest: int) -> Callable[[int], int]:
    if multiplier <= 0:
        raise ValueError("depth_multiplier is not greater than zero.")
    return lambda channels: max(int(channels * multiplier), smallest)


def inception_v1_base(
    inputs: Any, final_endpoint: str = "Mixed_5c", scope: Any = "InceptionV1"
) -> Any:
    """Return the layers up to an end point, and all of them by name.

    Raises
    ------
    ValueError : there is no such end point.
    """
    with (
        variable_scope(scope, "InceptionV1", [inputs]),
        arg_scope([conv2d, fully_connected], weights_initializer=narrow(0.01)),
        arg_scope([conv2d, max_pool2d], stride=1, padding="SAME"),
    ):
        return V1.build(inputs, final_endpoint, lambda channels: channels)


def inception_v2_base(
    inputs: Any, final_endpoint: str = "Mixed_5c", min_depth: int = 16,
    depth_multiplier: float = 1.0, scope: Any = None,
) -> Any:  # fmt: skip
    """Return the layers up to an end point, and all of them by name; see `inception_v2`."""
    depth = _depth(depth_multiplier, min_depth)

    def first(net: Any, name: str) -> Any:
        return separable_conv2d(
            net, depth(64), [7, 7], depth_multiplier=min(int(depth(64) / 3), 8), stride=2,
            weights_initializer=narrow(1.0), scope=name,
        )  # fmt: skip

    layers = [conv2d, max_pool2d, avg_pool2d, separable_conv2d]
    with (
        variable_scope(scope, "InceptionV2", [inputs]),
        arg_scope(layers, stride=1, padding="SAME"),
    ):
        return V2.build(inputs, final_endpoint, depth, first)


def inception_v3_base(
    inputs: Any, final_endpoint: str = "Mixed_7c", min_depth: int = 16,
    depth_multiplier: float = 1.0, scope: Any = None,
) -> Any:  # fmt: skip
    """Return the layers up to an end point, and all of them by name; see `inception_v3`."""
    depth = _depth(depth_multiplier, min_depth)
    with variable_scope(scope, "InceptionV3", [inputs]):
        return V3.build(inputs, final_endpoint, depth)


def _fitting(net: Any, side: int) -> list[int]:
    """A square window, or one as large as a small image."""
    sizes = net.shape.as_list()[1:3]
    return [side, side] if None in sizes else [min(size, side) for size in sizes]


def _logits(net: Any, num_classes: int, scope: str, spatial_squeeze: bool, **options: Any) -> Any:
    logits = conv2d(
        net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope=scope, **options
    )
    return squeeze(logits, [1, 2], name="SpatialSqueeze") if spatial_squeeze else logits


def _with_predictions(points: dict[str, Any], logits: Any, prediction_fn: Any) -> Any:
    points["Logits"] = logits
    points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, points


def inception_v1(
    inputs: Any, num_classes: int = 1000, is_training: Any = True, dropout_keep_prob: float = 0.8,
    prediction_fn: Any = softmax, spatial_squeeze: bool = True, reuse: Any = None,
    scope: Any = "InceptionV1",
) -> Any:  # fmt: skip
    """Return the logits of the first Inception network, and its layers' outputs by name.

    Parameters
    ----------
    inputs : images, floating, of shape [batch, height, width, channels].
    num_classes : how many logits there are.
    is_training : whether dropout drops, and normalisation goes by the batch.
    dropout_keep_prob : the share that dropout keeps.
    prediction_fn : makes predictions of logits.
    spatial_squeeze : give logits of shape [batch, classes], where one place is left.
    """
    with (
        variable_scope(scope, "InceptionV1", [inputs, num_classes], reuse=reuse) as made,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, points = inception_v1_base(inputs, scope=made)
        with variable_scope("Logits"):
            net = avg_pool2d(net, [7, 7], stride=1, scope="MaxPool_0a_7x7")
            net = dropout(net, dropout_keep_prob, scope="Dropout_0b")
            logits = _logits(net, num_classes, "Conv2d_0c_1x1", spatial_squeeze)
            return _with_predictions(points, logits, prediction_fn)


def inception_v2(
    inputs: Any, num_classes: int = 1000, is_training: Any = True, dropout_keep_prob: float = 0.8,
    min_depth: int = 16, depth_multiplier: float = 1.0, prediction_fn: Any = softmax,
    spatial_squeeze: bool = True, reuse: Any = None, scope: Any = "InceptionV2",
) -> Any:  # fmt: skip
    """Return the logits of the second Inception network, and its layers' outputs by name.

    Parameters
    ----------
    min_depth, depth_multiplier : the smallest number of channels, and a factor for them.
    inputs, num_classes, is_training, dropout_keep_prob, prediction_fn, spatial_squeeze : see
        `inception_v1`.

    Raises
    ------
    ValueError : `depth_multiplier` is not positive.
    """
    with (
        variable_scope(scope, "InceptionV2", [inputs, num_classes], reuse=reuse) as made,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, points = inception_v2_base(
            inputs, scope=made, min_depth=min_depth, depth_multiplier=depth_multiplier
        )
        with variable_scope("Logits"):
            logits = _pooled_logits(net, 7, num_classes, dropout_keep_prob, spatial_squeeze)
        return _with_predictions(points, logits, prediction_fn)


def _pooled_logits(
    net: Any, side: int, num_classes: int, keep: float, spatial_squeeze: bool,
    points: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    window = _fitting(net, side)
    name = f"AvgPool_1a_{window[0]}x{window[1]}"
    net = avg_pool2d(net, window, padding="VALID", scope=name)
    net = dropout(net, keep_prob=keep, scope="Dropout_1b")
    if points is not None:
        points["PreLogits"] = net
    return _logits(net, num_classes, "Conv2d_1c_1x1", spatial_squeeze)


def inception_v3(
    inputs: Any, num_classes: int = 1000, is_training: Any = True, dropout_keep_prob: float = 0.8,
    min_depth: int = 16, depth_multiplier: float = 1.0, prediction_fn: Any = softmax,
    spatial_squeeze: bool = True, reuse: Any = None, scope: Any = "InceptionV3",
) -> Any:  # fmt: skip
    """Return the logits of the third Inception network, and its layers' outputs by name.

    Logits of a second, smaller top are among them as ``AuxLogits``. For parameters and errors see
    `inception_v2`.
    """
    depth = _depth(depth_multiplier, min_depth)
    with (
        variable_scope(scope, "InceptionV3", [inputs, num_classes], reuse=reuse) as made,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, points = inception_v3_base(
            inputs, scope=made, min_depth=min_depth, depth_multiplier=depth_multiplier
        )
        layers = [conv2d, max_pool2d, avg_pool2d]
        with arg_scope(layers, stride=1, padding="SAME"), variable_scope("AuxLogits"):
            points["AuxLogits"] = _side_logits(
                points["Mixed_6e"], depth, num_classes, spatial_squeeze
            )
        with variable_scope("Logits"):
            logits = _pooled_logits(net, 8, num_classes, dropout_keep_prob, spatial_squeeze, points)
        return _with_predictions(points, logits, prediction_fn)


def _side_logits(
    net: Any, depth: Callable[[int], int], num_classes: int, spatial_squeeze: bool
) -> Any:
    net = avg_pool2d(net, [5, 5], stride=3, padding="VALID", scope="AvgPool_1a_5x5")
    net = conv2d(net, depth(128), [1, 1], scope="Conv2d_1b_1x1")
    window = _fitting(net, 5)
    net = conv2d(
        net, depth(768), window, weights_initializer=narrow(0.01), padding="VALID",
        scope=f"Conv2d_2a_{window[0]}x{window[1]}",
    )  # fmt: skip
    return _logits(
        net, num_classes, "Conv2d_2b_1x1", spatial_squeeze, weights_initializer=narrow(0.001)
    )


for _network, _size in ((inception_v1, 224), (inception_v2, 224), (inception_v3, 299)):
    _network.default_image_size = _size  # type: ignore[union-attr]


def inception_v1_arg_scope(
    weight_decay: float = 0.00004, use_batch_norm: bool = True,
    batch_norm_var_collection: str = "moving_vars",
) -> Any:  # fmt: skip
    """Return the scope of arguments with which the network was trained."""
    return inception_arg_scope(weight_decay, batch_norm_var_collection, normalizes=use_batch_norm)


def inception_v2_arg_scope(
    weight_decay: float = 0.00004, batch_norm_var_collection: str = "moving_vars"
) -> Any:
    """Return the scope of arguments with which the network was trained."""
    return inception_arg_scope(weight_decay, batch_norm_var_collection)


def inception_v3_arg_scope(
    weight_decay: float = 0.00004, batch_norm_var_collection: str = "moving_vars",
    batch_norm_decay: float = 0.9997, batch_norm_epsilon: float = 0.001,
    updates_collections: Any = GraphKeys.UPDATE_OPS, use_fused_batchnorm: bool = True,
) -> Any:  # fmt: skip
    """Return the scope of arguments with which the network was trained."""
    return inception_arg_scope(
        weight_decay, batch_norm_var_collection, batch_norm_decay, batch_norm_epsilon,
        updates_collections, fused=use_fused_batchnorm,
    )  # fmt: skip
