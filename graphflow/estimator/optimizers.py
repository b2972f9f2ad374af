"""Optimisers by name, as the estimators take them."""

from __future__ import annotations

from typing import Any

from graphflow import train

_BY_NAME = {
    "Adagrad": "AdagradOptimizer", "Adam": "AdamOptimizer", "Ftrl": "FtrlOptimizer",
    "RMSProp": "RMSPropOptimizer", "SGD": "GradientDescentOptimizer",
}  # fmt: skip


def optimizer_of(given: Any, learning_rate: float) -> Any:
    """An optimiser from a name, a function that makes one, or one.

    Raises
    ------
    ValueError : no optimiser has that name, or it is none.
    """
    if isinstance(given, str):
        if given not in _BY_NAME:
            raise ValueError(
                f"Unsupported optimizer name: {given}. Supported names are: "
                f"{tuple(sorted(_BY_NAME))}"
            )
        return getattr(train, _BY_NAME[given])(learning_rate=learning_rate)
    made = given() if callable(given) else given
    if not isinstance(made, train.Optimizer):
        raise ValueError(f"The given object is not an Optimizer instance. Given: {made}")
    return made
