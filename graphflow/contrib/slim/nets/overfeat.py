"""`slim.nets.overfeat`: Sermanet et al., "OverFeat", arXiv:1312.6229, 2014, table 1."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d, fully_connected
from graphflow.contrib.layers.regularizers import l2_regularizer
from graphflow.contrib.layers.shaping import max_pool2d
from graphflow.contrib.slim.nets.parts import narrow, network
from graphflow.ops.activations import relu
from graphflow.ops.initializers import constant_initializer, zeros_initializer

__all__ = ["overfeat", "overfeat_arg_scope"]

overfeat: Any = network(
    "overfeat",
    "64*11x11/4:VALID pool2/2 256*5x5:VALID pool2/2 512*3x3 1024*3x3 1024*3x3 pool2/2", "3072*6x6",
    weights_initializer=narrow(0.005), biases_initializer=constant_initializer(0.1),
)  # fmt: skip


def overfeat_arg_scope(weight_decay: float = 0.0005) -> Any:
    """Return the scope of arguments with which the network was trained."""
    with (
        arg_scope(
            [conv2d, fully_connected], activation_fn=relu, biases_initializer=zeros_initializer(),
            weights_regularizer=l2_regularizer(weight_decay),
        ),
        arg_scope([conv2d], padding="SAME"),
        arg_scope([max_pool2d], padding="VALID") as scope,
    ):  # fmt: skip
        return scope
