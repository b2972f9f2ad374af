"""MobileNetV2: ``tf.keras.applications.mobilenet_v2``.

Blocks that widen, filter each channel, and narrow again. Source: Sandler et al., "MobileNetV2:
inverted residuals and linear bottlenecks", arXiv:1801.04381, 2018, table 2. Layers have
TensorFlow's names.
"""

from __future__ import annotations

from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import ImageShape, Settings, channels_of, in_turn
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

# Widening, channels, number of blocks, strides of the first of them.
GROUPS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip
MOMENTUM = 0.999


def MobileNetV2(  # TensorFlow's name
    input_shape: ImageShape = None, alpha: float = 1.0, include_top: bool = True,
    weights: str | None = "imagenet", input_tensor: Any = None, pooling: str | None = None,
    classes: int = 1000,
) -> Any:  # fmt: skip
    """A MobileNetV2 with the share `alpha` of its channels; other arguments: `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    start = settings.start(224, 32)
    x = in_turn(
        start,
        _padding(start, "Conv1_pad"),
        layers.Conv2D(_share(32, alpha), 3, strides=2, use_bias=False, name="Conv1"),
        layers.BatchNormalization(momentum=MOMENTUM, name="bn_Conv1"),
        layers.ReLU(6.0, name="Conv1_relu"),
    )
    number = 0
    for widening, channels, count, strides in GROUPS:
        for k in range(count):
            x = _block(x, widening, _share(channels, alpha), strides if k == 0 else 1, number)
            number += 1
    x = in_turn(
        x,
        layers.Conv2D(_share(1280, max(alpha, 1.0)), 1, use_bias=False, name="Conv_1"),
        layers.BatchNormalization(momentum=MOMENTUM, name="Conv_1_bn"),
        layers.ReLU(6.0, name="out_relu"),
    )
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation="softmax", name="Logits")(x)
    else:
        x = settings.pooled(x)
    rows = start.shape.as_list()[1]
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{rows}"
    return settings.model(start, x, f"mobilenetv2_{alpha:.2f}_{rows}", file, "_no_top")


def _share(channels: int, alpha: float) -> int:
    """A share of channels, as the next multiple of 8 that is not a tenth below it."""
    wanted = channels * alpha
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def _padding(x: Any, name: str) -> Any:
    """Zeros around, so that a window of 3 with strides of 2 halves an image."""
    sides = [(side + 1) % 2 if side else 1 for side in x.shape.as_list()[1:3]]
    before = [1 - even for even in sides]
    return layers.ZeroPadding2D(((before[0], 1), (before[1], 1)), name=name)


def _block(x: Any, widening: int, channels: int, strides: int, number: int) -> Any:
    start, given = x, channels_of(x)
    name = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = in_turn(
            x,
            layers.Conv2D(
                widening * given, 1, padding="same", use_bias=False, name=f"{name}expand"
            ),
            layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}expand_BN"),
            layers.ReLU(6.0, name=f"{name}expand_relu"),
        )
    if strides == 2:
        x = _padding(x, f"{name}pad")(x)
    x = in_turn(
        x,
        layers.DepthwiseConv2D(
            3, strides=strides, padding="same" if strides == 1 else "valid", use_bias=False,
            name=f"{name}depthwise",
        ),
        layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}depthwise_BN"),
        layers.ReLU(6.0, name=f"{name}depthwise_relu"),
        layers.Conv2D(channels, 1, padding="same", use_bias=False, name=f"{name}project"),
        layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}project_BN"),
    )  # fmt: skip
    if given == channels and strides == 1:
        return layers.Add(name=f"{name}add")([start, x])
    return x
