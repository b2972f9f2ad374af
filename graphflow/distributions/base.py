"""What distributions are: samples, probabilities, moments; and divergences between them."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

from graphflow.graph.constants import constant, constant_value
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.default import control_dependencies, name_scope
from graphflow.graph.dtypes import as_dtype, int32
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.casting import cast
from graphflow.ops.checks import Assert
from graphflow.ops.comparison import greater, logical_not
from graphflow.ops.identity import identity
from graphflow.ops.joining import concat
from graphflow.ops.reductions import reduce_all, reduce_any, reduce_prod
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.softmax import softmax
from graphflow.ops.unary import exp, is_nan, log, log1p, sigmoid, sqrt, square


class ReparameterizationType:
    """Whether gradients pass through samples to the parameters."""

    def __init__(self, rep_type: str) -> None:
        self._rep_type = rep_type

    def __repr__(self) -> str:
        return f"<Reparameterization Type: {self._rep_type}>"


FULLY_REPARAMETERIZED = ReparameterizationType("FULLY_REPARAMETERIZED")
NOT_REPARAMETERIZED = ReparameterizationType("NOT_REPARAMETERIZED")


def parameter(value: Any, name: str, positive: bool = False, dtype: Any = None) -> Tensor:
    """A parameter as a tensor; with `positive`, checked in the run."""
    tensor = convert_to_tensor(value, dtype=dtype, name=name)
    if not positive:
        return identity(tensor, name=name)
    check = Assert(reduce_all(greater(tensor, cast(0, tensor.dtype))), [f"{name} <= 0", tensor])
    with control_dependencies([check]):
        return identity(tensor, name=name)


def logits_and_probs(logits: Any, probs: Any, many: bool = False) -> tuple[Tensor, Tensor]:
    """Both from one of them; the last axis is the classes' when `many`.

    Raises
    ------
    ValueError : both are given, or none.
    """
    if (logits is None) == (probs is None):
        raise ValueError("Must pass probs or logits, but not both.")
    if probs is not None:
        found = convert_to_tensor(probs, name="probs")
        return (log(found) if many else log(found) - log1p(-found)), found
    given = convert_to_tensor(logits, name="logits")
    return given, softmax(given, name="probs") if many else sigmoid(given, name="probs")


def new_seed(seed: int | None, salt: str) -> int | None:
    """Another seed that depends on a seed; None for None."""
    if seed is None:
        return None
    digest = hashlib.md5(f"{seed}{salt}".encode()).hexdigest()[:8]
    return int(digest, 16) & 0x7FFFFFFF


class Distribution:
    """A batch of distributions of one kind.

    Subclasses define ``_sample_n``, ``_log_prob`` or ``_prob``, and what else they have: ``_cdf``,
    ``_mean``, ``_variance`` or ``_stddev``, ``_mode``, ``_entropy``, ``_quantile`` and so on.

    Parameters
    ----------
    dtype : of samples.
    reparameterization_type : whether gradients pass through samples.
    parameters : the arguments that it was made with.
    """

    def __init__(
        self, dtype: Any, reparameterization_type: Any, validate_args: bool = False,
        allow_nan_stats: bool = True, parameters: dict[str, Any] | None = None,
        graph_parents: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        self._dtype, self._reparameterization_type = as_dtype(dtype), reparameterization_type
        self._validate_args, self._allow_nan_stats = validate_args, allow_nan_stats
        self._parameters = dict(parameters or {})
        with name_scope(name or type(self).__name__) as scope:
            self._name = scope

    name = property(lambda self: self._name, doc="The scope of its operations.")
    dtype = property(lambda self: self._dtype, doc="The type of samples.")
    reparameterization_type = property(
        lambda self: self._reparameterization_type, doc="Whether gradients pass through samples."
    )
    allow_nan_stats = property(lambda self: self._allow_nan_stats, doc="Whether nan may come out.")
    validate_args = property(lambda self: self._validate_args, doc="Whether arguments are checked.")

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that it was made with."""
        hidden = ("self", "__class__")
        return {k: v for k, v in self._parameters.items() if k not in hidden}

    def copy(self, **override_parameters_kwargs: Any) -> Any:
        """The same distribution with other arguments."""
        known = set(inspect.signature(type(self).__init__).parameters)
        given = {k: v for k, v in self.parameters.items() if k in known}
        return type(self)(**{**given, **override_parameters_kwargs})

    def __repr__(self) -> str:
        return (
            f"<graphflow.distributions.{type(self).__name__} '{self.name}' "
            f"batch_shape={self.batch_shape} event_shape={self.event_shape} "
            f"dtype={self.dtype.name}>"
        )

    # ---- shapes

    def _batch_shape_tensor(self) -> Tensor:
        raise NotImplementedError("batch_shape_tensor is not implemented")

    def _batch_shape(self) -> TensorShape:
        return TensorShape(None)

    def _event_shape_tensor(self) -> Tensor:
        return constant([], dtype=int32)

    def _event_shape(self) -> TensorShape:
        return TensorShape([])

    @property
    def batch_shape(self) -> TensorShape:
        """The shape of the batch, as far as known."""
        return self._batch_shape()

    @property
    def event_shape(self) -> TensorShape:
        """The shape of one sample, as far as known."""
        return self._event_shape()

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Tensor:
        """The shape of the batch."""
        with name_scope(f"{self.name}{name}/"):
            known = self.batch_shape
            if known.is_fully_defined():
                return constant(known.as_list(), dtype=int32, name="batch_shape")
            return self._batch_shape_tensor()

    def event_shape_tensor(self, name: str = "event_shape_tensor") -> Tensor:
        """The shape of one sample."""
        with name_scope(f"{self.name}{name}/"):
            known = self.event_shape
            if known.is_fully_defined():
                return constant(known.as_list(), dtype=int32, name="event_shape")
            return self._event_shape_tensor()

    # ---- samples and probabilities

    def sample(self, sample_shape: Any = (), seed: int | None = None, name: str = "sample") -> Any:
        """Samples of shape sample_shape + batch_shape + event_shape."""
        with name_scope(f"{self.name}{name}/"):
            sizes = convert_to_tensor(sample_shape, dtype=int32, name="sample_shape")
            sizes = reshape(sizes, [-1])
            flat = self._sample_n(reduce_prod(sizes), seed)
            found = reshape(flat, concat([sizes, shape_of(flat)[1:]], 0))
            known = constant_value(sizes)
            if known is not None:
                lead = TensorShape([int(s) for s in known])
                found.set_shape(lead.concatenate(self.batch_shape).concatenate(self.event_shape))
            return found

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        raise NotImplementedError("sample is not implemented")

    def _of(self, method: str, value: Any, name: str) -> Any:
        with name_scope(f"{self.name}{name}/"):
            return getattr(self, method)(self._value(value))

    def _value(self, value: Any) -> Any:
        return convert_to_tensor(value, dtype=self.dtype, name="value")

    def log_prob(self, value: Any, name: str = "log_prob") -> Any:
        """The logarithm of the density, or of the probability."""
        return self._of("_log_prob", value, name)

    def prob(self, value: Any, name: str = "prob") -> Any:
        """The density, or the probability."""
        return self._of("_prob", value, name)

    def cdf(self, value: Any, name: str = "cdf") -> Any:
        """The probability of no more than the value."""
        return self._of("_cdf", value, name)

    def log_cdf(self, value: Any, name: str = "log_cdf") -> Any:
        """The logarithm of `cdf`."""
        return self._of("_log_cdf", value, name)

    def survival_function(self, value: Any, name: str = "survival_function") -> Any:
        """The probability of more than the value."""
        return self._of("_survival_function", value, name)

    def log_survival_function(self, value: Any, name: str = "log_survival_function") -> Any:
        """The logarithm of `survival_function`."""
        return self._of("_log_survival_function", value, name)

    def quantile(self, value: Any, name: str = "quantile") -> Any:
        """The value whose `cdf` is the argument."""
        return self._of("_quantile", value, name)

    def _log_prob(self, value: Any) -> Any:
        if type(self)._prob is Distribution._prob:
            raise NotImplementedError("log_prob is not implemented")
        return log(self._prob(value))

    def _prob(self, value: Any) -> Any:
        return exp(self._log_prob(value))

    def _cdf(self, value: Any) -> Any:
        if type(self)._log_cdf is Distribution._log_cdf:
            raise NotImplementedError("cdf is not implemented")
        return exp(self._log_cdf(value))

    def _log_cdf(self, value: Any) -> Any:
        return log(self._cdf(value))

    def _survival_function(self, value: Any) -> Any:
        return 1.0 - self._cdf(value)

    def _log_survival_function(self, value: Any) -> Any:
        return log(self._survival_function(value))

    def _quantile(self, value: Any) -> Any:
        raise NotImplementedError("quantile is not implemented")

    # ---- moments

    def _stat(self, method: str, name: str) -> Any:
        with name_scope(f"{self.name}{name}/"):
            return getattr(self, method)()

    def mean(self, name: str = "mean") -> Any:
        """The mean."""
        return self._stat("_mean", name)

    def variance(self, name: str = "variance") -> Any:
        """The variance."""
        return self._stat("_variance", name)

    def stddev(self, name: str = "stddev") -> Any:
        """The standard deviation."""
        return self._stat("_stddev", name)

    def mode(self, name: str = "mode") -> Any:
        """The likeliest value."""
        return self._stat("_mode", name)

    def entropy(self, name: str = "entropy") -> Any:
        """The entropy, in nats."""
        return self._stat("_entropy", name)

    def covariance(self, name: str = "covariance") -> Any:
        """The covariance of a sample's elements."""
        return self._stat("_covariance", name)

    def _mean(self) -> Any:
        raise NotImplementedError("mean is not implemented")

    def _mode(self) -> Any:
        raise NotImplementedError("mode is not implemented")

    def _entropy(self) -> Any:
        raise NotImplementedError("entropy is not implemented")

    def _covariance(self) -> Any:
        raise NotImplementedError("covariance is not implemented")

    def _variance(self) -> Any:
        if type(self)._stddev is Distribution._stddev:
            raise NotImplementedError("variance is not implemented")
        return square(self._stddev())

    def _stddev(self) -> Any:
        return sqrt(self._variance())

    # ---- against another

    def kl_divergence(self, other: Distribution, name: str = "kl_divergence") -> Any:
        """The Kullback-Leibler divergence from this one to another."""
        with name_scope(f"{self.name}{name}/"):
            return kl_divergence(self, other, self.allow_nan_stats)

    def cross_entropy(self, other: Distribution, name: str = "cross_entropy") -> Any:
        """The entropy of this one, plus its divergence to another."""
        with name_scope(f"{self.name}{name}/"):
            return kl_divergence(self, other, self.allow_nan_stats) + self._entropy()


_DIVERGENCES: dict[tuple[type, type], Callable[..., Any]] = {}


class RegisterKL:
    """Decorator: the function computes ``KL(a || b)`` for distributions of two classes.

    Raises
    ------
    ValueError : there is one for the two classes.
    """

    def __init__(self, dist_cls_a: type, dist_cls_b: type) -> None:
        self._key = (dist_cls_a, dist_cls_b)

    def __call__(self, kl_fn: Callable[..., Any]) -> Callable[..., Any]:
        """Register."""
        if not callable(kl_fn):
            raise TypeError(f"kl_fn must be callable, received: {kl_fn}")
        if self._key in _DIVERGENCES:
            a, b = (kind.__name__ for kind in self._key)
            raise ValueError(
                f"KL({a} || {b}) has already been registered to: {_DIVERGENCES[self._key]}"
            )
        _DIVERGENCES[self._key] = kl_fn
        return kl_fn


def kl_divergence(
    distribution_a: Distribution, distribution_b: Distribution, allow_nan_stats: bool = True,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The Kullback-Leibler divergence ``KL(a || b)``, batch by batch.

    Raises
    ------
    NotImplementedError : there is none for distributions of these kinds.
    """
    kinds = type(distribution_a).__mro__, type(distribution_b).__mro__
    near = [
        (i + j, _DIVERGENCES[a, b])
        for i, a in enumerate(kinds[0])
        for j, b in enumerate(kinds[1])
        if (a, b) in _DIVERGENCES
    ]
    if not near:
        raise NotImplementedError(
            "No KL(distribution_a || distribution_b) registered for distribution_a type "
            f"{kinds[0][0].__name__} and distribution_b type {kinds[1][0].__name__}"
        )
    function = min(near, key=lambda pair: pair[0])[1]
    with name_scope("KullbackLeibler"):
        found = function(distribution_a, distribution_b, name=name)
        if allow_nan_stats:
            return found
        message = (
            f"KL calculation between {distribution_a.name} and {distribution_b.name} returned NaN "
            "values (and was called with allow_nan_stats=False). Values:"
        )
        check = Assert(logical_not(reduce_any(is_nan(found))), [message, found])
        with control_dependencies([check]):
            return identity(found, name="checked_kl")
