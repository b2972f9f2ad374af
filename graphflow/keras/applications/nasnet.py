"""Networks whose cells were found by a search: ``tf.keras.applications.nasnet``.

Source: Zoph et al., "Learning transferable architectures for scalable image recognition",
arXiv:1707.07012, 2018, figure 4. A cell reads the last two cells' results. Layers have
TensorFlow's names.
"""

from __future__ import annotations

from typing import Any

from graphflow.keras import layers
from graphflow.keras.applications.imagenet_utils import decode_predictions
from graphflow.keras.applications.parts import ImageShape, Settings, channels_of
from graphflow.keras.applications.parts import preprocess_to_unit as preprocess_input

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

_NORMAL = {"momentum": 0.9997, "epsilon": 1e-3}
_PLAIN: dict[str, Any] = {"use_bias": False, "kernel_initializer": "he_normal"}


def NASNetMobile(  # TensorFlow's name
    input_shape: ImageShape = None, include_top: bool = True, weights: str | None = "imagenet",
    input_tensor: Any = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """The small network, for images of 224; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return _network(settings, 224, "nasnet_mobile", 1056, 4, 32, skips=False)


def NASNetLarge(  # TensorFlow's name
    input_shape: ImageShape = None, include_top: bool = True, weights: str | None = "imagenet",
    input_tensor: Any = None, pooling: str | None = None, classes: int = 1000,
) -> Any:  # fmt: skip
    """The large network, for images of 331; the arguments are those of `parts.Settings`."""
    settings = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
    return _network(settings, 331, "nasnet_large", 4032, 6, 96, skips=True)


def _network(
    settings: Settings, size: int, file: str, channels: int, count: int, first: int, skips: bool
) -> Any:
    """Three groups of `count` normal cells; `skips` has them read past the cell between groups."""
    start = settings.start(size, 32)
    x = layers.Conv2D(first, 3, 2, "valid", name="stem_conv1", **_PLAIN)(start)
    x = layers.BatchNormalization(name="stem_bn1", **_NORMAL)(x)
    width = channels // 24
    x, before = _reduction(x, None, width // 4, "stem_1")
    x, before = _reduction(x, before, width // 2, "stem_2")
    for group in range(3):
        if group:
            x, last = _reduction(x, before, width * 2**group, f"reduce_{group * count}")
            before = before if skips else last
        for k in range(count):
            number = group * (count + 1) + k - max(group - 1, 0)
            x, before = _normal(x, before, width * 2**group, str(number))
    x = layers.Activation("relu")(x)
    if settings.include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(settings.classes, activation="softmax", name="predictions")(x)
    else:
        x = settings.pooled(x)
    return settings.model(start, x, "NASNet", file, "_no_top")


# ---- parts of cells


def _padded(x: Any, window: int, name: str) -> Any:
    """Zeros around an image, so that a window with strides of 2 has a place for each pair."""
    sides = []
    for length in x.shape.as_list()[1:3]:
        before = window // 2 - (1 if length is None else 1 - length % 2)
        sides.append((before, window // 2))
    return layers.ZeroPadding2D(tuple(sides), name=name)(x)


def _separable(x: Any, channels: int, window: int, name: str, strides: int = 1) -> Any:
    """Twice a rectifier, a separable convolution and a normalisation."""
    for number in (1, 2):
        x = layers.Activation("relu")(x)
        step, padding = (strides, "same") if number == 1 else (1, "same")
        if step == 2:
            x, padding = _padded(x, window, f"separable_conv_1_pad_{name}"), "valid"
        x = layers.SeparableConv2D(
            channels, window, step, padding, name=f"separable_conv_{number}_{name}", **_PLAIN
        )(x)
        x = layers.BatchNormalization(name=f"separable_conv_{number}_bn_{name}", **_NORMAL)(x)
    return x


def _squeezed(x: Any, channels: int, kind: str, name: str) -> Any:
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(channels, 1, padding="same", name=f"{kind}_conv_1_{name}", **_PLAIN)(x)
    return layers.BatchNormalization(name=f"{kind}_bn_1_{name}", **_NORMAL)(x)


def _fitted(before: Any, x: Any, channels: int, name: str) -> Any:
    """The earlier result with as many places and channels as the cell has."""
    if before is None:
        return x
    if before.shape.as_list()[-2] != x.shape.as_list()[-2]:
        before = layers.Activation("relu", name=f"adjust_relu_1_{name}")(before)
        shifted = layers.ZeroPadding2D(((0, 1), (0, 1)))(before)
        shifted = layers.Cropping2D(((1, 0), (1, 0)))(shifted)
        halves = []
        for number, part in enumerate((before, shifted), 1):
            part = layers.AveragePooling2D(1, 2, "valid", name=f"adjust_avg_pool_{number}_{name}")(
                part
            )
            halves.append(
                layers.Conv2D(
                    channels // 2, 1, padding="same", name=f"adjust_conv_{number}_{name}", **_PLAIN
                )(part)
            )
        before = layers.concatenate(halves)
    elif channels_of(before) != channels:
        before = layers.Activation("relu")(before)
        before = layers.Conv2D(
            channels, 1, padding="same", name=f"adjust_conv_projection_{name}", **_PLAIN
        )(before)
    else:
        return before
    return layers.BatchNormalization(name=f"adjust_bn_{name}", **_NORMAL)(before)


def _normal(x: Any, before: Any, channels: int, name: str) -> tuple[Any, Any]:
    """A cell that keeps the number of places; also gives what it began with."""
    p = _fitted(before, x, channels, name)
    h = _squeezed(x, channels, "normal", name)

    def convolved(source: Any, window: int, place: str) -> Any:
        return _separable(source, channels, window, f"normal_{place}_{name}")

    def mean(source: Any, place: str) -> Any:
        return layers.AveragePooling2D(3, 1, "same", name=f"normal_{place}_{name}")(source)

    pairs = []
    pairs.append([convolved(h, 5, "left1"), convolved(p, 3, "right1")])
    pairs.append([convolved(p, 5, "left2"), convolved(p, 3, "right2")])
    pairs.append([mean(h, "left3"), p])
    pairs.append([mean(p, "left4"), mean(p, "right4")])
    pairs.append([convolved(h, 3, "left5"), h])
    sums = [layers.add(pair, name=f"normal_add_{k}_{name}") for k, pair in enumerate(pairs, 1)]
    return layers.concatenate([p, *sums], name=f"normal_concat_{name}"), x


def _reduction(x: Any, before: Any, channels: int, name: str) -> tuple[Any, Any]:
    """A cell that halves the number of places; also gives what it began with."""
    p = _fitted(before, x, channels, name)
    h = _squeezed(x, channels, "reduction", name)
    padded = _padded(h, 3, f"reduction_pad_1_{name}")

    def convolved(source: Any, window: int, place: str, strides: int = 2) -> Any:
        return _separable(source, channels, window, f"reduction_{place}_{name}", strides)

    def pooled(kind: Any, place: str) -> Any:
        return kind(3, 2, "valid", name=f"reduction_{place}_{name}")(padded)

    first = layers.add(
        [convolved(h, 5, "left1"), convolved(p, 7, "right1")], name=f"reduction_add_1_{name}"
    )
    second = layers.add(
        [pooled(layers.MaxPooling2D, "left2"), convolved(p, 7, "right2")],
        name=f"reduction_add_2_{name}",
    )
    third = layers.add(
        [pooled(layers.AveragePooling2D, "left3"), convolved(p, 5, "right3")],
        name=f"reduction_add3_{name}",
    )
    mean = layers.AveragePooling2D(3, 1, "same", name=f"reduction_left4_{name}")(first)
    fourth = layers.add([second, mean])
    fifth = layers.add(
        [convolved(first, 3, "left4", 1), pooled(layers.MaxPooling2D, "right5")],
        name=f"reduction_add4_{name}",
    )
    parts = [second, third, fourth, fifth]
    return layers.concatenate(parts, name=f"reduction_concat_{name}"), x
