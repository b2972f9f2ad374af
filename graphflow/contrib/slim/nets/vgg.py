"""`slim.nets.vgg`: Simonyan & Zisserman, arXiv:1409.1556, 2014, table 1, columns A, D and E."""

from __future__ import annotations

from typing import Any

from graphflow.contrib.framework.arg_scope import arg_scope
from graphflow.contrib.layers.linear import conv2d, fully_connected
from graphflow.contrib.layers.regularizers import l2_regularizer
from graphflow.contrib.slim.nets.parts import network
from graphflow.ops.activations import relu
from graphflow.ops.initializers import zeros_initializer

__all__ = ["vgg_16", "vgg_19", "vgg_a", "vgg_arg_scope", "vgg_d", "vgg_e"]


def _vgg(name: str, *counts: int) -> Any:
    pairs = zip(counts, (64, 128, 256, 512, 512), strict=True)
    row = " ".join(f"{count}*{channels}*3x3 pool2/2" for count, channels in pairs)
    made: Any = network(name, row, "4096*7x7", grouped=True)
    made.default_image_size = 224
    return made


vgg_a = _vgg("vgg_a", 1, 1, 2, 2, 2)
vgg_16 = vgg_d = _vgg("vgg_16", 2, 2, 3, 3, 3)
vgg_19 = vgg_e = _vgg("vgg_19", 2, 2, 4, 4, 4)


def vgg_arg_scope(weight_decay: float = 0.0005) -> Any:
    """Return the scope of arguments with which the networks were trained."""
    with (
        arg_scope(
            [conv2d, fully_connected], activation_fn=relu, biases_initializer=zeros_initializer(),
            weights_regularizer=l2_regularizer(weight_decay),
        ),
        arg_scope([conv2d], padding="SAME") as scope,
    ):  # fmt: skip
        return scope
