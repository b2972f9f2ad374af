"""Keras's optimizers: settings and variables, of which a model makes a training step."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from graphflow import train
from graphflow.contrib.opt import AdaMaxOptimizer
from graphflow.keras import backend, schedules
from graphflow.keras.optimizer_rules import AMSGrad
from graphflow.keras.optimizer_rules import Nadam as NadamRule
from graphflow.keras.optimizer_rules import RMSprop as RMSpropRule
from graphflow.ops.casting import cast
from graphflow.ops.clip import clip_by_norm, clip_by_value
from graphflow.ops.variables import Variable
from graphflow.train.optimizer import Optimizer as _Optimizer

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop",
    "deserialize", "get", "schedules", "serialize",
]  # fmt: skip


class Optimizer:
    """Base of optimizers.

    Attributes
    ----------
    slots : of each variable: Keras's names, in the order of its files, and those of `tf.train`.
    by_variable : whether a file has all slots of one variable before those of the next.
    settings : the other arguments, by their names.
    """

    slots: tuple[tuple[str, str], ...] = ()
    by_variable = False

    def __init__(
        self, learning_rate: Any = 0.001, decay: float = 0.0, clipnorm: float | None = None,
        clipvalue: float | None = None, name: str | None = None, lr: Any = None,
        **settings: Any,
    ) -> None:  # fmt: skip
        known = set(inspect.signature(type(self).__init__).parameters)
        unknown = set(settings) - known
        if unknown:
            raise TypeError(
                f"Unexpected keyword argument passed to optimizer: {sorted(unknown)[0]}"
            )
        self._rate = learning_rate if lr is None else lr
        self.decay, self.clipnorm, self.clipvalue = decay, clipnorm, clipvalue
        self.name = name or type(self).__name__
        self.settings = settings
        self._lr: Any = None
        self._iterations: Any = None
        self._made: Any = None
        self._variables: list[Any] = []

    def _make(self, rate: Any) -> _Optimizer:
        """One of `tf.train`'s optimizers with this learning rate."""
        raise NotImplementedError

    # ---- settings that change

    @property
    def iterations(self) -> Any:
        """How many steps were made: a variable."""
        if self._iterations is None:
            self._iterations = Variable(0, trainable=False, name="iter", dtype="int64")
        return self._iterations

    @iterations.setter
    def iterations(self, variable: Any) -> None:
        self._iterations = variable

    @property
    def lr(self) -> Any:
        """The learning rate: a variable, or a schedule."""
        if isinstance(self._rate, schedules.LearningRateSchedule):
            return self._rate
        if self._lr is None:
            self._lr = Variable(self._rate, trainable=False, name="learning_rate", dtype="float32")
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        if isinstance(value, Variable):
            self._lr = value
        elif self._lr is None:
            self._rate = value
        else:
            backend.set_value(self._lr, value)

    @property
    def learning_rate(self) -> Any:
        """The learning rate, under its other name."""
        return self.lr

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.lr = value

    def _decayed(self) -> Any:
        rate = self.lr
        if isinstance(rate, schedules.LearningRateSchedule):
            rate = rate(cast(self.iterations, "float32"))
        if self.decay and not isinstance(self, Nadam):
            return rate / (1.0 + self.decay * cast(self.iterations, "float32"))
        return rate * 1.0

    # ---- steps

    def _clipped(self, gradient: Any) -> Any:
        if gradient is not None and self.clipnorm:
            gradient = clip_by_norm(gradient, self.clipnorm)
        if gradient is not None and self.clipvalue:
            gradient = clip_by_value(gradient, -self.clipvalue, self.clipvalue)
        return gradient

    def _rule(self) -> _Optimizer:
        if self._made is None:
            self._made = self._make(self._decayed())
        return self._made

    def get_gradients(self, loss: Any, params: list[Any]) -> list[Any]:
        """The gradients of a loss, within their limits."""
        pairs = self._rule().compute_gradients(loss, params)
        return [self._clipped(gradient) for gradient, _ in pairs]

    def apply_gradients(self, grads_and_vars: Any, name: str | None = None) -> Any:
        """The operation of a step with these gradients."""
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars]
        self._variables += [v for g, v in pairs if g is not None and v not in self._variables]
        return self._rule().apply_gradients(pairs, global_step=self.iterations, name=name)

    def minimize(
        self, loss: Any, var_list: Any, grad_loss: Any = None, name: str | None = None
    ) -> Any:
        """The operation of a step that makes a loss smaller."""
        value = loss() if callable(loss) and not hasattr(loss, "op") else loss
        variables = list(var_list() if callable(var_list) else var_list)
        pairs = zip(self.get_gradients(value, variables), variables, strict=True)
        return self.apply_gradients(pairs, name)

    def get_updates(self, loss: Any, params: list[Any]) -> list[Any]:
        """The operations of a step, in a list."""
        return [self.minimize(loss, params)]

    def step(self, loss: Any, variables: list[Any]) -> Any:
        """The operation of a training step."""
        return self.minimize(loss, variables)

    # ---- variables

    def _own(self) -> list[Any]:
        """Variables of the optimizer that are no slots, in the order of files."""
        return [self.iterations]

    @property
    def weights(self) -> list[Any]:
        """The step counter and the slots, in the order of Keras's files."""
        if self._made is None:
            return []
        names = [ours for _, ours in self.slots if ours in self._made.get_slot_names()]
        if self.by_variable:
            pairs = [(variable, name) for variable in self._variables for name in names]
        else:
            pairs = [(variable, name) for name in names for variable in self._variables]
        return self._own() + [self._made.get_slot(variable, name) for variable, name in pairs]

    def variables(self) -> list[Any]:
        """The step counter and the slots."""
        return self.weights

    def get_weights(self) -> list[Any]:
        """The values of `weights`."""
        return backend.batch_get_value(self.weights)

    def set_weights(self, weights: list[Any]) -> None:
        """Set the values of `weights`.

        Raises
        ------
        ValueError : there are more or fewer, or one has another shape.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on optimizer {self.name} with a weight list of "
                f"length {len(weights)}, but the optimizer was expecting {len(own)} weights."
            )
        for variable, value in zip(own, weights, strict=True):
            if not variable.shape.is_compatible_with(np.shape(value)):
                raise ValueError(
                    f"Optimizer weight shape {variable.shape} not compatible with provided weight "
                    f"shape {np.shape(value)}"
                )
        for variable, value in zip(own, weights, strict=True):
            backend.set_value(variable, value)
        self._checkpoint_restored(backend.get_session())

    def _checkpoint_children(self) -> list[tuple[str, Any]]:
        rate = (
            []
            if isinstance(self.lr, schedules.LearningRateSchedule)
            else [("learning_rate", self.lr)]
        )
        return [("iter", self.iterations), *rate]

    def _checkpoint_slots(self) -> list[tuple[str, Any]]:
        made = self._made
        known = set() if made is None else set(made.get_slot_names())
        return [
            (theirs, lambda v, name=ours: made.get_slot(v, name))
            for theirs, ours in self.slots if ours in known
        ]  # fmt: skip

    def _checkpoint_restored(self, session: Any) -> None:
        """Compute what files do not hold: powers of Adam's factors, which follow from the steps."""
        steps = int(session.run(self.iterations))
        for (name, _), variable in getattr(self._made, "_non_slot_dict", {}).items():
            factor = self.settings.get(name.replace("beta", "beta_").removesuffix("_power"))
            if factor is not None:
                variable.load(np.float32(factor) ** (steps + 1), session)

    # ---- description

    def get_config(self) -> dict[str, Any]:
        """The arguments that make such an optimizer again."""
        rate = self._rate
        if isinstance(rate, schedules.LearningRateSchedule):
            rate = schedules.serialize(rate)
        else:
            rate = float(rate if self._lr is None else backend.get_value(self._lr))
        limits = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue}
        return {
            "name": self.name, **{k: v for k, v in limits.items() if v is not None},
            "learning_rate": rate, "decay": self.decay, **self.settings,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The optimizer of arguments."""
        rate = config.get("learning_rate", config.get("lr"))
        if isinstance(rate, dict):
            config = {**config, "learning_rate": schedules.deserialize(rate)}
        return cls(**config)


def _epsilon(value: float | None) -> float:
    return backend.epsilon() if value is None else value


class SGD(Optimizer):
    """Gradient descent, with momentum."""

    slots = (("momentum", "momentum"),)

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False,
        name: str = "SGD", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, name=name, momentum=momentum, nesterov=nesterov, **kwargs)

    def _make(self, rate: Any) -> _Optimizer:
        momentum, nesterov = self.settings["momentum"], self.settings["nesterov"]
        if not momentum:
            return train.GradientDescentOptimizer(rate)
        return train.MomentumOptimizer(rate, momentum, use_nesterov=nesterov)


class RMSprop(Optimizer):
    """RMSprop, with momentum and a running mean of the gradient where that is asked for."""

    slots = (("rms", "rms"), ("momentum", "momentum"), ("mg", "mg"))

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float | None = 1e-7, centered: bool = False, name: str = "RMSprop",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, name=name, rho=rho, momentum=momentum,
                         epsilon=_epsilon(epsilon), centered=centered, **kwargs)  # fmt: skip

    def _make(self, rate: Any) -> _Optimizer:
        return RMSpropRule(rate, self.iterations, **self.settings)


class Adagrad(Optimizer):
    """Adagrad."""

    slots = (("accumulator", "accumulator"),)

    def __init__(
        self, learning_rate: Any = 0.001, initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7, name: str = "Adagrad", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, name=name, initial_accumulator_value=initial_accumulator_value,
            epsilon=_epsilon(epsilon), **kwargs,
        )  # fmt: skip

    def _make(self, rate: Any) -> _Optimizer:
        return train.AdagradOptimizer(rate, self.settings["initial_accumulator_value"])


class Adadelta(Optimizer):
    """Adadelta."""

    slots = (("accum_grad", "accum"), ("accum_var", "accum_update"))

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float | None = 1e-7,
        name: str = "Adadelta", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, name=name, rho=rho, epsilon=_epsilon(epsilon), **kwargs)

    def _make(self, rate: Any) -> _Optimizer:
        return train.AdadeltaOptimizer(rate, **self.settings)


class _LikeAdam(Optimizer):
    slots: tuple[tuple[str, str], ...] = (("m", "m"), ("v", "v"))

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float | None = 1e-7, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, name=name, beta_1=beta_1, beta_2=beta_2,
                         epsilon=_epsilon(epsilon), **kwargs)  # fmt: skip


class Adam(_LikeAdam):
    """Adam; with `amsgrad`, its second moment never falls."""

    slots = (("m", "m"), ("v", "v"), ("vhat", "vhat"))

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float | None = 1e-7, amsgrad: bool = False, name: str = "Adam", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, name, amsgrad=bool(amsgrad), **kwargs
        )

    def _make(self, rate: Any) -> _Optimizer:
        factors = [self.settings[name] for name in ("beta_1", "beta_2", "epsilon")]
        if self.settings["amsgrad"]:
            return AMSGrad(rate, self.iterations, *factors)
        return train.AdamOptimizer(rate, *factors)


class Adamax(_LikeAdam):
    """Adam by the infinity norm."""

    def _make(self, rate: Any) -> _Optimizer:
        return AdaMaxOptimizer(rate, *self.settings.values())


class Nadam(_LikeAdam):
    """Adam with Nesterov's momentum; `schedule_decay` is how fast the momentum grows."""

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float | None = 1e-7, name: str = "Nadam", **kwargs: Any,
    ) -> None:  # fmt: skip
        kwargs = {"decay": 0.004, **kwargs}
        kwargs["decay"] = kwargs.pop("schedule_decay", kwargs["decay"])
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **kwargs)

    def _make(self, rate: Any) -> _Optimizer:
        return NadamRule(rate, self.iterations, **self.settings, decay=self.decay)

    def _own(self) -> list[Any]:
        return [self.iterations, self._made.cache()]


class Ftrl(Optimizer):
    """Follow the regularised leader (McMahan et al., 2013)."""

    slots = (("accumulator", "accum"), ("linear", "linear"))
    by_variable = True

    def __init__(
        self, learning_rate: Any = 0.001, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, name: str = "Ftrl",
        l2_shrinkage_regularization_strength: float = 0.0, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, name=name, learning_rate_power=learning_rate_power,
            initial_accumulator_value=initial_accumulator_value,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
            l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength, **kwargs,
        )  # fmt: skip

    def _make(self, rate: Any) -> _Optimizer:
        return train.FtrlOptimizer(rate, **self.settings)


_KINDS: dict[str, Any] = {
    "adadelta": Adadelta, "adagrad": Adagrad, "adam": Adam, "adamax": Adamax, "ftrl": Ftrl,
    "nadam": Nadam, "rmsprop": RMSprop, "sgd": SGD,
}  # fmt: skip


class TFOptimizer(Optimizer):
    """One of `tf.train`'s optimizers, as it is."""

    def __init__(self, optimizer: _Optimizer) -> None:
        super().__init__(0.0)
        self.optimizer = optimizer

    def _make(self, rate: Any) -> _Optimizer:
        return self.optimizer

    def _checkpoint_children(self) -> list[tuple[str, Any]]:
        return [("iter", self.iterations), ("optimizer", self.optimizer)]

    def get_config(self) -> dict[str, Any]:
        """Raise: these optimizers have no description."""
        raise NotImplementedError("expected one of Keras's optimizers, got one of `tf.train`'s")


def get(identifier: Any) -> Optimizer:
    """The optimizer of this name, or this one."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, _Optimizer):
        return TFOptimizer(identifier)
    if isinstance(identifier, str) and identifier.lower() in _KINDS:
        named: Optimizer = _KINDS[identifier.lower()]()
        return named
    if isinstance(identifier, dict) and str(identifier.get("class_name")).lower() in _KINDS:
        kind = _KINDS[identifier["class_name"].lower()]
        described: Optimizer = kind.from_config(identifier.get("config", {}))
        return described
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """An optimizer's class and its arguments."""
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """The optimizer of a name, or of a class's name and arguments."""
    return get(config)
