"""Theano's errors."""

from __future__ import annotations


class MissingInputError(Exception):
    """An expression depends on a variable that is no input of the function."""


class UnusedInputError(Exception):
    """Nothing depends on an input of a function."""


class DisconnectedInputError(ValueError):
    """A gradient was asked for by a variable that the cost does not depend on."""


class NullTypeGradError(TypeError):
    """A gradient is not defined."""
