"""The VGG models: blocks of convolutions and a pooling, then three dense layers.

Source: Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition",
arXiv:1409.1556, 2014, table 1, configurations D and E. Layers have TensorFlow's names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphflow.keras import layers
from graphflow.keras.models import Model
from graphflow.ops.joining import concat

CHANNELS = (64, 128, 256, 512, 512)
SIZE, SMALLEST = 224, 32  # of an image with all layers, and of any
MEANS = (103.939, 116.779, 123.68)  # of ImageNet's images: blue, green, red


def vgg(
    name: str, blocks: Sequence[int], include_top: bool, weights: str | None, input_tensor: Any,
    input_shape: tuple[int | None, ...] | None, pooling: str | None, classes: int,
) -> Model:  # fmt: skip
    """A VGG model.

    Parameters
    ----------
    blocks : the number of convolutions in each block.
    include_top : whether there are dense layers on top.
    weights : None; the path of a file of weights; or ``"imagenet"``, for the file that Keras keeps
        in ``~/.keras/models``: nothing is downloaded.
    input_tensor : what to begin with in place of a new input.
    input_shape : height, width and channels, without a batch.
    pooling : ``"avg"`` or ``"max"`` over all places, where there are no dense layers.
    classes : how many the last layer tells apart.

    Raises
    ------
    ValueError : arguments that do not fit each other, or an image that is too small.
    FileNotFoundError : there is no file of weights.
    """
    if weights not in (None, "imagenet") and not os.path.exists(str(weights)):
        raise ValueError(
            "The `weights` argument should be None (random values), `imagenet` or the path of a "
            f"file of weights, got {weights!r}"
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            f"`imagenet` as `weights` with `include_top` needs `classes` to be 1000, got {classes}"
        )
    shape = _image_shape(input_shape, include_top)
    x = start = layers.Input(shape=shape) if input_tensor is None else input_tensor
    for number, (count, channels) in enumerate(zip(blocks, CHANNELS, strict=True), 1):
        for k in range(1, count + 1):
            x = layers.Conv2D(
                channels, 3, activation="relu", padding="same", name=f"block{number}_conv{k}"
            )(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{number}_pool")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        for place in ("fc1", "fc2"):
            x = layers.Dense(4096, activation="relu", name=place)(x)
        x = layers.Dense(classes, activation="softmax", name="predictions")(x)
    elif pooling == "avg":
        x = layers.GlobalAveragePooling2D()(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D()(x)
    model = Model(start, x, name=name)
    if weights is not None:
        model.load_weights(_weights_file(name, weights, include_top))
    return model


def _image_shape(shape: tuple[int | None, ...] | None, include_top: bool) -> tuple[int | None, ...]:
    """The shape of an image.

    Raises
    ------
    ValueError : it is no image's, too small, or not known where dense layers need it.
    """
    if shape is None:
        return (SIZE, SIZE, 3) if include_top else (None, None, 3)
    if len(shape) != 3:
        raise ValueError(f"`input_shape` must be a tuple of three integers, got {shape}")
    if any(size is not None and size < SMALLEST for size in shape[:2]):
        raise ValueError(
            f"Input size must be at least {SMALLEST}x{SMALLEST}, got `input_shape={shape}`"
        )
    if include_top and None in shape:
        raise ValueError(f"With `include_top` the `input_shape` must be known in full, got {shape}")
    return tuple(shape)


def _weights_file(name: str, weights: str, include_top: bool) -> str:
    if weights != "imagenet":
        return weights
    end = "" if include_top else "_notop"
    file = f"{name}_weights_tf_dim_ordering_tf_kernels{end}.h5"
    path = Path.home() / ".keras" / "models" / file
    if not path.exists():
        raise FileNotFoundError(f"expected the weights at {path}: they are not downloaded")
    return str(path)


def preprocess_input(x: Any) -> Any:
    """Images as VGG takes them: blue, green, red, each without ImageNet's mean.

    `x` is an array or a tensor of float type with red, green and blue last, from 0 to 255.
    """
    parts = [x[..., 2 - k : 3 - k] - mean for k, mean in enumerate(MEANS)]
    if isinstance(x, np.ndarray):
        return np.concatenate(parts, axis=-1)
    return concat(parts, -1)
