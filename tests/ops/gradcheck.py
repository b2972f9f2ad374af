"""Gradients against central differences along a random direction, in float64."""

from __future__ import annotations

import numpy as np

from graphflow.gradients.reverse import gradients
from graphflow.graph.convert import convert_to_tensor
from graphflow.graph.dtypes import float64
from graphflow.graph.graph import Graph
from graphflow.ops.identity import placeholder
from graphflow.runtime.session import Session

# With the error of the four-point rule, some step**4, and of rounding, some 1e-16 / step.
STEP = 1e-3
TOLERANCE = 1e-8


def check_gradient(build, *arrays, order=2, static=True, seed=0, tolerance=TOLERANCE):
    """Compare the gradients of ``build(*tensors)`` with differences.

    Parameters
    ----------
    build : makes one tensor, or a list of them, of float64 tensors.
    arrays : the values at which to compare; away from kinks by a few `STEP`.
    order : 2 compares the second derivatives too.
    static : whether the graph knows the shapes of the tensors.

    The outputs are projected on random weights, the inputs move along one random direction; both
    are linear, so an error in any single derivative shows.
    """
    random = np.random.default_rng(seed)
    arrays = [np.asarray(a, np.float64) for a in arrays]
    direction = [random.standard_normal(a.shape) for a in arrays]
    with Graph().as_default(), Session() as session:
        xs = [placeholder(float64, a.shape if static else None) for a in arrays]
        ys = build(*xs)
        ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
        feed = dict(zip(xs, arrays, strict=True))
        known = all(y.shape.is_fully_defined() for y in ys)
        shapes = [y.shape for y in (ys if known else session.run(ys, feed))]
        weights = [random.standard_normal(tuple(map(int, shape))) for shape in shapes]
        first = _filled(gradients(ys, xs, grad_ys=weights), xs)
        fetches = [ys, first]
        if order == 2:
            known = [(g, d) for g, d in zip(first, direction, strict=True) if g is not None]
            second = gradients([g for g, _ in known], xs, grad_ys=[d for _, d in known])
            fetches.append(_filled(second, xs))

        def at(distance):
            moved = [a + distance * d for a, d in zip(arrays, direction, strict=True)]
            present = [[f for f in part if f is not None] for part in fetches]
            values = session.run(present, dict(zip(xs, moved, strict=True)))
            result = []
            for part, found in zip(fetches, values, strict=True):
                left = iter(found)
                result.append([0.0 if f is None else next(left) for f in part])
            return result

        here = at(0.0)
        around = [at(k * STEP) for k in (-2, -1, 1, 2)]
    rates = [_difference([_dot(p[0], weights) for p in around])]
    expected = [_dot(here[1], direction)]
    if order == 2:
        rates.append(_difference([_dot(p[1], direction) for p in around]))
        expected.append(_dot(here[2], direction))
    scale = 1 + sum(float(np.abs(np.asarray(v)).sum()) for v in here[0])
    np.testing.assert_allclose(expected, rates, rtol=tolerance * 10, atol=tolerance * scale)


def _filled(found, xs):
    return [None if g is None else convert_to_tensor(g) for g, _ in zip(found, xs, strict=True)]


def _dot(values, weights):
    return sum(float(np.sum(v * w)) for v, w in zip(values, weights, strict=True))


def _difference(values):
    """The derivative from four values around a point, exact for polynomials of degree four."""
    far_left, left, right, far_right = values
    return (8 * (right - left) - (far_right - far_left)) / (12 * STEP)
