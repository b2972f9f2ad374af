"""What the networks have in common: convolutions in a row with a top of three, written as text.

A row is words: ``64*11x11/4:VALID`` is a convolution of 64 channels with windows of 11x11, strides
of 4 and that padding; ``pool3/2`` takes the greatest of 3x3 with strides of 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d, fully_connected
from graphflow.contrib.layers.shaping import dropout, max_pool2d
from graphflow.contrib.layers.utils import convert_collection_to_dict
from graphflow.ops.initializers import truncated_normal_initializer, zeros_initializer
from graphflow.ops.shape import squeeze
from graphflow.ops.variable_scope import variable_scope

Network = Callable[..., tuple[Any, dict[str, Any]]]


def window_of(text: str) -> tuple[list[int], int]:
    """The window and the strides of ``3x3/2`` or ``3/2``."""
    window, _, stride = text.partition("/")
    sides = [int(side) for side in window.split("x")]
    return sides * (3 - len(sides)), int(stride or 1)


def convolution(net: Any, text: str, scope: str) -> Any:
    """A convolution as a word says it."""
    channels, _, rest = text.partition("*")
    window, _, padding = rest.partition(":")
    sides, stride = window_of(window)
    options = {"padding": padding} if padding else {}
    return conv2d(net, int(channels), sides, stride=stride, scope=scope, **options)


def in_a_row(net: Any, row: str, grouped: bool = False) -> Any:
    """Layers in a row; where they are grouped, ``2*`` repeats a convolution in a scope."""
    number = 1
    for word in row.split():
        if word.startswith("pool"):
            sides, stride = window_of(word.removeprefix("pool"))
            net = max_pool2d(net, sides, stride=stride, scope=f"pool{number - 1}")
            continue
        name = f"conv{number}"
        if grouped:
            count, _, word = word.partition("*")
            with variable_scope(name, "Repeat", [net]):
                for k in range(int(count)):
                    net = convolution(net, word, f"{name}_{k + 1}")
        else:
            net = convolution(net, word, name)
        number += 1
    return net


def with_top(
    net: Any, first: str, num_classes: int, is_training: Any, keep: float, **fixed: Any
) -> Any:
    """Two wide convolutions in place of dense layers, each with dropout, and the classes."""
    with arg_scope([conv2d], **fixed):
        net = convolution(net, f"{first}:VALID", "fc6")
        net = dropout(net, keep, is_training=is_training, scope="dropout6")
        net = convolution(net, "4096*1x1", "fc7")
        net = dropout(net, keep, is_training=is_training, scope="dropout7")
        bias = {"biases_initializer": zeros_initializer()} if fixed else {}
        return conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="fc8", **bias
        )


def network(name: str, row: str, first: str, grouped: bool = False, **fixed: Any) -> Network:
    """A network of a row and a top.

    Parameters
    ----------
    name : the default scope.
    first : the top's first convolution.
    fixed : arguments of the top's convolutions.
    """

    def build(
        inputs: Any, num_classes: int = 1000, is_training: Any = True,
        dropout_keep_prob: float = 0.5, spatial_squeeze: bool = True, scope: Any = name,
    ) -> tuple[Any, dict[str, Any]]:  # fmt: skip
        with variable_scope(scope, name, [inputs]) as made:
            points = made.original_name_scope + "_end_points"
            layers = [conv2d, fully_connected, max_pool2d]
            with arg_scope(layers, outputs_collections=points):
                net = in_a_row(inputs, row, grouped)
                net = with_top(net, first, num_classes, is_training, dropout_keep_prob, **fixed)
                end_points = convert_collection_to_dict(points)
                if spatial_squeeze:
                    net = squeeze(net, [1, 2], name="fc8/squeezed")
                    end_points[made.name + "/fc8"] = net
                return net, end_points

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"""Return the logits of {name} and its layers' outputs by name.

    Parameters
    ----------
    inputs : images, floating, of shape [batch, height, width, channels].
    num_classes : how many logits there are.
    is_training : whether dropout drops.
    dropout_keep_prob : the share that it keeps.
    spatial_squeeze : give logits of shape [batch, classes], where one place is left.
    """
    return build


def narrow(deviation: float) -> Any:
    """A truncated normal initializer of mean zero."""
    return truncated_normal_initializer(0.0, deviation)
