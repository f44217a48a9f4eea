"""The library of scenarios: complete, checked, and judged through the shipped engine."""

import csv
from datetime import datetime
from pathlib import Path

import pytest

from forewarn.backtest import run_backtest
from forewarn.engine import EngineConfig
from forewarn.registry_file import fill, read_registry
from ingest.registry import Registry
from simulators.errors import SimulatorError
from simulators.faults import FAULTS
from simulators.judge import Raised, judge
from simulators.lies import LieKind
from simulators.machines.table import MACHINES
from simulators.pytest_plugin import MakeSite, SimulatedSite
from simulators.scenario import list_scenarios, load_scenario
from simulators.simulation import Simulation

NOT_JUDGED = {"demo", "fleet", "month", "soak"}
JUDGED = [name for name, _ in list_scenarios() if name not in NOT_JUDGED]


def test_ten_scenarios_cover_every_machine_fault_and_lie() -> None:
    assert len(JUDGED) >= 10
    specs = [load_scenario(name).spec for name in JUDGED]
    assert {fault.kind for spec in specs for fault in spec.fault} == set(FAULTS)
    assert {lie.kind for spec in specs for lie in spec.lie} == set(LieKind)
    assert {device.model for spec in specs for device in spec.device} == set(MACHINES)


@pytest.mark.parametrize("name", JUDGED)
def test_every_fault_and_lie_says_what_must_or_must_not_be_raised(name: str) -> None:
    spec = load_scenario(name).spec
    spoken = {one.device for one in spec.expect} | {one.device for one in spec.forbid}
    assert {one.device for one in spec.fault} | {one.device for one in spec.lie} <= spoken
    assert spec.forbid, "every scenario has something that must stay quiet"
    assert spec.expect


def raised_by_engine(site: SimulatedSite) -> tuple[list[Raised], list[str]]:
    """Alerts and ordered devices of the shipped engine over the site's readings."""
    registry = Registry()
    fill(registry, read_registry(site.registry()))
    out = site.folder / "out"
    run_backtest([site.csv()], out, registry, EngineConfig())
    with (out / "alerts.csv").open(encoding="utf-8") as file:
        alerts = [
            Raised(
                row["device"],
                None if row["metric"] == "*" else row["metric"],
                row["kind"],
                int(datetime.fromisoformat(row["raised_at"]).timestamp() * 1e9),
            )
            for row in csv.DictReader(file)
        ]
    with (out / "work_orders.csv").open(encoding="utf-8") as file:
        return alerts, [row["device"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", JUDGED)
def test_the_engine_keeps_the_scenario(simulated_site: MakeSite, name: str) -> None:
    site = simulated_site(name)
    verdict = site.judge(*raised_by_engine(site))
    assert verdict.missed == ()
    assert verdict.forbidden == ()


def test_a_judge_that_hears_nothing_misses_everything() -> None:
    for name in JUDGED:
        sim = Simulation(load_scenario(name))
        verdict = judge(sim, [])
        gaps = [expected for expected in sim.scenario.spec.expect if expected.known_gap]
        assert len(verdict.missed) == len(sim.scenario.spec.expect) - len(gaps)
        assert (verdict.found, verdict.recall, verdict.precision) == (0, 0.0, 1.0)


def test_a_judge_that_hears_everything_forbids_it() -> None:
    sim = Simulation(load_scenario("cold-chain"))
    alerts = [Raised("room-3", "temperature", "baseline", sim.start + 1)]
    verdict = judge(sim, alerts)
    assert len(verdict.forbidden) == 1
    assert verdict.precision == 0.0


SITE = 'description = "d"\n[[device]]\nname = "a"\nmodel = "pump"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("x =", "is not TOML", id="no TOML"),
        pytest.param('description = "d"\n', "device: Field required", id="no device"),
        pytest.param(SITE.replace("pump", "plumb"), "device.0: model 'plumb' does not exist", id="no such machine"),
        pytest.param(SITE + "speed = 1\n", "device.0.speed: Extra inputs", id="unknown key"),
        pytest.param(SITE + 'interval = "often"\n', "device.0.interval: 'often' is no duration", id="no duration"),
        pytest.param(SITE + "count = 2\n", "needs {n} in it", id="count without number"),
        pytest.param(SITE + 'metrics = ["humidity"]\n', "a pump has no metric 'humidity'", id="no such metric"),
        pytest.param(SITE + 'format = "xml"\n', "format 'xml' does not exist", id="no such format"),
        pytest.param(SITE + "params = { swing = 3.0 }\n", "less than or equal to 0.2", id="parameter out of range"),
        pytest.param(SITE.replace('"a"', '"a/b"'), "holds '/', '+', '#'", id="impossible name"),
        pytest.param(
            SITE + '[[fault]]\ndevice = "b"\nkind = "imbalance"\nonset = "1h"\n', "no device 'b'", id="no such device"
        ),
        pytest.param(
            SITE + '[[fault]]\ndevice = "a"\nkind = "rust"\nonset = "1h"\n', "'rust' does not exist", id="no such fault"
        ),
        pytest.param(
            SITE + '[[fault]]\ndevice = "a"\nkind = "door_open"\nonset = "1h"\n', "which has no door_open", id="no door"
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "late_batch"\nstart = "1h"\n', "late_batch needs an end", id="no end"
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "drift"\nstart = "1h"\n', "drift needs a metric", id="no metric"
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "fib"\nstart = "1h"\n',
            "lie.0.kind: Input should be",
            id="no such lie",
        ),
    ],
)
def test_a_wrong_scenario_gets_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SimulatorError) as caught:
        load_scenario(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_the_library() -> None:
    with pytest.raises(SimulatorError, match=r"'nowhere' is neither a file nor built in; built in are .*demo"):
        load_scenario("nowhere")
    with pytest.raises(SimulatorError, match="cannot be read"):
        load_scenario("nowhere.toml")
