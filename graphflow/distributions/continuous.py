"""Distributions of numbers: Normal, Uniform, Laplace, StudentT, Gamma, Exponential, Beta."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    Distribution,
    RegisterKL,
    new_seed,
    parameter,
)
from graphflow.graph.default import name_scope
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.comparison import greater, greater_equal, less, logical_or, where
from graphflow.ops.creation import ones, ones_like, zeros_like
from graphflow.ops.elementwise import maximum, minimum, squared_difference
from graphflow.ops.joining import concat
from graphflow.ops.random import random_normal, random_uniform
from graphflow.ops.sampling import random_gamma
from graphflow.ops.shape import (
    broadcast_dynamic_shape,
    broadcast_static_shape,
    reshape,
)
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.special import betainc, igamma
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import (
    digamma,
    erfc,
    expm1,
    is_nan,
    lgamma,
    log,
    log1p,
    rsqrt,
    sign,
    softplus,
    sqrt,
    square,
)


class _OfTwo(Distribution):
    """A distribution of single numbers with two parameters that broadcast."""

    _first: Tensor
    _second: Tensor

    def _parameters_are(
        self, names: tuple[str, str], values: tuple[Any, Any], given: dict[str, Any],
        positive: tuple[bool, bool],
    ) -> None:  # fmt: skip
        """Take the parameters in, and make the rest of the distribution."""
        check = given["validate_args"]
        with name_scope(given["name"]):
            self._second = parameter(values[1], names[1], check and positive[1])
            self._first = parameter(values[0], names[0], check and positive[0], self._second.dtype)
        if not self._first.dtype.is_floating:
            raise TypeError(f"Expected floating point type, got {self._first.dtype}.")
        super().__init__(
            self._first.dtype.base_dtype, FULLY_REPARAMETERIZED, check, given["allow_nan_stats"],
            given, [self._first, self._second], given["name"],
        )  # fmt: skip

    def _batch_shape_tensor(self) -> Tensor:
        return broadcast_dynamic_shape(shape_of(self._first), shape_of(self._second))

    def _batch_shape(self) -> TensorShape:
        return broadcast_static_shape(self._first.shape, self._second.shape)

    def _sizes(self, n: Any) -> Tensor:
        """The shape of n samples."""
        return concat([reshape(n, [1]), self.batch_shape_tensor()], 0)


def _tail(z: Any) -> Any:
    """The probability of more than z, for the standard normal distribution."""
    return 0.5 * erfc(z / math.sqrt(2.0))


class Normal(_OfTwo):
    """The normal distribution.

    Parameters
    ----------
    loc, scale : means and standard deviations.
    """

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Normal",
    ) -> None:  # fmt: skip
        self._parameters_are(("loc", "scale"), (loc, scale), dict(locals()), (False, True))

    loc = property(lambda self: self._first, doc="The means.")
    scale = property(lambda self: self._second, doc="The standard deviations.")

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        drawn = random_normal(self._sizes(n), 0.0, 1.0, self.dtype, seed)
        return drawn * self.scale + self.loc

    def _z(self, x: Any) -> Any:
        return (x - self.loc) / self.scale

    def _log_prob(self, x: Any) -> Any:
        constant_part = 0.5 * math.log(2.0 * math.pi) + log(self.scale)
        return -0.5 * square(self._z(x)) - constant_part

    def _cdf(self, x: Any) -> Any:
        return _tail(-self._z(x))

    def _survival_function(self, x: Any) -> Any:
        return _tail(self._z(x))

    def _log_cdf(self, x: Any) -> Any:
        return _log_tail(-self._z(x))

    def _log_survival_function(self, x: Any) -> Any:
        return _log_tail(self._z(x))

    def _entropy(self) -> Any:
        return 0.5 * math.log(2.0 * math.pi * math.e) + log(self.scale * ones_like(self.loc))

    def _mean(self) -> Any:
        return self.loc * ones_like(self.scale)

    def _stddev(self) -> Any:
        return self.scale * ones_like(self.loc)

    def _mode(self) -> Any:
        return self._mean()


def _log_tail(z: Any) -> Any:
    """The logarithm of `_tail`, by an asymptotic series where that underflows."""
    far = maximum(z, 5.0)
    inverse = 1.0 / square(far)
    series = 1.0 - inverse * (1.0 - 3.0 * inverse * (1.0 - 5.0 * inverse * (1.0 - 7.0 * inverse)))
    beyond = -0.5 * square(far) - log(far) - 0.5 * math.log(2.0 * math.pi) + log(series)
    near = minimum(z, 5.0)
    return where(greater(z, 5.0), beyond, log(_tail(near)))


class NormalWithSoftplusScale(Normal):
    """The normal distribution, with standard deviations ``softplus(scale)``."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "NormalWithSoftplusScale",
    ) -> None:  # fmt: skip
        given = dict(locals())
        super().__init__(loc, softplus(scale), validate_args, allow_nan_stats, name)
        self._parameters = given


class Uniform(_OfTwo):
    """The uniform distribution over numbers from `low` to `high`."""

    def __init__(
        self, low: Any = 0.0, high: Any = 1.0, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Uniform",
    ) -> None:  # fmt: skip
        self._parameters_are(("low", "high"), (low, high), dict(locals()), (False, False))

    low = property(lambda self: self._first, doc="The lower bounds.")
    high = property(lambda self: self._second, doc="The upper bounds.")

    def range(self, name: str = "range") -> Any:
        """``high - low``."""
        with name_scope(f"{self.name}{name}/"):
            return self.high - self.low

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        return self.low + self.range() * random_uniform(self._sizes(n), dtype=self.dtype, seed=seed)

    def _prob(self, x: Any) -> Any:
        wide = x * ones(self.batch_shape_tensor(), dtype=x.dtype)
        outside = logical_or(less(wide, self.low), greater_equal(wide, self.high))
        inside = ones_like(wide) / self.range()
        return where(is_nan(wide), wide, where(outside, zeros_like(wide), inside))

    def _cdf(self, x: Any) -> Any:
        return minimum(maximum((x - self.low) / self.range(), 0.0), 1.0)

    def _entropy(self) -> Any:
        return log(self.range())

    def _mean(self) -> Any:
        return (self.low + self.high) / 2.0

    def _variance(self) -> Any:
        return square(self.range()) / 12.0

    def _stddev(self) -> Any:
        return self.range() / math.sqrt(12.0)

    def _quantile(self, p: Any) -> Any:
        return self.low + self.range() * p


class Laplace(_OfTwo):
    """The Laplace distribution of means `loc` and mean absolute deviations `scale`."""

    def __init__(
        self, loc: Any, scale: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Laplace",
    ) -> None:  # fmt: skip
        self._parameters_are(("loc", "scale"), (loc, scale), dict(locals()), (False, True))

    loc = property(lambda self: self._first, doc="The means.")
    scale = property(lambda self: self._second, doc="The mean absolute deviations.")

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        kind = self.dtype.numpy.type
        # The open interval: -1 itself would give an infinite sample.
        least = float(np.nextafter(kind(-1.0), kind(0.0))) if np.finfo(kind).bits > 16 else -0.999
        drawn = random_uniform(self._sizes(n), least, 1.0, self.dtype, seed)
        return self.loc - self.scale * sign(drawn) * log1p(-absolute(drawn))

    def _z(self, x: Any) -> Any:
        return (x - self.loc) / self.scale

    def _log_prob(self, x: Any) -> Any:
        return -absolute(self._z(x)) - (math.log(2.0) + log(self.scale))

    def _cdf(self, x: Any) -> Any:
        z = self._z(x)
        return 0.5 - 0.5 * sign(z) * expm1(-absolute(z))

    def _entropy(self) -> Any:
        return math.log(2.0) + 1.0 + log(self.scale + zeros_like(self.loc))

    def _mean(self) -> Any:
        return self.loc + zeros_like(self.scale)

    def _stddev(self) -> Any:
        return math.sqrt(2.0) * self.scale + zeros_like(self.loc)

    def _mode(self) -> Any:
        return self._mean()


class Gamma(_OfTwo):
    """The gamma distribution of shapes `concentration` and inverse scales `rate`."""

    def __init__(
        self, concentration: Any, rate: Any, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Gamma",
    ) -> None:  # fmt: skip
        self._parameters_are(
            ("concentration", "rate"), (concentration, rate), dict(locals()), (True, True)
        )

    concentration = property(lambda self: self._first, doc="The shapes.")
    rate = property(lambda self: self._second, doc="The inverse scales.")

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        return random_gamma([n], self.concentration, self.rate, self.dtype, seed)

    def _log_prob(self, x: Any) -> Any:
        kept = (self.concentration - 1.0) * log(x) - self.rate * x
        return kept - (lgamma(self.concentration) - self.concentration * log(self.rate))

    def _cdf(self, x: Any) -> Any:
        wide = ones_like(self._mean())
        return igamma(self.concentration * wide * ones_like(x), self.rate * x * wide)

    def _entropy(self) -> Any:
        a = self.concentration
        return a - log(self.rate) + lgamma(a) + (1.0 - a) * digamma(a)

    def _mean(self) -> Any:
        return self.concentration / self.rate

    def _variance(self) -> Any:
        return self.concentration / square(self.rate)

    def _stddev(self) -> Any:
        return sqrt(self.concentration) / self.rate

    def _mode(self) -> Any:
        found = (self.concentration - 1.0) / self.rate
        nan = found * float("nan")
        return where(greater(self.concentration * ones_like(found), 1.0), found, nan)


class Exponential(Gamma):
    """The exponential distribution of inverse scales `rate`."""

    def __init__(
        self, rate: Any, validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "Exponential",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            known = parameter(rate, "rate")
        super().__init__(ones_like(known), known, validate_args, allow_nan_stats, name)
        self._parameters = given

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        least = float(np.finfo(self.dtype.numpy).tiny)  # 0 would give an infinite sample
        return -log(random_uniform(self._sizes(n), least, 1.0, self.dtype, seed)) / self.rate


class Beta(_OfTwo):
    """The beta distribution of weights `concentration1` (of 1) and `concentration0` (of 0)."""

    def __init__(
        self, concentration1: Any = None, concentration0: Any = None, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "Beta",
    ) -> None:  # fmt: skip
        self._parameters_are(
            ("concentration1", "concentration0"), (concentration1, concentration0),
            dict(locals()), (True, True),
        )  # fmt: skip

    concentration1 = property(lambda self: self._first, doc="The weights of 1.")
    concentration0 = property(lambda self: self._second, doc="The weights of 0.")

    @property
    def total_concentration(self) -> Any:
        """The sums of the weights."""
        return self.concentration1 + self.concentration0

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        wide = ones_like(self.total_concentration)
        one = random_gamma([n], self.concentration1 * wide, dtype=self.dtype, seed=seed)
        zero = random_gamma(
            [n], self.concentration0 * wide, dtype=self.dtype, seed=new_seed(seed, "beta")
        )
        return one / (one + zero)

    def _log_prob(self, x: Any) -> Any:
        a, b = self.concentration1, self.concentration0
        kept = (a - 1.0) * log(x) + (b - 1.0) * log1p(-x)
        return kept - _log_beta(a, b)

    def _cdf(self, x: Any) -> Any:
        wide = ones_like(self.total_concentration * x)
        return betainc(self.concentration1 * wide, self.concentration0 * wide, x * wide)

    def _entropy(self) -> Any:
        a, b, total = self.concentration1, self.concentration0, self.total_concentration
        return (
            _log_beta(a, b) - (a - 1.0) * digamma(a) - (b - 1.0) * digamma(b)
            + (total - 2.0) * digamma(total)
        )  # fmt: skip

    def _mean(self) -> Any:
        return self.concentration1 / self.total_concentration

    def _variance(self) -> Any:
        return self._mean() * (1.0 - self._mean()) / (1.0 + self.total_concentration)

    def _mode(self) -> Any:
        found = (self.concentration1 - 1.0) / (self.total_concentration - 2.0)
        both = minimum(self.concentration1, self.concentration0)
        return where(greater(both * ones_like(found), 1.0), found, found * float("nan"))


def _log_beta(a: Any, b: Any) -> Any:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


class StudentT(Distribution):
    """Student's t distribution of `df` degrees of freedom, moved by `loc`, scaled by `scale`."""

    def __init__(
        self, df: Any, loc: Any, scale: Any, validate_args: bool = False,
        allow_nan_stats: bool = True, name: str = "StudentT",
    ) -> None:  # fmt: skip
        given = dict(locals())
        with name_scope(name):
            self._df = parameter(df, "df", validate_args)
            self._loc = parameter(loc, "loc", dtype=self._df.dtype)
            self._scale = parameter(scale, "scale", dtype=self._df.dtype)
        super().__init__(
            self._scale.dtype.base_dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
            given, [], name,
        )  # fmt: skip

    df = property(lambda self: self._df, doc="The degrees of freedom.")
    loc = property(lambda self: self._loc, doc="The means.")
    scale = property(lambda self: self._scale, doc="The scales.")

    def _batch_shape_tensor(self) -> Tensor:
        two = broadcast_dynamic_shape(shape_of(self._loc), shape_of(self._scale))
        return broadcast_dynamic_shape(shape_of(self._df), two)

    def _batch_shape(self) -> TensorShape:
        two = broadcast_static_shape(self._loc.shape, self._scale.shape)
        return broadcast_static_shape(self._df.shape, two)

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        sizes = concat([reshape(n, [1]), self.batch_shape_tensor()], 0)
        normal = random_normal(sizes, dtype=self.dtype, seed=seed)
        df = self.df * ones(self.batch_shape_tensor(), dtype=self.dtype)
        gamma = random_gamma([n], 0.5 * df, 0.5, self.dtype, new_seed(seed, "student_t"))
        return normal * rsqrt(gamma / df) * self.scale + self.loc

    def _log_prob(self, x: Any) -> Any:
        z = (x - self.loc) / self.scale
        kept = -0.5 * (self.df + 1.0) * log1p(square(z) / self.df)
        return kept - (
            log(absolute(self.scale)) + 0.5 * log(self.df) + 0.5 * math.log(math.pi)
            + lgamma(0.5 * self.df) - lgamma(0.5 * (self.df + 1.0))
        )  # fmt: skip

    def _cdf(self, x: Any) -> Any:
        z = (x - self.loc) / absolute(self.scale)
        df = self.df * ones_like(z)
        tail = 0.5 * betainc(0.5 * df, 0.5 * ones_like(z), df / (square(z) + df))
        return where(less(z, 0.0), tail, 1.0 - tail)

    def _entropy(self) -> Any:
        wide = ones(self.batch_shape_tensor(), dtype=self.dtype)
        half, more = 0.5 * self.df * wide, 0.5 * (self.df + 1.0) * wide
        spread = log(absolute(self.scale) * wide) + 0.5 * log(self.df * wide)
        return spread + _log_beta(half, 0.5 * wide) + more * (digamma(more) - digamma(half))

    def _mean(self) -> Any:
        found = self.loc * ones(self.batch_shape_tensor(), dtype=self.dtype)
        return where(greater(self.df * ones_like(found), 1.0), found, found * float("nan"))

    def _variance(self) -> Any:
        wide = ones(self.batch_shape_tensor(), dtype=self.dtype)
        df, scale = self.df * wide, square(self.scale) * wide
        found = scale * df / where(greater(df, 2.0), df - 2.0, wide)
        infinite = where(greater(df, 1.0), wide * float("inf"), wide * float("nan"))
        return where(greater(df, 2.0), found, infinite)

    def _mode(self) -> Any:
        return self.loc * ones(self.batch_shape_tensor(), dtype=self.dtype)


# ---- divergences


@RegisterKL(Normal, Normal)
def _normals(a: Normal, b: Normal, name: str | None = None) -> Any:
    with name_scope(name, "kl_normal_normal"):
        ratio = square(a.scale) / square(b.scale)
        moved = squared_difference(a.loc, b.loc) / (2.0 * square(b.scale))
        return moved + 0.5 * (ratio - 1.0 - log(ratio))


@RegisterKL(Gamma, Gamma)
def _gammas(a: Gamma, b: Gamma, name: str | None = None) -> Any:
    with name_scope(name, "kl_gamma_gamma"):
        return (
            (a.concentration - b.concentration) * digamma(a.concentration)
            + lgamma(b.concentration) - lgamma(a.concentration)
            + b.concentration * log(a.rate) - b.concentration * log(b.rate)
            + a.concentration * (b.rate / a.rate - 1.0)
        )  # fmt: skip


@RegisterKL(Beta, Beta)
def _betas(a: Beta, b: Beta, name: str | None = None) -> Any:
    with name_scope(name, "kl_beta_beta"):
        one, zero = a.concentration1, a.concentration0
        change = _log_beta(b.concentration1, b.concentration0) - _log_beta(one, zero)
        total = a.total_concentration
        return (
            change - digamma(one) * (b.concentration1 - one)
            - digamma(zero) * (b.concentration0 - zero)
            + digamma(total) * (b.total_concentration - total)
        )  # fmt: skip
