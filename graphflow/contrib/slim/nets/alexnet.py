"""`slim.nets.alexnet`: Krizhevsky, arXiv:1404.5997, 2014."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d, fully_connected
from graphflow.contrib.layers.regularizers import l2_regularizer
from graphflow.contrib.layers.shaping import max_pool2d
from graphflow.contrib.slim.nets.parts import narrow, network
from graphflow.ops.activations import relu
from graphflow.ops.initializers import constant_initializer

__all__ = ["alexnet_v2", "alexnet_v2_arg_scope"]

alexnet_v2: Any = network(
    "alexnet_v2",
    "64*11x11/4:VALID pool3/2 192*5x5 pool3/2 384*3x3 384*3x3 256*3x3 pool3/2", "4096*5x5",
    weights_initializer=narrow(0.005), biases_initializer=constant_initializer(0.1),
)  # fmt: skip
alexnet_v2.default_image_size = 224


def alexnet_v2_arg_scope(weight_decay: float = 0.0005) -> Any:
    """Return the scope of arguments with which the network was trained."""
    with (
        arg_scope(
            [conv2d, fully_connected], activation_fn=relu,
            biases_initializer=constant_initializer(0.1),
            weights_regularizer=l2_regularizer(weight_decay),
        ),
        arg_scope([conv2d], padding="SAME"),
        arg_scope([max_pool2d], padding="VALID") as scope,
    ):  # fmt: skip
        return scope
