"""Slim's networks: names and shapes of variables and end points as TensorFlow 1.15.5 has them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import graphflow as tf

slim = tf.contrib.slim
nets = slim.nets
COUNTED = (
    "update_ops", "regularization_losses", "moving_vars", "model_variables", "trainable_variables",
)  # fmt: skip


def described(points, logits):
    rows = [f"{v.op.name} {v.shape.as_list()}" for v in tf.global_variables()]
    rows += ["--", *(f"{name} {tensor.shape.as_list()}" for name, tensor in points.items())]
    return [*rows, *(str(len(tf.get_collection(c))) for c in COUNTED), logits.op.name]


@pytest.mark.parametrize(
    ("name", "module", "size", "options", "count", "check"),
    [
        ("alexnet_v2", nets.alexnet, 224, {}, 34, 2684263149),
        ("overfeat", nets.overfeat, 231, {}, 34, 2090683243),
        ("vgg_16", nets.vgg, 224, {}, 60, 2117725422),
        ("resnet_v1_50", nets.resnet_v1, 224, {"num_classes": 10}, 349, 637778703),
        ("resnet_v2_50", nets.resnet_v2, 224, {"num_classes": 10}, 354, 3357569807),
        ("inception_v1", nets.inception, 224, {}, 255, 4172946485),
        ("inception_v2", nets.inception, 192, {"depth_multiplier": 0.5}, 301, 1680371821),
        (
            "inception_v3", nets.inception, 200, {"num_classes": 7, "is_training": False},
            417, 1194569734,
        ),
    ],
)  # fmt: skip
def test_networks_are_tensorflows(name, module, size, options, count, check):
    """How many rows describe the graph, and their checksum."""
    kind = "resnet" if name.startswith("resnet") else name.partition("_")[0] + "_"
    scope = next(n for n in dir(module) if n.endswith("arg_scope") and n.startswith(kind)
                 and (kind != "inception_" or n.startswith(name)))  # fmt: skip
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2, size, size, 3])
        with slim.arg_scope(getattr(module, scope)()):
            logits, points = getattr(module, name)(x, **options)
        rows = described(points, logits)
    assert (len(rows), zlib.crc32("\n".join(rows).encode())) == (count, check)


def test_holes_in_place_of_strides():
    """A network whose last strides are holes sees what the one with strides sees."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(np.random.RandomState(0).randn(1, 33, 33, 3).astype("f"))
        found = []
        for stride, reuse in ((None, None), (8, True)):
            blocks = [
                nets.resnet_v1.resnet_v1_block(f"block{k}", base_depth=2, num_units=2, stride=2)
                for k in (1, 2)
            ]
            with slim.arg_scope(nets.resnet_v1.resnet_arg_scope()):
                net, _ = nets.resnet_v1.resnet_v1(
                    x, blocks, is_training=False, global_pool=False, output_stride=stride,
                    reuse=reuse, scope="net",
                )  # fmt: skip
            found.append(net)
        session.run(tf.global_variables_initializer())
        strided, dense = session.run(found)
    assert (strided.shape[1], dense.shape[1]) == (3, 5)
    np.testing.assert_allclose(dense[:, ::2, ::2], strided, rtol=1e-4, atol=1e-6)
    with tf.Graph().as_default(), pytest.raises(ValueError, match="cannot be reached"):
        nets.resnet_utils.stack_blocks_dense(tf.zeros([1, 8, 8, 2]), blocks, output_stride=3)
    with pytest.raises(ValueError, match="Unknown final endpoint"), tf.Graph().as_default():
        nets.inception.inception_v1_base(tf.zeros([1, 64, 64, 3]), "Mixed_9z")


def test_private_paths_of_networks():
    import graphflow.contrib.slim.python.slim.data.tfexample_decoder as decoder
    from graphflow.contrib.slim.python.slim.nets import inception_v3, resnet_v1

    assert inception_v3.inception_v3 is nets.inception.inception_v3
    assert resnet_v1.bottleneck is nets.resnet_v1.bottleneck
    assert decoder.TFExampleDecoder is slim.tfexample_decoder.TFExampleDecoder
