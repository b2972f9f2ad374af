"""Keras's optimizers: settings of which a model makes one of `tf.train`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphflow import train
from graphflow.contrib.opt import AdaMaxOptimizer, NadamOptimizer
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_norm, clip_by_value
from graphflow.ops.variables import Variable
from graphflow.train.optimizer import Optimizer as _Optimizer

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "Optimizer", "RMSprop", "get"]


class Optimizer:
    """Settings of an optimizer.

    Parameters
    ----------
    make : function of a learning rate that gives one of `tf.train`'s optimizers.
    lr, decay : the learning rate, and by what its quotient grows in each step.
    clipnorm, clipvalue : limits of each gradient's norm, of its elements.
    """

    def __init__(
        self, make: Callable[[Any], _Optimizer], lr: Any, decay: float = 0.0,
        clipnorm: float | None = None, clipvalue: float | None = None,
    ) -> None:  # fmt: skip
        self._make = make
        self._rate = lr
        self.decay = decay
        self.clipnorm, self.clipvalue = clipnorm, clipvalue
        self.lr: Any = None  # a variable, once a model is trained
        self.iterations: Any = None

    def _clipped(self, gradient: Any) -> Any:
        if gradient is not None and self.clipnorm:
            gradient = clip_by_norm(gradient, self.clipnorm)
        if gradient is not None and self.clipvalue:
            gradient = clip_by_value(gradient, -self.clipvalue, self.clipvalue)
        return gradient

    def step(self, loss: Any, variables: list[Any]) -> Any:
        """The operation of a training step."""
        self.lr = Variable(float(self._rate), trainable=False, name="lr")
        self.iterations = Variable(0, trainable=False, name="iterations", dtype="int64")
        rate = self.lr * 1.0
        if self.decay:
            rate = rate / (1.0 + self.decay * cast(self.iterations, "float32"))
        made = self._make(rate)
        pairs = made.compute_gradients(loss, variables)
        clipped = [(self._clipped(gradient), variable) for gradient, variable in pairs]
        return made.apply_gradients(clipped, global_step=self.iterations)


def _rate(lr: Any, others: dict[str, Any]) -> Any:
    return others.pop("learning_rate", lr)


class SGD(Optimizer):
    """Gradient descent, with momentum."""

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.0, decay: float = 0.0, nesterov: bool = False,
        **others: Any,
    ) -> None:  # fmt: skip
        def make(rate: Any) -> _Optimizer:
            if not momentum:
                return train.GradientDescentOptimizer(rate)
            return train.MomentumOptimizer(rate, momentum, use_nesterov=nesterov)

        super().__init__(make, _rate(lr, others), decay, **others)


class RMSprop(Optimizer):
    """RMSProp."""

    def __init__(
        self, lr: float = 0.001, rho: float = 0.9, epsilon: float | None = None,
        decay: float = 0.0, **others: Any,
    ) -> None:  # fmt: skip
        def make(rate: Any) -> _Optimizer:
            return train.RMSPropOptimizer(rate, rho, epsilon=1e-7 if epsilon is None else epsilon)

        super().__init__(make, _rate(lr, others), decay, **others)


class Adagrad(Optimizer):
    """Adagrad."""

    def __init__(
        self, lr: float = 0.01, epsilon: Any = None, decay: float = 0.0, **others: Any
    ) -> None:
        super().__init__(train.AdagradOptimizer, _rate(lr, others), decay, **others)


class Adadelta(Optimizer):
    """Adadelta."""

    def __init__(
        self, lr: float = 1.0, rho: float = 0.95, epsilon: float | None = None,
        decay: float = 0.0, **others: Any,
    ) -> None:  # fmt: skip
        def make(rate: Any) -> _Optimizer:
            return train.AdadeltaOptimizer(rate, rho, 1e-7 if epsilon is None else epsilon)

        super().__init__(make, _rate(lr, others), decay, **others)


def _like_adam(name: str, kind: Callable[..., _Optimizer], default: float) -> Any:
    def __init__(
        self: Any, lr: float = default, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float | None = None, decay: float = 0.0, **others: Any,
    ) -> None:  # fmt: skip
        others.pop("amsgrad", None)

        def make(rate: Any) -> _Optimizer:
            return kind(rate, beta_1, beta_2, 1e-7 if epsilon is None else epsilon)

        Optimizer.__init__(self, make, _rate(lr, others), decay, **others)

    return type(name, (Optimizer,), {"__init__": __init__, "__doc__": f"{name}."})


Adam = _like_adam("Adam", train.AdamOptimizer, 0.001)
Adamax = _like_adam("Adamax", AdaMaxOptimizer, 0.002)
Nadam = _like_adam("Nadam", NadamOptimizer, 0.002)


class Ftrl(Optimizer):
    """Follow the regularised leader (McMahan et al., 2013)."""

    def __init__(
        self, learning_rate: float = 0.001, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, **others: Any,
    ) -> None:  # fmt: skip
        def make(rate: Any) -> _Optimizer:
            return train.FtrlOptimizer(
                rate, learning_rate_power, initial_accumulator_value, l1_regularization_strength,
                l2_regularization_strength,
            )  # fmt: skip

        super().__init__(make, learning_rate, **others)


_KINDS = {
    "adadelta": Adadelta, "adagrad": Adagrad, "adam": Adam, "adamax": Adamax, "ftrl": Ftrl,
    "nadam": Nadam, "rmsprop": RMSprop, "sgd": SGD,
}  # fmt: skip


class _Given(Optimizer):
    """One of `tf.train`'s optimizers, as it is."""

    def __init__(self, optimizer: _Optimizer) -> None:
        super().__init__(lambda rate: optimizer, 0.0)


def get(identifier: Any) -> Optimizer:
    """The optimizer of this name, or this one."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, _Optimizer):
        return _Given(identifier)
    if isinstance(identifier, str) and identifier.lower() in _KINDS:
        return _KINDS[identifier.lower()]()
    if isinstance(identifier, dict) and str(identifier.get("class_name")).lower() in _KINDS:
        return _KINDS[identifier["class_name"].lower()](**identifier.get("config", {}))
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """An optimizer's class and its learning rate."""
    config = {"learning_rate": float(optimizer._rate), "decay": optimizer.decay}
    return {"class_name": type(optimizer).__name__, "config": config}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """The optimizer of a name, or of a class's name and arguments."""
    return get(config)
