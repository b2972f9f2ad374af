"""Distributions of vectors: the normal one with independent elements."""

from __future__ import annotations

import math
from typing import Any

from graphflow.distributions.base import (
    FULLY_REPARAMETERIZED,
    Distribution,
    RegisterKL,
    parameter,
)
from graphflow.graph.default import name_scope
from graphflow.graph.shapes import TensorShape
from graphflow.graph.tensor import Tensor
from graphflow.ops.creation import ones_like
from graphflow.ops.diagonals import matrix_diag
from graphflow.ops.elementwise import squared_difference
from graphflow.ops.joining import concat
from graphflow.ops.random import random_normal
from graphflow.ops.reductions import reduce_sum
from graphflow.ops.shape import reshape
from graphflow.ops.shape import shape as shape_of
from graphflow.ops.unary import abs as absolute
from graphflow.ops.unary import log, square


class MultivariateNormalDiag(Distribution):
    """Normal vectors whose elements are independent.

    Parameters
    ----------
    loc : [..., d], the means; 0 when None.
    scale_diag : [..., d], the standard deviations; 1 when None.
    scale_identity_multiplier : a factor of, or in place of, `scale_diag`.
    """

    def __init__(
        self, loc: Any = None, scale_diag: Any = None, scale_identity_multiplier: Any = None,
        validate_args: bool = False, allow_nan_stats: bool = True,
        name: str = "MultivariateNormalDiag",
    ) -> None:  # fmt: skip
        given = dict(locals())
        if loc is None and scale_diag is None:
            raise ValueError("expected loc or scale_diag to give the number of elements")
        with name_scope(name):
            if loc is not None:
                self._loc = parameter(loc, "loc")
            kind = None if loc is None else self._loc.dtype.base_dtype
            scale = ones_like(self._loc) if scale_diag is None else scale_diag
            self._scale = parameter(scale, "scale_diag", dtype=kind)
            if scale_identity_multiplier is not None:
                factor = parameter(scale_identity_multiplier, "multiplier", dtype=kind)
                self._scale = self._scale * factor[..., None]
            if loc is None:
                self._loc = self._scale * 0.0
            whole = self._loc + self._scale * 0.0
        self._whole = whole
        super().__init__(
            self._loc.dtype.base_dtype, FULLY_REPARAMETERIZED, validate_args, allow_nan_stats,
            given, [], name,
        )  # fmt: skip

    loc = property(lambda self: self._loc, doc="The means.")
    scale_diag = property(lambda self: self._scale, doc="The standard deviations.")

    def _batch_shape_tensor(self) -> Tensor:
        return shape_of(self._whole)[:-1]

    def _batch_shape(self) -> TensorShape:
        return self._whole.shape[:-1]

    def _event_shape_tensor(self) -> Tensor:
        return shape_of(self._whole)[-1:]

    def _event_shape(self) -> TensorShape:
        return self._whole.shape[-1:]

    def _sample_n(self, n: Any, seed: int | None = None) -> Any:
        sizes = concat([reshape(n, [1]), shape_of(self._whole)], 0)
        return random_normal(sizes, dtype=self.dtype, seed=seed) * self._scale + self._loc

    def _log_prob(self, x: Any) -> Any:
        z = (x - self._loc) / self._scale
        each = -0.5 * square(z) - 0.5 * math.log(2.0 * math.pi) - log(absolute(self._scale))
        return reduce_sum(each, axis=-1)

    def _entropy(self) -> Any:
        each = 0.5 * math.log(2.0 * math.pi * math.e) + log(absolute(self._stddev()))
        return reduce_sum(each, axis=-1)

    def _mean(self) -> Any:
        return self._whole

    def _mode(self) -> Any:
        return self._whole

    def _stddev(self) -> Any:
        return absolute(self._scale * ones_like(self._whole))

    def _covariance(self) -> Any:
        return matrix_diag(square(self._stddev()))


@RegisterKL(MultivariateNormalDiag, MultivariateNormalDiag)
def _vectors(a: Any, b: Any, name: str | None = None) -> Any:
    with name_scope(name, "kl_mvn"):
        ratio = square(a.scale_diag) / square(b.scale_diag)
        moved = squared_difference(a.loc, b.loc) / square(b.scale_diag)
        return 0.5 * reduce_sum(moved + ratio - 1.0 - log(ratio), axis=-1)
