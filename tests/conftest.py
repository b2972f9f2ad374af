"""What all tests share: verified Programs, draws that repeat, and golden files."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from graphflow import config

GOLDEN = Path(__file__).parent / "golden"

# "ci" draws the same cases in every run, so that a failure can be run again; "slow" draws others.
settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, max_examples=50, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
settings.register_profile("slow", settings.get_profile("ci"), derandomize=False, max_examples=600)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")
    parser.addoption(
        "--stand-in", action="store_true",
        help="let all sessions use a GPU that is none: kernels are stepped through on the host",
    )  # fmt: skip
    parser.addoption("--gpu", action="store_true", help="let sessions use the machine's GPU")


def pytest_configure(config: pytest.Config) -> None:
    """Tests are of the processor, also on a machine with a GPU, unless it is asked for."""
    if not config.getoption("--gpu"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(autouse=True, scope="session")
def _stand_in(request: pytest.FixtureRequest) -> Iterator[None]:
    if not request.config.getoption("--stand-in"):
        yield
        return
    from graphflow.runtime.gpu.selection import using_driver
    from graphflow.runtime.gpu.stand_in import StandIn

    with using_driver(StandIn(memory_bytes=4 << 30, is_strict=False)):
        yield


@pytest.fixture(autouse=True)
def _verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "verify", True)


@pytest.fixture(autouse=True)
def _drawn_again(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else seeds a draw, the test's name does: what fails once fails again."""
    draws = random.Random(request.node.name)
    monkeypatch.setattr(secrets, "randbits", draws.getrandbits)
    random.seed(draws.getrandbits(32))
    np.random.seed(draws.getrandbits(32))  # noqa: NPY002  # what Keras shuffles by


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compare a text with a reviewed file under tests/golden/."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.read_text() == text

    return check
