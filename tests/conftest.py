"""What all tests share: verified Programs, and golden files."""

from __future__ import annotations

from pathlib import Path

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


@pytest.fixture(autouse=True)
def _verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "verify", True)


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
