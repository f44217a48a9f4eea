"""Ordinary running looks like recorded running, in figures that recorded data gave.

The bounds are statistics of public recordings, measured with `forewarn bench realism` (docs/simulators.md has the
table): Katser and Kozitsin, Skoltech Anomaly Benchmark (2020), a table-top water pump at 1 s; Suthaharan et al., motes
in a room (2010) at 5 s; Nectoux et al., PRONOSTIA (2012), bearings at 10 s; Lee et al., IMS bearings (2007) at 10 min;
NOAA, hourly weather of 2013 at three airports of New York, as in Wickham's nycflights13.
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.realism import (
    Series,
    Statistics,
    compare,
    daily_course,
    like_the_rig,
    main,
    outdoors,
    recorded,
    simulated,
    statistics,
)
from benchmarks.rigs import RIGS
from simulators.climate import ClimateSpec
from simulators.csvfile import write_csv
from simulators.duration import NS
from simulators.scenario import load_scenario
from simulators.simulation import Simulation

LENGTH_S = {"skab": 573.0, "wsn": 3380 * 5.0, "pronostia": 890 * 10.0, "ims": 984 * 600.0}
"""Median length of what was recorded before anything is labelled."""
INTERVAL_S = {"skab": 1.0, "wsn": 5.0, "pronostia": 10.0, "ims": 600.0}
RECORDED = [
    # set, kind, statistic, 10 and 90 % of the recorded series (of two series: a little more than both)
    ("skab", "current", "lag1", 0.31, 0.44),
    ("skab", "current", "lag10", 0.21, 0.32),
    ("skab", "current", "tails", 2.76, 3.20),
    ("skab", "pressure", "roughness", 0.93, 1.02),
    ("skab", "pressure", "lag1", -0.04, 0.14),
    ("skab", "pressure", "lag10", -0.05, 0.06),
    ("skab", "pressure", "tails", 3.21, 3.92),
    ("skab", "temperature", "roughness", 0.06, 0.33),
    ("skab", "temperature", "lag1", 0.89, 0.99),
    ("skab", "temperature", "lag10", 0.80, 0.99),
    ("skab", "temperature", "relative", 0.0005, 0.02),
    ("skab", "vibration", "roughness", 0.47, 1.16),
    ("skab", "vibration", "lag1", -0.15, 0.75),
    ("skab", "vibration", "lag10", -0.07, 0.47),
    ("skab", "vibration", "tails", 2.11, 3.41),
    ("skab", "vibration", "relative", 0.01, 0.03),
    ("wsn", "humidity", "roughness", 0.005, 0.03),
    ("wsn", "humidity", "lag1", 0.99, 1.0),
    ("wsn", "humidity", "lag10", 0.96, 1.0),
    ("wsn", "temperature", "roughness", 0.015, 0.05),
    ("wsn", "temperature", "lag1", 0.99, 1.0),
    ("wsn", "temperature", "lag10", 0.98, 1.0),
    ("wsn", "temperature", "relative", 0.01, 0.03),
    ("pronostia", "vibration", "roughness", 0.06, 0.61),
    ("pronostia", "vibration", "lag1", 0.70, 0.97),
    ("pronostia", "vibration", "relative", 0.08, 0.54),
    ("ims", "vibration", "lag10", 0.67, 0.71),
    ("ims", "vibration", "relative", 0.03, 0.21),
    ("ims", "vibration", "daily", 0.0, 0.06),
]
NEARLY = [
    # what differs, as far as it may: recorded 0.54-0.67, 0.32-0.37, 0.09-0.39, 0.86-0.93
    ("skab", "current", "roughness", 0.5, 0.8),
    ("skab", "current", "relative", 0.2, 0.4),
    ("ims", "vibration", "roughness", 0.09, 0.45),
    ("ims", "vibration", "lag1", 0.75, 0.95),
]


@pytest.mark.parametrize(("rig", "kind", "field", "low", "high"), [*RECORDED, *NEARLY])
def test_a_machine_set_to_a_rig_gives_what_was_recorded_there(
    rig: str, kind: str, field: str, low: float, high: float
) -> None:
    found = [statistics(one.time, one.value) for one in like_the_rig(rig, kind, INTERVAL_S[rig], LENGTH_S[rig])]
    assert low <= median(found, field) <= high


NEW_YEAR_2013 = 1_356_998_400 * NS
WEATHER = [
    # kind, statistic, bounds, recorded at the three airports
    ("temperature", "lag10", 0.87, 0.91, "0.87-0.91"),
    ("temperature", "daily", 0.025, 0.045, "0.03-0.04"),
    ("temperature", "roughness", 0.03, 0.055, "0.04-0.05"),
    ("humidity", "daily", 0.12, 0.17, "0.12-0.17"),
    ("humidity", "relative", 0.34, 0.38, "0.36-0.38"),
    # what differs, as far as it may
    ("temperature", "course", 0.40, 0.62, "0.47-0.54"),
    ("humidity", "course", 0.28, 0.48, "0.30-0.38"),
    ("humidity", "lag1", 0.95, 0.995, "0.96-0.97"),
    ("humidity", "lag10", 0.33, 0.57, "0.35-0.45"),
]


def new_york(kind: str) -> list[Series]:
    """A year of the weather there, simulated."""
    rig = RIGS["weather"]
    assert rig.weather is not None
    return list(outdoors(kind, rig.weather, rig.utc_offset_h, NEW_YEAR_2013, 3600.0, 8700))


@pytest.mark.parametrize(("kind", "field", "low", "high", "there"), WEATHER)
def test_weather_set_to_new_york_is_as_it_was_there(kind: str, field: str, low: float, high: float, there: str) -> None:
    found = [statistics(one.time, one.value) for one in new_york(kind)]
    assert low <= median(found, field) <= high, f"recorded: {there}"


def test_the_day_has_its_shape_and_swing() -> None:
    """Recorded: 4.7-6.3 K from the coldest hour, 9 h, to the warmest, 18-19 h UTC; humidity 18-24 %, the other way."""
    course = np.median([daily_course(one.time, one.value) for one in new_york("temperature")], axis=0)
    assert 4.7 <= np.ptp(course) <= 6.3
    assert 8 <= course.argmin() <= 10
    assert 17 <= course.argmax() <= 20
    moist = np.median([daily_course(one.time, one.value) for one in new_york("humidity")], axis=0)
    assert 16.0 <= np.ptp(moist) <= 24.2
    assert 8 <= moist.argmax() <= 10
    assert 17 <= moist.argmin() <= 20


def as_shipped(kind: str) -> list[Series]:
    """A year of the weather where a scenario asks for no other."""
    return list(outdoors(kind, ClimateSpec(), 0.0, NEW_YEAR_2013, 3600.0, 8700))


@pytest.mark.parametrize("weather", [new_york, as_shipped])
def test_days_differ_as_they_do(weather: Callable[[str], list[Series]]) -> None:
    """Recorded, daily means less the season: spread 3.3-3.9 K, correlated 0.63-0.67 a day and 0.04-0.08 three days
    apart; temperature and humidity within a day -0.68."""
    spreads, next_day, third_day, together = [], [], [], []
    for warm, moist in zip(weather("temperature"), weather("humidity"), strict=True):
        days = len(warm.value) // 24
        angle = 2.0 * np.pi * warm.time / (365.2425 * 86400 * NS)
        season = np.column_stack([np.ones(len(angle)), np.cos(angle), np.sin(angle)])
        rest = warm.value - season @ np.linalg.lstsq(season, warm.value, rcond=None)[0]
        mean = rest[: days * 24].reshape(days, 24).mean(axis=1)
        spreads.append(mean.std())
        next_day.append(np.corrcoef(mean[1:], mean[:-1])[0, 1])
        third_day.append(np.corrcoef(mean[3:], mean[:-3])[0, 1])
        hours = [one.value[: days * 24].reshape(days, 24) for one in (warm, moist)]
        less = [(value - value.mean(axis=1, keepdims=True)).ravel() for value in hours]
        together.append(np.corrcoef(*less)[0, 1])
    assert 3.2 <= np.median(spreads) <= 4.0
    assert 0.58 <= np.median(next_day) <= 0.72
    assert abs(np.median(third_day)) <= 0.12
    assert -0.82 <= np.median(together) <= -0.6


def of(kind: str, interval_s: float, seconds: float) -> list[Statistics]:
    return [statistics(one.time, one.value) for one in simulated(kind, interval_s, seconds)]


def median(found: list[Statistics], field: str) -> float:
    return float(np.median([getattr(one, field) for one in found]))


def test_vibration_of_a_running_rig_is_nearly_white_at_1_s() -> None:
    """Recorded: roughness 0.99 (0.47-1.37), lag 1 0.02 (-0.23-0.74), kurtosis of differences 2.5 (2.1-3.9)."""
    found = of("vibration", 1.0, 3600.0)
    assert 0.47 <= median(found, "roughness") <= 1.37
    assert -0.23 <= median(found, "lag1") <= 0.74
    assert 2.08 <= median(found, "tails") <= 3.89


def test_vibration_spread_over_level() -> None:
    """Recorded at 10 s to 1 h: spread 5 to 14 % of the level; machines here lie between."""
    for interval_s, seconds in ((10.0, 7200.0), (600.0, 7 * 86400.0), (3600.0, 30 * 86400.0)):
        assert 0.03 <= median(of("vibration", interval_s, seconds), "relative") <= 0.20


def test_temperature_and_humidity_are_slow() -> None:
    """Recorded: lag 1 0.97 (0.89-0.99) at 1 s and 1.00 at 5 s; humidity 1.00 at 5 s, spread 3 % of the level."""
    assert median(of("temperature", 1.0, 573.0), "lag1") >= 0.7
    for kind in ("temperature", "humidity"):
        found = of(kind, 5.0, 16_900.0)
        assert median(found, "lag1") >= 0.98
        assert median(found, "lag10") >= 0.95
        assert median(found, "relative") <= 0.06
    assert median(of("temperature", 60.0, 3 * 86400.0), "lag1") >= 0.95


def test_the_day_explains_little_of_vibration_and_some_of_temperature() -> None:
    """Recorded vibration: 2-6 % of the variance at 10 min and 1 h. Machines here follow their hours more."""
    assert median(of("vibration", 600.0, 14 * 86400.0), "daily") <= 0.35
    assert median(of("temperature", 600.0, 14 * 86400.0), "daily") >= 0.2


def test_the_day_is_warmest_in_the_afternoon() -> None:
    """Where the schedule is even, a pump's hall follows the weather: coldest early, warmest hours after noon."""
    pump = next(one for one in simulated("temperature", 600.0, 14 * 86400.0) if "pump" in one.source)
    hour = (pump.time // (3600 * NS)) % 24
    course = np.array([pump.value[hour == at].mean() for at in range(24)])
    assert 12 <= course.argmax() <= 20
    assert 2 <= course.argmin() <= 9


def test_the_benchmark_compares_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "skab"
    folder.mkdir()
    (tmp_path / "pdm").mkdir()
    sim = Simulation(load_scenario("demo", faults=False))
    write_csv(sim, folder / "site.csv.gz", begin=sim.start, until=sim.start + 1200 * NS)
    write_csv(sim, tmp_path / "pdm" / "made-up.csv.gz", begin=sim.start, until=sim.start + 1200 * NS)
    found = {one.kind: one for one in compare(tmp_path)}
    assert {"temperature", "vibration", "humidity", "current"} <= set(found)
    assert len(found["vibration"].real) == 4
    assert (len(found["vibration"].alike), len(found["humidity"].alike)) == (8, 0)
    assert main([str(tmp_path), "--plots", str(tmp_path / "plots")]) == 0
    out = capsys.readouterr().out
    assert "| skab: vibration, 2 s | recorded (4) |" in out
    assert "| skab: vibration, 2 s | set to the rig (8) |" in out
    assert "pdm" not in out
    assert (tmp_path / "plots" / "skab-vibration-2s.svg").read_text().startswith("<svg")
    assert main([str(tmp_path / "plots")]) == 1


def test_recorded_weather_is_compared_with_weather(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "weather").mkdir()
    with gzip.open(tmp_path / "weather" / "a.csv.gz", "wt") as file:
        file.write("time,device,metric,value\n")
        for one in new_york("temperature")[:1] + new_york("humidity")[:1]:
            rows = zip((one.time[:900] // NS).tolist(), one.value[:900].tolist(), strict=True)
            file.writelines(f"{at},airport,{one.kind},{value!r}\n" for at, value in rows)
    found = {one.kind: one for one in compare(tmp_path)}
    assert {kind: (len(one.shipped), len(one.alike)) for kind, one in found.items()} == {
        "temperature": (8, 8),
        "humidity": (8, 8),
    }
    assert np.allclose(found["temperature"].alike[0].value, found["temperature"].real[0].value), (
        "it is the same weather"
    )
    assert main([str(tmp_path), "--plots", str(tmp_path / "plots")]) == 0
    assert "| weather: humidity, 3600 s | set to the rig (8) |" in capsys.readouterr().out
    assert (tmp_path / "plots" / "weather-temperature-day.svg").read_text().startswith("<svg")


def test_flow_is_no_vibration(tmp_path: Path) -> None:
    rows = "".join(f"{number},rig,Volume Flow RateRMS,{32 + number % 3}\n" for number in range(1, 400))
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("time,device,metric,value\n" + rows)
    found: list[Series] = list(recorded(tmp_path))
    assert [one.kind for one in found] == ["flow"]
