"""`theano.tensor.basic`: its names are those of `theano.tensor`."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    import graphflow.theano.tensor as tensor

    return getattr(tensor, name)
