"""What is spelled alike in every API: formulas over operators and a few functions.

``api`` is a namespace with ``tanh``, ``exp``, ``log``, ``log1p``, ``sqrt``, ``sin`` and ``erf``:
TensorFlow's, Theano's tensor module, torch, or a small one around ``jax.numpy`` or NumPy.
"""

from __future__ import annotations

RATE, VOLATILITY = 0.02, 0.3
EPSILON = 1e-5  # of layer normalisation
BATCH_EPSILON, MOMENTUM = 1e-3, 0.99  # of batch normalisation


def scalars(inputs):
    """Sums of neighbours: one of two inputs, or as many as there are inputs."""
    names = sorted(inputs)
    if len(names) == 2:
        return [inputs["x0"] + inputs["x1"]]
    return [inputs[name] + inputs[names[place - 1]] for place, name in enumerate(names)]


def elementwise(api, x):
    return api.tanh(1.3 * x + 0.2) * api.exp(-x * x) + api.log1p(abs(x))


def normal_cdf(api, x):
    return 0.5 * (1.0 + api.erf(x * 0.5**0.5))


def black_scholes(api, price, strike, years):
    """The price of a European call."""
    spread = VOLATILITY * api.sqrt(years)
    upper = (api.log(price / strike) + (RATE + 0.5 * VOLATILITY**2) * years) / spread
    discounted = strike * api.exp(-RATE * years)
    return price * normal_cdf(api, upper) - discounted * normal_cdf(api, upper - spread)


def gelu(api, x):
    return x * normal_cdf(api, x)


def chain(api, x, factors):
    """A product, a sum and a sine in turn, one operation a factor."""
    for place, factor in enumerate(factors):
        kind = place % 3
        x = x * factor if kind == 0 else x + factor if kind == 1 else api.sin(x)
    return x


def loop_step(api, x):
    return 0.999 * x + 0.001 * api.sin(x)


def dense_layers(x, variables, count, product, relu):
    """``count`` layers; all but the last with a rectifier."""
    for layer in range(1, count + 1):
        x = product(x, variables[f"w{layer}"]) + variables[f"b{layer}"]
        if layer < count:
            x = relu(x)
    return x
