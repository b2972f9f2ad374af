"""What the models of images have in common: arguments, weights from files, and layers in a row."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphflow.keras import layers
from graphflow.keras.models import Model
from graphflow.ops.joining import concat

ImageShape = tuple[int | None, ...] | None
MEANS = (103.939, 116.779, 123.68)  # of ImageNet's images: blue, green, red
SCALED_MEANS = (0.485, 0.456, 0.406)  # the same from 0 to 1: red, green, blue
DEVIATIONS = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Settings:
    """What a model is asked for.

    Attributes
    ----------
    include_top : whether there are layers that tell classes apart.
    weights : None; the path of a file of weights; or ``"imagenet"``, for the file that Keras keeps
        in ``~/.keras/models``: nothing is downloaded.
    input_tensor : what to begin with in place of a new input.
    input_shape : height, width and channels, without a batch.
    pooling : ``"avg"`` or ``"max"`` over all places, where there is no top.
    classes : how many the last layer tells apart.

    Raises
    ------
    ValueError : arguments that do not fit each other.
    """

    include_top: bool = True
    weights: str | None = "imagenet"
    input_tensor: Any = None
    input_shape: ImageShape = None
    pooling: str | None = None
    classes: int = 1000

    def __post_init__(self) -> None:
        weights = self.weights
        if weights not in (None, "imagenet") and not os.path.exists(str(weights)):
            raise ValueError(
                "The `weights` argument should be None (random values), `imagenet` or the path of "
                f"a file of weights, got {weights!r}"
            )
        if weights == "imagenet" and self.include_top and self.classes != 1000:
            raise ValueError(
                "`imagenet` as `weights` with `include_top` needs `classes` to be 1000, got "
                f"{self.classes}"
            )

    def start(self, size: int, smallest: int) -> Any:
        """The image that the model begins with.

        Parameters
        ----------
        size : of an image, where nothing else is said.
        smallest : the smallest height and width.

        Raises
        ------
        ValueError : no shape of images, too small, or not known where the top needs it.
        """
        if self.input_tensor is not None:
            return self.input_tensor
        return layers.Input(shape=self._image_shape(size, smallest))

    def _image_shape(self, size: int, smallest: int) -> tuple[int | None, ...]:
        shape = self.input_shape
        if shape is None:
            return (size, size, 3) if self.include_top else (None, None, 3)
        if len(shape) != 3:
            raise ValueError(f"`input_shape` must be a tuple of three integers, got {shape}")
        if any(side is not None and side < smallest for side in shape[:2]):
            raise ValueError(
                f"Input size must be at least {smallest}x{smallest}, got `input_shape={shape}`"
            )
        if self.include_top and None in shape:
            raise ValueError(
                f"With `include_top` the `input_shape` must be known in full, got {shape}"
            )
        return tuple(shape)

    def pooled(self, x: Any, is_named: bool = False) -> Any:
        """What is left of the places where there is no top."""
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name="avg_pool" if is_named else None)(x)
        if self.pooling == "max":
            return layers.GlobalMaxPooling2D(name="max_pool" if is_named else None)(x)
        return x

    def classified(self, x: Any, last: str, is_named: bool = False) -> Any:
        """The usual top: the mean over all places, then one dense layer."""
        if not self.include_top:
            return self.pooled(x, is_named)
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return layers.Dense(self.classes, activation="softmax", name=last)(x)

    def model(self, start: Any, x: Any, name: str, file: str, end: str = "_notop") -> Model:
        """The model, with its weights.

        `file` is Keras's name of the file of weights, without its end; `end` is added without top.

        Raises
        ------
        FileNotFoundError : there is no file of weights.
        """
        made = Model(start, x, name=name)
        if self.weights == "imagenet":
            full = f"{file}{'' if self.include_top else end}.h5"
            path = Path.home() / ".keras" / "models" / full
            if not path.exists():
                raise FileNotFoundError(f"expected the weights at {path}: they are not downloaded")
            made.load_weights(str(path))
        elif self.weights is not None:
            made.load_weights(self.weights)
        return made


def application(build: Callable[[Settings], Any]) -> Callable[..., Any]:
    """A function that builds a network for settings as one of TensorFlow's arguments."""

    def make(
        include_top: bool = True, weights: str | None = "imagenet", input_tensor: Any = None,
        input_shape: ImageShape = None, pooling: str | None = None, classes: int = 1000,
    ) -> Any:  # fmt: skip
        given = Settings(include_top, weights, input_tensor, input_shape, pooling, classes)
        return build(given)

    make.__name__ = make.__qualname__ = build.__name__
    make.__doc__ = f"{(build.__doc__ or '').rstrip('.')}; the arguments are those of `Settings`."
    return make


def in_turn(x: Any, *steps: Any) -> Any:
    """The layers applied one after the other."""
    for step in steps:
        x = step(x)
    return x


def channels_of(x: Any) -> int:
    """How many channels an image has, which come last."""
    return int(x.shape[-1])


def preprocess_by_means(x: Any) -> Any:
    """Images as VGG and ResNet take them: blue, green, red, each without ImageNet's mean.

    `x` is an array or a tensor of float type with red, green and blue last, from 0 to 255.
    """
    parts = [x[..., 2 - k : 3 - k] - mean for k, mean in enumerate(MEANS)]
    return _joined(x, parts)


def preprocess_to_unit(x: Any) -> Any:
    """Images from -1 to 1; `x` is an array or a tensor of float type, from 0 to 255."""
    return x / 127.5 - 1.0


def preprocess_by_deviations(x: Any) -> Any:
    """Images as DenseNet takes them: red, green and blue, each less its mean, in deviations.

    `x` is an array or a tensor of float type with red, green and blue last, from 0 to 255.
    """
    pairs = zip(SCALED_MEANS, DEVIATIONS, strict=True)
    parts = [(x[..., k : k + 1] / 255.0 - mean) / d for k, (mean, d) in enumerate(pairs)]
    return _joined(x, parts)


def _joined(x: Any, parts: Sequence[Any]) -> Any:
    return np.concatenate(parts, axis=-1) if isinstance(x, np.ndarray) else concat(parts, -1)
