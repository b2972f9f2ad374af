"""Streams of random variables. A variable is drawn anew in every call of a function.

The numbers are the compiler's own, not those of Theano's generators; equal seeds and equal programs
give equal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphflow as gf
from graphflow.graph.dtypes import as_dtype
from graphflow.theano.settings import config
from graphflow.theano.tensor import elementwise as el
from graphflow.theano.tensor.shaping import SizeVector, with_shape
from graphflow.theano.tensor.var import TensorVariable, apply, as_tensor_variable


class RandomStreams:
    """Makes random variables.

    Parameters
    ----------
    seed : where the numbers begin; some fixed place when None.
    """

    def __init__(self, seed: Any = None, use_cuda: Any = None, no_warn: bool = False) -> None:
        self.seed(seed)
        self.default_instance_seed = seed

    def seed(self, seed: Any = None) -> None:
        """Begin anew, for variables that are made from here on."""
        numbers = np.atleast_1d(12345 if seed is None else seed).astype("int64")
        self._random = np.random.RandomState([int(n) % 2**32 for n in numbers])

    def updates(self) -> list[Any]:
        """Return the updates that draw new numbers: none are needed."""
        return []

    def get_substream_rstates(self, *ignored: Any) -> list[Any]:
        """Return no states: generators keep theirs to themselves."""
        return []

    def _drawn(
        self, name: str, build: Callable[..., Any], size: Any, *values: Any, dtype: str
    ) -> TensorVariable:
        """A variable of `build(sizes, seed, *values)`, of `size` or else of the values' shape."""
        seed = int(self._random.randint(1, 2**31 - 1))
        inputs = [as_tensor_variable(v) for v in values]
        if size is None and inputs:
            spread = inputs[0]
            for other in inputs[1:]:
                spread = el.add(spread, el.mul(other, 0))
            size = spread.shape if spread.ndim else ()
        sizes = SizeVector(() if size is None else size)

        def draw(*tensors: Any) -> Any:
            given, rest = tensors[: len(sizes.inputs)], tensors[len(sizes.inputs) :]
            made = build(sizes.tensor(given), seed, *rest)
            return gf.cast(with_shape(made, sizes), as_dtype(dtype))

        return apply(name, draw, *sizes.inputs, *inputs)

    def uniform(
        self, size: Any = None, low: Any = 0.0, high: Any = 1.0, ndim: int | None = None,
        dtype: Any = None, nstreams: Any = None, **_: Any,
    ) -> TensorVariable:  # fmt: skip
        """Return numbers from `low` to before `high`, all equally likely."""
        wanted = dtype or config.floatX
        ends = [el.cast(v, wanted) for v in (low, high)]

        def build(sizes: Any, seed: int, a: Any, b: Any) -> Any:
            return a + (b - a) * gf.random_uniform(sizes, dtype=as_dtype(wanted), seed=seed)

        return self._drawn("uniform", build, size, *ends, dtype=wanted)

    def normal(
        self, size: Any = None, avg: Any = 0.0, std: Any = 1.0, ndim: int | None = None,
        dtype: Any = None, nstreams: Any = None, **_: Any,
    ) -> TensorVariable:  # fmt: skip
        """Return normally distributed numbers."""
        wanted = dtype or config.floatX
        values = [el.cast(v, wanted) for v in (avg, std)]

        def build(sizes: Any, seed: int, mean: Any, deviation: Any) -> Any:
            return mean + deviation * gf.random_normal(sizes, dtype=as_dtype(wanted), seed=seed)

        return self._drawn("normal", build, size, *values, dtype=wanted)

    def binomial(
        self, size: Any = None, n: Any = 1, p: Any = 0.5, ndim: int | None = None,
        dtype: Any = "int64", nstreams: Any = None, prob: Any = None, **_: Any,
    ) -> TensorVariable:  # fmt: skip
        """Return how many of `n` trials succeed, each with chance `p`."""
        chance = el.cast(p if prob is None else prob, config.floatX)
        trials = int(getattr(n, "data", n))

        def build(sizes: Any, seed: int, p: Any) -> Any:
            kind = as_dtype(config.floatX)
            if trials == 1:
                return gf.cast(gf.random_uniform(sizes, dtype=kind, seed=seed) < p, gf.int64)
            several = gf.concat([[trials], gf.cast(sizes, gf.int32)], 0)
            hits = gf.random_uniform(several, dtype=kind, seed=seed) < p
            return gf.reduce_sum(gf.cast(hits, gf.int64), 0)

        return self._drawn("binomial", build, size, chance, dtype=dtype)

    def multinomial(
        self, size: Any = None, n: Any = 1, pvals: Any = None, ndim: int | None = None,
        dtype: Any = "int64", nstreams: Any = None, **_: Any,
    ) -> TensorVariable:  # fmt: skip
        """Return how often each class comes in `n` draws, with chances the last axis of `pvals`."""
        trials = int(getattr(n, "data", n))
        chances = as_tensor_variable([0.5, 0.5] if pvals is None else pvals)
        seed = int(self._random.randint(1, 2**31 - 1))
        sizes = SizeVector(() if size is None else size)

        def build(p: Any, *given: Any) -> Any:
            classes = gf.shape(p)[-1]
            logits = gf.log(p if p.shape.ndims == 2 else gf.expand_dims(p, 0))
            count = (
                gf.cast(gf.reduce_prod(sizes.tensor(given)), gf.int32) if size is not None else 1
            )
            if p.shape.ndims == 2:
                count = 1
            drawn = gf.multinomial(logits, trials * count, seed=seed)
            hot = gf.one_hot(drawn, classes, dtype=as_dtype(dtype))
            if p.shape.ndims == 2:
                return gf.reduce_sum(hot, 1)
            made = gf.reduce_sum(gf.reshape(hot, gf.stack([count, trials, classes])), 1)
            return made if size is not None else gf.squeeze(made, [0])

        return apply("multinomial", build, chances, *sizes.inputs)

    def random_integers(
        self, size: Any = None, low: Any = 0, high: Any = 1, ndim: int | None = None,
        dtype: Any = "int64", **_: Any,
    ) -> TensorVariable:  # fmt: skip
        """Return integers from `low` to `high`, that one included."""
        ends = [el.cast(v, "int64") for v in (low, high)]

        def build(sizes: Any, seed: int, a: Any, b: Any) -> Any:
            return gf.random_uniform(sizes, a, b + 1, dtype=gf.int64, seed=seed)

        return self._drawn("random_integers", build, size, *ends, dtype=dtype)

    def choice(
        self, size: Any = None, a: Any = 2, replace: bool = True, p: Any = None,
        ndim: int | None = None, dtype: Any = "int64", **_: Any,
    ) -> TensorVariable:  # fmt: skip
        """Return elements of `a`, or numbers below it, with chances `p`."""
        source = as_tensor_variable(a)
        count = source if source.ndim == 0 else source.shape[0]
        if not replace:
            order = self.permutation(n=count)
            places = order[: SizeVector(size).parts[0]]
        elif p is None:
            places = self.random_integers(size, 0, el.sub(count, 1))
        else:
            seed = int(self._random.randint(1, 2**31 - 1))
            sizes = SizeVector(() if size is None else size)

            def build(chances: Any, *given: Any) -> Any:
                whole = sizes.tensor(given)
                drawn = gf.multinomial(
                    gf.expand_dims(gf.log(chances), 0),
                    gf.cast(gf.reduce_prod(whole), gf.int32),
                    seed,
                )
                return with_shape(gf.reshape(drawn, whole), sizes)

            places = apply("choice", build, p, *sizes.inputs)
        return el.cast(places, dtype) if source.ndim == 0 else source[places]

    def permutation(
        self, size: Any = None, n: Any = 1, ndim: int | None = None, dtype: Any = "int64", **_: Any
    ) -> TensorVariable:
        """Return the numbers below `n` in a random order."""
        seed = int(self._random.randint(1, 2**31 - 1))
        count = el.cast(n, "int64")
        made = apply("permutation", lambda k: gf.random_shuffle(gf.range(k), seed), count)
        return el.cast(made, dtype)

    def shuffle_row_elements(self, input: Any) -> TensorVariable:
        """Return `input` with the elements of every row in one random order."""
        value = as_tensor_variable(input)
        order = self.permutation(n=value.shape[value.ndim - 1])
        return value[(*[slice(None)] * (value.ndim - 1), order)]


class MRG_RandomStreams(RandomStreams):  # Theano's name
    """`RandomStreams` under the name of Theano's faster generator."""
