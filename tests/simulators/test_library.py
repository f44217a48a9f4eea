"""The library of scenarios: complete, checked, and judged through the shipped engine."""

import csv
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from forewarn.config.registry_file import fill, read_registry
from forewarn.engine import EngineConfig
from forewarn.history.backtest import run_backtest
from ingest.registry import Registry
from simulators.chance import most_by_chance
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.faults import FAULTS
from simulators.judge import Raised, Verdict, judge
from simulators.lies import LieKind
from simulators.machines.table import MACHINES
from simulators.scenario import Scenario, ScenarioSpec, list_scenarios, load_scenario
from simulators.simulation import Simulation
from simulators.testing import MakeSite, SimulatedSite
from simulators.truth import expected_rows, truth

NOT_JUDGED = {"demo", "fleet", "month", "soak", "waveforms"}
SEEDS = 8
"""So many that an alarm which comes every time is more than chance explains."""
MAY_MISS = 0.25
BUDGET = EngineConfig().budget
DAY = 86400 * 10**9
JUDGED = [name for name, _ in list_scenarios() if name not in NOT_JUDGED]


def spec_of(name: str) -> ScenarioSpec:
    """With every trouble spelled out by device."""
    return load_scenario(name).spec.spelled_out()


def test_ten_scenarios_cover_every_machine_fault_and_lie() -> None:
    assert len(JUDGED) >= 10
    specs = [spec_of(name) for name in JUDGED]
    assert {fault.kind for spec in specs for fault in spec.fault} == set(FAULTS)
    assert {lie.kind for spec in specs for lie in spec.lie} == set(LieKind)
    assert {device.model for spec in specs for device in spec.device} == set(MACHINES)


@pytest.mark.parametrize("name", JUDGED)
def test_every_fault_and_lie_says_what_must_or_must_not_be_raised(name: str) -> None:
    spec = spec_of(name)
    spoken = {one.device for one in spec.expect} | {one.device for one in spec.forbid}
    assert {one.device for one in spec.fault} | {one.device for one in spec.lie} <= spoken
    assert spec.forbid, "every scenario has something that must stay quiet"
    assert spec.expect


def test_every_fault_is_expected_in_its_time_by_some_scenario() -> None:
    """For each kind of fault: an alert that must come while it lasts, about the device that has it."""
    expected = set()
    for spec in map(spec_of, JUDGED):
        for fault in spec.fault:
            end = spec.timeline.span if fault.repair is None else fault.repair
            waited = [one for one in spec.expect if one.device == fault.device]
            if any(one.after < end and fault.onset < one.before for one in waited):
                expected.add(fault.kind)
    assert expected == set(FAULTS)


def test_every_lie_is_expected_or_forbidden_by_some_scenario() -> None:
    """A lie that hurts must be found, one that does not must disturb nobody."""
    judged = set()
    for spec in map(spec_of, JUDGED):
        for lie in spec.lie:
            named = [one.metric for one in spec.expect if one.device == lie.device and lie.start < one.before]
            named += [one.metric for one in spec.forbid if one.device == lie.device]
            if any(lie.metric is None or metric in (None, lie.metric) for metric in named):
                judged.add(lie.kind)
    assert judged == set(LieKind)


@pytest.mark.parametrize("model", sorted(MACHINES))
def test_every_machine_must_raise_something_and_must_not_raise_something(model: str) -> None:
    found, quiet = [], []
    for spec in map(spec_of, JUDGED):
        of_model = {name for device in spec.device if device.model == model for name in device.names()}
        found += [one.device for one in spec.expect if one.device in of_model]
        quiet += [one.device for one in spec.forbid if one.device in of_model]
    assert found
    assert quiet


@pytest.mark.parametrize("model", sorted(MACHINES))
def test_every_fault_of_a_machine_shows_in_the_metrics_it_is_said_to(model: str) -> None:
    """Also those no scenario plays: the fully grown fault moves a metric by more than its usual spread."""
    machine = MACHINES[model]
    metrics = [channel.metric for channel in machine.channels]
    for kind in sorted(machine.faults):
        tables = {
            "description": kind,
            "timeline": {"interval": "5min", "span": "4d"},
            "device": [{"name": "it", "model": model, "metrics": metrics, "schedule": "steady"}],
            "fault": [{"device": "it", "kind": kind, "onset": "1h", "duration": "1d"}],
        }
        scenario = Scenario(name=kind, spec=ScenarioSpec.model_validate(tables))
        sims = [Simulation(one) for one in (scenario, scenario.without_faults())]
        sick, well = (sim.block(sim.start + 2 * DAY, sim.end) for sim in sims)
        moved = set()
        for number, metric in enumerate(sims[0].metrics):
            usual = well.value[well.metric == number]
            shift = abs(np.median(sick.value[sick.metric == number]) - np.median(usual))
            if shift > 2.0 * usual.std():
                moved.add(metric)
        assert moved & FAULTS[kind].shows_in, f"{kind} of a {model} moves {moved or 'nothing'}"


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
    """What must be raised is, what must not is not: on the first seed, or else on enough of eight.

    A false alarm now and then is what the budget accepts, and a fault may begin while one is open. So a detector as
    good as it promises may fail here or there, by chance; what it misses or raises time and again is no chance.
    """
    verdicts = [judged(simulated_site(name))]
    if not verdicts[0].kept:
        verdicts += [judged(simulated_site(name, seed=seed)) for seed in range(1, SEEDS)]
    missed = Counter(text for verdict in verdicts for text in verdict.missed)
    assert {text: n for text, n in missed.items() if n > MAY_MISS * len(verdicts)} == {}
    broken = [one for verdict in verdicts for one in verdict.forbidden]
    assert [str(one) for one in broken if one.alert.kind != "baseline"] == [], "of these there is no chance"
    spec = spec_of(name)
    for ban in spec.forbid:
        accepted = BUDGET.per_device_second * spec.timeline.span / NS * len(verdicts)
        false = [str(one) for one in broken if one.ban == ban]
        assert len(false) <= most_by_chance(accepted), false


def judged(site: SimulatedSite) -> Verdict:
    return site.judge(*raised_by_engine(site))


def test_a_judge_that_hears_nothing_misses_everything() -> None:
    for name in JUDGED:
        sim = Simulation(load_scenario(name))
        verdict = judge(sim, [])
        gaps = [expected for expected in sim.scenario.spec.expect if expected.known_gap]
        assert len(verdict.missed) == len(sim.scenario.spec.expect) - len(gaps)
        assert (verdict.found, verdict.recall, verdict.precision) == (0, 0.0, 1.0)


def test_an_alarm_that_comes_every_time_is_no_chance() -> None:
    for spec in map(spec_of, JUDGED):
        accepted = BUDGET.per_device_second * spec.timeline.span / NS * SEEDS
        assert most_by_chance(accepted) < SEEDS


def test_a_judge_that_hears_everything_forbids_it() -> None:
    sim = Simulation(load_scenario("cold-chain"))
    alerts = [Raised("room-3", "temperature", "baseline", sim.start + 1)]
    verdict = judge(sim, alerts)
    assert [str(one) for one in verdict.forbidden] == [
        "room-3 temperature baseline at +0.0 h: people going in and out is no fault"
    ]
    assert verdict.precision == 0.0


HOUR = 3600 * NS


@pytest.mark.parametrize(
    ("device", "hour", "right", "false", "found"),
    [
        pytest.param("room-1", 9.9, 0, 1, 0, id="before the door is opened: false"),
        pytest.param("room-1", 10.5, 1, 0, 1, id="while it is open: right"),
        pytest.param("room-1", 16.0, 0, 0, 0, id="while the room cools again: neither"),
        pytest.param("room-1", 17.5, 0, 1, 0, id="long after: false"),
        pytest.param("room-3", 10.5, 0, 1, 0, id="another room: false"),
    ],
)
def test_an_alert_is_right_while_something_is_wrong(
    device: str, hour: float, right: int, false: int, found: int
) -> None:
    sim = Simulation(load_scenario("cold-chain"))
    verdict = judge(sim, [Raised(device, None, "baseline", sim.start + round(hour * HOUR))])
    assert (verdict.right, len(verdict.false), verdict.found) == (right, false, found)


def test_what_must_stay_quiet_is_nothing_to_find() -> None:
    """Messages that come twice are in the truth, and an alert about them is false all the same."""
    sim = Simulation(load_scenario("time-troubles"))
    verdict = judge(sim, [Raised("pump-3", "vibration", "baseline", sim.start + 5 * HOUR)])
    assert (verdict.events, verdict.found, verdict.right, len(verdict.false)) == (1, 0, 0, 1)
    assert len(verdict.forbidden) == 1


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
        pytest.param(SITE + "metrics = []\n", "device.0.metrics: Tuple should have at least 1 item", id="no metrics"),
        pytest.param(SITE + 'interval = "0s"\n', "device.0.interval: Input should be greater", id="no interval"),
        pytest.param(
            SITE + '[timeline]\ninterval = "0.1ms"\n', "timeline.interval: Input should", id="finer than stamps"
        ),
        pytest.param(SITE + '[timeline]\nspan = "0s"\n', "timeline.span: Input should be greater", id="no length"),
        pytest.param(
            SITE + '[timeline]\nspan = "900w"\n', "timeline.span: '900w' is longer than ten years", id="for ever"
        ),
        pytest.param(SITE + "[people]\nengineers = []\n", "people.engineers: Tuple should have", id="nobody"),
        pytest.param(
            SITE + '[[fault]]\ndevice = "a"\nkind = "imbalance"\nonset = "7d"\n',
            "fault.0.onset: the scenario is over by then",
            id="a fault after the end",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "drift"\nmetric = "flow"\nstart = "1h"\n',
            "lie.0: 'a' sends no metric 'flow'; it sends temperature, vibration, current",
            id="a lie about what is not sent",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "battery_sag"\nstart = "1h"\n', "'a' has no battery", id="no battery"
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "payload_change"\nmetric = "temperature"\n'
            'rename = "current"\nstart = "1h"\n',
            "lie.0.rename: 'a' sends a metric 'current' already",
            id="a name that is taken",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "payload_change"\nformat = "xml"\nstart = "1h"\n',
            "lie.0: format 'xml' does not exist",
            id="firmware of nobody",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "silence"\nformat = "tasmota"\nstart = "1h"\n',
            "lie.0: format is for a payload_change of the whole device",
            id="silence in a format",
        ),
        pytest.param(
            SITE.replace("pump", "fan")
            + '[[lie]]\ndevice = "a"\nkind = "unit_swap"\nmetric = "humidity"\nstart = "1h"\n',
            "lie.0: 'humidity' is in %, which comes in no other unit",
            id="a unit without another",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "clock_jump"\namount = 1e300\nstart = "1h"\n',
            "lie.0.amount: Input should be less than or equal to 1000000000",
            id="a jump out of time",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "clock_skew"\namount = nan\nstart = "1h"\n',
            "lie.0.amount: Input should be",
            id="no number",
        ),
        pytest.param(
            SITE + '[[lie]]\ndevice = "a"\nkind = "clock_skew"\namount = 90000.0\nstart = "1h"\n',
            "at most 86400 seconds a day",
            id="a clock that runs backwards",
        ),
        pytest.param(
            SITE + '[[expect]]\ndevice = "a"\nmetric = "flow"\nbefore = "1h"\n',
            "expect.0: 'a' sends no metric 'flow'",
            id="expected of what is not sent",
        ),
        pytest.param(
            SITE + '[[expect]]\ndevice = "a"\nafter = "2h"\nbefore = "1h"\n',
            "expect.0: before must be later than after",
            id="before is before after",
        ),
        pytest.param(
            SITE + '[[expect]]\ndevice = "a"\nbefore = "8d"\n', "expect.0.before: the scenario is over", id="too late"
        ),
        pytest.param(
            SITE + '[[forbid]]\ndevice = "b"\nwhy = "it is not there"\n', "forbid.0: there is no device 'b'", id="a ban"
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


def test_a_trouble_of_a_line_is_one_of_each_device(tmp_path: Path) -> None:
    """A whole site loses its link at once; one line of the scenario says so, and what must and must not be raised."""
    path = tmp_path / "mine.toml"
    line = 'description = "d"\n[[device]]\nname = "fan-{n}"\ncount = 3\nmodel = "fan"\n'
    told = '[[lie]]\ndevice = "fan-{n}"\nkind = "late_batch"\nstart = "1h"\nend = "2h"\n'
    wanted = '[[expect]]\ndevice = "fan-{n}"\nkinds = ["silence"]\nafter = "1h"\nbefore = "2h"\n'
    path.write_text(f'{line}{told}{wanted}[[forbid]]\ndevice = "fan-2"\nkinds = ["limit"]\nwhy = "no limits"\n')
    sim = Simulation(load_scenario(path))
    assert {(one.device, one.start, one.end) for one in truth(sim)} == {
        (f"fan-{n}", sim.start + HOUR, sim.start + 2 * HOUR) for n in (1, 2, 3)
    }
    heard = [Raised(f"fan-{n}", None, "silence", sim.start + HOUR + 1) for n in (1, 3)]
    assert judge(sim, heard).missed == ("fan-2 *: no alert between +1.0 h and +2.0 h",)
    assert len(expected_rows(sim)) == 4


def test_an_unknown_name_lists_the_library() -> None:
    with pytest.raises(SimulatorError, match=r"'nowhere' is neither a file nor built in; built in are .*demo"):
        load_scenario("nowhere")
    with pytest.raises(SimulatorError, match="cannot be read"):
        load_scenario("nowhere.toml")
