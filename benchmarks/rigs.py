"""The test rigs behind public recordings, as scenarios: what like is compared with.

A recording of a table-top pump says little about a pump of 30 kW. So beside the machines as they are shipped, the
realism benchmark compares each recording with a machine that is set to its rig: its size, its sensors' noise and last
digit, and, where bearings were run to their end, the wear. Data folders are known by their name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.climate import ClimateSpec
from simulators.duration import NS, as_text
from simulators.scenario import Scenario, ScenarioSpec


@dataclass(frozen=True, slots=True)
class Rig:
    """One set of recordings: where it is from, and the machines that stand for it."""

    source: str
    devices: Mapping[str, Mapping[str, Any]]
    """By kind of metric: a device of a scenario, without name."""
    weather: ClimateSpec | None = None
    """Where it was recorded outdoors: the weather there; there are no machines then."""
    utc_offset_h: float = 0.0
    wear: float = 0.0
    """How bad a bearing is in the end, where it is run until it fails: what is compared is the first half of that."""

    def scenario(self, kind: str, interval_s: float, seconds: float) -> Scenario | None:
        """One device of that kind for that long; None where the rig has nothing that stands for it."""
        device = self.devices.get(kind)
        if device is None:
            return None
        tables: dict[str, Any] = {
            "description": self.source,
            "timeline": {"interval": as_text(round(interval_s * NS)), "span": as_text(round(seconds * NS))},
            "device": [{"name": "rig", "metrics": [kind], "schedule": "steady", **device}],
        }
        if self.wear:
            grows = as_text(round(2.0 * seconds * NS))
            tables["fault"] = [
                {"device": "rig", "kind": "bearing_wear", "onset": "0s", "duration": grows, "peak": self.wear}
            ]
        return Scenario(name="rig", spec=ScenarioSpec.model_validate(tables))


_PUMP_ON_A_TABLE = {
    "model": "pump",
    "params": {"current_a": 1.6, "pressure_bar": 0.06, "swing": 0.005, "ripple": 0.088},
}
_WARMING_UP = {"model": "pump", "params": {"rise_k": 80.0, "swing": 0.12, "tau_s": 600.0}}
_LIFE_TEST = {"model": "gearmotor", "params": {"vibration_mms": 1.6}, "noise": {"vibration": 0.3}}
_ROOM = {"model": "site", "params": {"heated_c": 27.0, "tightness": 0.95, "drying_pa": 900.0}}

RIGS: dict[str, Rig] = {
    "skab": Rig(
        "Katser and Kozitsin, Skoltech Anomaly Benchmark (2020): a table-top water pump, 1 s",
        {
            "current": {**_PUMP_ON_A_TABLE, "noise": {"current": 0.63}, "resolution": {"current": 1e-4}},
            "pressure": {**_PUMP_ON_A_TABLE, "noise": {"pressure": 8.0}, "resolution": {"pressure": 0.328}},
            "temperature": {**_WARMING_UP, "noise": {"temperature": 4.0}, "resolution": {"temperature": 1e-4}},
            "vibration": {"model": "pump", "noise": {"vibration": 0.18}, "resolution": {"vibration": 1e-4}},
        },
    ),
    "wsn": Rig(
        "Suthaharan et al., labelled data of a wireless sensor network (2010): motes in a room, 5 s",
        {"temperature": _ROOM, "humidity": _ROOM},
    ),
    "pronostia": Rig(
        "Nectoux et al., PRONOSTIA (2012): bearings worn out within hours, 10 s", {"vibration": _LIFE_TEST}, wear=1.1
    ),
    "weather": Rig(
        "NOAA, hourly observations of 2013 at three airports of New York, as Wickham packaged them (nycflights13)",
        {},
        weather=ClimateSpec(
            mean_c=13.0,
            season_k=13.0,
            day_k=2.7,
            day_spread=0.6,
            front_k=4.0,
            front_h=42.0,
            shower_k=1.0,
            dew_depression_k=7.0,
            moisture_k=4.2,
        ),
        utc_offset_h=-5.0,
    ),
    "ims": Rig("Lee et al., IMS bearing data (2007): a week to the end, 10 min", {"vibration": _LIFE_TEST}, wear=1.0),
}
"""By the name of the data folder."""
MADE_UP = frozenset({"pdm"})
"""Folders whose data were simulated by somebody else: nothing to measure reality by."""
