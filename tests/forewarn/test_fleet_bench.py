"""The fleet benchmark: the engine of the backtest, whatever the number of budgets, held against the truth."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.alert import Alert, Explanation, Kind, Severity, State
from alerts.budget import Budget
from benchmarks._fleetcount import count
from benchmarks._fleetrun import run_fleet
from benchmarks._fleetsize import sized
from benchmarks.fleet import main
from forewarn.config.registry_file import fill, read_registry
from forewarn.engine import EngineConfig
from forewarn.history.backtest import run_backtest
from ingest.errors import InputError
from ingest.registry import Registry
from simulators.csvfile import write_csv
from simulators.duration import NS
from simulators.faults import FAULTS
from simulators.registry import registry_toml
from simulators.scenario import load_scenario
from simulators.simulation import Simulation
from simulators.truth import truth

HOUR, DAY = 3600 * NS, 86400 * NS
BUDGETS = [Budget.parse(f"{number} per device-month") for number in ("0.3", "1", "300")]


def small() -> Simulation:
    return Simulation(sized(load_scenario("soak"), 12, 2.0), 2)


def test_a_smaller_fleet_still_has_every_kind_of_trouble() -> None:
    whole, part = Simulation(load_scenario("soak")), Simulation(sized(load_scenario("soak"), 40, 5.0))
    assert (len(part.devices), part.end - part.start) == (40, 5 * DAY)
    assert {one.kind for one in truth(part)} == {one.kind for one in truth(whole)}
    assert {placed.spec.model for placed in part.devices} == {placed.spec.model for placed in whole.devices}
    assert all(part.start + DAY <= one.start < part.end for one in truth(part)), "a quiet fifth first, as in the whole"
    with pytest.raises(InputError, match="'cold-chain' are not all scattered"):
        sized(load_scenario("cold-chain"), 3, None)


def test_one_run_for_all_budgets_is_a_run_for_each() -> None:
    together = run_fleet(small(), BUDGETS)
    assert len({len(alerts) for alerts in together.alerts.values()}) > 1, "they do differ"
    for budget in BUDGETS:
        alone = run_fleet(small(), [budget])
        assert alone.alerts[budget] == together.alerts[budget]
        assert alone.orders[budget] == together.orders[budget]


def test_the_fleet_is_judged_as_a_backtest_of_its_file_judges_it(tmp_path: Path) -> None:
    sim = small()
    write_csv(sim, tmp_path / "fleet.csv")
    (tmp_path / "registry.toml").write_text(registry_toml(sim), encoding="utf-8")
    registry = Registry()
    fill(registry, read_registry(tmp_path / "registry.toml"))
    run_backtest([tmp_path / "fleet.csv"], tmp_path / "out", registry, EngineConfig(budget=BUDGETS[1]))
    run = run_fleet(sim, BUDGETS[1:2])
    for name, key, found in (
        ("alerts.csv", "alert_id", [alert.id for alert in run.alerts[BUDGETS[1]]]),
        ("work_orders.csv", "number", [order.number for order in run.orders[BUDGETS[1]]]),
    ):
        with (tmp_path / "out" / name).open(encoding="utf-8") as file:
            assert sorted(row[key] for row in csv.DictReader(file)) == sorted(found)
    assert run.readings == json.loads((tmp_path / "out" / "summary.json").read_text())["readings"]
    assert run.alerts[BUDGETS[1]]


def alert(device: str, at: int, kind: Kind = Kind.BASELINE, metric: str | None = None) -> Alert:
    return Alert(
        id=f"{device}-{at}",
        site="works",
        device=device,
        metric=metric,
        kind=kind,
        severity=Severity.MEDIUM,
        state=State.ACTIVE,
        onset_at=at,
        raised_at=at,
        score=1.0,
        explanation=Explanation("", ""),
    )


def test_what_counts_as_found_right_and_false() -> None:
    sim = Simulation(sized(load_scenario("soak"), 40, 30.0))
    every = truth(sim)
    failure = next(one for one in every if one.kind == "failure")
    door = next(one for one in every if one.kind == "door_open")
    well = next(p.device.name for p in sim.devices if p.device.name not in {one.device for one in every})
    alerts = [
        alert(failure.device, failure.end - 30 * HOUR),
        alert(failure.device, failure.end - 20 * HOUR),
        alert(door.device, door.start + HOUR),
        alert(door.device, door.end + HOUR),
        alert(well, sim.start + DAY),
        alert(well, sim.start + 8 * DAY),
        alert(well, sim.start + 9 * DAY, Kind.SILENCE),
    ]
    got = count(sim, BUDGETS[1], alerts, 0)
    assert (got.right, got.after, got.false, got.silent, got.false_in) == (3, 1, 2, 1, (1, 1, 0, 0, 0))
    assert got.found["door_open"][0] == got.found["bearing_wear"][0] == 1
    assert got.delays_s["door_open"] == 3600.0
    assert (got.warned, got.breakdowns, got.leads_s) == (1, 1, (30 * 3600.0,))
    assert got.precision == 0.5
    months = len(sim.devices) * 30 / 30.44
    assert 0.8 * months < got.quiet_months < months
    assert got.accepted == pytest.approx(got.quiet_months)
    assert got.kept
    many = [replace(alert(well, sim.start + n * HOUR), id=str(n)) for n in range(200)]
    assert not count(sim, BUDGETS[1], many, 0).kept


GROSS: Mapping[str, str] = {"door_open": "the room is warm in minutes", "silence": "nothing comes at all"}


def test_a_small_fleet_end_to_end() -> None:
    """40 devices, 5 days. Gross troubles are found; how the budget is kept is what the long run is for."""
    sim = Simulation(sized(load_scenario("soak"), 40, 5.0))
    run = run_fleet(sim, BUDGETS)
    assert run.readings > 40 * 3 * 5 * 1440 * 0.98
    for budget in BUDGETS:
        got = count(sim, budget, run.alerts[budget], len(run.orders[budget]))
        assert {kind: got.found[kind][0] for kind in GROSS} == {kind: got.found[kind][1] for kind in GROSS}
        assert sum(got.false_in) == got.false
        assert got.right + got.after + got.false + got.silent == got.alerts
    assert got.recall >= 0.5


def test_the_command_says_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--devices", "12", "--days", "1", "--seed", "2", "--budget", "1000 per device-month"])
    out = capsys.readouterr().out
    assert status == 0, "such a budget is always kept"
    assert "soak, seed 2: 12 devices, 1 days" in out
    assert all(kind in out for kind in FAULTS if kind in {one.kind for one in truth(Simulation(load_scenario("soak")))})
    assert "1000 per device-month" in out
    with pytest.raises(InputError, match="--budget: 'often' is not of the form"):
        main(["--budget", "often"])
