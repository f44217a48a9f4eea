"""The registry of a simulated site says what its machines are judged by."""

from __future__ import annotations

import tomllib

import pytest

from forewarn.config.registry_file import fill, parse_registry
from ingest.machine import UNKNOWN, Foundation, Machine
from ingest.registry import Registry
from models.detectors.limits import zones_for
from simulators.machines.table import MACHINES
from simulators.registry import registry_toml
from simulators.scenario import Scenario, ScenarioSpec
from simulators.simulation import Simulation

ZONES = {
    "pump": "ISO 10816-3 group 2 rigid",
    "gearmotor": "ISO 10816-3 group 2 rigid",
    "compressor": "ISO 10816-3 group 2 flexible",
    "fan": None,
}
"""Of the machines as they are; a fan of 9.2 kW has none."""


def machine(model: str, **more: object) -> Machine:
    device = {"name": "one", "model": model, **more}
    scenario = Scenario(name="s", spec=ScenarioSpec.model_validate({"description": "d", "device": [device]}))
    registry = Registry()
    fill(registry, parse_registry(tomllib.loads(registry_toml(Simulation(scenario))), "registry.toml"))
    return registry.machine("plant-1", "one")


@pytest.mark.parametrize("model", sorted(MACHINES))
def test_a_machine_with_a_shaft_has_a_power_and_a_support(model: str) -> None:
    made = machine(model)
    if model not in ZONES:
        assert made == UNKNOWN
        return
    assert made.power_kw is not None
    assert made.foundation is not None
    zones = zones_for("ISO 10816-3", made)
    assert (zones.name if zones else None) == ZONES[model]


def test_a_scenario_may_name_others() -> None:
    params = {"power_kw": 315, "foundation": "flexible"}
    waveform = {"every": "1h", "seconds": 1.0, "rate_hz": 10000.0, "shaft_hz": 25.0, "bearing": "6205"}
    made = machine("gearmotor", params=params, waveform=waveform)
    assert (made.power_kw, made.foundation, made.speed_rpm) == (315.0, Foundation.FLEXIBLE, 1500.0)
    assert made.bearing is not None
