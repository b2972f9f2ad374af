"""Functions that Keras knows by name: activations, initializers, regularizers, losses, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import initializers as init
from graphflow.graph.constants import constant
from graphflow.keras import backend as K
from graphflow.keras import constraints
from graphflow.keras.serialization import get_custom_objects
from graphflow.ops.activations import elu, relu, selu, softsign
from graphflow.ops.layer_base import snake_case
from graphflow.ops.softmax import softmax
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import exp, sigmoid, softplus, square, tanh

__all__ = ["activation", "constraint", "initializer", "named", "regularizer"]


def _linear(x: Any) -> Any:
    return x


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "elu": elu, "exponential": exp, "hard_sigmoid": K.hard_sigmoid, "linear": _linear,
    "relu": relu, "selu": selu, "sigmoid": sigmoid, "softmax": softmax, "softplus": softplus,
    "softsign": softsign, "tanh": tanh,
}  # fmt: skip


class RandomNormal(init.RandomNormal):
    """Normal numbers, of Keras's deviation."""

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 0.05, seed: int | None = None, dtype: Any = "float32"
    ) -> None:
        super().__init__(mean, stddev, seed, dtype)


class RandomUniform(init.RandomUniform):
    """Uniform numbers, of Keras's bounds."""

    def __init__(
        self, minval: Any = -0.05, maxval: Any = 0.05, seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(minval, maxval, seed, dtype)


class TruncatedNormal(init.TruncatedNormal):
    """Normal numbers that are not far from the mean, of Keras's deviation."""

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 0.05, seed: int | None = None, dtype: Any = "float32"
    ) -> None:
        super().__init__(mean, stddev, seed, dtype)


INITIALIZERS: dict[str, Callable[..., Any]] = {
    "constant": init.Constant, "glorot_normal": init.glorot_normal,
    "glorot_uniform": init.glorot_uniform, "he_normal": init.he_normal,
    "he_uniform": init.he_uniform, "identity": init.Identity, "lecun_normal": init.lecun_normal,
    "lecun_uniform": init.lecun_uniform, "normal": RandomNormal, "ones": init.Ones,
    "one": init.Ones, "orthogonal": init.Orthogonal, "zeros": init.Zeros, "zero": init.Zeros,
    "random_normal": RandomNormal, "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal, "uniform": RandomUniform,
}  # fmt: skip

CLASSES: dict[str, Callable[..., Any]] = {
    "Constant": init.Constant, "GlorotNormal": init.GlorotNormal,
    "GlorotUniform": init.GlorotUniform, "Identity": init.Identity, "L1L2": lambda **c: L1L2(**c),
    "Ones": init.Ones, "Orthogonal": init.Orthogonal, "RandomNormal": RandomNormal,
    "RandomUniform": RandomUniform, "TruncatedNormal": TruncatedNormal,
    "VarianceScaling": init.VarianceScaling, "Zeros": init.Zeros,
}  # fmt: skip

REGULARIZERS: dict[str, Callable[..., Any]] = {
    "l1": lambda: l1(0.01), "l2": lambda: l2(0.01), "l1_l2": lambda: l1_l2(0.01, 0.01),
}  # fmt: skip


class Regularizer:
    """Base of regularizers."""

    def __call__(self, x: Any) -> Any:
        """The loss of a variable."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A regularizer of arguments."""
        return cls(**config)


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x²)``."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1), float(l2)

    def __call__(self, x: Any) -> Any:
        """The loss of a variable."""
        if not self.l1 and not self.l2:
            return constant(0.0)
        total: Any = 0.0
        if self.l1:
            total += K.sum(self.l1 * absolute(x))
        if self.l2:
            total += K.sum(self.l2 * square(x))
        return total


def l1(l: float = 0.01) -> L1L2:  # noqa: E741  # Keras's name
    """``l * sum(|w|)``."""
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:  # noqa: E741
    """``l * sum(w²)``."""
    return L1L2(l2=l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Both."""
    return L1L2(l1, l2)


# ---- by name


CONSTRAINTS: dict[str, Callable[..., Any]] = {
    name: getattr(constraints, name) for name in constraints.__all__
}


def _snake(name: str) -> str:
    return name if name.islower() else snake_case(name)


def named(table: dict[str, Callable[..., Any]], kind: str, make: bool) -> Callable[[Any], Any]:
    """A function that looks names up in a table; `make` says whether it makes what it finds."""

    def get(identifier: Any) -> Any:
        """What has this name, or class name and arguments; anything else is itself."""
        if isinstance(identifier, dict) and "class_name" in identifier:
            config = identifier.get("config", {})
            known = {**table, **CLASSES, **get_custom_objects()}
            name = identifier["class_name"]
            if name not in known:
                raise ValueError(f"Unknown {kind}: {name}")
            return known[name](**config)
        if not isinstance(identifier, str):
            return identifier() if make and isinstance(identifier, type) else identifier
        custom = get_custom_objects()
        found = custom.get(identifier, table.get(identifier, table.get(_snake(identifier))))
        if found is None:
            raise ValueError(f"Unknown {kind}: {identifier}")
        return found() if make and (isinstance(found, type) or identifier not in custom) else found

    return get


activation = named(ACTIVATIONS, "activation function", make=False)
initializer = named(INITIALIZERS, "initializer", make=True)
regularizer = named(REGULARIZERS, "regularizer", make=True)
constraint = named(CONSTRAINTS, "constraint", make=True)
