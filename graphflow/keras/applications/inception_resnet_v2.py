"""Inception with shortcuts: ``tf.keras.applications.inception_resnet_v2``.

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the impact of residual connections on
learning", arXiv:1602.07261, 2016, figures 3 and 15 to 19. Layers have TensorFlow's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import Settings, application, channels_of
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

# A convolution: channels, rows and columns of its window.
Step = tuple[int, int, int]
Branches = Sequence[Sequence[Step]]

# Each kind of block: its branches, how many there are, and what a branch's result counts.
_BLOCKS: dict[str, tuple[Branches, int, float]] = {
    "block35": (
        [[(32, 1, 1)], [(32, 1, 1), (32, 3, 3)], [(32, 1, 1), (48, 3, 3), (64, 3, 3)]], 10, 0.17,
    ),
    "block17": ([[(192, 1, 1)], [(128, 1, 1), (160, 1, 7), (192, 7, 1)]], 20, 0.1),
    "block8": ([[(192, 1, 1)], [(192, 1, 1), (224, 1, 3), (256, 3, 1)]], 10, 0.2),
}  # fmt: skip


@application
def InceptionResNetV2(settings: Settings) -> Any:  # TensorFlow's name
    """An Inception network with shortcuts."""
    start = settings.start(299, 75)
    x = _convolved(start, (32, 3, 3), strides=2, padding="valid")
    x = _convolved(x, (32, 3, 3), padding="valid")
    x = _convolved(x, (64, 3, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _convolved(x, (80, 1, 1), padding="valid")
    x = _convolved(x, (192, 3, 3), padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    branches = [_branch(x, steps) for steps in (
        [(96, 1, 1)], [(48, 1, 1), (64, 5, 5)], [(64, 1, 1), (96, 3, 3), (96, 3, 3)],
    )]  # fmt: skip
    pooled = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = _joined([*branches, _convolved(pooled, (64, 1, 1))], "mixed_5b")
    x = _blocks(x, "block35")
    x = _halved(x, "mixed_6a", [[(384, 3, 3)], [(256, 1, 1), (256, 3, 3), (384, 3, 3)]])
    x = _blocks(x, "block17")
    x = _halved(
        x, "mixed_7a",
        [[(256, 1, 1), (384, 3, 3)], [(256, 1, 1), (288, 3, 3)],
         [(256, 1, 1), (288, 3, 3), (320, 3, 3)]],
    )  # fmt: skip
    x = _blocks(x, "block8")
    x = _convolved(x, (1536, 1, 1), name="conv_7b")
    x = settings.classified(x, "predictions")
    return settings.model(
        start, x, "inception_resnet_v2",
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels",
    )  # fmt: skip


def _convolved(
    x: Any, step: Step, strides: int = 1, padding: str = "same", name: str | None = None
) -> Any:
    channels, rows, columns = step
    x = layers.Conv2D(channels, (rows, columns), strides, padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def _branch(x: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        x = _convolved(x, step)
    return x


def _joined(parts: Sequence[Any], name: str) -> Any:
    return layers.Concatenate(name=name)(list(parts))


def _halved(x: Any, name: str, branches: Branches) -> Any:
    """Branches whose last convolution has strides of 2, and a pooling that has."""
    found = []
    for steps in branches:
        before = _branch(x, steps[:-1])
        found.append(_convolved(before, steps[-1], strides=2, padding="valid"))
    return _joined([*found, layers.MaxPooling2D(3, strides=2)(x)], name)


def _shortcut(inputs: Sequence[Any], scale: float) -> Any:
    return inputs[0] + inputs[1] * scale


def _blocks(x: Any, kind: str) -> Any:
    """All blocks of a kind; each adds what its branches make, the very last one all of it."""
    branches, count, scale = _BLOCKS[kind]
    for number in range(1, count + 1):
        name, is_last = f"{kind}_{number}", kind == "block8" and number == count
        mixed = _joined([_branch(x, steps) for steps in branches], f"{name}_mixed")
        up = layers.Conv2D(channels_of(x), 1, padding="same", name=f"{name}_conv")(mixed)
        arguments = {"scale": 1.0 if is_last else scale}
        x = layers.Lambda(_shortcut, arguments=arguments, name=name)([x, up])
        x = x if is_last else layers.Activation("relu", name=f"{name}_ac")(x)
    return x
