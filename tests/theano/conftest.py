"""The tests of Theano's API run in float32 unless they say otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphflow.theano import config


@pytest.fixture(autouse=True)
def single_precision() -> Iterator[None]:
    before = config.floatX
    config.floatX = "float32"
    yield
    config.floatX = before
