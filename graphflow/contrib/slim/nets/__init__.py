"""`slim.nets`: known networks of images, with TensorFlow's names of variables and end points."""

from graphflow.contrib.slim.nets import (
    alexnet,
    inception,
    overfeat,
    resnet_utils,
    resnet_v1,
    resnet_v2,
    vgg,
)

__all__ = [
    "alexnet", "inception", "overfeat", "resnet_utils", "resnet_v1", "resnet_v2", "vgg",
]  # fmt: skip
