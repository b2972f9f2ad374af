"""Distributions of classes and counts: Bernoulli, Categorical, Multinomial; and Dirichlet."""

from __future__ import annotations

from typing import Any

from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    NOT_REPARAMETERIZED,
    Distribution,
    RegisterKL,
    logits_and_probs,
    parameter,
)
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import name_scope
from graphflow.graph.dtypes import int32, int64
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.creation import ones_like, zeros_like
from graphflow.ops.functional import map_fn
from graphflow.ops.identity import identity
from graphflow.ops.joining import concat
from graphflow.ops.losses import sigmoid_cross_entropy_with_logits
from graphflow.ops.random import random_uniform
from graphflow.ops.reductions import argmax, reduce_sum
from graphflow.ops.sampling import multinomial, random_gamma
from graphflow.ops.sequences import one_hot
from graphflow.ops.sequences import range as range_of
from graphflow.ops.shape import expand_dims, reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.softmax import log_softmax, softmax, sparse_softmax_cross_entropy_with_logits
from graphflow.ops.special import lbeta
from graphflow.ops.transposing import transpose
from graphflow.ops.unary import digamma, lgamma, log, sigmoid, softplus


class Bernoulli(Distribution):
    """Coins.

    Parameters
    ----------
    logits, probs : log-odds or probabilities of 1; exactly one of the two.
    dtype : of samples.
    """

    def __init__(
        self, logits: Any = None, probs: Any = None, dtype: Any = int32,
        validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Bernoulli",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            self._logits, self._probs = logits_and_probs(logits, probs)
        super().__init__(
            dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats, given, [], name
        )

    logits = property(lambda self: self._logits, doc="The log-odds of 1.")
    probs = property(lambda self: self._probs, doc="The probabilities of 1.")

    def _batch_shape_tensor(self) -> Tensor:
        return shape_of(self._logits)

    def _batch_shape(self) -> TensorShape:
        return self._logits.shape

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        sizes = concat([reshape(n, [1]), self.batch_shape_tensor()], 0)
        drawn = random_uniform(sizes, dtype=self.probs.dtype, seed=seed)
        return cast(drawn < self.probs, self.dtype)

    def _value(self, value: Any) -> Any:
        return convert_to_tensor(value, name="value")

    def _log_prob(self, event: Any) -> Any:
        event = cast(event, self.logits.dtype)
        logits, event = ones_like(event) * self.logits, ones_like(self.logits) * event
        return -sigmoid_cross_entropy_with_logits(labels=event, logits=logits)

    def _entropy(self) -> Any:
        return -self.logits * (sigmoid(self.logits) - 1.0) + softplus(-self.logits)

    def _mean(self) -> Any:
        return identity(self.probs)

    def _variance(self) -> Any:
        return self._mean() * (1.0 - self.probs)

    def _mode(self) -> Any:
        return cast(self.probs > 0.5, self.dtype)


class _OfClasses(Distribution):
    """A distribution whose last axis of logits is the classes'."""

    _logits: Tensor
    _probs: Tensor

    logits = property(lambda self: self._logits, doc="The logarithms of the classes' weights.")
    probs = property(lambda self: self._probs, doc="The classes' probabilities.")

    def _classes(self) -> Any:
        known = self._logits.shape.as_list()[-1]
        return shape_of(self._logits)[-1] if known is None else known

    def _batch_shape_tensor(self) -> Tensor:
        return shape_of(self._logits)[:-1]

    def _batch_shape(self) -> TensorShape:
        return self._logits.shape[:-1]

    def _draws(self, n: Any, seed: int | None) -> Tensor:
        """Numbers of classes [n, *batch]."""
        flat = reshape(self._logits, [-1, self._classes()])
        drawn = transpose(multinomial(flat, n, seed=seed))
        return reshape(drawn, concat([reshape(n, [1]), self.batch_shape_tensor()], 0))


class Categorical(_OfClasses):
    """One of several classes, by number.

    Parameters
    ----------
    logits, probs : [..., classes], log-weights or probabilities; exactly one of the two.
    dtype : of samples.
    """

    def __init__(
        self, logits: Any = None, probs: Any = None, dtype: Any = int32,
        validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Categorical",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            self._logits, self._probs = logits_and_probs(logits, probs, many=True)
        super().__init__(
            dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats, given, [], name
        )

    @property
    def event_size(self) -> Tensor:
        """The number of classes."""
        return convert_to_tensor(self._classes(), dtype=int32)

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        return cast(self._draws(n, seed), self.dtype)

    def _value(self, value: Any) -> Any:
        return convert_to_tensor(value, name="value")

    def _wide(self, k: Any, params: Tensor) -> tuple[Any, Tensor]:
        """Numbers and parameters that are broadcast to each other."""
        numbers = cast(k, int64 if k.dtype is int64 else int32)
        zeros = zeros_like(params[..., 0])
        numbers = numbers + cast(zeros, numbers.dtype)
        return numbers, params + expand_dims(zeros_like(cast(numbers, params.dtype)), -1)

    def _log_prob(self, k: Any) -> Any:
        numbers, logits = self._wide(k, self.logits)
        return -sparse_softmax_cross_entropy_with_logits(labels=numbers, logits=logits)

    def _cdf(self, k: Any) -> Any:
        numbers, probs = self._wide(k, self.probs)
        below = cast(range_of(self._classes()), numbers.dtype) < expand_dims(numbers, -1)
        return reduce_sum(probs * cast(below, probs.dtype), axis=-1)

    def _entropy(self) -> Any:
        return -reduce_sum(log_softmax(self.logits) * self.probs, axis=-1)

    def _mode(self) -> Any:
        return cast(argmax(self.logits, axis=-1), self.dtype)


class OneHotCategorical(_OfClasses):
    """One of several classes, as a vector with a single 1."""

    def __init__(
        self, logits: Any = None, probs: Any = None, dtype: Any = int32,
        validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "OneHotCategorical",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            self._logits, self._probs = logits_and_probs(logits, probs, many=True)
        super().__init__(
            dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats, given, [], name
        )

    def _event_shape(self) -> TensorShape:
        return self._logits.shape[-1:]

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        return one_hot(self._draws(n, seed), self._classes(), dtype=self.dtype)

    def _value(self, value: Any) -> Any:
        return convert_to_tensor(value, name="value")

    def _log_prob(self, x: Any) -> Any:
        return reduce_sum(cast(x, self.logits.dtype) * log_softmax(self.logits), axis=-1)

    def _entropy(self) -> Any:
        return -reduce_sum(log_softmax(self.logits) * self.probs, axis=-1)

    def _mode(self) -> Any:
        return one_hot(argmax(self.logits, axis=-1), self._classes(), dtype=self.dtype)


class Multinomial(_OfClasses):
    """How often each class comes in `total_count` draws; that may differ from one to another."""

    def __init__(
        self, total_count: Any, logits: Any = None, probs: Any = None,
        validate_args: bool = False, allow_nan_stats: bool = True, name: str = "Multinomial",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            self._logits, self._probs = logits_and_probs(logits, probs, many=True)
            self._total_count = convert_to_tensor(
                total_count, dtype=self._logits.dtype.base_dtype, name="total_count"
            )
            self._means = expand_dims(self._total_count, -1) * self._probs
        super().__init__(
            self._probs.dtype.base_dtype, NOT_REPARAMETERIZED, validate_args, allow_nan_stats,
            given, [], name,
        )  # fmt: skip

    total_count = property(lambda self: self._total_count, doc="The number of draws.")

    def _batch_shape_tensor(self) -> Tensor:
        return shape_of(self._means)[:-1]

    def _batch_shape(self) -> TensorShape:
        return self._means.shape[:-1]

    def _event_shape_tensor(self) -> Tensor:
        return shape_of(self._means)[-1:]

    def _event_shape(self) -> TensorShape:
        return self._means.shape[-1:]

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        """Each distribution of the batch in turn, as TensorFlow draws them."""
        classes = self._classes()
        counts = ones_like(self.logits[..., 0], dtype=int32) * cast(self._total_count, int32)
        logits = ones_like(expand_dims(counts, -1), dtype=self.logits.dtype) * self.logits
        every = [reshape(logits, [-1, classes]), n * reshape(counts, [-1])]

        def sample_one(arguments: Any) -> Any:
            drawn = multinomial(expand_dims(arguments[0], 0), arguments[1], seed)
            hits = one_hot(reshape(drawn, [n, -1]), classes)
            return reduce_sum(hits, axis=-2)

        drawn = transpose(map_fn(sample_one, every, dtype=self.dtype), [1, 0, 2])
        return reshape(drawn, concat([[n], self.batch_shape_tensor(), [classes]], 0))

    def _log_prob(self, counts: Any) -> Any:
        kept = reduce_sum(counts * log_softmax(self.logits), axis=-1)
        ways = lgamma(1.0 + self._total_count) - reduce_sum(lgamma(1.0 + counts), axis=-1)
        return kept + ways

    def _mean(self) -> Any:
        return identity(self._means)

    def _variance(self) -> Any:
        return self._mean() * (1.0 - self.probs)


class Dirichlet(Distribution):
    """Distributions of probabilities of classes, with weights `concentration` [..., classes]."""

    def __init__(
        self, concentration: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Dirichlet",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            self._concentration = parameter(concentration, "concentration", validate_args)
        super().__init__(
            self._concentration.dtype.base_dtype, FULLY_REPARAMETERIZED, validate_args,
            allow_nan_stats, given, [], name,
        )  # fmt: skip

    concentration = property(lambda self: self._concentration, doc="The weights.")

    @property
    def total_concentration(self) -> Any:
        """The sums of the weights."""
        return reduce_sum(self._concentration, axis=-1)

    def _batch_shape_tensor(self) -> Tensor:
        return shape_of(self._concentration)[:-1]

    def _batch_shape(self) -> TensorShape:
        return self._concentration.shape[:-1]

    def _event_shape_tensor(self) -> Tensor:
        return shape_of(self._concentration)[-1:]

    def _event_shape(self) -> TensorShape:
        return self._concentration.shape[-1:]

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        drawn = random_gamma([n], self._concentration, dtype=self.dtype, seed=seed)
        return drawn / reduce_sum(drawn, axis=-1, keepdims=True)

    def _log_prob(self, x: Any) -> Any:
        kept = reduce_sum((self._concentration - 1.0) * log(x), axis=-1)
        return kept - lbeta(self._concentration)

    def _mean(self) -> Any:
        return self._concentration / expand_dims(self.total_concentration, -1)

    def _variance(self) -> Any:
        total = expand_dims(self.total_concentration, -1)
        return self._mean() * (1.0 - self._mean()) / (1.0 + total)

    def _entropy(self) -> Any:
        total, a = self.total_concentration, self._concentration
        classes = cast(shape_of(a)[-1], self.dtype)
        spread = reduce_sum((a - 1.0) * digamma(a), axis=-1)
        return lbeta(a) + (total - classes) * digamma(total) - spread


# ---- divergences


@RegisterKL(Bernoulli, Bernoulli)
def _coins(a: Bernoulli, b: Bernoulli, name: str | None = None) -> Any:
    with name_scope(name, "kl_bernoulli_bernoulli"):
        of_zero = softplus(-b.logits) - softplus(-a.logits)
        of_one = softplus(b.logits) - softplus(a.logits)
        return sigmoid(a.logits) * of_zero + sigmoid(-a.logits) * of_one


@RegisterKL(Categorical, Categorical)
@RegisterKL(OneHotCategorical, OneHotCategorical)
def _classes(a: Any, b: Any, name: str | None = None) -> Any:
    with name_scope(name, "kl_categorical_categorical"):
        change = log_softmax(a.logits) - log_softmax(b.logits)
        return reduce_sum(softmax(a.logits) * change, axis=-1)


@RegisterKL(Dirichlet, Dirichlet)
def _dirichlets(a: Dirichlet, b: Dirichlet, name: str | None = None) -> Any:
    with name_scope(name, "kl_dirichlet_dirichlet"):
        expected = digamma(a.concentration) - expand_dims(digamma(a.total_concentration), -1)
        moved = reduce_sum((a.concentration - b.concentration) * expected, axis=-1)
        return moved - lbeta(a.concentration) + lbeta(b.concentration)
