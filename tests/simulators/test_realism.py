"""Ordinary running looks like recorded running, in figures that recorded data gave.

The bounds are statistics of public recordings, measured with `forewarn bench realism` (docs/simulators.md has the
table): Katser and Kozitsin, Skoltech Anomaly Benchmark (2020), a water pump rig at 1 s; Suthaharan et al., indoor
motes (2010) at 5 s; Nectoux et al., PRONOSTIA (2012), bearings at 10 s; Lee et al., IMS bearing data (2007) at 10 min.
"""

import numpy as np
import pytest

from benchmarks.realism import Statistics, compare, main, simulated, statistics
from simulators.csvfile import write_csv
from simulators.duration import NS
from simulators.scenario import load_scenario
from simulators.simulation import Simulation


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


def test_temperature_is_slow() -> None:
    """Recorded: lag 1 0.97 at 1 s and 1.00 at 5 s. A digit of 0.1 °C is coarser than those recorders, so below that."""
    assert median(of("temperature", 5.0, 40_000.0), "lag1") >= 0.75
    assert median(of("temperature", 60.0, 3 * 86400.0), "lag1") >= 0.95


def test_humidity_is_slow() -> None:
    """Recorded at 5 s: lag 1 1.00, spread 3 % of the level."""
    found = of("humidity", 5.0, 40_000.0)
    assert median(found, "lag1") >= 0.75
    assert median(found, "relative") <= 0.06


def test_the_day_explains_little_of_vibration_and_some_of_temperature() -> None:
    """Recorded vibration: 2-6 % of the variance at 10 min and 1 h. Machines here follow their hours more."""
    assert median(of("vibration", 600.0, 14 * 86400.0), "daily") <= 0.35
    assert median(of("temperature", 600.0, 14 * 86400.0), "daily") >= 0.2


def test_the_benchmark_compares_a_folder(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    sim = Simulation(load_scenario("demo", faults=False))
    write_csv(sim, folder / "site.csv.gz", begin=sim.start, until=sim.start + 1200 * NS)
    found = {one.kind: one for one in compare(folder)}
    assert {"temperature", "vibration", "humidity", "current"} <= set(found)
    assert len(found["vibration"].real) == 4
    assert main([str(folder), "--plots", str(folder / "plots")]) == 0
    out = capsys.readouterr().out
    assert "| vibration, 2 s | recorded (4) |" in out
    assert (folder / "plots" / "vibration-2s.svg").read_text().startswith("<svg")
    assert main([str(folder / "plots")]) == 1
