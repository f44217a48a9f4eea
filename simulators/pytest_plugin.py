"""The fixture `simulated_site`, which pytest finds by itself where this package is installed.

from simulators.testing import Raised

def test_my_rule_finds_the_open_door(simulated_site):
    site = simulated_site("cold-chain", seed=3)
    alerts = my_rule(site.csv())       # or site.blocks(), or site.publish(broker_url); a list of Raised
    assert site.judge(alerts).kept     # all that must be raised, nothing that must not
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulators.testing import MakeSite, SimulatedSite


@pytest.fixture
def simulated_site(tmp_path_factory: pytest.TempPathFactory) -> MakeSite:
    """A factory of simulated sites, each with a folder of its own; see `simulators.testing.MakeSite`."""
    from simulators.testing import (
        make_site,  # here, so that a pytest that simulates nothing starts as quickly as before
    )

    def make(scenario: str | Path, **options: Any) -> SimulatedSite:
        return make_site(scenario, tmp_path_factory.mktemp("site"), **options)

    return make
