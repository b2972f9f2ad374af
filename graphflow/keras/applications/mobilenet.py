"""MobileNet: ``tf.keras.applications.mobilenet``.

Convolutions of each channel, then of one place. Source: Howard et al., "MobileNets: efficient
convolutional neural networks for mobile vision applications", arXiv:1704.04861, 2017, table 1.
Layers have TensorFlow's names.
"""

from __future__ import annotations

from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import ImageShape, Settings, channels_of, in_turn
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

# The channels of each pair of convolutions, and its strides.
PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


def MobileNet(  # TensorFlow's name
    input_shape: ImageShape = None, alpha: float = 1.0, depth_multiplier: int = 1,
    dropout: float = 1e-3, include_top: bool = True, weights: str | None = "imagenet",
    input_tensor: Any = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """A MobileNet.

    Parameters
    ----------
    alpha : the share of the channels that there are.
    depth_multiplier : how many results each channel has of its own convolutions.
    dropout : the share of values left out before the last layer.
    include_top, weights, input_tensor, input_shape, pooling, classes : see `parts.Settings`.
    """
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    start = settings.start(224, 32)
    x = in_turn(
        start,
        layers.ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad"),
        layers.Conv2D(int(32 * alpha), 3, strides=2, use_bias=False, name="conv1"),
        *_normalized("conv1"),
    )
    for number, (channels, strides) in enumerate(PAIRS, 1):
        if strides == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
        own = layers.DepthwiseConv2D(
            3, strides=strides, padding="same" if strides == 1 else "valid", use_bias=False,
            depth_multiplier=depth_multiplier, name=f"conv_dw_{number}",
        )  # fmt: skip
        mixed = layers.Conv2D(
            int(channels * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{number}"
        )
        x = in_turn(
            x, own, *_normalized(f"conv_dw_{number}"), mixed, *_normalized(f"conv_pw_{number}")
        )
    x = _top(x, settings, dropout) if include_top else settings.pooled(x)
    rows = start.shape.as_list()[1]
    share = f"{alpha:.1f}".replace(".", "_")  # as in the names of Keras's files: 1_0, 7_5
    share = {0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}.get(alpha, share)
    return settings.model(
        start, x, f"mobilenet_{alpha:.2f}_{rows}", f"mobilenet_{share}_{rows}_tf", "_no_top"
    )


def _normalized(name: str) -> list[Any]:
    return [layers.BatchNormalization(name=f"{name}_bn"), layers.ReLU(6.0, name=f"{name}_relu")]


def _top(x: Any, settings: Settings, dropout: float) -> Any:
    return in_turn(
        x,
        layers.GlobalAveragePooling2D(),
        layers.Reshape((1, 1, channels_of(x)), name="reshape_1"),
        layers.Dropout(dropout, name="dropout"),
        layers.Conv2D(settings.classes, 1, padding="same", name="conv_preds"),
        layers.Reshape((settings.classes,), name="reshape_2"),
        layers.Activation("softmax", name="act_softmax"),
    )
