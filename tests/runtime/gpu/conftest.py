"""A GPU that is none, for the tests of what runs on one."""

import pytest

import graphflow as tf
from graphflow.runtime.gpu.selection import using_driver
from graphflow.runtime.gpu.stand_in import StandIn


@pytest.fixture
def driver():
    """A stand-in that sessions made in the test use; at the end all memory must be given back."""
    stand_in = StandIn()
    with using_driver(stand_in):
        yield stand_in


@pytest.fixture(autouse=True)
def _new_graph():
    tf.reset_default_graph()
