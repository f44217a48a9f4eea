"""What every test shares: the fixtures of real servers, and an environment without the developer's own settings."""

import os

import pytest

pytest_plugins = ["tests.servers.plugin", "tests.databases"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("FOREWARN_") and "__" in name:
            monkeypatch.delenv(name)
