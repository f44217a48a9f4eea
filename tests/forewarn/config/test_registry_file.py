"""The devices of a registry file, and what it answers to mistakes."""

from pathlib import Path

import pytest

from forewarn.config.registry_file import fill, read_registry
from ingest.errors import InputError
from ingest.machine import UNKNOWN, Bearing, Foundation, Machine
from ingest.registry import Criticality, Device, Metric, Registry, UnitState

GOOD = """
[[device]]
site = "plant-1"
device = "pump-1"
class = "pump"
criticality = "high"
customer = "Acme"
team = "mechanics"
owner = "li.na"
asset = "feed pump 1"
[device.metrics.vibration]
unit = "mm/s"
interval_s = 60
basis = "velocity_rms"
[device.metrics.temperature]
[device.machine]
power_kw = 30
speed_rpm = 1480
foundation = "rigid"
bearing = { balls = 9, ball_mm = 7.94, pitch_mm = 39.04 }

[[device]]
device = "fan-1"
retired = true
"""


def read(folder: Path, text: str) -> Registry:
    path = folder / "registry.toml"
    path.write_text(text, "utf-8")
    registry = Registry()
    fill(registry, read_registry(path))
    return registry


def test_devices_and_metrics_are_read(tmp_path: Path) -> None:
    registry = read(tmp_path, GOOD)
    pump = registry.device(registry.find_device("plant-1", "pump-1") or 0)
    assert (pump.asset_class, pump.criticality, pump.customer, pump.team, pump.owner) == (
        "pump",
        Criticality.HIGH,
        "Acme",
        "mechanics",
        "li.na",
    )
    assert not pump.first_seen
    assert pump.asset == "feed pump 1"
    series = registry.find("plant-1", "pump-1", "vibration")
    assert series is not None
    assert registry.metric(series) == Metric(
        "vibration", "mm/s", UnitState.KNOWN, interval_s=60.0, basis="velocity_rms"
    )
    fan = registry.find_device("default", "fan-1")
    assert fan is not None
    assert registry.device(fan).retired
    assert pump.machine == Machine(30.0, 1480.0, Foundation.RIGID, Bearing(9, 7.94, 39.04))
    assert registry.machine("default", "fan-1") == registry.machine("nowhere", "fan-1") == UNKNOWN


def test_no_device_is_no_mistake(tmp_path: Path) -> None:
    assert read(tmp_path, "").n_devices == 0


def test_what_the_file_does_not_say_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text("[[device]]\ndevice = 'a'\nteam = 'x'\n[device.metrics.t]\ninterval_s = 5\n", "utf-8")
    registry = Registry()
    registry.put_device(Device("default", "a", title="Pump", retired=True))
    registry.put_metric("default", "a", Metric("t", "°C", UnitState.KNOWN, sent_unit="F"))
    fill(registry, read_registry(path))
    assert registry.device(0) == Device("default", "a", title="Pump", retired=True, team="x")
    assert registry.metric(0) == Metric("t", "°C", UnitState.KNOWN, sent_unit="F", interval_s=5.0)


WRONG = {
    "another table": ("[devices]\n", "unknown key 'devices'; a registry file holds [[device]] entries"),
    "a single table": ("[device]\ndevice = 'a'\n", "'device' must be a list of tables, written [[device]]"),
    "no name": ("[[device]]\nsite = 'a'\n", "device 1: device is not a text"),
    "a name with a slash": ("[[device]]\ndevice = 'a/b'\n", "device 1: device 'a/b' holds a character"),
    "an empty site": ("[[device]]\nsite = ''\ndevice = 'a'\n", "device 1: site is empty"),
    "an unknown key": (
        "[[device]]\ndevice = 'a'\ncolour = 'red'\n",
        "device 1: unknown key 'colour'; allowed are site,",
    ),
    "a number for a text": ("[[device]]\ndevice = 'a'\nteam = 5\n", "device 1: team = 5 must be a text"),
    "an unknown criticality": ("[[device]]\ndevice = 'a'\ncriticality = 'huge'\n", "must be one of low, medium, high"),
    "a reserved metric": (
        "[[device]]\ndevice = 'a'\n[device.metrics.time]\n",
        "metric 'time': metric 'time' is a reserved",
    ),
    "an unknown unit": ("[[device]]\ndevice = 'a'\n[device.metrics.t]\nunit = 'blub'\n", "unit = 'blub' is no unit"),
    "an interval of nothing": ("[[device]]\ndevice = 'a'\n[device.metrics.t]\ninterval_s = 0\n", "must be above 0"),
    "an interval of true": ("[[device]]\ndevice = 'a'\n[device.metrics.t]\ninterval_s = true\n", "must be a number"),
    "a device twice": (
        "[[device]]\ndevice = 'a'\n[[device]]\ndevice = 'a'\n",
        "device 2: device 'a' of site 'default' is",
    ),
    "a machine with an unknown key": (
        "[[device]]\ndevice = 'a'\n[device.machine]\ncolour = 'red'\n",
        "device 1: machine: unknown key 'colour'; allowed are power_kw,",
    ),
    "a bearing without balls": (
        "[[device]]\ndevice = 'a'\n[device.machine.bearing]\nball_mm = 5\npitch_mm = 9\n",
        "device 1: machine: bearing: 'balls' is missing",
    ),
    "no TOML": ("[[device]\n", "is no valid TOML"),
}


@pytest.mark.parametrize(("text", "answer"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, answer: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert answer in str(caught.value)
    assert str(tmp_path / "registry.toml") in str(caught.value)
    assert "\n" not in str(caught.value)
