"""A large fleet: machines side by side show what each shows alone, and troubles are scattered among them."""

import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simulators import simulation
from simulators.blocks import Block
from simulators.csvfile import write_csv
from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.faults import FAULTS
from simulators.machines.table import MACHINES
from simulators.scenario import Scenario, ScenarioSpec, load_scenario
from simulators.simulation import Simulation
from simulators.truth import truth

HOUR, DAY = 3600 * NS, 86400 * NS
COLUMNS = ("device", "metric", "unit", "time", "sent", "value", "message")


def same(one: Block, other: Block) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def of_every_machine() -> Scenario:
    """Nine of each model; each fault a model can have is on one of them, and some lie."""
    devices, faults, lies = [], [], []
    for model, machine in sorted(MACHINES.items()):
        metrics = [channel.metric for channel in machine.channels]
        devices.append({"name": f"{model}-{{n}}", "count": 9, "model": model, "metrics": metrics, "jitter": "2s"})
        for number, kind in enumerate(sorted(machine.faults), 1):
            faults.append(
                {"device": f"{model}-{number}", "kind": kind, "onset": "1h", "duration": "8h", "repair": "12h"}
            )
        for number, kind in enumerate(("silence", "dropouts", "reorder", "duplicates"), 6):
            lies.append({"device": f"{model}-{number}", "kind": kind, "start": "3h", "end": "9h"})
    spec = {"description": "one of each", "timeline": {"interval": "60s", "span": "1d"}}
    return Scenario(
        name="machines",
        spec=ScenarioSpec.model_validate({**spec, "device": devices, "fault": faults, "lie": lies}),
    )


@pytest.mark.parametrize("group", [1, 4], ids=lambda size: f"groups-of-{size}")
def test_side_by_side_every_machine_shows_what_it_shows_alone(monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    together = Simulation(of_every_machine(), 7)
    monkeypatch.setattr(simulation, "GROUP", group)
    alone = Simulation(of_every_machine(), 7)
    for begin in (together.start, together.start + 2 * HOUR, together.start + 11 * HOUR):
        one, other = together.block(begin, begin + 2 * HOUR), alone.block(begin, begin + 2 * HOUR)
        assert len(one) > 20_000
        assert same(one, other)


def test_a_lie_that_begins_moves_no_other_reading() -> None:
    """A device steps out of its group for the time of its lie; all else stays as it was."""
    lying, honest = (Simulation(scenario, 7) for scenario in (of_every_machine(), of_every_machine().without_faults()))
    for begin in (lying.start, lying.start + 30 * 60 * NS):
        assert same(lying.block(begin, begin + 30 * 60 * NS), honest.block(begin, begin + 30 * 60 * NS))


def test_the_soak_is_a_thousand_devices_with_three_metrics_a_minute() -> None:
    sim = Simulation(load_scenario("soak"))
    assert len(sim.devices) == 1000
    assert {len(placed.device.channels) for placed in sim.devices} == {3}
    assert {placed.live.interval for placed in sim.devices} == {60 * NS}
    assert sim.end - sim.start == 30 * DAY
    block = sim.block(sim.start, sim.start + HOUR)
    assert len(block) == 1000 * 3 * 60


def test_the_soak_knows_its_truth() -> None:
    sim = Simulation(load_scenario("soak"))
    found = truth(sim)
    assert len(found) >= 150
    assert sum(one.kind in FAULTS for one in found) >= 100
    assert sum(one.kind == "failure" for one in found) == 15
    assert min(one.start for one in found) >= sim.start + 7 * DAY
    assert max(one.start for one in found) <= sim.start + 29 * DAY
    per_kind = Counter(one.kind for one in found)
    assert per_kind["bearing_wear"] == 15
    assert per_kind["silence"] == 12
    others = {(one.device, one.start) for one in truth(Simulation(load_scenario("soak"), 1))}
    assert others != {(one.device, one.start) for one in found}


def test_memory_does_not_grow_with_the_length() -> None:
    """Numbers kept between blocks are those of the last two, whatever has been played."""
    sim = Simulation(of_every_machine())

    def held(days: range) -> int:
        for day in days:
            sim.block(sim.start + day * DAY, sim.start + day * DAY + 600 * NS)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = held(range(20))
        assert held(range(20, 50)) < 1.1 * early
    finally:
        tracemalloc.stop()


def test_a_fleet_writes_the_same_bytes_with_any_cut_and_number_of_processes(tmp_path: Path) -> None:
    sim = Simulation(load_scenario("soak"), 4)
    at = sim.start + 15 * DAY  # in the middle of its troubles
    written: list[bytes] = []
    for processes, batch in ((1, None), (2, 700 * NS), (1, 61 * NS)):
        path = tmp_path / f"{len(written)}.csv"
        write_csv(sim, path, begin=at, until=at + 1500 * NS, processes=processes, batch=batch)
        written.append(path.read_bytes())
    assert written[0].count(b"\n") > 70_000
    assert written[1] == written[0]
    assert written[2] == written[0]


SITE = 'description = "d"\n[[device]]\nname = "pump-{n}"\ncount = 8\nmodel = "pump"\n[[scatter]]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('devices = "pump-{n}"\nshare = 0.5\nlatest = "2d"\n', "either a fault or a lie", id="neither"),
        pytest.param(
            'devices = "pump-{n}"\nshare = 0.5\nlatest = "2d"\nfault = "imbalance"\nlie = "silence"\n',
            "either a fault or a lie",
            id="both",
        ),
        pytest.param(
            'devices = "fan-{n}"\nshare = 0.5\nlatest = "2d"\nfault = "imbalance"\n', "named 'fan-{n}'", id="no line"
        ),
        pytest.param(
            'devices = "pump-{n}"\nshare = 0.5\nlatest = "2d"\nfault = "door_open"\n',
            "pump has no door_open",
            id="no door",
        ),
        pytest.param(
            'devices = "pump-{n}"\nshare = 0.5\nlatest = "2d"\nlie = "drift"\n', "drift needs a metric", id="no metric"
        ),
        pytest.param(
            'devices = "pump-{n}"\nshare = 0.5\nearliest = "3d"\nlatest = "2d"\nfault = "imbalance"\n',
            "latest must not be before earliest",
            id="backwards",
        ),
    ],
)
def test_a_wrong_scatter_gets_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SITE + text, encoding="utf-8")
    with pytest.raises(SimulatorError) as caught:
        load_scenario(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_share_is_a_share_to_the_nearest_device(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SITE + 'devices = "pump-{n}"\nshare = 0.4\nlatest = "2d"\nfault = "imbalance"\nlasts = "1h"\n')
    chosen = set()
    for seed in range(20):
        found = truth(Simulation(load_scenario(path), seed))
        assert len(found) == 3
        assert all(one.end - one.start == HOUR for one in found)
        chosen |= {one.device for one in found}
    assert len(chosen) == 8, "in the end it is everybody's turn"
