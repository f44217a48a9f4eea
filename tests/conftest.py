"""What every test shares: the fixtures of real servers, and an environment without the developer's own settings."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is; what hangs meets pytest's own limit.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Batteries and helpers outside test_*.py say what went wrong as well.
pytest.register_assert_rewrite(*(f"tests.{path.stem}" for path in Path(__file__).parent.glob("[a-z]*")))

pytest_plugins = ["tests.servers.plugin", "tests.databases"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("FOREWARN_") and "__" in name:
            monkeypatch.delenv(name)
